//! The report of a study: one HTML page that needs nothing else, and the pictures beside it.
//!
//! A [`Report`] is plain data: metrics, verdicts, pictures, configuration and facts. [`Report::to_html`] turns it into a
//! page without scripts and without links to resources, readable on a screen, light or dark, and on paper;
//! [`Report::save`] writes the page and each picture.

mod html;
mod save;

use super::metrics::{MetricTable, Status, Verdict};
use super::plots::Figure;
use crate::error::{Error, Result};

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

    /// Refuses pictures whose names are no file names.
    fn check(&self) -> Result<()> {
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
