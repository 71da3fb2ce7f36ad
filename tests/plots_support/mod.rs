//! A synthetic study: numbers as a trained posterior would give them.

pub mod xml;

use ferroflow::diagnostics::plots::*;
use ferroflow::diagnostics::report::Report;
use ferroflow::diagnostics::{Metric, MetricTable, Status, Verdict};
use ferroflow::random::{Key, Stream};
use rand_distr::{Distribution, StandardNormal, StandardUniform};
use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

pub const NAMES: [&str; 8] =
    ["beta_0", "beta_1", "sigma", "transmission_rate", "recovery_rate", "initial_infected", "reporting_delay", "psi"];

pub fn stream(purpose: &str) -> Stream {
    Key::new(7).fork(purpose).stream()
}

pub fn normals(stream: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(stream)).collect()
}

pub fn uniforms(stream: &mut Stream, count: usize) -> Vec<f64> {
    (0..count).map(|_| StandardUniform.sample(stream)).collect()
}

/// Truths and posteriors of a conjugate model per variable: a prior N(0, 1) with noise that grows with the variable.
pub fn recoveries(variables: usize, datasets: usize, scale: f64) -> Vec<RecoverySeries> {
    (0..variables)
        .map(|v| {
            let mut stream = stream(&format!("recovery {v}"));
            let truth = normals(&mut stream, datasets);
            let noise = 0.15 * (1 + v) as f64;
            let shrink = 1.0 / (1.0 + noise * noise);
            let deviation = (noise * noise * shrink).sqrt();
            let errors = normals(&mut stream, datasets);
            let estimate: Vec<f64> = truth.iter().zip(&errors).map(|(t, e)| shrink * (t + noise * e)).collect();
            let by = |sign: f64| estimate.iter().map(|x| scale * (x + sign * 1.96 * deviation)).collect();
            let (lower, upper) = (by(-1.0), by(1.0));
            RecoverySeries {
                variable: NAMES[v % NAMES.len()].to_owned(),
                truth: truth.iter().map(|x| scale * x).collect(),
                lower,
                upper,
                correlation: Some(shrink.sqrt()),
                estimate: estimate.into_iter().map(|x| scale * x).collect(),
            }
        })
        .collect()
}

/// Ranks: the first variable calibrated, then too narrow, too wide, shifted.
pub fn ranks(variables: usize, datasets: usize) -> Vec<EcdfSeries> {
    (0..variables)
        .map(|v| {
            let uniform = uniforms(&mut stream(&format!("ranks {v}")), datasets);
            let bend = |u: f64| match v % 4 {
                1 => 0.5 + 0.5 * (2.0 * u - 1.0).signum() * (2.0 * u - 1.0).abs().powf(0.8),
                2 => 0.5 + 0.5 * (2.0 * u - 1.0).signum() * (2.0 * u - 1.0).abs().powf(1.3),
                3 => u.powf(1.15),
                _ => u,
            };
            let ranks = uniform.into_iter().map(|u| (bend(u) * 1000.0).floor() / 1000.0).collect();
            EcdfSeries { variable: NAMES[v % NAMES.len()].to_owned(), ranks }
        })
        .collect()
}

/// Binomial quantiles at the level of a simultaneous band for about 300 data sets.
pub fn band(datasets: usize) -> EcdfBand {
    let levels: Vec<f64> = (0..datasets).map(|i| 1e-5 + (1.0 - 2e-5) * i as f64 / (datasets - 1) as f64).collect();
    let end = |probability: f64| {
        let quantile = |&z: &f64| Binomial::new(z, datasets as u64).unwrap().inverse_cdf(probability) as f64;
        levels.iter().map(|z| quantile(z) / datasets as f64).collect()
    };
    EcdfBand { lower: end(0.0025), upper: end(0.9975), levels, confidence: 0.95 }
}

