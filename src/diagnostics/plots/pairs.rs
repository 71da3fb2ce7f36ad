//! Draws for one data set: every variable and every pair, the prior behind, the truth marked.

use plotters::style::RGBColor;

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::{Canvas, Stroke};
use super::contour;
use super::density::{self, Field};
use super::geometry::{Rectangle, simplify, thin};
use super::grid::{draw_x_label, draw_y_label};
use super::histogram::histogram;
use super::legend::{self, Entry, Key};
use super::panel::{Axis, Panel};
use super::series::{Omissions, figure, require_equal, require_some};
use super::style;
use crate::error::{Error, Result};

/// Draws of the posterior and, if wanted, of the prior, and the true values, for one data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairs {
    /// Names of the variables.
    pub variables: Vec<String>,
    /// Posterior draws of each variable.
    pub posterior: Vec<Vec<f64>>,
    /// Prior draws of each variable; empty for none.
    pub prior: Vec<Vec<f64>>,
    /// The true value of each variable; empty for none.
    pub truth: Vec<f64>,
}

/// More variables make panels too small to read.
const MOST_VARIABLES: usize = 16;
/// Shares of mass outside of the contours: nine regions from 95 % of the mass inwards.
const OUTSIDE: [f64; 9] =
    [0.05, 0.155_555_6, 0.261_111_1, 0.366_666_7, 0.472_222_2, 0.577_777_8, 0.683_333_3, 0.788_888_9, 0.894_444_4];
/// Panels show at most this many times the range of the posterior, however far prior and truth reach.
const WIDEST: f64 = 8.0;
/// Densities below this share of their peak are not drawn: a line on the axis says nothing.
const VISIBLE: f64 = 2e-3;
const RADIUS: f64 = 1.9;
const GAP: f64 = 12.0;
/// Most prior points per panel: they are background.
const PRIOR_POINTS: usize = 300;

/// Draws the grid of pairs: densities on the diagonal, points above it, filled density contours below it.
///
/// A pair whose draws lie on a line, or are fewer than four, has points below the diagonal as well.
///
/// # Errors
/// No variables or more than 16, columns that do not match the variables, draws of different numbers.
pub fn pairs(pairs: &Pairs) -> Result<Figure> {
    let count = pairs.variables.len();
    require_some("pairs", count)?;
    if count > MOST_VARIABLES {
        return Err(Error::argument(
            "pairs",
            format!("{count} variables came, at most {MOST_VARIABLES} can be read in one picture; select some of them"),
        ));
    }
    let mut omissions = Omissions::default();
    let posterior = complete_draws("posterior", pairs, &pairs.posterior, &mut omissions)?;
    let prior = match pairs.prior.is_empty() {
        true => vec![Vec::new(); count],
        false => complete_draws("prior", pairs, &pairs.prior, &mut omissions)?,
    };
    let truth = match pairs.truth.len() {
        0 => vec![f64::NAN; count],
        length if length == count => pairs.truth.clone(),
        length => {
            return Err(Error::shape(
                "pairs",
                format!("{length} true values came for {count} variables; give one each"),
            ));
        }
    };
    let mut zoomed = false;
    let limits: Vec<Limits> = (0..count)
        .map(|v| {
            let (limits, cut) = limits(&posterior[v], &prior[v], truth[v]);
            zoomed |= cut;
            limits
        })
        .collect();

    let beyond: Vec<&str> = (0..count)
        .filter(|&v| drawable(truth[v]) && !(0.0..=1.0).contains(&limits[v].share(truth[v])))
        .map(|v| pairs.variables[v].as_str())
        .collect();
    let sheet = Sheet { pairs, posterior, prior, truth, limits };
    let canvas = sheet.draw(&mut omissions);
    let mut reading =
        "Draws from the posterior of one data set: each variable on the diagonal, pairs as points above it and as \
                       density below it (the outermost contour holds 95 % of the mass)."
            .to_owned();
    if !pairs.prior.is_empty() {
        reading.push_str(" The prior stands behind in gray: what differs from it was learned from the data.");
    }
    if !pairs.truth.is_empty() {
        reading.push_str(" The true values are red and should look like one more draw.");
    }
    if zoomed {
        reading.push_str(" The prior reaches beyond the panels.");
    }
    if !beyond.is_empty() {
        reading.push_str(&format!(" The true value lies far outside of the panel for {}.", beyond.join(", ")));
    }
    figure(canvas, "pairs", "Posterior draws", omissions.describe(&reading))
}

