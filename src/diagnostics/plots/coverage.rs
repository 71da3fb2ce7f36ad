//! How often central intervals hold the truth, for each width.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::Stroke;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One variable of the coverage picture; all columns have one value per interval width.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoverageSeries {
    /// Name of the variable.
    pub variable: String,
    /// Widths of the intervals as represented by the draws, in `[0, 1]`, increasing.
    pub width: Vec<f64>,
    /// Share of the data sets whose interval holds the truth.
    pub estimate: Vec<f64>,
    /// Lower ends of the band around the share.
    pub lower: Vec<f64>,
    /// Upper ends of the band.
    pub upper: Vec<f64>,
}

/// How the coverage picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoverageOptions {
    /// Subtract the width: the ideal lies at 0.
    pub difference: bool,
    /// Probability of the band, such as 0.95.
    pub probability: f64,
    /// Arrangement of the panels.
    pub grid: GridOptions,
}

impl Default for CoverageOptions {
    fn default() -> Self {
        CoverageOptions { difference: false, probability: 0.95, grid: GridOptions::default() }
    }
}

/// Draws the empirical coverage over the width with its band and the ideal line.
///
/// # Errors
/// No variables, columns of different lengths, or an impossible grid.
pub fn coverage(series: &[CoverageSeries], options: &CoverageOptions) -> Result<Figure> {
    require_some("coverage", series.len())?;
    let mut omissions = Omissions::default();
    let mut shown = Vec::with_capacity(series.len());
    for one in series {
        let columns = [
            ("width", one.width.len()),
            ("estimate", one.estimate.len()),
            ("lower", one.lower.len()),
            ("upper", one.upper.len()),
        ];
        require_equal("coverage", &one.variable, &columns)?;
        let rows = drawable_rows(&[&one.width, &one.estimate, &one.lower, &one.upper]);
        omissions.not_finite(one.width.len() - rows.len());
        let against = |column: &[f64]| -> Vec<f64> {
            rows.iter().map(|&row| column[row] - if options.difference { one.width[row] } else { 0.0 }).collect()
        };
        let width: Vec<f64> = rows.iter().map(|&row| one.width[row]).collect();
        shown.push((width, against(&one.estimate), against(&one.lower), against(&one.upper)));
    }
    let y = if options.difference {
        let heights = shown.iter().flat_map(|(_, estimate, lower, upper)| estimate.iter().chain(lower).chain(upper));
        let largest = heights.filter(|&&y| drawable(y)).map(|y| y.abs()).fold(0.02, f64::max);
        Limits::fixed(-1.1 * largest, 1.1 * largest)
    } else {
        Limits::fixed(-0.03, 1.03)
    };
    let plan = |one: &CoverageSeries| Plan { title: one.variable.clone(), x: Limits::fixed(-0.03, 1.03), y };
    let plans: Vec<Plan> = series.iter().map(plan).collect();
    let curve = Stroke::new(style::solid(style::MAIN), style::CURVE_WIDTH);
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let shade = style::faded(style::BAND, style::BAND_OPACITY);
    let percent = (100.0 * options.probability).round();
    let legend = [
        Entry::new(Key::Line { stroke: curve, marker: false }, "Empirical coverage"),
        Entry::new(Key::Patch(shade), format!("{percent} % band")),
        Entry::new(Key::Line { stroke: ideal, marker: false }, "Ideal"),
    ];
    let look = Look {
        x_label: "Central interval width",
        y_label: if options.difference { "Coverage difference" } else { "Empirical coverage" },
        aspect: if options.difference { style::LANDSCAPE } else { 1.0 },
        shared_y: true,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, &options.grid, &look)?;
    for ((width, estimate, lower, upper), panel) in shown.iter().zip(&panels) {
        if width.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
            continue;
        }
        panel.ribbon(&mut canvas, width, lower, upper, shade);
        panel.curve(&mut canvas, [(0.0, 0.0), (1.0, if options.difference { 0.0 } else { 1.0 })], ideal);
        panel.curve(&mut canvas, width.iter().copied().zip(estimate.iter().copied()), curve);
    }
    let (line, below) = if options.difference { ("0", "Below 0") } else { ("the dashed line", "Below the line") };
    let reading = format!(
        "Share of data sets whose central interval of a given width holds the truth; it should follow {line}, which lies \
         inside of the band for about {percent} % of the widths. {below} the posterior is overconfident, above it is too \
         cautious."
    );
    figure(canvas, "coverage", "Coverage", omissions.describe(&reading))
}
