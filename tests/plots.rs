//! The pictures and the report: structure, edge cases, determinism; and a gallery to look at, on request.
//!
//! `FERROFLOW_GALLERY=<folder> cargo test --test plots gallery -- --ignored` writes every picture of a synthetic study.

mod plots_support;

use ferroflow::diagnostics::plots::*;
use ferroflow::diagnostics::report::Report;
use ferroflow::diagnostics::{Metric, MetricTable, Status, Verdict};
use plots_support::xml::check_well_formed;
use plots_support::*;

/// A picture stays far smaller than this.
const LARGEST: usize = 500_000;

#[test]
#[ignore = "writes pictures for people to look at"]
fn gallery() {
    let folder = std::env::var("FERROFLOW_GALLERY").expect("FERROFLOW_GALLERY names the folder for the pictures");
    std::fs::create_dir_all(&folder).unwrap();
    report().save(format!("{folder}/report")).unwrap();
    let awkward = awkward().into_iter().map(|(name, figure)| (format!("awkward_{name}"), figure));
    for (name, figure) in everything().into_iter().chain(awkward) {
        std::fs::write(format!("{folder}/{name}.svg"), &figure.svg).unwrap();
        println!("{name}: {} bytes. {}", figure.svg.len(), figure.description);
    }
}

/// Discs of a picture, as circles or as strokes with round ends.
fn discs(svg: &str) -> usize {
    let strokes = svg.lines().filter(|line| line.starts_with("<path") && line.contains("stroke-linecap"));
    svg.matches("<circle").count() + strokes.map(|line| line.matches("h1").count()).sum::<usize>()
}

/// Lines of a picture that begin with `element` and hold `attribute`.
fn count(svg: &str, element: &str, attribute: &str) -> usize {
    svg.lines().filter(|line| line.starts_with(element) && line.contains(attribute)).count()
}

/// Texts of a picture.
fn texts(svg: &str) -> Vec<&str> {
    svg.lines().collect::<Vec<_>>().windows(2).filter(|pair| pair[0].starts_with("<text")).map(|pair| pair[1]).collect()
}

const MAIN: &str = "stroke=\"#132A70\"";

#[test]
fn every_picture_is_well_formed_small_and_finite() {
    for (name, figure) in everything().into_iter().chain(awkward()) {
        check_well_formed(&figure.svg).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert!(figure.svg.len() < LARGEST, "{name}: {} bytes", figure.svg.len());
        for line in figure.svg.lines().filter(|line| line.starts_with('<') && !line.starts_with("<desc")) {
            assert!(!line.contains("NaN") && !line.contains("inf,") && !line.contains("2147483647"), "{name}: {line}");
        }
        assert!(figure.description.ends_with('.'), "{name}: {}", figure.description);
    }
}

#[test]
fn equal_numbers_give_equal_bytes() {
    for ((name, one), (_, other)) in everything().into_iter().zip(everything()) {
        assert!(one == other, "{name} differs between two calls");
    }
}

#[test]
fn recovery_shows_every_data_set() {
    let figure = recovery(&recoveries(3, 300, 1.0), &RecoveryOptions::default()).unwrap();
    // One disc more: the legend's.
    assert_eq!(discs(&figure.svg), 3 * 300 + 1);
    let written = texts(&figure.svg);
    for text in
        ["beta_0", "beta_1", "sigma", "r = 0.989", "Ground truth", "Estimate", "Posterior median", "95 % interval"]
    {
        assert!(written.contains(&text), "{text} is missing from {written:?}");
    }
    assert_eq!(written.iter().filter(|text| **text == "Estimate").count(), 1, "the first column has the label");
    assert_eq!(count(&figure.svg, "<polyline stroke-dasharray", "#202020"), 3, "one diagonal per panel");
}

#[test]
fn calibration_has_a_curve_and_a_band_per_variable() {
    let figure = calibration_ecdf(&ranks(3, 300), &band(300), &EcdfOptions::default()).unwrap();
    assert_eq!(count(&figure.svg, "<polyline", MAIN), 3);
    assert_eq!(count(&figure.svg, "<polygon", "#808080"), 3);
    assert!(texts(&figure.svg).contains(&"95 % simultaneous band"));
    let stacked = EcdfOptions { stacked: true, statistic: RankStatistic::Distance, ..EcdfOptions::default() };
    let figure = calibration_ecdf(&ranks(3, 300), &band(300), &stacked).unwrap();
    assert_eq!(count(&figure.svg, "<polygon", "#808080"), 1);
    for text in ["Joint ECDFs", "Distance rank statistic", "beta_1"] {
        assert!(texts(&figure.svg).contains(&text), "{text}");
    }
}

