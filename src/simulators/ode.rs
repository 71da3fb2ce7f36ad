//! Ordinary differential equations: an adaptive Runge–Kutta method with output at given times.

use crate::error::{Error, Result};

/// Stages of the method and the positions of the stages in a step.
const C: [f64; 6] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0];
/// Weights of the earlier derivatives in the second to sixth stage.
const A: [&[f64]; 5] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
];
/// Weights of the solution of order five.
const B: [f64; 6] = [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0];
/// The solution of order five less that of order four.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];
/// The last coefficient of the polynomial between two steps (Hairer, Nørsett and Wanner 1993, code DOPRI5).
const DENSE: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// A step is this much shorter than the error would allow.
const SAFETY: f64 = 0.9;
/// Steps become at most this much shorter or longer at once.
const SHRINK: f64 = 0.2;
const GROW: f64 = 10.0;

/// Solves `y' = f(t, y)` with the embedded pair of orders 5 and 4 of Dormand and Prince (1980).
///
/// The steps follow an estimate of the local error, `|e_i| ≤ absolute + relative |y_i|` in the root mean square over the
/// components. Values between the steps come from a polynomial of order 4, whose error is of the size of the tolerance too, so
/// that the steps do not depend on the times that are asked for. For problems that are not stiff: a stiff one needs many
/// steps, and `most_steps` ends it with an error.
///
/// ```
/// use ferroflow::simulators::DormandPrince;
///
/// let decay = DormandPrince::default().solve(|_, y: &[f64; 1]| [-y[0]], [1.0], &[0.0, 1.0, 2.0])?;
/// assert!((decay[2][0] - (-2f64).exp()).abs() < 1e-7);
/// # Ok::<(), ferroflow::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DormandPrince {
    /// Error of a step relative to the size of a component.
    pub relative: f64,
    /// Error of a step whatever the size of a component.
    pub absolute: f64,
    /// Steps, rejected ones included, after which the solver gives up.
    pub most_steps: usize,
}

impl Default for DormandPrince {
    /// Both tolerances are 1e-8.
    fn default() -> Self {
        DormandPrince { relative: 1e-8, absolute: 1e-8, most_steps: 100_000 }
    }
}

impl DormandPrince {
    /// Both tolerances.
    pub fn tolerance(tolerance: f64) -> Self {
        DormandPrince { relative: tolerance, absolute: tolerance, ..DormandPrince::default() }
    }

    /// The solution at `times`, which increase; it is `start` at the first of them.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for times or tolerances that cannot be used; [`Error::NotFinite`] when the step size falls to the
    /// resolution of the time, which happens at a singularity, or when `most_steps` are not enough.
    pub fn solve<const D: usize>(
        &self,
        mut derivative: impl FnMut(f64, &[f64; D]) -> [f64; D],
        start: [f64; D],
        times: &[f64],
    ) -> Result<Vec<[f64; D]>> {
        let (mut t, end) = self.check(&start, times)?;
        let mut out = Vec::with_capacity(times.len());
        out.push(start);
        if times.len() == 1 {
            return Ok(out);
        }
        let mut y = start;
        let mut k = [[0.0; D]; 7];
        k[0] = derivative(t, &y);
        let mut h = self.first_step(&mut derivative, t, &y, &k[0]).min(end - t);
        let mut was_rejected = false;
        for _ in 0..self.most_steps {
            if h <= 10.0 * f64::EPSILON * t.abs() || h < f64::MIN_POSITIVE {
                return Err(Error::not_finite(
                    "differential equation",
                    format!(
                        "the step size fell to {h:.1e} at t = {t}, where the solution changes without bound or is not a \
                         number; check the equation and its parameters there"
                    ),
                ));
            }
            // The last step ends at the last time, without a tiny one after it.
            h = if t + 1.01 * h >= end { end - t } else { h };
            for (stage, weights) in A.iter().enumerate() {
                let at = advance(&y, h, weights, &k);
                k[stage + 1] = derivative(t + C[stage + 1] * h, &at);
            }
            let next = advance(&y, h, &B, &k);
            let t_next = if t + h >= end { end } else { t + h };
            k[6] = derivative(t_next, &next);
            let error = self.error(&y, &next, h, &k);
            if error <= 1.0 {
                let polynomial = Polynomial::new(&y, &next, h, &k);
                while out.len() < times.len() && times[out.len()] <= t_next {
                    out.push(polynomial.at((times[out.len()] - t) / h));
                }
                if out.len() == times.len() {
                    return Ok(out);
                }
                (t, y) = (t_next, next);
                k[0] = k[6];
                h *= factor(error).min(if was_rejected { 1.0 } else { GROW });
                was_rejected = false;
            } else {
                // An error that is not a number counts as a large one.
                h *= if error.is_finite() { factor(error).min(1.0) } else { SHRINK };
                was_rejected = true;
            }
        }
        Err(Error::not_finite(
            "differential equation",
            format!(
                "{} steps reached t = {t} of {end} only; the equation is stiff or the tolerance too small: raise \
                 `most_steps`, loosen the tolerance or write the equation in other variables",
                self.most_steps
            ),
        ))
    }

