//! temporary
#![allow(missing_docs)]
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::parameters::Builder;
use crate::random::Key;
pub trait InferenceNetwork: Send + Sync {
    fn name(&self) -> &str;
    fn build(
        &self,
        builder: &Builder,
        dimension: usize,
        condition_dimension: usize,
        key: Key,
    ) -> Result<Box<dyn BuiltInferenceNetwork>>;
}
pub trait BuiltInferenceNetwork: Send + Sync {
    fn log_prob<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> Var<'t>;
    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Var<'t>);
    fn base_draws(&self, key: Key, first: u64, count: usize, out: &mut Vec<f32>);
    fn describe(&self) -> String;
    fn flops(&self) -> usize;
}
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CouplingFlow {
    pub depth: usize,
}
impl InferenceNetwork for CouplingFlow {
    fn name(&self) -> &str {
        "coupling-flow"
    }
    fn build(&self, _: &Builder, _: usize, _: usize, _: Key) -> Result<Box<dyn BuiltInferenceNetwork>> {
        Err(Error::argument("x", "y"))
    }
}
