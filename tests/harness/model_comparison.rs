//! The classifier of models: logits, probabilities, loss and gradients.

use ferroflow::approximators::{Approximator, Dimensions, ModelComparisonApproximator, Trainable};
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::random::Key;
use serde_json::Value;

use super::continuous::{batch, hand_in_gradients, set_weights, standardised};
use super::{config, summary};
use crate::common::golden::{Check, Outcome};

pub fn model_comparison(check: &mut Check) -> Outcome {
    let hyper = check.hyper();
    let data = batch(check)?;
    let approximator = ModelComparisonApproximator {
        classifier_network: config(&hyper["classifier_network"]["hyper"])?,
        summary_network: match &hyper["summary_network"] {
            Value::Null => None,
            network => Some(summary::choice(network)?),
        },
        standardize: standardised(&hyper["standardize"], &data)?,
        ..ModelComparisonApproximator::default()
    };
    let mut built = approximator.build(Dimensions::of(&data)?, &Device::cpu(), Key::new(0))?;
    set_weights(check, &mut built, &approximator.standardize)?;
    for (name, matrix) in [("logits", built.logits(&data)?), ("probs", built.predict(&data)?)] {
        check.output(name, &Array::f64([data.datasets, matrix.columns], matrix.values)?);
    }
    let gradients = built.loss_gradients(&data)?;
    hand_in_gradients(check, built.parameters().layout(), gradients)
}