    /// The first and the last time.
    fn check<const D: usize>(&self, start: &[f64; D], times: &[f64]) -> Result<(f64, f64)> {
        for (name, tolerance) in [("relative", self.relative), ("absolute", self.absolute)] {
            if !(tolerance >= 0.0 && tolerance.is_finite()) {
                return Err(Error::argument(name, format!("{tolerance} was given; use a tolerance such as 1e-8")));
            }
        }
        if self.relative + self.absolute == 0.0 {
            return Err(Error::argument("relative, absolute", "both are 0; give at least one tolerance"));
        }
        if let Some(bad) = start.iter().find(|y| !y.is_finite()) {
            return Err(Error::argument("start", format!("holds {bad}; give finite numbers")));
        }
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
            return Err(Error::argument("times", "there is none; give the time of the start and later ones"));
        };
        let increase = times.windows(2).all(|pair| pair[0] < pair[1]);
        if !increase || !first.is_finite() || !last.is_finite() {
            return Err(Error::argument("times", "do not increase; give finite times in increasing order"));
        }
        Ok((first, last))
    }

    /// The estimated error of a step in units of the tolerance.
    #[inline]
    fn error<const D: usize>(&self, y: &[f64; D], next: &[f64; D], h: f64, k: &[[f64; D]; 7]) -> f64 {
        let mut sum = 0.0;
        for i in 0..D {
            let mut e = 0.0;
            for (weight, k) in ERROR.iter().zip(k) {
                e += weight * k[i];
            }
            let scaled = h * e / (self.absolute + self.relative * y[i].abs().max(next[i].abs()));
            sum += scaled * scaled;
        }
        (sum / D as f64).sqrt()
    }

    /// A first step from the sizes of the solution and its first two derivatives (Hairer, Nørsett and Wanner 1993, II.4).
    fn first_step<const D: usize>(
        &self,
        derivative: &mut impl FnMut(f64, &[f64; D]) -> [f64; D],
        t: f64,
        y: &[f64; D],
        slope: &[f64; D],
    ) -> f64 {
        let size = |values: &[f64; D]| {
            let scaled = |i: usize| values[i] / (self.absolute + self.relative * y[i].abs());
            ((0..D).map(|i| scaled(i) * scaled(i)).sum::<f64>() / D as f64).sqrt()
        };
        let (d0, d1) = (size(y), size(slope));
        let guess = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * d0 / d1 };
        let euler = std::array::from_fn(|i| y[i] + guess * slope[i]);
        let later = derivative(t + guess, &euler);
        let d2 = size(&std::array::from_fn(|i| (later[i] - slope[i]) / guess));
        let largest = d1.max(d2);
        let step = if largest <= 1e-15 { (1e-3 * guess).max(1e-6) } else { libm::pow(0.01 / largest, 0.2) };
        let step = step.min(100.0 * guess);
        // A derivative that is not a number is met, and reported, by the first step.
        if step.is_finite() && step > 0.0 { step } else { 1e-6 }
    }
}

/// `y + h Σ weights · k`.
#[inline]
fn advance<const D: usize>(y: &[f64; D], h: f64, weights: &[f64], k: &[[f64; D]; 7]) -> [f64; D] {
    std::array::from_fn(|i| {
        let mut sum = 0.0;
        for (weight, k) in weights.iter().zip(k) {
            sum += weight * k[i];
        }
        y[i] + h * sum
    })
}

/// The change of the step size that brings the error to the tolerance.
fn factor(error: f64) -> f64 {
    if error == 0.0 { GROW } else { (SAFETY * libm::pow(error, -0.2)).clamp(SHRINK, GROW) }
}

/// The solution within a step, `θ` from 0 to 1.
struct Polynomial<const D: usize> {
    coefficients: [[f64; D]; 5],
}

impl<const D: usize> Polynomial<D> {
    #[inline]
    fn new(y: &[f64; D], next: &[f64; D], h: f64, k: &[[f64; D]; 7]) -> Self {
        let mut coefficients = [*y, [0.0; D], [0.0; D], [0.0; D], [0.0; D]];
        for i in 0..D {
            let difference = next[i] - y[i];
            let bend = h * k[0][i] - difference;
            coefficients[1][i] = difference;
            coefficients[2][i] = bend;
            coefficients[3][i] = difference - h * k[6][i] - bend;
            coefficients[4][i] = h * DENSE.iter().zip(k).map(|(weight, k)| weight * k[i]).sum::<f64>();
        }
        Polynomial { coefficients }
    }