pub fn coverages(variables: usize, datasets: usize, draws: usize) -> Vec<CoverageSeries> {
    ranks(variables, datasets)
        .into_iter()
        .map(|series| {
            let width: Vec<f64> = (0..=draws + 1).map(|j| j as f64 / (draws + 1) as f64).collect();
            let covered = |w: &f64| series.ranks.iter().filter(|&&r| (2.0 * r - 1.0).abs() <= *w).count() as f64;
            let n = datasets as f64;
            let estimate: Vec<f64> = width.iter().map(|w| covered(w) / n).collect();
            let end = |p: f64| {
                let beta = |(w, e): (&f64, &f64)| match *w {
                    w if w == 0.0 || w == 1.0 => w,
                    _ => Beta::new(e * n + 1.0, n - e * n + 1.0).unwrap().inverse_cdf(p),
                };
                width.iter().zip(&estimate).map(beta).collect()
            };
            CoverageSeries { variable: series.variable, lower: end(0.025), upper: end(0.975), estimate, width }
        })
        .collect()
}

pub fn contractions(variables: usize, datasets: usize) -> Vec<ContractionSeries> {
    (0..variables)
        .map(|v| {
            let mut stream = stream(&format!("contraction {v}"));
            let z_score = normals(&mut stream, datasets);
            let u = uniforms(&mut stream, datasets);
            let contraction = u.iter().map(|u| 1.0 - (0.02 + 0.1 * v as f64) * (0.5 + u)).collect();
            ContractionSeries { variable: NAMES[v % NAMES.len()].to_owned(), contraction, z_score }
        })
        .collect()
}

pub fn losses(epochs: usize) -> LossSeries {
    let mut stream = stream("loss");
    let noise = normals(&mut stream, epochs);
    let course = |x: f64| 3.6 * (-4.0 * x / epochs as f64).exp() - 0.9;
    LossSeries {
        loss: noise.iter().enumerate().map(|(i, e)| course(i as f64 + 1.0) + 0.12 * e).collect(),
        validation: (1..=15).map(|k| (k * epochs / 15) as f64).map(|x| (x, course(x) + 0.08)).collect(),
        learning_rate: (0..epochs)
            .map(|i| 2.5e-4 * (1.0 + (std::f64::consts::PI * i as f64 / epochs as f64).cos()))
            .collect(),
        ..LossSeries::default()
    }
}

/// Posterior draws: correlated, curved, skewed; the prior is wide.
pub fn draws(variables: usize, count: usize) -> Pairs {
    let mut posterior: Vec<Vec<f64>> = Vec::new();
    let mut prior = Vec::new();
    let mut truth = Vec::new();
    for v in 0..variables {
        let mut stream = stream(&format!("pairs {v}"));
        let e = normals(&mut stream, count);
        prior.push(normals(&mut stream, 1000).into_iter().map(|x| 1.2 * x).collect());
        let column: Vec<f64> = match v % 4 {
            0 => e.iter().map(|e| 0.6 + 0.45 * e).collect(),
            1 => posterior[v - 1].iter().zip(&e).map(|(x, e)| -0.9 * x + 0.12 * e).collect(),
            2 => e.iter().map(|e| 0.5 * (0.5 * e).exp()).collect(),
            _ => posterior[v - 3].iter().zip(&e).map(|(x, e)| x * x - 0.5 + 0.15 * e).collect(),
        };
        truth.push(column[17 % column.len()]);
        posterior.push(column);
    }
    Pairs { variables: (0..variables).map(|v| NAMES[v % NAMES.len()].to_owned()).collect(), posterior, prior, truth }
}

/// Two moons: a region with a gap.
pub fn ring(count: usize) -> Pairs {
    let mut stream = stream("ring");
    let angles: Vec<f64> = uniforms(&mut stream, count).into_iter().map(|u| std::f64::consts::TAU * u).collect();
    let radii: Vec<f64> = normals(&mut stream, count).into_iter().map(|e| 1.0 + 0.08 * e).collect();
    let by = |f: fn(f64) -> f64| angles.iter().zip(&radii).map(|(a, r)| r * f(*a)).collect();
    Pairs {
        variables: vec!["theta_1".into(), "theta_2".into()],
        posterior: vec![by(f64::cos), by(f64::sin)],
        ..Pairs::default()
    }
}

pub fn histograms(variables: usize, datasets: usize) -> Vec<RankHistogramSeries> {
    let histogram =
        |one: EcdfSeries| RankHistogramSeries::from_ranks(&one.variable, &one.ranks, 1000, 10, 0.99).unwrap();
    ranks(variables, datasets).into_iter().map(histogram).collect()
}

