//! Series of any lengths in one batch.

use std::rc::Rc;

use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::ops::{Padding, Window, check_offsets};
use crate::tensor::Tensor;

/// The elements of all series of a batch, in order of time, and where each series starts, on the device and on the host: layers that
/// change the lengths of series need them to know the shape of their result.
#[derive(Clone)]
pub struct Series<'t> {
    /// The elements, `[elements, features]`.
    pub rows: Var<'t>,
    /// Where each series starts, indices `[series + 1]`.
    pub offsets: Var<'t>,
    starts: Rc<[u32]>,
}

impl<'t> Series<'t> {
    /// Series of `rows` `[elements, features]` that start at the `offsets` `[series + 1]`, which are read from the device once. Offsets
    /// that do not fit the rows mark the computation as failed.
    pub fn new(rows: Var<'t>, offsets: Var<'t>) -> Self {
        let read = || -> Result<Rc<[u32]>> {
            let starts = offsets.value()?.indices()?;
            check_offsets(&starts, rows.value()?.shape().rows())?;
            Ok(starts.into())
        };
        match read() {
            Ok(starts) => Series { rows, offsets, starts },
            Err(fault) => Series { rows: rows.tape().fail(fault), offsets, starts: Rc::new([0]) },
        }
    }

    /// Number of series.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Length of each series.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.starts.windows(2).map(|pair| (pair[1] - pair[0]) as usize)
    }

    /// Number of elements of all series.
    pub fn elements(&self) -> usize {
        self.starts.last().map_or(0, |&end| end as usize)
    }

    /// Other rows of series of the same lengths.
    pub fn with_rows(&self, rows: Var<'t>) -> Self {
        Series { rows, ..self.clone() }
    }

    /// Series of the lengths that a convolution with windows of `size` elements gives, without their rows yet.
    ///
    /// Fails when a window of `size` elements without padding does not fit into a series.
    pub(super) fn convolved(&self, window: Window, size: usize) -> Result<Self> {
        if window.padding == Padding::Valid
            && let Some((series, length)) = self.lengths().enumerate().find(|&(_, length)| length < size)
        {
            let message = format!(
                "number {series} of the batch has {length} elements, fewer than the kernel's {size}; leave out series \
                 that are so short, or use padding same"
            );
            return Err(Error::argument("series", message));
        }
        if window.stride == 1 && window.padding == Padding::Same {
            return Ok(self.clone());
        }
        let mut end = 0;
        let ends = self.lengths().map(|length| {
            end += window.positions(length, size) as u32;
            end
        });
        let starts: Rc<[u32]> = std::iter::once(0).chain(ends).collect();
        let tape = self.rows.tape();
        let offsets = tape.constant(Tensor::from_indices(tape.device(), [starts.len()], &starts)?);
        Ok(Series { rows: self.rows, offsets, starts })
    }
}
