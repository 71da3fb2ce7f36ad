//! Calibration of predicted quantiles, with pointwise bands.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::Stroke;
use super::ecdf::EcdfBand;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One variable of the picture of predicted quantiles; both columns have one value per level.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantileSeries {
    /// Name of the variable.
    pub variable: String,
    /// Levels of the quantiles, increasing within `[0, 1]`.
    pub levels: Vec<f64>,
    /// Share of data sets whose predicted quantile lies above the truth, see
    /// [`ecdf_from_quantiles`](crate::diagnostics::ecdf_from_quantiles).
    pub share: Vec<f64>,
}

/// How the picture of predicted quantiles is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantileOptions {
    /// Subtract the levels: calibrated quantiles lie around 0.
    pub difference: bool,
    /// Arrangement of the panels.
    pub grid: GridOptions,
}

impl Default for QuantileOptions {
    fn default() -> Self {
        QuantileOptions { difference: true, grid: GridOptions::default() }
    }
}

/// Draws the shares at their levels over a pointwise band, see
/// [`pointwise_ecdf_bands`](crate::diagnostics::pointwise_ecdf_bands).
///
/// # Errors
/// No variables, columns of different lengths, or an impossible grid.
pub fn calibration_ecdf_from_quantiles(
    series: &[QuantileSeries],
    band: &EcdfBand,
    options: &QuantileOptions,
) -> Result<Figure> {
    const PICTURE: &str = "calibration_ecdf_from_quantiles";
    require_some(PICTURE, series.len())?;
    let lengths = [("levels", band.levels.len()), ("lower", band.lower.len()), ("upper", band.upper.len())];
    require_equal(PICTURE, "band", &lengths)?;
    let mut omissions = Omissions::default();
    let shift = |level: f64| if options.difference { level } else { 0.0 };
    let mut curves = Vec::with_capacity(series.len());
    for one in series {
        require_equal(PICTURE, &one.variable, &[("levels", one.levels.len()), ("share", one.share.len())])?;
        let rows = drawable_rows(&[&one.levels, &one.share]);
        omissions.not_finite(one.levels.len() - rows.len());
        let point = |&row: &usize| (one.levels[row], one.share[row] - shift(one.levels[row]));
        curves.push(rows.iter().map(point).collect::<Vec<_>>());
    }
    let against =
        |ends: &[f64]| -> Vec<f64> { band.levels.iter().zip(ends).map(|(&level, end)| end - shift(level)).collect() };
    let (lower, upper) = (against(&band.lower), against(&band.upper));
    let y = if options.difference {
        let heights = curves.iter().flatten().map(|&(_, y)| y).chain(lower.iter().chain(&upper).copied());
        let largest = heights.filter(|&y| drawable(y)).map(f64::abs).fold(0.02, f64::max);
        Limits::fixed(-1.12 * largest, 1.12 * largest)
    } else {
        Limits::fixed(-0.03, 1.03)
    };
    let x = Limits::fixed(-0.02, 1.02);
    let plans: Vec<Plan> = series.iter().map(|one| Plan { title: one.variable.clone(), x, y }).collect();
    let line = Stroke::new(style::solid(style::MAIN), style::CURVE_WIDTH);
    let shade = style::faded(style::BAND, style::BAND_OPACITY);
    let percent = (100.0 * band.confidence).round();
    let mut legend = vec![Entry::new(Key::Line { stroke: line, marker: true }, "Predicted quantiles")];
    if !band.levels.is_empty() {
        legend.push(Entry::new(Key::Patch(shade), format!("{percent} % pointwise band")));
    }
    let look = Look {
        x_label: "Quantile level",
        y_label: if options.difference { "ECDF difference" } else { "ECDF" },
        aspect: style::LANDSCAPE,
        shared_y: true,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, &options.grid, &look)?;
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    for (curve, panel) in curves.into_iter().zip(&panels) {
        panel.ribbon(&mut canvas, &band.levels, &lower, &upper, shade);
        panel.curve(&mut canvas, [(0.0, 0.0), (1.0, 1.0 - shift(1.0))], ideal);
        if curve.is_empty() {
            panel.draw_notice(&mut canvas, "no finite shares");
        }
        panel.curve(&mut canvas, curve.iter().copied(), line);
        panel.discs(&mut canvas, curve, style::POINT_RADIUS + 0.6, style::solid(style::MAIN));
    }
    let center = if options.difference { "0" } else { "the diagonal" };
    let reading = format!(
        "Share of data sets whose predicted quantile lies above the truth, for each level. Calibrated quantiles lie around \
         {center}; each single point stays inside of the band with probability {percent} %, all together leave it more often."
    );
    figure(canvas, PICTURE, "Calibration of quantiles", omissions.describe(&reading))
}