/// Every picture in several sizes, by the name of its file.
pub fn everything() -> Vec<(String, Figure)> {
    let grid = GridOptions::default();
    let ecdf = EcdfOptions::default();
    let mut pictures = vec![
        ("loss".to_owned(), loss(&losses(150)).unwrap()),
        ("loss_15".to_owned(), loss(&LossSeries { learning_rate: vec![], ..losses(15) }).unwrap()),
        ("loss_3000".to_owned(), loss(&LossSeries { unit: "Step".into(), ..losses(30_000) }).unwrap()),
        ("pairs_ring".to_owned(), pairs(&ring(2000)).unwrap()),
        (
            "ecdf_stacked".to_owned(),
            calibration_ecdf(&ranks(3, 300), &band(300), &EcdfOptions { stacked: true, ..ecdf }).unwrap(),
        ),
        (
            "ecdf_stacked_8".to_owned(),
            calibration_ecdf(&ranks(8, 300), &band(300), &EcdfOptions { stacked: true, difference: false, ..ecdf })
                .unwrap(),
        ),
        (
            "ecdf_plain".to_owned(),
            calibration_ecdf(&ranks(3, 300), &band(300), &EcdfOptions { difference: false, ..ecdf }).unwrap(),
        ),
        (
            "coverage_difference".to_owned(),
            coverage(&coverages(3, 300, 200), &CoverageOptions { difference: true, ..CoverageOptions::default() })
                .unwrap(),
        ),
        ("recovery_tiny".to_owned(), recovery(&recoveries(3, 300, 3.2e-9), &RecoveryOptions::default()).unwrap()),
        ("recovery_huge".to_owned(), recovery(&recoveries(1, 10_000, 4.7e12), &RecoveryOptions::default()).unwrap()),
    ];
    for variables in [1, 3, 8] {
        pictures.push((
            format!("recovery_{variables}"),
            recovery(&recoveries(variables, 300, 1.0), &RecoveryOptions::default()).unwrap(),
        ));
        pictures
            .push((format!("ecdf_{variables}"), calibration_ecdf(&ranks(variables, 300), &band(300), &ecdf).unwrap()));
        pictures.push((format!("ranks_{variables}"), rank_histogram(&histograms(variables, 300), &grid).unwrap()));
        pictures.push((
            format!("coverage_{variables}"),
            coverage(&coverages(variables, 300, 200), &CoverageOptions::default()).unwrap(),
        ));
        pictures.push((
            format!("contraction_{variables}"),
            z_score_contraction(&contractions(variables, 300), &grid).unwrap(),
        ));
        pictures.push((format!("pairs_{variables}"), pairs(&draws(variables, 2000)).unwrap()));
    }
    pictures.extend(more());
    pictures
}

/// Two scores, a mean and two quantiles, of the posteriors of [`recoveries`].
pub fn estimates(variables: usize, datasets: usize) -> Vec<EstimateSeries> {
    recoveries(variables, datasets, 1.0)
        .into_iter()
        .map(|one| EstimateSeries {
            variable: one.variable,
            truth: one.truth,
            scores: vec![
                ScoreEstimates { score: "mean".into(), estimates: vec![one.estimate] },
                ScoreEstimates { score: "quantiles".into(), estimates: vec![one.lower, one.upper] },
            ],
        })
        .collect()
}

/// Predicted quantiles: the first variable calibrated, the second not.
pub fn quantiles(variables: usize, datasets: usize) -> Vec<QuantileSeries> {
    let levels: Vec<f64> = (1..20).map(|q| f64::from(q) / 20.0).collect();
    ranks(variables, datasets)
        .into_iter()
        .map(|one| {
            let below = |level: &f64| one.ranks.iter().filter(|r| *r < level).count() as f64 / one.ranks.len() as f64;
            QuantileSeries {
                variable: one.variable.clone(),
                share: levels.iter().map(below).collect(),
                levels: levels.clone(),
            }
        })
        .collect()
}

/// The contraction of each data set, as the quantity.
pub fn quantities(variables: usize, datasets: usize) -> Vec<QuantitySeries> {
    let truths = recoveries(variables, datasets, 1.0);
    let trend = |one: RecoverySeries| QuantitySeries {
        value: one.truth.iter().zip(&one.estimate).map(|(t, e)| 0.9 - 0.1 * t * t + 0.2 * (e - t)).collect(),
        variable: one.variable,
        truth: one.truth,
    };
    truths.into_iter().map(trend).collect()
}

