//! Test quantities: scalar functions of all parameters that are examined like variables.

use super::variables::{Draws, Truths, Variable, check_pair, dense};
use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};

/// One number for each row of the parameters of one data set, see [`TestQuantity::function`].
pub type QuantityFunction<'a> = dyn Fn(&Record, usize) -> Result<Vec<f64>> + 'a;

/// A scalar function of all parameters, examined like a variable: for instance the log-likelihood of the observed data,
/// which is sensitive to wrong dependencies between parameters (Modrák et al. 2023).
pub struct TestQuantity<'a> {
    /// Its name in tables and pictures.
    pub name: String,
    /// One number for each row. The record holds the parameters of one data set, every column `[rows, dimension]`: all
    /// draws of the data set, or its true values as a single row. The index is that of the data set.
    pub function: Box<QuantityFunction<'a>>,
}

impl<'a> TestQuantity<'a> {
    /// A quantity from a closure.
    pub fn new(name: impl Into<String>, function: impl Fn(&Record, usize) -> Result<Vec<f64>> + 'a) -> Self {
        TestQuantity { name: name.into(), function: Box::new(function) }
    }

    fn evaluate(&self, rows: &Record, dataset: usize, expected: usize) -> Result<Vec<f64>> {
        let values = (self.function)(rows, dataset)?;
        if values.len() == expected {
            return Ok(values);
        }
        Err(Error::shape(
            &self.name,
            format!("the test quantity returned {} numbers for {expected} rows; return one for each row", values.len()),
        ))
    }
}

/// Puts test quantities in front of the variables of a study.
///
/// `estimates` holds the draws `[datasets, draws, …]`, or point estimates `[datasets, d]`, and `targets` the true values `[datasets, …]` of every key in
/// `estimates`; `draws` and `truths` are what was made from them.
pub fn prepend_test_quantities(
    quantities: &[TestQuantity],
    estimates: &Record,
    targets: &Record,
    draws: Draws,
    truths: Truths,
) -> Result<(Draws, Truths)> {
    check_pair(&draws, &truths)?;
    if quantities.is_empty() {
        return Ok((draws, truths));
    }
    let (datasets, count, width) = (draws.datasets(), draws.draws(), quantities.len());
    let mut drawn = vec![0.0; datasets * count * width];
    let mut known = vec![0.0; datasets * width];
    for dataset in 0..datasets {
        let mut rows = Record::new();
        let mut truth = Record::new();
        for key in estimates.keys() {
            let column = dense(key, estimates.column(key)?)?;
            let axis = if count == 1 && column.shape().len() == 2 { 1 } else { 2 };
            let dimension = column.shape().get(axis..).unwrap_or(&[]).iter().product::<usize>();
            if column.shape().get(..axis) != Some(&[datasets, count][..axis]) {
                return Err(Error::shape(
                    key,
                    format!("has the shape {:?}; expected [{datasets}, {count}, dimension]", column.shape()),
                ));
            }
            let one = |array: Array, rows: usize| Array::new([rows, dimension], array.into_parts().1);
            rows.insert(key, Column::dense(one(estimates.column(key)?.select(&[dataset])?.array, count)?));
            truth.insert(key, Column::dense(one(targets.column(key)?.select(&[dataset])?.array, 1)?));
        }
        for (q, quantity) in quantities.iter().enumerate() {
            for (s, value) in quantity.evaluate(&rows, dataset, count)?.into_iter().enumerate() {
                drawn[(dataset * count + s) * width + q] = value;
            }
            known[dataset * width + q] = quantity.evaluate(&truth, dataset, 1)?[0];
        }
    }
    let variables: Vec<_> = quantities.iter().map(|q| Variable { key: q.name.clone(), name: q.name.clone() }).collect();
    Ok((
        Draws::build(datasets, count, variables.clone(), &drawn)?.append(draws)?,
        Truths::build(datasets, variables, &known)?.append(truths)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::variables::tests::{record, targets};
    use super::*;

    #[test]
    fn test_quantities_come_first() {
        let sum = TestQuantity::new("sum", |rows: &Record, dataset| {
            let beta = rows.column("beta")?.array.to_f64();
            let sigma = rows.column("sigma")?.array.to_f64();
            Ok(beta.chunks(2).zip(&sigma).map(|(b, s)| b[0] + b[1] + s + 1000.0 * dataset as f64).collect())
        });
        let draws = Draws::from_record(&record()).unwrap();
        let truths = draws.truths(&targets()).unwrap();
        let (draws, truths) = prepend_test_quantities(&[sum], &record(), &targets(), draws, truths).unwrap();
        assert_eq!(draws.names(), ["sum", "beta_0", "beta_1", "sigma"]);
        assert_eq!(draws.of(0, 0), [101.0, 106.0, 111.0]);
        assert_eq!(draws.of(1, 0)[0], 1000.0 + 6.0 + 7.0 + 103.0);
        assert_eq!(truths.variable(0), [10.0, 1015.0]);
        let means = record().select(&[0, 1]).unwrap().with("beta", Array::f64([2, 2], vec![1.0; 4]).unwrap());
        let means = means.with("sigma", Array::f64([2, 1], vec![5.0; 2]).unwrap());
        let point = Draws::from_record(&means).unwrap();
        let known = point.truths(&targets()).unwrap();
        let total =
            TestQuantity::new("total", |rows: &Record, _| Ok(rows.column("beta")?.array.to_f64()[..1].to_vec()));
        let (point, _) = prepend_test_quantities(&[total], &means, &targets(), point, known).unwrap();
        assert_eq!((point.of(1, 0), point.draws()), ([1.0].as_slice(), 1));
        let wrong = TestQuantity::new("wrong", |_: &Record, _| Ok(vec![1.0]));
        let error = prepend_test_quantities(&[wrong], &record(), &targets(), draws.clone(), truths.clone());
        assert!(error.unwrap_err().to_string().contains("1 numbers for 3 rows"));
    }
}
