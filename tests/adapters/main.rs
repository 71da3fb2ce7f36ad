//! The adapter: properties of every invertible transform, strictness, ragged columns, files, messages.

mod behaviour;
mod messages;
mod properties;
mod ragged;
mod stored;

use ferroflow::adapters::{Adapter, Strictness};
use ferroflow::codecs::{Array, Dtype, Values};
use ferroflow::data::{Column, Record};

fn array(shape: &[usize], values: &[f64]) -> Array {
    Array::f64(shape, values.to_vec()).unwrap()
}

fn integers(shape: &[usize], values: &[i64]) -> Array {
    Array::new(shape, Values::I64(values.to_vec())).unwrap()
}

fn shape<'a>(record: &'a Record, key: &str) -> &'a [usize] {
    record.column(key).unwrap().array.shape()
}

fn numbers(record: &Record, key: &str) -> Vec<f64> {
    record.column(key).unwrap().array.to_f64()
}

fn forward(adapter: &Adapter, record: &Record) -> Record {
    adapter.forward(record, Strictness::Strict).unwrap()
}

fn fitted(mut adapter: Adapter, record: &Record) -> Adapter {
    adapter.fit(record).unwrap();
    adapter
}

/// The adapter of the regression tutorial.
fn regression() -> Adapter {
    Adapter::new()
        .broadcast("N", "x")
        .as_set(["x", "y"])
        .constrain("sigma", ferroflow::adapters::lower(0.0))
        .sqrt("N")
        .convert_dtype(Dtype::F64, Dtype::F32)
        .concatenate(["beta", "sigma"], "inference_variables")
        .concatenate(["x", "y"], "summary_variables")
        .rename("N", "inference_conditions")
}

/// Two data sets of the regression tutorial, with 2 and 3 observations.
fn regression_data() -> Record {
    let mut record = Record::new()
        .with("beta", array(&[2, 2], &[0.5, -1.0, 2.0, 0.25]))
        .with("sigma", array(&[2, 1], &[1.5, 0.75]))
        .with("N", integers(&[2], &[2, 3]));
    for (key, values) in [("x", [0.1, 0.2, 0.3, 0.4, 0.5]), ("y", [1.0, 2.0, 3.0, 4.0, 5.0])] {
        record.insert(key, Column::ragged(array(&[5], &values), vec![0, 2, 5]).unwrap());
    }
    record
}
