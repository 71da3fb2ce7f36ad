//! The network of scoring rules: a shared body on the condition, and heads for each rule.
//!
//! ```text
//! h = subnet(c);   θ̂ = link(reshape(h W + b)) for each head;   loss = mean over the rules of mean(score(θ̂, θ))
//! ```
//!
//! Gneiting & Raftery 2007, "Strictly proper scoring rules, prediction, and estimation".

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::score::weighted_mean;
use super::{BuiltScore, Estimates, Head, Link, ScoringRule};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{BuiltMlp, Dense, Mlp, Pass};
use crate::parameters::{Builder, Initialiser, Parameters};
use crate::tensor::Shape;

/// Configuration of a network of scoring rules.
///
/// ```
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::networks::{ScoringRule, ScoringRuleNetwork};
/// use ferroflow::{device::Device, parameters::Builder, random::Key};
/// let rules = [("mvn", ScoringRule::MvNormal), ("quantiles", ScoringRule::quantiles([0.05, 0.5, 0.95]))];
/// let builder = Builder::new();
/// let network = ScoringRuleNetwork::of(rules).build(&builder, 2, 3)?;
/// let parameters = builder.finish(&Device::cpu(), Key::new(1))?;
/// let estimates = network.given(&parameters, &[0.1, 0.2, 0.3], 1)?;
/// assert_eq!(estimates.head("quantiles", "value")?.shape, [3, 2]);
/// assert_eq!(estimates.sample("mvn", Key::new(2), 0, 100)?.len(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoringRuleNetwork {
    /// The rules by name; at least one.
    pub scoring_rules: IndexMap<String, ScoringRule>,
    /// The body that all heads share.
    pub subnet: Mlp,
    /// What is special about some heads, by names of rule and head.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub heads: IndexMap<String, IndexMap<String, HeadOptions>>,
}

/// What is special about a head.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeadOptions {
    /// A perceptron of its own between the body and its dense layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Mlp>,
    /// Another link than that of its rule, such as softplus for means of positive targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

impl Default for ScoringRuleNetwork {
    /// The mean, and the quantiles 0.1, 0.5 and 0.9.
    fn default() -> Self {
        let quantiles = ScoringRule::Quantile { q: super::rule::usual_quantiles() };
        ScoringRuleNetwork::of([("mean", ScoringRule::Mean), ("quantiles", quantiles)])
    }
}

impl ScoringRuleNetwork {
    /// A network of some rules by name.
    pub fn of<N: Into<String>>(rules: impl IntoIterator<Item = (N, ScoringRule)>) -> Self {
        let scoring_rules = rules.into_iter().map(|(name, rule)| (name.into(), rule)).collect();
        ScoringRuleNetwork { scoring_rules, subnet: Mlp::default(), heads: IndexMap::new() }
    }

    /// Sets the probability of dropout everywhere.
    pub fn set_dropout(&mut self, probability: f64) {
        self.subnet.dropout = probability;
        let options = self.heads.values_mut().flat_map(|heads| heads.values_mut());
        options.filter_map(|options| options.subnet.as_mut()).for_each(|subnet| subnet.dropout = probability);
    }

    /// Gives the network weights for `dimension` targets and `condition_dimension` condition features, which may be none: the body then
    /// reads the constant 1.
    ///
    /// The weights are `subnet.…`, `heads.<rule>.<head>.layers.1.…` of the dense layers, `layers.0.…` of a head's own perceptron,
    /// and `scoring_rules.<rule>.temperature` of a mixture.
    pub fn build(
        &self,
        builder: &Builder,
        dimension: usize,
        condition_dimension: usize,
    ) -> Result<BuiltScoringRuleNetwork> {
        if self.scoring_rules.is_empty() {
            return Err(Error::argument("scoring_rules", "is empty; name at least one rule, such as the mean"));
        }
        let before = builder.trainable_count();
        let subnet = self.subnet.build(&builder.scope("subnet"), condition_dimension.max(1))?;
        let mut rules = Vec::with_capacity(self.scoring_rules.len());
        for (name, rule) in &self.scoring_rules {
            let score = rule.build(&builder.scope(format!("scoring_rules.{name}")), dimension)?;
            let scope = builder.scope(format!("heads.{name}"));
            let none = IndexMap::new();
            let options = self.heads.get(name).unwrap_or(&none);
            check_names("heads", options.keys(), score.heads().iter().map(|head| head.name.as_str()))?;
            let build = |head: &Head| HeadLayers::build(&scope, head, options.get(&head.name), subnet.width());
            let heads = score.heads().iter().map(build).collect::<Result<_>>()?;
            rules.push(BuiltRule { name: name.clone(), kind: rule.name().to_owned(), score, heads });
        }
        check_names("heads", self.heads.keys(), self.scoring_rules.keys().map(String::as_str))?;
        let parameters = builder.trainable_count() - before;
        Ok(BuiltScoringRuleNetwork { subnet, rules, dimension, condition_dimension, parameters })
    }
}

