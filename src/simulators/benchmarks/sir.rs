//! An epidemic.

use super::binomial::binomial;
use super::two_species::TwoSpecies;
use super::*;
use crate::math::ln_gamma;

/// Of the daily grid, the reference benchmark observes every 17th day.
const ORIGINAL_STRIDE: usize = 17;
/// Infection and recovery rate.
const PRIOR: LogNormals<2> =
    LogNormals { location: [-0.916_290_731_874_155, -2.079_441_541_679_835_7], scale: [0.5, 0.2] };

/// Susceptible, infected and recovered people; tests find how many are infected (Kermack and McKendrick 1927).
///
/// ```text
/// ln β ~ N(ln 0.4, 0.5²)   ln γ ~ N(ln 1/8, 0.2²)
/// S' = −β S I / N    I' = β S I / N − γ I    R' = γ I        S(0) = N − I(0) − R(0)
/// x_t ~ Binomial(total_count, I(t) / N),   t = 0, 1, …, days − 1
/// ```
///
/// `parameters` are β and γ; `observables` `[datasets, points]`, every 17th day by default, or the series
/// `[datasets, days, 1]` of all days ([`Sir::daily`], by name `sir-daily`), divided by `total_count` with
/// `scale_by_total`. The equation is solved by Taylor series with a relative error of 1e-10 a step.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sir {
    /// Number of people.
    pub population: f64,
    /// Number of days, the length of the grid.
    pub days: usize,
    /// Infected people on the first day.
    pub infected: f64,
    /// Recovered people on the first day.
    pub recovered: f64,
    /// Which days are observed.
    pub subsample: Subsample,
    /// Number of people who are tested on a day.
    pub total_count: u64,
    /// Shares instead of counts.
    pub scale_by_total: bool,
}

impl Default for Sir {
    fn default() -> Self {
        Sir {
            population: 1e6,
            days: 160,
            infected: 1.0,
            recovered: 0.0,
            subsample: Subsample::Original,
            total_count: 1000,
            scale_by_total: true,
        }
    }
}

impl Sir {
    /// All 160 days, as a series.
    pub fn daily() -> Self {
        Sir { subsample: Subsample::All, ..Sir::default() }
    }

    /// The days that are observed.
    fn days_observed(&self) -> Result<Vec<f64>> {
        check_count("days", self.days)?;
        check_count("total_count", self.total_count as usize)?;
        let fits = |people: f64| people >= 0.0 && people <= self.population;
        let sizes = [self.infected, self.recovered, self.infected + self.recovered];
        if !(self.population > 0.0 && self.population.is_finite() && sizes.into_iter().all(fits)) {
            return Err(Error::argument(
                "population, infected, recovered",
                format!(
                    "{}, {} and {} people were given; use a positive population that holds the others",
                    self.population, self.infected, self.recovered
                ),
            ));
        }
        let indices = self.subsample.indices(self.days, ORIGINAL_STRIDE)?;
        Ok(indices.into_iter().map(|day| day as f64).collect())
    }

    /// The share of infected people at the given times.
    fn shares(&self, theta: &[f64], times: &[f64]) -> Result<impl Iterator<Item = f64> + use<>> {
        let (population, beta, gamma) = (self.population, theta[0] / self.population, theta[1]);
        let start = [population - self.infected - self.recovered, self.infected];
        let path = TwoSpecies { own: [0.0, -gamma], meeting: [-beta, beta] }.solve(start, times)?;
        Ok(path.into_iter().map(move |y| (y[1] / population).clamp(0.0, 1.0)))
    }

    /// What a count is multiplied with.
    fn unit(&self) -> f64 {
        if self.scale_by_total { 1.0 / self.total_count as f64 } else { 1.0 }
    }
}

impl Simulator for Sir {
    fn name(&self) -> &str {
        if self.subsample == Subsample::All { "sir-daily" } else { "sir" }
    }

    fn description(&self) -> &str {
        match self.subsample {
            Subsample::All => "Epidemic (SIR) as a series: infection and recovery rate from 160 daily counts",
            _ => "Epidemic (SIR): infection and recovery rate from test results on ten days",
        }
    }

