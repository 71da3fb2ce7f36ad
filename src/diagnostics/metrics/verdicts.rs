//! What the numbers mean: for each diagnostic and variable whether it is fine, by which threshold, and what to try.
//!
//! Chance must not decide. So one family of tests says *whether* a posterior is miscalibrated: a [`rank_test`] of each
//! variable and the [`joint_check`] of all, whose p-values are adjusted together ([`holm_adjusted`]). An exact posterior is
//! flagged with a probability of at most [`FAMILY_LEVEL`], however many variables it has. The other diagnostics say *how*
//! and *how much*, and are worse than fine only where the test of their variable has evidence:
//!
//! | fault of the draws | seen by |
//! |---|---|
//! | moved mean | Calibration (centre of the ranks), Bias |
//! | wrong width | Calibration (spread of the ranks), Coverage; too narrow: Correlation |
//! | wrong form of one variable | Calibration (γ) |
//! | wrong dependence, right margins | Joint distribution only |
//! | worse than the prior | Calibration, Recovery |
//! | the data are ignored: draws from the prior | none, since the ranks are uniform: a remark of Contraction and Recovery |
//!
//! A remark does not count as a warning: an exact posterior looks the same when the data say nothing.
//!
//! [`rank_test`]: super::rank_test
//! [`joint_check`]: super::joint_check
//! [`holm_adjusted`]: super::holm_adjusted

use std::fmt;

use serde::Serialize;

use super::defaults::Diagnostics;
use super::joint::{JointCheck, PairCheck};
use super::rank_test::holm_adjusted;
use super::sbc::{EcdfCheck, Excursion, Miscalibration};

/// Probability with which an exact posterior gets any verdict that is not fine, all variables together.
pub const FAMILY_LEVEL: f64 = 0.01;

/// Adjusted p-value below which miscalibration is beyond doubt.
pub const FAMILY_LEVEL_BAD: f64 = 0.001;

/// Calibration error that nobody acts on: credible intervals hold the truth within five percentage points of what they
/// promise. Twice as much is called bad.
pub const CALIBRATION_ERROR_FINE: f64 = 0.05;

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

/// How far the correlation may fall below the contraction, which it equals when the posterior is calibrated: the two are
/// medians of different things, and a tenth is visible in the recovery picture. Thrice as much is called bad.
pub const CORRELATION_GAP: f64 = 0.1;

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
    /// The diagnostic: Calibration, Coverage, Recovery, Contraction, Bias or Correlation, or Joint distribution.
    pub diagnostic: String,
    /// The name of the metric that is judged, as in the table; empty for the joint distribution.
    pub metric: String,
    /// The name of the variable; "all parameters" for the joint distribution.
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

/// The diagnostic whose verdicts tell that the family of tests was run.
const CALIBRATION: &str = "Calibration";

/// The worst status in a sentence, with the level of the tests if there were any.
pub fn overall(verdicts: &[Verdict]) -> String {
    let mut sentence = match verdicts.iter().map(|verdict| verdict.status).max().unwrap_or_default() {
        Status::Fine => "All diagnostics are fine.",
        Status::Warning => "Some diagnostics call for care.",
        Status::Bad => "Some diagnostics are bad: do not rely on this posterior before they are understood.",
    }
    .to_string();
    if verdicts.iter().any(|verdict| verdict.diagnostic == CALIBRATION) {
        let percent = 100.0 * FAMILY_LEVEL;
        sentence.push_str(&format!(
            " The tests of calibration have a family-wise level of {percent:.0} %: of a hundred exact posteriors, at most \
             about one would be called anything else than fine."
        ));
    }
    sentence
}

