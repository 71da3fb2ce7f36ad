//! Links: from the unconstrained numbers of a dense layer to estimates of a certain kind.

use serde::{Deserialize, Serialize};

use crate::autodiff::{Tape, Var};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::tensor::{Shape, Tensor};

/// What is added before the softplus of a diagonal: `ln(e − 1)` to four digits, as in the peer, so that its weights keep their
/// meaning.
const DIAGONAL_SHIFT: f64 = 0.5413;
/// The least element of a diagonal.
const DIAGONAL_FLOOR: f64 = 1e-5;

/// The last step of a head. Shapes are those of one data set, without the batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Link {
    /// A function, element by element; the linear one changes nothing.
    Activation {
        /// The function.
        function: Function,
    },
    /// Ascending along an axis, `u` being the raw numbers along it and `a` the anchor: `y_a = u_a`, above
    /// `y_{a+j} = u_a + Σ_{i=1..j} softplus(u_{a+i})`, below `y_{a−j} = u_a − Σ_{i=0..j−1} softplus(u_i)`. (Below the anchor the
    /// peer, and with it the weights of its models, counts from the first number on.)
    Ordered {
        /// The axis; 0 is the batch.
        axis: usize,
        /// The place on the axis that is not a sum.
        anchor: usize,
    },
    /// Ascending along the last axis but one, whose places are quantiles; the anchor is the one nearest to the median.
    OrderedQuantiles {
        /// The probabilities of the quantiles, ascending.
        quantiles: Vec<f64>,
    },
    /// A lower triangular matrix `[…, n, n]` with positive diagonal from `n(n + 1)/2` numbers: they fill the lower triangle of
    /// `reshape([u[n:]; reverse(u)])`, and the diagonal becomes `softplus(u + 0.5413) + 10⁻⁵`.
    CholeskyFactor,
}

impl Default for Link {
    fn default() -> Self {
        Link::Activation { function: Function::Linear }
    }
}

impl Link {
    /// The shape of the raw numbers for estimates of a shape.
    pub fn input_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        let refuse = |expected: &str| {
            Err(Error::shape("link", format!("{self:?} cannot give estimates of shape {shape:?}; expected {expected}")))
        };
        match (self, shape) {
            (Link::Activation { .. }, _) => Ok(shape.to_vec()),
            (&Link::Ordered { axis, anchor }, _) => match axis.checked_sub(1).and_then(|axis| shape.get(axis)) {
                Some(&length) if anchor < length => Ok(shape.to_vec()),
                _ => refuse("an axis of the estimates, from 1, that is longer than the anchor"),
            },
            (Link::OrderedQuantiles { quantiles }, [.., length, _]) if *length == quantiles.len() && *length > 0 => {
                Ok(shape.to_vec())
            }
            (Link::OrderedQuantiles { quantiles }, _) => {
                refuse(&format!("an axis but one from the end of length {}", quantiles.len()))
            }
            (Link::CholeskyFactor, [before @ .., rows, columns]) if rows == columns && *rows > 0 => {
                Ok(before.iter().copied().chain([rows * (rows + 1) / 2]).collect())
            }
            (Link::CholeskyFactor, _) => refuse("square matrices"),
        }
    }

    /// The estimates `[batch, …shape]` of raw numbers `[batch, …input shape]`.
    pub fn apply<'t>(&self, raw: Var<'t>) -> Var<'t> {
        match self {
            Link::Activation { function } => raw.map(*function),
            &Link::Ordered { axis, anchor } => ordered(raw, axis, anchor),
            Link::OrderedQuantiles { quantiles } => {
                ordered(raw, raw.shape().rank().saturating_sub(2), nearest_to_median(quantiles))
            }
            Link::CholeskyFactor => cholesky_factor(raw),
        }
    }
}

/// The place of the first probability that is nearest to one half.
fn nearest_to_median(quantiles: &[f64]) -> usize {
    let distance = |i: usize| (quantiles[i] - 0.5).abs();
    (1..quantiles.len()).fold(0, |best, i| if distance(i) < distance(best) { i } else { best })
}

