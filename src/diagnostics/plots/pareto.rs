//! Can importance weights be relied on? Pareto k̂ of each data set.

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::geometry::thin;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, marks_per_panel, require_some};
use super::style;
use crate::error::{Error, Result};

/// Largest k̂ that is drawn at its place.
const HIGHEST: f64 = 1.5;
/// Smallest.
const LOWEST: f64 = -0.5;

/// Draws k̂ of each data set, in order, with the `threshold` up to which so many draws are enough, see
/// [`Psis`](crate::diagnostics::Psis).
///
/// # Errors
/// No values, or a threshold that is not finite.
pub fn pareto_k(k_hat: &[f64], threshold: f64) -> Result<Figure> {
    require_some("pareto_k", k_hat.len())?;
    if !threshold.is_finite() {
        return Err(Error::argument(
            "threshold",
            format!("is {threshold}; give the threshold of the smoothed weights"),
        ));
    }
    let mut omissions = Omissions::default();
    // Infinite values are at the border: they say that there is no tail, or none that can be seen.
    let known: Vec<f64> = k_hat.iter().map(|k| if k.is_infinite() { k.signum() * 10.0 } else { *k }).collect();
    let rows = drawable_rows(&[&known]);
    omissions.not_finite(k_hat.len() - rows.len());
    let limits = Limits::of(rows.iter().map(|&row| known[row].clamp(LOWEST, HIGHEST)));
    let y = limits.unwrap_or(Limits::fixed(0.0, 1.0)).including(0.0).including(1.0).padded(0.06);
    let x = Limits::fixed(-0.5, k_hat.len() as f64 - 0.5).padded(0.02);
    let (good, bad) = (style::faded(style::MAIN, 0.75), style::faded(style::TRUTH, 0.85));
    let line = Stroke::new(style::solid(style::SECOND), style::THIN_WIDTH + 0.4).dashed();
    let legend = [
        Entry::new(Key::Disc(good), "Reliable"),
        Entry::new(Key::Disc(bad), "Not reliable"),
        Entry::new(Key::Line { stroke: line, marker: false }, format!("Threshold {threshold:.2}")),
    ];
    let look = Look {
        x_label: "Data set",
        y_label: "Pareto k",
        aspect: style::LANDSCAPE,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let plan = Plan { title: String::new(), x, y };
    let (mut canvas, panels) = arrange(&[plan], &GridOptions::default(), &look)?;
    let panel = &panels[0];
    panel.curve(&mut canvas, [(x.low, threshold), (x.high, threshold)], line);
    let shown: Vec<usize> = thin(rows.len(), marks_per_panel(1)).map(|index| rows[index]).collect();
    omissions.thinned(shown.len(), rows.len());
    for row in shown {
        let color = if known[row] <= threshold { good } else { bad };
        panel.discs(&mut canvas, [(row as f64, known[row].clamp(LOWEST, HIGHEST))], style::POINT_RADIUS + 0.4, color);
    }
    if rows.is_empty() {
        panel.draw_notice(&mut canvas, "no values");
    }
    let above = rows.iter().filter(|&&row| known[row] > threshold).count();
    let mut reading = format!(
        "Shape of the tail of the importance weights of each data set. {above} of {} lie above the threshold: there a few draws \
         outweigh the others, and weighted results cannot be relied on.",
        rows.len()
    );
    let at_border = rows.iter().filter(|&&row| !(LOWEST..=HIGHEST).contains(&known[row])).count();
    if at_border > 0 {
        reading.push_str(&format!(" {at_border} values beyond the axis, infinite ones too, are drawn at the border."));
    }
    figure(canvas, "pareto_k", "Reliability of importance weights", omissions.describe(&reading))
}
