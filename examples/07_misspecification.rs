//! 7. Are the observed data like the simulations? A p-value for each data set, and a test for all of them together.

use ferroflow::distributions::DiagonalNormal;
use ferroflow::prelude::*;

fn main() -> ferroflow::Result<()> {
    let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default())?
        .summary_network(DeepSet {
            summary_dim: 8,
            embed_dim: 32,
            mlp_widths: vec![32],
            dropout: 0.0,
            ..DeepSet::default()
        })
        // Training draws the summaries towards a normal distribution, in which unusual data stand out.
        .summary_distribution(DiagonalNormal::default())
        .seed(1)
        .build()?;
    workflow.fit_online(Fit { epochs: 8, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() })?;

    let reference = workflow.simulate(500)?;
    let clean = reference.select(&(0..50).collect::<Vec<_>>())?;
    let reference = reference.select(&(50..500).collect::<Vec<_>>())?;
    // The same measurements, ten standard deviations of the noise higher.
    let mut shifted = clean.clone();
    let y = clean.column("y")?;
    let higher = y.array.to_f64().iter().map(|y| y + 10.0).collect();
    let array = Array::f64(y.array.shape(), higher)?;
    shifted.insert("y", Column { array, ..y.clone() });

    let mut p_values = Vec::new();
    for (name, data) in [("simulated", &clean), ("shifted", &shifted)] {
        let test = workflow.summary_space_comparison(data, &reference, 200)?;
        let typical = workflow.typicality(data)?.unwrap_or_default();
        let atypical = typical.iter().filter(|p| **p <= 0.01).count();
        println!("{name}: p = {:.3} for all together; {atypical} of 50 data sets with p ≤ 0.01", test.p_value);
        if let Some(warning) = workflow.warn_atypical(data)? {
            println!("  {warning}");
        }
        p_values.push(test.p_value);
    }
    assert!(p_values[0] > 0.01 && p_values[1] < 0.01);
    Ok(())
}
