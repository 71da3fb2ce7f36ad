//! The harness of the adapter against the peer's: forward, inverse and log-determinants of every golden pipeline.
//!
//! Each pipeline must come out right with the intended behaviour. Only where a transform states a difference to the
//! peer may the case need `peer_compatible`, and then it is printed with what differs.

use std::io::Write;

use ferroflow::adapters::{Adapter, LogDeterminants, Pass, Strictness, Transform};
use ferroflow::codecs::{Array, Dtype};
use ferroflow::data::{Column, Entry, Record};
use ferroflow::random::Key;
use serde_json::{Map, Value, json};

use crate::common::golden::{Check, Outcome, Tolerance, compare};

/// Transforms that state a difference to the peer in their documentation.
const DIFFERENT: &[&str] = &[
    "apply",
    "as_set",
    "as_time_series",
    "broadcast",
    "constrain",
    "convert_dtype",
    "log",
    "nan_to_num",
    "one_hot",
    "random_subsample",
    "sqrt",
    "take",
];

/// Runs one pipeline.
pub fn adapter(check: &mut Check<'_>) -> Outcome {
    let intended = build(&check.case.json["pipeline"])?;
    let tolerance = tolerance(check, &intended);
    let mut results = evaluate(check, intended.clone(), tolerance);
    if let Err(difference) = &results {
        let names: Vec<&str> =
            check.case.json["pipeline"].as_array().unwrap().iter().filter_map(|c| c["transform"].as_str()).collect();
        if !names.iter().any(|name| DIFFERENT.contains(name)) {
            return Err(difference.clone().into());
        }
        let note = format!("  peer_compatible for {}: {difference}\n", check.case.name);
        std::io::stderr().write_all(note.as_bytes())?;
        results = evaluate(check, intended.peer_compatible(true), tolerance);
    }
    for (name, array) in results? {
        check.tensor_within(&name, &array, tolerance);
    }
    Ok(())
}

/// The case's tolerance for f64; the relative one it states for f32 where numbers are transformed after a conversion to f32.
fn tolerance(check: &Check<'_>, adapter: &Adapter) -> Tolerance {
    let converted = adapter.iter().position(|t| matches!(t, Transform::ConvertDtype(c) if c.to_dtype == Dtype::F32));
    let computes = |t: &Transform| {
        matches!(
            t,
            Transform::Apply(_)
                | Transform::Constrain(_)
                | Transform::Log(_)
                | Transform::Scale(_)
                | Transform::Shift(_)
                | Transform::Sqrt(_)
                | Transform::Standardize(_)
        )
    };
    let single = converted.is_some_and(|at| adapter.iter().skip(at).any(computes))
        || check.case.group("in/").any(|(_, array)| array.dtype() == Dtype::F32);
    let stated = |key: &str| check.case.json["tolerance"][key].as_f64().unwrap_or(1e-10);
    match single {
        true => Tolerance::Elementwise { absolute: 1e-6, relative: 1e-5 },
        false => Tolerance::Elementwise { absolute: stated("atol"), relative: stated("rtol") },
    }
}

/// All results of a pipeline by the names of the case, or how they differ from it.
fn evaluate(check: &Check<'_>, mut adapter: Adapter, tolerance: Tolerance) -> Result<Vec<(String, Array)>, String> {
    let case = check.case;
    let data = record(case.group("in/"))?;
    let pass: Pass = match case.json["permutation"].as_array() {
        Some(order) => {
            Strictness::Strict.with_permutation(order.iter().map(|i| i.as_u64().unwrap() as usize).collect::<Vec<_>>())
        }
        None => Strictness::Strict.with_key(Key::new(0)),
    };
    let text = |error: ferroflow::Error| error.to_string();
    adapter.forward_learning(&data, pass.clone()).map_err(text)?;
    // What a file restores is what is judged.
    let stored = serde_json::to_string(&adapter).map_err(|e| e.to_string())?;
    let adapter: Adapter = serde_json::from_str(&stored).map_err(|e| e.to_string())?;
    let (forward, log_det) = adapter.forward_with_log_det(&data, pass).map_err(text)?;
    let (inverse, inverse_log_det) = adapter.inverse_with_log_det(&forward, Strictness::Lenient).map_err(text)?;
    let mut results = flat("fwd", &forward);
    results.extend(flat("inv", &inverse));
    for (prefix, log_det, error) in [("ldj", &log_det, "ldj_error"), ("ldj_inv", &inverse_log_det, "ldj_inverse_error")]
    {
        results.extend(log_dets(prefix, log_det, check, !case.json[error].is_null())?);
    }
    let expected = |prefix: &str| case.group(prefix).map(|(name, _)| format!("{prefix}{name}")).collect::<Vec<_>>();
    for name in ["fwd/", "inv/", "ldj/", "ldj_inv/"].into_iter().flat_map(expected) {
        if !results.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name}: was not computed"));
        }
    }
    for (name, array) in &results {
        let reference = case.get(name).ok_or_else(|| format!("{name}: the peer has no such result"))?;
        compare(array, reference, tolerance).map_err(|difference| format!("{name}: {difference}"))?;
        let mask = array.dtype() == Dtype::Bool && reference.dtype() == Dtype::I64;
        if array.dtype() != reference.dtype() && !mask && !name.starts_with("ldj") {
            return Err(format!("{name}: the type is {:?} instead of {:?}", array.dtype(), reference.dtype()));
        }
    }
    Ok(results)
}

