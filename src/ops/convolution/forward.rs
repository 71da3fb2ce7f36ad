//! Tiles of patches times the kernel.

use super::patches::Patches;
use crate::device::cpu::matrix::{Begin, PackedProduct, View, pack, packed_length};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Launch, vector};
use crate::math::Function;

/// Reads x, kernel, bias, and the offsets of elements and results; writes y and, unless the activation is linear, the sums in it.
pub(super) fn forward(launch: &mut Launch) {
    let (y, sums) = (launch.output(0), launch.output(1));
    let (x, kernel, bias) = (launch.input(0), launch.input(1), launch.input(2));
    let patches = Patches::of(launch);
    let view = patches.as_ref().and_then(|patches| {
        View::row_major(kernel, patches.arguments.depth(), patches.arguments.outputs as usize).ok()
    });
    let (Some(patches), Some(view)) = (patches, view) else {
        y.fill(f32::NAN);
        sums.fill(f32::NAN);
        return;
    };
    let (arguments, isa) = (patches.arguments, launch.isa);
    let (positions, depth) = (arguments.positions as usize, arguments.depth());
    let (outputs, rows) = (arguments.outputs as usize, arguments.tile());
    let function = arguments.function();
    with_scratch(packed_length(depth, outputs), |panels| {
        pack(isa, view, panels);
        let panels = &*panels;
        let tile = |index: usize, c: &mut [f32], patch: &mut [f32]| {
            let positions = index * rows..positions.min((index + 1) * rows);
            patches.gather(positions.clone(), x, patch);
            isa.run(PackedProduct {
                rows: positions.len(),
                depth,
                columns: outputs,
                a: patch,
                a_stride: depth,
                a_transposed: false,
                panels,
                begin: if arguments.bias == 1 { Begin::Bias(bias) } else { Begin::Zero },
                c,
            });
        };
        let (tiles, scratch) = (positions.div_ceil(rows), rows * depth);
        let range = |index: usize| index * rows * outputs..positions.min((index + 1) * rows) * outputs;
        if function == Function::Linear {
            launch.threads.for_each_range(tiles, range, [y], scratch, |index, [y], patch| tile(index, y, patch));
        } else {
            launch.threads.for_each_range(tiles, range, [y, sums], scratch, |index, [y, sums], patch| {
                tile(index, sums, patch);
                vector::apply(isa, function, sums, y);
            });
        }
    });
}
