//! Adapters in files: plain data, with what they have learned.

use std::sync::Arc;

use ferroflow::adapters::{
    Adapter, CustomTransform, Expand, NamedFunction, Predicate, Selection, Strictness, between, lower,
};
use ferroflow::codecs::{Array, Dtype};
use ferroflow::data::{Column, Record};
use ferroflow::random::Key;

use crate::{array, fitted, integers, regression, regression_data};

struct Double;

impl CustomTransform for Double {
    fn name(&self) -> &str {
        "double"
    }

    fn forward(&self, x: &Array) -> ferroflow::Result<Array> {
        Array::f64(x.shape(), x.to_f64().iter().map(|x| 2.0 * x).collect())
    }

    fn inverse(&self, u: &Array) -> ferroflow::Result<Array> {
        Array::f64(u.shape(), u.to_f64().iter().map(|u| 0.5 * u).collect())
    }
}

/// One of each transform, so that a new one must be added here.
fn everything() -> (Adapter, Record) {
    let mut data = Record::new()
        .with("a", array(&[2, 2], &[0.1, 0.2, 0.30000000000000004, 0.7]))
        .with("b", array(&[2], &[0.5, 0.25]))
        .with("c", array(&[2, 3], &[1.0, f64::NAN, 3.0, 4.0, 5.0, 6.0]))
        .with("set", array(&[2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]))
        .with("gaps", array(&[2, 3], &[1.0, f64::NAN, 3.0, 4.0, 5.0, f64::NAN]))
        .with("label", integers(&[2, 1], &[1, 0]))
        .with("junk", array(&[2], &[0.0, 0.0]));
    data.insert("N", Column::shared(array(&[], &[4.0])));
    let adapter = Adapter::new()
        .to_array()
        .to_dict()
        .nan_to_num_with_mask("c", -1.0)
        .drop_missing("gaps")
        .as_set("gaps")
        .take("c", [2, 0], -1)
        .broadcast("N", "set")
        .broadcast_with("b", "a", Expand::Right, -1, [])
        .as_set("set")
        .as_time_series("set")
        .constrain("a", between([0.0, 0.0], 1.0))
        .sqrt("N")
        .log("N")
        .log1p("b")
        .scale("b", 3.0)
        .shift("b", [0.5])
        .standardize(Selection::all().except("N"))
        .standardize_with("N", 0.5, 2.0)
        .apply(Selection::matching(Predicate::Prefix("a".into())), NamedFunction::Arcsinh)
        .custom("b", Double)
        .one_hot("label", 3)
        .map_dtype("mask_c", Dtype::F32)
        .convert_dtype(Dtype::F64, Dtype::F32)
        .random_subsample("set", 3, 1)
        .expand_dims("c", 1)
        .squeeze("c", 1)
        .split("c", ["c0", "c1"])
        .group(["c0", "c1"], "g", "c")
        .ungroup("g", "c")
        .concatenate(["a", "b"], "inference_variables")
        .concatenate(["c0", "c1", "N"], "inference_conditions")
        .rename("set", "summary_variables")
        .drop("junk")
        .keep(["inference_variables", "inference_conditions", "summary_variables", "gaps"]);
    (adapter, data)
}

#[test]
fn every_transform_comes_back_from_json_and_toml_with_what_it_learned() {
    let (adapter, data) = everything();
    let mut adapter = fitted(adapter, &data);
    adapter.freeze();
    let json: Adapter = serde_json::from_str(&serde_json::to_string(&adapter).unwrap()).unwrap();
    let toml: Adapter = toml::from_str(&toml::to_string(&adapter).unwrap()).unwrap();
    let pass = Strictness::Strict.with_key(Key::new(4));
    let expected = adapter.forward(&data, pass.clone()).unwrap();
    let back = adapter.inverse(&expected, Strictness::Lenient).unwrap();
    for mut stored in [json, toml] {
        assert_eq!(stored, adapter);
        let error = stored.forward(&data, pass.clone()).unwrap_err().to_string();
        assert!(error.contains("custom transform 'double'") && error.contains("adapter.register"), "{error}");
        stored.register(Arc::new(Double)).unwrap();
        // Bit for bit.
        assert_eq!(stored.forward(&data, pass.clone()).unwrap(), expected);
        assert_eq!(stored.inverse(&expected, Strictness::Lenient).unwrap(), back);
        assert_eq!(stored.to_string(), adapter.to_string());
    }
}

#[test]
fn one_line_per_transform() {
    let (adapter, data) = everything();
    let text = adapter.to_string();
    assert_eq!(text.lines().count(), adapter.len() + 1, "{text}");
    let fitted = fitted(regression(), &regression_data()).to_string();
    assert_eq!(
        fitted,
        "adapter of 8 transforms
  0  broadcast N to x
  1  as_set [x, y]
  2  constrain sigma, lower 0, method default, inclusive both, epsilon 1e-15
  3  sqrt N
  4  convert_dtype all from f64 to f32
  5  concatenate [beta, sigma] into inference_variables (widths [2, 1])
  6  concatenate [x, y] into summary_variables (widths [1, 1])
  7  rename N to inference_conditions"
    );
    assert!(data.contains("junk"));
}

#[test]
fn files_of_a_person_may_leave_out_defaults() {
    let adapter: Adapter = toml::from_str(
        r#"
        [[transforms]]
        transform = "constrain"
        keys = "sigma"
        lower = 0.0
        [[transforms]]
        transform = "concatenate"
        keys = ["beta", "sigma"]
        into = "inference_variables"
        "#,
    )
    .unwrap();
    let same = Adapter::new().constrain("sigma", lower(0.0)).concatenate(["beta", "sigma"], "inference_variables");
    assert_eq!(adapter, same);
}

#[test]
fn unknown_names_are_errors() {
    let wrong = [
        r#"{"transforms": [{"transform": "constrain", "keys": "x", "lowr": 0.0}]}"#,
        r#"{"transforms": [{"transform": "execute", "keys": "x"}]}"#,
        r#"{"transforms": [{"transform": "apply", "forward": "eval"}]}"#,
        r#"{"transforms": [{"transform": "to_dict", "extra": 1}]}"#,
        r#"{"transforms": [], "code": "x"}"#,
        r#"{"transforms": [{"transform": "scale", "keys": "x", "by": [[1.0], [1.0, 2.0]]}]}"#,
    ];
    for text in wrong {
        assert!(serde_json::from_str::<Adapter>(text).is_err(), "{text} was accepted");
    }
}
