//! Kernels that say how alike two points are, as functions of their squared distance.

use serde::{Deserialize, Serialize};

/// The scales `s` over which each kernel is summed: 10⁻⁶ to 10⁶ in steps of 10^1.2, rounded as in the peer.
pub const KERNEL_SCALES: [f64; 11] =
    [1e-6, 1.5849e-5, 2.5119e-4, 3.9811e-3, 6.3096e-2, 1.0, 15.849, 251.19, 3981.1, 63096.0, 1e6];

/// A positive definite kernel of two points, summed over [`KERNEL_SCALES`], so that no scale need be chosen (Gretton et al.
/// 2012, "A kernel two-sample test").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairKernel {
    /// `Σ_s s/(s + ‖x − y‖²)`, with heavy tails (Tolstikhin et al. 2018, arXiv:1711.01558).
    #[default]
    InverseMultiquadratic,
    /// `Σ_s exp(−‖x − y‖²/(2s))`.
    Gaussian,
    /// `Σ_s exp(−‖x − y‖/(2s))`, of the distance itself. The peer calls it gaussian.
    Laplacian,
}

impl PairKernel {
    /// Every kernel.
    pub const ALL: &'static [PairKernel] =
        &[PairKernel::InverseMultiquadratic, PairKernel::Gaussian, PairKernel::Laplacian];

    /// The value for a squared distance; the number of scales at 0.
    #[inline]
    pub fn value(self, squared: f64) -> f64 {
        match self {
            PairKernel::InverseMultiquadratic => KERNEL_SCALES.iter().map(|s| s / (s + squared)).sum(),
            PairKernel::Gaussian => KERNEL_SCALES.iter().map(|s| (-squared / (2.0 * s)).exp()).sum(),
            PairKernel::Laplacian => {
                let distance = squared.sqrt();
                KERNEL_SCALES.iter().map(|s| (-distance / (2.0 * s)).exp()).sum()
            }
        }
    }

    /// The derivative with respect to the squared distance. At distance 0 the Laplacian kernel has a kink; its slope there
    /// is taken as 0, so that a point has no force on itself.
    #[inline]
    pub fn slope(self, squared: f64) -> f64 {
        match self {
            PairKernel::InverseMultiquadratic => {
                -KERNEL_SCALES.iter().map(|s| s / ((s + squared) * (s + squared))).sum::<f64>()
            }
            PairKernel::Gaussian => {
                -KERNEL_SCALES.iter().map(|s| (-squared / (2.0 * s)).exp() / (2.0 * s)).sum::<f64>()
            }
            PairKernel::Laplacian if squared == 0.0 => 0.0,
            PairKernel::Laplacian => {
                let distance = squared.sqrt();
                let sum: f64 = KERNEL_SCALES.iter().map(|s| (-distance / (2.0 * s)).exp() / (2.0 * s)).sum();
                -sum / (2.0 * distance)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_derivatives() {
        for &kernel in PairKernel::ALL {
            assert_eq!(kernel.value(0.0), KERNEL_SCALES.len() as f64, "{kernel:?}");
            for squared in [1e-4, 0.03, 0.7, 5.0, 300.0] {
                let h = 1e-5 * squared;
                let difference = (kernel.value(squared + h) - kernel.value(squared - h)) / (2.0 * h);
                let slope = kernel.slope(squared);
                assert!(
                    (slope - difference).abs() <= 1e-7 * slope.abs(),
                    "{kernel:?} at {squared}: {slope}, {difference}"
                );
            }
        }
        assert_eq!(PairKernel::Laplacian.slope(0.0), 0.0);
        assert!(PairKernel::Gaussian.value(f64::INFINITY) == 0.0 && PairKernel::Laplacian.value(f64::NAN).is_nan());
    }
}
