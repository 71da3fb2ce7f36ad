//! `y = f(x)`, element by element, for every [`Function`].
//!
//! Backward: `dx = f'(x) · dy`. Special values follow the function's reference.

use crate::device::Kernel;
use crate::device::cpu::{Launch, vector};
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::math::Function;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};

/// Elements per chunk of work: about the time of waking a thread.
const CHUNK: usize = 8192;

/// The operation `unary`.
pub struct Unary;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Index of the function in [`Function::ALL`].
    function: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "unary", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "unary_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row { name: "unary", formula: "y = f(x)", keeps: Keeps::INPUTS, kernels: &[&FORWARD, &BACKWARD] };

impl Unary {
    /// The attributes of a function.
    pub fn attributes(function: Function) -> Attributes {
        Attributes::new(Arguments { function: function.index(), accumulate: 0 })
    }
}

fn function(arguments: Arguments) -> Function {
    Function::ALL.get(arguments.function as usize).copied().unwrap_or(Function::Linear)
}

impl Operation for Unary {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        Ok(Products::one(inputs[0].shape))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments: Arguments = call.attributes.get();
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { accumulate: sink.flag(), ..call.attributes.get() };
        let inputs = [call.inputs[0].slice(), call.gradient()?.slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let f = function(attributes.get());
        vec![Array64::new(inputs[0].shape, inputs[0].values.iter().map(|&x| f.value(x)).collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for &f in Function::ALL {
            let (low, high) = f.domain();
            let (low, high) = (low.max(-6.0), high.min(6.0));
            for n in [0, 1, 7, 1021] {
                let case = Case::new(f.name(), vec![Input::between([n], low, high)], Unary::attributes(f));
                cases.push(case.without_special_values());
            }
        }
        cases
    }
}

fn forward_cpu(launch: &mut Launch) {
    let (f, x, y) = (function(launch.arguments()), launch.input(0), launch.output(0));
    let isa = launch.isa;
    launch.threads.for_each_chunk(y, CHUNK, |index, y| {
        vector::apply(isa, f, &x[index * CHUNK..][..y.len()], y);
    });
}

fn backward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (f, x, dy, dx) = (function(arguments), launch.input(0), launch.input(1), launch.output(0));
    let isa = launch.isa;
    launch.threads.for_each_chunk(dx, CHUNK, |index, dx| {
        let range = index * CHUNK..index * CHUNK + dx.len();
        vector::derivative(isa, f, &x[range.clone()], &dy[range], dx, arguments.accumulate == 1);
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("unary", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("unary", "backward"), &[n as u32], groups_for(n))
}
