//! The spline of one vector of elements, forward and backward, on the CPU.
//!
//! Formulas are those of the operation's header, arranged so that no difference of nearly equal numbers occurs. With
//! `ζ = 1 − ξ`, `θ = ξ ζ`, and relative coordinates (`v = x − X_0` or `y − Y_0`):
//!
//! * `D = s(ξ² + ζ²) + (d₀ + d₁)θ` and `L = d₁ξ² + 2sθ + d₀ζ²` are sums of positive terms;
//!   `y = Y + Δy (sξ² + d₀θ)/D`, slope `s²L/D²`.
//! * Inverse, with `h = (y − Y)/Δy`, `δ = d₁h − d₀(1 − h)`: the discriminant of Durkan et al. (their eq. 29), divided by
//!   `Δy²`, equals `R² = δ² + 4s²h(1 − h)`, which cannot be negative. With `t = R + |δ|` the root is
//!   `ξ = 2sh/(t + 2sh)` if `δ ≤ 0`, else `ξ = t/(t + 2s(1 − h))`; and `ζ` is the complementary fraction.
//! * The gradient of the inverse `x(y, φ)` of `y = f(x, φ)` needs only that of `f`: with cotangents `dx` of `x` and `dℓ` of
//!   `ℓ = −ln f'`, the cotangent of `f`'s value is `−(dx − dℓ · ∂ₓ ln f')/f'`, that of `ln f'` is `−dℓ`, and the gradient
//!   of `y` is minus the former (implicit differentiation).
//!
//! Outside of the bins the coordinate is replaced by the lower edge before anything else is computed with it, so that what is
//! discarded afterwards is finite, and so are its products with zero.

use super::Arguments;
use super::shape::{LOWEST_DERIVATIVE, MOST_BINS, TOTAL_OFFSET};
use crate::device::cpu::lanes::Lanes;
use crate::device::cpu::vector;
use crate::math::SHIFTED_SOFTPLUS_OFFSET;
use crate::ops::flow_lanes::{MOST_LANES, asinh_with_derivative, softplus_with_derivative};

/// Parameters of a vector of elements: row `p` holds parameter `p` of each.
pub(in crate::ops) type Block = [[f32; MOST_LANES]; 3 * MOST_BINS + 3];

/// A total width or height, and its softmax.
struct Side<L: Lanes> {
    /// The total, and its derivative with respect to the raw total.
    total: L::F,
    slope: L::F,
    /// What the softmax distributes, and the same divided by the sum of the exponentials.
    surplus: L::F,
    factor: L::F,
    /// Reciprocal of the sum of the exponentials.
    reciprocal: L::F,
}

impl<L: Lanes> Side<L> {
    /// Replaces the raw bins in the block by their exponentials.
    #[inline(always)]
    fn new(l: L, block: &mut [[f32; MOST_LANES]], raw_total: L::F, span: f32, least: f32, least_bin: f32) -> Self {
        let (soft, sigmoid) = softplus_with_derivative(l, l.add(raw_total, l.splat(TOTAL_OFFSET as f32)));
        let (value, derivative) = asinh_with_derivative(l, soft);
        let total = l.fma(l.splat(span), value, l.splat(least));
        let bins = block.len() as f32;
        let mut largest = l.read(&block[0][..L::WIDTH]);
        for bin in &block[1..] {
            largest = l.max(l.read(&bin[..L::WIDTH]), largest);
        }
        let mut sum = l.zero();
        for bin in block {
            let exponential = vector::exp(l, l.sub(l.read(&bin[..L::WIDTH]), largest));
            sum = l.add(sum, exponential);
            l.write(&mut bin[..L::WIDTH], exponential);
        }
        let surplus = l.sub(total, l.splat(bins * least_bin));
        let reciprocal = l.div(l.splat(1.0), sum);
        Side {
            total,
            slope: l.mul(l.splat(span), l.mul(derivative, sigmoid)),
            surplus,
            factor: l.mul(surplus, reciprocal),
            reciprocal,
        }
    }
}

