//! `y = scale · x + shift` with two numbers, element by element. Backward: `dx = scale · dy`.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};

/// Elements per chunk of work.
const CHUNK: usize = 16384;

/// The operation `affine`.
pub struct Affine;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    scale: f32,
    shift: f32,
    /// 1 when the kernel adds to its output.
    accumulate: u32,
}

static KERNEL: Kernel = Kernel { name: "affine", cpu, gpu };
static ROW: Row = Row { name: "affine", formula: "y = scale x + shift", keeps: Keeps::NOTHING, kernels: &[&KERNEL] };

impl Affine {
    /// The attributes of scale and shift.
    pub fn attributes(scale: f64, shift: f64) -> Attributes {
        Attributes::new(Arguments { scale: scale as f32, shift: shift as f32, accumulate: 0 })
    }
}

impl Operation for Affine {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        Ok(Products::one(inputs[0].shape))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments: Arguments = call.attributes.get();
        call.device.launch(&KERNEL, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { shift: 0.0, accumulate: sink.flag(), ..call.attributes.get() };
        call.device.launch(&KERNEL, &arguments, &[call.gradient()?.slice()], &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let Arguments { scale, shift, .. } = attributes.get();
        let f = |x: &f64| f64::from(scale) * x + f64::from(shift);
        vec![Array64::new(inputs[0].shape, inputs[0].values.iter().map(f).collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |n: usize| Case::new(format!("{n}"), vec![Input::real([n])], Affine::attributes(-1.5, 0.25));
        [0, 1, 7, 33_001].map(case).to_vec()
    }
}

fn cpu(launch: &mut Launch) {
    let Arguments { scale, shift, accumulate } = launch.arguments();
    let (x, y) = (launch.input(0), launch.output(0));
    launch.threads.for_each_chunk(y, CHUNK, |index, y| {
        let x = &x[index * CHUNK..][..y.len()];
        for (y, &x) in y.iter_mut().zip(x) {
            let value = scale * x + shift;
            *y = if accumulate == 1 { *y + value } else { value };
        }
    });
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("affine", "forward"), &[n as u32], groups_for(n))
}
