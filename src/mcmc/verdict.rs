//! Whether chains can be relied on, in one sentence.

use super::Chains;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether nothing speaks against the draws.
    pub reliable: bool,
    /// What speaks against them and what to do, or that nothing does.
    pub sentence: String,
}

/// Largest R̂ of chains that have mixed, and least effective draws per chain (Vehtari et al. 2021).
const LARGEST_R_HAT: f64 = 1.01;
const LEAST_ESS: f64 = 100.0;
/// Least energy Bayesian fraction of missing information.
const LEAST_E_BFMI: f64 = 0.3;
/// Shares of trajectories beyond which their length, or the border of the support, slows a chain down too much.
const MOST_LONGEST: f64 = 0.1;
const MOST_OUTSIDE: f64 = 0.9;

impl Chains {
    /// Whether the draws can be relied on.
    pub fn verdict(&self) -> Verdict {
        let summary = self.summary();
        let worst = |of: fn(&super::VariableSummary) -> f64, worse: fn(f64, f64) -> bool| {
            // NaN is worse than anything.
            let better = |a: &(usize, f64), b: &(usize, f64)| b.1.is_nan() || (!a.1.is_nan() && worse(b.1, a.1));
            let of_each = summary.iter().map(of).enumerate();
            of_each.reduce(|a, b| if better(&a, &b) { b } else { a }).unwrap_or((0, f64::NAN))
        };
        let mut faults = Vec::new();
        let (variable, r_hat) = worst(|s| s.r_hat, |a, b| a > b);
        if self.count() < 2 {
            faults.push("a single chain cannot show whether it has found everything; run several".to_owned());
        }
        if r_hat.is_nan() || r_hat > LARGEST_R_HAT {
            let remedy = "run more warmup and draws, or other starts; R̂ far above 1 means separate modes";
            faults.push(format!("the chains disagree on variable {variable} (R̂ {r_hat:.3}): {remedy}"));
        }
        let least = LEAST_ESS * self.count() as f64;
        let ess = [worst(|s| s.ess_bulk, |a, b| a < b), worst(|s| s.ess_tail, |a, b| a < b)];
        for ((variable, ess), part) in ess.into_iter().zip(["middle", "tails"]) {
            if ess.is_nan() || ess < least {
                faults.push(format!(
                    "the draws are worth only {ess:.0} independent ones for the {part} of variable {variable} ({least:.0} are wanted): \
                     draw more"
                ));
            }
        }
        let divergences = self.divergences();
        if divergences > 0 {
            faults.push(format!(
                "{divergences} trajectories diverged, so parts of the density are left out: raise target_acceptance or rescale the \
                 variables"
            ));
        }
        let slow = self.e_bfmi().into_iter().filter(|fraction| fraction.is_nan() || *fraction < LEAST_E_BFMI).count();
        if slow > 0 {
            faults.push(format!(
                "{slow} chains explore the tails too slowly (E-BFMI below {LEAST_E_BFMI}): transform the variables"
            ));
        }
        let longest = self.share_of_longest();
        if longest > MOST_LONGEST {
            faults.push(format!("{:.0} % of the trajectories were cut off: raise max_depth", 100.0 * longest));
        }
        let outside = self.outside() as f64 / (self.count() * self.draws()) as f64;
        if outside > MOST_OUTSIDE {
            faults.push(format!(
                "{:.0} % of the trajectories ended outside of the support: use unbounded variables",
                100.0 * outside
            ));
        }
        let sentence = match faults.is_empty() {
            true => format!(
                "The chains agree (R̂ at most {r_hat:.3}) and are worth at least {:.0} independent draws.",
                ess[0].1.min(ess[1].1)
            ),
            false => format!("The draws cannot be relied on: {}.", faults.join("; ")),
        };
        Verdict { reliable: faults.is_empty(), sentence }
    }
}