pub fn pairs_of_quantities(variables: usize, datasets: usize) -> PairsQuantity {
    let all = quantities(variables, datasets);
    PairsQuantity {
        variables: all.iter().map(|one| one.variable.clone()).collect(),
        truth: all.iter().map(|one| one.truth.clone()).collect(),
        values: all.into_iter().map(|one| one.value).collect(),
        quantity: "Posterior contraction".into(),
        range: None,
    }
}

/// Curves of predicted model probabilities.
pub fn model_calibrations(models: usize) -> Vec<ModelCalibrationSeries> {
    (0..models)
        .map(|m| {
            let predicted: Vec<f64> = (0..10).map(|b| (f64::from(b) + 0.5) / 10.0).collect();
            let bend = |p: &f64| p.powf(0.8 + 0.4 * m as f64 / models as f64);
            ModelCalibrationSeries {
                model: format!("model {m}"),
                observed: predicted.iter().map(bend).collect(),
                shares: (0..10).map(|b| 0.04 + 0.024 * f64::from((b - 5i32).abs())).collect(),
                predicted,
                error: Some(0.03 * m as f64),
            }
        })
        .collect()
}

pub fn confusion(models: usize, shares: bool) -> ConfusionSeries {
    let value = |t: usize, p: usize| if t == p { 80.0 } else { 20.0 / (models.max(2) - 1) as f64 };
    let scale = if shares { 0.01 } else { 1.0 };
    ConfusionSeries {
        models: (0..models).map(|m| format!("M_{m}")).collect(),
        rows: (0..models).map(|t| (0..models).map(|p| scale * value(t, p)).collect()).collect(),
        shares,
    }
}

pub fn hypothesis(observed: Option<f64>) -> HypothesisTestSeries {
    let null: Vec<f64> =
        normals(&mut stream("null distances"), 300).into_iter().map(|e| (0.02 * e).exp() * 0.4).collect();
    HypothesisTestSeries { null, observed, critical: 0.414, level: 0.05, p_value: observed.map(|_| 0.0033) }
}

pub fn tarp_curve(count: usize) -> TarpSeries {
    let credibility: Vec<f64> = (1..count).map(|j| j as f64 / count as f64).collect();
    let around = |shift: f64| credibility.iter().map(|c| c + shift * (c * (1.0 - c)).sqrt()).collect();
    TarpSeries {
        coverage: credibility.iter().map(|c| c - 0.03 * (9.0 * c).sin()).collect(),
        lower: around(-0.16),
        upper: around(0.16),
        credibility,
        confidence: 0.95,
        p_value: Some(0.412),
    }
}

pub fn predictive(statistics: usize) -> Vec<PredictiveSeries> {
    let names = ["mean", "standard deviation", "autocorrelation", "maximum", "minimum", "median"];
    (0..statistics)
        .map(|k| PredictiveSeries {
            statistic: names[k % names.len()].into(),
            replicated: normals(&mut stream(&format!("predictive {k}")), 1000),
            observed: 0.9 * k as f64,
            tail_probability: Some([0.49, 0.18, 0.036, 0.004, 0.0, 0.0][k % 6]),
        })
        .collect()
}

pub fn predictive_band(points: usize) -> Vec<PredictiveBand> {
    let position: Vec<f64> = (0..points).map(|t| t as f64).collect();
    let course = |t: &f64| 120.0 * (-(t - 40.0).powi(2) / 400.0).exp();
    let noise = normals(&mut stream("band"), points);
    let by = |z: f64| position.iter().map(|t| course(t) + z * (4.0 + course(t).sqrt())).collect::<Vec<f64>>();
    vec![PredictiveBand {
        variable: "infected".into(),
        observed: by(0.0).iter().zip(&noise).map(|(x, e)| x + 6.0 * e).collect(),
        median: by(0.0),
        intervals: vec![(0.9, by(-1.645), by(1.645)), (0.5, by(-0.674), by(0.674))],
        position,
    }]
}

