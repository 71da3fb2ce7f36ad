//! Running moments.

use ferroflow::approximators::{Matrix, Moments};
use ferroflow::codecs::{Array, Values};

use crate::common::golden::{Check, Outcome};

fn matrix(array: &Array) -> Matrix {
    Matrix { columns: array.shape().last().copied().unwrap_or(1), values: array.to_f64() }
}

pub fn standardize(check: &mut Check) -> Outcome {
    let mut moments = Moments::default();
    for number in 0.. {
        let Ok(batch) = check.input(&format!("batch.{number}")) else { break };
        let rows = matrix(batch);
        moments.update(&rows)?;
        let mut y = Vec::new();
        moments.forward(&rows, &mut y)?;
        check.output(&format!("y.{number}"), &Array::f32(batch.shape(), y)?);
        check.output(&format!("mean.{number}"), &Array::vector(moments.mean.clone()));
        check.output(&format!("m2.{number}"), &Array::vector(moments.m2.clone()));
        let count = check.case.get(&format!("out/count.{number}")).ok_or("count is missing")?;
        let shape = count.shape().to_vec();
        check.output(&format!("count.{number}"), &Array::new(shape, Values::I64(vec![moments.count as i64]))?);
    }
    let d = moments.mean.len();
    let s: Vec<f64> = (0..d).map(|j| moments.deviation(j)).collect();
    let (v, m) = (check.input("v")?, check.input("matrix")?);
    let (vs, ms) = (v.to_f64(), m.to_f64());
    let each = |values: &[f64], shape: &[usize], f: &dyn Fn(usize, f64) -> f64| -> ferroflow::Result<Array> {
        Array::f64(shape, values.iter().enumerate().map(|(i, &x)| f(i, x)).collect())
    };
    let names: Vec<String> = check.case.group("out/").map(|(name, _)| name.to_string()).collect();
    for name in names {
        let (of_v, of_m) = (v.shape().to_vec(), m.shape().to_vec());
        let (row, column) = (|i: usize| i / d % d, |i: usize| i % d);
        let result = match name.as_str() {
            "forward" => each(&vs, &of_v, &|i, x| (x - moments.mean[i % d]) / s[i % d])?,
            "inverse" => each(&vs, &of_v, &|i, x| moments.inverse(i % d, x))?,
            "log_det_forward" => Array::vector(vec![-moments.log_scale(); vs.len() / d]),
            "log_det_inverse" => Array::vector(vec![moments.log_scale(); vs.len() / d]),
            name if name.contains("both_sides") => each(&ms, &of_m, &|i, x| x * s[row(i)] * s[column(i)])?,
            name if name.contains("left_side") => each(&ms, &of_m, &|i, x| x * s[row(i)])?,
            name if name.contains("right_side") => each(&ms, &of_m, &|i, x| x / s[column(i)])?,
            "inverse.identity" => m.clone(),
            _ => continue,
        };
        check.output(&name, &result);
    }
    Ok(())
}
