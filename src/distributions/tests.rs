use super::*;
use crate::autodiff::Tape;
use crate::device::Device;
use crate::tensor::Tensor;

fn normal(mean: f64, std: f64) -> BaseDistribution {
    DiagonalNormal { mean: mean.into(), std: std.into(), ..DiagonalNormal::default() }.into()
}

/// One of each kind, nested ones too, trainable ones too.
fn table() -> Vec<(&'static str, BaseDistribution)> {
    let student = DiagonalStudentT { df: 5.0, loc: vec![0.5, -0.5].into(), scale: 2.0.into(), ..Default::default() };
    let two = Mixture::of([normal(0.0, 1.0), normal(2.0, 0.5)]);
    vec![
        ("standard normal", BaseDistribution::default()),
        ("normal", DiagonalNormal { mean: vec![0.5, 1.0].into(), ..Default::default() }.into()),
        ("trainable normal", DiagonalNormal { mean: 0.5.into(), std: 2.0.into(), trainable_parameters: true }.into()),
        ("student", student.clone().into()),
        ("trainable student", DiagonalStudentT { trainable_parameters: true, ..student.clone() }.into()),
        ("mixture", Mixture { mixture_logits: Some(vec![0.0, 1.0]), ..two.clone() }.into()),
        (
            "trainable nested mixture",
            Mixture { trainable_mixture: true, ..Mixture::of([two.into(), student.into(), normal(-1.0, 0.7)]) }.into(),
        ),
    ]
}

fn with_model<R>(config: &BaseDistribution, run: impl FnOnce(&BuiltDistribution, &Parameters) -> R) -> R {
    let builder = Builder::new();
    let built = config.build(&builder.scope("base_distribution"), 2).unwrap();
    run(&built, &builder.finish(&Device::cpu(), Key::new(1)).unwrap())
}

fn densities(built: &BuiltDistribution, parameters: &Parameters, points: &[f32]) -> Vec<f32> {
    let tape = Tape::new(parameters.device());
    let pass = Pass::inference(&tape, parameters);
    built.log_prob(&pass, tape.values([points.len() / 2, 2], points)).value().unwrap().values().unwrap()
}

/// The vectors of the specification (§20.8): `I(3, 2) = sin(0.5 (i + 1))`.
#[test]
fn conformance() {
    let points: Vec<f32> = (0..6).map(|i| (0.5 * (f64::from(i) + 1.0)).sin() as f32).collect();
    let student = DiagonalStudentT { df: 5.0, loc: 0.5.into(), scale: 2.0.into(), ..Default::default() };
    let two = Mixture::of([normal(0.0, 1.0), normal(2.0, 0.5)]);
    let cases: [(BaseDistribution, [f32; 3]); 3] = [
        (normal(0.5, 2.0), [-3.238800, -3.276050, -3.241483]),
        (student.into(), [-3.244591, -3.296057, -3.248324]),
        (Mixture { mixture_logits: Some(vec![0.0, 1.0]), ..two }.into(), [-3.608528, -3.772732, -3.339923]),
    ];
    for (config, expected) in cases {
        let got = with_model(&config, |built, parameters| densities(built, parameters, &points));
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6), "{config:?}: {got:?} for {expected:?}");
    }
}

#[test]
fn densities_integrate_to_one() {
    // Midpoint rule after the map u ↦ u/(1 − u²) of the square (−1, 1)² to the plane.
    let n = 240;
    let nodes: Vec<(f64, f64)> = (0..n)
        .map(|i| {
            let u = -1.0 + (2.0 * f64::from(i) + 1.0) / f64::from(n);
            (u / (1.0 - u * u), (1.0 + u * u) / (1.0 - u * u).powi(2) * 2.0 / f64::from(n))
        })
        .collect();
    let points: Vec<f32> =
        nodes.iter().flat_map(|&(x, _)| nodes.iter().flat_map(move |&(y, _)| [x as f32, y as f32])).collect();
    for (name, config) in table() {
        let densities = with_model(&config, |built, parameters| densities(built, parameters, &points));
        let integral: f64 = (0..n * n)
            .map(|k| f64::from(densities[k as usize]).exp() * nodes[(k / n) as usize].1 * nodes[(k % n) as usize].1)
            .sum();
        assert!((integral - 1.0).abs() < 2e-3, "{name}: {integral}");
    }
}

