//! The course of the training: loss, validation loss, learning rate.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::{Canvas, Stroke};
use super::geometry::{Rectangle, thin};
use super::grid::{draw_x_label, draw_y_label};
use super::legend::{self, Entry, Key};
use super::panel::{Axis, Panel};
use super::series::{Omissions, figure, require_some};
use super::style;
use crate::error::{Error, Result};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 280.0;
const RATE_HEIGHT: f64 = 90.0;
/// Longer curves are drawn as the smallest and the largest value of each of so many stretches.
const STRETCHES: usize = 1500;
/// The smoothed curve averages over the run divided by these numbers: at most, at least.
const SMOOTHED_SHARES: (f64, f64) = (10.0, 100.0);
/// More markers than this on the validation curve would touch.
const MARKERS: usize = 60;
/// The axis ends this many central ranges (5 % to 95 %) beyond the central values; a few huge first losses would
/// otherwise flatten the rest.
const CENTRAL_RANGES: f64 = 2.0;

/// The numbers of the loss picture.
#[derive(Clone, Debug, PartialEq)]
pub struct LossSeries {
    /// What a position counts: `Epoch` or `Step`.
    pub unit: String,
    /// The training loss at the positions 1, 2, 3, …
    pub loss: Vec<f64>,
    /// Position and validation loss; may be empty.
    pub validation: Vec<(f64, f64)>,
    /// The learning rate at the positions 1, 2, 3, …; without it (empty) its panel is left out.
    pub learning_rate: Vec<f64>,
    /// Weight s of the past in the smoothed curve `Σ_i s^(t−i) x_i ÷ Σ_i s^(t−i)`, in `[0, 1)`; 0 draws no smoothed curve. The
    /// average is kept between a hundredth and a tenth of the run, so that the curve is neither rough nor late.
    pub smoothing: f64,
}

impl Default for LossSeries {
    fn default() -> Self {
        LossSeries {
            unit: "Epoch".to_owned(),
            loss: Vec::new(),
            validation: Vec::new(),
            learning_rate: Vec::new(),
            smoothing: 0.8,
        }
    }
}

