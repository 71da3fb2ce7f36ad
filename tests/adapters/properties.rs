//! For every invertible transform: the inverse undoes it, also with an axis of draws; the log-determinant is that of a
//! numerical Jacobian; the gradient of a density is that of finite differences.

use ferroflow::adapters::{
    Adapter, CustomTransform, Inclusive, Method, NamedFunction, Strictness, between, lower, upper,
};
use ferroflow::codecs::Array;
use ferroflow::data::{Column, Record};
use proptest::prelude::*;

use crate::{array, fitted, numbers};

/// A user's transform that acts on each number alone: `x³ + x`.
struct Cubic;

impl CustomTransform for Cubic {
    fn name(&self) -> &str {
        "cubic"
    }

    fn forward(&self, x: &Array) -> ferroflow::Result<Array> {
        Array::f64(x.shape(), x.to_f64().iter().map(|x| x.powi(3) + x).collect())
    }

    fn inverse(&self, u: &Array) -> ferroflow::Result<Array> {
        let root = |u: f64| (0..200).fold(u.cbrt(), |x, _| x - (x.powi(3) + x - u) / (3.0 * x * x + 1.0));
        Array::f64(u.shape(), u.to_f64().into_iter().map(root).collect())
    }

    fn derivative(&self, x: &Array) -> ferroflow::Result<Option<Array>> {
        Array::f64(x.shape(), x.to_f64().iter().map(|x| 3.0 * x * x + 1.0).collect()).map(Some)
    }

    fn log_det_gradient(&self, x: &Array) -> ferroflow::Result<Option<Array>> {
        Array::f64(x.shape(), x.to_f64().iter().map(|x| 6.0 * x / (3.0 * x * x + 1.0)).collect()).map(Some)
    }
}

/// Adapters that change `a` `[datasets, 2]`, from numbers between 0 and 1, and join it with `b` `[datasets, 1]`.
fn adapters() -> Vec<Adapter> {
    let start = Adapter::new;
    let mut adapters: Vec<Adapter> = vec![
        start().constrain("a", between(0.0, 1.0)),
        start().constrain("a", between([-1.0, 0.0], [1.0, 3.0]).method(Method::Logit).inclusive(Inclusive::None)),
        start().constrain("a", lower([-0.5, 0.0])),
        start().constrain("a", lower(0.0).method(Method::Log)),
        start().constrain("a", upper(1.0)),
        start().constrain("a", upper([1.5, 1.0]).method(Method::Exp).epsilon(1e-9)),
        start().log("a"),
        start().log1p("a"),
        start().sqrt("a"),
        start().scale("a", [-2.0, 0.5]),
        start().shift("a", -3.0),
        start().standardize_with("a", [0.5, 0.25], 0.3),
        start().standardize("a"),
        start().custom("a", Cubic),
        start().rename("a", "t").split("t", ["t0", "t1"]).log("t0").concatenate(["t1", "t0"], "a").log("b"),
        start().split("a", ["p", "q"]).log("p").concatenate(["p", "q"], "a"),
        start().group(["a", "b"], "g", "").log("g/a").ungroup("g", "in_").rename("in_a", "a").rename("in_b", "b"),
        start().expand_dims("a", 1).scale("a", 3.0).squeeze("a", 1),
        start().as_set("a").log("a").squeeze("a", -1),
        start().log("a").scale("a", 2.0).constrain("b", between(0.0, 2.0)).standardize(["a", "b"]),
        start().apply_with_inverse("a", NamedFunction::Log, NamedFunction::Exp),
    ];
    let everywhere = NamedFunction::ALL.iter().filter(|f| **f != NamedFunction::Arccosh);
    adapters.extend(everywhere.map(|&function| start().apply("a", function)));
    adapters.push(start().shift("a", 1.0).apply("a", NamedFunction::Arccosh));
    adapters.into_iter().map(|adapter| adapter.to_array().to_dict().concatenate(["b", "a"], "z")).collect()
}

const DATASETS: usize = 3;

fn record(values: &[f64]) -> Record {
    Record::new()
        .with("a", array(&[DATASETS, 2], &values[..2 * DATASETS]))
        .with("b", array(&[DATASETS, 1], &values[2 * DATASETS..]))
}

