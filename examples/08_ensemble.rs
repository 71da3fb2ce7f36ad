//! 8. An ensemble: several networks for the same posterior, and how far they disagree.

use ferroflow::prelude::*;

fn main() -> ferroflow::Result<()> {
    let member = BasicWorkflow::for_simulator(LinearRegression::default())?
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
        .seed(1);
    let mut ensemble = EnsembleWorkflow::of_size(member, 3)?;
    let histories =
        ensemble.fit_online(Fit { epochs: 6, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() })?;
    for ((name, _), history) in ensemble.members().zip(&histories) {
        println!("member {name}: loss {:.3}", history.epoch_losses().last().copied().unwrap_or(f64::NAN));
    }

    let test = ensemble.simulate(200)?;
    let merged = ensemble.sample(&test, 300)?;
    assert_eq!(merged.column("beta")?.array.shape(), [200, 300, 2]);
    let disagreement = ensemble.disagreement(&test, 300)?;
    for (name, share) in disagreement.names.iter().zip(disagreement.means()) {
        println!("{name}: {:.1} % of the posterior variance is disagreement", 100.0 * share);
    }

    // The mixture is at least as dense at the truth as its members are on average.
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let of_members: Vec<f64> =
        ensemble.members().map(|(_, member)| Ok(mean(member.log_prob(&test)?))).collect::<ferroflow::Result<_>>()?;
    let of_all = mean(ensemble.log_prob(&test)?);
    println!("ln q(truth): members {of_members:.3?}, together {of_all:.3}");
    assert!(of_all >= mean(of_members) && disagreement.means().iter().all(|share| *share < 0.2));
    Ok(())
}