/// Six verdicts for each variable: calibration, coverage, recovery, contraction, bias and correlation; and one for the joint
/// distribution of two variables or more.
pub fn verdicts(diagnostics: &Diagnostics) -> Vec<Verdict> {
    let table = &diagnostics.table;
    let own = diagnostics.tests.iter().map(|test| test.p_value);
    let adjusted = holm_adjusted(&own.chain(diagnostics.joint.iter().map(|joint| joint.p_value)).collect::<Vec<_>>());
    let mut out = Vec::new();
    let mut add = |diagnostic: &str, metric: &str, variable: &str, status: Status, text: String| {
        let word = match status {
            Status::Fine => "fine: ",
            Status::Warning => "worth a look: ",
            Status::Bad => "not fine: ",
        };
        out.push(Verdict {
            diagnostic: diagnostic.to_string(),
            metric: metric.to_string(),
            variable: variable.to_string(),
            status,
            sentence: format!("{diagnostic} of {variable}: {word}{text}."),
        });
    };
    let each = table.variable_names().iter().zip(&diagnostics.sbc.variables).zip(&adjusted);
    for ((name, check), &p_value) in each {
        let value = |metric: &str| table.get(metric, name).unwrap_or(f64::NAN);
        let evidence = p_value < FAMILY_LEVEL;
        let mut judge = |diagnostic: &str, metric: &str, value: f64, (status, text): (Status, String)| {
            let undefined = "the true values or the draws do not vary or are infinite, so that it cannot be computed; \
                             examine more data sets and look at the draws themselves";
            let (status, text) = if value.is_nan() { (Status::Bad, undefined.to_string()) } else { (status, text) };
            add(diagnostic, metric, name, status, text);
        };
        let log_gamma = value("Log Gamma");
        judge(CALIBRATION, "Log Gamma", log_gamma, calibration(log_gamma, p_value, check));
        let error = value("Calibration Error");
        judge("Coverage", "Calibration Error", error, coverage(error, evidence, check));
        let nrmse = value("NRMSE");
        judge("Recovery", "NRMSE", nrmse, recovery(nrmse, evidence));
        let contraction = value("Posterior Contraction");
        judge("Contraction", "Posterior Contraction", contraction, (Status::Fine, contracted(contraction)));
        let score = value("Posterior z-score");
        judge("Bias", "Posterior z-score", score, bias(score, evidence));
        let r = value("Correlation");
        judge("Correlation", "Correlation", r + contraction, correlated(r, contraction, evidence));
    }
    if let (Some(joint), Some(&p_value)) = (&diagnostics.joint, adjusted.last()) {
        let (status, text) = (significance(p_value), joint_text(joint, p_value));
        add("Joint distribution", "", "all parameters", status, text);
    }
    out
}

/// What an adjusted p-value means.
fn significance(p_value: f64) -> Status {
    if p_value >= FAMILY_LEVEL {
        Status::Fine
    } else if p_value >= FAMILY_LEVEL_BAD {
        Status::Warning
    } else {
        Status::Bad
    }
}

/// An adjusted p-value in words.
fn chance(p_value: f64) -> String {
    match p_value {
        p if p < 1e-4 => "an adjusted p-value below 0.0001".to_string(),
        p if p < 0.1 => format!("an adjusted p-value of {p:.4}"),
        p => format!("an adjusted p-value of {p:.2}"),
    }
}

/// "Fine" up to the first threshold or without evidence, "bad" from the second on.
fn grade(value: f64, fine: f64, bad: f64, evidence: bool) -> Status {
    if value <= fine || !evidence {
        Status::Fine
    } else if value < bad {
        Status::Warning
    } else {
        Status::Bad
    }
}

/// What is added where a value is beyond its threshold, but may be there by chance.
const BY_CHANCE: &str = "which chance explains: the ranks are no evidence of a fault; more data sets tell more";

fn calibration(log_gamma: f64, p_value: f64, check: &EcdfCheck) -> (Status, String) {
    let status = significance(p_value);
    let band = if check.inside {
        "the ranks stay inside the 95 % band".to_string()
    } else {
        let Excursion { beyond, z, .. } = check.excursion;
        format!("the ranks leave the 95 % band by {:.3} at {z:.2}", beyond.max(0.0))
    };
    let text = format!("log-gamma {log_gamma:.2}, {band}, with {}", chance(p_value));
    match status {
        Status::Fine if check.inside => (status, format!("{text}; {FAMILY_LEVEL} is the least")),
        Status::Fine => {
            (status, format!("{text}, as those of one exact posterior in twenty; {FAMILY_LEVEL} is the least"))
        }
        _ => (status, format!("{text}, below {FAMILY_LEVEL}; {}", faults(check))),
    }
}

