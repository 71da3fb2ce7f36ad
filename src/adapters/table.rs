//! What an adapter makes of the variables of a model, as a table to read before training.

use indexmap::IndexMap;

use crate::data::{Column, Entry, Record};
use crate::error::Result;

use super::adapter::Adapter;
use super::columns::{describe, dtype_name};
use super::keys::Keys;
use super::pass::Strictness;

/// What the networks take an entry for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What is to be inferred.
    InferenceVariables,
    /// What the inference network is given directly.
    InferenceConditions,
    /// What the summary network is given.
    SummaryVariables,
    /// The weight of each data set in the loss.
    Weight,
    /// A mask of the summary or inference network.
    Mask,
    /// Nothing: the networks do not see it.
    Dropped,
}

impl Role {
    /// The role of a key in network space.
    pub fn of(key: &str) -> Role {
        match key {
            "inference_variables" => Role::InferenceVariables,
            "inference_conditions" => Role::InferenceConditions,
            "summary_variables" => Role::SummaryVariables,
            "sample_weight" => Role::Weight,
            "summary_attention_mask" | "summary_mask" | "inference_attention_mask" | "inference_mask" => Role::Mask,
            _ => Role::Dropped,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Role::InferenceVariables => "inference variables",
            Role::InferenceConditions => "inference conditions",
            Role::SummaryVariables => "summary variables",
            Role::Weight => "weight",
            Role::Mask => "mask",
            Role::Dropped => "dropped",
        })
    }
}

/// A line of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key, `group/column` inside of a group.
    pub name: String,
    /// The shape in words, such as `[32, 5..14, 1]` for sets of 5 to 14 numbers.
    pub shape: String,
    /// The element type.
    pub dtype: String,
    /// What it is taken for.
    pub role: Role,
}

/// The variables of the data with their roles, and the entries that the networks are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The variables of the data.
    pub variables: Vec<Row>,
    /// The entries in network space that have a role.
    pub inputs: Vec<Row>,
}

/// Which variables of the data each entry is made of.
#[derive(Debug, Default)]
pub(super) struct Origins {
    entries: IndexMap<String, Vec<String>>,
}

impl Origins {
    /// Entries become one.
    pub fn merge(&mut self, keys: &Keys, into: &str) {
        let found: Vec<String> =
            keys.iter().flat_map(|key| self.entries.shift_remove(key).unwrap_or_default()).collect();
        if !found.is_empty() {
            self.entries.entry(into.to_owned()).or_default().extend(found);
        }
    }

    /// An entry gives rise to others.
    pub fn copy(&mut self, key: &str, into: &[String]) {
        let origins = self.entries.get(key).cloned().unwrap_or_default();
        for name in into {
            self.entries.insert(name.clone(), origins.clone());
        }
    }

    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.entries.retain(|key, _| keep(key));
    }

    fn role(&self, variable: &str) -> Role {
        self.entries
            .iter()
            .filter(|(_, origins)| origins.iter().any(|origin| origin == variable))
            .map(|(key, _)| Role::of(key))
            .find(|role| *role != Role::Dropped)
            .unwrap_or(Role::Dropped)
    }
}

impl Adapter {
    /// The table of variables and roles that an example of the training data gives. It works before the fit.
    pub fn describe(&self, example: &Record) -> Result<Table> {
        let mut probe = self.clone();
        let key = crate::random::Key::new(0).fork("describe");
        let adapted = probe.forward_learning(example, Strictness::Strict.with_key(key))?;
        let mut origins = Origins::default();
        example.keys().for_each(|key| drop(origins.entries.insert(key.to_owned(), vec![key.to_owned()])));
        probe.transforms.iter().for_each(|transform| transform.trace(&mut origins));
        let variables = example.iter().flat_map(|(key, entry)| rows(key, entry, origins.role(key))).collect();
        let inputs = adapted
            .iter()
            .filter(|(key, _)| Role::of(key) != Role::Dropped)
            .flat_map(|(key, entry)| rows(key, entry, Role::of(key)))
            .collect();
        Ok(Table { variables, inputs })
    }
}

fn rows(key: &str, entry: &Entry, role: Role) -> Vec<Row> {
    let row = |name: String, column: &Column| Row {
        name,
        shape: describe(column),
        dtype: dtype_name(column.array.dtype()).to_owned(),
        role,
    };
    match entry {
        Entry::Column(column) => vec![row(key.to_owned(), column)],
        Entry::Group(group) => {
            group.iter().flat_map(|(name, entry)| rows(&format!("{key}/{name}"), entry, role)).collect()
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = || self.variables.iter().chain(&self.inputs);
        let width = |of: fn(&Row) -> &str, title: &str| {
            all().map(|row| of(row).chars().count()).max().unwrap_or(0).max(title.len())
        };
        let name = width(|row| &row.name, "network input");
        let shape = width(|row| &row.shape, "shape");
        let dtype = width(|row| &row.dtype, "dtype");
        for (title, rows) in [("variable", &self.variables), ("network input", &self.inputs)] {
            if title == "network input" {
                f.write_str("\n\n")?;
            }
            write!(f, "{title:<name$}  {:<shape$}  {:<dtype$}  role", "shape", "dtype")?;
            for row in rows {
                write!(f, "\n{:<name$}  {:<shape$}  {:<dtype$}  {}", row.name, row.shape, row.dtype, row.role)?;
            }
        }
        Ok(())
    }
}
