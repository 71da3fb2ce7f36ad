//! 3. One's own summary network, through the public trait.
//!
//! The mean of the elements is a sufficient statistic for the location of a normal; a network that pools first and thinks
//! later is enough.

use std::sync::Arc;

use ferroflow::autodiff::{Pooling, Var};
use ferroflow::make_simulator;
use ferroflow::math::Function;
use ferroflow::networks::summary::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use ferroflow::nn::{Dense, Pass};
use ferroflow::parameters::{Builder, Initialiser};
use ferroflow::prelude::*;
use rand_distr::{Distribution, StandardNormal};

/// The mean of the elements through one dense layer.
struct MeanNetwork {
    width: usize,
}

struct BuiltMeanNetwork {
    dense: Dense,
}

impl SummaryNetwork for MeanNetwork {
    fn name(&self) -> &str {
        "mean-network"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> ferroflow::Result<Box<dyn BuiltSummaryNetwork>> {
        let scope = builder.scope("dense");
        Ok(Box::new(BuiltMeanNetwork {
            dense: Dense::build(&scope, elements.features, self.width, Initialiser::GlorotUniform, true),
        }))
    }
}

impl BuiltSummaryNetwork for BuiltMeanNetwork {
    fn summary_dimension(&self) -> usize {
        self.dense.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let mean = input.elements.segment_pool(input.offsets, Pooling::Mean);
        self.dense.forward(pass, mean, Function::Linear)
    }

    fn describe(&self) -> String {
        format!("mean of [{}], dense to [{}]", self.dense.inputs(), self.dense.outputs())
    }

    fn flops(&self, _: usize) -> usize {
        self.dense.flops()
    }
}

fn main() -> ferroflow::Result<()> {
    const SIZE: usize = 10;
    let prior = |rng: &mut Stream, _: &View| {
        let mu: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("mu", mu))
    };
    let likelihood = |rng: &mut Stream, given: &View| {
        let mu = given.scalar("mu")?;
        let y: Vec<f64> = (0..SIZE)
            .map(|_| {
                let e: f64 = StandardNormal.sample(rng);
                mu + e
            })
            .collect();
        Ok(Draw::new().with("y", y))
    };
    let network: Arc<dyn SummaryNetwork> = Arc::new(MeanNetwork { width: 4 });
    let mut workflow = BasicWorkflow::new(make_simulator! { prior, likelihood })
        .adapter(Adapter::new().as_set("y").rename("mu", "inference_variables").rename("y", "summary_variables"))
        .summary_network(network)
        .inference_network(CouplingFlow {
            depth: 2,
            subnet: Mlp { widths: vec![32, 32], dropout: 0.0, ..Mlp::for_couplings() },
            ..CouplingFlow::default()
        })
        .seed(1)
        .build()?;
    workflow.fit_online(Fit { epochs: 5, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() })?;

    let observed = workflow.simulate(1)?;
    let y = observed.column("y")?.array.to_f64();
    let draws = workflow.sample(&observed, 2000)?.column("mu")?.array.to_f64();
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let exact = y.iter().sum::<f64>() / (SIZE as f64 + 1.0);
    println!("posterior mean: learned {mean:.3}, exact {exact:.3}");
    assert!((mean - exact).abs() < 0.15);
    Ok(())
}
