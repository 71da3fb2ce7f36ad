//! Summary statistics of observed data.

use super::{BuiltSummaryNetwork, SummaryInput};
use crate::autodiff::Tape;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::ops::check_offsets;
use crate::parameters::Parameters;
use crate::tensor::Tensor;

/// Elements that go through the network at once: what its layers make of them stays in the caches. Results do not depend on it.
const ELEMENTS_AT_ONCE: usize = 1024;

/// The summary statistics `[datasets, K]` of data sets with elements `[elements, features]`, row-major; set `s` owns the elements
/// `offsets[s] .. offsets[s + 1]`.
///
/// Fails when the offsets do not fit the elements.
pub fn summaries(
    network: &dyn BuiltSummaryNetwork,
    parameters: &Parameters,
    elements: &[f32],
    features: usize,
    offsets: &[u32],
) -> Result<Vec<f32>> {
    if features == 0 || !elements.len().is_multiple_of(features) {
        let message = format!("{} numbers are no elements with {features} features each", elements.len());
        return Err(Error::shape("elements", message));
    }
    check_offsets(offsets, elements.len() / features)?;
    let (device, datasets) = (parameters.device(), offsets.len() - 1);
    let mut values = Vec::with_capacity(datasets * network.summary_dimension());
    let mut tape = Tape::new(device);
    let mut start = 0;
    while start < datasets {
        let from = offsets[start];
        let mut end = start + 1;
        while end < datasets && (offsets[end + 1] - from) as usize <= ELEMENTS_AT_ONCE {
            end += 1;
        }
        let (first, last) = (from as usize, offsets[end] as usize);
        tape.clear();
        let pass = Pass::inference(&tape, parameters);
        let input = SummaryInput {
            elements: tape.values([last - first, features], &elements[first * features..last * features]),
            offsets: tape.constant(Tensor::indices_from(device, end - start + 1, |set| offsets[start + set] - from)?),
        };
        values.extend(network.forward(&pass, input).value()?.values()?);
        start = end;
    }
    Ok(values)
}
