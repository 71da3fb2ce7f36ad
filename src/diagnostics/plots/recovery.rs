//! Estimates with intervals against true values.

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::geometry::thin;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, marks_per_panel, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One variable of the recovery picture; all columns have one value per data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecoverySeries {
    /// Name of the variable.
    pub variable: String,
    /// True values.
    pub truth: Vec<f64>,
    /// Point estimates, such as posterior medians.
    pub estimate: Vec<f64>,
    /// Lower ends of the intervals; empty, with `upper`, for points only.
    pub lower: Vec<f64>,
    /// Upper ends of the intervals.
    pub upper: Vec<f64>,
    /// Correlation of truths and estimates, shown as `r = …`.
    pub correlation: Option<f64>,
}

/// How the recovery picture is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryOptions {
    /// What the estimates are.
    pub estimate: String,
    /// Probability of the intervals, such as 0.95.
    pub probability: f64,
    /// Arrangement of the panels.
    pub grid: GridOptions,
}

impl Default for RecoveryOptions {
    fn default() -> Self {
        RecoveryOptions { estimate: "Posterior median".to_owned(), probability: 0.95, grid: GridOptions::default() }
    }
}

/// Intervals may widen the range of truths and estimates by this share; what is longer is cut off.
const ROOM_FOR_INTERVALS: f64 = 0.25;

/// More points than this are drawn smaller and fainter.
const MANY: usize = 500;

/// Draws point estimates with their intervals against the true values, with equal limits and a diagonal.
///
/// # Errors
/// No variables, columns of different lengths, or an impossible grid.
pub fn recovery(series: &[RecoverySeries], options: &RecoveryOptions) -> Result<Figure> {
    require_some("recovery", series.len())?;
    let mut omissions = Omissions::default();
    let mut rows = Vec::with_capacity(series.len());
    let mut plans = Vec::with_capacity(series.len());
    for one in series {
        let with_intervals = !(one.lower.is_empty() && one.upper.is_empty());
        let mut columns = vec![("truth", one.truth.len()), ("estimate", one.estimate.len())];
        let mut numbers: Vec<&[f64]> = vec![&one.truth, &one.estimate];
        if with_intervals {
            columns.extend([("lower", one.lower.len()), ("upper", one.upper.len())]);
            numbers.extend([one.lower.as_slice(), one.upper.as_slice()]);
        }
        require_equal("recovery", &one.variable, &columns)?;
        let usable = drawable_rows(&numbers);
        omissions.not_finite(one.truth.len() - usable.len());
        let points = Limits::of(usable.iter().flat_map(|&row| [one.truth[row], one.estimate[row]]));
        let limits = points.map(|points| {
            let ends = usable.iter().filter(|_| with_intervals).flat_map(|&row| [one.lower[row], one.upper[row]]);
            let wide = Limits::of(ends).map_or(points, |ends| points.union(ends));
            wide.within(points.padded(ROOM_FOR_INTERVALS)).padded(0.05)
        });
        let limits = limits.unwrap_or(Limits::fixed(0.0, 1.0));
        plans.push(Plan { title: one.variable.clone(), x: limits, y: limits });
        rows.push(usable);
    }
    let percent = (100.0 * options.probability).round();
    let bar = Stroke::new(style::faded(style::MAIN, 0.35), style::THIN_WIDTH);
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let point = style::faded(style::MAIN, 0.75);
    let faint = style::faded(style::MAIN, style::POINT_OPACITY);
    let look = Look {
        x_label: "Ground truth",
        y_label: "Estimate",
        aspect: 1.0,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &[],
    };
    let legend = [
        Entry::new(Key::Disc(point), options.estimate.as_str()),
        Entry::new(Key::Line { stroke: bar, marker: false }, format!("{percent} % interval")),
    ];
    let with_intervals = series.iter().any(|one| !one.lower.is_empty());
    let look = if with_intervals { Look { legend: &legend, ..look } } else { look };
    let (mut canvas, panels) = arrange(&plans, &options.grid, &look)?;
    let keep = marks_per_panel(2 * series.len());
    for ((one, panel), usable) in series.iter().zip(&panels).zip(&rows) {
        if usable.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
            continue;
        }
        let limits = panel.x.limits;
        panel.curve(&mut canvas, [(limits.low, limits.low), (limits.high, limits.high)], ideal);
        let shown: Vec<usize> = thin(usable.len(), keep).map(|index| usable[index]).collect();
        omissions.thinned(shown.len(), usable.len());
        if !one.lower.is_empty() {
            for &row in &shown {
                let (low, high) = (one.lower[row].max(limits.low), one.upper[row].min(limits.high));
                if low < high {
                    canvas.line(panel.pixel(one.truth[row], low), panel.pixel(one.truth[row], high), bar);
                }
            }
        }
        let points = shown.iter().map(|&row| (one.truth[row], one.estimate[row]));
        if shown.len() <= MANY {
            panel.discs(&mut canvas, points, style::POINT_RADIUS, point);
        } else {
            panel.discs(&mut canvas, points, 0.7 * style::POINT_RADIUS, faint);
        }
        if let Some(correlation) = one.correlation.filter(|r| r.is_finite()) {
            let sign = if correlation < 0.0 { "−" } else { "" };
            panel.draw_corner_note(&mut canvas, &format!("r = {sign}{:.3}", correlation.abs()));
        }
    }
    let mut reading =
        "Each point is one data set. On the diagonal the estimate is the truth; a flat cloud means that the \
                       data say little about the variable."
            .to_owned();
    if with_intervals {
        reading.push_str(&format!(" About {percent} % of the bars should cross the diagonal."));
    }
    figure(canvas, "recovery", "Recovery", omissions.describe(&reading))
}