fn ordered(raw: Var, axis: usize, anchor: usize) -> Var {
    let shape = raw.shape();
    let Some(&length) = shape.axes().get(axis).filter(|&&length| anchor < length) else {
        let message = format!("axis {axis} with anchor {anchor} of numbers of shape {shape}; choose others");
        return raw.tape().fail(Error::shape("ordered link", message));
    };
    let inner: usize = shape.axes()[axis + 1..].iter().product();
    let outer: usize = shape.axes()[..axis].iter().product();
    let width = length * inner;
    // Which steps lead from the anchor to a place: a matrix of −1, 0 and 1.
    let mut steps = vec![0.0; width * width];
    for place in 0..length {
        let (taken, sign) = if place > anchor { (anchor + 1..place + 1, 1.0) } else { (0..anchor - place, -1.0) };
        for (step, i) in taken.flat_map(|step| (0..inner).map(move |i| (step, i))) {
            steps[(step * inner + i) * width + place * inner + i] = sign;
        }
    }
    let raw = raw.reshape([outer, width]);
    let steps = raw.map(Function::Softplus).linear(raw.tape().values([width, width], &steps), None, Function::Linear);
    let anchor = raw.columns(anchor * inner, inner).reshape([outer, 1, inner]);
    (steps.reshape([outer, length, inner]) + anchor).reshape(shape)
}

/// Which half of a square matrix holds numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triangle {
    /// On and below the diagonal.
    Lower,
    /// On and above the diagonal.
    Upper,
}

/// Side of the triangle that so many numbers fill.
fn side(count: usize) -> Option<usize> {
    let side = (((8 * count + 1) as f64).sqrt() as usize).saturating_sub(1) / 2;
    (side > 0 && side * (side + 1) / 2 == count).then_some(side)
}

/// For each element of an `n × n` matrix the number that goes there, `None` for zero: the half of the matrix with the rows
/// `[u[n:]; reverse(u)]` for the lower, `[u; reverse(u[n:])]` for the upper triangle.
fn places(n: usize, triangle: Triangle) -> Vec<Option<usize>> {
    let count = n * (n + 1) / 2;
    let place = |k: usize| match triangle {
        Triangle::Lower if k % n > k / n => None,
        Triangle::Lower if k < count - n => Some(k + n),
        Triangle::Lower => Some(n * n - 1 - k),
        Triangle::Upper if k % n < k / n => None,
        Triangle::Upper if k < count => Some(k),
        Triangle::Upper => Some(n * n - 1 - k + n),
    };
    (0..n * n).map(place).collect()
}

fn indices<'t>(tape: &'t Tape, count: usize, f: impl Fn(usize) -> usize) -> Var<'t> {
    match Tensor::indices_from(tape.device(), count, |i| f(i) as u32) {
        Ok(tensor) => tape.constant(tensor),
        Err(fault) => tape.fail(fault),
    }
}

/// Columns `order(0), …, order(count − 1)` of the last axis.
pub(super) fn select<'t>(x: Var<'t>, count: usize, order: impl Fn(usize) -> usize) -> Var<'t> {
    x.permute_columns(indices(x.tape(), count, order))
}

/// Numbers `[…, n(n + 1)/2]` as triangular matrices `[…, n, n]`, in the order of [`Link::CholeskyFactor`].
pub fn fill_triangle(raw: Var, triangle: Triangle) -> Var {
    triangular(raw, triangle, |raw, _| raw)
}

fn cholesky_factor(raw: Var) -> Var {
    triangular(raw, Triangle::Lower, |raw, diagonal| {
        let positive = select(raw, diagonal.len(), |i| diagonal[i]);
        let positive = positive.affine(1.0, DIAGONAL_SHIFT).map(Function::Softplus).affine(1.0, DIAGONAL_FLOOR);
        // Each number of the diagonal is replaced by its image, which stands behind the numbers.
        let count = raw.shape().last();
        let image = |u: usize| diagonal.iter().position(|&d| d == u).map_or(u, |i| count + i);
        select(raw.concatenate(&[positive]), count, image)
    })
}

