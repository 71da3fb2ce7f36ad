//! 2. One's own simulator and one's own adapter, in a workflow.
//!
//! How fast does a coffee cool? The rate and the room's temperature are unknown; a handful of noisy measurements at times
//! of one's choice is what there is, and their number differs between data sets.

use ferroflow::make_simulator;
use ferroflow::prelude::*;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

fn main() -> ferroflow::Result<()> {
    let meta = |rng: &mut Stream, _: &View| Ok(Draw::new().with("N", rng.random_range(8..=16) as i64));
    let prior = |rng: &mut Stream, _: &View| {
        let normal: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("rate", rng.random_range(0.02..0.2)).with("room", 20.0 + 2.0 * normal))
    };
    let likelihood = |rng: &mut Stream, given: &View| {
        let (rate, room) = (given.scalar("rate")?, given.scalar("room")?);
        let time: Vec<f64> = (0..given.size("N")?).map(|_| rng.random_range(0.0..40.0)).collect();
        let temperature: Vec<f64> = time
            .iter()
            .map(|t| {
                let noise: f64 = StandardNormal.sample(rng);
                room + (90.0 - room) * (-rate * t).exp() + noise
            })
            .collect();
        Ok(Draw::new().with("time", time).with("temperature", temperature))
    };
    let simulator = make_simulator! { meta: meta; prior, likelihood };

    let adapter = Adapter::new()
        .as_set(["time", "temperature"])
        .constrain("rate", between(0.02, 0.2))
        .concatenate(["rate", "room"], "inference_variables")
        .concatenate(["time", "temperature"], "summary_variables");
    let mut workflow = BasicWorkflow::new(simulator)
        .adapter(adapter)
        .summary_network(DeepSet {
            summary_dim: 8,
            embed_dim: 32,
            mlp_widths: vec![32],
            dropout: 0.0,
            ..DeepSet::default()
        })
        .inference_network(CouplingFlow {
            depth: 3,
            subnet: Mlp { widths: vec![64, 64], dropout: 0.0, ..Mlp::for_couplings() },
            ..CouplingFlow::default()
        })
        .standardize([Variable::InferenceVariables, Variable::SummaryVariables])
        .seed(1)
        .build()?;
    let fit = Fit { epochs: 5, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() };
    workflow.fit_online(fit)?;

    let observed = workflow.simulate(200)?;
    let draws = workflow.sample(&observed, 200)?;
    let truth = observed.column("rate")?.array.to_f64();
    let rates = draws.column("rate")?.array.to_f64();
    let estimates: Vec<f64> = rates.chunks(200).map(|draws| draws.iter().sum::<f64>() / 200.0).collect();
    let error = truth.iter().zip(&estimates).map(|(t, e)| (t - e).powi(2)).sum::<f64>() / 200.0;
    let spread = truth.iter().map(|t| (t - 0.11).powi(2)).sum::<f64>() / 200.0;
    println!("the posterior mean explains {:.1} % of the variance of the cooling rate", 100.0 * (1.0 - error / spread));
    assert!(error < 0.2 * spread);
    Ok(())
}