/// Probability integral transform in one dimension: the share of draws below a threshold is the integral of the density
/// there, within four standard errors.
#[test]
fn draws_follow_the_density() {
    let rows = 40_000;
    for (name, config) in table() {
        let (draws, again) = with_model(&config, |built, parameters| {
            let (mut draws, mut again) = (Vec::new(), Vec::new());
            built.sample(parameters, Key::new(5), 0, rows, &mut draws).unwrap();
            built.sample(parameters, Key::new(5), 17, 3, &mut again).unwrap();
            (draws, again)
        });
        assert_eq!(draws[34..40], again, "{name}: a draw depends on the draws before it");
        // Cells of 0.06: the thresholds lie on their edges.
        let n = 400;
        let step = 24.0 / f64::from(n);
        let grid: Vec<f32> = (0..n).map(|i| (-12.0 + (f64::from(i) + 0.5) * step) as f32).collect();
        let points: Vec<f32> = grid.iter().flat_map(|&x| grid.iter().flat_map(move |&y| [x, y])).collect();
        let densities = with_model(&config, |built, parameters| densities(built, parameters, &points));
        for threshold in [-1.5, 0.0, 0.72, 2.04] {
            for column in 0..2 {
                let below = |x: f32| f64::from(u8::from(f64::from(x) < threshold));
                let expected: f64 = points
                    .chunks(2)
                    .zip(&densities)
                    .map(|(point, &density)| below(point[column]) * f64::from(density).exp() * step * step)
                    .sum();
                let share = draws.chunks(2).map(|draw| below(draw[column])).sum::<f64>() / rows as f64;
                let error = (expected * (1.0 - expected) / rows as f64).sqrt();
                assert!((share - expected).abs() < 4.0 * error + 2e-3, "{name}: {share} for {expected}");
            }
        }
    }
}

#[test]
fn trainable_numbers_get_gradients() {
    for (name, config) in table() {
        let missing = with_model(&config, |built, parameters| {
            let device = parameters.device();
            let tape = Tape::new(device);
            let pass = Pass::training(&tape, parameters, Key::new(2));
            let z = tape.constant(Tensor::from_values(device, [2, 2], &[0.3, -0.4, 1.2, 2.0]).unwrap());
            let gradients = pass.gradients(built.log_prob(&pass, z).sum()).unwrap();
            let entries = parameters.layout().entries();
            assert_eq!(!entries.is_empty(), name.starts_with("trainable"), "{name}");
            entries.iter().any(|entry| gradients.get(&entry.name).unwrap().to_f64().contains(&0.0))
        });
        assert!(!missing, "{name}");
    }
}

#[test]
fn wrong_configurations_are_named() {
    let message = |config: BaseDistribution| config.build(&Builder::new(), 2).unwrap_err().to_string();
    assert!(message(normal(0.0, -1.0)).starts_with("std: -1"));
    assert!(message(normal(f64::NAN, 1.0)).starts_with("mean: NaN"));
    assert!(message(DiagonalStudentT { df: 0.0, ..Default::default() }.into()).starts_with("df: 0"));
    assert!(
        message(DiagonalStudentT { loc: vec![1.0].into(), ..Default::default() }.into()).starts_with("loc: 1 numbers")
    );
    assert!(message(Mixture::of([]).into()).starts_with("components"));
    let short = Mixture { mixture_logits: Some(vec![1.0]), ..Mixture::of([normal(0.0, 1.0), normal(1.0, 1.0)]) };
    assert!(message(short.into()).starts_with("mixture_logits"));
}

#[test]
fn files_name_them() {
    let config: BaseDistribution = toml::from_str(
        "kind = 'mixture'\ntrainable_mixture = true\n[[components]]\nkind = 'normal'\nmean = -1\nstd = [0.5, 1.0]\n\
         [[components]]\nkind = 'student-t'\ndf = 4.0",
    )
    .unwrap();
    let expected = Mixture {
        trainable_mixture: true,
        ..Mixture::of([
            DiagonalNormal { mean: (-1.0).into(), std: vec![0.5, 1.0].into(), ..Default::default() }.into(),
            DiagonalStudentT { df: 4.0, ..Default::default() }.into(),
        ])
    };
    assert_eq!(config, expected.into());
    assert!(toml::from_str::<BaseDistribution>("kind = 'normal'\nmeann = 1.0").is_err());
}
