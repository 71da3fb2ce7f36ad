//! Expected coverage of balls around random points.

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, require_equal};
use super::style;
use crate::error::{Error, Result};

/// The curve of [`tarp`](crate::diagnostics::tarp); all columns have one value per credibility.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TarpSeries {
    /// Credibilities in `[0, 1]`, increasing.
    pub credibility: Vec<f64>,
    /// Expected coverage.
    pub coverage: Vec<f64>,
    /// Lower end of the simultaneous band.
    pub lower: Vec<f64>,
    /// Upper end.
    pub upper: Vec<f64>,
    /// Probability of the band, such as 0.95.
    pub confidence: f64,
    /// p-value of the ranks, written into the picture.
    pub p_value: Option<f64>,
}

/// Draws coverage against credibility over the band.
///
/// # Errors
/// No credibilities, or columns of different lengths.
pub fn tarp(series: &TarpSeries) -> Result<Figure> {
    if series.credibility.is_empty() {
        return Err(Error::argument("tarp", "no values came; give at least one credibility with its coverage"));
    }
    let lengths = [
        ("credibility", series.credibility.len()),
        ("coverage", series.coverage.len()),
        ("lower", series.lower.len()),
        ("upper", series.upper.len()),
    ];
    require_equal("tarp", "all parameters", &lengths)?;
    let mut omissions = Omissions::default();
    let rows = drawable_rows(&[&series.credibility, &series.coverage]);
    omissions.not_finite(series.credibility.len() - rows.len());
    let limits = Limits::fixed(-0.03, 1.03);
    let line = Stroke::new(style::solid(style::MAIN), style::CURVE_WIDTH);
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let shade = style::faded(style::BAND, style::BAND_OPACITY);
    let percent = (100.0 * series.confidence).round();
    let legend = [
        Entry::new(Key::Line { stroke: line, marker: false }, "Expected coverage"),
        Entry::new(Key::Patch(shade), format!("{percent} % simultaneous band")),
    ];
    let look = Look {
        x_label: "Credibility",
        y_label: "Expected coverage",
        aspect: 1.0,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let plan = Plan { title: "All parameters".to_owned(), x: limits, y: limits };
    let (mut canvas, panels) = arrange(&[plan], &GridOptions::default(), &look)?;
    let panel = &panels[0];
    panel.ribbon(&mut canvas, &series.credibility, &series.lower, &series.upper, shade);
    panel.curve(&mut canvas, [(0.0, 0.0), (1.0, 1.0)], ideal);
    if rows.is_empty() {
        panel.draw_notice(&mut canvas, "no finite values");
    } else {
        let inner = rows.iter().map(|&row| (series.credibility[row], series.coverage[row]));
        panel.curve(&mut canvas, [(0.0, 0.0)].into_iter().chain(inner).chain([(1.0, 1.0)]), line);
    }
    if let Some(p_value) = series.p_value.filter(|p| p.is_finite()) {
        panel.draw_corner_note(&mut canvas, &format!("p = {p_value:.3}"));
    }
    let reading = format!(
        "How often a ball around a random point that holds a share of the draws (the credibility) holds the truth, for all \
         parameters together. An exact posterior follows the diagonal and stays inside of the band with probability {percent} \
         %. Above it on the left and below it on the right the posterior is too narrow, the reverse too wide; a bend to one \
         side is bias."
    );
    figure(canvas, "tarp", "Joint coverage (TARP)", omissions.describe(&reading))
}
