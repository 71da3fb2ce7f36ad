//! The scalar variables of a study: draws `[datasets, draws, variables]` and true values `[datasets, variables]`.
//!
//! Records hold one column per parameter, of any width. Diagnostics speak of scalars, so that a column of width one keeps
//! its key as its name, and a wider column `beta` becomes `beta_0`, `beta_1`, …
//!
//! A point estimate is a single draw and may come without the axis of the draws, as `[datasets, d]`. Two axes are therefore never
//! the draws of a scalar parameter: those have a last axis of size 1, `[datasets, draws, 1]`, as everything has that a network
//! draws.

use serde::Serialize;

use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};

/// One scalar variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// The key of the column it comes from.
    pub key: String,
    /// Its name in tables and pictures.
    pub name: String,
}

/// Posterior draws `[datasets, draws, variables]` of scalar variables with names; point estimates are one draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    datasets: usize,
    draws: usize,
    variables: Vec<Variable>,
    /// Order `[variable, dataset, draw]`: the draws of one data set and variable are contiguous.
    values: Vec<f64>,
}

/// True values `[datasets, variables]` of scalar variables with names.
#[derive(Debug, Clone, PartialEq)]
pub struct Truths {
    datasets: usize,
    variables: Vec<Variable>,
    /// Order `[variable, dataset]`.
    values: Vec<f64>,
}

impl Draws {
    /// All columns of a record, each `[datasets, draws, …]`, or `[datasets, d]` for point estimates.
    pub fn from_record(record: &Record) -> Result<Self> {
        let keys: Vec<_> = record.keys().collect();
        Draws::from_record_keys(record, &keys)
    }

    /// The columns with the given keys, in that order, each `[datasets, draws, …]`, or `[datasets, d]` for point estimates.
    pub fn from_record_keys(record: &Record, keys: &[impl AsRef<str>]) -> Result<Self> {
        let mut out: Option<Draws> = None;
        for key in keys {
            let key = key.as_ref();
            let array = dense(key, record.column(key)?)?;
            let (shape, values) = (array.shape(), array.to_f64());
            let (datasets, draws, axes) = match *shape {
                [datasets, _] => (datasets, 1, &shape[1..]),
                [datasets, draws, ref axes @ ..] => (datasets, draws, axes),
                _ => {
                    return Err(Error::shape(
                        key,
                        format!(
                            "the draws have the shape {shape:?}; expected [datasets, draws, dimension], with a last axis of \
                             size 1 for a scalar parameter, or [datasets, dimension] for point estimates"
                        ),
                    ));
                }
            };
            let part = Draws::build(datasets, draws, split(key, axes), &values)?;
            out = Some(match out {
                None => part,
                Some(whole) => whole.append(part)?,
            });
        }
        out.ok_or_else(|| Error::argument("variable_keys", "no variable was selected; name at least one parameter"))
    }

    /// An array `[datasets, draws, variables]`, or `[datasets, variables]` of point estimates; the variables are named `v_0`, `v_1`, …
    /// until [`renamed`](Self::renamed).
    pub fn from_array(array: &Array) -> Result<Self> {
        let (datasets, draws, variables) = match *array.shape() {
            [datasets, variables] => (datasets, 1, variables),
            [datasets, draws, variables] => (datasets, draws, variables),
            ref shape => {
                return Err(Error::shape(
                    "draws",
                    format!(
                        "the shape is {shape:?}; expected [datasets, draws, variables], or [datasets, variables] for point \
                         estimates"
                    ),
                ));
            }
        };
        Draws::build(datasets, draws, numbered(variables), &array.to_f64())
    }

    pub(super) fn build(datasets: usize, draws: usize, variables: Vec<Variable>, values: &[f64]) -> Result<Self> {
        if datasets == 0 || draws == 0 || variables.is_empty() {
            return Err(Error::shape(
                "draws",
                format!(
                    "there are {datasets} data sets, {draws} draws and {} variables; at least one of each is needed",
                    variables.len()
                ),
            ));
        }
        let width = variables.len();
        let mut ordered: Vec<f64> = Vec::with_capacity(values.len());
        for (v, variable) in variables.iter().enumerate() {
            ordered.extend(values.iter().skip(v).step_by(width));
            let column = &ordered[v * datasets * draws..];
            if let Some(at) = column.iter().position(|x| x.is_nan()) {
                return Err(Error::value(
                    &variable.name,
                    format!(
                        "draw {} of data set {} is NaN; diagnostics need numbers: find out why the network returned \
                         NaN, or leave this data set out",
                        at % draws,
                        at / draws
                    ),
                ));
            }
        }
        Ok(Draws { datasets, draws, variables, values: ordered })
    }

