//! The report of a study: one HTML page that needs nothing else, and the pictures beside it.
//!
//! A [`Report`] is plain data: metrics, verdicts, pictures, configuration and facts. [`Report::to_html`] turns it into a
//! page without scripts and without links to resources, readable on a screen, light or dark, and on paper;
//! [`Report::save`] writes the page and each picture.

mod html;
mod save;

use super::plots::Figure;
use crate::error::{Error, Result};

/// How a diagnostic turned out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing to worry about.
    #[default]
    Fine,
    /// Usable with care.
    Warning,
    /// The posterior should not be used as it is.
    Bad,
}

impl Status {
    /// The word on the badge.
    pub fn word(self) -> &'static str {
        match self {
            Status::Fine => "fine",
            Status::Warning => "warning",
            Status::Bad => "bad",
        }
    }
}

/// What one diagnostic says, in a sentence that names its threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Name of the diagnostic.
    pub diagnostic: String,
    /// How it turned out.
    pub status: Status,
    /// What is fine, what is not, by which threshold.
    pub sentence: String,
}

/// One metric for all variables: a column of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricColumn {
    /// Name of the metric.
    pub name: String,
    /// How to read it, in a few words: `0 is best`.
    pub meaning: String,
    /// One value per variable.
    pub values: Vec<f64>,
    /// One status per variable, or none at all.
    pub statuses: Vec<Status>,
}

/// The table of metrics: a row per variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricTable {
    /// Names of the variables.
    pub variables: Vec<String>,
    /// The metrics.
    pub columns: Vec<MetricColumn>,
}

/// Everything that the page shows, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Title of the page.
    pub title: String,
    /// One or two sentences below the title: what was trained on what.
    pub summary: String,
    /// What the diagnostics say.
    pub verdicts: Vec<Verdict>,
    /// The metrics.
    pub metrics: MetricTable,
    /// The pictures.
    pub figures: Vec<Figure>,
    /// The configuration of the run, as TOML.
    pub configuration: String,
    /// Name and value: simulator, number of simulations, seed, duration, versions.
    pub facts: Vec<(String, String)>,
}

impl Report {
    /// The worst status of the verdicts; fine if there are none.
    pub fn status(&self) -> Status {
        self.verdicts.iter().map(|verdict| verdict.status).max().unwrap_or_default()
    }

    /// Refuses tables with gaps and pictures whose names are no file names.
    fn check(&self) -> Result<()> {
        let variables = self.metrics.variables.len();
        for column in &self.metrics.columns {
            let statuses = column.statuses.len();
            if column.values.len() != variables || !(statuses == 0 || statuses == variables) {
                return Err(Error::shape(
                    "report",
                    format!(
                        "metric '{}' has {} values and {statuses} statuses for {variables} variables; give one each, or \
                         no statuses",
                        column.name,
                        column.values.len()
                    ),
                ));
            }
        }
        for (index, figure) in self.figures.iter().enumerate() {
            let allowed =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter);
            if figure.name.is_empty() || !figure.name.chars().all(allowed) {
                return Err(Error::argument(
                    "figures",
                    format!(
                        "'{}' came as the name of a picture, lower case letters, digits, '_' and '-' were expected; it \
                         becomes the name of a file",
                        figure.name
                    ),
                ));
            }
            if self.figures[..index].iter().any(|other| other.name == figure.name) {
                return Err(Error::argument(
                    "figures",
                    format!("two pictures are named '{}'; rename one, the names become files", figure.name),
                ));
            }
        }
        Ok(())
    }
}