/// Draws the training loss (faint) with its smoothed course, the validation loss (dashed) and the learning rate.
///
/// # Errors
/// An empty loss, or a smoothing outside of `[0, 1)`.
pub fn loss(series: &LossSeries) -> Result<Figure> {
    require_some("loss", series.loss.len())
        .map_err(|_| Error::argument("loss", "no values came; train for at least one step before drawing"))?;
    if !(0.0..1.0).contains(&series.smoothing) {
        return Err(Error::argument(
            "smoothing",
            format!("{} came, a number from 0 (none) to below 1 was expected", series.smoothing),
        ));
    }
    let mut omissions = Omissions::default();
    let validation = series.validation.iter().map(|(_, value)| value);
    let unusable = |value: &&f64| !drawable(**value);
    omissions.not_finite(series.loss.iter().chain(validation).chain(&series.learning_rate).filter(unusable).count());

    let color = style::solid(style::MAIN);
    let raw = Stroke::new(style::faded(style::MAIN, 0.3), style::THIN_WIDTH);
    let smooth = Stroke::new(color, style::CURVE_WIDTH);
    let dashed = Stroke::new(style::solid(style::SECOND), style::THIN_WIDTH + 0.3).dashed();
    let (range, cut) = vertical_limits(series);
    let weight = smoothing_weight(series.smoothing, series.loss.len());
    let smoothed = if weight > 0.0 { exponential_mean(&series.loss, weight, range.high) } else { Vec::new() };
    let mut entries = vec![Entry::new(Key::Line { stroke: raw, marker: false }, "Training loss")];
    if !smoothed.is_empty() {
        entries.push(Entry::new(Key::Line { stroke: smooth, marker: false }, "Training loss, smoothed"));
    }
    if !series.validation.is_empty() {
        entries.push(Entry::new(Key::Line { stroke: dashed, marker: true }, "Validation loss"));
    }
    if entries.len() == 1 {
        entries.clear();
    }

    let last = series.validation.iter().map(|&(position, _)| position).filter(|&position| drawable(position));
    let last = last.fold(series.loss.len().max(series.learning_rate.len()) as f64, f64::max);
    let across = Limits::of([1.0, last]).unwrap_or(Limits::fixed(0.0, 1.0)).padded(0.015);
    let mut x = Axis::new(across, 8);
    x.ticks = whole(x.ticks);
    let y = Axis::new(range, 5);
    let has_rate = series.learning_rate.iter().any(|&rate| drawable(rate));
    let rates = Limits::of(series.learning_rate.iter().copied()).map(|limits| limits.including(0.0).padded(0.06));
    let rate_axis = Axis::new(rates.unwrap_or(Limits::fixed(0.0, 1.0)), 3);

    let left = style::MARGIN + style::LABEL_ROOM + y.label_width().max(rate_axis.label_width()) + 8.0;
    let top = style::MARGIN + legend::height(&entries, WIDTH) + if y.ticks.note.is_some() { 16.0 } else { 2.0 };
    let rate_top = top + HEIGHT + style::GAP;
    let bottom = if has_rate { rate_top + RATE_HEIGHT } else { top + HEIGHT };
    let mut canvas =
        Canvas::new(left + WIDTH + style::GAP, bottom + style::TICK_ROOM + style::LABEL_ROOM + style::MARGIN / 2.0);
    legend::draw(&mut canvas, &entries, left, style::MARGIN / 2.0, WIDTH);
    x.numbered = !has_rate;
    let main = Panel { frame: Rectangle { left, top, width: WIDTH, height: HEIGHT }, x: x.clone(), y };
    main.draw_axes(&mut canvas);
    draw_y_label(&mut canvas, &main.frame, style::MARGIN + style::LABEL_SIZE / 2.0, "Loss");
    x.numbered = true;
    let lowest = if has_rate {
        Panel { frame: Rectangle { left, top: rate_top, width: WIDTH, height: RATE_HEIGHT }, x, y: rate_axis }
    } else {
        main.clone()
    };
    if has_rate {
        lowest.draw_axes(&mut canvas);
        draw_y_label(&mut canvas, &lowest.frame, style::MARGIN + style::LABEL_SIZE / 2.0, "Learning rate");
        lowest.curve(&mut canvas, stretched(&series.learning_rate), Stroke::new(color, style::THIN_WIDTH + 0.3));
    }
    draw_x_label(&mut canvas, &lowest.frame, &series.unit);

    if !series.loss.iter().chain(series.validation.iter().map(|(_, value)| value)).any(|&value| drawable(value)) {
        main.draw_notice(&mut canvas, "no finite values");
    }
    main.curve(&mut canvas, stretched(&series.loss), raw);
    main.curve(&mut canvas, stretched(&smoothed), smooth);
    if series.loss.len() == 1 {
        main.discs(&mut canvas, [(1.0, series.loss[0])], style::POINT_RADIUS + 1.0, color);
    }
    main.curve(&mut canvas, series.validation.iter().copied(), dashed);
    let markers = thin(series.validation.len(), MARKERS).map(|index| series.validation[index]);
    main.discs(&mut canvas, markers, style::POINT_RADIUS + 0.4, style::solid(style::SECOND));

    let mut reading = "The loss should fall and then level off. ".to_owned();
    reading.push_str(if series.validation.is_empty() {
        "Still falling at the end: train longer."
    } else {
        "A validation loss that rises while the training loss falls means overfitting; both still falling at the end: \
         train longer."
    });
    if cut {
        reading.push_str(" The vertical axis leaves out a few far larger values.");
    }
    figure(canvas, "loss", "Loss", omissions.describe(&reading))
}

/// Limits of the losses, and whether they cut off the largest ones.
fn vertical_limits(series: &LossSeries) -> (Limits, bool) {
    let mut values: Vec<f64> = series.loss.iter().copied().filter(|&value| drawable(value)).collect();
    values.extend(series.validation.iter().map(|&(_, value)| value).filter(|&value| drawable(value)));
    values.sort_by(f64::total_cmp);
    let Some(all) = Limits::of(values.iter().copied()) else { return (Limits::fixed(0.0, 1.0), false) };
    let quantile = |share: f64| values[(share * (values.len() - 1) as f64).round() as usize];
    let ceiling = quantile(0.95) + CENTRAL_RANGES * (quantile(0.95) - quantile(0.05));
    if values.len() >= 20 && ceiling < all.high && ceiling > all.low {
        let shown = Limits::fixed(all.low, ceiling);
        return (Limits { low: shown.padded(0.05).low, high: ceiling }, true);
    }
    (all.padded(0.05), false)
}

