//! Values that were not measured (NaN): what the adapter of a study makes of them.

use super::roles::Roles;
use crate::adapters::{Adapter, How};
use crate::codecs::Values;
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::simulators::Kind;

/// The condition that tells how many elements of a set were measured, as a square root.
const COUNT: &str = "number_measured";

/// What is done about missing values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Missing {
    /// The keys of a set whose missing elements are left out.
    dropped: Vec<String>,
    /// Keys whose missing values are replaced, and by what; their masks become inputs of the networks.
    masked: Vec<(String, f64)>,
}

impl Roles {
    /// What is done for data such as `example`: elements of sets of which nothing was measured are left out; every other value
    /// that may be missing is replaced by the mean of those that were measured, and a mask beside it tells.
    pub(super) fn treatment_of_missing(&self, example: &Record, kind: Kind) -> Result<Missing> {
        let mut missing = Missing::default();
        let keys = &self.missing;
        let is_data = |key: &String| self.data_variables.contains(key);
        let mut example = example.clone();
        if kind == Kind::Set && keys.iter().any(is_data) {
            missing.dropped = self.data_variables.clone();
            // The element of a set of single numbers is there or is not, and needs no mask.
            let whole = self.data_variables.len() == 1 && {
                let column = example.column(&self.data_variables[0])?;
                let outer = if column.offsets.is_some() { 1 } else { 2 };
                column.array.shape().iter().skip(outer).product::<usize>() == 1
            };
            let dropping = Adapter::new().drop_missing_where(self.data_variables.clone(), How::All);
            example = dropping.forward(&example, crate::adapters::Strictness::Strict)?;
            for key in keys.iter().filter(|key| is_data(key)) {
                let column = example.column(key)?;
                if holds_nan(column) || !whole {
                    missing.masked.push((key.clone(), mean_of_measured(column)));
                }
            }
        }
        for key in keys.iter().filter(|key| kind != Kind::Set || !is_data(key)) {
            missing.masked.push((key.clone(), mean_of_measured(example.column(key)?)));
        }
        Ok(missing)
    }

    /// Only what is observed may be missing.
    pub(super) fn check_missing(&self) -> Result<()> {
        let observed = || self.data_variables.iter().chain(&self.conditions);
        match self.missing.iter().find(|key| !observed().any(|k| k == *key)) {
            None => Ok(()),
            Some(key) => {
                let names: Vec<&str> = observed().map(String::as_str).collect();
                let message = format!(
                    "'{key}' is neither data variable nor condition; values may be missing in: {}",
                    names.join(", ")
                );
                Err(Error::argument("missing", message))
            }
        }
    }
}

impl Missing {
    /// The adapter with this treatment.
    pub(super) fn treat(&self, mut adapter: Adapter) -> Adapter {
        if !self.dropped.is_empty() {
            adapter = adapter.drop_missing_and_count(self.dropped.clone(), How::All, COUNT).sqrt(COUNT);
        }
        self.masked.iter().fold(adapter, |adapter, (key, value)| adapter.nan_to_num_with_mask(key.as_str(), *value))
    }

    /// The given keys with their masks behind them.
    pub(super) fn with_masks(&self, keys: &[String]) -> Vec<String> {
        let masks = keys.iter().filter(|key| self.masked.iter().any(|(masked, _)| masked == *key));
        keys.iter().cloned().chain(masks.map(|key| format!("mask_{key}"))).collect()
    }

    /// Conditions beside those that have a role.
    pub(super) fn conditions(&self) -> Vec<String> {
        if self.dropped.is_empty() { Vec::new() } else { vec![COUNT.into()] }
    }

    /// A sentence for each choice.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.dropped.is_empty() {
            let keys = self.dropped.join(", ");
            notes.push(format!(
                "elements of which nothing was measured (NaN in all of {keys}) are left out of the sets; how many remain is a \
                 condition"
            ));
        }
        if !self.masked.is_empty() {
            let keys: Vec<&str> = self.masked.iter().map(|(key, _)| key.as_str()).collect();
            notes.push(format!(
                "values of {} may be missing (NaN): their place is filled by the mean, and a mask beside them tells the networks \
                 which were measured; the posterior is that of simulations in which values are missing likewise",
                keys.join(", ")
            ));
        }
        notes
    }
}

fn holds_nan(column: &Column) -> bool {
    match column.array.values() {
        Values::F64(v) => v.iter().any(|x| x.is_nan()),
        Values::F32(v) => v.iter().any(|x| x.is_nan()),
        Values::I64(_) | Values::Bool(_) => false,
    }
}