/// Columns without the draws of which a number cannot be drawn.
fn complete_draws(name: &str, pairs: &Pairs, columns: &[Vec<f64>], omissions: &mut Omissions) -> Result<Vec<Vec<f64>>> {
    if columns.len() != pairs.variables.len() {
        return Err(Error::shape(
            "pairs",
            format!("{} columns of {name} came for {} variables; give one each", columns.len(), pairs.variables.len()),
        ));
    }
    for (variable, column) in pairs.variables.iter().zip(columns) {
        let lengths = [("the first variable", columns[0].len()), ("this one", column.len())];
        require_equal("pairs", variable, &lengths)?;
    }
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let rows = super::series::drawable_rows(&slices);
    omissions.not_finite(columns[0].len() - rows.len());
    Ok(columns.iter().map(|column| rows.iter().map(|&row| column[row]).collect()).collect())
}

/// Limits that show the posterior, and as much of truth and prior as leaves it readable; whether some of the prior is cut
/// off.
fn limits(posterior: &[f64], prior: &[f64], truth: f64) -> (Limits, bool) {
    let of = |values: &[f64]| Limits::of(values.iter().copied());
    let Some(alone) = of(posterior) else {
        return (of(prior).map_or(Limits::fixed(0.0, 1.0), |limits| limits.including(truth)).padded(0.05), false);
    };
    let window = alone.padded((WIDEST - 1.0) / 2.0);
    let drawn = if (0.0..=1.0).contains(&window.share(truth)) { alone.including(truth) } else { alone };
    let Some(behind) = of(prior) else { return (drawn.padded(0.15), false) };
    let shown = drawn.union(behind).within(window);
    (shown.padded(0.05), behind.low < shown.low || behind.high > shown.high)
}

/// Everything that the panels need.
struct Sheet<'a> {
    pairs: &'a Pairs,
    posterior: Vec<Vec<f64>>,
    prior: Vec<Vec<f64>>,
    truth: Vec<f64>,
    limits: Vec<Limits>,
}