pub fn probabilities(models: usize, datasets: usize) -> ModelProbabilities {
    let row = |i: usize| {
        let weights: Vec<f64> = (0..models).map(|m| (2.0 * ((i * (m + 1)) as f64).sin()).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / total).collect()
    };
    ModelProbabilities {
        models: (0..models).map(|m| format!("model {m}")).collect(),
        datasets: Vec::new(),
        rows: (0..datasets).map(row).collect(),
    }
}

/// Pictures of estimates, quantities, joint coverage, predictive checks and models, by the name of their file.
pub fn more() -> Vec<(String, Figure)> {
    let grid = GridOptions::default();
    let plain = QuantileOptions { difference: false, ..QuantileOptions::default() };
    let k_hat: Vec<f64> = normals(&mut stream("k"), 200).into_iter().map(|e| 0.4 + 0.25 * e).collect();
    let mut pictures = vec![
        ("hypothesis", mmd_hypothesis_test(&hypothesis(Some(0.43))).unwrap()),
        ("hypothesis_none", mmd_hypothesis_test(&hypothesis(None)).unwrap()),
        ("tarp", tarp(&tarp_curve(200)).unwrap()),
        ("predictive_band", posterior_predictive_band(&predictive_band(100), "Day", &grid).unwrap()),
        ("pareto", pareto_k(&k_hat, 0.67).unwrap()),
        ("pareto_border", pareto_k(&[0.1, f64::INFINITY, f64::NEG_INFINITY, 3.0, f64::NAN], 0.7).unwrap()),
        ("confusion_2", mc_confusion_matrix(&confusion(2, false)).unwrap()),
        ("confusion_6", mc_confusion_matrix(&confusion(6, true)).unwrap()),
        ("quantiles_plain", calibration_ecdf_from_quantiles(&quantiles(3, 300), &band(300), &plain).unwrap()),
        ("probabilities_3", model_probabilities(&probabilities(3, 8)).unwrap()),
        ("probabilities_9", model_probabilities(&probabilities(9, 60)).unwrap()),
    ]
    .into_iter()
    .map(|(name, figure)| (name.to_owned(), figure))
    .collect::<Vec<_>>();
    for variables in [1, 3, 8] {
        let mut add = |name: &str, figure: ferroflow::Result<Figure>| {
            pictures.push((format!("{name}_{variables}"), figure.unwrap()));
        };
        add("estimates", recovery_from_estimates(&estimates(variables, 200), &EstimateOptions::default()));
        let levels = quantiles(variables, 300);
        add("quantiles", calibration_ecdf_from_quantiles(&levels, &band(300), &QuantileOptions::default()));
        add("quantity", plot_quantity(&quantities(variables, 300), "Posterior contraction", &grid));
        add("pairs_quantity", pairs_quantity(&pairs_of_quantities(variables, 300)));
        add("mc_calibration", mc_calibration(&model_calibrations(variables), &grid));
        add("predictive", posterior_predictive(&predictive(variables), &grid));
    }
    pictures
}

