//! What a spline may look like, and the knots that raw parameters stand for, in f64.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::math::{SHIFTED_SOFTPLUS_OFFSET, softplus};

/// Most bins: what fits into the memory on the stack of a kernel.
pub const MOST_BINS: usize = 64;

/// `sinh(1) · ln(e − 1)`: the shift of a raw total width. (The peer's constant; a raw value of zero gives
/// `asinh(softplus(κ)) = 0.924` of the default domain's surplus width, not all of it.)
pub(super) const TOTAL_OFFSET: f64 = 0.636_165_615_290_158_5;

/// Lower end of the argument of the softplus that makes a derivative: `softplus(−30) = 9.4·10⁻¹⁴`. It keeps the logarithm
/// of the slope finite.
pub(super) const LOWEST_DERIVATIVE: f64 = -30.0;

/// A monotone rational-quadratic spline on a domain that moves with the parameters, linear outside of it.
///
/// As a configuration of a coupling flow it is the transform `spline`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spline {
    /// Number of bins, from 1 to 64.
    pub bins: usize,
    /// Left, right, bottom and top of the box in which the spline lies when its parameters are near zero.
    pub default_domain: [f64; 4],
    /// Smallest total width of the bins.
    pub min_width: f64,
    /// Smallest total height of the bins.
    pub min_height: f64,
    /// Smallest width of a bin.
    pub min_bin_width: f64,
    /// Smallest height of a bin.
    pub min_bin_height: f64,
}

impl Default for Spline {
    fn default() -> Self {
        Spline {
            bins: 16,
            default_domain: [-3.0, 3.0, -3.0, 3.0],
            min_width: 1.0,
            min_height: 1.0,
            min_bin_width: 0.1,
            min_bin_height: 0.1,
        }
    }
}

/// The knots of one spline.
#[derive(Debug, Clone, PartialEq)]
pub struct Knots {
    /// `X_0 … X_K`.
    pub horizontal: Vec<f64>,
    /// `Y_0 … Y_K`.
    pub vertical: Vec<f64>,
    /// Derivatives at the knots; the first and the last are the slope of the tails.
    pub derivatives: Vec<f64>,
}

impl Knots {
    /// Slope of the linear tails.
    pub fn tail_slope(&self) -> f64 {
        self.derivatives[0]
    }
}

impl Spline {
    /// Parameters per element: left, bottom, total width, total height, `K` widths, `K` heights, `K − 1` derivatives.
    pub fn parameters(&self) -> usize {
        3 * self.bins + 3
    }

    /// An error that names the first field that is out of range.
    pub fn check(&self) -> Result<()> {
        if self.bins == 0 || self.bins > MOST_BINS {
            return Err(Error::argument("bins", format!("{} was given; choose from 1 to {MOST_BINS}", self.bins)));
        }
        let [left, right, bottom, top] = self.default_domain;
        let sides = [
            ("width", right - left, self.min_width, self.min_bin_width),
            ("height", top - bottom, self.min_height, self.min_bin_height),
        ];
        for (side, length, least, least_bin) in sides {
            if !(least_bin > 1e-6 && least_bin.is_finite()) {
                let message = format!("{least_bin} was given; a number above 10⁻⁶ keeps the slopes finite");
                return Err(Error::argument(format!("min_bin_{side}"), message));
            }
            if !(least >= 0.0 && least.is_finite()) {
                let message = format!("{least} was given; a number of at least 0 is expected");
                return Err(Error::argument(format!("min_{side}"), message));
            }
            let needed = least_total(self.bins, least, least_bin);
            if !(length.is_finite() && length >= needed) {
                let message = format!(
                    "{:?} (left, right, bottom, top) has the {side} {length}, and at least {needed} is needed for \
                     {} bins of {least_bin}; widen it, or use fewer or smaller bins",
                    self.default_domain, self.bins
                );
                return Err(Error::argument("default_domain", message));
            }
        }
        Ok(())
    }

    /// Smallest total width and height.
    pub(super) fn least_totals(&self) -> [f64; 2] {
        [(self.min_width, self.min_bin_width), (self.min_height, self.min_bin_height)]
            .map(|(least, least_bin)| least_total(self.bins, least, least_bin))
    }

