//! A robot arm.

use super::*;

/// The end point of an arm on a slider with three joints.
///
/// ```text
/// θᵢ ~ N(0, scalesᵢ²), i = 0 … 3
/// x₀ = θ₀ + l1 sin θ₁ + l2 sin(θ₁ + θ₂) + l3 sin(θ₁ + θ₂ + θ₃)
/// x₁ =      l1 cos θ₁ + l2 cos(θ₁ + θ₂) + l3 cos(θ₁ + θ₂ + θ₃)
/// ```
///
/// `observables` `[datasets, 2]`; there is no noise, so the likelihood has no density. Kruse et al. 2021.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InverseKinematics {
    /// Standard deviations of the four parameters.
    pub scales: [f64; 4],
    /// Length of the first segment.
    pub l1: f64,
    /// Length of the second segment.
    pub l2: f64,
    /// Length of the third segment.
    pub l3: f64,
}

impl Default for InverseKinematics {
    fn default() -> Self {
        InverseKinematics { scales: [0.25, 0.5, 0.5, 0.5], l1: 0.5, l2: 0.5, l3: 1.0 }
    }
}

impl Simulator for InverseKinematics {
    fn name(&self) -> &str {
        "inverse-kinematics"
    }

    fn description(&self) -> &str {
        "Inverse kinematics: the four joints of a robot arm from its end point"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(None, Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        self.scales.iter().try_for_each(|&scale| check_scale("scales", scale))?;
        let lengths = [self.l1, self.l2, self.l3];
        if let Some(bad) = lengths.iter().find(|l| !l.is_finite()) {
            return Err(Error::argument("l1, l2, l3", format!("{bad} was given; use finite lengths")));
        }
        let prior = |rng: &mut Stream| self.scales.iter().map(|scale| scale * normal(rng)).collect();
        sample(self.name(), request, prior, |_, theta| {
            let (mut x, mut y, mut angle) = (theta[0], 0.0, 0.0);
            for (length, joint) in lengths.iter().zip(&theta[1..]) {
                angle += joint;
                x += length * libm::sin(angle);
                y += length * libm::cos(angle);
            }
            [x, y].into()
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 4, |theta| log_normal(theta, |i| self.scales[i]))
    }
}
