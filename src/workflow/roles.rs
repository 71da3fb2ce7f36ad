//! What the arrays of a study are for: parameters, data, conditions; and the adapter that follows from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::adapters::{Adapter, between, lower, upper};
use crate::codecs::Values;
use crate::data::{Column, Record};
use crate::error::{Error, Result, nearest};
use crate::simulators::{Kind, Role, Simulator};

/// The roles of named arrays.
///
/// ```
/// use ferroflow::codecs::Array;
/// use ferroflow::data::Record;
/// use ferroflow::workflow::Roles;
///
/// let record = Record::new()
///     .with("rate", Array::f64([2, 1], vec![0.3, 0.7])?)
///     .with("counts", Array::i64([2, 3], vec![1, 0, 2, 4, 3, 5])?);
/// let roles = Roles {
///     parameters: vec!["rate".into()],
///     data_variables: vec!["counts".into()],
///     lower: [("rate".to_string(), 0.0)].into(),
///     ..Roles::default()
/// };
/// let (adapter, kind) = roles.adapter(&record)?;
/// println!("{}", adapter.describe(&record)?);
/// # assert_eq!(kind, ferroflow::simulators::Kind::Vector);
/// # Ok::<(), ferroflow::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Roles {
    /// What is inferred: keys of arrays `[datasets]` or `[datasets, d]`.
    pub parameters: Vec<String>,
    /// What is observed.
    #[serde(alias = "data-variables")]
    pub data_variables: Vec<String>,
    /// What is known beside the data: keys of arrays `[datasets]` or `[datasets, d]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// How the elements of a data set are related; by default an image when the arrays have four axes, a set when the
    /// sizes of the data sets differ or the arrays have three axes, else a vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Data variables and conditions in which values may be missing, as NaN; see [`adapter`](Self::adapter). Elsewhere NaN is an
    /// error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Lower bounds of parameters; draws stay above them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lower: BTreeMap<String, f64>,
    /// Upper bounds of parameters; draws stay below them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub upper: BTreeMap<String, f64>,
}

impl Roles {
    /// The roles that a simulator declares; an error if it declares none.
    pub fn of_simulator(simulator: &dyn Simulator) -> Result<Self> {
        let variables = simulator.variables();
        let mut roles = Roles::default();
        let is_set = variables.iter().any(|v| v.role == Role::Data && v.kind != Kind::Vector);
        for variable in variables {
            let name = variable.name;
            match variable.role {
                Role::Parameter => {
                    roles.lower.extend(variable.lower.map(|bound| (name.clone(), bound)));
                    roles.upper.extend(variable.upper.map(|bound| (name.clone(), bound)));
                    roles.parameters.push(name);
                }
                Role::Data if is_set && variable.kind == Kind::Vector => roles.conditions.push(name),
                Role::Data => {
                    roles.kind = Some(variable.kind);
                    roles.data_variables.push(name);
                }
                Role::Condition => roles.conditions.push(name),
            }
        }
        match roles.parameters.is_empty() {
            true => Err(Error::argument(
                "simulator",
                format!("{} does not declare its variables; give an adapter", simulator.name()),
            )),
            false => Ok(roles),
        }
    }