fn coverage(error: f64, evidence: bool, check: &EcdfCheck) -> (Status, String) {
    let fine = CALIBRATION_ERROR_FINE;
    let status = grade(error, fine, 2.0 * fine, evidence);
    let percent = 100.0 * error;
    let text = format!("credible intervals are off by {percent:.1} percentage points, up to {:.1} pass", 100.0 * fine);
    match status {
        Status::Fine if error > fine => (status, format!("{text}, {BY_CHANCE}")),
        Status::Fine => (status, text),
        _ => (status, format!("{text}; {}", faults(check))),
    }
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

fn recovery(nrmse: f64, evidence: bool) -> (Status, String) {
    if nrmse <= NRMSE_FINE {
        return (
            Status::Fine,
            format!("NRMSE {nrmse:.2} is at most {NRMSE_FINE}, where 0 is perfect and 1 is the prior"),
        );
    }
    if nrmse <= NRMSE_BAD || !evidence {
        let text = format!(
            "with a remark: NRMSE {nrmse:.2} is above {NRMSE_FINE}, near 1, which draws from the prior have; either the data \
             say little about this parameter, or the networks learned little: train longer or check the summaries"
        );
        return (Status::Fine, text);
    }
    let text = format!(
        "NRMSE {nrmse:.2} is not below {NRMSE_BAD}, the draws are worse than draws from the prior; check the adapter's \
         inverse and that draws and true values belong together, then train longer"
    );
    (Status::Bad, text)
}

fn contracted(contraction: f64) -> String {
    if contraction >= CONTRACTION_FINE {
        return format!(
            "the data take {:.0} % of the prior variance away, {CONTRACTION_FINE} is the least",
            100.0 * contraction
        );
    }
    format!(
        "with a remark: contraction {contraction:.2} is below {CONTRACTION_FINE}, the posterior is as wide as the prior; \
         either the data say nothing about this parameter, or the networks learned nothing: train longer or check the \
         summaries"
    )
}

fn bias(score: f64, evidence: bool) -> (Status, String) {
    let status = grade(score.abs(), Z_SCORE_FINE, Z_SCORE_BAD, evidence);
    if score.abs() <= Z_SCORE_FINE {
        return (status, format!("the median z-score {score:.2} is within ±{Z_SCORE_FINE:.2}"));
    }
    let text = format!("the median z-score {score:.2} is outside of ±{Z_SCORE_FINE:.2}");
    if status == Status::Fine {
        return (status, format!("{text}, {BY_CHANCE}"));
    }
    let side = if score > 0.0 { "above" } else { "below" };
    let text = format!(
        "{text}, the posterior mean lies {side} the truth; train longer, or try a scale for this parameter on which its \
         posterior is less skewed"
    );
    (status, text)
}

fn correlated(r: f64, contraction: f64, evidence: bool) -> (Status, String) {
    // Adding zero turns a rounded −0 into 0.
    let shown = (100.0 * r).round() / 100.0 + 0.0;
    let gap = contraction - r;
    let status = grade(gap, CORRELATION_GAP, 3.0 * CORRELATION_GAP, evidence);
    let text = match status {
        Status::Fine if gap > CORRELATION_GAP => format!(
            "draws and truth correlate with {shown:.2}, a contraction of {contraction:.2} promises more (within \
             {CORRELATION_GAP:.2}), {BY_CHANCE}"
        ),
        Status::Fine => format!(
            "draws and truth correlate with {shown:.2}, as a contraction of {contraction:.2} lets expect (within \
             {CORRELATION_GAP:.2})"
        ),
        _ => format!(
            "draws and truth correlate with {shown:.2} only, a contraction of {contraction:.2} promises more (within \
             {CORRELATION_GAP:.2}); the posterior is narrower than it is right: train on more simulations"
        ),
    };
    (status, text)
}

/// What the joint check says: the most unusual of its three looks.
fn joint_text(joint: &JointCheck, p_value: f64) -> String {
    let chance = chance(p_value);
    if p_value >= FAMILY_LEVEL {
        return format!(
            "dispersion, dependencies and coverage of balls around random points look like those of an exact posterior, with \
             {chance}; {FAMILY_LEVEL} is the least"
        );
    }
    let (density, tarp) = (joint.density.p_value, joint.tarp.test.p_value);
    let fault = match joint.worst_pair() {
        Some((pair, p)) if p <= density.min(tarp) => pair_fault(pair),
        _ if density <= tarp => {
            let shape = &joint.density.shape;
            match shape.bias {
                _ if shape.overconfidence.abs() > shape.bias.abs() => {
                    "the true values lie both too near to the centre of the draws and too far from it, or too rarely so: \
                     dependencies or tails are wrong"
                }
                bias if bias < 0.0 => "the true values lie farther out than the draws: the joint posterior is too narrow",
                _ => "the true values lie farther inside than the draws: the joint posterior is too wide",
            }
            .to_string()
        }
        _ => "balls around random points hold too many or too few of the true values".to_string(),
    };
    format!(
        "{fault}, with {chance}, below {FAMILY_LEVEL}; where the single parameters are fine, try a more flexible inference \
         network (splines, more layers) and train longer"
    )
}

/// What is wrong with the dependence of two variables.
fn pair_fault(pair: &PairCheck) -> String {
    let [a, b] = &pair.variables;
    let shape = &pair.shape;
    if shape.overconfidence.abs() > shape.bias.abs() {
        let word = if shape.overconfidence > 0.0 { "stronger" } else { "weaker" };
        return format!("the true values of {a} and {b} depend on each other in a {word} way than their draws");
    }
    let word = if shape.bias < 0.0 { "positively" } else { "negatively" };
    format!("the true values of {a} and {b} depend on each other more {word} than their draws")
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
        let contraction = find(&wide, "Contraction");
        assert_eq!(contraction.status, Status::Fine);
        assert!(contraction.sentence.contains("fine: with a remark: contraction"), "{contraction}");
        let high = of(1.0, 1.0);
        assert!(find(&high, "Calibration").sentence.contains("too high"));
        assert_eq!(find(&high, "Bias").status, Status::Bad);
        assert!(find(&of(-1.0, 1.0), "Bias").sentence.contains("lies below the truth"));
        assert_eq!(find(&of(4.0, 1.0), "Recovery").status, Status::Bad);
    }

    #[test]
    fn the_overall_sentence_states_the_level() {
        let sentence = overall(&of(0.0, 1.0));
        assert!(sentence.starts_with("All diagnostics are fine. ") && sentence.contains("level of 1 %"), "{sentence}");
        assert!(overall(&of(1.0, 1.0)).starts_with("Some diagnostics are bad: "));
        assert_eq!(overall(&[]), "All diagnostics are fine.");
    }

    /// Numbers beyond their thresholds without evidence of the ranks are fine, and say why.
    #[test]
    fn chance_is_no_fault() {
        for (status, text) in [coverage_without_evidence(), bias(0.4, false), correlated(0.2, 0.6, false)] {
            assert_eq!(status, Status::Fine);
            assert!(text.contains("which chance explains"), "{text}");
        }
        assert_eq!((bias(0.4, true).0, correlated(0.2, 0.6, true).0), (Status::Warning, Status::Bad));
        assert!(recovery(1.3, false).1.contains("remark") && recovery(1.3, true).0 == Status::Bad);
    }

    fn coverage_without_evidence() -> (Status, String) {
        let (draws, truths) = normal_study(Key::new(20), 50, 50, 0.0, 1.0);
        let diagnostics = Diagnostics::compute(&draws, &truths, Key::new(21)).unwrap();
        coverage(0.08, false, &diagnostics.sbc.variables[0])
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
