//! The posterior of the linear regression without a network.
//!
//! Given σ the coefficients are Gaussian (Bishop 2006, §3.3): with the design matrix `X = [1, x]`, the prior
//! `β ~ N(m₀, P₀⁻¹)` and the data `y`,
//!
//! ```text
//! A(σ) = P₀ + XᵀX/σ²      μ(σ) = A⁻¹ (P₀m₀ + Xᵀy/σ²)      β | σ, y ~ N(μ, A⁻¹)
//! ln p(y | σ) = −N ln σ − ½ ln|A| − ½ (‖y − Xμ‖²/σ² + (μ − m₀)ᵀP₀(μ − m₀)) + constant
//! ```
//!
//! The remaining dimension `u = ln σ` is integrated by the trapezoidal rule, which converges exponentially for a smooth
//! integrand that vanishes at both ends. The moments are within 1e-4 of a standard deviation of a brute-force integral.

use super::{PRIOR_MEAN, PRIOR_SD};
use crate::error::{Error, Result};
use crate::math::normal_cdf;

/// Range of ln σ that is searched for the mass of the posterior.
const LOG_SIGMA: [f64; 2] = [-40.0, 10.0];
/// Step of that search; the narrowest integrand, that of many observations, has the width 1/√(2N).
const SEARCH_STEPS: usize = 1000;
/// Points with less than e⁻⁴⁰ of the largest density do not count.
const NEGLIGIBLE: f64 = 40.0;
/// Points of the trapezoidal rule between the ends of the mass.
const GRID_STEPS: usize = 2000;

/// Moments of the exact posterior of intercept, slope and σ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// Means of β₀, β₁, σ.
    pub mean: [f64; 3],
    /// Standard deviations of β₀, β₁, σ.
    pub sd: [f64; 3],
}

/// β | σ, y and the log-density of ln σ up to a constant.
struct Conditional {
    mean: [f64; 2],
    variance: [f64; 2],
    log_density: f64,
}

/// The exact posterior of one data set of [`LinearRegression`](super::LinearRegression).
pub fn exact_posterior(x: &[f64], y: &[f64]) -> Result<Posterior> {
    let grid = Grid::new(x, y)?;
    let expectation = |f: &dyn Fn(f64, &Conditional) -> f64| grid.expectation(f);
    let mean = [expectation(&|_, c| c.mean[0]), expectation(&|_, c| c.mean[1]), expectation(&|sigma, _| sigma)];
    let sd = [
        expectation(&|_, c| c.variance[0] + (c.mean[0] - mean[0]).powi(2)).sqrt(),
        expectation(&|_, c| c.variance[1] + (c.mean[1] - mean[1]).powi(2)).sqrt(),
        expectation(&|sigma, _| (sigma - mean[2]).powi(2)).sqrt(),
    ];
    Ok(Posterior { mean, sd })
}

/// The exact posterior probabilities that β₀, β₁, σ lie below given values: what ranks of exact draws would tend to.
pub fn exact_probabilities(x: &[f64], y: &[f64], values: [f64; 3]) -> Result<[f64; 3]> {
    let grid = Grid::new(x, y)?;
    let below = |k: usize| grid.expectation(&|_, c| normal_cdf((values[k] - c.mean[k]) / c.variance[k].sqrt()));
    // Half of the grid point at the value counts.
    let sigma = grid.expectation(&|sigma, _| ((values[2].ln() - sigma.ln()) / grid.step + 0.5).clamp(0.0, 1.0));
    Ok([below(0), below(1), sigma])
}

/// ln σ on a grid, with weights.
struct Grid {
    step: f64,
    points: Vec<(f64, Conditional)>,
    weights: Vec<f64>,
    total: f64,
}

impl Grid {
    fn new(x: &[f64], y: &[f64]) -> Result<Self> {
        if x.len() != y.len() || x.is_empty() {
            return Err(Error::shape(
                "x, y",
                format!("{} and {} elements were given; give equally many, at least one", x.len(), y.len()),
            ));
        }
        if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
            return Err(Error::value("x, y", format!("{bad} is among the observations; give finite numbers")));
        }
        let [low, high] = support(x, y)?;
        let step = (high - low) / GRID_STEPS as f64;
        let points: Vec<(f64, Conditional)> = (0..=GRID_STEPS)
            .map(|i| low + i as f64 * step)
            .map(|log_sigma| (log_sigma.exp(), conditional(x, y, log_sigma)))
            .collect();
        let largest = points.iter().map(|(_, c)| c.log_density).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = points.iter().map(|(_, c)| (c.log_density - largest).exp()).collect();
        let total = weights.iter().sum();
        Ok(Grid { step, points, weights, total })
    }

    /// The posterior mean of a function of σ and of what is known of β given σ.
    fn expectation(&self, f: &dyn Fn(f64, &Conditional) -> f64) -> f64 {
        self.points.iter().zip(&self.weights).map(|((sigma, c), w)| w * f(*sigma, c)).sum::<f64>() / self.total
    }
}

