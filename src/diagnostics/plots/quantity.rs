//! A number per data set, such as the error or the contraction, against the true values: where is the posterior good?

use super::Figure;
use super::axis::Limits;
use super::geometry::thin;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::series::{Omissions, drawable_rows, figure, marks_per_panel, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One variable of the picture of a quantity; both columns have one value per data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantitySeries {
    /// Name of the variable.
    pub variable: String,
    /// True values.
    pub truth: Vec<f64>,
    /// The quantity, such as the [column](crate::diagnostics::Metric::column) of a metric that was not aggregated.
    pub value: Vec<f64>,
}

/// Draws the quantity with the name `quantity` against the true values, one point per data set.
///
/// # Errors
/// No variables, columns of different lengths, or an impossible grid.
pub fn plot_quantity(series: &[QuantitySeries], quantity: &str, options: &GridOptions) -> Result<Figure> {
    require_some("plot_quantity", series.len())?;
    let mut omissions = Omissions::default();
    let mut rows = Vec::with_capacity(series.len());
    let mut plans = Vec::with_capacity(series.len());
    for one in series {
        let lengths = [("truth", one.truth.len()), ("value", one.value.len())];
        require_equal("plot_quantity", &one.variable, &lengths)?;
        let usable = drawable_rows(&[&one.truth, &one.value]);
        omissions.not_finite(one.truth.len() - usable.len());
        let limits = |column: &[f64]| {
            let limits = Limits::of(usable.iter().map(|&row| column[row]));
            limits.map_or(Limits::fixed(0.0, 1.0), |limits| limits.padded(0.06))
        };
        plans.push(Plan { title: one.variable.clone(), x: limits(&one.truth), y: limits(&one.value) });
        rows.push(usable);
    }
    let look = Look {
        x_label: "Ground truth",
        y_label: quantity,
        aspect: style::LANDSCAPE,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &[],
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    let keep = marks_per_panel(series.len());
    let color = style::faded(style::MAIN, style::POINT_OPACITY);
    for ((one, panel), usable) in series.iter().zip(&panels).zip(&rows) {
        if usable.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
        }
        let shown = thin(usable.len(), keep).map(|index| usable[index]);
        omissions.thinned(keep.min(usable.len()), usable.len());
        let points = shown.map(|row| (one.truth[row], one.value[row]));
        panel.discs(&mut canvas, points, style::POINT_RADIUS + 0.4, color);
    }
    let reading = format!(
        "Each point is one data set: {quantity} against the true value. A trend shows where in the prior the posterior is \
         better or worse."
    );
    figure(canvas, "plot_quantity", &format!("{quantity} by true value"), omissions.describe(&reading))
}