/// Everything about the point at which a vector of splines is evaluated.
pub(in crate::ops) struct Point<L: Lanes> {
    left: L::F,
    bottom: L::F,
    width: Side<L>,
    height: Side<L>,
    /// `A`, the slope of the tails.
    tail: L::F,
    /// The coordinate relative to the first knot.
    relative: L::F,
    outside: L::M,
    first: L::M,
    last: L::M,
    /// Number of the bin.
    bin: L::F,
    /// Lower left corner of the bin relative to the first knot, width, height, slope.
    x: L::F,
    y: L::F,
    dx: L::F,
    dy: L::F,
    s: L::F,
    /// Derivatives at the lower and upper knot, and their derivatives with respect to the raw ones.
    d0: L::F,
    d1: L::F,
    d0_slope: L::F,
    d1_slope: L::F,
    xi: L::F,
    zeta: L::F,
    theta: L::F,
    /// `ξ² + ζ²`.
    squares: L::F,
    /// `1/D` and `L`.
    reciprocal: L::F,
    numerator: L::F,
}

impl<L: Lanes> Point<L> {
    /// Finds the bins of a coordinate (`x`, or `y` for the inverse) and everything in them.
    #[inline(always)]
    pub(in crate::ops) fn new(l: L, arguments: &Arguments, coordinate: L::F, block: &mut Block) -> Self {
        let bins = arguments.bins as usize;
        let inverse = arguments.inverse == 1;
        let left = l.add(parameter(l, block, 0), l.splat(arguments.left));
        let bottom = l.add(parameter(l, block, 1), l.splat(arguments.bottom));
        let (raw_width, raw_height) = (parameter(l, block, 2), parameter(l, block, 3));
        let Arguments { width_span, least_width, least_bin_width, .. } = *arguments;
        let Arguments { height_span, least_height, least_bin_height, .. } = *arguments;
        let width = Side::new(l, &mut block[4..4 + bins], raw_width, width_span, least_width, least_bin_width);
        let heights = &mut block[4 + bins..4 + 2 * bins];
        let height = Side::new(l, heights, raw_height, height_span, least_height, least_bin_height);
        let tail = l.div(height.total, width.total);
        let relative = l.sub(coordinate, if inverse { bottom } else { left });

        // One pass over the bins: the last one whose lower knot is below the coordinate is kept.
        let (least_width, least_height) = (l.splat(least_bin_width), l.splat(least_bin_height));
        let (mut next_x, mut next_y) = (l.zero(), l.zero());
        let (mut x, mut y, mut dx, mut dy) = (l.zero(), l.zero(), l.zero(), l.zero());
        let (mut lower, mut upper, mut bin) = (l.zero(), l.zero(), l.zero());
        let everywhere = l.le(l.zero(), l.zero());
        let mut last = everywhere;
        for i in 0..bins {
            let bin_width = l.fma(parameter(l, block, 4 + i), width.factor, least_width);
            let bin_height = l.fma(parameter(l, block, 4 + bins + i), height.factor, least_height);
            let take = if i == 0 { everywhere } else { l.lt(if inverse { next_y } else { next_x }, relative) };
            x = l.select(take, next_x, x);
            y = l.select(take, next_y, y);
            dx = l.select(take, bin_width, dx);
            dy = l.select(take, bin_height, dy);
            bin = l.select(take, l.splat(i as f32), bin);
            // Bin i lies between the inner derivatives i − 1 and i.
            let inner = 4 + 2 * bins + i;
            if i > 0 {
                lower = l.select(take, parameter(l, block, inner - 1), lower);
            }
            if i + 1 < bins {
                upper = l.select(take, parameter(l, block, inner), upper);
            }
            last = take;
            next_x = l.add(next_x, bin_width);
            next_y = l.add(next_y, bin_height);
        }
        let first = l.eq(bin, l.zero());
        let end = if inverse { next_y } else { next_x };
        let outside = l.mask_or(l.le(relative, l.zero()), l.lt(end, relative));
        let (d0, d0_slope) = derivative(l, lower, first, tail);
        let (d1, d1_slope) = derivative(l, upper, last, tail);

        let kept = inside(l, outside, relative);
        let fraction = l.div(l.sub(kept, if inverse { y } else { x }), if inverse { dy } else { dx });
        // Between 0 and 1 up to rounding; NaN stays.
        let fraction = l.min(l.splat(1.0), l.max(l.zero(), fraction));
        let s = l.div(dy, dx);
        let (xi, zeta) = if inverse { root(l, fraction, s, d0, d1) } else { (fraction, l.sub(l.splat(1.0), fraction)) };
        let theta = l.mul(xi, zeta);
        let squares = l.fma(xi, xi, l.mul(zeta, zeta));
        let denominator = l.fma(s, squares, l.mul(l.add(d0, d1), theta));
        let numerator = l.fma(l.mul(d1, xi), xi, l.fma(l.mul(d0, zeta), zeta, l.mul(l.add(s, s), theta)));
        let reciprocal = l.div(l.splat(1.0), denominator);
        Point {
            left,
            bottom,
            width,
            height,
            tail,
            relative,
            outside,
            first,
            last,
            bin,
            x,
            y,
            dx,
            dy,
            s,
            d0,
            d1,
            d0_slope,
            d1_slope,
            xi,
            zeta,
            theta,
            squares,
            reciprocal,
            numerator,
        }
    }