impl Sheet<'_> {
    fn draw(&self, omissions: &mut Omissions) -> Canvas {
        let count = self.pairs.variables.len();
        let side = match count {
            1 => 300.0,
            2 => 230.0,
            3 => 195.0,
            4 => 170.0,
            _ => (900.0 / count as f64).max(100.0),
        };
        let ticks = if side > 180.0 { 4 } else { 3 };
        let mut axes: Vec<Axis> = self.limits.iter().map(|&limits| Axis::new(limits, ticks)).collect();
        // The panels stand too close for notes such as ×10⁵ between them: these go to the labels.
        let label = |(name, axis): (&String, &mut Axis)| match axis.ticks.note.take() {
            Some(note) => format!("{name} ({note})"),
            None => name.clone(),
        };
        let labels: Vec<String> = self.pairs.variables.iter().zip(&mut axes).map(label).collect();
        let widest = axes.iter().skip(1).map(Axis::label_width).fold(0.0, f64::max);
        let left = style::MARGIN + style::LABEL_ROOM + if count > 1 { widest + 8.0 } else { 0.0 };
        let legend = self.legend();
        let span = count as f64 * side + (count - 1) as f64 * GAP;
        let top = style::MARGIN + legend::height(&legend, span) + 2.0;
        let below = style::TICK_ROOM + style::LABEL_ROOM + style::MARGIN / 2.0;
        let mut canvas = Canvas::new(left + span + style::GAP, top + span + below);
        legend::draw(&mut canvas, &legend, left, style::MARGIN / 2.0, span);
        let offset = |index: usize| index as f64 * (side + GAP);
        for row in 0..count {
            for column in 0..count {
                let frame =
                    Rectangle { left: left + offset(column), top: top + offset(row), width: side, height: side };
                let mut panel = Panel { frame, x: axes[column].clone(), y: axes[row].clone() };
                blank_protruding(&mut panel.x, side);
                panel.x.numbered = row == count - 1;
                panel.y.numbered = column == 0 && row > 0;
                if row == column {
                    self.diagonal(&mut canvas, panel, row);
                } else {
                    panel.draw_axes(&mut canvas);
                    self.pair(&mut canvas, &panel, column, row, omissions);
                }
                if row == count - 1 {
                    draw_x_label(&mut canvas, &frame, &labels[column]);
                }
                if column == 0 {
                    let label = if count > 1 { labels[row].as_str() } else { "Density" };
                    draw_y_label(&mut canvas, &frame, style::MARGIN + style::LABEL_SIZE / 2.0, label);
                }
            }
        }
        canvas
    }

    fn legend(&self) -> Vec<Entry> {
        let mut entries = vec![Entry::new(Key::Disc(style::solid(style::MAIN)), "Posterior")];
        if !self.pairs.prior.is_empty() {
            entries.push(Entry::new(Key::Disc(style::solid(style::PRIOR)), "Prior"));
        }
        if self.truth.iter().any(|&value| drawable(value)) {
            let key = match self.pairs.variables.len() {
                1 => Key::Line { stroke: truth_line(), marker: false },
                _ => Key::Cross(truth_cross()),
            };
            entries.push(Entry::new(key, "True value"));
        }
        entries
    }

    /// Histograms and densities of one variable.
    fn diagonal(&self, canvas: &mut Canvas, mut panel: Panel, v: usize) {
        let groups = [(&self.prior[v], style::PRIOR, 0.22, 1.4), (&self.posterior[v], style::MAIN, 0.35, 2.0)];
        let limits = panel.x.limits;
        let shapes = groups.map(|(draws, color, opacity, width)| {
            let shares: Vec<f64> = draws.iter().map(|&draw| limits.share(draw)).collect();
            (histogram(&shares), density::curve(&shares), color, opacity, width)
        });
        let peak = |(bars, curve, ..): &(Vec<(f64, f64)>, Option<density::Curve>, RGBColor, f64, f64)| {
            let smooth = curve.as_ref().map_or(0.0, |curve| curve.density.iter().copied().fold(0.0, f64::max));
            bars.iter().map(|bar| bar.1).fold(smooth, f64::max)
        };
        let highest = shapes.iter().map(peak).fold(0.0, f64::max);
        panel.y = Axis::bare(Limits::fixed(0.0, if highest > 0.0 { 1.08 * highest } else { 1.0 }));
        panel.draw_axes(canvas);
        if self.posterior[v].is_empty() {
            panel.draw_notice(canvas, "no finite draws");
        }
        let back = |share: f64| limits.low + share * limits.range();
        for (bars, curve, color, opacity, width) in shapes {
            panel.area(canvas, bars.into_iter().map(|(x, y)| (back(x), y)), style::faded(color, opacity));
            if let Some(curve) = curve {
                let visible = VISIBLE * curve.density.iter().copied().fold(0.0, f64::max);
                let points = curve.x.iter().map(|&x| back(x)).zip(curve.density).filter(|point| point.1 > visible);
                panel.curve(canvas, points, Stroke::new(style::solid(color), width));
            }
        }
        panel.curve(canvas, [(self.truth[v], 0.0), (self.truth[v], panel.y.limits.high)], truth_line());
    }

    /// Points above the diagonal, contours below it.
    fn pair(&self, canvas: &mut Canvas, panel: &Panel, x: usize, y: usize, omissions: &mut Omissions) {
        let count = self.pairs.variables.len();
        let keep = (style::MARKS_PER_FIGURE / (count * count)).clamp(80, style::MARKS_PER_PANEL);
        let prior = thin(self.prior[x].len(), keep.min(PRIOR_POINTS)).map(|i| (self.prior[x][i], self.prior[y][i]));
        panel.discs(canvas, prior, RADIUS - 0.2, style::faded(style::PRIOR, 0.4));
        let points = self.posterior[x].iter().copied().zip(self.posterior[y].iter().copied());
        if x > y || !contours(canvas, panel, points.collect(), if count > 4 { 64 } else { 96 }) {
            let total = self.posterior[x].len();
            omissions.thinned(keep.min(total), total);
            let shown = thin(total, keep).map(|i| (self.posterior[x][i], self.posterior[y][i]));
            panel.discs(canvas, shown, RADIUS, style::faded(style::MAIN, 0.55));
        }
        let arm = if count > 4 { 4.0 } else { 5.0 };
        panel.cross(canvas, self.truth[x], self.truth[y], arm, truth_halo());
        panel.cross(canvas, self.truth[x], self.truth[y], arm, truth_cross());
    }
}

