//! The inverse and the log-determinant of a square matrix: `V = W⁻¹` and `ℓ = ln |det W|`.
//!
//! Shapes: `W` `[d, d]`, `V` `[d, d]`, `ℓ` a scalar; `d` is at most [`MOST_DIMENSIONS`]. Made for the small matrices that
//! mix the variables of a flow (Kingma & Dhariwal 2018, arXiv:1807.03039, §3.2), whose densities need both outputs.
//!
//! Computed by elimination with partial pivoting (`P W = L U`, then `d` pairs of triangular solves) in f64, on the stack,
//! in a fixed order; only the results are rounded to f32.
//!
//! Backward, from `V` alone: `dW = −Vᵀ dV Vᵀ + dℓ · Vᵀ`, sums in f64.
//!
//! Special values: a singular matrix (a pivot that is exactly zero) has `ℓ = −∞` and an inverse of NaN. Where an element
//! of `W` is NaN or infinite, everything is NaN.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Shape;

/// Largest matrix: its factors in f64 (128 KiB) stay on the stack of any thread.
pub const MOST_DIMENSIONS: usize = 128;

/// The operation `inverse_matrix`.
pub struct InverseMatrix;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    dimensions: u32,
    /// Backward: whether there is a gradient of the inverse, and of the log-determinant.
    from_inverse: u32,
    from_log_det: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "inverse_matrix", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "inverse_matrix_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "inverse_matrix",
    formula: "V = W⁻¹, ℓ = ln |det W|",
    keeps: Keeps { inputs: 0, products: 0b01 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl InverseMatrix {
    /// There are no attributes.
    pub fn attributes() -> Attributes {
        Attributes::NONE
    }
}

impl Operation for InverseMatrix {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let shape = inputs[0].shape;
        match *shape.axes() {
            [rows, columns] if rows == columns && rows <= MOST_DIMENSIONS => {
                Ok(Products::new(&[shape, Shape::SCALAR], &[]))
            }
            _ => Err(Error::shape(
                "inverse_matrix",
                format!("a tensor of shape {shape}; expected a square matrix with at most {MOST_DIMENSIONS} rows"),
            )),
        }
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let dimensions = call.inputs[0].shape().last() as u32;
        let arguments = Arguments { dimensions, from_inverse: 0, from_log_det: 0, accumulate: 0 };
        let products = [call.products[0].slice(), call.products[1].slice()];
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &products)
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let inverse = call.products[0];
        let [from_inverse, from_log_det] = [0, 1].map(|output| call.gradients.get(output).copied().flatten());
        let arguments = Arguments {
            dimensions: inverse.shape().last() as u32,
            from_inverse: u32::from(from_inverse.is_some()),
            from_log_det: u32::from(from_log_det.is_some()),
            accumulate: sink.flag(),
        };
        let inputs =
            [inverse.slice(), from_inverse.unwrap_or(inverse).slice(), from_log_det.unwrap_or(inverse).slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    /// By expansion in cofactors: unlike the kernel in everything but the result.
    fn reference(&self, inputs: &[Array64], _: &Attributes) -> Vec<Array64> {
        let (w, d) = (&inputs[0].values, inputs[0].shape.last());
        if w.iter().any(|w| !w.is_finite()) {
            return vec![
                Array64::new(inputs[0].shape, vec![f64::NAN; w.len()]),
                Array64::new(Shape::SCALAR, vec![f64::NAN]),
            ];
        }
        let determinant = cofactor_determinant(w, d);
        let cofactor = |row: usize, column: usize| {
            let minor: Vec<f64> = (0..d * d).filter(|k| k / d != row && k % d != column).map(|k| w[k]).collect();
            let sign = if (row + column).is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * cofactor_determinant(&minor, d - 1) / determinant
        };
        let inverse = (0..d * d).map(|k| cofactor(k % d, k / d)).collect();
        vec![Array64::new(inputs[0].shape, inverse), Array64::new(Shape::SCALAR, vec![determinant.abs().ln()])]
    }

    fn cases(&self) -> Vec<Case> {
        [0, 1, 2, 3, 5]
            .map(|d| Case::new(format!("{d}"), vec![Input::real([d, d])], InverseMatrix::attributes()).bound(1e-4))
            .to_vec()
    }
}

fn cofactor_determinant(w: &[f64], d: usize) -> f64 {
    if d == 0 {
        return 1.0;
    }
    let along_first_row = (0..d).map(|column| {
        let minor: Vec<f64> = (d..d * d).filter(|k| k % d != column).map(|k| w[k]).collect();
        let sign = if column.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * w[column] * cofactor_determinant(&minor, d - 1)
    });
    along_first_row.sum()
}

/// `P W = L U` in place of `w`; `L` has a unit diagonal that is not stored.
struct Factors {
    w: [[f64; MOST_DIMENSIONS]; MOST_DIMENSIONS],
    /// Row `i` of `P W` is row `order[i]` of `W`.
    order: [usize; MOST_DIMENSIONS],
    d: usize,
}

impl Factors {
    fn new(values: &[f32], d: usize) -> Self {
        let mut w = [[0.0; MOST_DIMENSIONS]; MOST_DIMENSIONS];
        for (row, values) in w.iter_mut().zip(values.chunks(d.max(1))) {
            row.iter_mut().zip(values).for_each(|(w, &v)| *w = f64::from(v));
        }
        let mut factors = Factors { w, order: std::array::from_fn(|i| i), d };
        factors.eliminate();
        factors
    }

    fn eliminate(&mut self) {
        let (w, d) = (&mut self.w, self.d);
        for k in 0..d {
            let pivot = (k..d).fold(k, |best, i| if w[i][k].abs() > w[best][k].abs() { i } else { best });
            w.swap(k, pivot);
            self.order.swap(k, pivot);
            let (above, below) = w.split_at_mut(k + 1);
            let pivot_row = &above[k];
            if pivot_row[k] == 0.0 {
                continue;
            }
            for row in &mut below[..d - k - 1] {
                let factor = row[k] / pivot_row[k];
                row[k] = factor;
                for j in k + 1..d {
                    row[j] -= factor * pivot_row[j];
                }
            }
        }
    }

    fn log_abs_det(&self) -> f64 {
        (0..self.d).map(|k| self.w[k][k].abs().ln()).sum()
    }

    /// Column `column` of the inverse.
    fn solve_unit(&self, column: usize) -> [f64; MOST_DIMENSIONS] {
        let (w, d) = (&self.w, self.d);
        let mut x = [0.0; MOST_DIMENSIONS];
        for i in 0..d {
            let unit = f64::from(u8::from(self.order[i] == column));
            x[i] = unit - (0..i).map(|j| w[i][j] * x[j]).sum::<f64>();
        }
        for i in (0..d).rev() {
            x[i] = (x[i] - (i + 1..d).map(|j| w[i][j] * x[j]).sum::<f64>()) / w[i][i];
        }
        x
    }
}

fn forward_cpu(launch: &mut Launch) {
    let d = launch.arguments::<Arguments>().dimensions as usize;
    let (w, inverse, log_det) = (launch.input(0), launch.output(0), launch.output(1));
    if w.iter().any(|w| !w.is_finite()) {
        inverse.fill(f32::NAN);
        log_det.fill(f32::NAN);
        return;
    }
    let factors = Factors::new(w, d);
    let log_abs_det = factors.log_abs_det();
    log_det.fill(log_abs_det as f32);
    if log_abs_det == f64::NEG_INFINITY {
        inverse.fill(f32::NAN);
        return;
    }
    for column in 0..d {
        let x = factors.solve_unit(column);
        for (row, x) in x[..d].iter().enumerate() {
            inverse[row * d + column] = *x as f32;
        }
    }
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { dimensions, from_inverse, from_log_det, accumulate } = launch.arguments();
    let d = dimensions as usize;
    let (inverse, dinverse, dlog_det, dw) = (launch.input(0), launch.input(1), launch.input(2), launch.output(0));
    let v = |i: usize, j: usize| f64::from(inverse[i * d + j]);
    let dlog_det = if from_log_det == 1 { dlog_det.first().map_or(0.0, |&g| f64::from(g)) } else { 0.0 };
    // Row i of dW = −(Vᵀ dV) Vᵀ + dℓ Vᵀ.
    for (i, dw) in dw.chunks_mut(d.max(1)).enumerate() {
        let mut left = [0.0; MOST_DIMENSIONS];
        if from_inverse == 1 {
            for (k, left) in left[..d].iter_mut().enumerate() {
                *left = (0..d).map(|r| v(r, i) * f64::from(dinverse[r * d + k])).sum();
            }
        }
        for (j, dw) in dw.iter_mut().enumerate() {
            let through_inverse: f64 = (0..d).map(|k| left[k] * v(j, k)).sum();
            let value = (dlog_det * v(j, i) - through_inverse) as f32;
            *dw = if accumulate == 1 { *dw + value } else { value };
        }
    }
}

/// One group eliminates in memory for the matrix and the inverse side by side.
fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let [inverse, log_det] = [launch.outputs[0], launch.outputs[1]];
    let sides = launch.scratch(2 * inverse.words())?;
    let program = Program::new("inverse_matrix", "forward");
    launch.run_with(program, &launch.words(&[0]), launch.inputs, &[inverse, log_det, sides.all()], 1)
}

