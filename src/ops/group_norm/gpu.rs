//! The programs of group normalisation on a GPU. What several of them read is at the same place among the operands of each.

use super::Arguments;
use crate::device::gpu::{BlockSums, Launch, Program, groups_for};
use crate::error::Result;

/// A group of threads for each mean and variance.
pub(super) fn moments(launch: &Launch) -> Result<()> {
    launch.run(Program::new("group_norm", "moments"), &[0], launch.outputs[0].words())
}

pub(super) fn forward(launch: &Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    let [x, means, variances, gain, shift, offsets] = [0, 1, 2, 3, 4, 5].map(|i| launch.inputs[i]);
    let inputs = [x, offsets, means, variances, gain, shift];
    let program = Program::new("group_norm", "forward");
    launch.run_with(program, &launch.words(&[n as u32]), &inputs, launch.outputs, groups_for(n))
}

/// The sums over the elements, then what the gradients of the statistics take from them: together they have more operands than a
/// program may have.
pub(super) fn backward_sums(launch: &Launch) -> Result<()> {
    let [x, gain, means, variances, dy] = [0, 1, 2, 3, 4].map(|i| launch.inputs[i]);
    let [dmeans, dvariances, offsets] = [5, 6, 7].map(|i| launch.inputs[i]);
    let (statistics, arguments) = (means.words(), launch.words(&[0]));
    let program = Program::new("group_norm", "backward_sums");
    launch.run_with(program, &arguments, &[x, offsets, means, variances, gain, dy], launch.outputs, statistics)?;
    let program = Program::new("group_norm", "backward_statistics");
    let inputs = [dmeans, offsets, dvariances, variances];
    launch.run_with(program, &arguments, &inputs, launch.outputs, groups_for(statistics))
}

pub(super) fn backward_input(launch: &Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    let [x, gain, means, variances, dy, sums, offsets] = [0, 1, 2, 3, 4, 5, 6].map(|i| launch.inputs[i]);
    let inputs = [x, offsets, means, variances, gain, dy, sums];
    let program = Program::new("group_norm", "backward_input");
    launch.run_with(program, &launch.words(&[n as u32]), &inputs, launch.outputs, groups_for(n))
}

/// Sums over blocks of rows, then over the blocks; over no row without a gradient of `y`.
pub(super) fn backward_parameter(launch: &Launch) -> Result<()> {
    let Arguments { rows, given, accumulate, .. } = launch.arguments();
    let rows = if given[0] == 1 { rows as usize } else { 0 };
    let sums = BlockSums::new(launch, rows, launch.outputs[0].words())?;
    let program = Program::new("group_norm", "backward_parameter");
    let [x, means, variances, dy, offsets] = [0, 1, 2, 3, 4].map(|i| launch.inputs[i]);
    let inputs = [x, offsets, means, variances, dy];
    launch.run_with(program, &launch.words(&[0]), &inputs, &[sums.slice()], sums.groups())?;
    sums.finish(launch, launch.outputs[0], accumulate)
}
