//! True and predicted models as a heat map.

use super::Figure;
use super::axis::{Limits, Ticks};
use super::canvas::{Align, Canvas, Text};
use super::color_map::{self, draw_upright_bar};
use super::geometry::Rectangle;
use super::grid::{draw_x_label, draw_y_label};
use super::series::{Omissions, figure, require_some};
use super::style;
use crate::error::{Error, Result};

/// Counts or shares of pairs of models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfusionSeries {
    /// Names of the models.
    pub models: Vec<String>,
    /// One row for each true model, one column for each predicted one.
    pub rows: Vec<Vec<f64>>,
    /// The values are shares, written with two decimals; else counts.
    pub shares: bool,
}

/// Share of the largest value above which a cell is so dark that its number is white.
const DARK: f64 = 0.5;
/// Room for the numbers of the colour bar.
const BAR_NUMBERS: f64 = 48.0;
/// Sides of a cell.
const LARGEST_CELL: f64 = 84.0;
const SMALLEST_CELL: f64 = 44.0;
/// Room for the names of true models.
const NAMES: f64 = 110.0;

/// Draws the confusion matrix: rows are true models, columns predicted ones, the darker the more. A colour bar on the right goes from
/// white at 0 to the colour of the largest value.
///
/// # Errors
/// No models, or rows that do not match them.
pub fn mc_confusion_matrix(matrix: &ConfusionSeries) -> Result<Figure> {
    let count = matrix.models.len();
    require_some("mc_confusion_matrix", count)?;
    if matrix.rows.len() != count || matrix.rows.iter().any(|row| row.len() != count) {
        return Err(Error::shape(
            "mc_confusion_matrix",
            format!(
                "{} rows with {:?} columns came for {count} models; give one of each for each model",
                matrix.rows.len(),
                matrix.rows.iter().map(Vec::len).collect::<Vec<_>>()
            ),
        ));
    }
    let mut omissions = Omissions::default();
    let cell = (340.0 / count as f64).clamp(SMALLEST_CELL, LARGEST_CELL);
    let widest = matrix.models.iter().map(|name| style::text_width(name, style::TICK_SIZE)).fold(0.0, f64::max);
    let left = style::MARGIN + style::LABEL_ROOM + widest.min(NAMES) + style::TICK_PAD;
    let side = count as f64 * cell;
    let below = style::TICK_ROOM + style::LABEL_ROOM + style::MARGIN / 2.0;
    let mut canvas = Canvas::new(
        left + side + style::GAP + color_map::BAR + style::TICK_PAD + BAR_NUMBERS,
        style::MARGIN + side + below,
    );
    let largest = matrix.rows.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let color = |share: f64| style::on_paper(style::MAIN, share);
    let fitted = |at, content: &str, width: f64, size: f64, align: Align| {
        let (content, size) = style::fit_text(content, size, width);
        Text { at, content, size, align, bold: false, upright: false }
    };
    for (t, row) in matrix.rows.iter().enumerate() {
        let top = style::MARGIN + t as f64 * cell;
        let name_at = (left - style::TICK_PAD, top + cell / 2.0);
        canvas.text(fitted(name_at, &matrix.models[t], NAMES, style::TICK_SIZE, Align::End));
        for (p, &value) in row.iter().enumerate() {
            let corner = (left + p as f64 * cell, top);
            if !value.is_finite() {
                omissions.not_finite(1);
                continue;
            }
            let share = if largest > 0.0 { (value / largest).clamp(0.0, 1.0) } else { 0.0 };
            let opposite = (corner.0 + cell - 1.0, corner.1 + cell - 1.0);
            canvas.rectangle((corner.0 + 1.0, corner.1 + 1.0), opposite, color(share));
            let number = if matrix.shares { format!("{value:.2}") } else { format!("{value:.0}") };
            let middle = (corner.0 + cell / 2.0, corner.1 + cell / 2.0);
            let ink = if share > DARK { style::PAPER } else { style::TEXT };
            canvas.text_in(fitted(middle, &number, cell - 4.0, style::LEGEND_SIZE, Align::Middle), ink);
        }
    }
    for (p, name) in matrix.models.iter().enumerate() {
        let at =
            (left + (p as f64 + 0.5) * cell, style::MARGIN + side + style::TICK_PAD + style::TICK_SIZE / 2.0 + 2.0);
        canvas.text(fitted(at, name, cell - 4.0, style::TICK_SIZE, Align::Middle));
    }
    let bar = Rectangle { left: left + side + style::GAP, top: style::MARGIN, width: color_map::BAR, height: side };
    let limits = Limits::fixed(0.0, if largest > 0.0 { largest } else { 1.0 });
    draw_upright_bar(&mut canvas, limits, &ticks(limits, matrix.shares), bar, color);
    let frame = Rectangle { left, top: style::MARGIN, width: side, height: side };
    draw_x_label(&mut canvas, &frame, "Predicted model");
    draw_y_label(&mut canvas, &frame, style::MARGIN + style::LABEL_SIZE / 2.0, "True model");
    let what = if matrix.shares { "share" } else { "number" };
    let reading = format!(
        "The {what} of data sets by the model that they come from (row) and the one with the largest probability (column). \
         What lies off the diagonal is confused."
    );
    figure(canvas, "mc_confusion_matrix", "Confusion matrix", omissions.describe(&reading))
}

/// Numbers of the colour bar; those of counts are whole.
fn ticks(limits: Limits, shares: bool) -> Ticks {
    let mut ticks = Ticks::new(limits, 5);
    if !shares {
        let whole = ticks.values.into_iter().zip(ticks.labels).filter(|(value, _)| value.fract() == 0.0);
        (ticks.values, ticks.labels) = whole.unzip();
        if ticks.note.is_none() {
            ticks.labels = ticks.values.iter().map(|value| format!("{value:.0}")).collect();
        }
    }
    ticks
}
