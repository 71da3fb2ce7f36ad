//! Summary networks of sets.

use ferroflow::networks::summary::{BuiltSummaryNetwork, DeepSet, SummaryInput};

use super::{attention, config, layer, weights};
use crate::common::golden::{Check, Outcome};

pub fn deep_set(check: &mut Check) -> Outcome {
    let network: DeepSet = config(check.hyper())?;
    let [sets, elements, features] = check.input("x")?.shape().try_into()?;
    let (parameters, built) = weights(check, |builder| network.build(builder, features))?;
    let offsets = attention::offsets(parameters.device(), sets, elements)?;
    layer(check, &parameters, &["x"], |pass, x| {
        let elements = x[0].reshape([sets * elements, features]);
        Ok(built.forward(pass, SummaryInput { elements, offsets: pass.tape().constant(offsets) }))
    })
}