/// The nine numbers of a record as one vector, data set by data set: a, b.
fn parts(values: &[f64], dataset: usize) -> [usize; 3] {
    assert_eq!(values.len(), 3 * DATASETS);
    [2 * dataset, 2 * dataset + 1, 2 * DATASETS + dataset]
}

fn network(adapter: &Adapter, values: &[f64]) -> Vec<f64> {
    numbers(&adapter.forward(&record(values), Strictness::Strict).unwrap(), "z")
}

fn log_det(adapter: &Adapter, values: &[f64]) -> Vec<f64> {
    let (_, log_det) = adapter.forward_with_log_det(&record(values), Strictness::Strict).unwrap();
    log_det.get("z").unwrap().map_or(vec![0.0; DATASETS], <[f64]>::to_vec)
}

fn moved(values: &[f64], at: usize, by: f64) -> Vec<f64> {
    let mut values = values.to_vec();
    values[at] += by;
    values
}

fn determinant([a, b, c]: [[f64; 3]; 3]) -> f64 {
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
}

const STEP: f64 = 1e-6;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_inverse_undoes_the_transforms(values in prop::collection::vec(0.02..0.98f64, 3 * DATASETS)) {
        for adapter in adapters() {
            let data = record(&values);
            let adapter = fitted(adapter, &data);
            let (out, log_det) = adapter.forward_with_log_det(&data, Strictness::Strict).unwrap();
            let (back, inverse_log_det) = adapter.inverse_with_log_det(&out, Strictness::Strict).unwrap();
            for key in ["a", "b"] {
                prop_assert_eq!(data.column(key).unwrap().array.shape(), back.column(key).unwrap().array.shape());
                for (x, y) in numbers(&data, key).iter().zip(numbers(&back, key)) {
                    prop_assert!((x - y).abs() < 1e-10, "{adapter}\n{key}: {x} came back as {y}");
                }
            }
            let total = log_det.get("z").unwrap().map_or(vec![0.0; DATASETS], <[f64]>::to_vec);
            let mut inverse_total = vec![0.0; DATASETS];
            for key in inverse_log_det.keys() {
                let part = inverse_log_det.get(key).unwrap().unwrap();
                inverse_total.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
            }
            for (x, y) in total.iter().zip(&inverse_total) {
                prop_assert!((x + y).abs() < 1e-8 * (1.0 + x.abs()), "{adapter}\nlog-determinants {x} and {y}");
            }
            // The rows as draws of one data set.
            let draws = Record::new().with("z", array(&[1, DATASETS, 3], &numbers(&out, "z")));
            let draws = adapter.inverse(&draws, Strictness::Lenient).unwrap();
            prop_assert_eq!(draws.column("a").unwrap().array.shape(), [1, DATASETS, 2]);
            for (x, y) in numbers(&back, "a").iter().zip(numbers(&draws, "a")) {
                prop_assert!((x - y).abs() < 1e-12, "{adapter}\ndraw {y} instead of {x}");
            }
        }
    }

    #[test]
    fn log_determinants_are_those_of_the_jacobian(values in prop::collection::vec(0.05..0.95f64, 3 * DATASETS)) {
        for adapter in adapters() {
            let adapter = fitted(adapter, &record(&values));
            let log_det = log_det(&adapter, &values);
            for dataset in 0..DATASETS {
                let rows = parts(&values, dataset).map(|at| {
                    let (above, below) = (moved(&values, at, STEP), moved(&values, at, -STEP));
                    let (above, below) = (network(&adapter, &above), network(&adapter, &below));
                    std::array::from_fn(|j| (above[3 * dataset + j] - below[3 * dataset + j]) / (2.0 * STEP))
                });
                let numeric = determinant(rows).abs().ln();
                prop_assert!(
                    (numeric - log_det[dataset]).abs() < 1e-5 * (1.0 + numeric.abs()),
                    "{adapter}\ndata set {dataset}: {} instead of {numeric}", log_det[dataset]
                );
            }
        }
    }

    #[test]
    fn gradients_of_densities_are_those_of_differences(
        values in prop::collection::vec(0.1..0.9f64, 3 * DATASETS),
        weights in prop::collection::vec(-2.0..2.0f64, 3 * DATASETS),
    ) {
        for adapter in adapters() {
            let adapter = fitted(adapter, &record(&values));
            let linear = |values: &[f64]| -> f64 {
                network(&adapter, values).iter().zip(&weights).map(|(z, w)| z * w).sum()
            };
            let density = |values: &[f64]| linear(values) + log_det(&adapter, values).iter().sum::<f64>();
            let gradient = Record::new().with("z", array(&[DATASETS, 3], &weights));
            let data = record(&values);
            let plain = adapter.pullback(&data, &gradient, Strictness::Strict).unwrap();
            let full = adapter.pullback_log_density(&data, &gradient, Strictness::Strict).unwrap();
            for (result, function) in [(plain, &linear as &dyn Fn(&[f64]) -> f64), (full, &density)] {
                let ours: Vec<f64> = numbers(&result, "a").into_iter().chain(numbers(&result, "b")).collect();
                for (at, ours) in ours.iter().enumerate() {
                    let numeric =
                        (function(&moved(&values, at, STEP)) - function(&moved(&values, at, -STEP))) / (2.0 * STEP);
                    prop_assert!(
                        (ours - numeric).abs() < 2e-6 * (1.0 + numeric.abs()),
                        "{adapter}\nelement {at}: {ours} instead of {numeric}"
                    );
                }
            }
        }
    }
}

