//! Multilayer perceptrons.

use ferroflow::nn::Mlp;

use super::{config, layer, weights};
use crate::common::golden::{Check, Outcome};

pub fn mlp(check: &mut Check) -> Outcome {
    let mlp: Mlp = config(check.hyper())?;
    let features = *check.input("x")?.shape().last().ok_or("x is a scalar")?;
    let (parameters, built) = weights(check, |builder| mlp.build(builder, features))?;
    layer(check, &parameters, &["x"], |pass, x| Ok(built.forward(pass, x[0])))
}
