//! The fused flow on a GPU.

use super::Arguments;
use crate::device::gpu::{Launch, Program, groups_for};
use crate::error::Result;

/// Rows of a tile.
const TILE: usize = 32;
/// Widths of layers whose results for a tile fit into the shared memory of a group of a CUDA device, and that are worth it.
const WIDTHS: std::ops::RangeInclusive<u32> = 48..=256;
/// Most variables, and most inputs of a first layer, that fit there beside them.
const MOST_VARIABLES: u32 = 47;
const MOST_INPUTS: u32 = 256;
/// Most groups: more than any GPU runs at a time, few enough that their working memory is small.
const MOST_GROUPS: usize = 1024;

/// Programs read weights where they lie.
pub(super) fn pack(_: &Launch) -> Result<()> {
    Ok(())
}

pub(super) fn shares(launch: &Launch) -> Result<()> {
    let [program, numbers, _, conditions] = [0, 1, 2, 3].map(|i| launch.inputs[i]);
    let groups = groups_for(launch.outputs[0].words());
    let inputs = [program, numbers, conditions];
    launch.run_with(Program::new("fused_flow", "shares"), &launch.words(&[]), &inputs, launch.outputs, groups)
}

/// Whether a tile goes through all layers without leaving its group (`kernels/fused_flow_shared.ptx`).
fn fits_into_a_group(arguments: &Arguments) -> bool {
    let &Arguments { dimension, condition, widest, shared, .. } = arguments;
    WIDTHS.contains(&widest) && dimension <= MOST_VARIABLES && (shared == 1 || dimension + condition <= MOST_INPUTS)
}

pub(super) fn run(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let Arguments { dimension, widest, rows, .. } = arguments;
    let groups = (rows as usize).div_ceil(TILE).min(MOST_GROUPS);
    let (file, room) = match launch.is_cuda() && fits_into_a_group(&arguments) {
        true => ("fused_flow_shared", 0),
        false => ("fused_flow", (2 * dimension + 2 * widest) as usize * TILE),
    };
    let memory = launch.scratch(groups * room)?;
    let [program, numbers, _, x, conditions, owners] = [0, 1, 2, 3, 4, 5].map(|i| launch.inputs[i]);
    let inputs = [program, numbers, x, conditions, owners];
    let outputs = [launch.outputs[0], launch.outputs[1], memory.all()];
    let words = launch.words(&[room as u32]);
    launch.run_with(Program::new(file, "run"), &words, &inputs, &outputs, groups)
}
