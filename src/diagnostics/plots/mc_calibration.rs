//! Calibration of predicted model probabilities.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::Stroke;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One model of the picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelCalibrationSeries {
    /// Name of the model.
    pub model: String,
    /// Mean predicted probability of each bin of the calibration curve.
    pub predicted: Vec<f64>,
    /// Share of data sets of each bin that come from the model.
    pub observed: Vec<f64>,
    /// Share of data sets in bins of equal width over `[0, 1]`, shown behind; empty for none.
    pub shares: Vec<f64>,
    /// Expected calibration error, shown as `ECE = …`.
    pub error: Option<f64>,
}

/// Distance of the axes' ends from 0 and 1.
const ROOM: f64 = 0.02;

/// Draws the calibration curve of each model over the shares of its predicted probabilities.
///
/// # Errors
/// No models, columns of different lengths, or an impossible grid.
pub fn mc_calibration(series: &[ModelCalibrationSeries], options: &GridOptions) -> Result<Figure> {
    require_some("mc_calibration", series.len())?;
    let mut omissions = Omissions::default();
    let limits = Limits::fixed(-ROOM, 1.0 + ROOM);
    let plan = |one: &ModelCalibrationSeries| Plan { title: one.model.clone(), x: limits, y: limits };
    let plans: Vec<Plan> = series.iter().map(plan).collect();
    let line = Stroke::new(style::solid(style::MAIN), style::CURVE_WIDTH);
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let bar = style::faded(style::BAND, 1.4 * style::BAND_OPACITY);
    let mut legend = vec![
        Entry::new(Key::Line { stroke: line, marker: true }, "Calibration curve"),
        Entry::new(Key::Line { stroke: ideal, marker: false }, "Ideal"),
    ];
    if series.iter().any(|one| !one.shares.is_empty()) {
        legend.insert(1, Entry::new(Key::Patch(bar), "Share of predictions"));
    }
    let look = Look {
        x_label: "Predicted probability",
        y_label: "True probability",
        aspect: 1.0,
        shared_y: true,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    for (one, panel) in series.iter().zip(&panels) {
        let lengths = [("predicted", one.predicted.len()), ("observed", one.observed.len())];
        require_equal("mc_calibration", &one.model, &lengths)?;
        let rows = drawable_rows(&[&one.predicted, &one.observed]);
        omissions.not_finite(one.predicted.len() - rows.len());
        let width = 1.0 / one.shares.len().max(1) as f64;
        for (bin, &share) in one.shares.iter().enumerate().filter(|(_, share)| drawable(**share)) {
            let (from, to) = ((bin as f64 + 0.06) * width, (bin as f64 + 0.94) * width);
            panel.area(&mut canvas, [(from, 0.0), (from, share), (to, share), (to, 0.0)], bar);
        }
        panel.curve(&mut canvas, [(0.0, 0.0), (1.0, 1.0)], ideal);
        if rows.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
        }
        let points = || rows.iter().map(|&row| (one.predicted[row], one.observed[row]));
        panel.curve(&mut canvas, points(), line);
        panel.discs(&mut canvas, points(), style::POINT_RADIUS + 0.6, style::solid(style::MAIN));
        if let Some(error) = one.error.filter(|error| error.is_finite()) {
            panel.draw_corner_note(&mut canvas, &format!("ECE = {error:.3}"));
        }
    }
    let reading = "Of the data sets to which a model probability is given, this share comes from the model; calibrated \
                   probabilities lie on the diagonal. Below it the probability is too high, above it too low. ECE is the mean \
                   distance from the diagonal, weighted by the number of predictions.";
    figure(canvas, "mc_calibration", "Calibration of model probabilities", omissions.describe(reading))
}
