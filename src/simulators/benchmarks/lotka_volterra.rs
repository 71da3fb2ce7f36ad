//! Predators and prey.

use super::two_species::TwoSpecies;
use super::*;

/// Of the grid with steps of 0.1, the reference benchmark observes every 21st point.
const ORIGINAL_STRIDE: usize = 21;
/// Populations are observed within these bounds.
const SMALLEST: f64 = 1e-10;
const LARGEST: f64 = 1e4;
const PRIOR: LogNormals<4> = LogNormals { location: [-0.125, -3.0, -0.125, -3.0], scale: [0.5; 4] };

/// Two species, one of which eats the other (Lotka 1920, Volterra 1926).
///
/// ```text
/// ln α, ln γ ~ N(−0.125, 0.5²)   ln β, ln δ ~ N(−3, 0.5²)
/// X' = α X − β X Y    Y' = −γ Y + δ X Y        t = 0, dt, 2 dt, … up to `duration`
/// x ~ logN(ln clamp(X, 1e-10, 1e4), obs_noise²), y from Y likewise
/// ```
///
/// `parameters` are α, β, γ, δ; `observables` `[datasets, 2 points]`, all prey and then all predators, or the series
/// `[datasets, points, 2]` without `flatten`. The equation is solved by Taylor series with an error of 1e-10 a step
/// relative to each population, so that none falls below zero.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LotkaVolterra {
    /// Prey at the beginning.
    pub prey: f64,
    /// Predators at the beginning.
    pub predators: f64,
    /// Time of the last point.
    pub duration: f64,
    /// Which points of the grid are observed.
    pub subsample: Subsample,
    /// One vector, prey first, instead of a series of pairs.
    pub flatten: bool,
    /// Standard deviation of the logarithm of an observation.
    pub obs_noise: f64,
    /// Step of the grid; 1/`duration` if it is missing.
    pub dt: Option<f64>,
}

impl Default for LotkaVolterra {
    fn default() -> Self {
        LotkaVolterra {
            prey: 30.0,
            predators: 1.0,
            duration: 20.0,
            subsample: Subsample::Original,
            flatten: true,
            obs_noise: 0.1,
            dt: Some(0.1),
        }
    }
}

impl LotkaVolterra {
    /// The times that are observed, the first one 0.
    fn times(&self) -> Result<Vec<f64>> {
        check_scale("obs_noise", self.obs_noise)?;
        for (name, value) in [("prey", self.prey), ("predators", self.predators), ("duration", self.duration)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(name, format!("{value} was given; use a positive number")));
            }
        }
        let dt = self.dt.unwrap_or(1.0 / self.duration);
        // Rounding must not lose the last point.
        let steps = (self.duration / dt * (1.0 + 1e-12)).floor();
        if dt.is_nan() || dt <= 0.0 || !(0.0..1e7).contains(&steps) {
            return Err(Error::argument(
                "dt",
                format!("steps of {dt} were given for a duration of {}; use a positive step", self.duration),
            ));
        }
        let indices = self.subsample.indices(steps as usize + 1, ORIGINAL_STRIDE)?;
        Ok(indices.into_iter().map(|i| i as f64 * dt).collect())
    }

    /// Logarithms of prey and predators at the given times, within the bounds of what is observed.
    fn logarithms(&self, theta: &[f64], times: &[f64]) -> Result<Vec<[f64; 2]>> {
        let model = TwoSpecies { own: [theta[0], -theta[2]], meeting: [-theta[1], theta[3]] };
        let path = model.solve([self.prey, self.predators], times)?;
        Ok(path.into_iter().map(|y| y.map(|y| libm::log(y.clamp(SMALLEST, LARGEST)))).collect())
    }

    /// The order of the observations: all prey and then all predators, or pairs.
    fn arrange(&self, pairs: Vec<[f64; 2]>) -> Vec<f64> {
        match self.flatten {
            true => (0..2).flat_map(|species| pairs.iter().map(move |pair| pair[species])).collect(),
            false => pairs.into_iter().flatten().collect(),
        }
    }
}

impl Simulator for LotkaVolterra {
    fn name(&self) -> &str {
        "lotka-volterra"
    }

    fn description(&self) -> &str {
        "Predators and prey (Lotka-Volterra): four rates from ten noisy counts of both species"
    }

