//! The diagnostics against results of the peer: one harness for each kind of case, driven by the data of the case.

mod common;

use common::golden::{self, Check, Harness, Outcome, Section};
use ferroflow::codecs::Array;
use ferroflow::diagnostics::*;
use ferroflow::math;
use serde_json::Value;

/// Name of the diagnostic and its harness.
const DIAGNOSTICS: &[(&str, Harness)] = &[
    ("bootstrap_comparison", bootstrap_comparison_case),
    ("calibration_error", calibration_error_case),
    ("calibration_log_gamma", log_gamma_case),
    ("classification", classification_case),
    ("correlation", correlation_case),
    ("coverage", coverage_case),
    ("ecdf_bands", ecdf_bands_case),
    ("functional_rmse", functional_rmse_case),
    ("numpy_utils", numpy_utils_case),
    ("posterior_contraction", contraction_case),
    ("posterior_z_score", z_score_case),
    ("ranks", ranks_case),
    ("root_mean_squared_error", root_mean_squared_error_case),
];

#[test]
fn golden_diagnostics() {
    golden::run(Section::Diagnostics, DIAGNOSTICS);
}

/// The draws and true values of a case.
fn study(check: &Check<'_>) -> Result<(Draws, Truths), Box<dyn std::error::Error>> {
    Ok((Draws::from_array(check.input("estimates")?)?, Truths::from_array(check.input("targets")?)?))
}

/// The names of the results that a case expects.
fn outputs(check: &Check<'_>) -> Vec<String> {
    check.case.group("out/").map(|(name, _)| name.to_owned()).collect()
}

fn aggregation(name: &str) -> Result<Aggregation, String> {
    match name {
        "mean" => Ok(Aggregation::Mean),
        "median" => Ok(Aggregation::Median),
        "none" => Ok(Aggregation::None),
        other => Err(format!("unknown aggregation '{other}'")),
    }
}

fn hand_in(check: &mut Check<'_>, name: &str, metric: &Metric) -> Outcome {
    let shape = metric.rows.into_iter().chain([metric.variable_names.len()]).collect::<Vec<_>>();
    check.output(name, &Array::f64(shape, metric.values.clone())?);
    Ok(())
}

/// Columns, one for each variable, as an array `[rows, variables]`.
fn columns(columns: &[Vec<f64>]) -> Result<Array, ferroflow::Error> {
    let rows = columns.first().map_or(0, Vec::len);
    Array::f64([rows, columns.len()], (0..rows).flat_map(|r| columns.iter().map(move |c| c[r])).collect())
}

fn rows(array: &Array) -> Vec<Vec<f64>> {
    let width = array.shape()[1..].iter().product::<usize>();
    array.to_f64().chunks(width).map(<[f64]>::to_vec).collect()
}

fn number(value: &Value, key: &str, default: f64) -> f64 {
    value[key].as_f64().unwrap_or(default)
}

fn whole(value: &Value, key: &str, default: usize) -> usize {
    value[key].as_u64().map_or(default, |n| n as usize)
}

fn indices(array: &Array) -> Vec<usize> {
    array.to_f64().into_iter().map(|x| x as usize).collect()
}

fn integers(array: &Array) -> Vec<i64> {
    array.to_f64().into_iter().map(|x| x as i64).collect()
}

/// The peer draws rows with replacement and compares them with the whole reference, in f32.
fn bootstrap_comparison_case(check: &mut Check<'_>) -> Outcome {
    let comparison = check.hyper()["comparison"].as_str().unwrap_or_default();
    let kernel = match comparison {
        text if text.contains("inverse multiquadratic") => Kernel::InverseMultiquadratic,
        // What the peer calls Gaussian is Laplacian.
        text if text.contains("gaussian") => Kernel::Laplacian,
        other => return Err(format!("unknown comparison '{other}'").into()),
    };
    let estimator = if comparison.contains("unbiased") { Estimator::Unbiased } else { Estimator::Biased };
    let options = MaximumMeanDiscrepancy { kernel, estimator, peer_compatible: true };
    let rows: Vec<Vec<usize>> =
        rows(check.input("bootstrap_indices")?).iter().map(|row| row.iter().map(|&i| i as usize).collect()).collect();
    let (observed, reference) = (check.input("observed")?, check.input("reference")?);
    let comparison = mmd_comparison(observed, reference, &options, &rows, NullSample::Bootstrap)?;
    check.output("distance_observed", &Array::scalar(comparison.observed));
    check.output("distance_null", &Array::vector(comparison.null));
    Ok(())
}

