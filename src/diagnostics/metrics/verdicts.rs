//! What the numbers mean: for each diagnostic and variable whether it is fine, by which threshold, and what to try.

use std::fmt;

use serde::Serialize;

use super::defaults::Diagnostics;
use super::sbc::{EcdfCheck, Miscalibration};

/// Log-gamma below which miscalibration is beyond doubt. Below 0 lie 5 % of calibrated posteriors; γ is roughly
/// proportional to the probability of a deviation as large, so that a γ ten times smaller (−ln 10) is met by about one in 200.
pub const LOG_GAMMA_BAD: f64 = -std::f64::consts::LN_10;

/// Calibration error that nobody acts on: credible intervals hold the truth within five percentage points of what they
/// promise. Twice as much is called bad.
pub const CALIBRATION_ERROR_FINE: f64 = 0.05;

/// With N data sets the share covered has a standard deviation of at most `0.5/√N`; two of them are granted.
pub const CALIBRATION_ERROR_NOISE: f64 = 1.0;

/// NRMSE from which on the draws recover little: 1 is the prior, and half of it stems from the spread of the draws.
pub const NRMSE_FINE: f64 = 0.9;

/// NRMSE beyond which the draws are worse than the prior; the margin is for the random normaliser and few data sets.
pub const NRMSE_BAD: f64 = 1.1;

/// Contraction below which the posterior is as wide as the prior for practical purposes.
pub const CONTRACTION_FINE: f64 = 0.05;

/// Median z-score up to which bias is harmless: a shift by a quarter of a standard deviation lowers the coverage of a 95 %
/// interval to 94 %, and skewed posteriors, whose mean is not the median, have as much without any fault.
pub const Z_SCORE_FINE: f64 = 0.25;

/// Median z-score from which on bias is bad: a shift by half a standard deviation lowers 95 % coverage to 92 %.
pub const Z_SCORE_BAD: f64 = 0.5;

/// The median of N standard normal z-scores has the standard error `1.253/√N`; three of them are granted.
pub const Z_SCORE_NOISE: f64 = 3.0 * 1.253;

/// How far the correlation may fall below the contraction, which it equals when the posterior is calibrated: the two are
/// medians of different things, and a tenth is visible in the recovery picture. Thrice as much is called bad.
pub const CORRELATION_GAP: f64 = 0.1;

/// A correlation from N data sets has a standard error of at most `1/√N`; three of them are granted.
pub const CORRELATION_NOISE: f64 = 3.0;

/// How good a diagnostic looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to do.
    #[default]
    Fine,
    /// Worth a look.
    Warning,
    /// Do not rely on this posterior.
    Bad,
}