    fn variables(&self) -> Vec<Variable> {
        positive_variables(if self.flatten { Kind::Vector } else { Kind::Series })
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let times = self.times()?;
        sample_or_fail(
            self.name(),
            request,
            |rng| PRIOR.draw(rng),
            |rng, theta| {
                let mut values = self.arrange(self.logarithms(theta, &times)?);
                values.iter_mut().for_each(|log| *log = libm::exp(*log + self.obs_noise * normal(rng)));
                Ok(rows(values, 2, self.flatten))
            },
        )
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 4, |theta| PRIOR.log_density(theta))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        let times = self.times()?;
        log_likelihoods(record, 4, 2 * times.len(), |theta, x| {
            if x.iter().any(|x| x.is_nan() || *x <= 0.0) {
                return Ok(f64::NEG_INFINITY);
            }
            let means = self.arrange(self.logarithms(theta, &times)?);
            Ok(x.iter().zip(means).map(|(x, mean)| log_gaussian(x.ln(), mean, self.obs_noise) - x.ln()).sum())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modal() -> [f64; 4] {
        [-0.125f64, -3.0, -0.125, -3.0].map(f64::exp)
    }

    /// Values of an independent solver (LSODA) at the modes of the logarithms.
    #[test]
    fn trajectory() {
        let model = LotkaVolterra::default();
        let prey = [30.0, 37.339911, 0.865055, 1.837031, 9.494431, 54.065416, 4.327271, 0.897341, 3.130283, 17.466869];
        let predators =
            [1.0, 73.777597, 22.338276, 3.934349, 0.993291, 2.324229, 66.839013, 12.125673, 2.259761, 0.839249];
        let times = model.times().unwrap();
        assert_eq!(times.len(), 10);
        for (i, y) in model.logarithms(&modal(), &times).unwrap().iter().enumerate() {
            assert!((y[0].exp() / prey[i] - 1.0).abs() < 1e-5, "prey {i}: {}", y[0].exp());
            assert!((y[1].exp() / predators[i] - 1.0).abs() < 1e-5, "predators {i}: {}", y[1].exp());
        }
    }

    /// `δX − γ ln X + βY − α ln Y` does not change, relative to its largest term.
    #[test]
    fn the_invariant_holds() {
        let model = LotkaVolterra { subsample: Subsample::All, ..Default::default() };
        let times = model.times().unwrap();
        assert_eq!(times.len(), 201);
        for theta in [modal(), [3.0, 0.01, 0.2, 0.2], [0.3, 0.2, 2.0, 0.01]] {
            let invariant =
                |y: &[f64; 2]| theta[3] * y[0].exp() - theta[2] * y[0] + theta[1] * y[1].exp() - theta[0] * y[1];
            let path = model.logarithms(&theta, &times).unwrap();
            let inside = |y: &&[f64; 2]| y.iter().all(|log| log.exp() > 1.1 * SMALLEST && log.exp() < 0.9 * LARGEST);
            let start = invariant(&path[0]);
            for y in path.iter().filter(inside) {
                let size = theta[3] * y[0].exp() + theta[1] * y[1].exp() + start.abs();
                assert!((invariant(y) - start).abs() < 1e-6 * size, "{theta:?}: {y:?}");
            }
        }
    }

    #[test]
    fn parameters_far_out_in_the_prior_are_simulated() {
        let far = |sign: f64| -> Vec<f64> { (0..4).map(|i| (PRIOR.location[i] + sign * 2.5).exp()).collect() };
        for theta in [far(1.0), far(-1.0), vec![far(1.0)[0], far(-1.0)[1], far(1.0)[2], far(1.0)[3]]] {
            let path = LotkaVolterra::default().logarithms(&theta, &[0.0, 10.0, 20.0]).unwrap();
            assert!(path.iter().flatten().all(|y| y.is_finite()), "{theta:?}: {path:?}");
        }
    }

    #[test]
    fn order_of_the_observations() {
        let model = LotkaVolterra { flatten: false, ..Default::default() };
        let pairs = vec![[1.0, 2.0], [3.0, 4.0]];
        assert_eq!(model.arrange(pairs.clone()), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(LotkaVolterra::default().arrange(pairs), [1.0, 3.0, 2.0, 4.0]);
    }
}
