//! Empirical coverage of credible intervals of all widths.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

use super::statistics::sorted;
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};

/// Which draws an interval spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IntervalType {
    /// As many draws below as above.
    #[default]
    Central,
    /// The smallest draws.
    Leftmost,
}

/// The coverage of one variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CoverageCurve {
    /// The name of the variable.
    pub variable: String,
    /// Probability of each interval under a calibrated posterior: its number of ranks ÷ (draws + 1).
    pub width_represented: Vec<f64>,
    /// Share of data sets whose true value is inside.
    pub estimate: Vec<f64>,
    /// Lower limit of the credible band of the coverage.
    pub lower: Vec<f64>,
    /// Upper limit of the credible band of the coverage.
    pub upper: Vec<f64>,
}

/// Coverage of intervals of the given widths.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmpiricalCoverage {
    /// The widths that were asked for.
    pub widths: Vec<f64>,
    /// One curve for each variable.
    pub variables: Vec<CoverageCurve>,
}

/// The widths `j / (draws + 1)` that intervals between draws can represent, j from 0 to `draws`. BayesFlow 2.0.12 adds the
/// width 1, which no interval between draws has: it repeats the row before.
pub fn coverage_widths(num_post_draws: usize) -> Vec<f64> {
    (0..=num_post_draws).map(|j| j as f64 / (num_post_draws + 1) as f64).collect()
}

/// For each width w: how often the interval of `k = round((S + 1) w)` neighbouring sorted draws holds the true value, both
/// ends included, with a band of probability `prob` for the coverage.
///
/// Central intervals start at rank `round(S/2 − k/2)`, leftmost ones at 0; halves are rounded to the even number, and ranks
/// beyond the draws are cut off. The band is that of a Beta(c + 1, N − c + 1) distribution, the posterior of the coverage
/// after c of N data sets were covered under a uniform prior.
pub fn compute_empirical_coverage(
    draws: &Draws,
    truths: &Truths,
    widths: &[f64],
    prob: f64,
    interval_type: IntervalType,
) -> Result<EmpiricalCoverage> {
    check_pair(draws, truths)?;
    if let Some(width) = widths.iter().find(|w| !(0.0..=1.0).contains(*w)) {
        return Err(Error::argument("widths", format!("holds {width}; widths are probabilities from 0 to 1")));
    }
    if !(0.0..=1.0).contains(&prob) {
        return Err(Error::argument("prob", format!("is {prob}; give a probability from 0 to 1")));
    }
    let count = draws.draws() as f64;
    // First and one after the last rank of each width.
    let spans: Vec<(usize, usize)> = widths
        .iter()
        .map(|width| {
            let ranks = ((count + 1.0) * width).round_ties_even();
            let low = match interval_type {
                IntervalType::Central => (count / 2.0 - ranks / 2.0).round_ties_even(),
                IntervalType::Leftmost => 0.0,
            };
            let end = (low + ranks).min(count);
            (low.max(0.0) as usize, end.max(0.0) as usize)
        })
        .collect();
    let curve = |v: usize| -> Result<CoverageCurve> {
        let mut covered = vec![0usize; spans.len()];
        for (x, &truth) in draws.variable(v).zip(truths.variable(v)) {
            let x = sorted(x);
            for (covered, &(low, end)) in covered.iter_mut().zip(&spans) {
                *covered += usize::from(low < end && x[low] <= truth && truth <= x[end - 1]);
            }
        }
        let width_represented: Vec<f64> =
            spans.iter().map(|(low, end)| end.saturating_sub(*low) as f64 / (count + 1.0)).collect();
        let limit = |level: f64| -> Result<Vec<f64>> {
            let limits = covered.iter().zip(&width_represented);
            limits.map(|(&c, &width)| band_limit(c, draws.datasets(), width, level)).collect()
        };
        Ok(CoverageCurve {
            variable: draws.variables()[v].name.clone(),
            estimate: covered.iter().map(|&c| c as f64 / draws.datasets() as f64).collect(),
            lower: limit((1.0 - prob) / 2.0)?,
            upper: limit((1.0 + prob) / 2.0)?,
            width_represented,
        })
    };
    let variables = (0..draws.variables().len()).map(curve).collect::<Result<_>>()?;
    Ok(EmpiricalCoverage { widths: widths.to_vec(), variables })
}

/// An interval of width 0 or 1 covers never or always, without uncertainty.
fn band_limit(covered: usize, datasets: usize, width: f64, level: f64) -> Result<f64> {
    if width == 0.0 || width == 1.0 {
        return Ok(width);
    }
    let (a, b) = (covered as f64 + 1.0, (datasets - covered) as f64 + 1.0);
    let beta = Beta::new(a, b).map_err(|e| Error::argument("coverage", format!("Beta({a}, {b}) is unusable: {e}")))?;
    Ok(beta.inverse_cdf(level))
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::diagnostics::metrics::statistics::tests_support::{example, normal_study};
    use crate::random::Key;

    #[test]
    fn reference_table() {
        let (draws, truths) = example();
        let widths: Vec<f64> = (0..=6).map(|j| f64::from(j) / 6.0).collect();
        let coverage = compute_empirical_coverage(&draws, &truths, &widths, 0.95, IntervalType::Central).unwrap();
        let curve = &coverage.variables[0];
        let expected = [
            (0.0, 0.0, 0.0, 0.0),
            (1.0 / 6.0, 0.0, 0.0036103, 0.4096164),
            (1.0 / 3.0, 1.0 / 3.0, 0.0989883, 0.7095791),
            (0.5, 5.0 / 6.0, 0.4212768, 0.9633074),
            (2.0 / 3.0, 1.0, 0.5903836, 0.9963897),
            (5.0 / 6.0, 1.0, 0.5903836, 0.9963897),
            (5.0 / 6.0, 1.0, 0.5903836, 0.9963897),
        ];
        for (j, (width, estimate, lower, upper)) in expected.into_iter().enumerate() {
            assert_abs_diff_eq!(curve.width_represented[j], width, epsilon = 1e-12);
            assert_abs_diff_eq!(curve.estimate[j], estimate, epsilon = 1e-12);
            assert_abs_diff_eq!(curve.lower[j], lower, epsilon = 1e-7);
            assert_abs_diff_eq!(curve.upper[j], upper, epsilon = 1e-7);
        }
        assert_eq!(coverage_widths(5), widths[..6]);
    }

    #[test]
    fn calibrated_curves_follow_the_width() {
        for kind in [IntervalType::Central, IntervalType::Leftmost] {
            let (draws, truths) = normal_study(Key::new(18), 2000, 99, 0.0, 1.0);
            let coverage = compute_empirical_coverage(&draws, &truths, &coverage_widths(99), 0.95, kind).unwrap();
            let curve = &coverage.variables[0];
            let worst = curve.estimate.iter().zip(&curve.width_represented).map(|(e, w)| (e - w).abs());
            assert!(worst.fold(0.0, f64::max) < 0.05);
        }
    }

    #[test]
    fn faults_are_named() {
        let (draws, truths) = example();
        let run =
            |widths: &[f64], prob| compute_empirical_coverage(&draws, &truths, widths, prob, IntervalType::Central);
        assert!(run(&[1.5], 0.95).is_err() && run(&[f64::NAN], 0.95).is_err() && run(&[0.5], -1.0).is_err());
    }
}
