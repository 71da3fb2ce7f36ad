//! The arrangement of panels: one per variable, in rows.

use super::axis::Limits;
use super::canvas::{Align, Canvas, Text};
use super::geometry::Rectangle;
use super::legend::{self, Entry};
use super::panel::{Axis, Panel};
use super::style;
use crate::error::{Error, Result};

/// Number of rows and columns of panels; what is not given follows from the number of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GridOptions {
    /// Number of rows; by default as many as rows of six panels need.
    pub rows: Option<usize>,
    /// Number of columns; by default as many as the rows need.
    pub columns: Option<usize>,
}

impl GridOptions {
    /// Rows and columns for `panels` panels: neither given, rows = ⌈panels ÷ 6⌉ and columns = ⌈panels ÷ rows⌉; one given,
    /// the other is the smallest that suffices.
    pub fn shape(&self, panels: usize) -> Result<(usize, usize)> {
        let positive = |name: &str, value: usize| {
            if value == 0 {
                Err(Error::argument(name, "0 came, at least 1 was expected; leave it out for the default"))
            } else {
                Ok(value)
            }
        };
        let (rows, columns) = match (self.rows, self.columns) {
            (None, None) => {
                let rows = panels.div_ceil(6).max(1);
                (rows, panels.div_ceil(rows).max(1))
            }
            (Some(rows), None) => (rows, panels.div_ceil(positive("rows", rows)?).max(1)),
            (None, Some(columns)) => (panels.div_ceil(positive("columns", columns)?).max(1), columns),
            (Some(rows), Some(columns)) => (positive("rows", rows)?, positive("columns", columns)?),
        };
        if rows.saturating_mul(columns) < panels {
            return Err(Error::argument(
                "rows, columns",
                format!("{rows} × {columns} panels were asked for, {panels} variables came; give one of the two only"),
            ));
        }
        Ok((rows, columns))
    }
}

/// What a panel needs to be placed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub title: String,
    pub x: Limits,
    pub y: Limits,
}

/// The look of a grid.
pub struct Look<'a> {
    pub x_label: &'a str,
    pub y_label: &'a str,
    /// Height over width of a panel.
    pub aspect: f64,
    /// All panels have one vertical axis: its numbers stand at the first column only.
    pub shared_y: bool,
    /// No ticks at the horizontal axis.
    pub bare_x: bool,
    /// No ticks at the vertical axis.
    pub bare_y: bool,
    pub legend: &'a [Entry],
}