    /// The knots for the raw parameters of one element, of which there must be [`Spline::parameters`].
    pub fn knots(&self, raw: &[f64]) -> Knots {
        let bins = self.bins;
        let [left, right, bottom, top] = self.default_domain;
        let [least_width, least_height] = self.least_totals();
        let total = |raw: f64, length: f64, least: f64| (length - least) * softplus(raw + TOTAL_OFFSET).asinh() + least;
        let width = total(raw[2], right - left, least_width);
        let height = total(raw[3], top - bottom, least_height);
        let edges = |start: f64, total: f64, raw: &[f64], least: f64| -> Vec<f64> {
            let largest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = raw.iter().map(|u| (u - largest).exp()).sum();
            let mut edge = start;
            let mut edges = vec![edge];
            for u in raw {
                edge += (total - bins as f64 * least) * (u - largest).exp() / sum + least;
                edges.push(edge);
            }
            edges
        };
        let inner = raw[4 + 2 * bins..].iter().map(|u| {
            let argument = u + SHIFTED_SOFTPLUS_OFFSET;
            softplus(if argument < LOWEST_DERIVATIVE { LOWEST_DERIVATIVE } else { argument })
        });
        let slope = height / width;
        Knots {
            horizontal: edges(left + raw[0], width, &raw[4..4 + bins], self.min_bin_width),
            vertical: edges(bottom + raw[1], height, &raw[4 + bins..4 + 2 * bins], self.min_bin_height),
            derivatives: std::iter::once(slope).chain(inner).chain(std::iter::once(slope)).collect(),
        }
    }
}

fn least_total(bins: usize, least: f64, least_bin: f64) -> f64 {
    least.max(bins as f64 * least_bin)
}

/// Value and logarithm of the slope at `x`, as Durkan et al. (2019) write them.
pub(in crate::ops) fn forward(knots: &Knots, x: f64) -> (f64, f64) {
    let Some(bin) = Bin::find(knots, &knots.horizontal, x) else {
        let slope = knots.tail_slope();
        return (knots.vertical[0] + slope * (x - knots.horizontal[0]), slope.ln());
    };
    let Bin { x: x0, width, y: y0, height, lower, upper } = bin;
    let (s, xi) = (height / width, (x - x0) / width);
    let denominator = s + (upper + lower - 2.0 * s) * xi * (1.0 - xi);
    let y = y0 + height * (s * xi * xi + lower * xi * (1.0 - xi)) / denominator;
    let numerator = s * s * (upper * xi * xi + 2.0 * s * xi * (1.0 - xi) + lower * (1.0 - xi) * (1.0 - xi));
    (y, numerator.ln() - 2.0 * denominator.ln())
}

/// The `x` whose value is `y`, and minus the logarithm of the slope there.
pub(super) fn inverse(knots: &Knots, y: f64) -> (f64, f64) {
    let Some(bin) = Bin::find(knots, &knots.vertical, y) else {
        let slope = knots.tail_slope();
        return (knots.horizontal[0] + (y - knots.vertical[0]) / slope, -slope.ln());
    };
    let Bin { x: x0, width, y: y0, height, lower, upper } = bin;
    let (s, eta) = (height / width, y - y0);
    let bend = upper + lower - 2.0 * s;
    let a = height * (s - lower) + eta * bend;
    let b = height * lower - eta * bend;
    let c = -s * eta;
    let discriminant = b * b - 4.0 * a * c;
    let xi = 2.0 * c / (-b - if discriminant < 0.0 { 0.0 } else { discriminant }.sqrt());
    let denominator = s + bend * xi * (1.0 - xi);
    let numerator = s * s * (upper * xi * xi + 2.0 * s * xi * (1.0 - xi) + lower * (1.0 - xi) * (1.0 - xi));
    (x0 + xi * width, 2.0 * denominator.ln() - numerator.ln())
}

struct Bin {
    x: f64,
    width: f64,
    y: f64,
    height: f64,
    lower: f64,
    upper: f64,
}

impl Bin {
    /// The bin of a coordinate among edges; `None` outside. The first edge is outside, the last one inside.
    fn find(knots: &Knots, edges: &[f64], coordinate: f64) -> Option<Bin> {
        let last = edges.len() - 1;
        if coordinate <= edges[0] || coordinate > edges[last] {
            return None;
        }
        let j = edges.iter().filter(|&&edge| edge < coordinate).count().clamp(1, last);
        let (x, y) = (&knots.horizontal, &knots.vertical);
        Some(Bin {
            x: x[j - 1],
            width: x[j] - x[j - 1],
            y: y[j - 1],
            height: y[j] - y[j - 1],
            lower: knots.derivatives[j - 1],
            upper: knots.derivatives[j],
        })
    }
}