    /// These variables followed by those of `other`, which must have as many data sets and draws.
    pub fn append(mut self, other: Draws) -> Result<Self> {
        if (self.datasets, self.draws) != (other.datasets, other.draws) {
            return Err(Error::shape(
                other.variables.first().map_or("draws", |v| v.key.as_str()),
                format!(
                    "has {} data sets with {} draws, but '{}' has {} with {}; all parameters need as many{}",
                    other.datasets,
                    other.draws,
                    self.variables[0].key,
                    self.datasets,
                    self.draws,
                    hint(self.draws.min(other.draws))
                ),
            ));
        }
        self.variables.extend(other.variables);
        self.values.extend(other.values);
        Ok(self)
    }

    /// The same draws under other names, one for each variable.
    pub fn renamed(mut self, names: &[impl AsRef<str>]) -> Result<Self> {
        rename(&mut self.variables, names)?;
        Ok(self)
    }

    /// Number of data sets.
    pub fn datasets(&self) -> usize {
        self.datasets
    }

    /// Number of draws of each data set.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// The variables in order.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The names of the variables in order.
    pub fn names(&self) -> Vec<String> {
        self.variables.iter().map(|v| v.name.clone()).collect()
    }

    /// The draws of one data set and variable. Panics, as a slice does, when an index is not below
    /// [`datasets`](Self::datasets) or the number of [`variables`](Self::variables).
    pub fn of(&self, dataset: usize, variable: usize) -> &[f64] {
        assert!(dataset < self.datasets, "data set {dataset} of {}", self.datasets);
        let start = (variable * self.datasets + dataset) * self.draws;
        &self.values[start..start + self.draws]
    }

    /// The draws of one variable, data set after data set. Panics when `variable` is too large, as a slice does.
    pub fn variable(&self, variable: usize) -> impl ExactSizeIterator<Item = &[f64]> {
        let size = self.datasets * self.draws;
        self.values[variable * size..(variable + 1) * size].chunks_exact(self.draws)
    }

    /// The true values that belong to these draws: the same keys of a record, under the names of the draws.
    pub fn truths(&self, record: &Record) -> Result<Truths> {
        let mut keys: Vec<&str> = self.variables.iter().map(|v| v.key.as_str()).collect();
        keys.dedup();
        let truths = Truths::from_record_keys(record, &keys)?;
        check_pair(self, &truths)?;
        truths.renamed(&self.names())
    }
}

impl Truths {
    /// The columns with the given keys, in that order, each `[datasets]` or `[datasets, …]`.
    pub fn from_record_keys(record: &Record, keys: &[impl AsRef<str>]) -> Result<Self> {
        let mut out: Option<Truths> = None;
        for key in keys {
            let key = key.as_ref();
            let array = dense(key, record.column(key)?)?;
            let &[datasets, ..] = array.shape() else {
                return Err(Error::shape(
                    key,
                    "the true value is a single number; expected [datasets] or [datasets, d]",
                ));
            };
            let part = Truths::build(datasets, split(key, &array.shape()[1..]), &array.to_f64())?;
            out = Some(match out {
                None => part,
                Some(whole) => whole.append(part)?,
            });
        }
        out.ok_or_else(|| Error::argument("variable_keys", "no variable was selected; name at least one parameter"))
    }

    /// An array `[datasets, variables]`; the variables are named `v_0`, `v_1`, …
    pub fn from_array(array: &Array) -> Result<Self> {
        let &[datasets, variables] = array.shape() else {
            return Err(Error::shape(
                "true values",
                format!("the shape is {:?}; expected [datasets, variables]", array.shape()),
            ));
        };
        Truths::build(datasets, numbered(variables), &array.to_f64())
    }

    pub(super) fn build(datasets: usize, variables: Vec<Variable>, values: &[f64]) -> Result<Self> {
        if datasets == 0 || variables.is_empty() {
            return Err(Error::shape(
                "true values",
                format!(
                    "there are {datasets} data sets and {} variables; at least one of each is needed",
                    variables.len()
                ),
            ));
        }
        let mut ordered: Vec<f64> = Vec::with_capacity(values.len());
        for (v, variable) in variables.iter().enumerate() {
            ordered.extend(values.iter().skip(v).step_by(variables.len()));
            if let Some(dataset) = ordered[v * datasets..].iter().position(|x| x.is_nan()) {
                return Err(Error::value(
                    &variable.name,
                    format!("the true value of data set {dataset} is NaN; leave this data set out"),
                ));
            }
        }
        Ok(Truths { datasets, variables, values: ordered })
    }