    fn variables(&self) -> Vec<Variable> {
        positive_variables(if self.subsample == Subsample::All { Kind::Series } else { Kind::Vector })
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let times = self.days_observed()?;
        let unit = self.unit();
        sample_or_fail(
            self.name(),
            request,
            |rng| PRIOR.draw(rng),
            |rng, theta| {
                let mut counts = Vec::with_capacity(times.len());
                for share in self.shares(theta, &times)? {
                    counts.push(binomial(rng, self.total_count, share)? as f64 * unit);
                }
                Ok(rows(counts, 1, self.subsample != Subsample::All))
            },
        )
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 2, |theta| PRIOR.log_density(theta))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        let times = self.days_observed()?;
        log_likelihoods(record, 2, times.len(), |theta, x| {
            let probability = |(x, share): (&f64, f64)| log_binomial(x / self.unit(), self.total_count as f64, share);
            Ok(x.iter().zip(self.shares(theta, &times)?).map(probability).sum())
        })
    }
}

/// Log-probability of `k` successes in `n` trials; −∞ for a number that is no count from 0 to n.
fn log_binomial(k: f64, n: f64, p: f64) -> f64 {
    let count = k.round();
    if (k - count).abs() > 1e-6 || !(0.0..=n).contains(&count) {
        return f64::NEG_INFINITY;
    }
    // 0 ln 0 = 0
    let power = |exponent: f64, log: f64| if exponent == 0.0 { 0.0 } else { exponent * log };
    ln_gamma(n + 1.0) - ln_gamma(count + 1.0) - ln_gamma(n - count + 1.0)
        + power(count, p.ln())
        + power(n - count, (-p).ln_1p())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulators::DormandPrince;

    /// Values of an independent solver (LSODA) at β = 0.4, γ = 1/8.
    #[test]
    fn trajectory() {
        let times = Sir::default().days_observed().unwrap();
        let expected =
            [1.0, 107.20880, 11225.309, 307012.688, 128837.765, 23296.059, 3894.4606, 643.64616, 106.18058, 17.510910];
        let shares = Sir::default().shares(&[0.4, 0.125], &times).unwrap();
        for (share, expected) in shares.zip(expected) {
            assert!((share * 1e6 / expected - 1.0).abs() < 1e-5, "{} for {expected}", share * 1e6);
        }
    }

    /// `ln S − (β/γ)(S + I)/N` does not change: the people who have recovered follow from those who are left.
    #[test]
    fn the_invariant_holds_on_every_day() {
        let times: Vec<f64> = (0..160).map(f64::from).collect();
        for theta in [[0.4, 0.125], [0.1, 0.2], [1.8, 0.07]] {
            let path = DormandPrince::default()
                .solve(
                    |_, &[s, i, _]: &[f64; 3]| {
                        let new = theta[0] * s * i / 1e6;
                        [-new, new - theta[1] * i, theta[1] * i]
                    },
                    [1e6 - 1.0, 1.0, 0.0],
                    &times,
                )
                .unwrap();
            let invariant = |y: &[f64; 3]| y[0].ln() - theta[0] / theta[1] * (y[0] + y[1]) / 1e6;
            for y in &path {
                assert!((y.iter().sum::<f64>() / 1e6 - 1.0).abs() < 1e-9, "{theta:?}: {y:?}");
                assert!((invariant(y) - invariant(&path[0])).abs() < 2e-5, "{theta:?}: {y:?}");
            }
            let two = Sir::default().shares(&theta, &times).unwrap();
            assert!(two.zip(&path).all(|(share, y)| (share - y[1] / 1e6).abs() < 1e-6));
        }
    }

    #[test]
    fn probabilities_of_counts_sum_to_one() {
        for p in [0.0, 1e-4, 0.3, 1.0] {
            let sum: f64 = (0..=20).map(|k| log_binomial(f64::from(k), 20.0, p).exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{p}: {sum}");
        }
        assert_eq!(log_binomial(0.5, 20.0, 0.3), f64::NEG_INFINITY);
        assert_eq!(log_binomial(21.0, 20.0, 0.3), f64::NEG_INFINITY);
    }
}
