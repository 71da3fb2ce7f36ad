//! Posterior predictive checks: are the observed data like data that the posterior predicts?

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::Stroke;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::histogram::histogram;
use super::legend::{Entry, Key};
use super::series::{Omissions, drawable_rows, figure, require_equal, require_some};
use super::style;
use crate::error::{Error, Result};

/// One statistic of the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictiveSeries {
    /// Name of the statistic, or of the variable.
    pub statistic: String,
    /// Its value for each replicated data set.
    pub replicated: Vec<f64>,
    /// Its value for the observed data.
    pub observed: f64,
    /// Share of replicated values that are as large, shown as `p = …`.
    pub tail_probability: Option<f64>,
}

/// Data along one axis, such as time; all columns have one value per position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictiveBand {
    /// Name of the data.
    pub variable: String,
    /// Positions, increasing.
    pub position: Vec<f64>,
    /// The observed data.
    pub observed: Vec<f64>,
    /// Median of the replicated data.
    pub median: Vec<f64>,
    /// Probability, lower and upper ends of intervals of the replicated data, the widest first.
    pub intervals: Vec<(f64, Vec<f64>, Vec<f64>)>,
}

/// Draws a histogram of the replicated values of each statistic with the observed one.
///
/// # Errors
/// No statistics, or an impossible grid.
pub fn posterior_predictive(series: &[PredictiveSeries], options: &GridOptions) -> Result<Figure> {
    require_some("posterior_predictive", series.len())?;
    let mut omissions = Omissions::default();
    let (mut plans, mut outlines) = (Vec::new(), Vec::new());
    for one in series {
        let values: Vec<f64> = one.replicated.iter().copied().filter(|&x| drawable(x)).collect();
        omissions.not_finite(one.replicated.len() - values.len() + usize::from(!drawable(one.observed)));
        let x = Limits::of(values.iter().copied()).or(Limits::of([one.observed])).unwrap_or(Limits::fixed(0.0, 1.0));
        let x = x.including(one.observed).padded(0.06);
        let shares: Vec<f64> = values.iter().map(|&value| x.share(value)).collect();
        let outline: Vec<(f64, f64)> =
            histogram(&shares).into_iter().map(|(share, height)| (x.low + share * x.range(), height)).collect();
        let highest = outline.iter().map(|point| point.1).fold(0.0, f64::max);
        let y = Limits::fixed(0.0, if highest > 0.0 { 1.2 * highest } else { 1.0 });
        plans.push(Plan { title: one.statistic.clone(), x, y });
        outlines.push(outline);
    }
    let bar = style::faded(style::MAIN, 0.4);
    let line = Stroke::new(style::solid(style::TRUTH), style::CURVE_WIDTH).dashed();
    let legend = [
        Entry::new(Key::Patch(bar), "Replicated data"),
        Entry::new(Key::Line { stroke: line, marker: false }, "Observed"),
    ];
    let look = Look {
        x_label: "Value",
        y_label: "Density",
        aspect: style::LANDSCAPE,
        shared_y: false,
        bare_x: false,
        bare_y: true,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    for ((one, panel), outline) in series.iter().zip(&panels).zip(outlines) {
        if outline.is_empty() {
            panel.draw_notice(&mut canvas, "no finite replicated values");
        }
        panel.area(&mut canvas, outline, bar);
        panel.curve(&mut canvas, [(one.observed, 0.0), (one.observed, panel.y.limits.high)], line);
        if let Some(p) = one.tail_probability.filter(|p| p.is_finite()) {
            panel.draw_corner_note(&mut canvas, &format!("p = {p:.3}"));
        }
    }
    let reading = "Statistics of data sets that were simulated with draws from the posterior, and of the observed data. p is \
                   the share of replicated values that are at least as large as the observed one: near 0 or 1 the model \
                   cannot reproduce this aspect of the data.";
    figure(canvas, "posterior_predictive", "Posterior predictive check", omissions.describe(reading))
}

/// Draws observed data along an axis over intervals of the replicated data.
///
/// # Errors
/// No data, no intervals or columns of different lengths, or an impossible grid.
pub fn posterior_predictive_band(series: &[PredictiveBand], position: &str, options: &GridOptions) -> Result<Figure> {
    const PICTURE: &str = "posterior_predictive_band";
    require_some(PICTURE, series.len())?;
    let mut omissions = Omissions::default();
    let (mut plans, mut rows) = (Vec::new(), Vec::new());
    for one in series {
        let mut lengths =
            vec![("positions", one.position.len()), ("observed", one.observed.len()), ("median", one.median.len())];
        if one.intervals.is_empty() {
            let message = format!("'{}' has no intervals of the replicated data; give at least one", one.variable);
            return Err(Error::argument("intervals", message));
        }
        for (_, lower, upper) in &one.intervals {
            lengths.extend([("lower", lower.len()), ("upper", upper.len())]);
        }
        require_equal(PICTURE, &one.variable, &lengths)?;
        let usable = drawable_rows(&[&one.position, &one.observed]);
        omissions.not_finite(one.position.len() - usable.len());
        let ends = one.intervals.iter().flat_map(|(_, lower, upper)| lower.iter().chain(upper)).copied();
        let y = Limits::of(ends.chain(one.observed.iter().copied())).unwrap_or(Limits::fixed(0.0, 1.0)).padded(0.06);
        let x = Limits::of(one.position.iter().copied()).unwrap_or(Limits::fixed(0.0, 1.0)).padded(0.02);
        plans.push(Plan { title: one.variable.clone(), x, y });
        rows.push(usable);
    }
    let count = series.iter().map(|one| one.intervals.len()).max().unwrap_or(1);
    let shade = |index: usize| style::on_paper(style::MAIN, 0.16 + 0.3 * index as f64 / count.max(2) as f64);
    let line = Stroke::new(style::solid(style::MAIN), style::THIN_WIDTH + 0.4);
    let dot = style::solid(style::TRUTH);
    let interval = |(index, (p, ..)): (usize, &(f64, Vec<f64>, Vec<f64>))| {
        Entry::new(Key::Patch(shade(index)), format!("{} % interval", (100.0 * p).round()))
    };
    let mut legend = vec![
        Entry::new(Key::Disc(dot), "Observed"),
        Entry::new(Key::Line { stroke: line, marker: false }, "Median of replicated data"),
    ];
    legend.extend(series[0].intervals.iter().enumerate().map(interval));
    let look = Look {
        x_label: position,
        y_label: "Value",
        aspect: style::LANDSCAPE,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    for ((one, panel), usable) in series.iter().zip(&panels).zip(&rows) {
        for (index, (_, lower, upper)) in one.intervals.iter().enumerate() {
            panel.ribbon(&mut canvas, &one.position, lower, upper, shade(index));
        }
        panel.curve(&mut canvas, one.position.iter().copied().zip(one.median.iter().copied()), line);
        let points = usable.iter().map(|&row| (one.position[row], one.observed[row]));
        panel.discs(&mut canvas, points, style::POINT_RADIUS, dot);
        if usable.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
        }
    }
    let reading = "Observed data over pointwise intervals of data that were simulated with draws from the posterior. The share \
                   of points inside should be about the probability of the interval; runs of points outside show what the model \
                   cannot reproduce.";
    figure(canvas, PICTURE, "Posterior predictive check", omissions.describe(reading))
}
