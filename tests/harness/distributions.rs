//! Log-densities of the base distributions, with and without their constants.

use ferroflow::autodiff::Tape;
use ferroflow::distributions::{BaseDistribution, DiagonalNormal, DiagonalStudentT, Mixture};
use ferroflow::nn::Pass;

use super::{array, tensor, weights};
use crate::common::golden::{Check, Outcome};

pub fn distributions(check: &mut Check) -> Outcome {
    let df = check.hyper()["df"].as_f64().ok_or("no degrees of freedom")?;
    let mixture = check.hyper()["mixture"].as_str().ok_or("no description of the mixture")?;
    let logits = mixture.split("logits (").nth(1).and_then(|rest| rest.split(')').next()).ok_or("no logits")?;
    let logits: Vec<f64> = logits.split(',').map(|logit| logit.trim().parse()).collect::<Result<_, _>>()?;
    let [mean, std] = [check.input("mean")?.to_f64(), check.input("std")?.to_f64()];
    let dimension = mean.len();

    let normal = DiagonalNormal { mean: mean.clone().into(), std: std.clone().into(), ..Default::default() };
    let student = DiagonalStudentT { df, loc: mean.into(), scale: std.into(), ..Default::default() };
    let components = [normal.clone().into(), DiagonalStudentT { df, ..Default::default() }.into()];
    let mixture = Mixture { mixture_logits: Some(logits), ..Mixture::of(components) };
    let distributions: [(&str, BaseDistribution); 3] =
        [("normal", normal.into()), ("student_t", student.into()), ("mixture", mixture.into())];
    for (name, config) in distributions {
        let (parameters, built) = weights(check, |builder| config.build(builder, dimension))?;
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, &parameters);
        let x = tape.constant(tensor(tape.device(), check.input("x")?)?);
        check.output(&format!("log_prob.{name}"), &array(built.log_prob(&pass, x))?);
        check.output(&format!("log_prob_unnormalised.{name}"), &array(built.unnormalised_log_prob(&pass, x))?);
    }
    Ok(())
}