/// A triangular matrix of numbers that `change` may change, given which of them go to the diagonal.
fn triangular<'t>(raw: Var<'t>, triangle: Triangle, change: impl Fn(Var<'t>, &[usize]) -> Var<'t>) -> Var<'t> {
    let (shape, count) = (raw.shape(), raw.shape().last());
    let (rows, Some(n)) = (shape.rows(), side(count)) else {
        let message = format!("{count} numbers do not fill a triangle; give n(n + 1)/2 of them");
        return raw.tape().fail(Error::shape("triangular matrix", message));
    };
    let axes: Vec<usize> = shape.axes()[..shape.rank().saturating_sub(1)].iter().copied().chain([n, n]).collect();
    let Some(result) = Shape::new(&axes) else {
        let message = format!("numbers of shape {shape} have too many axes for matrices of them; join some");
        return raw.tape().fail(Error::shape("triangular matrix", message));
    };
    let places = places(n, triangle);
    let diagonal: Vec<usize> = (0..n).filter_map(|i| places[i * n + i]).collect();
    let zero = raw.tape().values([rows, 1], &vec![0.0; rows]);
    let numbers = change(raw.reshape([rows, count]), &diagonal).concatenate(&[zero]);
    select(numbers, n * n, |k| places[k].unwrap_or(count)).reshape(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn triangles_hold_each_number_once() {
        for n in 1..6 {
            for triangle in [Triangle::Lower, Triangle::Upper] {
                let mut used: Vec<usize> = places(n, triangle).into_iter().flatten().collect();
                used.sort_unstable();
                assert_eq!(used, (0..n * (n + 1) / 2).collect::<Vec<_>>(), "{n} {triangle:?}");
            }
        }
        assert_eq!((side(1), side(3), side(4), side(0), side(5050)), (Some(1), Some(2), None, None, Some(100)));
    }

    #[test]
    fn a_link_says_what_it_can_give() {
        let quantiles = Link::OrderedQuantiles { quantiles: vec![0.1, 0.5, 0.9] };
        assert_eq!(quantiles.input_shape(&[3, 2]).unwrap(), [3, 2]);
        assert!(quantiles.input_shape(&[2, 3]).unwrap_err().to_string().contains("length 3"));
        assert_eq!(Link::CholeskyFactor.input_shape(&[4, 3, 3]).unwrap(), [4, 6]);
        assert!(Link::CholeskyFactor.input_shape(&[3]).is_err());
        assert_eq!(Link::Ordered { axis: 1, anchor: 2 }.input_shape(&[3]).unwrap(), [3]);
        assert!(Link::Ordered { axis: 1, anchor: 3 }.input_shape(&[3]).is_err());
        assert!(Link::Ordered { axis: 0, anchor: 0 }.input_shape(&[3]).is_err());
    }

    #[test]
    fn ordered_numbers_ascend_from_any_anchor() {
        let tape = Tape::new(&Device::cpu());
        let raw = tape.values([2, 5], &[3.0, -1.0, 0.5, -4.0, 2.0, -3.0, 1.0, 0.0, 0.0, -8.0]);
        for anchor in 0..5 {
            let values = Link::Ordered { axis: 1, anchor }.apply(raw).value().unwrap().values().unwrap();
            for (row, raw) in values.chunks(5).zip(raw.value().unwrap().values().unwrap().chunks(5)) {
                assert!(row.windows(2).all(|pair| pair[0] < pair[1]), "{anchor}: {row:?}");
                assert_eq!(row[anchor], raw[anchor]);
            }
        }
        let refused = Link::Ordered { axis: 2, anchor: 0 }.apply(raw);
        assert!(refused.value().is_err());
    }
}
