//! Posterior model probabilities of each data set as stacked bars.

use plotters::style::RGBAColor;

use super::Figure;
use super::axis::Limits;
use super::canvas::{Align, Text};
use super::color_map::viridis;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, figure, require_some};
use super::style;
use crate::error::{Error, Result};

/// Posterior probabilities of models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelProbabilities {
    /// Names of the models.
    pub models: Vec<String>,
    /// Names of the data sets; empty for their numbers.
    pub datasets: Vec<String>,
    /// One row for each data set, one probability for each model.
    pub rows: Vec<Vec<f64>>,
}

/// More bars are too thin to tell apart.
const MOST_DATASETS: usize = 100;
/// Up to so many bars have their number below.
const FEW_DATASETS: usize = 12;

/// Draws one bar for each data set, cut into the probabilities of the models.
///
/// # Errors
/// No models or data sets, more than 100 data sets, or rows that are no probabilities of the models.
pub fn model_probabilities(series: &ModelProbabilities) -> Result<Figure> {
    let (models, datasets) = (series.models.len(), series.rows.len());
    require_some("model_probabilities", models.min(datasets))?;
    if datasets > MOST_DATASETS {
        return Err(Error::argument(
            "model_probabilities",
            format!("{datasets} data sets came, at most {MOST_DATASETS} bars can be told apart; select some of them"),
        ));
    }
    if !(series.datasets.is_empty() || series.datasets.len() == datasets) {
        return Err(Error::shape(
            "model_probabilities",
            format!("{} names came for {datasets} data sets; give one each or none", series.datasets.len()),
        ));
    }
    for (index, row) in series.rows.iter().enumerate() {
        let valid = row.len() == models && row.iter().all(|p| (0.0..=1.0).contains(p));
        if !valid || (row.iter().sum::<f64>() - 1.0).abs() > 1e-3 {
            return Err(Error::value(
                "model_probabilities",
                format!("row {index} is {row:?}; give {models} probabilities that sum to 1"),
            ));
        }
    }
    let color = |model: usize| -> RGBAColor {
        if models <= style::SEVERAL.len() {
            style::faded(style::SEVERAL[model], 0.85)
        } else {
            viridis(model as f64 / (models - 1) as f64, 1.0)
        }
    };
    let entry = |(model, name): (usize, &String)| Entry::new(Key::Patch(color(model)), name.as_str());
    let legend: Vec<Entry> = series.models.iter().enumerate().map(entry).collect();
    // Names, or few numbers, stand below the bars; else the axis has ticks.
    let named = !series.datasets.is_empty() || datasets <= FEW_DATASETS;
    let look = Look {
        x_label: "Data set",
        y_label: "Posterior probability",
        aspect: 0.6,
        shared_y: false,
        bare_x: named,
        bare_y: false,
        legend: &legend,
    };
    let x = Limits::fixed(-0.6, datasets as f64 - 0.4);
    let plan = Plan { title: String::new(), x, y: Limits::fixed(0.0, 1.0) };
    let (mut canvas, mut panels) = arrange(&[plan], &GridOptions::default(), &look)?;
    let panel = panels.remove(0);
    for (index, row) in series.rows.iter().enumerate() {
        let (from, to) = (index as f64 - 0.42, index as f64 + 0.42);
        let mut ground = 0.0;
        for (model, &probability) in row.iter().enumerate() {
            let (low, high) = (panel.pixel(from, ground), panel.pixel(to, (ground + probability).min(1.0)));
            if probability > 0.0 {
                canvas.rectangle((low.0, high.1), (high.0, low.1), color(model));
            }
            ground += probability;
        }
        if named {
            let name = series.datasets.get(index).cloned().unwrap_or_else(|| index.to_string());
            let width = panel.frame.width / datasets as f64;
            let (content, size) = style::fit_text(&name, style::TICK_SIZE, width.max(style::TICK_SIZE * 1.6));
            let below = panel.frame.bottom() + style::TICK_LENGTH + style::TICK_PAD + style::TICK_SIZE / 2.0;
            let at = (panel.pixel(index as f64, 0.0).0, below);
            canvas.text(Text { at, content, size, align: Align::Middle, bold: false, upright: false });
        }
    }
    let reading = "Each bar is one data set, cut into the posterior probabilities of the models.";
    figure(canvas, "model_probabilities", "Posterior model probabilities", Omissions::default().describe(reading))
}