#[test]
fn loss_shows_what_it_is_given() {
    let full = loss(&losses(150)).unwrap().svg;
    assert_eq!(count(&full, "<polyline stroke-dasharray", "#D55E00"), 2, "the validation curve and its legend");
    assert_eq!(count(&full, "<polyline", MAIN), 3, "raw, smoothed, learning rate");
    assert!(texts(&full).contains(&"Learning rate"));
    let bare = loss(&LossSeries { loss: losses(150).loss, smoothing: 0.0, ..LossSeries::default() }).unwrap().svg;
    assert_eq!(count(&bare, "<polyline", MAIN), 1);
    assert!(!texts(&bare).iter().any(|text| text.contains("Validation") || text.contains("Learning")));
}

#[test]
fn pairs_fill_both_triangles() {
    let figure = pairs(&draws(3, 2000)).unwrap();
    assert_eq!(count(&figure.svg, "<polygon", "opacity=\"1\""), 3 * 9, "nine regions in each lower panel");
    assert_eq!(count(&figure.svg, "<polyline stroke-dasharray", "#C8102E"), 3, "the truth on the diagonal");
    assert!(figure.description.contains("of 2000 points are drawn"), "{}", figure.description);
    // Names stand at the left and below, nowhere else.
    assert_eq!(texts(&figure.svg).iter().filter(|text| **text == "sigma").count(), 2);
    let alone = pairs(&Pairs { prior: vec![], truth: vec![], ..draws(3, 2000) }).unwrap();
    assert!(!texts(&alone.svg).iter().any(|text| *text == "Prior" || *text == "True value"));
}

#[test]
fn coverage_histogram_and_contraction_show_every_variable() {
    let figures = [
        coverage(&coverages(8, 100, 50), &CoverageOptions::default()).unwrap(),
        rank_histogram(&histograms(8, 100), &GridOptions::default()).unwrap(),
        z_score_contraction(&contractions(8, 100), &GridOptions::default()).unwrap(),
    ];
    for figure in &figures {
        for name in NAMES {
            assert_eq!(texts(&figure.svg).iter().filter(|text| **text == name).count(), 1, "{}: {name}", figure.name);
        }
    }
    assert_eq!(count(&figures[0].svg, "<polyline", MAIN), 8);
    assert_eq!(count(&figures[1].svg, "<polygon", "#132A70"), 8 * 10);
    assert_eq!(discs(&figures[2].svg), 8 * 100);
}

#[test]
fn pictures_of_models_and_tests_show_what_they_are_given() {
    let figure = mc_confusion_matrix(&confusion(3, false)).unwrap();
    assert_eq!(texts(&figure.svg).iter().filter(|text| **text == "80").count(), 3 + 1, "cells and the colour bar");
    assert_eq!(texts(&figure.svg).iter().filter(|text| **text == "M_1").count(), 2);
    let blue = |svg: &str| svg.matches("fill=\"#132A70\"").count();
    let none = mc_confusion_matrix(&ConfusionSeries { rows: vec![vec![0.0; 2]; 2], ..confusion(2, false) }).unwrap();
    assert_eq!((blue(&figure.svg), blue(&none.svg)), (3, 0), "cells of the largest value have the full colour");
    assert_eq!(
        texts(&none.svg).iter().filter(|text| **text == "1").count(),
        1,
        "the bar ends at 1: {:?}",
        texts(&none.svg)
    );
    assert!(["0", "20", "60"].iter().all(|number| texts(&figure.svg).contains(number)), "{:?}", texts(&figure.svg));
    assert_eq!(figure.svg.matches("fill=\"#FFFFFF\"").count(), 1 + 3, "paper, and white numbers on dark cells");
    let figure = mc_calibration(&model_calibrations(7), &GridOptions::default()).unwrap();
    assert_eq!(count(&figure.svg, "<polyline", MAIN), 7, "spare panels of the grid stay empty");
    assert!(texts(&figure.svg).contains(&"ECE = 0.030"));
    let figure = model_probabilities(&probabilities(3, 8)).unwrap();
    assert!(texts(&figure.svg).contains(&"7") && texts(&figure.svg).contains(&"model 2"));
    let figure = mmd_hypothesis_test(&hypothesis(Some(0.43))).unwrap();
    for text in ["5 % rejection area", "Observed", "p = 0.003"] {
        assert!(texts(&figure.svg).contains(&text), "{text}");
    }
    let without = mmd_hypothesis_test(&hypothesis(None)).unwrap();
    assert!(!texts(&without.svg).contains(&"Observed"));
    let figure = pareto_k(&[0.1, 0.5, 0.9, f64::INFINITY], 0.7).unwrap();
    assert!(figure.description.contains("2 of 4 lie above") && figure.description.contains("1 values beyond the axis"));
    let figure = pairs_quantity(&pairs_of_quantities(3, 100)).unwrap();
    assert_eq!(discs(&figure.svg), 9 * 100);
    let figure = posterior_predictive(&predictive(4), &GridOptions::default()).unwrap();
    assert!(texts(&figure.svg).contains(&"p = 0.036"));
}

