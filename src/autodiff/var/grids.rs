//! Operations on series and images: convolution, pooling, group normalisation.

use super::Var;
use crate::error::Error;
use crate::math::Function;
use crate::ops::{Convolution, Edge, GroupNorm, GroupNormKind, ImagePooling, PoolingKind, Window};

impl<'t> Var<'t> {
    /// `f(conv(x, K) + b)` for the elements `[elements, in]` of series, the kernel `[k, in, out]` and the bias `[out]`:
    /// `[positions, out]`. `offsets` are those of the elements and of the results, indices `[series + 1]`, the latter ending at
    /// `positions`. See [`Convolution`].
    pub fn convolve_series(
        self,
        kernel: Var<'t>,
        bias: Option<Var<'t>>,
        [of_elements, of_results]: [Var<'t>; 2],
        positions: usize,
        window: Window,
        activation: Function,
    ) -> Var<'t> {
        let attributes = Convolution::attributes(window, activation, positions);
        match bias {
            Some(bias) => self.apply(&Convolution, &[kernel, of_elements, of_results, bias], attributes),
            None => self.apply(&Convolution, &[kernel, of_elements, of_results], attributes),
        }
    }

    /// `f(conv(x, K) + b)` for images `[batch, height, width, in]`, the kernel `[kh, kw, in, out]` and the bias `[out]`. See
    /// [`Convolution`].
    pub fn convolve_images(
        self,
        kernel: Var<'t>,
        bias: Option<Var<'t>>,
        window: Window,
        activation: Function,
    ) -> Var<'t> {
        let attributes = Convolution::attributes(window, activation, 0);
        match bias {
            Some(bias) => self.apply(&Convolution, &[kernel, bias], attributes),
            None => self.apply(&Convolution, &[kernel], attributes),
        }
    }

    /// Maximum or mean over 2 × 2 windows of images `[batch, height, width, channels]`: half as high and wide.
    pub fn pool_images(self, kind: PoolingKind, edge: Edge) -> Var<'t> {
        self.apply(&ImagePooling, &[], ImagePooling::attributes(kind, edge))
    }

    /// Group normalisation of the elements `[elements, channels]` of series: statistics for each series and each group of
    /// neighbouring channels.
    pub fn group_norm_series(
        self,
        groups: usize,
        gain: Option<Var<'t>>,
        shift: Option<Var<'t>>,
        offsets: Var<'t>,
        epsilon: f64,
    ) -> Var<'t> {
        if groups == 0 {
            return self.tape.fail(Error::argument("groups", "is 0; give at least one group"));
        }
        let kind = GroupNormKind::Series(groups);
        let attributes = GroupNorm::attributes(kind, epsilon, gain.is_some(), shift.is_some());
        let operands = [gain, shift, Some(offsets)];
        let mut given = [offsets; 3];
        let count = operands.iter().flatten().count();
        given.iter_mut().zip(operands.into_iter().flatten()).for_each(|(slot, operand)| *slot = operand);
        self.apply(&GroupNorm, &given[..count], attributes)
    }
}