/// The range of ln σ outside of which the density is negligible.
fn support(x: &[f64], y: &[f64]) -> Result<[f64; 2]> {
    let [low, high] = LOG_SIGMA;
    let step = (high - low) / SEARCH_STEPS as f64;
    let log_densities: Vec<f64> =
        (0..=SEARCH_STEPS).map(|i| conditional(x, y, low + i as f64 * step).log_density).collect();
    let largest = log_densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let counts = |d: &f64| *d > largest - NEGLIGIBLE;
    let first = log_densities.iter().position(counts);
    let last = log_densities.iter().rposition(counts);
    match (first, last) {
        (Some(first), Some(last)) if first > 0 && last < SEARCH_STEPS => {
            Ok([low + (first - 1) as f64 * step, low + (last + 1) as f64 * step])
        }
        _ => Err(Error::value(
            "x, y",
            "the observations lie on a line to machine precision, or are so large that the posterior of sigma leaves \
             the range 1e-17 to 2e4; give data that the model can produce",
        )),
    }
}

fn conditional(x: &[f64], y: &[f64], log_sigma: f64) -> Conditional {
    let weight = (-2.0 * log_sigma).exp();
    let n = x.len() as f64;
    let precision = PRIOR_SD.map(|sd| sd.powi(-2));
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(&x, &y)| f(x, y)).sum::<f64>();
    let (a, b, d) = (precision[0] + weight * n, weight * sum(&|x, _| x), precision[1] + weight * sum(&|x, _| x * x));
    let right = [
        precision[0] * PRIOR_MEAN[0] + weight * sum(&|_, y| y),
        precision[1] * PRIOR_MEAN[1] + weight * sum(&|x, y| x * y),
    ];
    let determinant = a * d - b * b;
    let mean = [(d * right[0] - b * right[1]) / determinant, (a * right[1] - b * right[0]) / determinant];
    let residual = weight * sum(&|x, y| (y - mean[0] - mean[1] * x).powi(2));
    let shift: f64 = (0..2).map(|k| precision[k] * (mean[k] - PRIOR_MEAN[k]).powi(2)).sum();
    // The prior Gamma(1, 1) of σ gives −σ, the change to ln σ gives + ln σ.
    let log_density = (1.0 - n) * log_sigma - 0.5 * (determinant.ln() + residual + shift) - log_sigma.exp();
    Conditional { mean, variance: [d / determinant, a / determinant], log_density }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Record;
    use crate::simulators::{LinearRegression, Request, Simulator};

    /// Probabilities of the truth are uniform: mean and variance of those of many data sets.
    #[test]
    fn probabilities_of_the_truth_are_uniform() {
        let data = LinearRegression::default().sample(&Request::new(2000, crate::random::Key::new(11))).unwrap();
        let values = |key: &str| data.column(key).unwrap().array.to_f64();
        let (beta, sigma, xs, ys) = (values("beta"), values("sigma"), values("x"), values("y"));
        let offsets = data.column("x").unwrap().offsets.clone();
        let size = xs.len() / 2000;
        let mut all = [const { Vec::new() }; 3];
        for i in 0..2000 {
            let set = offsets.as_ref().map_or(i * size..(i + 1) * size, |o| o[i]..o[i + 1]);
            let truth = [beta[2 * i], beta[2 * i + 1], sigma[i]];
            let p = exact_probabilities(&xs[set.clone()], &ys[set], truth).unwrap();
            all.iter_mut().zip(p).for_each(|(all, p)| all.push(p));
        }
        for p in all {
            let mean = p.iter().sum::<f64>() / 2000.0;
            let square = p.iter().map(|p| (p - 0.5).powi(2)).sum::<f64>() / 2000.0;
            assert!((mean - 0.5).abs() < 4.0 * (1.0 / 12.0 / 2000.0f64).sqrt(), "mean {mean}");
            assert!((square - 1.0 / 12.0).abs() < 4.0 * (1.0 / 180.0 / 2000.0f64).sqrt(), "variance {square}");
        }
    }

    /// Brute force over a grid in (β₀, β₁, ln σ) with the simulator's own densities: another path to the same integral.
    #[test]
    fn agrees_with_a_grid_in_three_dimensions() {
        let x = [-1.3, -0.2, 0.4, 0.9, 1.7, 0.1, -0.6, 2.1, 0.3, -0.9, 1.1, -1.6, 0.7, -0.4];
        let y = [1.9, 3.3, 3.1, 5.2, 5.0, 2.2, 2.9, 6.1, 3.0, 1.2, 4.9, 0.8, 4.0, 2.1];
        let exact = exact_posterior(&x, &y).unwrap();
        let sizes = [80, 80, 60];
        let axis = |k: usize, i: usize| {
            let t = (i as f64 + 0.5) / sizes[k] as f64;
            if k < 2 { exact.mean[k] + (2.0 * t - 1.0) * 12.0 * exact.sd[k] } else { -2.0 + 4.0 * t }
        };
        let mut points = Vec::new();
        for i in 0..sizes[0] {
            for j in 0..sizes[1] {
                for k in 0..sizes[2] {
                    points.push([axis(0, i), axis(1, j), axis(2, k)]);
                }
            }
        }
        let log_density = |p: &[f64; 3]| {
            let sigma = p[2].exp();
            let normal = |x: f64, m: f64, s: f64| -0.5 * ((x - m) / s).powi(2) - s.ln();
            let likelihood: f64 = x.iter().zip(&y).map(|(x, y)| normal(*y, p[0] + p[1] * x, sigma)).sum();
            likelihood + normal(p[0], 2.0, 3.0) + normal(p[1], 0.0, 1.0) - sigma + p[2]
        };
        let logs: Vec<f64> = points.iter().map(log_density).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|l| (l - largest).exp()).collect();
        let total: f64 = weights.iter().sum();
        for k in 0..3 {
            let value = |p: &[f64; 3]| if k == 2 { p[2].exp() } else { p[k] };
            let mean = points.iter().zip(&weights).map(|(p, w)| w * value(p)).sum::<f64>() / total;
            let variance = points.iter().zip(&weights).map(|(p, w)| w * (value(p) - mean).powi(2)).sum::<f64>() / total;
            assert!((mean - exact.mean[k]).abs() < 1e-4 * exact.sd[k], "mean {k}: {mean}, exact {:?}", exact.mean);
            assert!(
                (variance.sqrt() / exact.sd[k] - 1.0).abs() < 1e-4,
                "sd {k}: {}, exact {:?}",
                variance.sqrt(),
                exact.sd
            );
        }
    }

    /// Averaged over the simulator, the squared error of the posterior mean equals the posterior variance.
    #[test]
    fn calibrated_over_simulations() {
        let record = LinearRegression::default().simulate(4000, 11).unwrap();
        let (x, y) = (record.column("x").unwrap(), record.column("y").unwrap());
        let (beta, sigma) =
            (record.column("beta").unwrap().array.to_f64(), record.column("sigma").unwrap().array.to_f64());
        let offsets = x.offsets.clone().unwrap();
        let (x, y) = (x.array.to_f64(), y.array.to_f64());
        let mut squares = [0.0; 3];
        for i in 0..4000 {
            let rows = offsets[i]..offsets[i + 1];
            let exact = exact_posterior(&x[rows.clone()], &y[rows]).unwrap();
            for (k, truth) in [beta[2 * i], beta[2 * i + 1], sigma[i]].into_iter().enumerate() {
                squares[k] += ((truth - exact.mean[k]) / exact.sd[k]).powi(2) / 4000.0;
            }
        }
        assert!(squares.iter().all(|s| (s - 1.0).abs() < 0.12), "{squares:?}");
    }

    #[test]
    fn few_many_and_impossible_observations() {
        let one = exact_posterior(&[0.5], &[3.0]).unwrap();
        assert!(one.sd[1] < 1.0 && one.sd[1] > 0.5 && one.sd[2] > 0.5, "{one:?}");
        let request = Request::new(1, crate::random::Key::new(2)).given(
            Record::new()
                .with("beta", crate::codecs::Array::f64([1, 2], vec![1.0, -1.0]).unwrap())
                .with("sigma", crate::codecs::Array::f64([1, 1], vec![0.5]).unwrap()),
        );
        let record = LinearRegression { smallest: 5000, largest: 5000, ..Default::default() }.sample(&request).unwrap();
        let (x, y) = (record.column("x").unwrap().array.to_f64(), record.column("y").unwrap().array.to_f64());
        let many = exact_posterior(&x, &y).unwrap();
        for (k, truth) in [1.0, -1.0, 0.5].into_iter().enumerate() {
            assert!((many.mean[k] - truth).abs() < 5.0 * many.sd[k] && many.sd[k] < 0.01, "{k}: {many:?}");
        }
        let on_a_line = exact_posterior(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.0, 2.0, 3.0]).unwrap_err().to_string();
        assert!(on_a_line.contains("lie on a line"), "{on_a_line}");
        assert!(exact_posterior(&[], &[]).is_err() && exact_posterior(&[1.0], &[f64::NAN]).is_err());
    }
}