    /// `(sξ² + d₀θ)/D`: how far up in the bin.
    #[inline(always)]
    fn rise(&self, l: L) -> L::F {
        let numerator = l.fma(l.mul(self.s, self.xi), self.xi, l.mul(self.d0, self.theta));
        l.mul(numerator, self.reciprocal)
    }

    /// The slope, in the bin or in the tail.
    #[inline(always)]
    fn slope(&self, l: L) -> L::F {
        let ratio = l.mul(self.s, self.reciprocal);
        l.select(self.outside, self.tail, l.mul(ratio, l.mul(ratio, self.numerator)))
    }

    /// The value and the log-determinant of the direction.
    #[inline(always)]
    pub(in crate::ops) fn value(&self, l: L, inverse: bool) -> (L::F, L::F) {
        let log = vector::log(l, self.slope(l));
        if inverse {
            let tail = l.add(self.left, l.div(self.relative, self.tail));
            let inside = l.add(self.left, l.fma(self.dx, self.xi, self.x));
            (l.select(self.outside, tail, inside), l.neg(log))
        } else {
            let tail = l.fma(self.tail, self.relative, self.bottom);
            let inside = l.add(self.bottom, l.fma(self.dy, self.rise(l), self.y));
            (l.select(self.outside, tail, inside), log)
        }
    }

