//! Two quantities that grow on their own and by meeting each other: epidemics, predators and prey.

use crate::error::{Error, Result};

/// Degree of the Taylor polynomial of a step.
const ORDER: usize = 16; // `step` takes the sixteenth root.
/// Error of a step relative to each component.
const TOLERANCE: f64 = 1e-10;
/// `1/k`.
const RECIPROCALS: [f64; ORDER + 1] = {
    let mut out = [0.0; ORDER + 1];
    let mut k = 1;
    while k <= ORDER {
        out[k] = 1.0 / k as f64;
        k += 1;
    }
    out
};
/// A step is this much shorter than the last coefficients allow.
const SAFETY: f64 = 0.95;
/// More steps mean parameters far from anything observable.
const MOST_STEPS: usize = 1_000_000;

/// `x' = a x + b x y`, `y' = c y + d x y`, solved by Taylor series.
///
/// The coefficients of the series follow from each other by products,
/// `(k + 1) x_{k+1} = a x_k + b Σ_i x_i y_{k−i}`, and the step from the last of them (Jorba and Zou 2005): an order of 16
/// costs little more than one step of a Runge–Kutta method and is an order of magnitude longer. Every coefficient of a component
/// has it as a factor, so that the error is relative to each component however small, and the polynomial is as
/// accurate between the steps.
pub(super) struct TwoSpecies {
    pub own: [f64; 2],
    pub meeting: [f64; 2],
}

impl TwoSpecies {
    /// The solution at `times`, which increase; it is `start` at the first of them. The relative error of a step is 1e-10.
    pub(super) fn solve(&self, start: [f64; 2], times: &[f64]) -> Result<Vec<[f64; 2]>> {
        let mut out = Vec::with_capacity(times.len());
        let Some((mut t, &end)) = times.first().copied().zip(times.last()) else { return Ok(out) };
        let mut y = start;
        out.push(start);
        for _ in 0..MOST_STEPS {
            if out.len() == times.len() {
                return Ok(out);
            }
            let series = self.series(y);
            let h = step(&series).min(end - t);
            if h.is_nan() || h <= f64::EPSILON * t {
                break;
            }
            let next = if h >= end - t { end } else { t + h };
            while out.len() < times.len() && times[out.len()] <= next {
                out.push(at(&series, times[out.len()] - t));
            }
            y = at(&series, next - t);
            t = next;
        }
        if out.len() == times.len() {
            return Ok(out);
        }
        Err(Error::not_finite(
            "differential equation",
            format!(
                "the solution cannot be followed beyond t = {t} of {end} with growth {:?} and {:?}; use smaller parameters",
                self.own, self.meeting
            ),
        ))
    }

    /// Coefficients of `x` and `y`.
    fn series(&self, start: [f64; 2]) -> [[f64; ORDER + 1]; 2] {
        let (mut x, mut y, mut product) = ([0.0; ORDER + 1], [0.0; ORDER + 1], [0.0; ORDER]);
        (x[0], y[0]) = (start[0], start[1]);
        for k in 0..ORDER {
            // What the new coefficients contribute to the product: sums that do not wait for each other.
            for i in 0..k.min(ORDER - k) {
                product[k + i] += x[k] * y[i] + x[i] * y[k];
            }
            if 2 * k < ORDER {
                product[2 * k] += x[k] * y[k];
            }
            let fraction = RECIPROCALS[k + 1];
            x[k + 1] = (self.own[0] * x[k] + self.meeting[0] * product[k]) * fraction;
            y[k + 1] = (self.own[1] * y[k] + self.meeting[1] * product[k]) * fraction;
        }
        [x, y]
    }
}

/// The step at which the last term falls to the tolerance.
fn step(series: &[[f64; ORDER + 1]; 2]) -> f64 {
    // The larger of the two components' terms, relative to the component.
    let largest = |k: usize| series.iter().map(|c| (c[k] / c[0]).abs()).filter(|r| !r.is_nan()).fold(0.0, f64::max);
    // The last term may happen to be near zero; then the two before it tell.
    let guess = largest(ORDER - 1) * (largest(ORDER - 1) / largest(ORDER - 2));
    let last = if guess.is_finite() { largest(ORDER).max(guess) } else { largest(ORDER) };
    // The sixteenth root.
    SAFETY * (TOLERANCE / last).sqrt().sqrt().sqrt().sqrt()
}

fn at(series: &[[f64; ORDER + 1]; 2], t: f64) -> [f64; 2] {
    let mut out = [series[0][ORDER], series[1][ORDER]];
    for k in (0..ORDER).rev() {
        out = [out[0] * t + series[0][k], out[1] * t + series[1][k]];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulators::DormandPrince;

    /// A logistic curve in closed form: with equal meeting terms of opposite sign, x + y does not change.
    #[test]
    fn logistic_growth_in_closed_form() {
        let model = TwoSpecies { own: [0.0, 0.0], meeting: [-0.5, 0.5] };
        let times: Vec<f64> = (0..400).map(|i| 0.1 * f64::from(i)).collect();
        let path = model.solve([2.0 - 1e-6, 1e-6], &times).unwrap();
        for (t, [x, y]) in times.iter().zip(path) {
            let exact = 2.0 / (1.0 + (2.0 / 1e-6 - 1.0) * (-t).exp());
            assert!((y / exact - 1.0).abs() < 1e-9 && (x + y - 2.0).abs() < 1e-10, "{t}: {y} {exact}");
        }
    }

    /// The general solver at a much smaller tolerance, in the logarithms.
    #[test]
    fn agrees_with_the_runge_kutta_method() {
        let times: Vec<f64> = (0..=40).map(|i| 0.5 * f64::from(i)).collect();
        for (own, meeting, start) in [
            ([0.88, -0.88], [-0.05, 0.05], [30.0, 1.0]),
            ([3.0, -0.2], [-0.01, 0.2], [30.0, 1.0]),
            ([0.0, -0.125], [-4e-7, 4e-7], [999_999.0, 1.0]),
        ] {
            let path = TwoSpecies { own, meeting }.solve(start, &times).unwrap();
            let logarithms = DormandPrince::tolerance(1e-12)
                .solve(
                    |_, y: &[f64; 2]| [own[0] + meeting[0] * y[1].exp(), own[1] + meeting[1] * y[0].exp()],
                    start.map(f64::ln),
                    &times,
                )
                .unwrap();
            for (ours, theirs) in path.iter().zip(&logarithms) {
                for i in 0..2 {
                    assert!((ours[i].ln() - theirs[i]).abs() < 1e-7, "{own:?}: {ours:?} {theirs:?}");
                }
            }
        }
    }

    #[test]
    fn explosions_are_errors() {
        let model = TwoSpecies { own: [0.0, 0.0], meeting: [1.0, 1.0] };
        assert!(model.solve([1.0, 1.0], &[0.0, 5.0]).unwrap_err().to_string().contains("cannot be followed"));
        let still = TwoSpecies { own: [0.0; 2], meeting: [0.0; 2] }.solve([1.0, 2.0], &[0.0, 5.0]).unwrap();
        assert_eq!(still, [[1.0, 2.0]; 2]);
    }
}
