//! The rows that the kernel is multiplied with: for each position, what its window covers.

use std::ops::Range;

use super::window::{Padding, Window};
use crate::device::cpu::Launch;
use crate::math::Function;
use crate::ops::ragged::{rows_of, set_of};
use crate::tensor::Shape;

/// Numbers of a tile of patches, about: they stay in the second-level cache beside the kernel.
const TILE: usize = 1 << 15;
/// Fewest and most rows of a tile.
const ROWS: (usize, usize) = (24, 192);
/// Positions for which sums are formed by one thread.
const GROUP: usize = 192;
/// Most groups, beyond which they grow.
const MOST_GROUPS: usize = 16;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Arguments {
    /// Index of the activation in [`Function::ALL`].
    pub(super) function: u32,
    pub(super) stride: u32,
    /// 1 for [`Padding::Same`].
    same: u32,
    /// Results of all series or images.
    pub(super) positions: u32,
    /// 1 when there are offsets: series instead of images.
    ragged: u32,
    /// Series or images.
    pub(super) sets: u32,
    /// Elements of all series or images.
    pub(super) elements: u32,
    /// Height and width of images; of series, height 1.
    grid: [u32; 2],
    kernel: [u32; 2],
    pub(super) inputs: u32,
    pub(super) outputs: u32,
    /// 1 when there is a bias.
    pub(super) bias: u32,
    /// Of the gradients of input, kernel and bias: 1 for those that are wanted, and for those that are added to.
    pub(super) wanted: [u32; 3],
    pub(super) added: [u32; 3],
}

impl Arguments {
    pub(super) fn describing(window: Window, activation: Function, positions: usize) -> Self {
        Arguments {
            function: activation.index(),
            stride: window.stride as u32,
            same: u32::from(window.padding == Padding::Same),
            positions: positions as u32,
            ..bytemuck::Zeroable::zeroed()
        }
    }

    /// With the sizes of the operands; `sets` is read for series only.
    pub(super) fn sized(self, x: Shape, kernel: Shape, sets: usize, bias: bool) -> Self {
        let (inputs, outputs) = (x.last() as u32, kernel.last() as u32);
        let sized = Arguments { elements: x.rows() as u32, inputs, outputs, bias: u32::from(bias), ..self };
        match (x.axes(), kernel.axes()) {
            (&[batch, height, width, _], &[kernel_height, kernel_width, ..]) => {
                let positions = |size: usize, kernel: usize| self.window().positions(size, kernel);
                Arguments {
                    positions: (batch * positions(height, kernel_height) * positions(width, kernel_width)) as u32,
                    sets: batch as u32,
                    grid: [height as u32, width as u32],
                    kernel: [kernel_height as u32, kernel_width as u32],
                    ..sized
                }
            }
            (_, axes) => {
                let width = axes.first().map_or(1, |&width| width as u32);
                Arguments { ragged: 1, sets: sets as u32, grid: [1, 0], kernel: [1, width], ..sized }
            }
        }
    }

    pub(super) fn window(&self) -> Window {
        let padding = if self.same == 1 { Padding::Same } else { Padding::Valid };
        Window { stride: self.stride as usize, padding }
    }

    pub(super) fn function(&self) -> Function {
        Function::ALL.get(self.function as usize).copied().unwrap_or(Function::Linear)
    }

    /// Numbers of a patch.
    pub(super) fn depth(&self) -> usize {
        (self.kernel[0] * self.kernel[1] * self.inputs) as usize
    }

    /// Rows of a tile.
    pub(super) fn tile(&self) -> usize {
        (TILE / self.depth().max(1)).clamp(ROWS.0, ROWS.1) / 12 * 12
    }

    /// Groups of neighbouring series or images whose sums one thread forms, and how many there are in each.
    pub(super) fn groups(&self) -> (usize, usize) {
        let sets = self.sets as usize;
        let wanted = (self.positions as usize).div_ceil(GROUP).clamp(1, MOST_GROUPS);
        let each = sets.div_ceil(wanted).max(1);
        (sets.div_ceil(each), each)
    }
}

/// A series or image.
struct Set {
    elements: Range<usize>,
    positions: Range<usize>,
    grid: [usize; 2],
    /// Results per row.
    across: usize,
    before: [usize; 2],
}

/// Neighbouring elements that fill a part of a row of the kernel in one patch; the rest of that row lies outside.
pub(super) struct Run {
    /// The patch's number in the tile.
    pub(super) patch: usize,
    /// Where the row of the kernel begins in the patch.
    pub(super) column: usize,
    /// Taps of the row that elements fill.
    pub(super) taps: Range<usize>,
    /// The element of the first of these taps.
    pub(super) element: usize,
}

/// The windows of all series or images.
pub(super) struct Patches<'a> {
    pub(super) arguments: Arguments,
    of_elements: &'a [u32],
    of_results: &'a [u32],
}