/// A sheet with empty panels in place: titles, axes, labels and the legend are drawn.
pub fn arrange(plans: &[Plan], options: &GridOptions, look: &Look) -> Result<(Canvas, Vec<Panel>)> {
    let (rows, columns) = options.shape(plans.len())?;
    let (columns, rows) = (columns.min(plans.len()), rows.min(plans.len().div_ceil(columns)));
    let width = if columns <= 2 { style::LARGE_PANEL } else { style::SMALL_PANEL };
    let height = width * look.aspect;
    let ticks = 5;
    let mut axes: Vec<(Axis, Axis)> = plans
        .iter()
        .map(|plan| {
            let y = if look.bare_y { Axis::bare(plan.y) } else { Axis::new(plan.y, ticks) };
            let x = if look.bare_x { Axis::bare(plan.x) } else { Axis::new(plan.x, ticks) };
            (x, y)
        })
        .collect();
    for (index, (_, y)) in axes.iter_mut().enumerate() {
        y.numbered &= !look.shared_y || index % columns == 0;
    }
    let gutters: Vec<f64> = (0..columns)
        .map(|column| {
            let widest = axes.iter().skip(column).step_by(columns);
            let widest = widest.filter(|(_, y)| y.numbered).map(|(_, y)| y.label_width()).fold(0.0, f64::max);
            if widest > 0.0 { widest + style::TICK_LENGTH + style::TICK_PAD } else { 0.0 }
        })
        .collect();
    // A note such as ×10⁵ stands below the numbers, in the row of the label.
    let notes = axes.iter().any(|(x, _)| x.ticks.note.is_some());
    let ragged = !plans.len().is_multiple_of(columns);
    let between = style::TICK_ROOM + if notes || ragged { style::LABEL_ROOM } else { 0.0 } + style::GAP / 2.0;
    let left = style::MARGIN + style::LABEL_ROOM;
    let total_width = left + gutters.iter().sum::<f64>() + columns as f64 * (width + style::GAP) + style::MARGIN / 2.0;
    let legend_width = total_width - left - gutters[0] - style::MARGIN;
    let legend_height = legend::height(look.legend, legend_width);
    let top = style::MARGIN / 2.0 + legend_height;
    let total_height = top
        + rows as f64 * (style::TITLE_ROOM + height)
        + (rows - 1) as f64 * between
        + style::TICK_ROOM
        + style::LABEL_ROOM
        + style::MARGIN / 2.0;
    let mut canvas = Canvas::new(total_width, total_height);
    legend::draw(&mut canvas, look.legend, left + gutters[0], style::MARGIN / 2.0, legend_width);

    let mut panels = Vec::with_capacity(plans.len());
    for (index, (plan, (x, y))) in plans.iter().zip(axes).enumerate() {
        let (row, column) = (index / columns, index % columns);
        let frame = Rectangle {
            left: left + gutters[..=column].iter().sum::<f64>() + column as f64 * (width + style::GAP),
            top: top + style::TITLE_ROOM + row as f64 * (style::TITLE_ROOM + height + between),
            width,
            height,
        };
        let panel = Panel { frame, x, y };
        panel.draw_axes(&mut canvas);
        panel.draw_title(&mut canvas, &plan.title);
        if index + columns >= plans.len() {
            draw_x_label(&mut canvas, &panel.frame, look.x_label);
        }
        if column == 0 {
            draw_y_label(&mut canvas, &panel.frame, style::MARGIN + style::LABEL_SIZE / 2.0, look.y_label);
        }
        panels.push(panel);
    }
    Ok((canvas, panels))
}

/// The label below a panel.
pub fn draw_x_label(canvas: &mut Canvas, frame: &Rectangle, label: &str) {
    let (content, size) = style::fit_text(label, style::LABEL_SIZE, frame.width + 6.0);
    let at = (frame.left + frame.width / 2.0, frame.bottom() + style::TICK_ROOM + style::LABEL_ROOM / 2.0);
    canvas.text(Text { at, content, size, align: Align::Middle, bold: false, upright: false });
}

/// The label left of a panel, read from bottom to top, centred at `x`.
pub fn draw_y_label(canvas: &mut Canvas, frame: &Rectangle, x: f64, label: &str) {
    let (content, size) = style::fit_text(label, style::LABEL_SIZE, frame.height + 6.0);
    let at = (x, frame.top + frame.height / 2.0);
    canvas.text(Text { at, content, size, align: Align::Middle, bold: false, upright: true });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_follows_the_rule_of_six() {
        let shape = |panels| GridOptions::default().shape(panels).unwrap();
        assert_eq!([1, 5, 6, 7, 12, 13].map(shape), [(1, 1), (1, 5), (1, 6), (2, 4), (2, 6), (3, 5)]);
        assert_eq!(GridOptions { rows: Some(3), columns: None }.shape(7).unwrap(), (3, 3));
        assert_eq!(GridOptions { rows: None, columns: Some(2) }.shape(7).unwrap(), (4, 2));
    }

    #[test]
    fn impossible_grids_are_refused() {
        let small = GridOptions { rows: Some(1), columns: Some(2) }.shape(3).unwrap_err().to_string();
        assert!(small.contains("3 variables came"), "{small}");
        assert!(GridOptions { rows: Some(0), columns: None }.shape(3).is_err());
        assert!(GridOptions { rows: None, columns: Some(0) }.shape(3).is_err());
    }
}
