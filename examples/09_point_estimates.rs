//! 9. Estimates in one pass: posterior means, quantiles, and a mixture of normal distributions with draws and a density.

use ferroflow::networks::ScoringRule;
use ferroflow::prelude::*;

fn main() -> ferroflow::Result<()> {
    let rules = [
        ("mean", ScoringRule::Mean),
        ("quantiles", ScoringRule::quantiles([0.05, 0.5, 0.95])),
        ("mixture", ScoringRule::normal_mixture(2)),
    ];
    let network = ScoringRuleNetwork {
        subnet: Mlp { widths: vec![64, 64], dropout: 0.0, ..Mlp::default() },
        ..ScoringRuleNetwork::of(rules)
    };
    let mut workflow = PointWorkflow::new(LinearRegression::default())
        .adapter(linear_regression_adapter())
        .summary_network(DeepSet {
            summary_dim: 8,
            embed_dim: 32,
            mlp_widths: vec![32],
            dropout: 0.0,
            ..DeepSet::default()
        })
        .standardize([Variable::InferenceVariables, Variable::SummaryVariables])
        .inference_network(network)
        .seed(1)
        .build()?;
    workflow.fit_online(Fit { epochs: 10, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() })?;

    let observed = workflow.simulate(500)?;
    let estimates = workflow.estimate(&observed)?;
    let quantiles = &estimates.group("beta")?.column("quantiles")?.array; // [datasets, levels, dim]
    assert_eq!(quantiles.shape(), [500, 3, 2]);
    let (quantiles, truth) = (quantiles.to_f64(), observed.column("beta")?.array.to_f64());
    let inside = |i: &usize| {
        let (dataset, dim) = (i / 2, i % 2);
        let quantile = |level: usize| quantiles[(dataset * 3 + level) * 2 + dim];
        quantile(0) <= truth[*i] && truth[*i] <= quantile(2)
    };
    let share = (0..1000).filter(inside).count() as f64 / 1000.0;
    println!("the 90 % intervals hold {:.1} % of the true coefficients", 100.0 * share);

    let draws = workflow.sample(&observed, 200)?;
    assert_eq!(draws.column("sigma")?.array.shape(), [500, 200, 1]);
    let log_prob = workflow.log_prob(&observed)?;
    println!("ln q(truth) of the mixture: {:.3} on average", log_prob.iter().sum::<f64>() / 500.0);
    assert!((share - 0.9).abs() < 0.06);
    Ok(())
}
