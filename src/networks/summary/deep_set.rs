//! temporary
#![allow(missing_docs)]
use super::*;
use crate::error::Error;
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepSet {
    pub summary_dim: usize,
}
impl SummaryNetwork for DeepSet {
    fn name(&self) -> &str {
        "deep-set"
    }
    fn build(&self, _: &Builder, _: usize) -> Result<Box<dyn BuiltSummaryNetwork>> {
        Err(Error::argument("x", "y"))
    }
}
