//! Ragged columns: sets and series whose sizes differ between data sets.

use ferroflow::adapters::{Adapter, Expand, How, Strictness, lower};
use ferroflow::codecs::Dtype;
use ferroflow::data::{Column, Record};
use ferroflow::random::Key;

use crate::{array, fitted, forward, integers, numbers, regression, regression_data, shape};

#[test]
fn the_regression_tutorial_with_sets_of_different_size() {
    let data = regression_data();
    let adapter = fitted(regression(), &data);
    let batch = forward(&adapter, &data);
    assert_eq!(batch.keys().collect::<Vec<_>>(), ["inference_variables", "summary_variables", "inference_conditions"]);
    assert_eq!(shape(&batch, "inference_variables"), [2, 3]);
    let sets = batch.column("summary_variables").unwrap();
    assert_eq!((sets.array.shape(), sets.offsets.as_deref()), (&[5, 2][..], Some(&[0, 2, 5][..])));
    assert_eq!(sets.array.dtype(), Dtype::F32);
    assert_eq!(shape(&batch, "inference_conditions"), [2, 1]);
    let conditions = numbers(&batch, "inference_conditions");
    assert!(conditions.iter().zip([2f64, 3.0]).all(|(c, n)| (c - n.sqrt()).abs() < 1e-7), "{conditions:?}");
    let back = adapter.inverse(&batch, Strictness::Lenient).unwrap();
    assert_eq!(back.column("x").unwrap().offsets.as_deref(), Some(&[0, 2, 5][..]));
    assert_eq!(shape(&back, "x"), [5]);
    assert!((numbers(&back, "sigma")[1] - 0.75).abs() < 1e-7);
}

#[test]
fn shared_metadata_becomes_a_condition_of_each_data_set() {
    let mut data = regression_data();
    for scalar in [integers(&[], &[9]), integers(&[1], &[9])] {
        data.insert("N", Column::shared(scalar));
        let batch = forward(&fitted(regression(), &data), &data);
        assert_eq!(
            (shape(&batch, "inference_conditions"), numbers(&batch, "inference_conditions")),
            (&[2, 1][..], vec![3.0; 2])
        );
    }
}

#[test]
fn broadcast_to_a_ragged_set_with_features_is_ragged() {
    let mut data = Record::new().with("n", array(&[2], &[10.0, 20.0])).with("v", array(&[2, 2], &[1.0, 2.0, 3.0, 4.0]));
    data.insert("x", Column::ragged(array(&[3, 4], &[0.0; 12]), vec![0, 1, 3]).unwrap());
    let out = forward(&Adapter::new().broadcast(["n", "v"], "x"), &data);
    let n = out.column("n").unwrap();
    assert_eq!(
        (n.array.shape(), n.offsets.as_deref(), n.array.to_f64()),
        (&[3, 1][..], Some(&[0, 1, 3][..]), vec![10.0, 20.0, 20.0])
    );
    assert_eq!((shape(&out, "v"), numbers(&out, "v")), (&[3, 2][..], vec![1.0, 2.0, 3.0, 4.0, 3.0, 4.0]));
    let all = Adapter::new().broadcast_with("n", "x", Expand::Left, [], []);
    assert_eq!(shape(&forward(&all, &data), "n"), [3, 4]);
    let error = Adapter::new().broadcast_with("v", "x", Expand::Right, [], []).forward(&data, Strictness::Strict);
    assert!(error.unwrap_err().to_string().contains("'v' ([2, 2]) cannot be broadcast to 'x' ([2, 1..2, 4])"));
}

#[test]
fn log_determinants_sum_over_each_set() {
    let mut data = Record::new();
    data.insert("x", Column::ragged(array(&[3], &[1.0, 2.0, 4.0]), vec![0, 1, 3]).unwrap());
    let (_, log_det) = Adapter::new().log("x").forward_with_log_det(&data, Strictness::Strict).unwrap();
    let values = log_det.get("x").unwrap().unwrap();
    assert!(values[0].abs() < 1e-15 && (values[1] + 8f64.ln()).abs() < 1e-15, "{values:?}");
}

#[test]
fn standardisation_learns_over_all_elements() {
    let mut data = Record::new();
    data.insert("x", Column::ragged(array(&[4, 1], &[1.0, 2.0, 3.0, 6.0]), vec![0, 1, 4]).unwrap());
    let out = forward(&fitted(Adapter::new().standardize("x"), &data), &data);
    let x = numbers(&out, "x");
    assert!(x.iter().sum::<f64>().abs() < 1e-14 && (x.iter().map(|x| x * x).sum::<f64>() / 4.0 - 1.0).abs() < 1e-14);
}

