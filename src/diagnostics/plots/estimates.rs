//! Several point estimates of each data set against true values.

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::geometry::thin;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, marks_per_panel, require_equal, require_some};
use super::style;
use crate::error::{Error, Result};

/// One variable of the picture of estimates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EstimateSeries {
    /// Name of the variable.
    pub variable: String,
    /// True values, one per data set.
    pub truth: Vec<f64>,
    /// For each estimate (mean, quantiles, …) one value per data set; all variables have the same estimates.
    pub estimates: Vec<Vec<f64>>,
    /// Correlation of truths and the estimate in the middle, shown as `r = …`.
    pub correlation: Option<f64>,
}

/// Draws each estimate in its colour against the true values; a bar joins the smallest and the largest of a data set.
/// `labels` name the estimates.
///
/// # Errors
/// No variables, no or more than seven estimates, columns of different lengths, or an impossible grid.
pub fn recovery_from_estimates(
    series: &[EstimateSeries],
    labels: &[impl AsRef<str>],
    options: &GridOptions,
) -> Result<Figure> {
    const PICTURE: &str = "recovery_from_estimates";
    require_some(PICTURE, series.len())?;
    if labels.is_empty() || labels.len() > style::SEVERAL.len() {
        return Err(Error::argument(
            "labels",
            format!("{} estimates came, from 1 to {} have a colour; select some", labels.len(), style::SEVERAL.len()),
        ));
    }
    let mut omissions = Omissions::default();
    let mut rows = Vec::with_capacity(series.len());
    let mut plans = Vec::with_capacity(series.len());
    for one in series {
        if one.estimates.len() != labels.len() {
            return Err(Error::shape(
                PICTURE,
                format!(
                    "variable '{}' has {} estimates for {} labels; give one label each",
                    one.variable,
                    one.estimates.len(),
                    labels.len()
                ),
            ));
        }
        let mut numbers: Vec<&[f64]> = vec![&one.truth];
        for (label, estimate) in labels.iter().zip(&one.estimates) {
            let lengths = [("truth", one.truth.len()), (label.as_ref(), estimate.len())];
            require_equal(PICTURE, &one.variable, &lengths)?;
            numbers.push(estimate);
        }
        let usable = drawable_rows(&numbers);
        omissions.not_finite(one.truth.len() - usable.len());
        let limits = Limits::of(usable.iter().flat_map(|&row| numbers.iter().map(move |column| column[row])));
        let limits = limits.map_or(Limits::fixed(0.0, 1.0), |limits| limits.padded(0.1));
        plans.push(Plan { title: one.variable.clone(), x: limits, y: limits });
        rows.push(usable);
    }
    let color = |index: usize| style::faded(style::SEVERAL[index], 0.8);
    let entry = |(index, label): (usize, &_)| Entry::new(Key::Disc(color(index)), AsRef::<str>::as_ref(label));
    let legend: Vec<Entry> = labels.iter().enumerate().map(entry).collect();
    let look = Look {
        x_label: "Ground truth",
        y_label: "Estimate",
        aspect: 1.0,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    let bar = Stroke::new(style::faded(style::PRIOR, 0.5), style::THIN_WIDTH);
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let keep = marks_per_panel((labels.len() + 1) * series.len());
    for ((one, panel), usable) in series.iter().zip(&panels).zip(&rows) {
        if usable.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
            continue;
        }
        let limits = panel.x.limits;
        panel.curve(&mut canvas, [(limits.low, limits.low), (limits.high, limits.high)], ideal);
        let shown: Vec<usize> = thin(usable.len(), keep).map(|index| usable[index]).collect();
        omissions.thinned(shown.len(), usable.len());
        for &row in &shown {
            let of_row = one.estimates.iter().map(|estimate| estimate[row]);
            let (low, high) =
                of_row.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
            if low < high {
                canvas.line(panel.pixel(one.truth[row], low), panel.pixel(one.truth[row], high), bar);
            }
        }
        for (index, estimate) in one.estimates.iter().enumerate() {
            let points = shown.iter().map(|&row| (one.truth[row], estimate[row]));
            panel.discs(&mut canvas, points, style::POINT_RADIUS, color(index));
        }
        if let Some(correlation) = one.correlation.filter(|r| r.is_finite()) {
            let sign = if correlation < 0.0 { "−" } else { "" };
            panel.draw_corner_note(&mut canvas, &format!("r = {sign}{:.3}", correlation.abs()));
        }
    }
    let reading = "Each bar is one data set and joins its smallest and largest estimate. On the diagonal the estimate is the \
                   truth; bars between low and high quantiles should cross the diagonal as often as the quantiles promise.";
    figure(canvas, PICTURE, "Recovery by estimates", omissions.describe(reading))
}