    #[inline]
    fn at(&self, theta: f64) -> [f64; D] {
        let [a, b, c, d, e] = &self.coefficients;
        let rest = 1.0 - theta;
        std::array::from_fn(|i| a[i] + theta * (b[i] + rest * (c[i] + theta * (d[i] + rest * e[i]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(end: f64, steps: usize) -> Vec<f64> {
        (0..=steps).map(|i| end * i as f64 / steps as f64).collect()
    }

    /// Largest error of `y' = y cos t`, whose solution is `exp(sin t)`.
    fn error_at(tolerance: f64) -> f64 {
        let times = grid(20.0, 173);
        let path =
            DormandPrince::tolerance(tolerance).solve(|t, y: &[f64; 1]| [y[0] * t.cos()], [1.0], &times).unwrap();
        assert_eq!(path.len(), times.len());
        path.iter().zip(&times).map(|(y, t)| (y[0] - t.sin().exp()).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn errors_follow_the_tolerance() {
        for (tolerance, bound) in [(1e-4, 3e-3), (1e-6, 3e-5), (1e-8, 3e-7), (1e-10, 3e-9), (1e-12, 3e-11)] {
            let error = error_at(tolerance);
            assert!(error < bound, "tolerance {tolerance:e}: error {error:e}");
        }
        assert!(error_at(1e-4) > 1e-7, "a loose tolerance takes large steps");
    }

    /// One step of size h with the plain formulas: halving h divides the error of a step by 2⁶, that of the polynomial by 2⁵.
    #[test]
    fn orders_of_a_step_and_of_the_polynomial() {
        let f = |t: f64, y: &[f64; 2]| [y[1], -y[0] + 0.0 * t];
        let errors = |h: f64| {
            let y = [0.0, 1.0];
            let mut k = [[0.0; 2]; 7];
            k[0] = f(0.0, &y);
            for (stage, weights) in A.iter().enumerate() {
                k[stage + 1] = f(C[stage + 1] * h, &advance(&y, h, weights, &k));
            }
            let next = advance(&y, h, &B, &k);
            k[6] = f(h, &next);
            let middle = Polynomial::new(&y, &next, h, &k).at(0.3);
            let embedded: f64 = h * ERROR.iter().zip(&k).map(|(w, k)| w * k[0]).sum::<f64>();
            ((next[0] - h.sin()).abs(), (middle[0] - (0.3 * h).sin()).abs(), embedded.abs())
        };
        let (large, small) = (errors(0.4), errors(0.2));
        let order = |a: f64, b: f64| (a / b).log2();
        assert!(order(large.0, small.0) > 5.8, "step: {}", order(large.0, small.0));
        assert!(order(large.1, small.1) > 4.8, "polynomial: {}", order(large.1, small.1));
        assert!(order(large.2, small.2) > 4.8, "estimate: {}", order(large.2, small.2));
    }

    #[test]
    fn a_circle_stays_a_circle() {
        let path = DormandPrince::tolerance(1e-10)
            .solve(|_, y: &[f64; 2]| [y[1], -y[0]], [1.0, 0.0], &grid(20.0 * std::f64::consts::PI, 200))
            .unwrap();
        assert!(path.iter().all(|y| (y[0].hypot(y[1]) - 1.0).abs() < 1e-8));
        assert!((path[200][0] - 1.0).abs() < 1e-7 && path[200][1].abs() < 1e-7, "{:?}", path[200]);
    }

    #[test]
    fn what_is_asked_for_between_does_not_change_the_end() {
        let f = |_: f64, y: &[f64; 1]| [-0.5 * y[0] * y[0]];
        let solve = |times: &[f64]| *DormandPrince::default().solve(f, [3.0], times).unwrap().last().unwrap();
        assert_eq!(solve(&[0.0, 5.0]), solve(&grid(5.0, 1000)));
        assert!((solve(&[0.0, 5.0])[0] - 1.0 / (1.0 / 3.0 + 2.5)).abs() < 1e-8);
    }

    #[test]
    fn failures_are_sentences() {
        let solver = DormandPrince { most_steps: 5000, ..DormandPrince::default() };
        let message = |result: Result<Vec<[f64; 1]>>| result.unwrap_err().to_string();
        let explosion = message(solver.solve(|_, y| [y[0] * y[0]], [1.0], &[0.0, 2.0]));
        assert!(explosion.contains("step size fell to") && explosion.contains("without bound"), "{explosion}");
        let stiff = message(solver.solve(|t, y| [1e7 * (t.cos() - y[0])], [1.0], &[0.0, 9.0]));
        assert!(stiff.contains("5000 steps reached") && stiff.contains("stiff"), "{stiff}");
        let nothing = message(solver.solve(|_, _| [f64::NAN], [1.0], &[0.0, 1.0]));
        assert!(nothing.contains("at t = 0,"), "{nothing}");
        assert!(message(solver.solve(|_, y| *y, [1.0], &[])).contains("there is none"));
        assert!(message(solver.solve(|_, y| *y, [1.0], &[0.0, 0.0])).contains("increas"));
        assert!(message(solver.solve(|_, y| *y, [f64::NAN], &[0.0, 1.0])).contains("start"));
        assert!(message(DormandPrince::tolerance(-1.0).solve(|_, y| *y, [1.0], &[0.0])).contains("tolerance"));
        assert_eq!(solver.solve(|_, y: &[f64; 1]| *y, [1.0], &[3.0]).unwrap(), [[1.0]]);
    }
}
