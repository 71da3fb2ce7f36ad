//! The fused flow on a GPU.

use super::Arguments;
use crate::device::gpu::{Launch, Program, groups_for};
use crate::error::Result;

/// Rows of a tile.
const TILE: usize = 32;
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

pub(super) fn run(launch: &Launch) -> Result<()> {
    let Arguments { dimension, widest, rows, .. } = launch.arguments();
    let room = (2 * dimension + 2 * widest) as usize * TILE;
    let groups = (rows as usize).div_ceil(TILE).min(MOST_GROUPS);
    let memory = launch.scratch(groups * room)?;
    let [program, numbers, _, x, conditions, owners] = [0, 1, 2, 3, 4, 5].map(|i| launch.inputs[i]);
    let inputs = [program, numbers, x, conditions, owners];
    let outputs = [launch.outputs[0], launch.outputs[1], memory.all()];
    let arguments = launch.words(&[room as u32]);
    launch.run_with(Program::new("fused_flow", "run"), &arguments, &inputs, &outputs, groups)
}
