//! The kernels of a dense layer on a GPU.

use super::{Arguments, function};
use crate::device::gpu::{Launch, Program, groups_for};
use crate::error::Result;
use crate::ops::gpu_product::{Factor, dense, product, sum_rows};

/// The sizes of a layer.
fn sizes(launch: &Launch) -> (Arguments, [usize; 3]) {
    let arguments: Arguments = launch.arguments();
    (arguments, [arguments.rows, arguments.inputs, arguments.outputs].map(|size| size as usize))
}

pub(super) fn forward(launch: &Launch) -> Result<()> {
    let (arguments, [rows, inputs, outputs]) = sizes(launch);
    let bias = (arguments.bias == 1).then(|| launch.inputs[2]);
    let y = launch.outputs[0];
    let before = launch.outputs.get(1).copied().unwrap_or(y.nothing());
    let (x, kernel) = (Factor::new(launch.inputs[0], rows, inputs), Factor::new(launch.inputs[1], inputs, outputs));
    dense(launch, x, kernel, bias, function(arguments.function), [y, before], 0)
}

pub(super) fn backward_activation(launch: &Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    let arguments = [launch.arguments::<Arguments>().function, 0, n as u32];
    let program = Program::new("unary", "backward");
    launch.run_with(program, &arguments, launch.inputs, launch.outputs, groups_for(n))
}

pub(super) fn backward_input(launch: &Launch) -> Result<()> {
    let (arguments, [rows, inputs, outputs]) = sizes(launch);
    let da = Factor::new(launch.inputs[0], rows, outputs);
    let kernel = Factor::new(launch.inputs[1], inputs, outputs);
    product(launch, da, kernel.transposed(), launch.outputs[0], arguments.accumulate)
}

pub(super) fn backward_kernel(launch: &Launch) -> Result<()> {
    let (arguments, [rows, inputs, outputs]) = sizes(launch);
    let (da, x) = (Factor::new(launch.inputs[0], rows, outputs), Factor::new(launch.inputs[1], rows, inputs));
    product(launch, x.transposed(), da, launch.outputs[0], arguments.accumulate)
}

pub(super) fn backward_bias(launch: &Launch) -> Result<()> {
    let (arguments, [rows, _, outputs]) = sizes(launch);
    sum_rows(launch, launch.inputs[0], rows, outputs, launch.outputs[0], arguments.accumulate)
}