    /// These variables followed by those of `other`, which must have as many data sets.
    pub fn append(mut self, other: Truths) -> Result<Self> {
        if self.datasets != other.datasets {
            return Err(Error::shape(
                other.variables.first().map_or("true values", |v| v.key.as_str()),
                format!(
                    "has {} data sets, but '{}' has {}; the first axis of every key is the data set",
                    other.datasets, self.variables[0].key, self.datasets
                ),
            ));
        }
        self.variables.extend(other.variables);
        self.values.extend(other.values);
        Ok(self)
    }

    /// The same values under other names, one for each variable.
    pub fn renamed(mut self, names: &[impl AsRef<str>]) -> Result<Self> {
        rename(&mut self.variables, names)?;
        Ok(self)
    }

    /// Number of data sets.
    pub fn datasets(&self) -> usize {
        self.datasets
    }

    /// The variables in order.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The values of one variable, one for each data set. Panics when `variable` is too large, as a slice does.
    pub fn variable(&self, variable: usize) -> &[f64] {
        &self.values[variable * self.datasets..(variable + 1) * self.datasets]
    }
}

/// Draws and true values must have as many data sets and variables.
pub fn check_pair(draws: &Draws, truths: &Truths) -> Result<()> {
    let (given, expected) = ((truths.datasets, truths.variables.len()), (draws.datasets, draws.variables.len()));
    if given == expected {
        return Ok(());
    }
    Err(Error::shape(
        "true values",
        format!(
            "there are {} data sets with {} variables, but the draws have {} with {}; give the true values of the data \
             sets that were sampled, in the same order{}",
            given.0,
            given.1,
            expected.0,
            expected.1,
            hint(draws.draws)
        ),
    ))
}

/// What may be wrong when there is a single draw.
fn hint(draws: usize) -> &'static str {
    if draws == 1 { "; two axes are a point estimate: give the draws of a scalar as [datasets, draws, 1]" } else { "" }
}

pub(super) fn dense<'a>(key: &str, column: &'a Column) -> Result<&'a Array> {
    if column.offsets.is_some() || column.shared {
        let kind = if column.shared { "metadata of the whole batch" } else { "ragged" };
        return Err(Error::key(
            key,
            format!("is {kind}; diagnostics are for parameters, which have one row per data set: select other keys"),
        ));
    }
    Ok(&column.array)
}

/// `key` for a single number, else `key_0`, `key_1`, … and `key_0_1` for more axes.
fn split(key: &str, axes: &[usize]) -> Vec<Variable> {
    let names = axes.iter().filter(|_| axes.iter().product::<usize>() != 1).fold(vec![key.to_string()], |names, &n| {
        names.iter().flat_map(|name| (0..n).map(move |i| format!("{name}_{i}"))).collect()
    });
    names.into_iter().map(|name| Variable { key: key.to_string(), name }).collect()
}

fn numbered(count: usize) -> Vec<Variable> {
    (0..count).map(|i| format!("v_{i}")).map(|name| Variable { key: name.clone(), name }).collect()
}

