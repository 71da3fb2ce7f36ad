//! How weights start (`he_normal` and friends, with the fans of the layer that owns the weight).

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::random::Stream;
use crate::tensor::Shape;

/// Standard deviation of a standard normal truncated at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// The law that a weight's starting values are drawn from.
///
/// Fans: for a matrix `(fan_in, fan_out)` is its shape; for a vector both are its length; for a convolution kernel
/// `[…, in, out]` both are multiplied by the size of the receptive field. A projection to several heads is initialised
/// as the matrix that it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initialiser {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// All equal to a value.
    Constant(f64),
    /// Normal with mean 0 and a standard deviation.
    Normal(f64),
    /// Uniform on ±√(6/(fan_in + fan_out)) (Glorot & Bengio 2010).
    GlorotUniform,
    /// Truncated normal of variance 2/(fan_in + fan_out) (Glorot & Bengio 2010).
    GlorotNormal,
    /// Truncated normal of variance 2/fan_in (He et al. 2015).
    HeNormal,
    /// Orthonormal rows or columns (Saxe et al. 2014, arXiv:1312.6120).
    Orthogonal,
}

impl Initialiser {
    /// Values of a shape, row-major.
    pub fn draw(self, shape: Shape, stream: &mut Stream) -> Vec<f32> {
        let n = shape.elements();
        let (fan_in, fan_out) = fans(shape);
        match self {
            Initialiser::Zeros => vec![0.0; n],
            Initialiser::Ones => vec![1.0; n],
            Initialiser::Constant(value) => vec![value as f32; n],
            Initialiser::Normal(deviation) => (0..n).map(|_| (deviation * normal(stream)) as f32).collect(),
            Initialiser::GlorotUniform => {
                let limit = (6.0 / (fan_in + fan_out)).sqrt();
                (0..n).map(|_| ((2.0 * stream.random::<f64>() - 1.0) * limit) as f32).collect()
            }
            Initialiser::GlorotNormal => truncated(n, 2.0 / (fan_in + fan_out), stream),
            Initialiser::HeNormal => truncated(n, 2.0 / fan_in, stream),
            Initialiser::Orthogonal => orthogonal(shape.rows(), shape.last(), stream),
        }
    }
}

fn fans(shape: Shape) -> (f64, f64) {
    let axes = shape.axes();
    let (fan_in, fan_out) = match *axes {
        [] => (1, 1),
        [n] => (n, n),
        [.., i, o] => {
            let field: usize = axes[..axes.len() - 2].iter().product();
            (i * field, o * field)
        }
    };
    (fan_in.max(1) as f64, fan_out.max(1) as f64)
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

fn truncated(n: usize, variance: f64, stream: &mut Stream) -> Vec<f32> {
    let scale = variance.sqrt() / TRUNCATED_DEVIATION;
    let mut draw = || {
        loop {
            let z = normal(stream);
            if z.abs() <= 2.0 {
                return (z * scale) as f32;
            }
        }
    };
    (0..n).map(|_| draw()).collect()
}

/// The Q factor of a Gaussian matrix with the signs of R's diagonal moved into it: uniform among orthogonal matrices.
fn orthogonal(rows: usize, columns: usize, stream: &mut Stream) -> Vec<f32> {
    let (long, short) = (rows.max(columns), rows.min(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(short);
    while vectors.len() < short {
        let mut v: Vec<f64> = (0..long).map(|_| normal(stream)).collect();
        // Twice is enough (Kahan, Parlett): modified Gram–Schmidt to working precision.
        for _ in 0..2 {
            for u in &vectors {
                let dot: f64 = u.iter().zip(&v).map(|(a, b)| a * b).sum();
                v.iter_mut().zip(u).for_each(|(x, y)| *x -= dot * y);
            }
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 1e-6 {
            v.iter_mut().for_each(|x| *x /= norm);
            vectors.push(v);
        }
    }
    let element = |row: usize, column: usize| if rows >= columns { vectors[column][row] } else { vectors[row][column] };
    (0..rows * columns).map(|i| element(i / columns, i % columns) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn orthogonal_has_orthonormal_columns_or_rows() {
        for (rows, columns) in [(7, 3), (3, 7), (5, 5), (1, 1)] {
            let w = Initialiser::Orthogonal.draw([rows, columns].into(), &mut Key::new(1).stream());
            let at = |i: usize, j: usize| f64::from(w[i * columns + j]);
            for a in 0..rows.min(columns) {
                for b in 0..rows.min(columns) {
                    let dot: f64 = if rows >= columns {
                        (0..rows).map(|i| at(i, a) * at(i, b)).sum()
                    } else {
                        (0..columns).map(|j| at(a, j) * at(b, j)).sum()
                    };
                    assert!((dot - f64::from(u8::from(a == b))).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn variances() {
        let shape = Shape::from([200, 300]);
        for (initialiser, variance) in [
            (Initialiser::GlorotUniform, 2.0 / 500.0),
            (Initialiser::GlorotNormal, 2.0 / 500.0),
            (Initialiser::HeNormal, 2.0 / 200.0),
            (Initialiser::Normal(0.05), 0.0025),
        ] {
            let w = initialiser.draw(shape, &mut Key::new(2).stream());
            let got = w.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / w.len() as f64;
            assert!((got / variance - 1.0).abs() < 0.03, "{initialiser:?}: {got} for {variance}");
        }
    }
}
