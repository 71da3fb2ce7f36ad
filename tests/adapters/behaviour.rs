//! What transforms do where the properties do not reach: shapes, types, strictness, learning, the list, the table.

use ferroflow::adapters::{Adapter, Expand, Inclusive, Role, Sections, Selection, Strictness, Transform, lower, upper};
use ferroflow::approximators::Batch;
use ferroflow::codecs::{Array, Dtype, Values};
use ferroflow::data::{Column, Record};

use crate::{array, fitted, forward, integers, numbers, regression, regression_data, shape};

/// The examples of the specification; the shapes are those of metadata, which has no data-set axis.
#[test]
fn broadcast_examples() {
    let shared = |from: &[usize], to: &[usize]| {
        let mut record = Record::new();
        for (key, shape) in [("n", from), ("x", to)] {
            record.insert(key, Column::shared(array(shape, &vec![1.0; shape.iter().product()])));
        }
        record
    };
    type Case = (&'static [usize], &'static [usize], Expand, Vec<isize>, &'static [usize]);
    let cases: [Case; 5] = [
        (&[1], &[2, 3], Expand::Left, vec![-1], &[2, 1]),
        (&[1], &[2, 3], Expand::Left, vec![], &[2, 3]),
        (&[2, 3], &[2, 2, 3], Expand::At(1.into()), vec![-1], &[2, 2, 3]),
        (&[3], &[2, 4, 3], Expand::Left, vec![-1], &[2, 4, 3]),
        (&[2], &[2, 4, 3], Expand::Right, vec![-1, -2], &[2, 1, 1]),
    ];
    for (from, to, expand, exclude, expected) in cases {
        let adapter = Adapter::new().broadcast_with("n", "x", expand, exclude, []);
        assert_eq!(shape(&forward(&adapter, &shared(from, to)), "n"), expected, "{from:?} to {to:?}");
    }
    let record = Record::new().with("n", array(&[2], &[1.0, 2.0])).with("x", array(&[2, 2, 1], &[0.0; 4]));
    let out = forward(&Adapter::new().broadcast("n", "x"), &record);
    assert_eq!((shape(&out, "n"), numbers(&out, "n")), (&[2, 2, 1][..], vec![1.0, 1.0, 2.0, 2.0]));
}

/// Intended behaviour beside the peer's, where they differ.
#[test]
fn differences_to_the_peer() {
    let data = Record::new()
        .with("number", array(&[2], &[1.0, 2.0]))
        .with("count", integers(&[2, 1], &[3, 4]))
        .with("label", integers(&[2, 1], &[0, 2]))
        .with("wild", array(&[2, 1], &[f64::INFINITY, f64::NAN]))
        .with("large", array(&[2, 1], &[1000.0, 1.0]));
    let adapter = Adapter::new()
        .as_set("number")
        .one_hot("label", 3)
        .nan_to_num("wild", 0.0)
        .constrain("large", lower(0.0))
        .convert_dtype(Dtype::F64, Dtype::F32);
    let ours = fitted(adapter.clone(), &data);
    let peer = fitted(adapter.peer_compatible(true), &data);
    let (out, log_det) = ours.forward_with_log_det(&data, Strictness::Strict).unwrap();
    let (peers, peers_log_det) = peer.forward_with_log_det(&data, Strictness::Strict).unwrap();
    assert_eq!((shape(&out, "number"), shape(&peers, "number")), (&[2, 1, 1][..], &[1, 2, 1][..]));
    assert_eq!((shape(&out, "label"), shape(&peers, "label")), (&[2, 3][..], &[2, 1, 3][..]));
    assert_eq!(out.column("count").unwrap().array.dtype(), Dtype::I64);
    assert_eq!(peers.column("count").unwrap().array.dtype(), Dtype::F32);
    assert_eq!(numbers(&out, "wild"), [f64::INFINITY, 0.0]);
    assert_eq!(log_det.get("large").unwrap().unwrap()[0], 0.0);
    assert_eq!(peers_log_det.get("large").unwrap().unwrap()[0], f64::NEG_INFINITY);
    let back = ours.inverse(&out, Strictness::Lenient).unwrap();
    assert_eq!((shape(&back, "number"), shape(&back, "label")), (&[2][..], &[2, 1][..]));
    assert_eq!(back.column("label").unwrap().array.values(), &Values::I64(vec![0, 2]));
    assert_eq!(back.column("count").unwrap(), data.column("count").unwrap());
}

/// On a bound that is not inclusive the map is infinite; networks refuse such a number with a remedy.
#[test]
fn exclusive_bounds_are_infinite() {
    let data = Record::new().with("theta", array(&[2, 1], &[0.5, 0.0]));
    let adapter = Adapter::new().constrain("theta", lower(0.0).inclusive(Inclusive::None));
    let adapter = fitted(adapter.rename("theta", "inference_variables"), &data);
    let (out, log_det) = adapter.forward_with_log_det(&data, Strictness::Strict).unwrap();
    assert_eq!(numbers(&out, "inference_variables")[1], f64::NEG_INFINITY);
    assert_eq!(log_det.get("inference_variables").unwrap().unwrap()[1], f64::INFINITY);
    let message = Batch::from_record(&out).unwrap_err().to_string();
    assert!(message.contains("is -inf in data set 1") && message.contains("make the bound inclusive"), "{message}");
}

#[test]
fn strict_and_lenient() {
    let data = regression_data();
    let adapter = fitted(regression(), &data);
    let mut observed = data.clone();
    ["beta", "sigma"].iter().for_each(|key| drop(observed.remove(key)));
    let error = adapter.forward(&observed, Strictness::Strict).unwrap_err().to_string();
    assert_eq!(error, "key 'sigma': is missing; the keys are: N, x, y");
    let batch = adapter.forward(&observed, Strictness::Lenient).unwrap();
    assert_eq!(batch.keys().collect::<Vec<_>>(), ["summary_variables", "inference_conditions"]);
    // Part of the inference variables is none of them.
    observed.insert("sigma", Column::dense(array(&[2, 1], &[1.0, 2.0])));
    assert!(!adapter.forward(&observed, Strictness::Lenient).unwrap().contains("sigma"));
    let draws = Record::new().with("inference_variables", array(&[2, 2, 3], &[0.5; 12]));
    let back = adapter.inverse(&draws, Strictness::Lenient).unwrap();
    assert_eq!((shape(&back, "beta"), shape(&back, "sigma")), (&[2, 2, 2][..], &[2, 2, 1][..]));
    assert_eq!(back.len(), 2);
    assert!(adapter.inverse(&draws, Strictness::Strict).unwrap_err().to_string().contains("'inference_conditions'"));
    let error = regression().forward(&observed, Strictness::Lenient).unwrap_err().to_string();
    assert!(error.contains("the widths of the parts are not known yet"), "{error}");
}

#[test]
fn values_are_computed_in_f64_and_keep_their_type() {
    let single = Array::new([3, 1], Values::F32(vec![0.0, 1.0, 0.25])).unwrap();
    let data = Record::new().with("x", single.clone()).with("n", integers(&[3, 1], &[4, 9, 16]));
    let adapter = Adapter::new().constrain("x", ferroflow::adapters::between(0.0, 1.0)).sqrt("n");
    let out = forward(&adapter, &data);
    // The bounds are attainable also in f32, where 1 + 1e-15 is 1.
    assert_eq!(out.column("x").unwrap().array.dtype(), Dtype::F32);
    let x = numbers(&out, "x");
    assert!((x[0] + 34.538776).abs() < 1e-5 && (x[1] - 34.434).abs() < 1e-3, "{x:?}");
    assert_eq!(adapter.inverse(&out, Strictness::Lenient).unwrap().column("x").unwrap().array, single);
    assert_eq!(out.column("n").unwrap().array.values(), &Values::F64(vec![2.0, 3.0, 4.0]));
}

#[test]
fn draws_stay_within_inclusive_bounds() {
    let adapter = Adapter::new().constrain("s", lower(10.0).epsilon(1e-3)).constrain("t", upper([0.0]));
    let network = array(&[1, 3, 1], &[-800.0, 0.0, 800.0]);
    let draws = Record::new().with("s", network.clone()).with("t", network);
    let back = adapter.inverse(&draws, Strictness::Lenient).unwrap();
    assert!(numbers(&back, "s").iter().all(|s| *s >= 10.0) && numbers(&back, "t").iter().all(|t| *t <= 0.0));
}

#[test]
fn moments_are_learned_in_training_and_frozen_after_it() {
    let batch = |values: &[f64]| Record::new().with("x", array(&[values.len() / 2, 2], values));
    let mut adapter = Adapter::new().standardize("x");
    let error = adapter.forward(&batch(&[1.0, 2.0]), Strictness::Strict).unwrap_err().to_string();
    assert_eq!(error, "key 'x': has no moments yet; fit the adapter on training data first, or give mean and std");
    let first = adapter.forward_learning(&batch(&[0.0, 5.0, 2.0, 5.0]), Strictness::Strict).unwrap();
    assert_eq!(numbers(&first, "x"), [-1.0, 0.0, 1.0, 0.0]);
    adapter.forward_learning(&batch(&[4.0, 5.0, 6.0, 5.0]), Strictness::Strict).unwrap();
    let at = |adapter: &Adapter, x: f64| numbers(&forward(adapter, &batch(&[x, 5.0])), "x")[0];
    // The numbers 0, 2, 4, 6 have mean 3 and variance 5.
    assert!((at(&adapter, 3.0 + 5f64.sqrt()) - 1.0).abs() < 1e-14);
    adapter.freeze();
    adapter.fit(&batch(&[100.0, 100.0])).unwrap();
    assert!((at(&adapter, 3.0 + 5f64.sqrt()) - 1.0).abs() < 1e-14);
    let (_, log_det) = adapter.forward_with_log_det(&batch(&[1.0, 5.0]), Strictness::Strict).unwrap();
    assert!((log_det.get("x").unwrap().unwrap()[0] + 0.5 * 5f64.ln()).abs() < 1e-14);
}

#[test]
fn a_failed_batch_teaches_nothing() {
    let mut adapter = Adapter::new().standardize("x").log("y");
    let good = Record::new().with("x", array(&[2], &[0.0, 2.0])).with("y", array(&[2], &[1.0, 1.0]));
    adapter.fit(&good).unwrap();
    let before = adapter.clone();
    let bad = Record::new().with("x", array(&[2], &[9.0, 9.0])).with("y", array(&[2], &[1.0, -1.0]));
    assert!(adapter.fit(&bad).is_err());
    assert_eq!(adapter, before);
}

#[test]
fn one_number_per_data_set_joins_vectors_and_comes_back() {
    let data = Record::new().with("a", array(&[2], &[1.0, 2.0])).with("b", array(&[2, 2], &[3.0, 4.0, 5.0, 6.0]));
    let adapter = fitted(Adapter::create_default(["a", "b"]), &data);
    let out = forward(&adapter, &data);
    assert_eq!(numbers(&out, "inference_variables"), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
    assert_eq!(out.column("inference_variables").unwrap().array.dtype(), Dtype::F32);
    assert_eq!(adapter.inverse(&out, Strictness::Strict).unwrap(), data);
    let draws = Record::new().with("inference_variables", array(&[2, 5, 3], &[0.0; 30]));
    assert_eq!(shape(&adapter.inverse(&draws, Strictness::Strict).unwrap(), "a"), [2, 5, 1]);
}

#[test]
fn split_into_unequal_parts_along_an_axis() {
    let data = Record::new().with("x", array(&[1, 4, 2], &(0..8).map(f64::from).collect::<Vec<_>>()));
    let adapter = Adapter::new().split_along("x", ["p", "q"], Some(Sections::At(vec![1])), 1);
    let out = forward(&adapter, &data);
    assert_eq!((numbers(&out, "p"), shape(&out, "q")), (vec![0.0, 1.0], &[1, 3, 2][..]));
    assert_eq!(adapter.inverse(&out, Strictness::Strict).unwrap(), data);
    let mut half = out.clone();
    half.remove("p");
    assert!(adapter.inverse(&half, Strictness::Lenient).unwrap().is_empty());
}

#[test]
fn log_determinants_that_nobody_knows_are_refused() {
    let data = Record::new().with("x", array(&[2, 2], &[1.0, 2.0, 3.0, 4.0]));
    for adapter in [Adapter::new().log("x").take("x", 0, -1), Adapter::new().log("x").split("x", ["p", "x"])] {
        let (_, log_det) = adapter.forward_with_log_det(&data, Strictness::Strict).unwrap();
        let error = log_det.get("x").unwrap_err().to_string();
        assert!(error.contains("after a transform of it"), "{error}");
    }
    let (_, log_det) = Adapter::new().shift("x", 1.0).forward_with_log_det(&data, Strictness::Strict).unwrap();
    assert!(log_det.is_empty() && log_det.get("x").unwrap().is_none());
}

#[test]
fn missing_values_and_their_mask() {
    let data = Record::new().with("x", array(&[1, 3], &[f64::NAN, 2.0, -1.0]));
    let adapter = Adapter::new().nan_to_num_with_mask("x", -1.0);
    let out = forward(&adapter, &data);
    assert_eq!(out.column("mask_x").unwrap().array.values(), &Values::Bool(vec![false, true, true]));
    let back = numbers(&adapter.inverse(&out, Strictness::Strict).unwrap(), "x");
    assert!(back[0].is_nan() && back[1..] == [2.0, -1.0]);
    assert!(numbers(&data, "x")[0].is_nan(), "the data of the caller stay as they are");
    let blind = Adapter::new().nan_to_num("x", -1.0);
    assert!(numbers(&blind.inverse(&forward(&blind, &data), Strictness::Strict).unwrap(), "x")[2].is_nan());
}

#[test]
fn groups() {
    let data = Record::new().with("in_x", array(&[2, 1], &[1.0, 2.0])).with("in_y", array(&[2, 1], &[3.0, 4.0]));
    let adapter = fitted(Adapter::new().group(["in_x", "in_y"], "g", "in_").standardize(Selection::all()), &data);
    let out = forward(&adapter, &data);
    assert_eq!(out.group("g").unwrap().keys().collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(out.group("g").unwrap().column("y").unwrap().array.to_f64(), [-1.0, 1.0]);
    assert_eq!(adapter.inverse(&out, Strictness::Strict).unwrap(), data);
    let apart = fitted(Adapter::new().ungroup("g", "z_"), &out);
    assert!(forward(&apart, &out).contains("z_x"));
    assert!(!apart.inverse(&Record::new(), Strictness::Lenient).unwrap().contains("g"));
}

#[test]
fn the_list_of_transforms() {
    let [log, sqrt, drop] = [Adapter::new().log("a"), Adapter::new().sqrt("b"), Adapter::new().drop("c")];
    let mut adapter = Adapter::new();
    adapter.append(log[0].clone()).extend(drop.clone()).insert(1, sqrt.clone()).unwrap();
    let names = |adapter: &Adapter| adapter.iter().map(Transform::to_string).collect::<Vec<_>>().join("; ");
    assert_eq!(names(&adapter), "log a; sqrt b; drop c");
    assert_eq!(names(&adapter.slice(1..).unwrap()), "sqrt b; drop c");
    adapter.set(..=1, [drop[0].clone()]).unwrap();
    assert_eq!(names(&adapter), "drop c; drop c");
    adapter.remove(0..1).unwrap().extend(log);
    assert_eq!((names(&adapter), adapter.get(5)), ("drop c; log a".to_string(), None));
    assert!(adapter.slice(1..4).unwrap_err().to_string().contains("no place 4 in a list of 2"));
    assert!(adapter.insert(3, sqrt).is_err());
    assert!(adapter.clear().is_empty());
    let record = regression_data();
    assert_eq!(forward(&adapter, &record), record);
}

#[test]
fn the_table_of_roles() {
    let mut data = regression_data();
    data.insert("w", Column::dense(array(&[2], &[1.0, 1.0])));
    data.insert("junk", Column::shared(array(&[], &[1.0])));
    let table = regression().rename("w", "sample_weight").describe(&data).unwrap();
    let roles: Vec<(&str, Role)> = table.variables.iter().map(|row| (row.name.as_str(), row.role)).collect();
    assert_eq!(
        roles,
        [
            ("beta", Role::InferenceVariables),
            ("sigma", Role::InferenceVariables),
            ("N", Role::InferenceConditions),
            ("x", Role::SummaryVariables),
            ("y", Role::SummaryVariables),
            ("w", Role::Weight),
            ("junk", Role::Dropped),
        ]
    );
    assert_eq!(
        table.to_string(),
        "\
variable              shape         dtype  role
beta                  [2, 2]        f64    inference variables
sigma                 [2, 1]        f64    inference variables
N                     [2]           i64    inference conditions
x                     [2, 2..3]     f64    summary variables
y                     [2, 2..3]     f64    summary variables
w                     [2]           f64    weight
junk                  shared []     f64    dropped

network input         shape         dtype  role
inference_variables   [2, 3]        f32    inference variables
summary_variables     [2, 2..3, 2]  f32    summary variables
inference_conditions  [2, 1]        f32    inference conditions
sample_weight         [2]           f32    weight"
    );
}
