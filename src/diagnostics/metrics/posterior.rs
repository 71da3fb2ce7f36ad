//! Posterior contraction and posterior z-score (Betancourt 2020; Schad, Betancourt and Vasishth 2021).

use super::metric::{Aggregation, Metric};
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};
use crate::math::{mean, variance};

/// How much of the prior variance the data take away: `clip(1 − Var_s x[i, s] / Var_i θ[i], 0, 1)`, both variances with
/// divisor n − 1, aggregated over data sets; unaggregated values are `[datasets, variables]`.
///
/// 0: the posterior is as wide as the prior or wider; 1: the data determine the variable.
pub fn posterior_contraction(draws: &Draws, truths: &Truths, aggregation: Aggregation) -> Result<Metric> {
    check_pair(draws, truths)?;
    enough("posterior contraction", "data sets", draws.datasets())?;
    enough("posterior contraction", "draws", draws.draws())?;
    Ok(Metric::aggregate("Posterior Contraction", draws, aggregation, |v| {
        let prior = variance(truths.variable(v), 1);
        draws.variable(v).map(|x| (1.0 - variance(x, 1) / prior).clamp(0.0, 1.0)).collect()
    }))
}

/// How far the posterior mean is from the truth, in posterior standard deviations: `(mean_s x[i, s] − θ[i]) / sd_s x[i, s]`,
/// standard deviation with divisor n − 1, aggregated over data sets; unaggregated values are `[datasets, variables]`.
pub fn posterior_z_score(draws: &Draws, truths: &Truths, aggregation: Aggregation) -> Result<Metric> {
    check_pair(draws, truths)?;
    enough("posterior z-score", "draws", draws.draws())?;
    Ok(Metric::aggregate("Posterior z-score", draws, aggregation, |v| {
        draws.variable(v).zip(truths.variable(v)).map(|(x, truth)| (mean(x) - truth) / variance(x, 1).sqrt()).collect()
    }))
}

pub(crate) fn enough(metric: &str, what: &str, count: usize) -> Result<()> {
    if count >= 2 {
        return Ok(());
    }
    Err(Error::shape(metric, format!("{count} {what} were given; a variance needs at least 2")))
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::codecs::Array;
    use crate::diagnostics::metrics::statistics::tests_support::{example, normal_study};
    use crate::random::Key;

    #[test]
    fn reference_example() {
        let (draws, truths) = example();
        for contraction in posterior_contraction(&draws, &truths, Aggregation::None).unwrap().values {
            assert_abs_diff_eq!(contraction, 0.76277834, epsilon = 5e-9);
        }
        let scores = posterior_z_score(&draws, &truths, Aggregation::None).unwrap().values;
        let expected = [-0.05059644, 0.32887688, -0.35417510, 0.02529822, 1.06252529, 0.48066620];
        for (score, expected) in scores.iter().zip(expected) {
            assert_abs_diff_eq!(*score, expected, epsilon = 5e-9);
        }
        let median = posterior_z_score(&draws, &truths, Aggregation::Median).unwrap().values[0];
        assert_abs_diff_eq!(median, 0.17708755, epsilon = 5e-9);
    }

    /// One observation with the variance of the prior halves the variance.
    #[test]
    fn normal_model() {
        let (draws, truths) = normal_study(Key::new(3), 1000, 200, 1.0, 1.0);
        let contraction = posterior_contraction(&draws, &truths, Aggregation::Mean).unwrap().values[0];
        let score = posterior_z_score(&draws, &truths, Aggregation::Mean).unwrap().values[0];
        assert!((contraction - 0.5).abs() < 0.04 && (score - 1.0).abs() < 0.1, "{contraction} {score}");
    }

    #[test]
    fn one_draw_has_no_variance() {
        let draws = Draws::from_array(&Array::f64([2, 1, 1], vec![0.0, 1.0]).unwrap()).unwrap();
        let truths = Truths::from_array(&Array::f64([2, 1], vec![0.0, 1.0]).unwrap()).unwrap();
        let error = posterior_z_score(&draws, &truths, Aggregation::Median).unwrap_err().to_string();
        assert!(error.contains("1 draws were given; a variance needs at least 2"), "{error}");
        assert!(posterior_contraction(&draws, &truths, Aggregation::Median).is_err());
    }
}
