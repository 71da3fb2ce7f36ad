//! A dense layer: `y = f(x W + b)`.
//!
//! Shapes: `x` `[…, in]`, the kernel `W` `[in, out]`, the bias `b` `[out]` (optional), `y` `[…, out]`. `f` is any
//! [`Function`] and is applied before the product leaves the cache. Every element of `x W + b` is one chain of fused
//! multiply-adds over `in` in ascending order, starting from the bias: a row's result does not depend on other rows.
//!
//! Backward, with `a = x W + b` (the extra that is kept unless `f` is linear) and `da = f'(a) · dy`:
//! `dx = da Wᵀ`, `dW = xᵀ da`, `db = Σ_rows da`, each in ascending order of the summed index.

mod gpu;

use crate::device::Kernel;
use crate::device::cpu::matrix::{Epilogue, Output, View, product};
use crate::device::cpu::{Launch, vector};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Tensor;

/// The operation `linear`.
pub struct Linear;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Index of the activation in [`Function::ALL`].
    function: u32,
    rows: u32,
    inputs: u32,
    outputs: u32,
    /// 1 when there is a bias.
    bias: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "linear", cpu: forward_cpu, gpu: gpu::forward };
static BACKWARD_ACTIVATION: Kernel =
    Kernel { name: "linear_backward_activation", cpu: backward_activation_cpu, gpu: gpu::backward_activation };
static BACKWARD_INPUT: Kernel =
    Kernel { name: "linear_backward_input", cpu: backward_input_cpu, gpu: gpu::backward_input };
static BACKWARD_KERNEL: Kernel =
    Kernel { name: "linear_backward_kernel", cpu: backward_kernel_cpu, gpu: gpu::backward_kernel };
static BACKWARD_BIAS: Kernel = Kernel { name: "linear_backward_bias", cpu: backward_bias_cpu, gpu: gpu::backward_bias };
static ROW: Row = Row {
    name: "linear",
    formula: "y = f(x W + b)",
    keeps: Keeps { inputs: 0b011, products: 0b10 },
    kernels: &[&FORWARD, &BACKWARD_ACTIVATION, &BACKWARD_INPUT, &BACKWARD_KERNEL, &BACKWARD_BIAS],
};

impl Linear {
    /// The attributes of an activation.
    pub fn attributes(activation: Function) -> Attributes {
        Attributes::new(activation.index())
    }
}

fn function(index: u32) -> Function {
    Function::ALL.get(index as usize).copied().unwrap_or(Function::Linear)
}

fn arguments(attributes: &Attributes, inputs: &[&Tensor]) -> Arguments {
    let (x, kernel) = (inputs[0].shape(), inputs[1].shape());
    Arguments {
        function: attributes.get(),
        rows: x.rows() as u32,
        inputs: x.last() as u32,
        outputs: kernel.last() as u32,
        bias: u32::from(inputs.len() > 2),
        accumulate: 0,
    }
}

impl Operation for Linear {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (x, kernel) = (inputs[0].shape, inputs[1].shape);
        let bias = inputs.get(2).map(|b| b.shape);
        if x.rank() == 0 || kernel.rank() != 2 || kernel.rows() != x.last() {
            let message =
                format!("an input of shape {x} and a kernel of shape {kernel}; expected […, in] and [in, out]");
            return Err(Error::shape("linear", message));
        }
        if bias.is_some_and(|b| b.axes() != [kernel.last()]) {
            let message =
                format!("a bias of shape {} and a kernel of shape {kernel}; expected [out]", bias.unwrap_or(x));
            return Err(Error::shape("linear", message));
        }
        let y = x.with_last(kernel.last());
        Ok(match function(attributes.get()) {
            Function::Linear => Products::one(y),
            _ => Products::new(&[y], &[y]),
        })
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs);
        let inputs = [call.inputs[0].slice(), call.inputs[1].slice(), call.inputs[call.inputs.len() - 1].slice()];
        let products = [call.products[0].slice(), call.products[call.products.len() - 1].slice()];
        call.device.launch(&FORWARD, &arguments, &inputs[..call.inputs.len()], &products[..call.products.len()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let (x, kernel, dy) = (call.inputs[0], call.inputs[1], call.gradient()?);
        let arguments = arguments(call.attributes, call.inputs);
        let through_activation;
        let da = if function(arguments.function) == Function::Linear {
            dy
        } else {
            through_activation = Tensor::uninitialised(call.device, dy.shape())?;
            let inputs = [call.products[1].slice(), dy.slice()];
            call.device.launch(&BACKWARD_ACTIVATION, &arguments, &inputs, &[through_activation.slice()])?;
            &through_activation
        };
        let launch = |launched: &'static Kernel, operand: usize, other: &Tensor| -> Result<()> {
            let Some(sink) = call.sink(operand) else { return Ok(()) };
            let arguments = Arguments { accumulate: sink.flag(), ..arguments };
            call.device.launch(launched, &arguments, &[da.slice(), other.slice()], &[sink.tensor.slice()])
        };
        launch(&BACKWARD_INPUT, 0, kernel)?;
        launch(&BACKWARD_KERNEL, 1, x)?;
        launch(&BACKWARD_BIAS, 2, x)
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, kernel, f) = (&inputs[0], &inputs[1], function(attributes.get()));
        let outputs = kernel.shape.last();
        let mut values = Vec::new();
        for row in x.rows() {
            for j in 0..outputs {
                let start = inputs.get(2).map_or(0.0, |bias| bias.values[j]);
                let products = row.iter().enumerate().map(|(i, x)| x * kernel.values[i * outputs + j]);
                values.push(start + products.sum::<f64>());
            }
        }
        let shape = x.shape.with_last(outputs);
        let y = Array64::new(shape, values.iter().map(|&a| f.value(a)).collect());
        if f == Function::Linear { vec![y] } else { vec![y, Array64::new(shape, values)] }
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (rows, i, o) in [(0, 3, 2), (1, 1, 1), (3, 0, 2), (5, 7, 3), (1, 65, 33), (33, 17, 20), (67, 70, 130)] {
            for (f, bias) in [
                (Function::Linear, true),
                (Function::Linear, false),
                (Function::Mish, true),
                (Function::HardSilu, true),
            ] {
                let mut inputs = vec![Input::real([rows, i]), Input::between([i, o], -0.5, 0.5)];
                if bias {
                    inputs.push(Input::real([o]));
                }
                let label = format!("[{rows}, {i}] to {o}, {}, {}", f.name(), if bias { "bias" } else { "no bias" });
                let case = Case::new(label, inputs, Linear::attributes(f)).bound(1e-4);
                cases.push(if f == Function::Linear { case } else { case.without_special_values() });
            }
        }
        cases
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { function: f, rows, inputs, outputs, bias, .. } = launch.arguments();
    let (rows, inputs, outputs) = (rows as usize, inputs as usize, outputs as usize);
    let (x, kernel, bias) = (launch.input(0), launch.input(1), (bias == 1).then(|| launch.input(2)));
    let (y, preactivation) = (launch.output(0), launch.output(1));
    let activation = function(f);
    let before = match activation {
        Function::Linear => None,
        _ => Some((preactivation, rows, outputs)),
    };
    multiply(launch, (x, rows, inputs, false), (kernel, inputs, outputs, false), y, |epilogue| {
        epilogue.bias = bias;
        epilogue.activation = activation;
        epilogue.before = before.and_then(|(memory, rows, outputs)| Output::row_major(memory, rows, outputs).ok());
    });
}