    /// All keys, parameters first.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().chain(&self.data_variables).chain(&self.conditions).map(String::as_str)
    }

    /// The adapter for data such as `example`, and how the elements of its data sets are related.
    ///
    /// Bounded parameters are mapped to the whole line and joined; sets are joined element by element for the summary network;
    /// vectors and conditions are joined for the inference network. Numbers of any type may be given; they are not rounded to
    /// 32 bits before they are standardised.
    ///
    /// Where values may be missing (NaN), elements of sets of which nothing was measured are left out, and how many remain is a
    /// condition. Every other missing value is
    /// replaced by the mean of those measured in the example, and a mask, 1 where a value was measured, joins what the networks are
    /// given: no number stands for "missing" by itself.
    pub fn adapter(&self, example: &Record) -> Result<(Adapter, Kind)> {
        self.check(example)?;
        let kind = self.kind_of(example)?;
        let missing = self.treatment_of_missing(example, kind)?;
        let mut adapter = missing.treat(self.constraints());
        adapter = adapter.concatenate(self.parameters.clone(), "inference_variables");
        let mut direct = Vec::new();
        let data = missing.with_masks(&self.data_variables);
        match kind {
            Kind::Vector => direct.extend(self.data_variables.iter().cloned()),
            Kind::Image => adapter = adapter.concatenate(data, "summary_variables"),
            Kind::Set | Kind::Series => {
                let keys = data.clone();
                adapter = if kind == Kind::Set { adapter.as_set(keys) } else { adapter.as_time_series(keys) };
                adapter = adapter.concatenate(data, "summary_variables");
            }
        }
        direct.extend(self.conditions.iter().cloned());
        let mut direct = missing.with_masks(&direct);
        direct.extend(missing.conditions());
        if !direct.is_empty() {
            adapter = adapter.concatenate(direct, "inference_conditions");
        }
        Ok((adapter, kind))
    }

    /// Data and parameters in each other's place: the roles of a likelihood.
    pub(super) fn exchanged(&self) -> Self {
        Roles {
            parameters: self.data_variables.clone(),
            data_variables: self.parameters.clone(),
            conditions: self.conditions.clone(),
            kind: Some(Kind::Vector),
            ..Roles::default()
        }
    }

    /// The adapter for the likelihood: what is observed, in rows, given parameters and conditions.
    pub(super) fn likelihood_adapter(&self) -> Adapter {
        let given = self.parameters.iter().chain(&self.conditions).cloned().collect::<Vec<_>>();
        let adapter = self.constraints().concatenate(self.data_variables.clone(), "inference_variables");
        adapter.concatenate(given, "inference_conditions")
    }

    /// Maps bounded parameters to the whole line.
    fn constraints(&self) -> Adapter {
        self.parameters.iter().fold(Adapter::new(), |adapter, key| match (self.lower.get(key), self.upper.get(key)) {
            (Some(&l), Some(&u)) => adapter.constrain(key.as_str(), between(l, u)),
            (Some(&l), None) => adapter.constrain(key.as_str(), lower(l)),
            (None, Some(&u)) => adapter.constrain(key.as_str(), upper(u)),
            (None, None) => adapter,
        })
    }

    /// Every key exists and has one role; bounds belong to parameters and are in order.
    pub fn check(&self, example: &Record) -> Result<()> {
        let found: Vec<&str> = example.keys().collect();
        let list = found.join(", ");
        for (role, keys, flag) in [
            ("parameter", &self.parameters, "--parameters"),
            ("data variable", &self.data_variables, "--data-variables"),
        ] {
            if keys.is_empty() {
                let message =
                    format!("no {role} is named; name at least one with {flag}. The keys of the data are: {list}");
                return Err(Error::argument("roles", message));
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        for key in self.keys() {
            if !example.contains(key) {
                let hint = nearest(key, found.iter().copied()).map(|k| format!("did you mean '{k}'? "));
                let message = format!("is not in the data; {}the keys are: {list}", hint.unwrap_or_default());
                return Err(Error::key(key, message));
            }
            if seen.contains(&key) {
                return Err(Error::key(key, "has two roles; name each key once"));
            }
            seen.push(key);
        }
        self.check_missing()?;
        for (flag, bounds) in [("--lower", &self.lower), ("--upper", &self.upper)] {
            for (key, bound) in bounds {
                if !self.parameters.contains(key) {
                    let parameters = self.parameters.join(", ");
                    let message = format!("'{key}' has a bound but is no parameter; the parameters are: {parameters}");
                    return Err(Error::argument(flag, message));
                }
                if !bound.is_finite() {
                    return Err(Error::argument(flag, format!("the bound {bound} of '{key}' is no finite number")));
                }
            }
        }
        match self.lower.iter().find(|(key, l)| self.upper.get(*key).is_some_and(|u| *l >= u)) {
            Some((key, l)) => {
                let message =
                    format!("the lower bound {l} of '{key}' is not below its upper bound {}", self.upper[key]);
                Err(Error::argument("--lower", message))
            }
            None => Ok(()),
        }
    }

    /// How the elements of the data sets of an example are related.
    pub(super) fn kind_of(&self, example: &Record) -> Result<Kind> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        for key in &self.data_variables {
            let column = example.column(key)?;
            if column.offsets.is_none() && column.array.shape().len() == 4 {
                return Ok(Kind::Image);
            }
            if column.offsets.is_some() || column.array.shape().len() >= 3 {
                return Ok(Kind::Set);
            }
        }
        Ok(Kind::Vector)
    }

    /// The arrays that have a role, with single numbers repeated for each data set.
    pub fn repeat(&self, data: &Record) -> Result<Record> {
        self.check(data)?;
        let datasets = data.datasets()?.unwrap_or(1);
        let mut record = Record::new();
        for key in self.keys() {
            record.insert(key, repeated(data.column(key)?, datasets)?);
        }
        Ok(record)
    }

    /// The arrays that have a role, ready for the adapter: single numbers are repeated for each data set, and a parameter that
    /// does not vary is an error, since nothing can be learned about it.
    pub fn select(&self, data: &Record) -> Result<Record> {
        let record = self.repeat(data)?;
        let datasets = record.datasets()?.unwrap_or(1);
        for key in &self.parameters {
            let column = record.column(key)?;
            if column.offsets.is_some() || column.array.shape().len() > 2 {
                let shape = column.array.shape();
                let message = format!("has the shape {shape:?}; a parameter is [datasets] or [datasets, d]");
                return Err(Error::shape(key, message));
            }
            let width: usize = column.array.shape().iter().skip(1).product();
            let values = column.array.to_f64();
            let constant = |at: &usize| values.iter().skip(*at).step_by(width).all(|v| *v == values[*at]);
            if let Some(at) = (0..width).find(constant).filter(|_| datasets > 1) {
                let place = if width > 1 { format!("column {at}") } else { "it".to_string() };
                let message = format!(
                    "{place} is {} in all {datasets} data sets; leave it out of the parameters, or give simulations in which it varies",
                    values[at]
                );
                return Err(Error::value(key, message));
            }
        }
        Ok(record)
    }
}

