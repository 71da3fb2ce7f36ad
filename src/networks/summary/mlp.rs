//! A perceptron as a summary network of vectors, mostly for one of the inputs of a fusion network.

use super::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::{BuiltMlp, Mlp, Pass};
use crate::parameters::Builder;

/// Reads data sets of one element each, `[datasets, features]`, gives `[datasets, last width]`.
impl SummaryNetwork for Mlp {
    fn name(&self) -> &str {
        "mlp"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        let features = elements.features;
        Ok(Box::new(VectorNetwork { mlp: Mlp::build(self, builder, features)?, features }))
    }
}

struct VectorNetwork {
    mlp: BuiltMlp,
    features: usize,
}

impl BuiltSummaryNetwork for VectorNetwork {
    fn summary_dimension(&self) -> usize {
        self.mlp.width()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let (elements, datasets) = (input.elements.shape().rows(), input.datasets());
        if elements != datasets {
            let message = format!(
                "{datasets} data sets with {elements} elements in all were given to a perceptron, which reads one vector per data \
                 set; use a network for sets or series, such as deep-set or time-series-network"
            );
            return pass.tape().fail(Error::shape("summary_variables", message));
        }
        self.mlp.forward(pass, input.elements)
    }

    fn describe(&self) -> String {
        format!("MLP: vectors of [{}] to [{}]", self.features, self.mlp.width())
    }

    fn flops(&self, _: usize) -> usize {
        self.mlp.flops()
    }
}
