//! The programs of recurrent layers on a GPU: a group of threads walks through all steps of a series.

use super::Arguments;
use super::series::TILE;
use crate::device::gpu::{COLUMNS, Launch, Program, add_blocks, groups_for};
use crate::error::Result;
use crate::ops::gpu_product::Parts;

/// Units whose states, and those of all their gates, fit into the memory of a group.
const MOST_UNITS: u32 = 512;

fn check(launch: &Launch, arguments: &Arguments) -> Result<()> {
    if arguments.units <= MOST_UNITS {
        return Ok(());
    }
    let message =
        format!("recurrence: {} units; GPUs take at most {MOST_UNITS}; use fewer, or choose cpu", arguments.units);
    Err(launch.refuse(message))
}

pub(super) fn forward(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    check(launch, &arguments)?;
    // Bit i is set where output i is there.
    let present = (0..4).filter(|&i| launch.outputs[i].words() > 0).fold(0, |bits, i| bits | 1 << i);
    launch.run(Program::new("recurrence", "forward"), &[present], arguments.series as usize)
}

/// The walk back with the transposed kernel, then what the sums over all elements read.
pub(super) fn backward(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    check(launch, &arguments)?;
    let [gradient, offsets, kernel, states, gates, cells] = [0, 1, 2, 3, 4, 5].map(|i| launch.inputs[i]);
    let [da, du_g, previous, sums] = [0, 1, 2, 3].map(|i| launch.outputs[i]);
    let (series, words) = (arguments.series as usize, launch.words(&[0]));
    let run = |entry, inputs: &[_], outputs: &[_], groups| {
        launch.run_with(Program::new("recurrence", entry), &words, inputs, outputs, groups)
    };
    let transposed = launch.scratch(kernel.words())?;
    run("transpose", &[kernel], &[transposed.all()], groups_for(kernel.words()))?;
    run("backward", &[gradient, offsets, transposed.all(), states, gates, cells], &[da, du_g], series)?;
    run("before", &[offsets, states], &[previous], groups_for(previous.words()))?;
    let groups = if sums.words() > 0 { series.div_ceil(TILE) * arguments.width().div_ceil(COLUMNS) } else { 0 };
    run("tile_sums", &[offsets, da, du_g], &[sums], groups)
}

/// The gradient of the recurrent kernel: products over blocks of elements, then over the blocks.
pub(super) fn kernel(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let results = [arguments.units as usize, arguments.width()];
    let products = Parts::new(launch, arguments.elements as usize, results)?;
    let program = Program::new("recurrence", "backward_kernel");
    let words = launch.words(&[products.each()]);
    launch.run_with(program, &words, launch.inputs, &[products.slice()], products.groups())?;
    products.finish(launch, launch.outputs[0], arguments.accumulate)
}

/// The gradient of the bias from the sums over each tile.
pub(super) fn bias(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let (tiles, width) = ((arguments.series as usize).div_ceil(TILE), arguments.width());
    add_blocks(launch, launch.inputs[0], [tiles, width], launch.outputs[0], arguments.accumulate)
}
