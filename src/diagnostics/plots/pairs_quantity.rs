//! A number per data set as colour over all pairs of true values.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::{Align, Canvas, Text};
use super::color_map::{self, viridis};
use super::geometry::{Rectangle, thin};
use super::grid::{draw_x_label, draw_y_label};
use super::panel::{Axis, Panel};
use super::series::{Omissions, figure, require_equal, require_some};
use super::style;
use crate::error::{Error, Result};

/// True values and a quantity of each data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairsQuantity {
    /// Names of the variables.
    pub variables: Vec<String>,
    /// True values of each variable, one per data set.
    pub truth: Vec<Vec<f64>>,
    /// The quantity, one value per data set: a column for each variable, or a single one for all.
    pub values: Vec<Vec<f64>>,
    /// Name of the quantity.
    pub quantity: String,
    /// Range of the colours; without it that of the values.
    pub range: Option<[f64; 2]>,
}

/// More variables make panels too small to read.
const MOST_VARIABLES: usize = 16;
const RADIUS: f64 = 2.6;
/// Largest number of discs in the picture: their colours make each larger than a disc of one colour.
const MARKS: usize = 8_000;
/// Colours that are told apart: discs of one colour are one mark, which keeps the picture small.
const LEVELS: usize = 20;
const GAP: f64 = 12.0;

/// Draws the grid: off the diagonal the true values of two variables, coloured by the quantity of the horizontal one; on the
/// diagonal the quantity of a variable against its true value.
///
/// # Errors
/// No variables or more than 16, columns that do not match, or a range that is not in order.
pub fn pairs_quantity(pairs: &PairsQuantity) -> Result<Figure> {
    let count = pairs.variables.len();
    require_some("pairs_quantity", count)?;
    if count > MOST_VARIABLES {
        return Err(Error::argument(
            "pairs_quantity",
            format!("{count} variables came, at most {MOST_VARIABLES} can be read in one picture; select some of them"),
        ));
    }
    if pairs.truth.len() != count || !(pairs.values.len() == count || pairs.values.len() == 1) {
        return Err(Error::shape(
            "pairs_quantity",
            format!(
                "{} columns of true values and {} of the quantity came for {count} variables; give one each, or a single \
                 one of the quantity for all",
                pairs.truth.len(),
                pairs.values.len()
            ),
        ));
    }
    for (variable, column) in pairs.variables.iter().zip(&pairs.truth) {
        require_equal(
            "pairs_quantity",
            variable,
            &[("the first variable", pairs.truth[0].len()), ("truth", column.len())],
        )?;
    }
    for column in &pairs.values {
        let lengths = [("truth", pairs.truth[0].len()), ("the quantity", column.len())];
        require_equal("pairs_quantity", &pairs.quantity, &lengths)?;
    }
    let range = match pairs.range {
        Some([low, high]) if low < high && drawable(low) && drawable(high) => Limits::fixed(low, high),
        Some([low, high]) => {
            return Err(Error::argument("range", format!("is {low} to {high}; give two numbers in order")));
        }
        None => Limits::of(pairs.values.iter().flatten().copied()).unwrap_or(Limits::fixed(0.0, 1.0)),
    };
    let mut omissions = Omissions::default();
    let canvas = draw(pairs, range, &mut omissions);
    let not_drawable = pairs.values.iter().chain(&pairs.truth).flatten().filter(|x| !drawable(**x)).count();
    omissions.not_finite(not_drawable);
    let reading = format!(
        "Each point is one data set. Off the diagonal: two true values, coloured by {} of the variable below. On the \
         diagonal: {} of the variable against its true value, over the range of the colour bar.",
        pairs.quantity, pairs.quantity
    );
    figure(canvas, "pairs_quantity", &format!("{} by true values", pairs.quantity), omissions.describe(&reading))
}

