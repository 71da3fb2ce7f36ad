//! What a person reads when something is wrong: the key, what came, what to do.

use ferroflow::adapters::{
    Adapter, Expand, Inclusive, Method, NamedFunction, Sections, Strictness, between, check_finite, lower, upper,
};
use ferroflow::codecs::Dtype;
use ferroflow::data::{Column, Record};

use crate::{array, fitted, integers};

fn data() -> Record {
    let mut record = Record::new()
        .with("x", array(&[2, 2], &[1.0, 0.0, 2.0, -3.0]))
        .with("y", array(&[2, 3], &[1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0]))
        .with("label", integers(&[2], &[0, 7]));
    record.insert("N", Column::shared(array(&[], &[4.0])));
    record
}

#[test]
fn forward_errors() {
    let start = Adapter::new;
    let cases: Vec<(Adapter, &str)> = vec![
        (start().log("z"), "key 'z': is missing; the keys are: x, y, label, N"),
        (start().standardize_with("z", 0.0, 1.0), "key 'z': is missing"),
        (start().rename("z", "u"), "key 'z': is missing"),
        (start().rename("x", "y"), "key 'y': exists already"),
        (start().broadcast("N", "z"), "key 'z': is missing"),
        (start().ungroup("x", ""), "key 'x': is a single column, a group was expected"),
        (
            start().constrain("x", lower(0.0)),
            "x: the value -3 of data set 1 is outside of what constrain takes, numbers from 0 on",
        ),
        (
            start().constrain("x", lower(0.0).inclusive(Inclusive::None)),
            "x: the value -3 of data set 1 is outside of what constrain takes, numbers above 0; widen the bound",
        ),
        (start().constrain("x", between(-5.0, 1.5)), "x: the value 2 of data set 1"),
        (start().constrain("x", between([-5.0; 3], 1.5)), "shape [3] does not spread over 'x' of shape [2, 2]"),
        (start().constrain("x", between(2.0, 2.0)), "the lower bound 2 is not below the upper bound 2"),
        (start().constrain("x", between(0.0, f64::NAN)), "is not below the upper bound NaN"),
        (start().constrain("x", lower(f64::NEG_INFINITY)), "the bound -inf is not finite"),
        (start().constrain("x", lower(0.0).method(Method::Sigmoid)), "the method Sigmoid is for two bounds"),
        (start().constrain("x", between(0.0, 1.0).method(Method::Exp)), "the method Exp is for one bound"),
        (start().constrain("x", upper(0.0).epsilon(-1.0)), "epsilon is -1"),
        (start().log("x"), "the value 0 of data set 0 is outside of what log takes, numbers above 0"),
        (start().sqrt("x"), "the value -3 of data set 1 is outside of what sqrt takes"),
        (start().apply("x", NamedFunction::Arctanh), "the value 1 of data set 0 is outside of what apply takes"),
        (start().scale("x", [1.0, 0.0]), "the factor 0 cannot be undone"),
        (start().standardize_with("x", 0.0, 0.0), "the standard deviation 0 cannot be divided by"),
        (start().concatenate(["x", "x"], "z"), "the key 'x' is named twice"),
        (start().concatenate(["x", "N"], "z"), "'N' (shared [1]) cannot be joined with 'x' ([2, 2])"),
        (start().concatenate_along(["x", "y"], "z", 3), "axis 3 of 'x' does not exist"),
        (start().concatenate_along(["x", "y"], "z", 0), "axis 0 of 'x' ([2, 2]) is the data sets"),
        (start().as_set("x").concatenate(["x", "y"], "z"), "all axes but the joint one must agree"),
        (start().split("y", ["a", "b"]), "axis -1 of size 3 cannot be cut into 2 equal parts"),
        (start().split_along("y", ["a", "b"], Some(Sections::At(vec![2, 1])), -1), "are not increasing"),
        (start().split_along("y", ["a", "b"], Some(Sections::Equal(3)), -1), "3 parts are cut, but 2 names were given"),
        (
            start().one_hot("label", 5),
            "label: the value 7 of data set 1 is no label; one_hot takes whole numbers from 0 to 4",
        ),
        (start().one_hot("label", 0), "num_classes is 0"),
        (start().take("x", 2, -1), "index 2 does not exist in axis -1 of 'x'"),
        (start().take("x", 0, 0), "axis 0 of 'x' ([2, 2]) is the data sets"),
        (start().random_subsample("x", 2, 1), "needs a key; pass strictness.with_key(key)"),
        (start().random_subsample("x", 1.5, 1), "neither a whole number nor a fraction"),
        (start().squeeze("x", 1), "axis 1 of 'x' ([2, 2]) has size 2"),
        (start().expand_dims("x", 0), "axis 0 is the data sets"),
        (start().expand_dims("x", 5), "it is no place of the result"),
        (start().broadcast_with("N", "x", Expand::At(0.into()), -1, []), "2 axes are missing, but expand names 0"),
        (start().broadcast("y", "label"), "it has more axes"),
        (start().nan_to_num("y", f64::NAN), "the default value is NaN itself"),
        (start().nan_to_num_with_mask("y", 0.0).nan_to_num_with_mask("y", 0.0), "key 'mask_y': exists already"),
        (start().drop_missing("z"), "key 'z': is missing"),
        (start().drop_missing("label"), "'label' ([2]) has no axis of elements; give sets [datasets, n, …]"),
        (start().drop_missing("N"), "'N' (shared []) has no axis of elements"),
        (start().drop_missing(["x", "y"]), "'y' ([2, 3]) and 'x' ([2, 2]) do not have the same elements"),
        (start().as_set("y").take("y", 1, 1).drop_missing("y"), "y: all 1 elements of data set 0 are missing"),
        (start().map_dtype("y", Dtype::I64), "y: the value NaN of data set 0 has no integer"),
        (start().group("x", "g", "in_"), "the key 'x' does not begin with the prefix 'in_'"),
        (start().group(["x", "y"], "label", ""), "key 'label': is a single column, a group was expected"),
    ];
    for (adapter, expected) in cases {
        match adapter.forward(&data(), Strictness::Strict) {
            Ok(_) => panic!("no error from\n{adapter}"),
            Err(error) => assert!(error.to_string().contains(expected), "{adapter}\n{error}\ninstead of\n{expected}"),
        }
    }
}