fn calibration_error_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    for name in outputs(check) {
        let settings = check.hyper().as_object().ok_or("no settings")?.values();
        let settings = settings.into_iter().find(|s| s["aggregation"] == name.as_str()).ok_or("no such aggregation")?;
        let default = CalibrationError::default();
        let options = CalibrationError {
            resolution: whole(settings, "resolution", default.resolution),
            min_quantile: number(settings, "min_quantile", default.min_quantile),
            max_quantile: number(settings, "max_quantile", default.max_quantile),
            aggregation: aggregation(&name)?,
        };
        hand_in(check, &name, &calibration_error(&draws, &truths, &options)?)?;
    }
    Ok(())
}

/// The peer counts the ranks as integers, but rounds the counts of the null distribution down from floating point:
/// `peer_compatible`. (The counts of 60 data sets are not affected; those of 50, 100, 200 or 300 are.)
fn log_gamma_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    let ranks = rank_counts(&draws, &truths)?;
    let gammas = ranks.iter().map(|r| gamma_discrepancy(r, draws.draws())).collect::<Result<Vec<_>, _>>()?;
    let null = gamma_null_from_uniforms(&rows(check.input("null_uniforms")?), draws.draws(), true)?;
    let log_gamma = log_gamma_from_null(&draws, &truths, &null, number(check.hyper(), "quantile", 0.05))?;
    let ranks: Vec<Vec<f64>> = ranks.iter().map(|r| r.iter().map(|&rank| rank as f64).collect()).collect();
    check.output("ranks", &columns(&ranks)?);
    check.output("gamma", &Array::vector(gammas));
    check.output("null_gammas", &Array::vector(null));
    hand_in(check, "log_gamma", &log_gamma)
}

fn classification_case(check: &mut Check<'_>) -> Outcome {
    let (estimates, targets) = (check.input("estimates")?, check.input("targets")?);
    let models = estimates.shape()[1];
    let names: Vec<String> = (0..models).map(|m| format!("M_{m}")).collect();
    let bins = whole(check.hyper(), "num_bins", 10);
    let error = expected_calibration_error(&estimates.to_f64(), &targets.to_f64(), &names, bins)?;
    hand_in(check, "values", &error.metric)?;
    for (m, curve) in error.curves.iter().enumerate() {
        check.output(&format!("probs_true.{m}"), &Array::vector(curve.observed.clone()));
        check.output(&format!("probs_pred.{m}"), &Array::vector(curve.predicted.clone()));
    }
    // The curves are those of the first model.
    let first: Vec<f64> = rows(estimates).iter().map(|row| row[0]).collect();
    let positive: Vec<bool> = rows(targets).iter().map(|row| row[0] == 1.0).collect();
    for (name, binning) in [("uniform", Binning::Uniform), ("quantile", Binning::Quantile)] {
        let curve = calibration_curve(&positive, &first, whole(check.hyper(), "curve_num_bins", 5), binning)?;
        check.output(&format!("curve.{name}.true"), &Array::vector(curve.observed));
        check.output(&format!("curve.{name}.pred"), &Array::vector(curve.predicted));
    }
    let (labels, predicted) = (integers(check.input("labels")?), integers(check.input("predictions")?));
    for (name, normalization) in [
        ("none", ConfusionNormalization::None),
        ("true", ConfusionNormalization::True),
        ("pred", ConfusionNormalization::Predicted),
        ("all", ConfusionNormalization::All),
    ] {
        let matrix = confusion_matrix(&labels, &predicted, None, normalization)?;
        let count = matrix.labels.len();
        check.output(&format!("confusion.{name}"), &Array::f64([count, count], matrix.rows.concat())?);
    }
    Ok(())
}

fn correlation_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    for name in outputs(check) {
        hand_in(check, &name, &correlation(&draws, &truths, aggregation(&name)?)?)?;
    }
    Ok(())
}

fn contraction_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    for name in outputs(check) {
        hand_in(check, &name, &posterior_contraction(&draws, &truths, aggregation(&name)?)?)?;
    }
    Ok(())
}

fn z_score_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    for name in outputs(check) {
        hand_in(check, &name, &posterior_z_score(&draws, &truths, aggregation(&name)?)?)?;
    }
    Ok(())
}

fn coverage_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    let widths = check.input("widths")?.to_f64();
    let prob = number(check.hyper(), "prob", 0.95);
    for (name, kind) in [("central", IntervalType::Central), ("leftmost", IntervalType::Leftmost)] {
        let coverage = compute_empirical_coverage(&draws, &truths, &widths, prob, kind)?;
        type Series = fn(&CoverageCurve) -> &Vec<f64>;
        let series: [(&str, Series); 4] = [
            ("coverage_estimates", |c| &c.estimate),
            ("coverage_lower", |c| &c.lower),
            ("coverage_upper", |c| &c.upper),
            ("width_represented", |c| &c.width_represented),
        ];
        for (part, of) in series {
            let values: Vec<Vec<f64>> = coverage.variables.iter().map(|c| of(c).clone()).collect();
            check.output(&format!("{name}.{part}"), &columns(&values)?);
        }
    }
    Ok(())
}