fn draw(pairs: &PairsQuantity, range: Limits, omissions: &mut Omissions) -> Canvas {
    let count = pairs.variables.len();
    let side = match count {
        1 => 300.0,
        2 => 230.0,
        3 => 195.0,
        4 => 170.0,
        _ => (900.0 / count as f64).max(100.0),
    };
    let limits = |column: &Vec<f64>| Limits::of(column.iter().copied()).unwrap_or(Limits::fixed(0.0, 1.0)).padded(0.06);
    let mut axes: Vec<Axis> = pairs.truth.iter().map(|column| Axis::new(limits(column), 3)).collect();
    let label = |(name, axis): (&String, &mut Axis)| match axis.ticks.note.take() {
        Some(note) => format!("{name} ({note})"),
        None => name.clone(),
    };
    let labels: Vec<String> = pairs.variables.iter().zip(&mut axes).map(label).collect();
    let mut height = Axis::new(range.padded(0.06), 3);
    height.ticks.note = None;
    height.numbered = false;
    let widest = axes.iter().skip(1).map(Axis::label_width).fold(0.0, f64::max);
    let left = style::MARGIN + style::LABEL_ROOM + if count > 1 { widest + 8.0 } else { 0.0 };
    let span = count as f64 * side + (count - 1) as f64 * GAP;
    let top = style::MARGIN;
    let below = style::TICK_ROOM + style::LABEL_ROOM + style::GAP;
    let right = height.label_width() + style::TICK_PAD + style::GAP;
    let mut canvas = Canvas::new(left + span + right, top + span + below + color_map::BAR_ROOM + style::MARGIN / 2.0);
    let offset = |index: usize| index as f64 * (side + GAP);
    let keep = (MARKS / (count * count)).clamp(80, style::MARKS_PER_PANEL);
    let total = pairs.truth[0].len();
    omissions.thinned(keep.min(total), total);
    for row in 0..count {
        for column in 0..count {
            let frame = Rectangle { left: left + offset(column), top: top + offset(row), width: side, height: side };
            let y = if row == column { height.clone() } else { axes[row].clone() };
            let mut panel = Panel { frame, x: axes[column].clone(), y };
            panel.x.numbered = row == count - 1;
            panel.y.numbered = column == 0 && row > 0;
            panel.draw_axes(&mut canvas);
            let values = &pairs.values[column.min(pairs.values.len() - 1)];
            let shown: Vec<usize> = thin(total, keep).filter(|&i| drawable(values[i])).collect();
            let level = |i: usize| (range.share(values[i]).clamp(0.0, 1.0) * (LEVELS - 1) as f64).round() as usize;
            for one in 0..LEVELS {
                let points = shown.iter().filter(|&&i| level(i) == one).map(|&i| {
                    let y = if row == column { values[i] } else { pairs.truth[row][i] };
                    (pairs.truth[column][i], y)
                });
                panel.discs(&mut canvas, points, RADIUS, viridis(one as f64 / (LEVELS - 1) as f64, 0.9));
            }
            if row == count - 1 {
                draw_x_label(&mut canvas, &frame, &labels[column]);
            }
            if column == 0 {
                let label = if count > 1 { &labels[row] } else { &pairs.quantity };
                draw_y_label(&mut canvas, &frame, style::MARGIN + style::LABEL_SIZE / 2.0, label);
            }
            if row == column && column == count - 1 {
                right_numbers(&mut canvas, &panel, &height);
            }
        }
    }
    let width = span.min(360.0);
    let start = left + (span - width) / 2.0;
    color_map::draw_bar(&mut canvas, range, &pairs.quantity, start, top + span + below, width);
    canvas
}

/// Numbers of the quantity right of the last panel of the diagonal.
fn right_numbers(canvas: &mut Canvas, panel: &Panel, axis: &Axis) {
    for (&value, number) in axis.ticks.values.iter().zip(&axis.ticks.labels) {
        let at = (panel.frame.right() + style::TICK_PAD, panel.pixel(0.0, value).1);
        let content = number.clone();
        canvas.text(Text { at, content, size: style::TICK_SIZE, align: Align::Start, bold: false, upright: false });
    }
}