/// A column with an axis for the data sets: a single shared number is repeated, everything else stays as it is.
pub(super) fn repeated(column: &Column, datasets: usize) -> Result<Column> {
    if !column.shared || !column.array.shape().is_empty() {
        return Ok(column.clone());
    }
    let values = match column.array.values() {
        Values::F64(v) => Values::F64(v.repeat(datasets)),
        Values::F32(v) => Values::F32(v.repeat(datasets)),
        Values::I64(v) => Values::I64(v.repeat(datasets)),
        Values::Bool(v) => Values::Bool(v.repeat(datasets)),
    };
    Ok(Column::dense(crate::codecs::Array::new([datasets], values)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Strictness;
    use crate::codecs::Array;
    use crate::simulators;

    fn record() -> Record {
        let mut record = Record::new()
            .with("a", Array::f64([3], vec![1.0, 2.0, 3.0]).unwrap())
            .with("b", Array::i64([3, 2], vec![1, 2, 3, 4, 5, 6]).unwrap())
            .with("n", Array::bool([3], vec![true, false, true]).unwrap());
        record.insert("x", Column::ragged(Array::vector(vec![0.0; 6]), [0, 1, 3, 6]).unwrap());
        record
    }

    fn roles(parameters: &[&str], data: &[&str], conditions: &[&str]) -> Roles {
        let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        Roles {
            parameters: owned(parameters),
            data_variables: owned(data),
            conditions: owned(conditions),
            ..Roles::default()
        }
    }

    #[test]
    fn integers_booleans_and_sets_find_their_place() {
        let (record, roles) = (record(), roles(&["a", "b"], &["x"], &["n"]));
        let (mut adapter, kind) = roles.adapter(&record).unwrap();
        assert_eq!(kind, Kind::Set);
        let adapted = adapter.forward_learning(&record, Strictness::Strict).unwrap();
        let values = |key: &str| adapted.column(key).unwrap().array.to_f64();
        assert_eq!(values("inference_variables"), [1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 3.0, 5.0, 6.0]);
        assert_eq!(values("inference_conditions"), [1.0, 0.0, 1.0]);
        assert_eq!(adapted.column("summary_variables").unwrap().array.shape(), [6, 1]);
        let draws = Array::f64([1, 2, 3], vec![0.5, 1.5, 2.5, 3.5, 4.5, 5.5]).unwrap();
        let back = adapter.inverse(&Record::new().with("inference_variables", draws), Strictness::Lenient).unwrap();
        assert_eq!(back.column("b").unwrap().array.to_f64(), [1.5, 2.5, 4.5, 5.5], "draws are not rounded");
        assert_eq!(back.column("a").unwrap().array.shape(), [1, 2, 1]);
    }

    #[test]
    fn mistakes_get_their_sentences() {
        let with = |f: fn(&mut Roles)| {
            let mut roles = roles(&["a"], &["x"], &[]);
            f(&mut roles);
            roles
        };
        for (roles, expected) in [
            (roles(&[], &["x"], &[]), "name at least one with --parameters. The keys of the data are: a, b, n, x"),
            (roles(&["a"], &[], &[]), "--data-variables"),
            (roles(&["aa"], &["x"], &[]), "did you mean 'a'?"),
            (roles(&["a", "x"], &["x"], &[]), "two roles"),
            (with(|r| r.lower = [("z".to_string(), 0.0)].into()), "is no parameter"),
            (with(|r| r.upper = [("a".to_string(), f64::NAN)].into()), "no finite number"),
            (
                with(|r| {
                    r.lower.insert("a".into(), 2.0);
                    r.upper.insert("a".into(), 1.0);
                }),
                "not below",
            ),
        ] {
            let message = roles.adapter(&record()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let constant = record().with("a", Array::f64([3], vec![2.0; 3]).unwrap());
        let message = roles(&["a"], &["x"], &[]).select(&constant).unwrap_err().to_string();
        assert!(message.contains("is 2 in all 3 data sets"), "{message}");
    }

    #[test]
    fn every_built_in_simulator_has_roles_that_fit_its_data() {
        for (name, _) in simulators::list() {
            let simulator = simulators::find(&name).unwrap();
            let record = simulator.simulate(4, 1).unwrap();
            let roles = Roles::of_simulator(&*simulator).unwrap();
            let (mut adapter, _) = roles.adapter(&record).unwrap();
            let adapted = adapter.forward_learning(&roles.select(&record).unwrap(), Strictness::Strict).unwrap();
            let batch = crate::approximators::Batch::from_record(&adapted).unwrap();
            assert_eq!(batch.datasets, 4, "{name}");
        }
    }
}