fn ecdf_bands_case(check: &mut Check<'_>) -> Outcome {
    let hyper = check.hyper();
    let uniforms = rows(check.input("uniforms")?);
    let estimates = whole(hyper, "num_estimates", uniforms[0].len());
    let hand_in_band = |check: &mut Check<'_>, name: &str, band: EcdfBand| {
        check.output(&format!("{name}.z"), &Array::vector(band.z));
        check.output(&format!("{name}.lower"), &Array::vector(band.lower));
        check.output(&format!("{name}.upper"), &Array::vector(band.upper));
    };
    let simultaneous = |settings: &Value| SimultaneousBand {
        num_points: settings["num_points"].as_u64().map(|n| n as usize),
        confidence: number(settings, "confidence", 0.95),
        ..Default::default()
    };
    let pointwise = |settings: &Value, confidence: f64| PointwiseBand {
        num_points: settings["num_points"].as_u64().map(|n| n as usize),
        confidence,
        ..Default::default()
    };
    let first = simultaneous_ecdf_bands_from_uniforms(&uniforms, &simultaneous(hyper), true)?;
    let second = simultaneous_ecdf_bands_from_uniforms(&uniforms, &simultaneous(&hyper["second"]), true)?;
    let probabilities = minimal_coverage_probs(&second.z, &uniforms, true)?;
    check.output("minimal_coverage_probs", &Array::vector(probabilities));
    hand_in_band(check, "simultaneous", first);
    hand_in_band(check, "simultaneous2", second);
    let confidence = number(hyper, "pointwise_confidence", 0.99);
    let second = &hyper["pointwise2"];
    hand_in_band(check, "pointwise", pointwise_ecdf_bands(estimates, &pointwise(hyper, confidence))?);
    let confidence = number(second, "confidence", 0.99);
    hand_in_band(check, "pointwise2", pointwise_ecdf_bands(estimates, &pointwise(second, confidence))?);
    Ok(())
}

fn functional_rmse_case(check: &mut Check<'_>) -> Outcome {
    let (a, b) = (check.input("a")?, check.input("b")?);
    let errors = rowwise_root_mean_squared_error(&a.to_f64(), &b.to_f64(), a.shape()[0])?;
    check.output("rmse", &Array::vector(errors));
    Ok(())
}

/// The case states no probability for its interval; the peer was asked for 90 %.
fn numpy_utils_case(check: &mut Check<'_>) -> Outcome {
    let (x, positive) = (check.input("x")?.to_f64(), check.input("positive")?.to_f64());
    let map = |values: &[f64], function: fn(f64) -> f64| Array::vector(values.iter().map(|&x| function(x)).collect());
    check.output("sigmoid", &map(&x, math::sigmoid));
    check.output("softplus", &map(&x, math::softplus));
    check.output("shifted_softplus", &map(&x, math::shifted_softplus));
    check.output("inverse_softplus", &map(&positive, math::inverse_softplus));
    check.output("inverse_shifted_softplus", &map(&positive, math::inverse_shifted_softplus));
    let interval = credible_interval(&x, number(check.hyper(), "prob", 0.9))?;
    check.output("credible_interval", &Array::vector(interval.to_vec()));
    Ok(())
}

fn ranks_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    let references = Truths::from_array(check.input("references")?)?;
    let alone = DistanceRanks::default();
    let stacked = DistanceRanks { stacked: true, ..alone };
    check.output("fractional", &columns(&fractional_ranks(&draws, &truths)?)?);
    for (name, options) in [
        ("distance", alone),
        ("distance_stacked", stacked),
        ("distance_reference", DistanceRanks { references: Some(&references), ..alone }),
        ("distance_stacked_reference_p1", DistanceRanks { references: Some(&references), p_norm: 1.0, ..stacked }),
    ] {
        check.output(name, &columns(&distance_ranks(&draws, &truths, &options)?)?);
    }
    Ok(())
}

fn root_mean_squared_error_case(check: &mut Check<'_>) -> Outcome {
    let (draws, truths) = study(check)?;
    for name in outputs(check) {
        let (kind, aggregation) = match name.strip_suffix("_mean_aggregation") {
            Some(kind) => (kind, Aggregation::Mean),
            None => (name.as_str(), Aggregation::Median),
        };
        let normalization = match kind {
            "none" => Normalization::None,
            "mean" => Normalization::Mean,
            "median" => Normalization::Median,
            "range" => Normalization::Range,
            "std" => Normalization::StandardDeviation,
            "iqr" => Normalization::InterquartileRange,
            "prior" => Normalization::PriorRows(indices(check.input("prior_bootstrap_indices")?)),
            other => return Err(format!("unknown normalisation '{other}'").into()),
        };
        let options = RootMeanSquaredError { normalization, aggregation };
        hand_in(check, &name, &root_mean_squared_error(&draws, &truths, &options)?)?;
    }
    Ok(())
}
