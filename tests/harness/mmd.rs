//! Kernels of pairs and the maximum mean discrepancy.

use ferroflow::autodiff::{Tape, Var};
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::distributions::{PairEstimator, maximum_mean_discrepancy, maximum_mean_discrepancy_by};
use ferroflow::math::{KERNEL_SCALES, PairKernel};

use super::{Fallible, array, tensor};
use crate::common::golden::{Check, Outcome};

/// The kernel of each pair: the mean over a single one.
fn matrix<'t>(rows: Var<'t>, columns: Var<'t>, kernel: PairKernel) -> Fallible<Array> {
    let tape = rows.tape();
    let pick = |points: Var<'t>, row: usize| -> Fallible<Var<'t>> {
        let index = ferroflow::tensor::Tensor::from_indices(tape.device(), [1], &[row as u32])?;
        Ok(points.gather_rows(tape.constant(index)))
    };
    let (m, n) = (rows.shape().rows(), columns.shape().rows());
    let mut values = Vec::with_capacity(m * n);
    for i in 0..m {
        for j in 0..n {
            let pair = pick(rows, i)?.kernel_mean(pick(columns, j)?, kernel);
            values.extend(pair.value()?.values()?);
        }
    }
    Ok(Array::f32([m, n], values)?)
}

pub fn mmd(check: &mut Check) -> Outcome {
    let scales: Vec<f64> = serde_json::from_value(check.hyper()["scales"].clone())?;
    if scales != KERNEL_SCALES {
        return Err(format!("the scales {scales:?} are not those of the kernels").into());
    }
    let device = Device::cpu();
    let tape = Tape::new(&device);
    let x = tape.input(tensor(&device, check.input("x")?)?);
    let y = tape.input(tensor(&device, check.input("y")?)?);
    let (multiquadratic, laplacian) = (PairKernel::InverseMultiquadratic, PairKernel::Laplacian);
    check.output("kernel.inverse_multiquadratic", &matrix(x, y, multiquadratic)?);
    // The peer lays this one out transposed.
    check.output("kernel.gaussian", &matrix(y, x, laplacian)?);
    for (name, kernel) in [("inverse_multiquadratic", multiquadratic), ("gaussian", laplacian)] {
        check.output(&format!("mmd.{name}"), &array(maximum_mean_discrepancy(x, y, kernel))?);
        let unbiased = maximum_mean_discrepancy_by(x, y, kernel, PairEstimator::PeerUnbiased);
        check.output(&format!("mmd.{name}_unbiased"), &array(unbiased)?);
    }
    let loss = maximum_mean_discrepancy(x, y, multiquadratic);
    check.output("loss", &array(loss)?);
    tape.backward(loss)?;
    for (name, variable) in [("in/x", x), ("in/y", y)] {
        let gradient = tape.gradient(variable)?;
        check.gradient(name, &Array::f32(gradient.shape().axes(), gradient.values()?)?);
    }
    Ok(())
}