impl<'a> Patches<'a> {
    /// Of a launch with the offsets of elements and results as inputs 3 and 4. Nothing if the offsets do not fit each other:
    /// the kernels then fill their outputs with NaN.
    pub(super) fn of(launch: &Launch<'a>) -> Option<Self> {
        let arguments: Arguments = launch.arguments();
        let (of_elements, of_results) = (launch.indices(3), launch.indices(4));
        let fit = |offsets: &[u32], rows: u32| {
            offsets.first() == Some(&0) && offsets.last() == Some(&rows) && offsets.is_sorted()
        };
        let (window, size) = (arguments.window(), arguments.kernel[1] as usize);
        let positions = |pair: &[u32]| window.positions((pair[1] - pair[0]) as usize, size) as u32;
        let good = arguments.ragged == 0
            || fit(of_elements, arguments.elements)
                && fit(of_results, arguments.positions)
                && of_elements.len() == of_results.len()
                && of_elements.windows(2).zip(of_results.windows(2)).all(|(e, r)| positions(e) == r[1] - r[0]);
        good.then_some(Patches { arguments, of_elements, of_results })
    }

    /// Elements of neighbouring sets.
    pub(super) fn elements(&self, sets: Range<usize>) -> Range<usize> {
        if sets.is_empty() { 0..0 } else { self.set(sets.start).elements.start..self.set(sets.end - 1).elements.end }
    }

    /// Results of neighbouring sets.
    pub(super) fn positions(&self, sets: Range<usize>) -> Range<usize> {
        if sets.is_empty() { 0..0 } else { self.set(sets.start).positions.start..self.set(sets.end - 1).positions.end }
    }

    fn set(&self, set: usize) -> Set {
        let Arguments { ragged, elements, positions, grid, kernel, .. } = self.arguments;
        let ([height, width], kernel) = (grid.map(|size| size as usize), kernel.map(|size| size as usize));
        let window = self.arguments.window();
        let before = |size: usize, axis: usize| window.before(size, kernel[axis]);
        if ragged == 1 {
            let elements = rows_of(self.of_elements, set, elements as usize);
            let positions = rows_of(self.of_results, set, positions as usize);
            let (width, across) = (elements.len(), positions.len());
            return Set { elements, positions, grid: [1, width], across, before: [0, before(width, 1)] };
        }
        let across = window.positions(width, kernel[1]);
        let (size, results) = (height * width, window.positions(height, kernel[0]) * across);
        Set {
            elements: set * size..(set + 1) * size,
            positions: set * results..(set + 1) * results,
            grid: [height, width],
            across,
            before: [before(height, 0), before(width, 1)],
        }
    }

    fn owner(&self, position: usize) -> usize {
        match self.arguments.ragged {
            1 => set_of(self.of_results, position),
            _ => position / (self.arguments.positions / self.arguments.sets.max(1)).max(1) as usize,
        }
    }

    /// Calls `each` with the run of every row of the kernel for every position, in ascending order.
    pub(super) fn runs(&self, positions: Range<usize>, mut each: impl FnMut(Run)) {
        let Arguments { stride, kernel, inputs, .. } = self.arguments;
        let ([kernel_height, kernel_width], stride) = (kernel.map(|size| size as usize), stride as usize);
        let row = kernel_width * inputs as usize;
        let mut owner = self.owner(positions.start);
        let mut set = self.set(owner);
        for (patch, position) in positions.enumerate() {
            while position >= set.positions.end {
                owner += 1;
                set = self.set(owner);
            }
            let place = position - set.positions.start;
            let (y, x) = if set.grid[0] == 1 { (0, place) } else { (place / set.across, place % set.across) };
            let ([height, width], [above, left]) = (set.grid, set.before);
            let (y, x) = (y * stride, x * stride);
            let first = left.saturating_sub(x);
            let last = (width + left).saturating_sub(x).min(kernel_width).max(first);
            for tap in 0..kernel_height {
                // The row `y + tap − above` of the image, if there is one.
                let inside = (y + tap).checked_sub(above).filter(|&row| row < height);
                let (taps, element) = match inside {
                    Some(row) => (first..last, set.elements.start + row * width + (x + first - left)),
                    None => (0..0, 0),
                };
                each(Run { patch, column: tap * row, taps, element });
            }
        }
    }

    /// The patches of some positions, `[positions, depth]`.
    pub(super) fn gather(&self, positions: Range<usize>, x: &[f32], to: &mut [f32]) {
        let (inputs, depth) = (self.arguments.inputs as usize, self.arguments.depth());
        let row = self.arguments.kernel[1] as usize * inputs;
        self.runs(positions, |Run { patch, column, taps, element }| {
            let to = &mut to[patch * depth + column..][..row];
            let (first, last) = (taps.start * inputs, taps.end * inputs);
            to[..first].fill(0.0);
            to[first..last].copy_from_slice(&x[element * inputs..][..last - first]);
            to[last..].fill(0.0);
        });
    }
}