/// A row-major factor: memory, rows, columns, and whether it is transposed.
type Factor<'a> = (&'a [f32], usize, usize, bool);

/// `c = a b` with an epilogue. The shapes fit: `infer` has checked them.
fn multiply<'a>(
    launch: &Launch<'a>,
    a: Factor<'a>,
    b: Factor<'a>,
    c: &'a mut [f32],
    set: impl FnOnce(&mut Epilogue<'a>),
) {
    let view = |(memory, rows, columns, transposed): Factor<'a>| {
        let view = View::row_major(memory, rows, columns)?;
        Ok(if transposed { view.transposed() } else { view })
    };
    let run = || -> Result<()> {
        let (a, b) = (view(a)?, view(b)?);
        let c = Output::row_major(c, a.rows(), b.columns())?;
        let mut epilogue = Epilogue::default();
        set(&mut epilogue);
        product(launch.isa, launch.threads, a, b, c, epilogue)
    };
    let outcome: Result<()> = run();
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}

fn backward_activation_cpu(launch: &mut Launch) {
    /// Elements per chunk of work.
    const CHUNK: usize = 8192;
    let f = function(launch.arguments::<Arguments>().function);
    let (a, dy, da, isa) = (launch.input(0), launch.input(1), launch.output(0), launch.isa);
    launch.threads.for_each_chunk(da, CHUNK, |index, da| {
        let range = index * CHUNK..index * CHUNK + da.len();
        vector::derivative(isa, f, &a[range.clone()], &dy[range], da, false);
    });
}

fn backward_input_cpu(launch: &mut Launch) {
    let Arguments { rows, inputs, outputs, accumulate, .. } = launch.arguments();
    let (rows, inputs, outputs) = (rows as usize, inputs as usize, outputs as usize);
    let (da, kernel, dx) = (launch.input(0), launch.input(1), launch.output(0));
    multiply(launch, (da, rows, outputs, false), (kernel, inputs, outputs, true), dx, |epilogue| {
        epilogue.accumulate = accumulate == 1;
    });
}

fn backward_kernel_cpu(launch: &mut Launch) {
    let Arguments { rows, inputs, outputs, accumulate, .. } = launch.arguments();
    let (rows, inputs, outputs) = (rows as usize, inputs as usize, outputs as usize);
    let (da, x, dkernel) = (launch.input(0), launch.input(1), launch.output(0));
    multiply(launch, (x, rows, inputs, true), (da, rows, outputs, false), dkernel, |epilogue| {
        epilogue.accumulate = accumulate == 1;
    });
}

fn backward_bias_cpu(launch: &mut Launch) {
    let Arguments { outputs, accumulate, .. } = launch.arguments();
    let (da, dbias) = (launch.input(0), launch.output(0));
    if accumulate == 0 {
        dbias.fill(0.0);
    }
    if outputs > 0 {
        for row in da.chunks(outputs as usize) {
            dbias.iter_mut().zip(row).for_each(|(d, a)| *d += a);
        }
    }
}
