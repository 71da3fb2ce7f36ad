//! What a network of scoring rules says about data sets: numbers on the host, in f64.

use super::network::BuiltScoringRuleNetwork;
use super::{Density, PointDensity, Transformation};
use crate::autodiff::Tape;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::parameters::Parameters;
use crate::random::Key;

/// Data sets that go through the network at once. Results do not depend on it.
const ROWS_AT_ONCE: usize = 1024;

/// The estimates of one head for all data sets.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadValues {
    /// The name of the rule.
    pub rule: String,
    /// The name of the head.
    pub head: String,
    /// The shape for one data set.
    pub shape: Vec<usize>,
    /// How they become estimates for targets that were standardised before training.
    pub transformation: Transformation,
    /// `[datasets, …shape]`, row-major.
    pub values: Vec<f64>,
}

impl HeadValues {
    /// The estimate for one data set.
    pub fn dataset(&self, dataset: usize) -> &[f64] {
        let width: usize = self.shape.iter().product();
        &self.values[dataset * width..][..width]
    }
}

/// The estimates of all heads for several data sets, and the distributions that some of them are parameters of.
pub struct Estimates<'a> {
    network: &'a BuiltScoringRuleNetwork,
    parameters: &'a Parameters,
    heads: Vec<HeadValues>,
    datasets: usize,
}

impl<'a> Estimates<'a> {
    pub(super) fn new(
        network: &'a BuiltScoringRuleNetwork,
        parameters: &'a Parameters,
        condition: &[f32],
        datasets: usize,
    ) -> Result<Self> {
        let width = network.condition_dimension();
        if condition.len() != datasets * width {
            let message = format!(
                "{} numbers for {datasets} data sets; the network was built for {width} condition features each",
                condition.len()
            );
            return Err(Error::shape("condition", message));
        }
        let mut heads = Vec::new();
        for (rule, score) in network.rules() {
            heads.extend(score.heads().iter().map(|head| HeadValues {
                rule: rule.to_owned(),
                head: head.name.clone(),
                shape: head.shape.clone(),
                transformation: head.transformation,
                values: Vec::new(),
            }));
        }
        let mut tape = Tape::new(parameters.device());
        for first in (0..datasets).step_by(ROWS_AT_ONCE) {
            let rows = ROWS_AT_ONCE.min(datasets - first);
            tape.clear();
            let pass = Pass::inference(&tape, parameters);
            let condition =
                (width > 0).then(|| tape.values([rows, width], &condition[first * width..(first + rows) * width]));
            let estimates = network.heads(&pass, condition, rows);
            for (head, estimate) in heads.iter_mut().zip(estimates.into_iter().flatten()) {
                head.values.extend(estimate.value()?.values()?.into_iter().map(f64::from));
            }
        }
        Ok(Estimates { network, parameters, heads, datasets })
    }

    /// All heads: rule by rule, in the order of the configuration.
    pub fn heads(&self) -> &[HeadValues] {
        &self.heads
    }

    /// All heads, by value.
    pub fn into_heads(self) -> Vec<HeadValues> {
        self.heads
    }

    /// Number of data sets.
    pub fn datasets(&self) -> usize {
        self.datasets
    }

    /// One head of one rule.
    pub fn head(&self, rule: &str, head: &str) -> Result<&HeadValues> {
        self.heads.iter().find(|values| values.rule == rule && values.head == head).ok_or_else(|| {
            let names: Vec<String> =
                self.heads.iter().map(|values| format!("{}.{}", values.rule, values.head)).collect();
            Error::key(
                format!("{rule}.{head}"),
                format!("is not a head of this network; its heads are: {}", names.join(", ")),
            )
        })
    }

    /// Draws number `first_draw .. first_draw + draws` for each data set from the distribution of a rule, `[datasets, draws, D]`.
    ///
    /// A draw is a function of the key, the number of its data set and its own number.
    pub fn sample(&self, rule: &str, key: Key, first_draw: u64, draws: usize) -> Result<Vec<f64>> {
        let d = self.network.dimension();
        let mut samples = vec![0.0; self.datasets * draws * d];
        for (dataset, samples) in samples.chunks_mut((draws * d).max(1)).enumerate() {
            let (density, key) = (self.at(rule, dataset)?, key.at(dataset as u64));
            for (draw, out) in samples.chunks_mut(d).enumerate() {
                density.draw(&mut key.at(first_draw.wrapping_add(draw as u64)).stream(), out);
            }
        }
        Ok(samples)
    }

    /// `ln p(x | c)` in the distribution of a rule, `[datasets, n]`, for as many points per data set: `x` is `[datasets, n, D]`.
    pub fn log_prob(&self, rule: &str, x: &[f64]) -> Result<Vec<f64>> {
        let d = self.network.dimension();
        if self.datasets == 0 || !x.len().is_multiple_of(self.datasets * d) {
            let message = format!(
                "{} numbers for {} data sets of {d} variables; give as many points for each",
                x.len(),
                self.datasets
            );
            return Err(Error::shape("log_prob", message));
        }
        let mut log_prob = Vec::with_capacity(x.len() / d);
        for (dataset, points) in x.chunks((x.len() / self.datasets).max(1)).enumerate() {
            let density = self.at(rule, dataset)?;
            log_prob.extend(points.chunks(d).map(|x| density.log_prob(x)));
        }
        Ok(log_prob)
    }

    /// The distribution of a rule for one data set.
    pub fn at(&self, rule: &str, dataset: usize) -> Result<Box<dyn PointDensity>> {
        let density: &dyn Density = self.network.rule(rule)?.density().ok_or_else(|| self.network.no_density(rule))?;
        if dataset >= self.datasets {
            let message = format!("number {dataset} of {} data sets; they count from 0", self.datasets);
            return Err(Error::argument("dataset", message));
        }
        let of_rule = self.heads.iter().filter(|head| head.rule == rule);
        let estimates: Vec<&[f64]> = of_rule.map(|head| head.dataset(dataset)).collect();
        density.at(self.parameters, &estimates)
    }
}

impl BuiltScoringRuleNetwork {
    /// The estimates of all heads for conditions `[datasets, C]`, see [`BuiltScoringRuleNetwork::given`].
    pub fn estimate(&self, parameters: &Parameters, condition: &[f32], datasets: usize) -> Result<Vec<HeadValues>> {
        Ok(self.given(parameters, condition, datasets)?.into_heads())
    }
}
