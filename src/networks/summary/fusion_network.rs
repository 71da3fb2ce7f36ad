//! A network of its own for each of several sources of data, late fusion (Schmitt et al. 2023, arXiv:2311.10671).
//!
//! ```text
//! summary:  head( [ backbone_a(a); backbone_b(b); … ] )          inputs in alphabetical order of their names, head optional
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use crate::autodiff::Var;
use crate::error::{Error, Result, nearest};
use crate::networks::SummaryChoice;
use crate::nn::{BuiltMlp, Mlp, Pass};
use crate::ops::MOST_OPERANDS;
use crate::parameters::Builder;

/// Configuration of a fusion network. Reads a group of summary variables, one input for each backbone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FusionNetwork {
    /// The summary network of each input by its name.
    pub backbones: BTreeMap<String, SummaryChoice>,
    /// A perceptron on the joined summaries of the backbones; if left out, they are the summary statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Mlp>,
}

impl FusionNetwork {
    /// A network with these backbones and no head.
    pub fn new<K: Into<String>, N: Into<SummaryChoice>>(backbones: impl IntoIterator<Item = (K, N)>) -> Self {
        let backbones = backbones.into_iter().map(|(name, network)| (name.into(), network.into())).collect();
        FusionNetwork { backbones, head: None }
    }

    /// Adds a backbone.
    pub fn with(mut self, name: impl Into<String>, network: impl Into<SummaryChoice>) -> Self {
        self.backbones.insert(name.into(), network.into());
        self
    }

    fn check(&self, inputs: &[(String, Elements)]) -> Result<()> {
        let list = |names: Vec<&str>| if names.is_empty() { "none".to_string() } else { names.join(", ") };
        let given = || inputs.iter().map(|(name, _)| name.as_str());
        if self.backbones.is_empty() {
            return Err(Error::argument("backbones", "there is none; give a summary network for each input"));
        }
        if inputs.iter().any(|(name, _)| name.is_empty()) {
            let message = "a single array was given to a fusion network; group one array for each backbone in the adapter: \
                           group([\"a\", \"b\"], \"summary_variables\")";
            return Err(Error::argument("summary_variables", message));
        }
        if let Some(name) = given().find(|name| !self.backbones.contains_key(*name)) {
            let known = list(self.backbones.keys().map(String::as_str).collect());
            let hint = nearest(name, self.backbones.keys().map(String::as_str));
            let hint = hint.map(|known| format!("did you mean {known}? ")).unwrap_or_default();
            let message = format!("the input '{name}' has no backbone; {hint}the backbones are: {known}");
            return Err(Error::argument("backbones", message));
        }
        if let Some(name) = self.backbones.keys().find(|name| !given().any(|given| given == *name)) {
            let inputs = list(given().collect());
            let message = format!("the backbone '{name}' has no input; the summary variables are: {inputs}");
            return Err(Error::argument("backbones", message));
        }
        Ok(())
    }
}

impl SummaryNetwork for FusionNetwork {
    fn name(&self) -> &str {
        "fusion-network"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        self.build_all(builder, &[(String::new(), elements)])
    }

    fn build_all(&self, builder: &Builder, inputs: &[(String, Elements)]) -> Result<Box<dyn BuiltSummaryNetwork>> {
        self.check(inputs)?;
        let mut backbones = Vec::with_capacity(inputs.len());
        for (name, elements) in inputs {
            let network = self.backbones.get(name).ok_or_else(|| Error::key(name, "has no backbone"))?;
            let scope = builder.scope(format!("backbones.{name}"));
            backbones.push((name.clone(), network.build(&scope, &[(String::new(), *elements)])?));
        }
        let joined = backbones.iter().map(|(_, network)| network.summary_dimension()).sum();
        let head = self.head.as_ref().map(|head| head.build(&builder.scope("head"), joined)).transpose()?;
        Ok(Box::new(BuiltFusionNetwork { backbones, head, joined }))
    }
}

/// A fusion network with weights.
struct BuiltFusionNetwork {
    backbones: Vec<(String, Box<dyn BuiltSummaryNetwork>)>,
    head: Option<BuiltMlp>,
    joined: usize,
}

impl BuiltSummaryNetwork for BuiltFusionNetwork {
    fn summary_dimension(&self) -> usize {
        self.head.as_ref().map_or(self.joined, BuiltMlp::width)
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        self.forward_all(pass, &[input])
    }

    fn forward_all<'t>(&self, pass: &Pass<'t>, inputs: &[SummaryInput<'t>]) -> Var<'t> {
        if inputs.len() != self.backbones.len() {
            let message = format!("{} inputs for {} backbones; give one each", inputs.len(), self.backbones.len());
            return pass.tape().fail(Error::argument("summary_variables", message));
        }
        let summaries = self.backbones.iter().zip(inputs).map(|((_, network), input)| network.forward(pass, *input));
        let summaries: Vec<Var> = summaries.collect();
        let joined =
            summaries[1..].chunks(MOST_OPERANDS - 1).fold(summaries[0], |joined, next| joined.concatenate(next));
        self.head.as_ref().map_or(joined, |head| head.forward(pass, joined))
    }

    fn describe(&self) -> String {
        let mut lines =
            vec![format!("FusionNetwork: {} inputs to [{}]", self.backbones.len(), self.summary_dimension())];
        for (name, network) in &self.backbones {
            lines.extend(network.describe().lines().enumerate().map(|(i, line)| match i {
                0 => format!("  {name}: {line}"),
                _ => format!("  {line}"),
            }));
        }
        if self.head.is_some() {
            lines.push(format!("  head [{}] to [{}]", self.joined, self.summary_dimension()));
        }
        lines.join("\n")
    }

    fn flops(&self, elements: usize) -> usize {
        let backbones: usize = self.backbones.iter().map(|(_, network)| network.flops(elements)).sum();
        backbones + self.head.as_ref().map_or(0, BuiltMlp::flops)
    }
}
