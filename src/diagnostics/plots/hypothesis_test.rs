//! An observed distance against the distances that chance gives.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::Stroke;
use super::density;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, figure, require_some};
use super::style;
use crate::error::{Error, Result};

/// A test of misspecification, see [`BootstrapComparison`](crate::diagnostics::BootstrapComparison).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HypothesisTestSeries {
    /// Distances of null samples.
    pub null: Vec<f64>,
    /// Distance of the observed data; none for the null distribution alone.
    pub observed: Option<f64>,
    /// Distance from which on the test rejects.
    pub critical: f64,
    /// Probability of a rejection by chance, such as 0.05.
    pub level: f64,
    /// p-value of the observed distance, written into the picture.
    pub p_value: Option<f64>,
}

/// Draws the density of the null distances with the rejection area, and the observed distance.
///
/// # Errors
/// No null distances, a critical value that is not finite, or a level outside of `(0, 1)`.
pub fn mmd_hypothesis_test(series: &HypothesisTestSeries) -> Result<Figure> {
    require_some("mmd_hypothesis_test", series.null.len())?;
    if !(series.level > 0.0 && series.level < 1.0 && drawable(series.critical)) {
        return Err(Error::argument(
            "level, critical",
            format!(
                "{} and {} came; give a level between 0 and 1 and a finite distance",
                series.level, series.critical
            ),
        ));
    }
    let mut omissions = Omissions::default();
    let null: Vec<f64> = series.null.iter().copied().filter(|&x| drawable(x)).collect();
    omissions.not_finite(series.null.len() - null.len());
    let alone = Limits::of(null.iter().copied()).unwrap_or(Limits::fixed(0.0, 1.0)).padded(0.35);
    let observed = series.observed.filter(|&x| drawable(x));
    let x = alone.including(series.critical).including(observed.unwrap_or(series.critical)).padded(0.04);
    let shares: Vec<f64> = null.iter().map(|&value| x.share(value)).collect();
    let curve: Vec<(f64, f64)> = density::curve(&shares)
        .map(|curve| curve.x.iter().map(|&share| x.low + share * x.range()).zip(curve.density).collect())
        .unwrap_or_default();
    let highest = curve.iter().map(|point| point.1).fold(0.0, f64::max);
    let y = Limits::fixed(0.0, if highest > 0.0 { 1.1 * highest } else { 1.0 });
    let outline = Stroke::new(style::solid(style::MAIN), style::CURVE_WIDTH);
    let area = style::faded(style::MAIN, 0.18);
    let rejection = style::faded(style::SECOND, 0.45);
    let border = Stroke::new(style::solid(style::SECOND), style::THIN_WIDTH + 0.4);
    let line = Stroke::new(style::solid(style::TRUTH), style::CURVE_WIDTH).dashed();
    let mut legend = vec![
        Entry::new(Key::Patch(area), "Null distribution"),
        Entry::new(Key::Patch(rejection), format!("{} % rejection area", (100.0 * series.level).round())),
    ];
    if observed.is_some() {
        legend.push(Entry::new(Key::Line { stroke: line, marker: false }, "Observed"));
    }
    let look = Look {
        x_label: "Maximum mean discrepancy",
        y_label: "Density",
        aspect: 0.55,
        shared_y: false,
        bare_x: false,
        bare_y: true,
        legend: &legend,
    };
    let plan = Plan { title: String::new(), x, y };
    let (mut canvas, panels) = arrange(&[plan], &GridOptions::default(), &look)?;
    let panel = &panels[0];
    if curve.is_empty() {
        panel.draw_notice(&mut canvas, "no density: too few or equal distances");
    }
    let ground = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        let ends = points.first().zip(points.last()).map(|(first, last)| [(last.0, 0.0), (first.0, 0.0)]);
        points.into_iter().chain(ends.into_iter().flatten()).collect()
    };
    panel.area(&mut canvas, ground(curve.clone()), area);
    panel.area(&mut canvas, ground(curve.iter().copied().filter(|p| p.0 >= series.critical).collect()), rejection);
    panel.curve(&mut canvas, curve, outline);
    panel.curve(&mut canvas, [(series.critical, 0.0), (series.critical, y.high)], border);
    if let Some(observed) = observed {
        panel.curve(&mut canvas, [(observed, 0.0), (observed, y.high)], line);
    }
    if let Some(p_value) = series.p_value.filter(|p| p.is_finite()) {
        panel.draw_corner_note(&mut canvas, &format!("p = {p_value:.3}"));
    }
    let reading = "Distances between samples of the reference set, as chance gives them. An observed distance in the rejection \
                   area means that the observed data are unlike the simulated ones: the model may be misspecified, and the \
                   posterior unreliable.";
    figure(canvas, "mmd_hypothesis_test", "Test of misspecification", omissions.describe(reading))
}