    /// Replaces the block (in which [`Point::new`] left the exponentials) by the gradients of the parameters and returns that
    /// of the coordinate, for cotangents of the value and of the log-determinant.
    #[inline(always)]
    pub(in crate::ops) fn gradients(
        &self,
        l: L,
        arguments: &Arguments,
        block: &mut Block,
        dvalue: L::F,
        dlog_det: L::F,
    ) -> L::F {
        let (bins, inverse) = (arguments.bins as usize, arguments.inverse == 1);
        let Point { s, d0, d1, xi, zeta, theta, squares, reciprocal, numerator, outside, .. } = *self;
        let one = l.splat(1.0);
        let two = l.splat(2.0);
        let slope = self.slope(l);
        let per_numerator = l.div(one, numerator);
        let per_width = l.div(one, self.dx);
        let (xi2, zeta2) = (l.mul(xi, xi), l.mul(zeta, zeta));
        let twice_theta = l.mul(two, l.mul(theta, reciprocal));

        // ∂ξ of the logarithm of the slope: L'/L − 2 D'/D.
        let turn = l.sub(zeta, xi);
        let bend = l.sub(l.add(d0, d1), l.add(s, s));
        let numerator_by_xi = l.mul(two, l.fma(d1, xi, l.sub(l.mul(s, turn), l.mul(d0, zeta))));
        let log_by_xi = l.sub(l.mul(numerator_by_xi, per_numerator), l.mul(l.mul(two, bend), l.mul(turn, reciprocal)));
        let log_by_x = inside(l, outside, l.mul(log_by_xi, per_width));

        // Cotangents of f's value and of ln f', and the gradient of the coordinate.
        let (dy, dlog, dcoordinate) = if inverse {
            let dlog = l.neg(dlog_det);
            let dy = l.neg(l.div(l.fma(dlog, log_by_x, dvalue), slope));
            (dy, dlog, l.neg(dy))
        } else {
            (dvalue, dlog_det, l.fma(dvalue, slope, l.mul(dlog_det, log_by_x)))
        };

        // Within the bin: by s and by the two derivatives, then by the corners.
        let scaled = l.mul(l.mul(dy, self.dy), l.mul(reciprocal, reciprocal));
        let ds = l.fma(
            l.mul(scaled, theta),
            l.sub(l.mul(d1, xi2), l.mul(d0, zeta2)),
            l.mul(dlog, l.mul(two, l.sub(l.fma(theta, per_numerator, l.div(one, s)), l.mul(squares, reciprocal)))),
        );
        let dd0 = l.fma(
            l.mul(scaled, theta),
            l.fma(s, zeta2, l.mul(d1, theta)),
            l.mul(dlog, l.sub(l.mul(zeta2, per_numerator), twice_theta)),
        );
        let dd1 = l.sub(
            l.mul(dlog, l.sub(l.mul(xi2, per_numerator), twice_theta)),
            l.mul(l.mul(scaled, theta), l.fma(s, xi2, l.mul(d0, theta))),
        );
        let (ds, dd0, dd1) = (inside(l, outside, ds), inside(l, outside, dd0), inside(l, outside, dd1));
        let dxi_per_width = inside(l, outside, l.fma(l.mul(dy, slope), one, l.mul(dlog, log_by_x)));
        let dcorner = l.neg(dxi_per_width);
        let dwidth = l.neg(l.fma(l.mul(ds, s), per_width, l.mul(dxi_per_width, xi)));
        let dheight = inside(l, outside, l.fma(dy, self.rise(l), l.mul(ds, per_width)));

        // The slope of the tails: outside, and as the derivative at the outermost knots.
        let run = if inverse { l.div(self.relative, self.tail) } else { self.relative };
        let dtail = l.select(outside, l.fma(dy, run, l.div(dlog, self.tail)), l.zero());
        let dtail = l.add(dtail, l.select(self.first, dd0, l.zero()));
        let dtail = l.add(dtail, l.select(self.last, dd1, l.zero()));

        l.write(&mut block[0][..L::WIDTH], l.select(outside, l.neg(l.mul(dy, slope)), dcorner));
        l.write(&mut block[1][..L::WIDTH], dy);
        let dtotal_width = l.neg(l.div(l.mul(dtail, self.tail), self.width.total));
        let dtotal_height = l.div(dtail, self.width.total);
        let dwidths = &mut block[4..4 + bins];
        let dtotal_width = l.add(dtotal_width, self.softmax(l, &self.width, dwidths, dcorner, dwidth));
        let dheights = &mut block[4 + bins..4 + 2 * bins];
        let dtotal_height =
            l.add(dtotal_height, self.softmax(l, &self.height, dheights, inside(l, outside, dy), dheight));
        l.write(&mut block[2][..L::WIDTH], l.mul(dtotal_width, self.width.slope));
        l.write(&mut block[3][..L::WIDTH], l.mul(dtotal_height, self.height.slope));
        let (lower, upper) = (l.mul(dd0, self.d0_slope), l.mul(dd1, self.d1_slope));
        for i in 0..bins - 1 {
            let from_above = l.select(l.eq(self.bin, l.splat((i + 1) as f32)), lower, l.zero());
            let from_below = l.select(l.eq(self.bin, l.splat(i as f32)), upper, from_above);
            l.write(&mut block[4 + 2 * bins + i][..L::WIDTH], from_below);
        }
        dcoordinate
    }