#[test]
fn each_score_has_its_marker() {
    let series = estimates(2, 50);
    let options = |mapping: &[(&str, Marker)]| EstimateOptions {
        marker_mapping: mapping.iter().map(|(score, marker)| (score.to_string(), *marker)).collect(),
        ..EstimateOptions::default()
    };
    let figure = recovery_from_estimates(&series, &EstimateOptions::default()).unwrap();
    assert_eq!(discs(&figure.svg), 2 * 50 + 1, "the means and their entry in the legend");
    assert!(texts(&figure.svg).contains(&"mean") && texts(&figure.svg).contains(&"quantiles"));
    let mapping = [("quantiles", Marker::Square), ("mean", Marker::Triangle)];
    let figure = recovery_from_estimates(&series, &options(&mapping)).unwrap();
    assert_eq!((discs(&figure.svg), figure.svg.matches("<polygon").count()), (0, 2 * 3 * 50 + 2));
    // One score alone: only it is drawn, joined and correlated.
    let alone = recovery_from_estimates(&series, &options(&mapping[1..])).unwrap();
    assert!(!texts(&alone.svg).contains(&"quantiles"));
    let r = |figure: &Figure| texts(&figure.svg).into_iter().find(|text| text.starts_with("r = ")).unwrap().to_string();
    assert_eq!(
        r(&alone)[4..],
        format!("{:.3}", ferroflow::diagnostics::pearson(&series[0].scores[0].estimates[0], &series[0].truth))
    );
    let unaggregated =
        EstimateOptions { corr_point_agg: ferroflow::diagnostics::Aggregation::None, ..EstimateOptions::default() };
    let without = recovery_from_estimates(&series, &unaggregated).unwrap();
    assert!(!texts(&without.svg).iter().any(|text| text.starts_with("r = ")));
}

#[test]
fn what_is_left_out_is_said() {
    let long = recovery(&recoveries(1, 100_000, 1.0), &RecoveryOptions::default()).unwrap();
    assert!(long.svg.len() < 200_000 && long.description.contains("1500 of 100000 points"), "{}", long.description);
    let mut holes = recoveries(1, 10, 1.0);
    holes[0].estimate[3] = f64::NAN;
    holes[0].upper[5] = f64::INFINITY;
    let figure = recovery(&holes, &RecoveryOptions::default()).unwrap();
    assert!(figure.description.contains("2 values that are not finite"), "{}", figure.description);
    assert_eq!(discs(&figure.svg), 8 + 1);
}

#[test]
fn refusals_are_sentences() {
    let short = RecoverySeries { truth: vec![1.0], estimate: vec![], ..RecoverySeries::default() };
    let two_columns = GridOptions { rows: Some(1), columns: Some(2) };
    let cases: Vec<(ferroflow::Result<Figure>, &str)> = vec![
        (recovery(&[], &RecoveryOptions::default()), "no variables came"),
        (calibration_ecdf(&[], &EcdfBand::default(), &EcdfOptions::default()), "no variables came"),
        (rank_histogram(&[], &GridOptions::default()), "no variables came"),
        (coverage(&[], &CoverageOptions::default()), "no variables came"),
        (z_score_contraction(&[], &GridOptions::default()), "no variables came"),
        (pairs(&Pairs::default()), "no variables came"),
        (loss(&LossSeries::default()), "no values came"),
        (loss(&LossSeries { loss: vec![1.0], smoothing: 1.0, ..LossSeries::default() }), "from 0 (none) to below 1"),
        (recovery(&[short], &RecoveryOptions::default()), "1 values of truth but 0 of estimate"),
        (z_score_contraction(&contractions(3, 5), &two_columns), "3 variables came"),
        (pairs(&Pairs { truth: vec![1.0], ..draws(2, 10) }), "1 true values came for 2 variables"),
        (pairs(&Pairs { posterior: vec![vec![1.0]], ..draws(2, 10) }), "1 columns of posterior came for 2 variables"),
        (pairs(&draws(17, 10)), "at most 16"),
        (calibration_ecdf_from_quantiles(&[], &band(20), &QuantileOptions::default()), "no variables came"),
        (recovery_from_estimates(&[], &EstimateOptions::default()), "no variables came"),
        (
            recovery_from_estimates(
                &estimates(1, 5),
                &EstimateOptions { marker_mapping: vec![("mode".into(), Marker::Disc)], ..EstimateOptions::default() },
            ),
            "no estimates of the score 'mode'; its scores are: mean, quantiles",
        ),
        (
            recovery_from_estimates(&[EstimateSeries::default()], &EstimateOptions::default()),
            "give the estimates of one at least",
        ),
        (plot_quantity(&[], "NRMSE", &GridOptions::default()), "no variables came"),
        (pairs_quantity(&PairsQuantity { values: vec![], ..pairs_of_quantities(2, 5) }), "0 of the quantity came"),
        (
            pairs_quantity(&PairsQuantity { range: Some([1.0, 0.0]), ..pairs_of_quantities(2, 5) }),
            "two numbers in order",
        ),
        (mc_calibration(&[], &GridOptions::default()), "no variables came"),
        (mc_confusion_matrix(&ConfusionSeries { rows: vec![], ..confusion(2, true) }), "came for 2 models"),
        (model_probabilities(&ModelProbabilities { rows: vec![vec![0.5, 0.6]], ..probabilities(2, 1) }), "sum to 1"),
        (model_probabilities(&probabilities(2, 101)), "at most 100 bars"),
        (mmd_hypothesis_test(&HypothesisTestSeries { level: 1.0, ..hypothesis(None) }), "level between 0 and 1"),
        (mmd_hypothesis_test(&HypothesisTestSeries::default()), "no variables came"),
        (tarp(&TarpSeries::default()), "no values came"),
        (tarp(&TarpSeries { coverage: vec![], ..tarp_curve(9) }), "8 values of credibility but 0 of coverage"),
        (posterior_predictive(&[], &GridOptions::default()), "no variables came"),
        (
            posterior_predictive_band(&[PredictiveBand::default()], "Day", &GridOptions::default()),
            "no intervals of the replicated data",
        ),
        (pareto_k(&[], 0.7), "no variables came"),
        (pareto_k(&[0.5], f64::NAN), "is NaN"),
    ];
    for (result, expected) in cases {
        let message = result.expect_err(expected).to_string();
        assert!(message.contains(expected), "{message} should contain: {expected}");
    }
}