/// An error for the first of some names that is not among the known ones.
fn check_names<'a, 'b>(
    field: &str,
    mut given: impl Iterator<Item = &'a String>,
    known: impl Iterator<Item = &'b str>,
) -> Result<()> {
    let known: Vec<&str> = known.collect();
    match given.find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Error::key(name, format!("is named in {field}, but the names are: {}", known.join(", ")))),
        None => Ok(()),
    }
}

/// The layers of one head: `link(reshape(own(h) W + b))`.
struct HeadLayers {
    own: Option<BuiltMlp>,
    dense: Dense,
    input_shape: Vec<usize>,
    link: Link,
}

impl HeadLayers {
    fn build(builder: &Builder, head: &Head, options: Option<&HeadOptions>, width: usize) -> Result<Self> {
        let scope = builder.scope(format!("{}.layers", head.name));
        let own = options.and_then(|options| options.subnet.as_ref());
        let own = own.map(|subnet| subnet.build(&scope.scope("0"), width)).transpose()?;
        let link = options.and_then(|options| options.link.clone()).unwrap_or_else(|| head.link.clone());
        let input_shape = link.input_shape(&head.shape)?;
        let inputs = own.as_ref().map_or(width, BuiltMlp::width);
        let outputs = input_shape.iter().product();
        let dense = Dense::build(&scope.scope("1"), inputs, outputs, Initialiser::GlorotUniform, true);
        Ok(HeadLayers { own, dense, input_shape, link })
    }

    fn forward<'t>(&self, pass: &Pass<'t>, body: Var<'t>) -> Var<'t> {
        let raw = match &self.own {
            Some(own) => own.forward_projected(pass, body, None, &self.dense),
            None => self.dense.forward(pass, body, Function::Linear),
        };
        let axes: Vec<usize> = [body.shape().rows()].into_iter().chain(self.input_shape.iter().copied()).collect();
        match Shape::new(&axes) {
            Some(shape) => self.link.apply(raw.reshape(shape)),
            None => pass.tape().fail(Error::shape("head", format!("{axes:?} are too many axes; use fewer"))),
        }
    }

    fn flops(&self) -> usize {
        self.own.as_ref().map_or(0, BuiltMlp::flops) + self.dense.flops()
    }
}

struct BuiltRule {
    name: String,
    kind: String,
    score: Box<dyn BuiltScore>,
    heads: Vec<HeadLayers>,
}

/// The loss, and what it is made of.
pub struct ScoringLoss<'t> {
    /// The mean of the scores, a scalar.
    pub loss: Var<'t>,
    /// The score of each rule, scalars in the order of the rules.
    pub scores: Vec<Var<'t>>,
}

/// A network of scoring rules with weights.
///
/// Shapes: targets `[batch, D]`, conditions `[batch, C]` (`None` when `C = 0`), weights `[batch]` or `[batch, 1]`.
pub struct BuiltScoringRuleNetwork {
    subnet: BuiltMlp,
    rules: Vec<BuiltRule>,
    dimension: usize,
    condition_dimension: usize,
    parameters: usize,
}

impl BuiltScoringRuleNetwork {
    /// Number of target columns, `D`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of condition features, `C`.
    pub fn condition_dimension(&self) -> usize {
        self.condition_dimension
    }

