//! True and predicted models as a heat map.

use super::Figure;
use super::canvas::{Align, Canvas, Text};
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

/// Strongest colour of a cell, as opacity: the numbers stay readable on it.
const STRONGEST: f64 = 0.55;
/// Sides of a cell.
const LARGEST_CELL: f64 = 84.0;
const SMALLEST_CELL: f64 = 44.0;
/// Room for the names of true models.
const NAMES: f64 = 110.0;

/// Draws the confusion matrix: rows are true models, columns predicted ones, the darker the more.
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
    let mut canvas = Canvas::new(left + side + style::GAP, style::MARGIN + side + below);
    let largest = matrix.rows.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let text = |canvas: &mut Canvas, at, content: &str, width: f64, size: f64, align: Align| {
        let (content, size) = style::fit_text(content, size, width);
        canvas.text(Text { at, content, size, align, bold: false, upright: false });
    };
    for (t, row) in matrix.rows.iter().enumerate() {
        let top = style::MARGIN + t as f64 * cell;
        let name_at = (left - style::TICK_PAD, top + cell / 2.0);
        text(&mut canvas, name_at, &matrix.models[t], NAMES, style::TICK_SIZE, Align::End);
        for (p, &value) in row.iter().enumerate() {
            let corner = (left + p as f64 * cell, top);
            if !value.is_finite() {
                omissions.not_finite(1);
                continue;
            }
            let share = if largest > 0.0 { (value / largest).clamp(0.0, 1.0) } else { 0.0 };
            let color = style::on_paper(style::MAIN, 0.03 + (STRONGEST - 0.03) * share);
            canvas.rectangle((corner.0 + 1.0, corner.1 + 1.0), (corner.0 + cell - 1.0, corner.1 + cell - 1.0), color);
            let number = if matrix.shares { format!("{value:.2}") } else { format!("{value:.0}") };
            let middle = (corner.0 + cell / 2.0, corner.1 + cell / 2.0);
            text(&mut canvas, middle, &number, cell - 4.0, style::LEGEND_SIZE, Align::Middle);
        }
    }
    for (p, name) in matrix.models.iter().enumerate() {
        let at =
            (left + (p as f64 + 0.5) * cell, style::MARGIN + side + style::TICK_PAD + style::TICK_SIZE / 2.0 + 2.0);
        text(&mut canvas, at, name, cell - 4.0, style::TICK_SIZE, Align::Middle);
    }
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