/// Removes numbers that would reach halfway to the neighbouring panel.
fn blank_protruding(axis: &mut Axis, side: f64) {
    for (value, label) in axis.ticks.values.iter().zip(&mut axis.ticks.labels) {
        let (middle, half) = (axis.limits.share(*value) * side, style::text_width(label, style::TICK_SIZE) / 2.0);
        if middle - half < 1.0 - GAP / 2.0 || middle + half > side + GAP / 2.0 - 1.0 {
            label.clear();
        }
    }
}

fn truth_line() -> Stroke {
    Stroke::new(style::solid(style::TRUTH), 1.8).dashed()
}

fn truth_cross() -> Stroke {
    Stroke::new(style::solid(style::TRUTH), 2.2)
}

/// Paper around the cross, so that it stands out on dark contours.
fn truth_halo() -> Stroke {
    Stroke::new(style::faded(style::PAPER, 0.85), 4.2)
}

/// Fills the regions of highest density; `false` if the draws have no density in the plane.
fn contours(canvas: &mut Canvas, panel: &Panel, draws: Vec<(f64, f64)>, side: usize) -> bool {
    let (x, y) = (panel.x.limits, panel.y.limits);
    let shares: Vec<(f64, f64)> = draws.into_iter().map(|(a, b)| (x.share(a), y.share(b))).collect();
    let Some(field) = Field::new(&shares, side) else { return false };
    let place = |&(column, row): &(f64, f64)| {
        let (across, up) = field.point(column, row);
        (panel.frame.left + across * panel.frame.width, panel.frame.bottom() - up * panel.frame.height)
    };
    for (index, level) in field.levels(&OUTSIDE).into_iter().enumerate() {
        let rings: Vec<Vec<(f64, f64)>> = contour::rings(&field.values, side, level)
            .iter()
            .map(|ring| {
                simplify(&ring.iter().chain(ring.first()).map(place).collect::<Vec<_>>(), 2.0 * style::CURVE_TOLERANCE)
            })
            .collect();
        let strength = 0.18 + 0.82 * index as f64 / (OUTSIDE.len() - 1) as f64;
        canvas.polygon(panel.frame.clip_polygon(&contour::join(&rings)), style::on_paper(style::MAIN, strength));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_prior_does_not_squeeze_the_posterior() {
        let (shown, cut) = limits(&[0.0, 1.0], &[-1000.0, 1000.0], f64::NAN);
        assert!(cut && shown.range() < 10.0, "{shown:?}");
        let (shown, cut) = limits(&[0.0, 1.0], &[-2.0, 2.0], 0.5);
        assert!(!cut && shown.low < -2.0 && shown.high > 2.0, "{shown:?}");
    }
}