#[test]
fn parts_of_a_ragged_set() {
    let mut data = Record::new();
    let values: Vec<f64> = (0..10).map(f64::from).collect();
    data.insert("x", Column::ragged(array(&[5, 2], &values), vec![0, 2, 5]).unwrap());
    let features = forward(&Adapter::new().take("x", 1, -1), &data);
    assert_eq!((shape(&features, "x"), numbers(&features, "x")), (&[5, 1][..], vec![1.0, 3.0, 5.0, 7.0, 9.0]));
    let first = forward(&Adapter::new().take("x", [0, -1], 1), &data);
    assert_eq!(
        (shape(&first, "x"), numbers(&first, "x")),
        (&[2, 2, 2][..], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 9.0])
    );
    let pass = |seed| Strictness::Strict.with_key(Key::new(seed));
    let two = Adapter::new().random_subsample("x", 2, 1);
    let drawn = two.forward(&data, pass(1)).unwrap();
    assert_eq!((shape(&drawn, "x"), drawn.column("x").unwrap().offsets.is_none()), (&[2, 2, 2][..], true));
    assert_eq!(drawn, two.forward(&data, pass(1)).unwrap());
    assert!((2..20).any(|seed| two.forward(&data, pass(seed)).unwrap() != drawn));
    let share = Adapter::new().random_subsample("x", 0.5, 1).forward(&data, pass(1)).unwrap();
    // Half of 2 is 1, half of 3 is 2: halves go to the even number.
    assert_eq!(share.column("x").unwrap().offsets.as_deref(), Some(&[0, 1, 3][..]));
    assert!(numbers(&share, "x")[..2] == [0.0, 1.0] || numbers(&share, "x")[..2] == [2.0, 3.0]);
}

#[test]
fn missing_elements_leave_all_keys_of_their_set() {
    const GONE: f64 = f64::NAN;
    let mut data = Record::new()
        .with("x", array(&[2, 3], &[1.0, GONE, 3.0, GONE, 5.0, 6.0]))
        .with("y", array(&[2, 3, 2], &[1.0, 1.5, GONE, GONE, GONE, 3.5, GONE, GONE, 5.0, 5.5, 6.0, 6.5]))
        .with("k", integers(&[2, 3], &[1, 2, 3, 4, 5, 6]));
    let left = |adapter: Adapter, data: &Record| {
        let out = forward(&adapter, data);
        let column = out.column("k").unwrap();
        assert!(["x", "y"].iter().all(|key| out.column(key).unwrap().offsets == column.offsets));
        assert_eq!(shape(&out, "y"), [column.array.len(), 2]);
        (column.array.to_f64(), column.offsets.clone().unwrap().to_vec())
    };
    let keys = ["x", "y", "k"];
    assert_eq!(left(Adapter::new().drop_missing(keys), &data), (vec![1.0, 5.0, 6.0], vec![0, 1, 3]));
    let all = |keys: &[&str]| Adapter::new().drop_missing_where(keys, How::All);
    let whole = all(&["x", "y"]).drop("k").nan_to_num_with_mask("y", 0.0);
    let out = forward(&whole, &data);
    assert_eq!(
        (numbers(&out, "x"), numbers(&out, "mask_y")),
        (vec![1.0, 3.0, 5.0, 6.0], vec![1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    );
    // Integers are never missing, so no element lacks everything.
    assert_eq!(left(all(&keys), &data).1, [0, 3, 6]);
    // Ragged sets that are dropped once more stay what they are.
    let once = forward(&Adapter::new().drop_missing(keys), &data);
    assert_eq!(forward(&Adapter::new().drop_missing(keys), &once), once);
    data.insert("z", Column::ragged(array(&[3, 1], &[1.0, GONE, 3.0]), vec![0, 2, 3]).unwrap());
    let out = forward(&Adapter::new().drop_missing("z"), &data);
    assert_eq!(
        (numbers(&out, "z"), out.column("z").unwrap().offsets.as_deref()),
        (vec![1.0, 3.0], Some(&[0, 1, 2][..]))
    );
    let lenient = Adapter::new().drop_missing(["z", "absent"]).forward(&data, Strictness::Lenient).unwrap();
    assert_eq!(shape(&lenient, "z"), [2, 1]);
}

#[test]
fn what_makes_no_sense_for_ragged_columns_says_so() {
    let mut data = Record::new().with("v", array(&[2, 1], &[1.0, 2.0]));
    data.insert("x", Column::ragged(array(&[3], &[1.0, 2.0, 3.0]), vec![0, 1, 3]).unwrap());
    data.insert("y", Column::ragged(array(&[3, 1], &[1.0, 2.0, 3.0]), vec![0, 2, 3]).unwrap());
    let cases = [
        (Adapter::new().as_set("x").concatenate(["x", "y"], "z"), "their sets differ in size"),
        (Adapter::new().as_set("x").concatenate(["x", "v"], "z"), "broadcast it first"),
        (Adapter::new().concatenate(["x", "y"], "z"), "axis -1 of 'x' ([2, 1..2]) is the set"),
        (Adapter::new().expand_dims("x", 1), "stays second"),
        (Adapter::new().squeeze("y", 1), "whose size differs"),
        (Adapter::new().take("x", 1, 1), "of data set 0, which has size 1"),
    ];
    for (adapter, message) in cases {
        let error = adapter.forward(&data, Strictness::Strict).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn bounds_inside_of_a_ragged_set_name_the_data_set() {
    let mut data = Record::new();
    data.insert("x", Column::ragged(array(&[3, 2], &[1.0, 1.0, 1.0, 1.0, 1.0, -0.5]), vec![0, 1, 3]).unwrap());
    let error = Adapter::new().constrain("x", lower(0.0)).forward(&data, Strictness::Strict).unwrap_err().to_string();
    assert!(error.starts_with("x: the value -0.5 of data set 1 is outside"), "{error}");
}
