//! The flow on a GPU: tiles of rows through all layers, back through all layers, and the sums over rows.

use super::{Arguments, MOST_KEPT};
use crate::device::Slice;
use crate::device::gpu::{Launch, Program};
use crate::error::Result;

/// Rows of a tile.
const TILE: usize = 32;
const FORWARD: Program = Program::new("coupling_flow", "forward");
const BACKWARD: Program = Program::new("coupling_flow", "backward");
const WEIGHTS: Program = Program::new("coupling_flow", "weights");

/// Rows that go through all programs together, so that what lies between these fits into [`MOST_KEPT`] numbers.
fn together(arguments: &Arguments) -> usize {
    let (rows, states) = (arguments.rows as usize, arguments.sizes.states.max(arguments.sizes.sums) as usize);
    (MOST_KEPT / states.max(1)).max(TILE).min(rows).max(1)
}

/// Reads x, the condition, the weights and the program; writes z, the log-determinant, and for each row its states, `[rows, states]`.
pub(super) fn forward(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let [z, log_det, kept] = [0, 1, 2].map(|i| launch.outputs[i]);
    if arguments.keeps() {
        return some_rows(launch, launch.inputs, [z, log_det, kept], [0, arguments.rows as usize, 0, 0]);
    }
    let count = together(&arguments);
    let states = launch.scratch(count * arguments.sizes.states as usize)?;
    for first in (0..arguments.rows as usize).step_by(count) {
        let count = count.min(arguments.rows as usize - first);
        some_rows(launch, launch.inputs, [z, log_det, states.all()], [first, count, first, 0])?;
    }
    Ok(())
}

/// Some rows forward: the first, how many, the row with which the memory of the states begins, and that with which z and the
/// log-determinant begin.
fn some_rows(launch: &Launch, inputs: &[Slice], outputs: [Slice; 3], place: [usize; 4]) -> Result<()> {
    launch.run_with(FORWARD, &launch.words(&place.map(|n| n as u32)), inputs, &outputs, place[1].div_ceil(TILE))
}

/// Reads the gradients of z and of the log-determinant, the states, and the operands; writes or adds to the gradients of x, c and the
/// weights.
pub(super) fn backward(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let [dz, dlog_det, kept, x, c, weights, program] = [0, 1, 2, 3, 4, 5, 6].map(|i| launch.inputs[i]);
    let [dx, dc, dweights] = [0, 1, 2].map(|i| launch.outputs[i]);
    let (rows, sizes) = (arguments.rows as usize, arguments.sizes);
    let count = together(&arguments);
    let again = if arguments.keeps() { 0 } else { count };
    let states = launch.scratch(again * sizes.states as usize)?;
    let [z, log_det] = [launch.scratch(again * sizes.dimension as usize)?, launch.scratch(again)?];
    // Behind the numbers that are summed each row has room for the gradients of its variables, twice, and of its condition.
    let width = (sizes.sums + 2 * sizes.dimension + sizes.condition) as usize;
    let sums = launch.scratch(count * width)?;
    if arguments.wants(2) && !arguments.adds(2) {
        // Numbers between the weights, which no sum reaches, are zero.
        launch.clear(dweights)?;
    }
    for first in (0..rows).step_by(count) {
        let count = count.min(rows - first);
        let (own, from) = match arguments.keeps() {
            true => (kept, 0),
            false => (states.all(), first),
        };
        if !arguments.keeps() {
            let outputs = [z.all(), log_det.all(), own];
            some_rows(launch, &[x, c, weights, program], outputs, [first, count, first, first])?;
        }
        let words = launch.words(&[first, count, from].map(|n| n as u32));
        let inputs = [dz, dlog_det, own, weights, program];
        launch.run_with(BACKWARD, &words, &inputs, &[dx, dc, sums.all()], count.div_ceil(TILE))?;
        if arguments.wants(2) {
            let inputs = [dlog_det, own, c, weights, program, sums.all()];
            launch.run_with(WEIGHTS, &words, &inputs, &[dweights], sizes.parts as usize)?;
        }
    }
    Ok(())
}
