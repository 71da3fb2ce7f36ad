//! The reference benchmark itself: the simulators of sbibm 1.1 (Lueckmann et al. 2021), for which there are reference
//! posteriors.
//!
//! Some differ from the peer's simulators of the same names: the Gaussian ones have the variance 0.1 instead of the standard
//! deviation, SIR counts instead of shares, SLCP a little more variance, the generalised linear model one fixed design and
//! another prior of the offset, and the distractors one fixed mixture in a fixed order. The fixed arrays lie in
//! `data/`, under the licence beside them.

mod bernoulli_glm;
mod fixed;
mod named;
mod slcp_distractors;

pub use bernoulli_glm::{SbibmBernoulliGlm, SbibmBernoulliGlmRaw};
pub use slcp_distractors::SbibmSlcpDistractors;

use named::Named;

use crate::simulators::{
    GaussianLinear, GaussianLinearUniform, GaussianMixture, LotkaVolterra, SimpleLikelihood, Simulator, Sir, TwoMoons,
};

/// The ten tasks, `sbibm-two-moons` and so on.
pub fn sbibm_tasks() -> Vec<Box<dyn Simulator>> {
    let scale = 0.1f64.sqrt();
    vec![
        Named::boxed("sbibm-two-moons", "sbibm: two moons, as two-moons", TwoMoons::default()),
        Named::boxed(
            "sbibm-gaussian-linear",
            "sbibm: Gaussian mean and prior, both with the variance 0.1",
            GaussianLinear { prior_scale: scale, obs_scale: scale, ..Default::default() },
        ),
        Named::boxed(
            "sbibm-gaussian-linear-uniform",
            "sbibm: Gaussian mean with the variance 0.1, uniform prior",
            GaussianLinearUniform { obs_scale: scale, ..Default::default() },
        ),
        Named::boxed(
            "sbibm-gaussian-mixture",
            "sbibm: Gaussian mixture, as gaussian-mixture",
            GaussianMixture::default(),
        ),
        Named::boxed(
            "sbibm-slcp",
            "sbibm: SLCP with 1e-6 added to both variances",
            SimpleLikelihood { jitter: 1e-6, ..Default::default() },
        ),
        Box::new(SbibmSlcpDistractors),
        Box::new(SbibmBernoulliGlm),
        Box::new(SbibmBernoulliGlmRaw),
        Named::boxed(
            "sbibm-sir",
            "sbibm: epidemic (SIR), counts of 1000 tests on ten days",
            Sir { scale_by_total: false, ..Default::default() },
        ),
        Named::boxed("sbibm-lotka-volterra", "sbibm: predators and prey, as lotka-volterra", LotkaVolterra::default()),
    ]
}
