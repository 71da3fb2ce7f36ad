//! The continuous approximator: standardisation, summary network, flow, densities and draws as one.

use std::cell::RefCell;

use ferroflow::approximators::{
    Approximator, Batch, BuiltApproximator, ContinuousApproximator, Dimensions, LossGradients, Matrix, Objective, Sets,
    Trainable, Variable,
};
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::parameters::{Layout, Role};
use ferroflow::random::Key;
use serde_json::Value;

use super::{Fallible, coupling_flow, summary};
use crate::common::golden::{Check, Outcome};

fn matrix(array: &Array) -> Matrix {
    Matrix { columns: array.shape().last().copied().unwrap_or(1), values: array.to_f64() }
}

pub fn batch(check: &Check) -> Fallible<Batch> {
    let targets = check.input("inference_variables")?;
    let summary_variables = match check.input("summary_variables") {
        Ok(array) => {
            let &[datasets, size, _] = array.shape() else { return Err("summary_variables are not sets".into()) };
            vec![Sets::new(matrix(array), (0..=datasets).map(|i| (i * size) as u32).collect())]
        }
        Err(_) => Vec::new(),
    };
    Ok(Batch {
        datasets: targets.shape()[0],
        inference_variables: Some(matrix(targets)),
        inference_conditions: check.input("inference_conditions").ok().map(matrix),
        summary_variables,
        sample_weight: None,
    })
}

pub fn standardised(hyper: &Value, batch: &Batch) -> Fallible<Vec<Variable>> {
    let present = |variable: &Variable| match variable {
        Variable::InferenceVariables => true,
        Variable::InferenceConditions => batch.inference_conditions.is_some(),
        Variable::SummaryVariables => !batch.summary_variables.is_empty(),
    };
    let names: Vec<&str> = match hyper {
        Value::Null => Vec::new(),
        Value::String(name) if name == "all" => {
            return Ok(Variable::ALL.into_iter().filter(present).collect());
        }
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        other => return Err(format!("standardize is {other}").into()),
    };
    let known = |name: &&str| Variable::ALL.into_iter().find(|variable| variable.key() == *name);
    Ok(names.iter().filter_map(known).collect())
}

pub fn continuous(check: &mut Check) -> Outcome {
    let hyper = check.hyper();
    let data = batch(check)?;
    let summary_network = match &hyper["summary_network"] {
        Value::Null => None,
        network => Some(summary::choice(network)?),
    };
    let inference = &hyper["inference_network"];
    if inference["kind"] != "CouplingFlow" {
        return Err(format!("the inference network {} is not built yet", inference["kind"]).into());
    }
    let approximator = ContinuousApproximator {
        inference_network: coupling_flow::config(&inference["hyper"])?.into(),
        summary_network,
        summary_distribution: None,
        standardize: standardised(&hyper["standardize"], &data)?,
    };
    let mut built = approximator.build(Dimensions::of(&data)?, &Device::cpu(), Key::new(0))?;
    set_weights(check, &mut built, &approximator.standardize)?;

    let rows = data.datasets;
    let conditions = built.conditions(&data)?;
    check.output("conditions", &Array::f32([rows, conditions.len() / rows], conditions)?);
    if !data.summary_variables.is_empty() {
        let summaries = built.summaries(&data)?;
        check.output("summaries", &Array::f64([rows, summaries.columns], summaries.values)?);
    }
    check.output("log_prob", &Array::vector(built.log_prob(&data)?));
    let z = check.input("z")?.to_f32();
    let d = z.len() / rows;
    let asked = RefCell::new(0);
    let draws = built.sample_from(&data, 1, |dataset, _, count, out| {
        *asked.borrow_mut() += count;
        out.extend_from_slice(&z[dataset * d..(dataset + 1) * d]);
        Ok(())
    })?;
    check.output("sample_from_z", &Array::f64([rows, d], draws)?);
    let gradients = built.loss_gradients(&data)?;
    hand_in_gradients(check, built.parameters().layout(), gradients)
}

/// Gives an approximator the weights and moments of a case.
pub fn set_weights<O: Objective>(
    check: &mut Check,
    built: &mut BuiltApproximator<O>,
    standardize: &[Variable],
) -> Outcome {
    let layout = built.parameters().layout().clone();
    for entry in layout.entries() {
        let weight = check.weight(&entry.name)?.clone().reshape(entry.shape.axes().to_vec())?;
        built.parameters_mut().set(&entry.name, &weight)?;
    }
    for &variable in standardize {
        let part = |name: &str| check.weight(&format!("standardizer.standardize_layers.{}.{name}.0", variable.key()));
        let moments = built.standardizer_mut().moments_mut(variable, "").ok_or("not standardised")?;
        moments.mean = part("moving_mean")?.to_f64();
        moments.m2 = part("moving_m2")?.to_f64();
        moments.count = part("count")?.to_f64()[0] as u64;
    }
    Ok(())
}

/// The loss of a case and its gradients in weights and variables.
pub fn hand_in_gradients(check: &mut Check, layout: &Layout, gradients: LossGradients) -> Outcome {
    check.output("loss_value", &Array::scalar(gradients.loss));
    check.output("loss", &Array::scalar(gradients.loss));
    for entry in layout.entries().iter().filter(|entry| entry.role == Role::Trainable) {
        let name = format!("grad/w/{}", entry.name);
        if let Some(reference) = check.case.get(&name) {
            let shape = reference.shape().to_vec();
            check.tensor(&name, &gradients.weights.get(&entry.name)?.reshape(shape)?);
        }
    }
    for (variable, _, gradient) in gradients.variables {
        let name = format!("grad/in/{}", variable.key());
        if let Some(reference) = check.case.get(&name) {
            check.tensor(&name, &Array::f64(reference.shape(), gradient.values)?);
        }
    }
    Ok(())
}
