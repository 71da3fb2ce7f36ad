//! The approximator of ratios: ratios, loss and gradients with given contrasts.

use ferroflow::approximators::{Approximator, Dimensions, RatioApproximator, Trainable};
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::random::Key;

use super::continuous::{batch, hand_in_gradients, set_weights, standardised};
use super::{config, summary};
use crate::common::golden::{Check, Outcome};

pub fn ratio(check: &mut Check) -> Outcome {
    let hyper = check.hyper();
    let data = batch(check)?;
    let approximator = RatioApproximator {
        inference_network: config(&hyper["inference_network"]["hyper"])?,
        summary_network: match &hyper["summary_network"] {
            serde_json::Value::Null => None,
            network => Some(summary::choice(network)?),
        },
        standardize: standardised(&hyper["standardize"], &data)?,
        contrasts: hyper["K"].as_u64().ok_or("no K")? as usize,
        summary_distribution: None,
        gamma: hyper["gamma"].as_f64().ok_or("no gamma")?,
    };
    let mut built = approximator.build(Dimensions::of(&data)?, &Device::cpu(), Key::new(0))?;
    set_weights(check, &mut built, &approximator.standardize)?;
    check.output("log_ratio", &Array::vector(built.log_ratio(&data)?));
    let others = check.case.json["contrastive_indices"].as_array().ok_or("no contrasts")?.iter();
    let others: Vec<u32> =
        others.flat_map(|row| row.as_array().into_iter().flatten()).filter_map(|i| Some(i.as_u64()? as u32)).collect();
    let gradients = built.loss_gradients_with(&data, &others)?;
    hand_in_gradients(check, built.parameters().layout(), gradients)
}
