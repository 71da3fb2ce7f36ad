//! The posterior of the linear regression, trained for a few seconds, against the exact one.
//!
//! `ferroflow bench exact-regression` measures the full training; its table stands in the README.

use ferroflow::evaluation::exact_regression;
use ferroflow::prelude::*;

/// Before the training the posterior is the base distribution: wrong by about its prior widths. A tenth of the tutorial's
/// budget brings the medians near those of the peer's whole training (0.22 and 0.28).
#[test]
fn a_short_training_comes_close_to_the_exact_posterior() {
    let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default()).unwrap().seed(1).build().unwrap();
    workflow.fit_online(Fit { epochs: 3, batches_per_epoch: 100, ..Fit::for_regression() }).unwrap();
    let agreement = exact_regression(&workflow, 200, 500, 1).unwrap();
    println!("{agreement:?}");
    assert!(agreement.median_mean_error < 0.4, "{agreement:?}");
    assert!(agreement.median_width_error < 0.4, "{agreement:?}");
}
