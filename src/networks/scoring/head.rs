//! What a scoring rule asks the network for.

use serde::{Deserialize, Serialize};

use super::Link;
use crate::error::{Error, Result};

/// One estimate that a rule needs: a head of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The name, unique within the rule.
    pub name: String,
    /// The shape for one data set.
    pub shape: Vec<usize>,
    /// The last step.
    pub link: Link,
    /// How an estimate for standardised targets becomes one for the targets themselves.
    pub transformation: Transformation,
}

impl Head {
    /// A head named `value`, estimates of the targets themselves.
    pub(super) fn value(shape: Vec<usize>, link: Link) -> Self {
        Head { name: "value".into(), shape, link, transformation: Transformation::LocationScale }
    }
}

/// How an estimate for standardised targets `(θ − μ)/s` becomes one for `θ`. Indices run over the last axis, or the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transformation {
    /// `x_i s_i + μ_i`: places.
    LocationScale,
    /// `s_i x_ij s_j`: covariances.
    BothSidesScale,
    /// `s_i x_ij`: factors of a covariance.
    LeftSideScale,
    /// `x_ij / s_j`: factors of a precision.
    RightSideScaleInverse,
    /// `x`: logits.
    Identity,
}

impl Transformation {
    /// Transforms estimates `[…, D]` or `[…, D, D]` in place, with `mean` `[D]` and `scale` `[D]` of the standardisation.
    pub fn restore(self, values: &mut [f64], mean: &[f64], scale: &[f64]) -> Result<()> {
        let d = scale.len();
        let block = match self {
            Transformation::Identity => return Ok(()),
            Transformation::LocationScale => d,
            _ => d * d,
        };
        if mean.len() != d || d == 0 || !values.len().is_multiple_of(block) {
            let message = format!(
                "{} values with {} means and {d} scales; {self:?} needs a multiple of {block} values, and as many means as scales",
                values.len(),
                mean.len()
            );
            return Err(Error::shape("transformation", message));
        }
        for (index, value) in values.iter_mut().enumerate() {
            let (i, j) = (index % block / d, index % d);
            *value = match self {
                Transformation::LocationScale => *value * scale[j] + mean[j],
                Transformation::BothSidesScale => scale[i] * *value * scale[j],
                Transformation::LeftSideScale => scale[i] * *value,
                Transformation::RightSideScaleInverse => *value / scale[j],
                Transformation::Identity => *value,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_return_to_their_scale() {
        let restored = |transformation: Transformation, values: &[f64]| {
            let mut values = values.to_vec();
            transformation.restore(&mut values, &[1.0, 2.0], &[10.0, 100.0]).unwrap();
            values
        };
        assert_eq!(restored(Transformation::LocationScale, &[1.0, 1.0, 0.0, 2.0]), [11.0, 102.0, 1.0, 202.0]);
        let matrix = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(restored(Transformation::BothSidesScale, &matrix), [100.0, 2000.0, 3000.0, 40000.0]);
        assert_eq!(restored(Transformation::LeftSideScale, &matrix), [10.0, 20.0, 300.0, 400.0]);
        assert_eq!(restored(Transformation::RightSideScaleInverse, &matrix), [0.1, 0.02, 0.3, 0.04]);
        assert_eq!(restored(Transformation::Identity, &[7.0]), [7.0]);
        assert!(Transformation::LeftSideScale.restore(&mut [1.0; 3], &[0.0], &[1.0; 2]).is_err());
    }
}
