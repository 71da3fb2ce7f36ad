//! ferroflow: amortized Bayesian inference.

pub mod codecs;
pub mod error;
pub mod math;
pub mod random;

pub mod device;

pub mod ops;
pub mod tensor;

pub mod autodiff;
pub mod optim;
pub mod parameters;

pub mod bijections;
pub mod distributions;
pub mod nn;

pub mod networks;

pub mod adapters;
pub mod data;
pub mod simulators;

pub mod approximators;

pub mod diagnostics;
pub mod io;
pub mod workflow;

pub mod evaluation;

pub use error::{Error, Result};