    /// The gradient of the size of bin `i`: `dcorner` below the bin of the point, `dbin` at it, zero above.
    #[inline(always)]
    fn of_bin(&self, l: L, i: usize, dcorner: L::F, dbin: L::F) -> L::F {
        let i = l.splat(i as f32);
        l.select(l.lt(i, self.bin), dcorner, l.select(l.eq(i, self.bin), dbin, l.zero()))
    }

    /// Replaces exponentials by gradients of the raw bins, given the gradients of the corner (which all bins before this one
    /// move) and of this bin; returns the gradient of the total.
    #[inline(always)]
    fn softmax(&self, l: L, side: &Side<L>, bins: &mut [[f32; MOST_LANES]], dcorner: L::F, dbin: L::F) -> L::F {
        let mut mean = l.zero();
        for (i, bin) in bins.iter().enumerate() {
            mean = l.fma(self.of_bin(l, i, dcorner, dbin), l.mul(l.read(&bin[..L::WIDTH]), side.reciprocal), mean);
        }
        for (i, bin) in bins.iter_mut().enumerate() {
            let share = l.mul(l.read(&bin[..L::WIDTH]), side.reciprocal);
            let value = l.mul(l.mul(side.surplus, share), l.sub(self.of_bin(l, i, dcorner, dbin), mean));
            l.write(&mut bin[..L::WIDTH], value);
        }
        mean
    }
}

/// Parameter `p` of all elements. (A function, as are the next two: closures are not always inlined, and what is not inlined is
/// compiled without the instruction set.)
#[inline(always)]
fn parameter<L: Lanes>(l: L, block: &Block, p: usize) -> L::F {
    l.read(&block[p][..L::WIDTH])
}

/// Zero outside of the bins.
#[inline(always)]
fn inside<L: Lanes>(l: L, outside: L::M, value: L::F) -> L::F {
    l.select(outside, l.zero(), value)
}

/// The derivative at a knot, and its derivative with respect to the raw one; at the outermost knots the slope of the tails.
#[inline(always)]
fn derivative<L: Lanes>(l: L, raw: L::F, edge: L::M, tail: L::F) -> (L::F, L::F) {
    let argument = l.add(raw, l.splat(SHIFTED_SOFTPLUS_OFFSET as f32));
    let lowest = l.splat(LOWEST_DERIVATIVE as f32);
    let below = l.lt(argument, lowest);
    let (value, slope) = softplus_with_derivative(l, l.select(below, lowest, argument));
    (l.select(edge, tail, value), l.select(l.mask_or(edge, below), l.zero(), slope))
}

/// `ξ` and `1 − ξ` for a height `h` in the bin.
#[inline(always)]
fn root<L: Lanes>(l: L, h: L::F, s: L::F, d0: L::F, d1: L::F) -> (L::F, L::F) {
    let rest = l.sub(l.splat(1.0), h);
    let difference = l.sub(l.mul(d1, h), l.mul(d0, rest));
    let twice = l.add(s, s);
    let discriminant = l.fma(difference, difference, l.mul(l.mul(twice, twice), l.mul(h, rest)));
    let t = l.add(l.sqrt(discriminant), l.abs(difference));
    let rising = l.lt(l.zero(), difference);
    let other = l.mul(twice, l.select(rising, rest, h));
    let reciprocal = l.div(l.splat(1.0), l.add(t, other));
    let (large, small) = (l.mul(t, reciprocal), l.mul(other, reciprocal));
    (l.select(rising, large, small), l.select(rising, small, large))
}
