//! 5. Ratios instead of densities: a classifier, and a sampler that follows its gradient.
//!
//! Two measurements share an unknown position; the exact posterior is normal, so that the chains can be held against it.

use ferroflow::make_simulator;
use ferroflow::mcmc::Nuts;
use ferroflow::prelude::*;
use rand_distr::{Distribution, StandardNormal};

fn main() -> ferroflow::Result<()> {
    let prior = |rng: &mut Stream, _: &View| {
        let position: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("position", position))
    };
    let likelihood = |rng: &mut Stream, given: &View| {
        let position = given.scalar("position")?;
        let noisy = |scale: f64, rng: &mut Stream| {
            let noise: f64 = StandardNormal.sample(rng);
            position + scale * noise
        };
        Ok(Draw::new().with("precise", noisy(0.5, rng)).with("rough", noisy(1.0, rng)))
    };
    let simulator =
        make_simulator! { prior, likelihood }.log_prior(|given| Ok(-0.5 * given.scalar("position")?.powi(2)));
    let adapter = Adapter::new()
        .concatenate(["position"], "inference_variables")
        .concatenate(["precise", "rough"], "inference_conditions");
    let mut workflow = RatioWorkflow::new(simulator)
        .adapter(adapter)
        .inference_network(Mlp { widths: vec![64, 64], dropout: 0.0, ..Mlp::default() })
        .seed(1)
        .build()?;
    let fit = Fit { epochs: 20, batches_per_epoch: 100, batch_size: 128, learning_rate: 2e-3, ..Fit::default() };
    workflow.fit_online(fit)?;

    let observed = workflow.simulate(5)?;
    let (draws, chains) = workflow.sample(&observed, &Nuts { warmup: 300, draws: 500, ..Nuts::default() })?;
    let (precise, rough) = (observed.column("precise")?.array.to_f64(), observed.column("rough")?.array.to_f64());
    let positions = draws.column("position")?.array.to_f64();
    let mut worst = 0f64;
    for (dataset, chain) in chains.iter().enumerate() {
        // Precision 1 of the prior, 4 and 1 of the measurements.
        let (mean, sd) = ((4.0 * precise[dataset] + rough[dataset]) / 6.0, (1.0 / 6.0f64).sqrt());
        let own = &positions[dataset * 2000..(dataset + 1) * 2000];
        let estimate = own.iter().sum::<f64>() / 2000.0;
        let width = (own.iter().map(|x| (x - estimate).powi(2)).sum::<f64>() / 2000.0).sqrt();
        println!("exact {mean:.3} ± {sd:.3}, sampled {estimate:.3} ± {width:.3}; {}", chain.verdict().sentence);
        worst = worst.max((estimate - mean).abs() / sd).max((width / sd).ln().abs());
        assert!(chain.verdict().reliable);
    }
    assert!(worst < 0.3, "{worst}");
    Ok(())
}