/// First `Vᵀ dV`, then the rest.
fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let [inverse, dinverse, dlog_det] = [0, 1, 2].map(|i| launch.inputs[i]);
    let (dw, n, arguments) = (launch.outputs[0], inverse.words(), launch.words(&[0]));
    let left = launch.scratch(n)?;
    if launch.arguments::<Arguments>().from_inverse == 1 {
        let program = Program::new("inverse_matrix", "left_product");
        launch.run_with(program, &arguments, &[inverse, dinverse], &[left.all()], groups_for(n))?;
    }
    let program = Program::new("inverse_matrix", "backward");
    launch.run_with(program, &arguments, &[inverse, left.all(), dlog_det], &[dw], groups_for(n))
}

#[cfg(test)]
mod tests {
    use crate::autodiff::Tape;
    use crate::device::Device;
    use crate::ops::{InverseMatrix, Operation};
    use crate::tensor::Tensor;

    fn apply(values: &[f32], d: usize) -> (Vec<f32>, f32) {
        let (device, operation) = (Device::cpu(), &InverseMatrix as &'static dyn Operation);
        let tape = Tape::new(&device);
        let w = tape.input(Tensor::from_values(&device, [d, d], values).unwrap());
        let inverse = tape.apply(operation, &[w], InverseMatrix::attributes());
        (inverse.value().unwrap().values().unwrap(), inverse.output(1).value().unwrap().item().unwrap())
    }

    #[test]
    fn singular_matrices_are_no_panic() {
        let (inverse, log_det) = apply(&[1.0, 2.0, 2.0, 4.0], 2);
        assert_eq!(log_det, f32::NEG_INFINITY);
        assert!(inverse.iter().all(|v| v.is_nan()));
    }

    #[test]
    fn the_largest_matrix_works_and_a_larger_one_is_refused() {
        let d = super::MOST_DIMENSIONS;
        let band = |i: usize, j: usize| if i == j { 2.0 } else { 0.5 * f32::from(u8::from(i.abs_diff(j) == 1)) };
        let w: Vec<f32> = (0..d * d).map(|k| band(k / d, (k % d + 1) % d)).collect();
        let (inverse, log_det) = apply(&w, d);
        for k in 0..d * d {
            let product: f64 = (0..d).map(|m| f64::from(w[k / d * d + m]) * f64::from(inverse[m * d + k % d])).sum();
            let identity = f64::from(u8::from(k / d == k % d));
            assert!((product - identity).abs() < 1e-6, "element {k}: {product}");
        }
        assert!(log_det > 0.0 && log_det.is_finite());
        let device = Device::cpu();
        let tape = Tape::new(&device);
        let large = tape.input(Tensor::zeros(&device, [d + 1, d + 1].into()).unwrap());
        let operation: &'static dyn Operation = &InverseMatrix;
        let error = tape.apply(operation, &[large], InverseMatrix::attributes()).value().unwrap_err();
        assert!(error.to_string().contains("at most 128"), "{error}");
    }
}
