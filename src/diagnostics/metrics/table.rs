//! Metrics of all variables as a table: rows are metrics, columns are variables.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::metric::Metric;
use crate::error::{Error, Result};

/// A table with one row for each metric and one column for each variable. Its JSON is
/// `{metric: {variable: value}}`, with null for values that are not finite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricTable {
    metrics: Vec<Metric>,
}

impl MetricTable {
    /// A table of aggregated metrics, all of the same variables.
    pub fn new(metrics: Vec<Metric>) -> Result<Self> {
        let first = metrics.first();
        for metric in &metrics {
            if metric.rows.is_some() || first.is_some_and(|first| first.variable_names != metric.variable_names) {
                return Err(Error::argument(
                    &metric.name,
                    format!(
                        "is not aggregated or has other variables ({}) than the first metric; a table needs one value \
                         for each metric and variable",
                        metric.variable_names.join(", ")
                    ),
                ));
            }
        }
        Ok(MetricTable { metrics })
    }

    /// The rows.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The columns.
    pub fn variable_names(&self) -> &[String] {
        self.metrics.first().map_or(&[], |metric| &metric.variable_names)
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// The value of a metric for a variable; `None` when the table has no such row or column.
    pub fn get(&self, metric: &str, variable: &str) -> Option<f64> {
        self.metrics.iter().find(|m| m.name == metric)?.value(variable)
    }
}

impl fmt::Display for MetricTable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut rows = vec![std::iter::once(String::new()).chain(self.variable_names().iter().cloned()).collect()];
        for metric in &self.metrics {
            let values = metric.values.iter().map(|value| format!("{value:.4}"));
            rows.push(std::iter::once(metric.name.clone()).chain(values).collect::<Vec<_>>());
        }
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
        for row in &rows {
            write!(f, "{:<width$}", row[0], width = widths[0])?;
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

struct Row<'a>(&'a Metric);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.values.len()))?;
        for (name, value) in self.0.variable_names.iter().zip(&self.0.values) {
            map.serialize_entry(name, &value.is_finite().then_some(value))?;
        }
        map.end()
    }
}

impl Serialize for MetricTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.metrics.len()))?;
        for metric in &self.metrics {
            map.serialize_entry(&metric.name, &Row(metric))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, values: [f64; 2]) -> Metric {
        Metric {
            name: name.into(),
            variable_names: vec!["beta_0".into(), "σ".into()],
            rows: None,
            values: values.to_vec(),
        }
    }

    #[test]
    fn text_and_json() {
        let table =
            MetricTable::new(vec![metric("NRMSE", [0.25, 1.0]), metric("Log Gamma", [-12.5, f64::NAN])]).unwrap();
        let lines = ["             beta_0       σ", "NRMSE        0.2500  1.0000", "Log Gamma  -12.5000     NaN", ""];
        assert_eq!(table.to_string(), lines.join("\n"));
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(json, r#"{"NRMSE":{"beta_0":0.25,"σ":1.0},"Log Gamma":{"beta_0":-12.5,"σ":null}}"#);
        assert_eq!(table.get("NRMSE", "σ"), Some(1.0));
        assert_eq!(table.get("NRMSE", "x"), None);
        assert_eq!(MetricTable::new(Vec::new()).unwrap().to_string(), "\n");
    }

    #[test]
    fn rows_must_fit() {
        let all = Metric { rows: Some(1), ..metric("z", [1.0, 2.0]) };
        assert!(MetricTable::new(vec![all]).unwrap_err().to_string().contains("not aggregated"));
        let other = Metric { variable_names: vec!["a".into(), "b".into()], ..metric("z", [1.0, 2.0]) };
        assert!(MetricTable::new(vec![metric("y", [0.0, 0.0]), other]).is_err());
    }
}
