//! Correlation of draws and true values over data sets.

use super::metric::{Aggregation, Metric};
use super::posterior::enough;
use super::statistics::pearson;
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::Result;

/// For every draw index `s` the Pearson correlation over data sets of `x[·, s]` and `θ[·]`, aggregated over draws;
/// unaggregated values are `[draws, variables]`. NaN where draws or true values have no variance.
///
/// If the posterior is calibrated, the correlation of one draw with the truth equals the mean contraction (both are the
/// share of the prior variance that the posterior mean explains), so that a smaller correlation shows overconfidence.
pub fn correlation(draws: &Draws, truths: &Truths, aggregation: Aggregation) -> Result<Metric> {
    check_pair(draws, truths)?;
    enough("correlation", "data sets", draws.datasets())?;
    Ok(Metric::aggregate("Correlation", draws, aggregation, |v| {
        let columns: Vec<&[f64]> = draws.variable(v).collect();
        let across = |s: usize| columns.iter().map(|x| x[s]).collect::<Vec<_>>();
        (0..draws.draws()).map(|s| pearson(&across(s), truths.variable(v))).collect()
    }))
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::diagnostics::metrics::posterior::posterior_contraction;
    use crate::diagnostics::metrics::statistics::tests_support::{example, normal_study};
    use crate::random::Key;

    #[test]
    fn reference_example() {
        let (draws, truths) = example();
        for r in correlation(&draws, &truths, Aggregation::None).unwrap().values {
            assert_abs_diff_eq!(r, 0.98958298, epsilon = 5e-9);
        }
    }

    #[test]
    fn equals_contraction_when_calibrated() {
        let (draws, truths) = normal_study(Key::new(4), 2000, 100, 0.0, 1.0);
        let r = correlation(&draws, &truths, Aggregation::Mean).unwrap().values[0];
        let contraction = posterior_contraction(&draws, &truths, Aggregation::Mean).unwrap().values[0];
        assert_abs_diff_eq!(r, contraction, epsilon = 0.04);
    }
}
