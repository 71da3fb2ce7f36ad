//! The fused flow on the CPU: packing, shares of conditions, tiles.

use super::Arguments;
use super::plan::PADDED_COLUMNS;
use super::program::Program;
use super::tile::{Context, Memory, length};
use crate::device::cpu::Launch;
use crate::device::cpu::matrix::{self, ACROSS, Begin, PackedProduct, Transpose, View};
use crate::device::cpu::scratch::with_scratch;

/// Data sets whose shares are computed together.
const SHARES_TILE: usize = 48;
/// Least and most rows of a tile. Many, so that the weights, which come from the third-level cache for each tile, are used often;
/// few enough that activations of a usual layer, 128 wide, stay in the second.
const TILES: (usize, usize) = (64, 96);
/// Tiles that there should be at least, for threads.
const LEAST_TILES: usize = 8;

/// Rows of a tile, which depends on nothing but the number of rows.
fn tile_of(rows: usize) -> usize {
    (rows / LEAST_TILES).next_multiple_of(ACROSS).clamp(TILES.0, TILES.1)
}

/// Packs the weights of all layers.
pub(super) fn pack(launch: &mut Launch) {
    let Arguments { dimension, steps, .. } = launch.arguments();
    let (words, numbers, packed) = (launch.indices(0), launch.input(1), launch.output(0));
    packed.fill(0.0);
    for coupling in (Program { words, steps: steps as usize }).couplings(dimension as usize) {
        for (index, layer) in coupling.layers().enumerate() {
            let given = if index == 0 { coupling.given.1 } else { layer.inputs };
            let padded = layer.outputs.next_multiple_of(PADDED_COLUMNS);
            for (first, count) in [(0, given), (given, layer.inputs - given)] {
                let rows = &numbers[layer.at + first * layer.outputs..][..count * layer.outputs];
                let to = &mut packed[layer.packed + first * padded..][..count * padded];
                if let Ok(view) = View::row_major(rows, count, layer.outputs) {
                    matrix::pack(launch.isa, view, to);
                }
            }
        }
    }
}

/// Computes what conditions add to the first layers.
pub(super) fn shares(launch: &mut Launch) {
    let Arguments { dimension, condition, steps, shares, rows, .. } = launch.arguments();
    let (words, numbers, packed, conditions) = (launch.indices(0), launch.input(1), launch.input(2), launch.input(3));
    let (out, isa) = (launch.output(0), launch.isa);
    let (condition, width, rows) = (condition as usize, shares as usize, rows as usize);
    let program = Program { words, steps: steps as usize };
    launch.threads.for_each_rows(rows, SHARES_TILE, [(out, width)], |index, [out]| {
        let first_row = index * SHARES_TILE;
        let count = out.len() / width.max(1);
        let mut at = 0;
        for coupling in program.couplings(dimension as usize) {
            let Some(layer) = coupling.layers().next() else { continue };
            with_scratch(count * layer.outputs, |c| {
                isa.run(PackedProduct {
                    rows: count,
                    depth: condition,
                    columns: layer.outputs,
                    a: &conditions[first_row * condition..],
                    a_stride: condition,
                    a_transposed: false,
                    panels: layer.panels(packed, coupling.given.1, condition),
                    begin: Begin::Bias(layer.bias(numbers)),
                    c,
                });
                for (out, c) in out.chunks_mut(width).zip(c.chunks(layer.outputs)) {
                    out[at..at + layer.outputs].copy_from_slice(c);
                }
            });
            at += layer.outputs;
        }
    });
}

/// Maps all rows.
pub(super) fn run(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (words, numbers, packed, x) = (launch.indices(0), launch.input(1), launch.input(2), launch.input(3));
    let (conditions, owners) = (launch.input(4), launch.indices(5));
    let (z, log_det, isa) = (launch.output(0), launch.output(1), launch.isa);
    let (d, rows) = (arguments.dimension as usize, arguments.rows as usize);
    let tile = tile_of(rows);
    launch.threads.for_each_rows(rows, tile, [(z, d), (log_det, 1)], |index, [z, log_det]| {
        let first = index * tile;
        let count = log_det.len();
        let stride = count.next_multiple_of(ACROSS);
        let (conditions, owners) = match arguments.shared {
            1 => (conditions, &owners[first..first + count]),
            _ => (&conditions[first * arguments.condition as usize..], &[][..]),
        };
        let program = Program { words, steps: arguments.steps as usize };
        let context = Context { arguments, isa, program, numbers, packed, conditions, owners, rows: count, stride };
        with_scratch(length(&arguments, stride), |scratch| {
            let mut memory = Memory::cut(&arguments, stride, scratch);
            context.across(&x[first * d..][..count * d], d, memory.variables);
            context.tile(&mut memory);
            let (from, to) = (&memory.variables[..d * stride], z);
            isa.run(Transpose { from, from_stride: stride, rows: d, columns: count, to, to_stride: d, add: false });
            log_det.copy_from_slice(&memory.log_det[..count]);
        });
    });
}
