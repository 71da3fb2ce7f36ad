//! Normalisation layers.

use ferroflow::autodiff::Tape;
use ferroflow::nn::{BatchNorm, GroupNorm, LayerNorm, Pass, RmsNorm};
use ferroflow::random::Key;

use super::{Fallible, array, layer, tensor, weights};
use crate::common::golden::{Check, Outcome};

fn width(check: &Check) -> Fallible<usize> {
    Ok(*check.input("x")?.shape().last().ok_or("x is a scalar")?)
}

pub fn layer_norm(check: &mut Check) -> Outcome {
    let width = width(check)?;
    let (parameters, norm) = weights(check, |builder| Ok(LayerNorm::build(builder, width)))?;
    layer(check, &parameters, &["x"], |pass, x| Ok(norm.forward(pass, x[0])))
}

pub fn rms_norm(check: &mut Check) -> Outcome {
    let width = width(check)?;
    let (parameters, norm) = weights(check, |builder| Ok(RmsNorm::build(builder, width)))?;
    layer(check, &parameters, &["x"], |pass, x| Ok(norm.forward(pass, x[0])))
}

pub fn group_norm(check: &mut Check) -> Outcome {
    let (width, groups) = (width(check)?, check.hyper()["groups"].as_u64().ok_or("groups is missing")? as usize);
    let (parameters, norm) = weights(check, |builder| Ok(GroupNorm::build(builder, width, groups, true, true)))?;
    layer(check, &parameters, &["x"], |pass, x| Ok(norm.forward(pass, x[0])))
}

pub fn batch_norm(check: &mut Check) -> Outcome {
    let width = width(check)?;
    let (parameters, norm) = weights(check, |builder| Ok(BatchNorm::build(builder, width)))?;
    layer(check, &parameters, &["x"], |pass, x| Ok(norm.forward(pass, x[0])))
}

/// One training step: statistics of the batch, and moving statistics after it.
pub fn batch_norm_train(check: &mut Check) -> Outcome {
    let width = width(check)?;
    let (mut parameters, norm) = weights(check, |builder| Ok(BatchNorm::build(builder, width)))?;
    let tape = Tape::new(parameters.device());
    let pass = Pass::training(&tape, &parameters, Key::new(0));
    let x = tape.input(tensor(parameters.device(), check.input("x")?)?);
    check.output("y", &array(norm.forward(&pass, x))?);
    let updates = pass.updates()?;
    parameters.update(&updates)?;
    for name in ["moving_mean", "moving_variance"] {
        check.output(&format!("{name}_after"), &parameters.get(name)?);
    }
    Ok(())
}
