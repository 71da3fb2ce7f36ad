//! The verdicts of the default diagnostics as tests: exact posteriors pass, known faults are seen.
//!
//! The model is conjugate: θ ~ N(0, Σ), y ~ N(θ, τ Σ), so that the posterior is N(y / (1 + τ), Σ τ / (1 + τ)). Its
//! correlations are those of Σ.

use ferroflow::codecs::Array;
use ferroflow::diagnostics::{Diagnostics, Draws, Status, Truths, Verdict, gamma_null_distribution};
use ferroflow::random::Key;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

const DATASETS: usize = 300;
const DRAWS: usize = 200;
/// Noise variance in units of the prior variance.
const NOISE: f64 = 0.5;
/// Correlation of the first two parameters.
const CORRELATION: f64 = 0.8;

/// What is wrong with the draws of the first parameter, in units of the exact posterior.
#[derive(Clone, Copy)]
struct Fault {
    shift: f64,
    scale: f64,
    /// Correlation of the draws of the first two parameters.
    correlation: f64,
}

const EXACT: Fault = Fault { shift: 0.0, scale: 1.0, correlation: CORRELATION };

fn study(parameters: usize, noise: f64, fault: Fault, key: Key) -> (Draws, Truths) {
    let mut stream = key.stream();
    // Standard normal numbers, of which the first two are correlated.
    let mut point = |correlation: f64| -> Vec<f64> {
        let mut point: Vec<f64> = (0..parameters).map(|_| StandardNormal.sample(&mut stream)).collect();
        point[1] = correlation * point[0] + (1.0 - correlation * correlation).sqrt() * point[1];
        point
    };
    let deviation = (noise / (1.0 + noise)).sqrt();
    let (mut truths, mut draws) = (Vec::new(), Vec::new());
    for _ in 0..DATASETS {
        let (theta, error) = (point(CORRELATION), point(CORRELATION));
        let center: Vec<f64> = theta.iter().zip(&error).map(|(t, e)| (t + noise.sqrt() * e) / (1.0 + noise)).collect();
        truths.extend(theta);
        for _ in 0..DRAWS {
            let mut draw = point(fault.correlation);
            draw[0] = fault.shift + fault.scale * draw[0];
            draws.extend(center.iter().zip(draw).map(|(c, x)| c + deviation * x));
        }
    }
    (
        Draws::from_array(&Array::f64([DATASETS, DRAWS, parameters], draws).unwrap()).unwrap(),
        Truths::from_array(&Array::f64([DATASETS, parameters], truths).unwrap()).unwrap(),
    )
}

/// The verdicts of `count` seeds; the null distribution is the same for all.
fn verdicts(parameters: usize, noise: f64, fault: Fault, count: u64) -> Vec<Vec<Verdict>> {
    let null = gamma_null_distribution(DATASETS, DRAWS, 1000, Key::new(1).fork("null")).unwrap();
    let one = |seed: u64| {
        let key = Key::new(2).at(parameters as u64).at(seed);
        let (draws, truths) = study(parameters, noise, fault, key.fork("study"));
        Diagnostics::compute_from_null(&draws, &truths, &null, key.fork("metrics")).unwrap().verdicts()
    };
    (0..count).into_par_iter().map(one).collect()
}

fn share(verdicts: &[Vec<Verdict>], flagged: impl Fn(&Verdict) -> bool) -> f64 {
    verdicts.iter().filter(|v| v.iter().any(&flagged)).count() as f64 / verdicts.len() as f64
}

fn not_fine(verdict: &Verdict) -> bool {
    verdict.status != Status::Fine
}

/// At most 3 % of exact posteriors are flagged, by any diagnostic (the level is 1 %).
#[test]
fn exact_posteriors_pass() {
    for (parameters, count) in [(2, 200), (5, 200)] {
        let all = verdicts(parameters, NOISE, EXACT, count);
        assert_eq!(all[0].len(), 6 * parameters + 1);
        let flagged = share(&all, not_fine);
        println!("{parameters} parameters: {flagged} of exact posteriors flagged");
        assert!(flagged <= 0.03, "{parameters} parameters: {flagged}");
    }
}

/// Data that say almost nothing are worth a remark, not a warning.
#[test]
fn uninformative_data_pass() {
    let all = verdicts(3, 200.0, EXACT, 60);
    assert!(share(&all, not_fine) <= 0.05);
    for diagnostic in ["Contraction", "Recovery"] {
        let remark = |v: &Verdict| v.diagnostic == diagnostic && v.sentence.contains("with a remark");
        assert!(share(&all, remark) >= 0.8, "{diagnostic}: {}", share(&all, remark));
    }
}

/// Each fault is flagged with a power of at least 0.9, by the diagnostics that are meant to see it.
///
/// A moved mean and a wrong width of one parameter are seen by the ranks of that parameter; moved means by Bias and wrong
/// widths by Coverage in addition. Independent draws of correlated parameters have exact margins: only the joint check sees
/// them.
#[test]
fn faults_are_flagged() {
    let faults = [
        ("moved mean", Fault { shift: 0.5, ..EXACT }, "Calibration"),
        ("too wide", Fault { scale: 1.5, ..EXACT }, "Calibration"),
        ("too narrow", Fault { scale: 1.0 / 1.5, ..EXACT }, "Calibration"),
        ("independent", Fault { correlation: 0.0, ..EXACT }, "Joint distribution"),
    ];
    for (name, fault, seen_by) in faults {
        for parameters in [2, 5] {
            let all = verdicts(parameters, NOISE, fault, 40);
            let power = share(&all, |v| not_fine(v) && v.diagnostic == seen_by);
            let by: Vec<String> = ["Calibration", "Coverage", "Bias", "Correlation", "Recovery", "Joint distribution"]
                .iter()
                .map(|d| format!("{d} {:.2}", share(&all, |v| not_fine(v) && v.diagnostic == *d)))
                .collect();
            println!("{name}, {parameters} parameters: {}", by.join(", "));
            assert!(power >= 0.9, "{name}, {parameters} parameters: {power} by {seen_by}");
            // The parameters without fault stay fine, and so do the margins of independent draws.
            let innocent = |v: &Verdict| {
                let first = v.variable == "v_0" || v.diagnostic == "Joint distribution";
                not_fine(v) && (!first || (name == "independent" && v.diagnostic != seen_by))
            };
            assert!(share(&all, innocent) <= 0.1, "{name}: {}", share(&all, innocent));
        }
    }
}

/// The sentence of the joint check names the pair and the direction.
#[test]
fn the_wrong_pair_is_named() {
    let all = verdicts(3, NOISE, Fault { correlation: 0.0, ..EXACT }, 5);
    for verdict in all.iter().flatten().filter(|v| v.diagnostic == "Joint distribution") {
        let expected = "the true values of v_0 and v_1 depend on each other more positively than their draws";
        assert!(verdict.sentence.contains(expected), "{verdict}");
    }
}
