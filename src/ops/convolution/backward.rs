//! The gradients: tiles of patches once more, and sums over positions in groups.

use std::ops::Range;

use super::patches::{Patches, Run};
use crate::device::cpu::matrix::{Begin, Output, PackedProduct, View, pack, packed_length};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Isa, Launch, vector};
use crate::math::Function;

/// Elements of a sum per chunk of work.
const CHUNK: usize = 8192;

/// What all groups read.
struct Walk<'a> {
    patches: Patches<'a>,
    isa: Isa,
    x: &'a [f32],
    dy: &'a [f32],
    /// The sums in the activation, unless it is linear.
    sums: &'a [f32],
    /// The transposed kernel, packed.
    transposed: &'a [f32],
}

/// Reads x, kernel, the sums in the activation, the offsets of elements and results, and the gradient of y; writes or adds to the gradients
/// of x, kernel and bias.
pub(super) fn backward(launch: &mut Launch) {
    let (dx, dkernel, dbias) = (launch.output(0), launch.output(1), launch.output(2));
    let (x, kernel, sums, dy) = (launch.input(0), launch.input(1), launch.input(2), launch.input(5));
    let patches = Patches::of(launch);
    let view = patches.as_ref().and_then(|patches| {
        View::row_major(kernel, patches.arguments.depth(), patches.arguments.outputs as usize).ok()
    });
    let (Some(patches), Some(view)) = (patches, view) else {
        return [dx, dkernel, dbias].into_iter().for_each(|gradient| gradient.fill(f32::NAN));
    };
    let (arguments, isa, threads) = (patches.arguments, launch.isa, launch.threads);
    let (depth, outputs) = (arguments.depth(), arguments.outputs as usize);
    let [to_input, to_kernel, to_bias] = arguments.wanted.map(|wanted| wanted == 1);
    let packed = if to_input { packed_length(outputs, depth) } else { 0 };
    let weights = if to_kernel || to_bias { (depth + 1) * outputs } else { 0 };
    let (groups, each) = arguments.groups();
    with_scratch(packed, |transposed| {
        if to_input {
            pack(isa, view.transposed(), transposed);
        }
        let walk = Walk { patches, isa, x, dy, sums, transposed };
        let sets = |group: usize| group * each..((group + 1) * each).min(arguments.sets as usize);
        with_scratch(groups * weights, |partial| {
            let ranges = |group: usize| {
                let elements = if to_input { walk.patches.elements(sets(group)) } else { 0..0 };
                [elements, group..group + 1]
            };
            let matrices = [(dx, arguments.inputs as usize), (&mut *partial, weights)];
            threads.for_each_block(groups, ranges, 1, matrices, walk.scratch(), |group, _, [dx, mut sums], scratch| {
                walk.group(sets(group), dx, sums.row(0), scratch);
            });
            for (gradient, start, added) in
                [(dkernel, 0, arguments.added[1]), (dbias, depth * outputs, arguments.added[2])]
            {
                let partial = &*partial;
                threads.for_each_chunk(gradient, CHUNK, |index, gradient| {
                    if added == 0 {
                        gradient.fill(0.0);
                    }
                    for group in 0..groups {
                        let part = &partial[group * weights + start + index * CHUNK..][..gradient.len()];
                        vector::add_to(isa, part, gradient);
                    }
                });
            }
        });
    });
}

impl Walk<'_> {
    /// Numbers of working memory: the gradient of the sums in the activation, row-major and packed, and a tile of patches.
    fn scratch(&self) -> usize {
        let (rows, outputs) = (self.patches.arguments.tile(), self.patches.arguments.outputs as usize);
        rows * outputs + packed_length(rows, outputs) + rows * self.patches.arguments.depth()
    }

    /// Neighbouring series or images: their elements' gradient, and their sums of the kernel's and the bias' gradient.
    fn group(&self, sets: Range<usize>, mut dx: Output, weights: &mut [f32], scratch: &mut [f32]) {
        let arguments = &self.patches.arguments;
        let (positions, first) = (self.patches.positions(sets.clone()), self.patches.elements(sets).start);
        if arguments.wanted[0] == 1 && arguments.added[0] == 0 {
            (0..dx.rows()).for_each(|element| dx.row(element).fill(0.0));
        }
        weights.fill(0.0);
        for start in positions.clone().step_by(arguments.tile()) {
            let tile = start..positions.end.min(start + arguments.tile());
            self.tile(tile, first, &mut dx, weights, scratch);
        }
    }

    fn tile(&self, tile: Range<usize>, first: usize, dx: &mut Output, weights: &mut [f32], scratch: &mut [f32]) {
        let arguments = &self.patches.arguments;
        let (depth, outputs) = (arguments.depth(), arguments.outputs as usize);
        let (own, rest) = scratch.split_at_mut(arguments.tile() * outputs);
        let (packed, patch) = rest.split_at_mut(packed_length(arguments.tile(), outputs));
        let range = tile.start * outputs..tile.end * outputs;
        let gradient: &[f32] = match arguments.function() {
            Function::Linear => &self.dy[range],
            function => {
                let own = &mut own[..range.len()];
                vector::derivative(self.isa, function, &self.sums[range.clone()], &self.dy[range], own, false);
                own
            }
        };
        if let Some((dkernel, dbias)) = weights.split_at_mut_checked(depth * outputs) {
            if let (1, Ok(view)) = (arguments.wanted[1], View::row_major(gradient, tile.len(), outputs)) {
                pack(self.isa, view, packed);
                self.patches.gather(tile.clone(), self.x, patch);
                self.isa.run(PackedProduct {
                    rows: depth,
                    depth: tile.len(),
                    columns: outputs,
                    a: patch,
                    a_stride: depth,
                    a_transposed: true,
                    panels: packed,
                    begin: Begin::There,
                    c: dkernel,
                });
            }
            if outputs > 0 {
                gradient.chunks_exact(outputs).for_each(|row| vector::add_to(self.isa, row, &mut dbias[..outputs]));
            }
        }
        if arguments.wanted[0] == 1 {
            self.isa.run(PackedProduct {
                rows: tile.len(),
                depth: outputs,
                columns: depth,
                a: gradient,
                a_stride: outputs,
                a_transposed: false,
                panels: self.transposed,
                begin: Begin::Zero,
                c: patch,
            });
            self.scatter(tile, first, patch, dx);
        }
    }

    /// Adds the gradients of patches to those of their elements, the first of which is `first`.
    fn scatter(&self, tile: Range<usize>, first: usize, patch: &[f32], dx: &mut Output) {
        let (inputs, depth) = (self.patches.arguments.inputs as usize, self.patches.arguments.depth());
        self.patches.runs(tile, |run| {
            let Run { column, taps, element, .. } = run;
            let from = &patch[run.patch * depth + column + taps.start * inputs..];
            for (index, from) in from.chunks_exact(inputs.max(1)).take(taps.len()).enumerate() {
                dx.row(element + index - first).iter_mut().zip(from).for_each(|(dx, from)| *dx += from);
            }
        });
    }
}