/// The mean of what was measured, or 0 where nothing was.
fn mean_of_measured(column: &Column) -> f64 {
    let values = column.array.to_f64();
    let (count, sum) = values.iter().filter(|x| x.is_finite()).fold((0usize, 0.0), |(n, sum), x| (n + 1, sum + x));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Strictness;
    use crate::codecs::Array;

    const GONE: f64 = f64::NAN;

    fn roles(data: &[&str], conditions: &[&str]) -> Roles {
        let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        Roles {
            parameters: vec!["a".into()],
            data_variables: owned(data),
            conditions: owned(conditions),
            missing: owned(&[data, conditions].concat()),
            ..Roles::default()
        }
    }

    fn record() -> Record {
        Record::new()
            .with("a", Array::vector(vec![1.0, 2.0]))
            .with("v", Array::f64([2, 2], vec![3.0, GONE, 5.0, 4.0]).unwrap())
            .with("c", Array::vector(vec![GONE, 7.0]))
            .with("x", Array::f64([2, 3, 1], vec![1.0, GONE, GONE, 2.0, 3.0, 4.0]).unwrap())
            .with("y", Array::f64([2, 3, 1], vec![1.5, 2.5, GONE, 4.5, 5.5, 6.5]).unwrap())
    }

    fn adapted(roles: &Roles, record: &Record) -> Record {
        let (mut adapter, _) = roles.adapter(record).unwrap();
        adapter.forward_learning(record, Strictness::Strict).unwrap()
    }

    fn values(record: &Record, key: &str) -> Vec<f64> {
        record.column(key).unwrap().array.to_f64()
    }

    #[test]
    fn masks_of_vectors_and_conditions_join_the_conditions() {
        let adapted = adapted(&roles(&["v"], &["c"]), &record());
        assert_eq!(
            values(&adapted, "inference_conditions"),
            [3.0, 4.0, 7.0, 1.0, 0.0, 0.0, 5.0, 4.0, 7.0, 1.0, 1.0, 1.0]
        );
    }

    #[test]
    fn elements_that_are_missing_leave_their_set() {
        let one = adapted(&roles(&["x"], &[]), &record());
        let sets = one.column("summary_variables").unwrap();
        assert_eq!(
            (values(&one, "summary_variables"), sets.offsets.as_deref()),
            (vec![1.0, 2.0, 3.0, 4.0], Some(&[0, 1, 4][..]))
        );
        let two = adapted(&roles(&["x", "y"], &[]), &record());
        let sets = two.column("summary_variables").unwrap();
        assert_eq!((sets.array.shape(), sets.offsets.as_deref()), (&[5, 4][..], Some(&[0, 2, 5][..])));
        assert_eq!(values(&two, "summary_variables")[4..8], [2.5, 2.5, 0.0, 1.0], "the mean of 1, 2, 3, 4, and masks");
        let series = Roles { kind: Some(Kind::Series), ..roles(&["x"], &[]) };
        assert_eq!(adapted_shape(&series), [2, 3, 2], "steps of a series stay where they are");
    }

    fn adapted_shape(roles: &Roles) -> Vec<usize> {
        adapted(roles, &record()).column("summary_variables").unwrap().array.shape().to_vec()
    }

    #[test]
    fn data_without_missing_values_go_the_same_way_when_the_key_is_named() {
        let complete = record()
            .with("v", Array::f64([2, 2], vec![3.0, 1.0, 5.0, 4.0]).unwrap())
            .with("c", Array::vector(vec![6.0, 7.0]));
        let named = Roles { missing: vec!["v".into()], ..roles(&["v"], &["c"]) };
        let unnamed = Roles { missing: Vec::new(), ..roles(&["v"], &["c"]) };
        assert_eq!(values(&adapted(&named, &complete), "inference_conditions")[..5], [3.0, 1.0, 6.0, 1.0, 1.0]);
        let (mut adapter, _) = named.adapter(&complete).unwrap();
        adapter.fit(&complete).unwrap();
        let observed = record().with("c", Array::vector(vec![6.0, 7.0]));
        assert!(
            values(&adapter.forward(&observed, Strictness::Strict).unwrap(), "inference_conditions")[..5]
                == [3.0, 3.25, 6.0, 1.0, 0.0]
        );
        assert!(!unnamed.adapter(&complete).unwrap().0.to_string().contains("nan_to_num"));
        let wrong = Roles { missing: vec!["a".into()], ..roles(&["v"], &["c"]) };
        let message = wrong.adapter(&complete).unwrap_err().to_string();
        assert!(
            message.contains("'a' is neither data variable nor condition") && message.contains("v, c"),
            "{message}"
        );
    }
}