#[test]
fn errors_of_learning_and_of_the_way_back() {
    let error = Adapter::new().standardize("y").fit(&data()).unwrap_err().to_string();
    assert!(error.starts_with("y: the value NaN of data set 0 would spoil the learned mean"), "{error}");
    let adapter = fitted(Adapter::new().drop("N").concatenate(["x", "y"], "z"), &data());
    let wide = data().with("x", array(&[2, 4], &[0.0; 8]));
    let error = adapter.forward(&wide, Strictness::Strict).unwrap_err().to_string();
    assert!(error.contains("of 'z' have widths [4, 3], but [2, 3] were learned in training"), "{error}");
    let narrow = Record::new().with("z", array(&[2, 9, 4], &[0.0; 72]));
    let error = adapter.inverse(&narrow, Strictness::Lenient).unwrap_err().to_string();
    assert!(error.contains("'z' ([2, 9, 4]) cannot be cut into [x, y] of widths [2, 3]"), "{error}");
    let adapter = fitted(Adapter::new().concatenate(["x", "y"], "z").scale("z", 2.0), &data());
    let batch = adapter.forward(&data(), Strictness::Strict).unwrap();
    let error = adapter.inverse_with_log_det(&batch, Strictness::Lenient).unwrap_err().to_string();
    assert!(error.contains("cannot be attributed to the parts"), "{error}");
    let gradient = Record::new().with("z", array(&[2, 4], &[0.0; 8]));
    let error = adapter.pullback(&data(), &gradient, Strictness::Strict).unwrap_err().to_string();
    assert!(error.contains("the gradient has the shape [2, 4], but the values have [2, 5]"), "{error}");
}

#[test]
fn numbers_that_networks_cannot_take() {
    let error = check_finite(&data(), &["x", "y"]).unwrap_err().to_string();
    assert!(error.starts_with("y: the value NaN of data set 0 is not finite"), "{error}");
    check_finite(&data(), &["x", "label", "absent"]).unwrap();
}