impl Status {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Status::Fine => "fine",
            Status::Warning => "warning",
            Status::Bad => "bad",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A sentence about one diagnostic of one variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The diagnostic: Calibration, Coverage, Recovery, Contraction, Bias or Correlation.
    pub diagnostic: String,
    /// The name of the metric that is judged, as in the table.
    pub metric: String,
    /// The name of the variable.
    pub variable: String,
    /// How good it looks.
    pub status: Status,
    /// What came, what the threshold is, and what to try.
    pub sentence: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Six verdicts for each variable: calibration, coverage, recovery, contraction, bias and correlation.
pub fn verdicts(diagnostics: &Diagnostics) -> Vec<Verdict> {
    let table = &diagnostics.table;
    let root = (diagnostics.datasets as f64).sqrt();
    let mut out = Vec::new();
    for (name, check) in table.variable_names().iter().zip(&diagnostics.sbc.variables) {
        let value = |metric: &str| table.get(metric, name).unwrap_or(f64::NAN);
        let mut add = |diagnostic: &str, metric: &str, value: f64, (status, text): (Status, String)| {
            let undefined = "the true values or the draws do not vary or are infinite, so that it cannot be computed; \
                             examine more data sets and look at the draws themselves";
            let (status, text) = if value.is_nan() { (Status::Bad, undefined.to_string()) } else { (status, text) };
            let word = match status {
                Status::Fine => "fine: ",
                Status::Warning => "worth a look: ",
                Status::Bad => "not fine: ",
            };
            let sentence = format!("{diagnostic} of {name}: {word}{text}.");
            let (diagnostic, metric) = (diagnostic.to_string(), metric.to_string());
            out.push(Verdict { diagnostic, metric, variable: name.clone(), status, sentence });
        };
        let log_gamma = value("Log Gamma");
        add("Calibration", "Log Gamma", log_gamma, calibration(log_gamma, check));
        let error = value("Calibration Error");
        add("Coverage", "Calibration Error", error, coverage(error, root, check));
        let nrmse = value("NRMSE");
        add("Recovery", "NRMSE", nrmse, recovery(nrmse));
        let contraction = value("Posterior Contraction");
        add("Contraction", "Posterior Contraction", contraction, contracted(contraction));
        let score = value("Posterior z-score");
        add("Bias", "Posterior z-score", score, bias(score, root));
        let r = value("Correlation");
        add("Correlation", "Correlation", r + contraction, correlated(r, contraction, root));
    }
    out
}

/// "Fine" up to the first threshold, "bad" from the second on.
fn grade(value: f64, fine: f64, bad: f64) -> Status {
    if value <= fine {
        Status::Fine
    } else if value < bad {
        Status::Warning
    } else {
        Status::Bad
    }
}

fn calibration(log_gamma: f64, check: &EcdfCheck) -> (Status, String) {
    let status = if check.inside { Status::Fine } else { grade(-log_gamma, 0.0, -LOG_GAMMA_BAD) };
    let reading = match status {
        Status::Fine => format!("log-gamma {log_gamma:.2} is at least 0, the ranks stay inside the 95 % band"),
        _ => format!(
            "log-gamma {log_gamma:.2} is below {}, the ranks leave the 95 % band by {:.3} at {:.2}; {}",
            if status == Status::Bad { format!("{LOG_GAMMA_BAD:.1}") } else { "0".into() },
            check.excursion.beyond.max(0.0),
            check.excursion.z,
            faults(check)
        ),
    };
    (status, reading)
}

fn coverage(error: f64, root: f64, check: &EcdfCheck) -> (Status, String) {
    let fine = CALIBRATION_ERROR_FINE.max(CALIBRATION_ERROR_NOISE / root);
    let status = grade(error, fine, 2.0 * fine);
    let percent = 100.0 * error;
    let text = format!("credible intervals are off by {percent:.1} percentage points, up to {:.1} pass", 100.0 * fine);
    (status, if status == Status::Fine { text } else { format!("{text}; {}", faults(check)) })
}

/// What is wrong by the shape of the ranks' ECDF, and what to try.
fn faults(check: &EcdfCheck) -> String {
    let sentence = |fault: &Miscalibration| match fault {
        Miscalibration::TooNarrow => {
            "the posterior is too narrow (overconfident): train on more simulations, stop before the validation loss rises, \
             or average an ensemble"
        }
        Miscalibration::TooWide => {
            "the posterior is too wide (underconfident): train longer, or give the summary or inference network more capacity"
        }
        Miscalibration::TooHigh => {
            "the posterior lies too high: train longer, and check that the adapter undoes each transform and that training \
             and test simulations come from one prior"
        }
        Miscalibration::TooLow => {
            "the posterior lies too low: train longer, and check that the adapter undoes each transform and that training \
             and test simulations come from one prior"
        }
        Miscalibration::Irregular => {
            "neither its centre nor its width is clearly wrong, its form is: try a more flexible inference network (splines, \
             more layers) or a better scale for this parameter"
        }
    };
    check.shape.miscalibration().iter().map(sentence).collect::<Vec<_>>().join("; ")
}

fn recovery(nrmse: f64) -> (Status, String) {
    let status = grade(nrmse, NRMSE_FINE, NRMSE_BAD);
    let text = match status {
        Status::Fine => format!("NRMSE {nrmse:.2} is at most {NRMSE_FINE}, where 0 is perfect and 1 is the prior"),
        Status::Warning => format!(
            "NRMSE {nrmse:.2} is above {NRMSE_FINE}, near 1, which draws from the prior have; either the data say little \
             about this parameter, or the networks learned little: train longer or check the summaries"
        ),
        Status::Bad => format!(
            "NRMSE {nrmse:.2} is not below {NRMSE_BAD}, the draws are worse than draws from the prior; check the adapter's \
             inverse and that draws and true values belong together, then train longer"
        ),
    };
    (status, text)
}

fn contracted(contraction: f64) -> (Status, String) {
    if contraction >= CONTRACTION_FINE {
        let text = format!(
            "the data take {:.0} % of the prior variance away, {CONTRACTION_FINE} is the least",
            100.0 * contraction
        );
        return (Status::Fine, text);
    }
    let text = format!(
        "contraction {contraction:.2} is below {CONTRACTION_FINE}, the posterior is as wide as the prior; either the data \
         say nothing about this parameter, or the networks learned nothing: train longer or check the summaries"
    );
    (Status::Warning, text)
}

fn bias(score: f64, root: f64) -> (Status, String) {
    let fine = Z_SCORE_FINE.max(Z_SCORE_NOISE / root);
    let status = grade(score.abs(), fine, Z_SCORE_BAD.max(fine));
    if status == Status::Fine {
        return (status, format!("the median z-score {score:.2} is within ±{fine:.2}"));
    }
    let side = if score > 0.0 { "above" } else { "below" };
    let text = format!(
        "the median z-score {score:.2} is outside of ±{fine:.2}, the posterior mean lies {side} the truth; train longer, or \
         try a scale for this parameter on which its posterior is less skewed"
    );
    (status, text)
}

fn correlated(r: f64, contraction: f64, root: f64) -> (Status, String) {
    // Adding zero turns a rounded −0 into 0.
    let shown = (100.0 * r).round() / 100.0 + 0.0;
    let gap = CORRELATION_GAP.max(CORRELATION_NOISE / root);
    let status = grade(contraction - r, gap, 3.0 * gap);
    let text = match status {
        Status::Fine => format!(
            "draws and truth correlate with {shown:.2}, as a contraction of {contraction:.2} lets expect (within {gap:.2})"
        ),
        _ => format!(
            "draws and truth correlate with {shown:.2} only, a contraction of {contraction:.2} promises more (within {gap:.2}); \
             the posterior is narrower than it is right: train on more simulations"
        ),
    };
    (status, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codecs::Array;
    use crate::diagnostics::metrics::statistics::tests_support::normal_study;
    use crate::diagnostics::{Draws, Truths};
    use crate::random::Key;

    fn of(shift: f64, scale: f64) -> Vec<Verdict> {
        let (draws, truths) = normal_study(Key::new(20), 300, 200, shift, scale);
        Diagnostics::compute(&draws, &truths, Key::new(21)).unwrap().verdicts()
    }

    fn find<'a>(verdicts: &'a [Verdict], diagnostic: &str) -> &'a Verdict {
        verdicts.iter().find(|v| v.diagnostic == diagnostic).unwrap()
    }