fn rename(variables: &mut [Variable], names: &[impl AsRef<str>]) -> Result<()> {
    if variables.len() != names.len() {
        return Err(Error::argument(
            "variable_names",
            format!("{} names were given for {} scalar variables; give one for each", names.len(), variables.len()),
        ));
    }
    for (variable, name) in variables.iter_mut().zip(names) {
        variable.name = name.as_ref().to_string();
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::diagnostics) fn record() -> Record {
        let beta = (0..2 * 3 * 2).map(f64::from).collect();
        Record::new()
            .with("beta", Array::f64([2, 3, 2], beta).unwrap())
            .with("sigma", Array::f64([2, 3, 1], (100..106).map(f64::from).collect()).unwrap())
    }

    pub(in crate::diagnostics) fn targets() -> Record {
        Record::new()
            .with("sigma", Array::vector(vec![7.0, 8.0]))
            .with("beta", Array::f64([2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap())
            .with("x", Array::vector(vec![0.0, 0.0]))
    }

    #[test]
    fn records_become_scalar_variables() {
        let draws = Draws::from_record(&record()).unwrap();
        assert_eq!(draws.names(), ["beta_0", "beta_1", "sigma"]);
        assert_eq!((draws.datasets(), draws.draws()), (2, 3));
        assert_eq!(draws.of(1, 0), [6.0, 8.0, 10.0]);
        assert_eq!(draws.of(0, 1), [1.0, 3.0, 5.0]);
        assert_eq!(draws.variable(2).nth(1), Some([103.0, 104.0, 105.0].as_slice()));
        let truths = draws.truths(&targets()).unwrap();
        assert_eq!(truths.variable(1), [2.0, 4.0]);
        assert_eq!(truths.variable(2), [7.0, 8.0]);
        assert_eq!(truths.variables(), draws.variables());
    }

    #[test]
    fn keys_select_and_names_rename() {
        let draws = Draws::from_record_keys(&record(), &["sigma"]).unwrap().renamed(&["scale"]).unwrap();
        assert_eq!(draws.variables(), [Variable { key: "sigma".into(), name: "scale".into() }]);
        assert_eq!(draws.truths(&targets()).unwrap().variables()[0].name, "scale");
        assert_eq!(
            split("a", &[2, 2]).iter().map(|v| v.name.as_str()).collect::<Vec<_>>(),
            ["a_0_0", "a_0_1", "a_1_0", "a_1_1"]
        );
        let array = Draws::from_array(&Array::f64([1, 2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        assert_eq!((array.names(), array.of(0, 1)), (vec!["v_0".to_string(), "v_1".into()], [2.0, 4.0].as_slice()));
    }

    #[test]
    fn point_estimates_are_one_draw() {
        let means = Record::new()
            .with("beta", Array::f64([2, 2], vec![1.5, 2.5, 3.5, 4.5]).unwrap())
            .with("sigma", Array::f64([2, 1], vec![7.0, 9.0]).unwrap());
        let draws = Draws::from_record(&means).unwrap();
        assert_eq!((draws.datasets(), draws.draws()), (2, 1));
        assert_eq!(draws.names(), ["beta_0", "beta_1", "sigma"]);
        assert_eq!((draws.of(1, 0), draws.of(1, 2)), ([3.5].as_slice(), [9.0].as_slice()));
        let error = crate::diagnostics::root_mean_squared_error(
            &draws,
            &draws.truths(&targets()).unwrap(),
            &crate::diagnostics::RootMeanSquaredError {
                normalization: crate::diagnostics::Normalization::None,
                aggregation: crate::diagnostics::Aggregation::Mean,
            },
        );
        assert_eq!(error.unwrap().values, [0.5, 0.5, 0.5]);
        let array = Draws::from_array(&Array::f64([3, 2], (0..6).map(f64::from).collect()).unwrap()).unwrap();
        assert_eq!((array.draws(), array.of(2, 1)), (1, [5.0].as_slice()));
        // Draws of a scalar without their last axis are that many variables, and the next comparison says so.
        let flat = Draws::from_record(&Record::new().with("sigma", Array::f64([2, 3], vec![0.0; 6]).unwrap())).unwrap();
        let message = flat.truths(&targets()).unwrap_err().to_string();
        assert!(
            message.contains("2 data sets with 1 variables") && message.contains("[datasets, draws, 1]"),
            "{message}"
        );
        let mixed = record().with("sigma", Array::f64([2, 3], vec![0.0; 6]).unwrap());
        let message = Draws::from_record(&mixed).unwrap_err().to_string();
        assert!(message.contains("two axes are a point estimate"), "{message}");
    }

    #[test]
    fn faults_are_named() {
        let draws = Draws::from_record(&record()).unwrap();
        let of = |r: Result<Draws>| r.unwrap_err().to_string();
        assert!(of(Draws::from_record_keys(&record(), &["gamma"])).contains("the keys are: beta, sigma"));
        assert!(of(Draws::from_record(&Record::new())).contains("name at least one"));
        assert!(of(Draws::from_record(&targets())).contains("or [datasets, dimension] for point estimates"));
        assert!(of(draws.clone().renamed(&["a"])).contains("1 names were given for 3"));
        let nan = Record::new().with("a", Array::f64([2, 2, 1], vec![1.0, 1.0, 1.0, f64::NAN]).unwrap());
        assert!(of(Draws::from_record(&nan)).contains("draw 1 of data set 1 is NaN"));
        let short = record().with("sigma", Array::f64([1, 3, 1], vec![0.0; 3]).unwrap());
        assert!(of(Draws::from_record(&short)).contains("'beta' has 2 with 3"));
        let wide = targets().with("sigma", Array::f64([2, 2], vec![0.0; 4]).unwrap());
        assert!(
            draws
                .truths(&wide)
                .unwrap_err()
                .to_string()
                .contains("2 data sets with 4 variables, but the draws have 2 with 3")
        );
        let ragged = Column::ragged(Array::vector(vec![1.0, 2.0]), vec![0, 2]).unwrap();
        let mut bad = Record::new();
        bad.insert("x", ragged);
        assert!(of(Draws::from_record(&bad)).contains("is ragged"));
    }
}
