//! # ferroflow: amortized Bayesian inference
//!
//! A scientist has a simulator and a prior. ferroflow trains neural networks on simulations once; from then on the
//! posterior of any new data set costs milliseconds. Everything below is written for this purpose: tensors, gradients,
//! kernels and networks; there is no machine-learning framework underneath.
//!
//! ```no_run
//! # fn main() -> ferroflow::Result<()> {
//! use ferroflow::prelude::*;
//!
//! let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default())?.seed(1).build()?;
//! workflow.fit_online(Fit { epochs: 15, batches_per_epoch: 200, ..Fit::default() })?;
//! let observed = workflow.simulate(3)?;
//! let draws = workflow.sample(&observed, 1000)?; // name → [datasets, draws, dim]
//! workflow.diagnose(300)?.save("runs/regression")?; // numbers, pictures, one HTML page
//! # Ok(())
//! # }
//! ```
//!
//! ## A tour of the house
//!
//! Data flows one way through it:
//!
//! ```text
//! simulator ─► record ─► adapter ─► summary network ─► inference network ─► loss ─► tape ─► optimizer   (training)
//! observed  ─► record ─► adapter ─► summary network ─► inverse of the flow ─► draws ─► adapter⁻¹        (inference)
//! ```
//!
//! | floor | rooms | what is there |
//! |---|---|---|
//! | 1 | [`error`], [`math`], [`random`], [`codecs`] | one error type; scalar functions with derivatives; counter-based random streams; files as arrays |
//! | 2 | [`device`] | memory and kernels: SIMD lanes, vector functions, the packed matrix product, threads; GPUs through WebGPU (feature `wgpu`) |
//! | 3 | [`tensor`], [`ops`] | tensors, and the table of operations with one file each |
//! | 4 | [`parameters`], [`autodiff`], [`optim`] | named flat weights; the tape; Adam and schedules |
//! | 5 | [`nn`], [`distributions`], [`bijections`] | layers; base distributions; invertible maps with log-determinants |
//! | 6 | [`networks`] | summary networks, inference networks, scoring rules |
//! | 7 | [`data`], [`simulators`], [`adapters`], [`mcmc`] | records of named columns, simulators, transforms between data and network space, the No-U-Turn sampler |
//! | 8 | [`approximators`] | networks with standardisation: what represents a posterior |
//! | 9 | [`diagnostics`], [`io`], [`workflow`], [`evaluation`] | numbers, pictures, files; fit, resume, sample, diagnose |
//! | 10 | the command line | `ferroflow train linear-regression` |
//!
//! A file uses only rooms that stand before its own in this table. Floors 2 to 6 know nothing of records and studies;
//! floor 7 and the diagnostics compute on the host in f64 and know nothing of devices and tapes. A test keeps it so.
//!
//! Same seed, same bits: whatever the number of threads, however the rows are batched into calls, after kill and resume.

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
pub mod mcmc;
pub mod simulators;

pub mod approximators;

pub mod diagnostics;
pub mod io;
pub mod workflow;

pub mod evaluation;

pub mod prelude;

pub use error::{Error, Result};
