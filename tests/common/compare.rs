//! Comparison of an array with its reference.

use ferroflow::codecs::Array;

/// How far a result may be from its reference.
#[derive(Debug, Clone, Copy)]
pub enum Tolerance {
    /// `|x − ref| ≤ absolute + relative·|ref|` for each element.
    Elementwise { absolute: f64, relative: f64 },
    /// `|x − ref| ≤ relative·max|ref| + absolute` for each element, with the maximum over the tensor.
    OfLargest { absolute: f64, relative: f64 },
}

/// Compares shapes and values; gives the largest share of the tolerance that was used, or says what is off. A value that
/// is not finite is matched only by the same.
pub fn compare(result: &Array, reference: &Array, tolerance: Tolerance) -> Result<f64, String> {
    if result.shape() != reference.shape() {
        return Err(format!("the shape is {:?} instead of {:?}", result.shape(), reference.shape()));
    }
    let (values, expected) = (result.to_f64(), reference.to_f64());
    let largest = expected.iter().filter(|x| x.is_finite()).fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let allowed = |reference: f64| match tolerance {
        Tolerance::Elementwise { absolute, relative } => absolute + relative * reference.abs(),
        Tolerance::OfLargest { absolute, relative } => absolute + relative * largest,
    };
    let share = |x: f64, reference: f64| {
        let same = x == reference || (x.is_nan() && reference.is_nan());
        if same {
            0.0
        } else if x.is_finite() && reference.is_finite() {
            (x - reference).abs() / allowed(reference)
        } else {
            f64::INFINITY
        }
    };
    let shares: Vec<f64> = values.iter().zip(&expected).map(|(&x, &reference)| share(x, reference)).collect();
    let off = shares.iter().filter(|&&share| share > 1.0).count();
    let Some((worst, &used)) = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) else {
        return Ok(0.0);
    };
    if off == 0 {
        return Ok(used);
    }
    Err(format!(
        "{off} of {} elements are off; worst at {:?}: {:e} instead of {:e}, {:.2e} apart where {:.2e} is allowed",
        values.len(),
        position(worst, reference.shape()),
        values[worst],
        expected[worst],
        (values[worst] - expected[worst]).abs(),
        allowed(expected[worst])
    ))
}

/// The index on every axis of the element number `flat`.
fn position(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &axis) in index.iter_mut().zip(shape).rev() {
        *place = flat % axis;
        flat /= axis;
    }
    index
}
