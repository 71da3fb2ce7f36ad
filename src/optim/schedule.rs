//! How the learning rate changes with the step.

use serde::{Deserialize, Serialize};

/// The learning rate as a function of the step, which counts from 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant {
        /// The learning rate.
        rate: f64,
    },
    /// Linear from `initial` to `target` during the warm-up, then half a cosine down to `floor · target`
    /// (Loshchilov & Hutter 2017, arXiv:1608.03983).
    Cosine {
        /// Rate at step 0.
        initial: f64,
        /// Rate at the end of the warm-up.
        target: f64,
        /// Steps of the warm-up, `W`.
        warmup: u64,
        /// Steps of the decay, `T`; later steps stay at the floor.
        decay: u64,
        /// Share of the target that remains at the end.
        floor: f64,
    },
}

/// Share of the steps that warm the default schedule up, and the share of the peak rate where the warm-up starts.
const WARMUP_SHARE: f64 = 0.05;
const WARMUP_START: f64 = 0.1;

impl Schedule {
    /// The schedule of a workflow: 5 % of the steps from a tenth of the rate up to it, then half a cosine to 0.
    pub fn for_training(rate: f64, steps: u64) -> Self {
        let warmup = (WARMUP_SHARE * steps as f64) as u64;
        Schedule::Cosine { initial: WARMUP_START * rate, target: rate, warmup, decay: steps - warmup, floor: 0.0 }
    }

    /// The learning rate of a step.
    pub fn rate(&self, step: u64) -> f64 {
        match *self {
            Schedule::Constant { rate } => rate,
            Schedule::Cosine { initial, target, warmup, .. } if step < warmup => {
                initial + (target - initial) * step as f64 / warmup as f64
            }
            Schedule::Cosine { target, warmup, decay, floor, .. } => {
                let progress = (step - warmup).min(decay) as f64 / decay.max(1) as f64;
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                target * ((1.0 - floor) * cosine + floor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn known_rates() {
        let schedule = Schedule::for_training(5e-4, 100);
        let expected =
            [(0, 5e-5), (1, 1.4e-4), (4, 4.1e-4), (5, 5e-4), (6, 4.998634e-4), (52, 2.541335e-4), (99, 1.366884e-7)];
        for (step, rate) in expected {
            assert_relative_eq!(schedule.rate(step), rate, max_relative = 1e-4);
        }
        assert_eq!(schedule.rate(100), 0.0);
        assert_eq!(schedule.rate(1000), 0.0);
    }
}
