//! The Cholesky factor of small symmetric matrices, and triangular solves with it.
//!
//! `A = L Lᵀ` with `L` lower triangular, both row-major `[n, n]`. Only the lower triangle of `A` is read. Sums are taken in the
//! order of their index, so that equal matrices give equal bits. (Golub and Van Loan 2013, §4.2)

/// The factor `L` of a positive definite matrix; `None` if a pivot is not positive, as for every other matrix, and where one is NaN.
///
/// Panics, as a slice does, when `matrix` has fewer than `n²` elements.
pub fn cholesky(matrix: &[f64], n: usize) -> Option<Vec<f64>> {
    cholesky_by(matrix, n, |pivot, _| (pivot > 0.0).then_some(pivot))
}

/// [`cholesky`] of a matrix that may be singular, or indefinite by rounding: `pivot` is told each squared pivot `Aᵢᵢ − Σ Lᵢₖ²` with
/// the element `Aᵢᵢ` it comes from, and gives the one to go on with, or `None` to give up.
pub fn cholesky_by(matrix: &[f64], n: usize, pivot: impl Fn(f64, f64) -> Option<f64>) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            factor[i * n + j] = match i == j {
                true => pivot(rest, matrix[i * n + i])?.sqrt(),
                false => rest / factor[j * n + j],
            };
        }
    }
    Some(factor)
}

/// Replaces `x` `[n]` by `L⁻¹ x`.
pub fn solve_lower(factor: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        let known: f64 = (0..i).map(|j| factor[i * n + j] * x[j]).sum();
        x[i] = (x[i] - known) / factor[i * n + i];
    }
}

/// Replaces `x` `[n]` by `L⁻ᵀ x`.
pub fn solve_lower_transposed(factor: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| factor[j * n + i] * x[j]).sum();
        x[i] = (x[i] - known) / factor[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRIX: [f64; 9] = [4.0, 0.0, 0.0, 2.0, 5.0, 0.0, -2.0, 3.0, 11.0];

    #[test]
    fn the_factor_of_a_known_matrix() {
        let factor = cholesky(&MATRIX, 3).unwrap();
        assert_eq!(factor, [2.0, 0.0, 0.0, 1.0, 2.0, 0.0, -1.0, 2.0, 6f64.sqrt()]);
        let mut x = [2.0, 5.0, 3.0 + 6f64.sqrt()];
        solve_lower(&factor, &mut x);
        assert!(x.iter().zip([1.0, 2.0, 1.0]).all(|(x, y)| (x - y).abs() < 1e-12), "{x:?}");
        // Lᵀ (1, 1, 1) = (2 + 1 − 1, 2 + 2, √6).
        let mut x = [2.0, 4.0, 6f64.sqrt()];
        solve_lower_transposed(&factor, &mut x);
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-12), "{x:?}");
        assert_eq!(cholesky(&[], 0), Some(vec![]));
    }

    #[test]
    fn what_has_no_factor_is_refused_or_lifted() {
        let singular = [1.0, 0.0, 2.0, 4.0];
        for matrix in [singular, [1.0, 0.0, 3.0, 4.0], [-1.0, 0.0, 0.0, 1.0], [f64::NAN, 0.0, 0.0, 1.0]] {
            assert_eq!(cholesky(&matrix, 2), None, "{matrix:?}");
        }
        let lifted = cholesky_by(&singular, 2, |pivot, diagonal| Some(pivot.max(diagonal / 16.0))).unwrap();
        assert_eq!(lifted, [1.0, 0.0, 2.0, 0.5]);
    }
}
