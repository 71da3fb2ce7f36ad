//! The programs of convolution on a GPU: groups gather what a tile of results, or of gradients, depends on and multiply it.

use super::patches::Arguments;
use crate::device::gpu::{Launch, Program, groups_for};
use crate::device::{Buffer, Slice};
use crate::error::Result;
use crate::math::Function;
use crate::ops::gpu_product::{Parts, sum_rows, tiles};

/// Words that say where a window, or an element, lies.
const PLACE: usize = 4;

fn program(entry: &'static str) -> Program {
    Program::new("convolution", entry)
}

/// Which of the products a program is asked for.
const FORWARD: u32 = 0;
const BACKWARD_INPUT: u32 = 1;
const BACKWARD_KERNEL: u32 = 2;

/// Where the windows of all positions lie, or in which windows all elements.
fn places(launch: &Launch, entry: &'static str, count: u32) -> Result<Buffer> {
    let places = launch.scratch(PLACE * count as usize)?;
    let offsets = &launch.inputs[3..5];
    launch.run_with(program(entry), &launch.words(&[0, 0]), offsets, &[places.all()], groups_for(count as usize))?;
    Ok(places)
}

pub(super) fn forward(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let windows = places(launch, "windows", arguments.positions)?;
    let [x, kernel, bias, y] = [launch.inputs[0], launch.inputs[1], launch.inputs[2], launch.outputs[0]];
    let sums = launch.outputs.get(1).copied().unwrap_or(y.nothing());
    let inputs = [x, kernel, windows.all(), bias];
    let groups = tiles(arguments.positions as usize, arguments.outputs as usize);
    launch.run_with(program("forward"), &launch.words(&[FORWARD, 0]), &inputs, &[y, sums], groups)
}

pub(super) fn backward(launch: &Launch) -> Result<()> {
    let arguments: Arguments = launch.arguments();
    let (sums, dy) = (launch.inputs[2], launch.inputs[5]);
    let own = match arguments.function() {
        Function::Linear => None,
        _ => Some(slopes(launch, arguments.function, sums, dy)?),
    };
    let da = own.as_ref().map_or(dy, Buffer::all);
    let wanted = arguments.wanted.map(|wanted| wanted == 1);
    if wanted[0] {
        backward_input(launch, &arguments, da)?;
    }
    if wanted[1] {
        backward_kernel(launch, &arguments, da)?;
    }
    if wanted[2] {
        let [positions, outputs] = [arguments.positions as usize, arguments.outputs as usize];
        sum_rows(launch, da, positions, outputs, launch.outputs[2], arguments.added[2])?;
    }
    Ok(())
}

/// The gradient of the sums in the activation.
fn slopes(launch: &Launch, function: u32, sums: Slice, dy: Slice) -> Result<Buffer> {
    let (da, n) = (launch.scratch(dy.words())?, dy.words());
    let program = Program::new("unary", "backward");
    launch.run_with(program, &[function, 0, n as u32], &[sums, dy], &[da.all()], groups_for(n))?;
    Ok(da)
}

fn backward_input(launch: &Launch, arguments: &Arguments, da: Slice) -> Result<()> {
    let (owners, kernel, dx) = (places(launch, "owners", arguments.elements)?, launch.inputs[1], launch.outputs[0]);
    let inputs = [da, kernel, owners.all()];
    let groups = tiles(arguments.elements as usize, arguments.inputs as usize);
    launch.run_with(program("backward_input"), &launch.words(&[BACKWARD_INPUT, 0]), &inputs, &[dx], groups)
}

/// Products over blocks of positions, then over the blocks.
fn backward_kernel(launch: &Launch, arguments: &Arguments, da: Slice) -> Result<()> {
    let windows = places(launch, "windows", arguments.positions)?;
    let results = [arguments.depth(), arguments.outputs as usize];
    let products = Parts::new(launch, arguments.positions as usize, results)?;
    let inputs = [launch.inputs[0], da, windows.all()];
    let words = launch.words(&[BACKWARD_KERNEL, products.each()]);
    launch.run_with(program("backward_kernel"), &words, &inputs, &[products.slice()], products.groups())?;
    products.finish(launch, launch.outputs[1], arguments.added[1])
}