/// The weight of the past that is used: its memory `1 ÷ (1 − s)` is a share of the run within [`SMOOTHED_SHARES`].
fn smoothing_weight(wanted: f64, length: usize) -> f64 {
    let weight = |share: f64| (1.0 - share / length as f64).max(0.0);
    if wanted > 0.0 { wanted.clamp(weight(SMOOTHED_SHARES.1), weight(SMOOTHED_SHARES.0)) } else { 0.0 }
}

/// The exponentially weighted mean with bias adjustment; values that are not finite are passed over, values above `ceiling`
/// count as `ceiling`: a huge first loss would lift the curve out of the picture for long.
fn exponential_mean(values: &[f64], weight: f64, ceiling: f64) -> Vec<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    let step = |&value: &f64| {
        if drawable(value) {
            sum = weight * sum + value.min(ceiling);
            weights = weight * weights + 1.0;
        }
        sum / weights
    };
    values.iter().map(step).collect()
}

/// Positions 1, 2, 3, … with the values; long curves as the extremes of stretches, in their order.
fn stretched(values: &[f64]) -> Vec<(f64, f64)> {
    let point = |index: usize| (index as f64 + 1.0, values[index]);
    if values.len() <= 2 * STRETCHES {
        return (0..values.len()).map(point).collect();
    }
    let mut points = Vec::with_capacity(2 * STRETCHES);
    for stretch in 0..STRETCHES {
        let (from, to) = (stretch * values.len() / STRETCHES, (stretch + 1) * values.len() / STRETCHES);
        let usable = || (from..to).filter(|&index| drawable(values[index]));
        let lowest = usable().min_by(|&a, &b| values[a].total_cmp(&values[b]));
        let highest = usable().max_by(|&a, &b| values[a].total_cmp(&values[b]));
        if let (Some(lowest), Some(highest)) = (lowest, highest) {
            points.push(point(lowest.min(highest)));
            if lowest != highest {
                points.push(point(lowest.max(highest)));
            }
        }
    }
    points
}

/// Positions count: ticks between whole numbers are dropped.
fn whole(ticks: super::axis::Ticks) -> super::axis::Ticks {
    if ticks.note.is_some() {
        return ticks;
    }
    let values: Vec<f64> = ticks.values.into_iter().filter(|value| value.fract() == 0.0 && *value >= 0.0).collect();
    let labels = values.iter().map(|value| format!("{value}")).collect();
    super::axis::Ticks { values, labels, note: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_adjusted_for_its_start() {
        let mean = exponential_mean(&[1.0, 2.0, f64::NAN, 9.0], 0.5, 3.0);
        assert_eq!(mean[0], 1.0);
        assert!((mean[1] - 2.5 / 1.5).abs() < 1e-15);
        assert_eq!(mean[2], mean[1]);
        assert!((mean[3] - (0.25 + 1.0 + 3.0) / 1.75).abs() < 1e-15);
    }

    #[test]
    fn short_runs_are_smoothed_less_and_long_runs_more() {
        assert_eq!(smoothing_weight(0.8, 8), 0.0);
        assert!((smoothing_weight(0.8, 15) - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(smoothing_weight(0.8, 200), 0.8);
        assert!((smoothing_weight(0.8, 3000) - 29.0 / 30.0).abs() < 1e-15);
        assert_eq!(smoothing_weight(0.0, 3000), 0.0);
    }

    #[test]
    fn long_curves_keep_their_extremes() {
        let mut values = vec![0.0; 100_000];
        values[54_321] = 7.0;
        let points = stretched(&values);
        assert!(points.len() <= 2 * STRETCHES);
        assert!(points.contains(&(54_322.0, 7.0)));
    }

    #[test]
    fn a_huge_first_loss_does_not_flatten_the_rest() {
        let mut values: Vec<f64> = (0..200).map(|i| 2.0 - f64::from(i) * 0.01).collect();
        values[0] = 1e6;
        let (limits, cut) = vertical_limits(&LossSeries { loss: values, ..LossSeries::default() });
        assert!(cut && limits.high < 10.0, "{limits:?}");
    }
}