/// The gradient passes through what is not invertible: repeated, chosen, replaced and dropped elements.
#[test]
fn gradients_pass_through_what_has_no_inverse() {
    let mut data = Record::new()
        .with("x", array(&[2, 3], &[0.5, f64::NAN, 0.25, 1.5, 2.0, 3.0]))
        .with("w", array(&[2, 1], &[1.0, 2.0]));
    data.insert("n", Column::shared(array(&[], &[4.0])));
    let adapter = Adapter::new()
        .nan_to_num_with_mask("x", 0.0)
        .take("x", [2, 1, 2], -1)
        .scale("x", [1.0, 10.0, 100.0])
        .broadcast("n", "x")
        .sqrt("n")
        .drop("w")
        .concatenate(["x", "n"], "z");
    let adapter = fitted(adapter, &data);
    let gradient = Record::new().with("z", array(&[2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]));
    let gradient = adapter.pullback(&data, &gradient, Strictness::Strict).unwrap();
    assert_eq!(numbers(&gradient, "x"), [0.0, 0.0, 301.0, 0.0, 60.0, 705.0]);
    // ∂√n/∂n = 1/4 at n = 4, for both data sets.
    assert_eq!(numbers(&gradient, "n"), [3.0]);
    assert!(!gradient.contains("w"));
}

/// What was left out of a set has no gradient, and a log-determinant from before does not hold for what remains.
#[test]
fn gradients_pass_by_missing_elements() {
    let data = Record::new().with("x", array(&[2, 3], &[0.5, f64::NAN, 0.25, f64::NAN, 2.0, f64::NAN]));
    let adapter = fitted(Adapter::new().drop_missing("x").scale("x", 10.0).as_set("x").concatenate(["x"], "z"), &data);
    let mut gradient = Record::new();
    gradient.insert("z", Column::ragged(array(&[3, 1], &[1.0, 2.0, 3.0]), vec![0, 2, 3]).unwrap());
    let inner = adapter.pullback(&data, &gradient, Strictness::Strict).unwrap();
    assert_eq!(numbers(&inner, "x"), [10.0, 0.0, 20.0, 0.0, 30.0, 0.0]);
    assert_eq!(inner.column("x").unwrap().array.shape(), [2, 3]);
    let (_, log_det) = adapter.forward_with_log_det(&data, Strictness::Strict).unwrap();
    let values = log_det.get("z").unwrap().unwrap();
    assert!((values[0] - 2.0 * 10f64.ln()).abs() < 1e-12 && (values[1] - 10f64.ln()).abs() < 1e-12);
    let late = Adapter::new().scale("x", 10.0).drop_missing("x");
    let (_, log_det) = late.forward_with_log_det(&data, Strictness::Strict).unwrap();
    assert!(log_det.get("x").unwrap_err().to_string().contains("drop_missing comes after a transform of it"));
}