/// The report of the study.
pub fn report() -> Report {
    let metric = |name: &str, values: [f64; 3]| Metric {
        name: name.into(),
        variable_names: NAMES[..3].iter().map(|name| (*name).into()).collect(),
        rows: None,
        values: values.to_vec(),
    };
    let verdict = |diagnostic: &str, metric: &str, variable: &str, status, sentence: &str| Verdict {
        diagnostic: diagnostic.into(),
        metric: metric.into(),
        variable: variable.into(),
        status,
        sentence: sentence.into(),
    };
    Report {
        title: "linear-regression".into(),
        summary:
            "Amortized posterior of beta_0, beta_1 and sigma, trained on 96 000 simulated data sets and checked on 300 \
                  others with 1000 draws each."
                .into(),
        verdicts: vec![
            verdict(
                "Training",
                "",
                "",
                Status::Fine,
                "The loss fell by 4.31 and changed by less than 0.02 over the last tenth of the run.",
            ),
            verdict(
                "Calibration",
                "Log Gamma",
                "sigma",
                Status::Bad,
                "The ranks of sigma leave the 95 % simultaneous band (log-gamma −1.73, below the limit 0): its posterior is too wide. beta_0 and beta_1 stay inside.",
            ),
            verdict(
                "Coverage",
                "Calibration Error",
                "sigma",
                Status::Warning,
                "Credible intervals of sigma are off by 6.4 percentage points, up to 5.8 pass; those of the others are fine.",
            ),
        ],
        metrics: MetricTable::new(vec![
            metric("NRMSE", [0.148, 0.287, 0.411]),
            metric("Log Gamma", [1.2, 0.4, -1.73]),
            metric("Calibration Error", [0.012, 0.021, 0.064]),
            metric("Posterior Contraction", [0.978, 0.917, f64::NAN]),
        ])
        .unwrap(),
        figures: vec![
            loss(&losses(150)).unwrap(),
            recovery(&recoveries(3, 300, 1.0), &RecoveryOptions::default()).unwrap(),
            calibration_ecdf(&ranks(3, 300), &band(300), &EcdfOptions::default()).unwrap(),
            rank_histogram(&histograms(3, 300), &GridOptions::default()).unwrap(),
            coverage(&coverages(3, 300, 200), &CoverageOptions::default()).unwrap(),
            z_score_contraction(&contractions(3, 300), &GridOptions::default()).unwrap(),
            pairs(&draws(3, 2000)).unwrap(),
        ],
        configuration:
            "[fit]\nepochs = 150\nbatch_size = 32\n\n[inference_network]\nname = \"coupling_flow\"\ndepth = 6\n".into(),
        facts: [
            ("Simulator", "linear-regression"),
            ("Simulations", "96 000"),
            ("Seed", "1"),
            ("Duration", "9.4 s"),
            ("Device", "cpu, 2 threads, AVX2"),
            ("ferroflow", "0.1.0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    }
}

/// Pictures of awkward numbers, each of which must come out without an error.
pub fn awkward() -> Vec<(String, Figure)> {
    let grid = GridOptions::default();
    let constant = RecoverySeries {
        variable: "constant".into(),
        truth: vec![3.0; 20],
        estimate: vec![3.0; 20],
        lower: vec![3.0; 20],
        upper: vec![3.0; 20],
        correlation: Some(f64::NAN),
    };
    let holes = RecoverySeries {
        variable: "with holes and a name that is far too long for the panel it stands above".into(),
        truth: vec![1.0, f64::NAN, 2.0, 3.0, f64::INFINITY],
        estimate: vec![1.1, 1.0, f64::NEG_INFINITY, 2.8, 1.0],
        correlation: Some(-0.5),
        ..RecoverySeries::default()
    };
    let offset = RecoverySeries {
        variable: "1e6 + small".into(),
        truth: (0..30).map(|i| 1e6 + f64::from(i) * 0.01).collect(),
        estimate: (0..30).map(|i| 1e6 + f64::from(i) * 0.01 + 0.02 * f64::from(i % 5 - 2)).collect(),
        ..RecoverySeries::default()
    };
    let nothing = RecoverySeries { variable: "<nothing> & \"more\"".into(), ..RecoverySeries::default() };
    let draw = |columns: Vec<Vec<f64>>, prior: Vec<Vec<f64>>, truth: Vec<f64>| {
        let variables = NAMES[..columns.len()].iter().map(|name| (*name).into()).collect();
        pairs(&Pairs { variables, posterior: columns, prior, truth }).unwrap()
    };
    let e = normals(&mut stream("awkward"), 500);
    let huge: Vec<f64> = e.iter().map(|e| 3e9 * (3.0 + e)).collect();
    let tiny: Vec<f64> = e.iter().rev().map(|e| 2e-7 * (3.0 + e)).collect();
    let mut losses_with_spike = losses(60);
    losses_with_spike.loss[0] = 1e9;
    losses_with_spike.loss[20] = f64::NAN;
    let many: Vec<RecoverySeries> = (0..40).map(|_| recoveries(1, 2000, 1.0).remove(0)).collect();
    vec![
        ("recovery".into(), recovery(&[constant, holes, offset, nothing], &RecoveryOptions::default()).unwrap()),
        ("recovery_40".into(), recovery(&many, &RecoveryOptions::default()).unwrap()),
        ("loss_spike".into(), loss(&losses_with_spike).unwrap()),
        ("loss_one".into(), loss(&LossSeries { loss: vec![1.5], ..LossSeries::default() }).unwrap()),
        ("loss_nan".into(), loss(&LossSeries { loss: vec![f64::NAN; 5], ..LossSeries::default() }).unwrap()),
        ("pairs_scales".into(), draw(vec![huge, tiny.clone()], vec![], vec![1.2e10, f64::NAN])),
        ("pairs_constant".into(), draw(vec![vec![2.0; 500], e.clone()], vec![], vec![2.0, 0.0])),
        ("pairs_line".into(), draw(vec![e.clone(), e.iter().map(|x| 2.0 * x).collect()], vec![], vec![])),
        ("pairs_three".into(), draw(vec![vec![1.0, 2.0, 3.0], vec![3.0, 1.0, f64::NAN]], vec![], vec![])),
        ("pairs_none".into(), draw(vec![vec![], vec![]], vec![], vec![])),
        (
            "pairs_wide_prior".into(),
            draw(
                vec![e.clone(), tiny],
                vec![e.iter().map(|x| 1e3 * x).collect(), e.iter().map(|x| x.abs()).collect()],
                vec![40.0, 0.1],
            ),
        ),
        ("ecdf_no_band".into(), calibration_ecdf(&ranks(2, 1), &EcdfBand::default(), &EcdfOptions::default()).unwrap()),
        (
            "ecdf_nan".into(),
            calibration_ecdf(
                &[EcdfSeries { variable: "a".into(), ranks: vec![f64::NAN] }],
                &band(50),
                &EcdfOptions::default(),
            )
            .unwrap(),
        ),
        (
            "coverage_one".into(),
            coverage(
                &[CoverageSeries { variable: "none".into(), ..CoverageSeries::default() }],
                &CoverageOptions::default(),
            )
            .unwrap(),
        ),
        (
            "contraction_far".into(),
            z_score_contraction(
                &[ContractionSeries {
                    variable: "far".into(),
                    contraction: vec![-3.0, 0.5, 1.0, f64::NAN],
                    z_score: vec![0.5, 1e5, -1e7, 0.0],
                }],
                &grid,
            )
            .unwrap(),
        ),
        (
            "estimates_nan".into(),
            recovery_from_estimates(
                &[EstimateSeries {
                    variable: "a".into(),
                    truth: vec![1.0, f64::NAN],
                    scores: vec![ScoreEstimates { score: "mean".into(), estimates: vec![vec![f64::NAN, 1.0]] }],
                }],
                &EstimateOptions::default(),
            )
            .unwrap(),
        ),
        (
            "quantity_constant".into(),
            plot_quantity(
                &[QuantitySeries { variable: "a".into(), truth: vec![1.0; 3], value: vec![2e9; 3] }],
                "NRMSE",
                &grid,
            )
            .unwrap(),
        ),
        (
            "pairs_quantity_nan".into(),
            pairs_quantity(&PairsQuantity {
                values: vec![vec![f64::NAN, 1.0, f64::INFINITY, 2e-7]],
                ..pairs_of_quantities(2, 4)
            })
            .unwrap(),
        ),
        (
            "hypothesis_equal".into(),
            mmd_hypothesis_test(&HypothesisTestSeries {
                null: vec![0.5; 10],
                observed: Some(f64::NAN),
                critical: 0.5,
                level: 0.05,
                p_value: None,
            })
            .unwrap(),
        ),
        (
            "predictive_far".into(),
            posterior_predictive(
                &[
                    PredictiveSeries {
                        statistic: "far".into(),
                        replicated: vec![1.0, 2.0, f64::NAN],
                        observed: 1e9,
                        tail_probability: Some(0.0),
                    },
                    PredictiveSeries { statistic: "none".into(), observed: f64::INFINITY, ..Default::default() },
                ],
                &grid,
            )
            .unwrap(),
        ),
        ("confusion_zero".into(), {
            let rows = vec![vec![0.0, f64::NAN], vec![0.0, 0.0]];
            mc_confusion_matrix(&ConfusionSeries { rows, ..confusion(2, false) }).unwrap()
        }),
        (
            "ranks_few".into(),
            rank_histogram(&[RankHistogramSeries::from_ranks("few", &[0.5], 4, 5, 0.99).unwrap()], &grid).unwrap(),
        ),
        (
            "ranks_none".into(),
            rank_histogram(&[RankHistogramSeries::from_ranks("none", &[], 4, 2, 0.99).unwrap()], &grid).unwrap(),
        ),
    ]
}
