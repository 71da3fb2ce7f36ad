//! Widths of a batch's variables.

use serde::{Deserialize, Deserializer, Serialize};

use super::batch::{Batch, Matrix, Sets};
use crate::error::{Error, Result};
use crate::networks::summary::Elements;

/// Widths of the canonical variables that a model was built for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// Width of the inference variables.
    pub inference_variables: usize,
    /// Width of the inference conditions; 0 when there are none.
    pub inference_conditions: usize,
    /// The inputs of the summary network in alphabetical order of their names; a single one has an empty name.
    #[serde(deserialize_with = "inputs")]
    pub summary_variables: Vec<(String, Elements)>,
}

/// The inputs, or the number of features of a single one (0 for none), as files had it first.
fn inputs<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<(String, Elements)>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Inputs {
        Features(usize),
        Named(Vec<(String, Elements)>),
    }
    Ok(match Inputs::deserialize(deserializer)? {
        Inputs::Features(0) => Vec::new(),
        Inputs::Features(features) => vec![(String::new(), features.into())],
        Inputs::Named(inputs) => inputs,
    })
}

impl Dimensions {
    /// The widths of a batch.
    pub fn of(batch: &Batch) -> Result<Self> {
        let width = |matrix: &Option<Matrix>| matrix.as_ref().map_or(0, |m| m.columns);
        let dimensions = Dimensions {
            inference_variables: width(&batch.inference_variables),
            inference_conditions: width(&batch.inference_conditions),
            summary_variables: batch.summary_variables.iter().map(named).collect(),
        };
        match dimensions.inference_variables {
            0 => Err(Error::key(
                "inference_variables",
                "is missing or has no column; name the parameters to infer in the adapter",
            )),
            _ => Ok(dimensions),
        }
    }

    /// The conditions and summary variables of a batch are those that the model was built for.
    pub(super) fn expect_conditions(&self, batch: &Batch) -> Result<()> {
        let missing = |key: &str| Err(Error::key(key, "is missing; give the data that the model was trained on"));
        match (&batch.inference_conditions, self.inference_conditions) {
            (None, 0) => {}
            (Some(matrix), built) if matrix.columns == built => {}
            (None, _) => return missing("inference_conditions"),
            (Some(matrix), built) => return Err(wrong_width("inference_conditions", matrix.columns, built)),
        }
        for (name, built) in &self.summary_variables {
            let Some(sets) = batch.summary_variables.iter().find(|sets| sets.name == *name) else {
                return missing(&path(name));
            };
            if sets.elements.columns != built.features {
                return Err(wrong_width(&path(name), sets.elements.columns, built.features));
            }
            // Only networks that need to know the size of images are built for one; they say so themselves.
            if sets.grid.is_some() != built.grid.is_some() {
                let message = "are images here or in training, but not in both; give the same variables";
                return Err(Error::shape(path(name), message));
            }
        }
        if let Some(sets) = batch.summary_variables.get(self.summary_variables.len()) {
            return Err(Error::key(path(&sets.name), "was not there in training; leave it out"));
        }
        Ok(())
    }
}

fn named(sets: &Sets) -> (String, Elements) {
    (sets.name.clone(), Elements { features: sets.elements.columns, grid: sets.grid })
}

fn path(name: &str) -> String {
    if name.is_empty() { "summary_variables".into() } else { format!("summary_variables/{name}") }
}

fn wrong_width(key: &str, given: usize, built: usize) -> Error {
    let message = format!("has {given} columns, the model was trained with {built}; give the same variables");
    Error::shape(key, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Models that were saved when there was at most one input are read.
    #[test]
    fn the_first_form_of_the_inputs_is_read() {
        let read = |summary: &str| -> Dimensions {
            let text = format!(r#"{{"inference_variables":3,"inference_conditions":1,"summary_variables":{summary}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        assert!(read("0").summary_variables.is_empty());
        let one = read("2");
        assert_eq!(one.summary_variables, [(String::new(), Elements::from(2))]);
        let two = Dimensions {
            summary_variables: vec![("a".into(), 1.into()), ("b".into(), Elements { features: 1, grid: Some([4, 5]) })],
            ..one
        };
        assert_eq!(serde_json::from_str::<Dimensions>(&serde_json::to_string(&two).unwrap()).unwrap(), two);
    }
}
