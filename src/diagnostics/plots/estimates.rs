//! Several point estimates of each data set against true values.

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::geometry::thin;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::marker::Marker;
use super::series::{Omissions, drawable_rows, figure, marks_per_panel, require_equal, require_some};
use super::style;
use crate::diagnostics::{Aggregation, pearson};
use crate::error::{Error, Result};

/// The estimates of one scoring rule for one variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreEstimates {
    /// Name of the score.
    pub score: String,
    /// For each of its estimates (one for a mean, one for each level of quantiles) one value per data set.
    pub estimates: Vec<Vec<f64>>,
}

/// One variable of the picture of estimates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EstimateSeries {
    /// Name of the variable.
    pub variable: String,
    /// True values, one per data set.
    pub truth: Vec<f64>,
    /// The estimates of each score; all variables have the same ones.
    pub scores: Vec<ScoreEstimates>,
}

/// How the picture of estimates is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EstimateOptions {
    /// The scores that are drawn, each with its marker; none draws all of them, with markers that differ.
    pub marker_mapping: Vec<(String, Marker)>,
    /// What a data set's estimates become when they are correlated with the truths, which is shown as `r = …`.
    pub corr_point_agg: Aggregation,
    /// Arrangement of the panels.
    pub grid: GridOptions,
}

/// Draws the estimates against the true values: a marker and a colour for each score, and a vertical line from the smallest to
/// the largest estimate of each data set.
///
/// # Errors
/// No variables or scores, a score in `marker_mapping` that a variable has no estimates of, columns of different lengths, or an
/// impossible grid.
pub fn recovery_from_estimates(series: &[EstimateSeries], options: &EstimateOptions) -> Result<Figure> {
    const PICTURE: &str = "recovery_from_estimates";
    require_some(PICTURE, series.len())?;
    let mapping = mapping(&series[0], options)?;
    let mut omissions = Omissions::default();
    let mut rows = Vec::with_capacity(series.len());
    let mut plans = Vec::with_capacity(series.len());
    let mut drawn: Vec<Vec<&ScoreEstimates>> = Vec::with_capacity(series.len());
    for one in series {
        let scores = mapping.iter().map(|(score, _)| one.score(score)).collect::<Result<Vec<_>>>()?;
        let mut numbers: Vec<&[f64]> = vec![&one.truth];
        for score in &scores {
            for estimate in &score.estimates {
                let lengths = [("truth", one.truth.len()), (score.score.as_str(), estimate.len())];
                require_equal(PICTURE, &one.variable, &lengths)?;
                numbers.push(estimate);
            }
        }
        let usable = drawable_rows(&numbers);
        omissions.not_finite(one.truth.len() - usable.len());
        let limits = Limits::of(usable.iter().flat_map(|&row| numbers.iter().map(move |column| column[row])));
        let limits = limits.map_or(Limits::fixed(0.0, 1.0), |limits| limits.padded(0.1));
        plans.push(Plan { title: one.variable.clone(), x: limits, y: limits });
        rows.push(usable);
        drawn.push(scores);
    }
    let color = |index: usize| style::faded(style::SEVERAL[index % style::SEVERAL.len()], 0.8);
    let entry = |(index, (score, marker)): (usize, &(String, Marker))| {
        Entry::new(Key::Point(*marker, color(index)), score.as_str())
    };
    let legend: Vec<Entry> = mapping.iter().enumerate().map(entry).collect();
    let look = Look {
        x_label: "Ground truth",
        y_label: "Estimate",
        aspect: 1.0,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, &options.grid, &look)?;
    let bar = Stroke::new(style::faded(style::PRIOR, 0.5), style::THIN_WIDTH);
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let cost = |scores: &Vec<&ScoreEstimates>| -> usize {
        scores.iter().zip(&mapping).map(|(score, (_, marker))| score.estimates.len() * marker.cost()).sum()
    };
    let keep = marks_per_panel(drawn.iter().map(|scores| cost(scores) + 1).sum());
    for (((one, scores), panel), usable) in series.iter().zip(&drawn).zip(&panels).zip(&rows) {
        if usable.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
            continue;
        }
        let limits = panel.x.limits;
        panel.curve(&mut canvas, [(limits.low, limits.low), (limits.high, limits.high)], ideal);
        let shown: Vec<usize> = thin(usable.len(), keep).map(|index| usable[index]).collect();
        omissions.thinned(shown.len(), usable.len());
        let of_row = |row: usize| scores.iter().flat_map(move |score| score.estimates.iter().map(move |e| e[row]));
        for &row in &shown {
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            let (low, high) = of_row(row).fold(ends, |(low, high), x| (low.min(x), high.max(x)));
            if low < high {
                canvas.line(panel.pixel(one.truth[row], low), panel.pixel(one.truth[row], high), bar);
            }
        }
        for (index, (score, (_, marker))) in scores.iter().zip(&mapping).enumerate() {
            for estimate in &score.estimates {
                let points = shown.iter().map(|&row| (one.truth[row], estimate[row]));
                panel.markers(&mut canvas, points, *marker, color(index));
            }
        }
        let points = usable.iter().map(|&row| options.corr_point_agg.apply(&of_row(row).collect::<Vec<_>>()));
        if let Some(points) = points.collect::<Option<Vec<f64>>>() {
            let truth: Vec<f64> = usable.iter().map(|&row| one.truth[row]).collect();
            let correlation = pearson(&points, &truth);
            if correlation.is_finite() {
                let sign = if correlation < 0.0 { "−" } else { "" };
                panel.draw_corner_note(&mut canvas, &format!("r = {sign}{:.3}", correlation.abs()));
            }
        }
    }
    let reading = "Each line is one data set and joins its smallest and largest estimate. On the diagonal the estimate is the \
                   truth; lines between low and high quantiles should cross the diagonal as often as the quantiles promise.";
    figure(canvas, PICTURE, "Recovery by estimates", omissions.describe(reading))
}

impl EstimateSeries {
    fn score(&self, score: &str) -> Result<&ScoreEstimates> {
        let found = self.scores.iter().find(|one| one.score == score && !one.estimates.is_empty());
        found.ok_or_else(|| {
            let known: Vec<&str> = self.scores.iter().map(|one| one.score.as_str()).collect();
            Error::argument(
                "marker_mapping",
                format!(
                    "variable '{}' has no estimates of the score '{score}'; its scores are: {}",
                    self.variable,
                    known.join(", ")
                ),
            )
        })
    }
}

/// The scores that are drawn, with their markers.
fn mapping(first: &EstimateSeries, options: &EstimateOptions) -> Result<Vec<(String, Marker)>> {
    if !options.marker_mapping.is_empty() {
        return Ok(options.marker_mapping.clone());
    }
    if first.scores.is_empty() {
        let message = format!("variable '{}' has no scores; give the estimates of one at least", first.variable);
        return Err(Error::argument("scores", message));
    }
    let marker = |index: usize| Marker::ALL[index % Marker::ALL.len()].0;
    Ok(first.scores.iter().enumerate().map(|(index, one)| (one.score.clone(), marker(index))).collect())
}