/// The log-determinants, without those that the peer cannot give.
fn log_dets(
    prefix: &str,
    log_det: &LogDeterminants,
    check: &Check<'_>,
    peer_raises: bool,
) -> Result<Vec<(String, Array)>, String> {
    let mut out = Vec::new();
    for key in log_det.keys() {
        let name = format!("{prefix}/{key}");
        let Ok(Some(values)) = log_det.get(key) else { continue };
        if peer_raises && check.case.get(&name).is_none() {
            continue;
        }
        out.push((name, Array::vector(values.to_vec())));
    }
    Ok(out)
}

fn flat(prefix: &str, record: &Record) -> Vec<(String, Array)> {
    record
        .iter()
        .flat_map(|(key, entry)| {
            let name = format!("{prefix}/{key}");
            match entry {
                Entry::Column(column) => vec![(name, column.array.clone())],
                Entry::Group(group) => flat(&name, group),
            }
        })
        .collect()
}

/// The record of the inputs. What has no axis of the batch's size in front is shared metadata; a slash is a group.
fn record<'a>(inputs: impl Iterator<Item = (&'a str, &'a Array)>) -> Result<Record, String> {
    let inputs: Vec<_> = inputs.collect();
    let batch = inputs.iter().filter_map(|(_, array)| array.shape().first()).max().copied();
    let mut out = Record::new();
    for (key, array) in inputs {
        let column = match array.shape().first().copied() == batch && batch.is_some() {
            true => Column::dense(array.clone()),
            false => Column::shared(array.clone()),
        };
        put(&mut out, key, column)?;
    }
    Ok(out)
}

fn put(record: &mut Record, key: &str, column: Column) -> Result<(), String> {
    match key.split_once('/') {
        None => record.insert(key, column),
        Some((group, rest)) => {
            let mut inner = record.group(group).cloned().unwrap_or_default();
            put(&mut inner, rest, column)?;
            record.insert_group(group, inner);
        }
    }
    Ok(())
}

/// The adapter of a list of calls `{transform, args}` on the peer's builder: the same names and arguments, in the form
/// that our files have.
fn build(pipeline: &Value) -> Result<Adapter, String> {
    let calls = pipeline.as_array().ok_or("the case has no pipeline")?;
    let transforms: Vec<Value> = calls.iter().map(call).collect::<Result<_, String>>()?;
    serde_json::from_value(json!({ "transforms": transforms })).map_err(|error| format!("the pipeline: {error}"))
}

fn call(call: &Value) -> Result<Value, String> {
    let name = call["transform"].as_str().ok_or("a call has no name")?;
    let mut out = Map::new();
    let mut select = Map::new();
    for (key, value) in call["args"].as_object().ok_or("a call has no arguments")? {
        match (name, key.as_str(), value) {
            ("apply" | "convert_dtype" | "standardize" | "take" | "to_array", "include" | "exclude", value) => {
                if !value.is_null() {
                    select.insert(key.clone(), value.clone());
                }
            }
            (_, "from_dtype" | "to_dtype", value) => {
                let dtype = match value.as_str().unwrap_or_default() {
                    "float64" => "f64",
                    "float32" => "f32",
                    "int64" => "i64",
                    "bool" => "bool",
                    other => return Err(format!("the type {other} is not known")),
                };
                out.insert(key.clone(), dtype.into());
            }
            ("broadcast", "exclude", Value::Null) => drop(out.insert(key.clone(), json!([]))),
            ("constrain", "inclusive", Value::Bool(true)) => drop(out.insert(key.clone(), "both".into())),
            ("constrain", "inclusive", Value::Bool(false) | Value::Null) => {
                out.insert(key.clone(), "none".into());
            }
            (_, _, Value::Null) => {}
            (_, _, value) => drop(out.insert(key.clone(), value.clone())),
        }
    }
    if !select.is_empty() {
        out.insert("select".into(), Value::Object(select));
    }
    let (from, to) = match name {
        "concatenate" => ("keys", "into"),
        "split" => ("key", "into"),
        _ => ("", ""),
    };
    // With one name on either side the peer's builder renames.
    if !from.is_empty() && out[from].is_string() && out[to].is_string() {
        return Ok(json!({ "transform": "rename", "from_key": out[from], "to_key": out[to] }));
    }
    out.insert("transform".into(), name.into());
    Ok(Value::Object(out))
}