    /// The names of the rules, with their rules.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &dyn BuiltScore)> {
        self.rules.iter().map(|rule| (rule.name.as_str(), &*rule.score))
    }

    /// The rule of a name.
    pub fn rule(&self, name: &str) -> Result<&dyn BuiltScore> {
        Ok(&*self.rules[self.position(name)?].score)
    }

    /// The names of the rules whose heads are the parameters of a distribution.
    pub fn distributions(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(|rule| rule.score.density().is_some()).map(|rule| rule.name.as_str())
    }

    pub(super) fn position(&self, name: &str) -> Result<usize> {
        self.rules.iter().position(|rule| rule.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
            Error::key(name, format!("is not a scoring rule of this network; its rules are: {}", names.join(", ")))
        })
    }

    /// Number of trainable values.
    pub fn parameter_count(&self) -> usize {
        self.parameters
    }

    /// The estimates `[rows, …shape]` of each head of each rule. Without conditions all rows are equal.
    pub fn heads<'t>(&self, pass: &Pass<'t>, condition: Option<Var<'t>>, rows: usize) -> Vec<Vec<Var<'t>>> {
        let shape = condition.map_or([rows, 0].into(), Var::shape);
        let condition = match condition {
            _ if shape != [rows, self.condition_dimension].into() => {
                let message = format!(
                    "conditions of shape {shape} for {rows} rows of a network with {} condition features",
                    self.condition_dimension
                );
                pass.tape().fail(Error::shape("scoring-rule network", message))
            }
            Some(condition) => condition,
            None => pass.tape().values([rows, 1], &vec![1.0; rows]),
        };
        let body = self.subnet.forward(pass, condition);
        let of_rule = |rule: &BuiltRule| rule.heads.iter().map(|head| head.forward(pass, body)).collect();
        self.rules.iter().map(of_rule).collect()
    }

    /// The loss for targets `[batch, D]`: the mean over the rules of `mean(score · weight)`.
    pub fn loss<'t>(
        &self,
        pass: &Pass<'t>,
        targets: Var<'t>,
        condition: Option<Var<'t>>,
        weight: Option<Var<'t>>,
    ) -> ScoringLoss<'t> {
        let targets = self.checked(targets);
        let estimates = self.heads(pass, condition, targets.shape().rows());
        let score = |(rule, estimates): (&BuiltRule, &Vec<Var<'t>>)| {
            weighted_mean(rule.score.scores(pass, estimates, targets), weight)
        };
        let scores: Vec<Var<'t>> = self.rules.iter().zip(&estimates).map(score).collect();
        let total = scores.iter().copied().reduce(|total, score| total + score).unwrap_or(targets);
        ScoringLoss { loss: total * (1.0 / scores.len() as f64), scores }
    }

    /// `ln p(targets | condition)` `[batch]` of the distribution of a rule. (The peer has none without conditions.)
    pub fn log_prob<'t>(&self, pass: &Pass<'t>, rule: &str, targets: Var<'t>, condition: Option<Var<'t>>) -> Var<'t> {
        let targets = self.checked(targets);
        let position = self.position(rule).and_then(|position| {
            let density = self.rules[position].score.density().ok_or_else(|| self.no_density(rule))?;
            Ok((position, density))
        });
        match position {
            Ok((position, density)) => {
                let estimates = self.heads(pass, condition, targets.shape().rows());
                density.log_prob(pass, &estimates[position], targets)
            }
            Err(fault) => pass.tape().fail(fault),
        }
    }

    /// The estimates for conditions `[datasets, C]`, row-major; without conditions the slice is empty.
    pub fn given<'a>(
        &'a self,
        parameters: &'a Parameters,
        condition: &[f32],
        datasets: usize,
    ) -> Result<Estimates<'a>> {
        Estimates::new(self, parameters, condition, datasets)
    }

    pub(super) fn no_density(&self, rule: &str) -> Error {
        let names: Vec<&str> = self.distributions().collect();
        let remedy = match names.is_empty() {
            true => "train with a rule that has one, such as mv-normal".to_owned(),
            false => format!("the rules that have one are: {}", names.join(", ")),
        };
        Error::key(rule, format!("is a scoring rule without a distribution; {remedy}"))
    }

    fn checked<'t>(&self, targets: Var<'t>) -> Var<'t> {
        let shape = targets.shape();
        if shape.rank() == 2 && shape.last() == self.dimension {
            return targets;
        }
        let message =
            format!("targets of shape {shape} for a network of {} target columns; give [batch, D]", self.dimension);
        targets.tape().fail(Error::shape("scoring-rule network", message))
    }

    /// Layers with shapes and numbers of parameters, for people; several lines.
    pub fn describe(&self) -> String {
        self.to_string()
    }

    /// Floating point operations of the matrix products for the estimates of one data set.
    pub fn flops(&self) -> usize {
        let heads = self.rules.iter().flat_map(|rule| &rule.heads);
        self.subnet.flops() + heads.map(HeadLayers::flops).sum::<usize>()
    }
}

impl fmt::Display for BuiltScoringRuleNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "scoring-rule network: {} variables given {}, {} parameters, {} FLOPs per data set",
            self.dimension,
            self.condition_dimension,
            self.parameters,
            self.flops()
        )?;
        writeln!(f, "  MLP: [{}] to [{}]", self.condition_dimension.max(1), self.subnet.width())?;
        for rule in &self.rules {
            writeln!(f, "  {} ({})", rule.name, rule.kind)?;
            for (head, layers) in rule.score.heads().iter().zip(&rule.heads) {
                let [inputs, outputs] = [layers.dense.inputs(), layers.dense.outputs()];
                writeln!(f, "    {}: [{inputs}] to [{outputs}], {:?}", head.name, head.shape)?;
            }
        }
        Ok(())
    }
}
