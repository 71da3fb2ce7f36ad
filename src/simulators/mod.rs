//! Floor 7: simulators and their composition.
//!
//! A [`Simulator`] produces a [`Record`](crate::data::Record) of data sets. Most simulators are a [`Composition`] of a
//! prior and a likelihood, written as closures over one generator and a view of what was drawn before:
//!
//! ```
//! use ferroflow::make_simulator;
//! use ferroflow::random::Stream;
//! use ferroflow::simulators::{Simulator, View, set};
//! use rand::RngExt;
//!
//! let meta = |rng: &mut Stream, _: &View| Ok([("N", rng.random_range(5..15_i64).into())]);
//! let prior = |rng: &mut Stream, _: &View| Ok([("p", rng.random::<f64>().into())]);
//! let likelihood = |rng: &mut Stream, given: &View| {
//!     let (p, n) = (given.scalar("p")?, given.size("N")?);
//!     Ok([("heads", set((0..n).map(|_| rng.random_bool(p)).collect::<Vec<_>>()))])
//! };
//! let simulator = make_simulator! { meta: meta; prior, likelihood };
//! let record = simulator.simulate(100, 1)?;
//! assert_eq!(record.column("p")?.array.shape(), [100, 1]);
//! assert_eq!(record.column("heads")?.offsets.as_ref().map(|o| o.len()), Some(101));
//! # Ok::<(), ferroflow::Error>(())
//! ```
//!
//! Every data set has a random stream of its own, named by its index; the result is the same for any number of threads
//! and however the data sets are cut into batches.

mod benchmarks;
mod campaign;
mod composition;
mod draw;
mod drift_diffusion;
mod external;
mod given;
mod hierarchical;
mod linear_regression;
mod model_comparison;
mod ode;
mod parameters_of;
mod pool;
mod prior;
mod registry;
mod rejection;
mod request;
mod sbibm;
mod simulator;
mod stack;
mod tabulated;
mod view;

pub use benchmarks::{
    BernoulliGlm, BernoulliGlmRaw, GaussianLinear, GaussianLinearUniform, GaussianMixture, InverseKinematics,
    LotkaVolterra, SimpleLikelihood, SimpleLikelihoodDistractors, Sir, Subsample, TwoMoons,
};
pub use campaign::{Campaign, Plan, STALE, Shards, is_campaign};
pub use composition::Composition;
pub use draw::{Draw, IntoDraw, Name, Value, set};
pub use drift_diffusion::DriftDiffusion;
pub use external::External;
pub use hierarchical::Hierarchical;
pub use linear_regression::{LinearRegression, Posterior, exact_posterior, exact_probabilities};
pub use model_comparison::{KeyConflicts, ModelComparison};
pub use ode::DormandPrince;
pub use parameters_of::ParametersOf;
pub use pool::Pool;
pub use prior::Prior;
pub use registry::{find, list};
pub use rejection::{Rejection, rejection_sample, sample_batched};
pub use request::{Context, Request};
pub use sbibm::{SbibmBernoulliGlm, SbibmBernoulliGlmRaw, SbibmSlcpDistractors, sbibm_tasks};
pub use simulator::{Kind, Role, Simulator, Variable};
pub use tabulated::Tabulated;
pub use view::View;