#[test]
fn the_report_is_one_page_that_needs_nothing_else() {
    let page = report().to_html().unwrap();
    for forbidden in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe"] {
        assert!(!page.contains(forbidden), "{forbidden} in the page");
    }
    assert_eq!(page.matches("<svg ").count(), 7);
    for expected in
        ["beta_0", "class=\"badge bad\"", "−1.730 <small>bad</small>", "batch_size = 32", "Simulations", "–</td>"]
    {
        assert!(page.contains(expected), "{expected} is missing");
    }
    assert_eq!(report().status(), Status::Bad);
}

#[test]
fn the_report_escapes_everything() {
    let nasty = "<script>alert(\"&'\")</script>";
    let page = Report {
        title: nasty.into(),
        summary: nasty.into(),
        verdicts: vec![Verdict {
            diagnostic: nasty.into(),
            metric: nasty.into(),
            variable: nasty.into(),
            status: Status::Bad,
            sentence: nasty.into(),
        }],
        metrics: MetricTable::new(vec![Metric {
            name: nasty.into(),
            variable_names: vec![nasty.into()],
            rows: None,
            values: vec![1.0],
        }])
        .unwrap(),
        figures: vec![
            z_score_contraction(
                &[ContractionSeries { variable: nasty.into(), contraction: vec![0.5], z_score: vec![0.5] }],
                &GridOptions::default(),
            )
            .unwrap(),
            Figure { name: "plain".into(), title: nasty.into(), svg: "<svg></svg>".into(), description: nasty.into() },
        ],
        configuration: nasty.into(),
        facts: vec![(nasty.into(), nasty.into())],
    }
    .to_html()
    .unwrap();
    assert!(!page.contains("<script") && !page.contains("alert(\""), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;"));
}

#[test]
fn the_report_is_saved_with_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("runs").join("regression");
    let paths = report().save(&target).unwrap();
    assert_eq!(paths.len(), 8);
    assert_eq!(paths.last().unwrap(), &target.join("report.html"));
    assert_eq!(std::fs::read_to_string(target.join("report.html")).unwrap(), report().to_html().unwrap());
    check_well_formed(&std::fs::read_to_string(target.join("pairs.svg")).unwrap()).unwrap();
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 8, "no temporary files stay behind");

    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let message = report().save(&blocked).unwrap_err().to_string();
    assert!(message.contains("cannot be made") && message.contains("choose"), "{message}");
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let mut escaping = report();
    escaping.figures[0].name = "../loss".into();
    let mut twice = report();
    twice.figures[1].name = "loss".into();
    for (bad, expected) in [(escaping, "lower case letters"), (twice, "two pictures are named 'loss'")] {
        let message = bad.to_html().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert!(bad.save(tempfile::tempdir().unwrap().path()).is_err());
    }
}