    #[test]
    fn calibrated_is_fine() {
        let verdicts = of(0.0, 1.0);
        assert_eq!(verdicts.len(), 6);
        for verdict in &verdicts {
            assert_eq!(verdict.status, Status::Fine, "{verdict}");
            assert!(verdict.sentence.starts_with(&format!("{} of v_0: fine: ", verdict.diagnostic)), "{verdict}");
            assert!(verdict.sentence.ends_with('.'));
        }
    }

    #[test]
    fn faults_are_told() {
        let narrow = of(0.0, 0.4);
        assert_eq!(find(&narrow, "Calibration").status, Status::Bad);
        assert!(find(&narrow, "Calibration").sentence.contains("too narrow"), "{}", find(&narrow, "Calibration"));
        assert!(find(&narrow, "Coverage").sentence.contains("too narrow"));
        assert!(find(&narrow, "Correlation").sentence.contains("narrower than it is right"));
        let wide = of(0.0, 2.0);
        assert!(find(&wide, "Calibration").sentence.contains("too wide"));
        assert_eq!(find(&wide, "Contraction").status, Status::Warning);
        let high = of(1.0, 1.0);
        assert!(find(&high, "Calibration").sentence.contains("too high"));
        assert_eq!(find(&high, "Bias").status, Status::Bad);
        assert!(find(&of(-1.0, 1.0), "Bias").sentence.contains("lies below the truth"));
        assert_eq!(find(&of(4.0, 1.0), "Recovery").status, Status::Bad);
    }

    #[test]
    fn what_cannot_be_computed_is_bad() {
        let draws = Draws::from_array(&Array::f64([4, 3, 1], (0..12).map(f64::from).collect()).unwrap()).unwrap();
        let truths = Truths::from_array(&Array::f64([4, 1], vec![1.0; 4]).unwrap()).unwrap();
        let verdicts = Diagnostics::compute(&draws, &truths, Key::new(1)).unwrap().verdicts();
        let correlation = find(&verdicts, "Correlation");
        assert_eq!(correlation.status, Status::Bad);
        assert!(correlation.sentence.contains("cannot be computed"), "{correlation}");
        assert!(serde_json::to_string(&verdicts).unwrap().contains(r#""status":"bad""#));
    }
}
