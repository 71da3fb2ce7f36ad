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

/// One input of a summary network, on the host.
#[derive(Debug, Clone, Copy)]
pub struct SummaryData<'a> {
    /// The elements of all data sets, `[elements, features]`, row-major.
    pub elements: &'a [f32],
    /// Features of each element.
    pub features: usize,
    /// Data set `s` owns the elements `offsets[s] .. offsets[s + 1]`.
    pub offsets: &'a [u32],
    /// Height and width of every data set, if the elements are the pixels of images.
    pub grid: Option<[usize; 2]>,
}

impl SummaryData<'_> {
    fn check(&self) -> Result<()> {
        if self.features == 0 || !self.elements.len().is_multiple_of(self.features) {
            let (numbers, features) = (self.elements.len(), self.features);
            let message = format!("{numbers} numbers are no elements with {features} features each");
            return Err(Error::shape("elements", message));
        }
        check_offsets(self.offsets, self.elements.len() / self.features)
    }

    /// The data sets of a range on a tape.
    fn part<'t>(&self, tape: &'t Tape, datasets: std::ops::Range<usize>) -> Result<SummaryInput<'t>> {
        let from = self.offsets[datasets.start];
        let (first, last) = (from as usize, self.offsets[datasets.end] as usize);
        let elements = &self.elements[first * self.features..last * self.features];
        let offsets = |set: usize| self.offsets[datasets.start + set] - from;
        Ok(SummaryInput {
            elements: tape.values([last - first, self.features], elements),
            offsets: tape.constant(Tensor::indices_from(tape.device(), datasets.len() + 1, offsets)?),
            mask: None,
            grid: self.grid,
        })
    }
}

/// The summary statistics `[datasets, K]` of data sets, row-major, from the inputs that the network was built for.
///
/// Fails when the offsets do not fit the elements, or the inputs do not fit each other.
pub fn summaries(
    network: &dyn BuiltSummaryNetwork,
    parameters: &Parameters,
    inputs: &[SummaryData],
) -> Result<Vec<f32>> {
    inputs.iter().try_for_each(SummaryData::check)?;
    let datasets = inputs.first().map_or(0, |input| input.offsets.len() - 1);
    if let Some(other) = inputs.iter().find(|input| input.offsets.len() != datasets + 1) {
        let message = format!("{} data sets in one input, {datasets} in another", other.offsets.len() - 1);
        return Err(Error::shape("summary_variables", message));
    }
    let before = |dataset: usize| inputs.iter().map(|input| input.offsets[dataset] as usize).sum::<usize>();
    let mut values = Vec::with_capacity(datasets * network.summary_dimension());
    let mut tape = Tape::new(parameters.device());
    let mut start = 0;
    while start < datasets {
        let from = before(start);
        let mut end = start + 1;
        while end < datasets && before(end + 1) - from <= ELEMENTS_AT_ONCE {
            end += 1;
        }
        tape.clear();
        let pass = Pass::inference(&tape, parameters);
        let parts = inputs.iter().map(|input| input.part(&tape, start..end)).collect::<Result<Vec<_>>>()?;
        values.extend(network.forward_all(&pass, &parts).value()?.values()?);
        start = end;
    }
    Ok(values)
}
