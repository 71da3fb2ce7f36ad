//! Empirical distribution of the ranks of the truths, with simultaneous bands.

use super::Figure;
use super::axis::{Limits, drawable};
use super::canvas::Stroke;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, figure, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One variable of the calibration picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EcdfSeries {
    /// Name of the variable.
    pub variable: String,
    /// The rank of each data set's truth among its draws, as a share in `[0, 1]`, in any order.
    pub ranks: Vec<f64>,
}

/// The simultaneous band: where the curve of calibrated ranks stays with probability `confidence`, as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EcdfBand {
    /// Positions in `[0, 1]`, increasing.
    pub levels: Vec<f64>,
    /// Lower ends, as distribution functions (the level is not subtracted).
    pub lower: Vec<f64>,
    /// Upper ends.
    pub upper: Vec<f64>,
    /// Probability of the band, such as 0.95.
    pub confidence: f64,
}

/// What the ranks are ranks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RankStatistic {
    /// The variable itself.
    #[default]
    Fractional,
    /// Its distance from a reference point.
    Distance,
}

/// How the calibration picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcdfOptions {
    /// Subtract the uniform distribution: a calibrated curve lies around 0.
    pub difference: bool,
    /// All variables in one panel.
    pub stacked: bool,
    /// Names the horizontal axis.
    pub statistic: RankStatistic,
    /// Arrangement of the panels.
    pub grid: GridOptions,
}

impl Default for EcdfOptions {
    fn default() -> Self {
        EcdfOptions {
            difference: true,
            stacked: false,
            statistic: RankStatistic::Fractional,
            grid: GridOptions::default(),
        }
    }
}

/// Draws the distribution functions of the ranks as steps from (0, 0) to (1, 1) over the band.
///
/// # Errors
/// No variables, columns of the band of different lengths, or an impossible grid.
pub fn calibration_ecdf(series: &[EcdfSeries], band: &EcdfBand, options: &EcdfOptions) -> Result<Figure> {
    require_some("calibration_ecdf", series.len())?;
    let lengths = [("levels", band.levels.len()), ("lower", band.lower.len()), ("upper", band.upper.len())];
    require_equal("calibration_ecdf", "band", &lengths)?;
    let mut omissions = Omissions::default();
    let shift = |level: f64| if options.difference { level } else { 0.0 };
    let mut curves = Vec::with_capacity(series.len());
    for one in series {
        let curve = steps(&one.ranks);
        omissions.not_finite(one.ranks.iter().filter(|&&rank| !drawable(rank)).count());
        curves.push(curve.into_iter().map(|(x, y)| (x, y - shift(x))).collect::<Vec<_>>());
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
    let (joint, statistic) = match options.statistic {
        RankStatistic::Fractional => ("Stacked ECDFs", "Fractional rank statistic"),
        RankStatistic::Distance => ("Joint ECDFs", "Distance rank statistic"),
    };
    let titles: Vec<&str> =
        if options.stacked { vec![joint] } else { series.iter().map(|one| one.variable.as_str()).collect() };
    let plans: Vec<Plan> = titles.iter().map(|title| Plan { title: (*title).to_owned(), x, y }).collect();

    let named = options.stacked && series.len() <= style::SEVERAL.len();
    let stroke = |index: usize| {
        let color = if named { style::SEVERAL[index % style::SEVERAL.len()] } else { style::MAIN };
        let width = if options.stacked { style::THIN_WIDTH + 0.4 } else { style::CURVE_WIDTH };
        Stroke::new(style::faded(color, if options.stacked { 0.9 } else { 1.0 }), width)
    };
    let shade = style::faded(style::BAND, style::BAND_OPACITY);
    let mut legend = Vec::new();
    if named {
        let entry = |(index, one): (usize, &EcdfSeries)| {
            Entry::new(Key::Line { stroke: stroke(index), marker: false }, one.variable.as_str())
        };
        legend.extend(series.iter().enumerate().map(entry));
    } else {
        legend.push(Entry::new(Key::Line { stroke: stroke(0), marker: false }, "Rank ECDF"));
    }
    let percent = (100.0 * band.confidence).round();
    if !band.levels.is_empty() {
        legend.push(Entry::new(Key::Patch(shade), format!("{percent} % simultaneous band")));
    }
    let look = Look {
        x_label: statistic,
        y_label: if options.difference { "ECDF difference" } else { "ECDF" },
        aspect: style::LANDSCAPE,
        shared_y: true,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, &options.grid, &look)?;
    let ideal = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    for panel in &panels {
        panel.ribbon(&mut canvas, &band.levels, &lower, &upper, shade);
        panel.curve(&mut canvas, [(0.0, 0.0), (1.0, 1.0 - shift(1.0))], ideal);
    }
    for (index, curve) in curves.into_iter().enumerate() {
        let panel = &panels[if options.stacked { 0 } else { index }];
        if curve.is_empty() {
            if !options.stacked {
                panel.draw_notice(&mut canvas, "no finite ranks");
            }
            continue;
        }
        panel.curve(&mut canvas, curve, stroke(index));
    }
    let center = if options.difference { "0" } else { "the diagonal" };
    let mut reading = format!(
        "Ranks of the truths among the draws. A calibrated posterior gives a curve around {center} that stays inside of the \
         band with probability {percent} %, over its whole length."
    );
    if options.difference {
        reading.push_str(
            " First above and then below: the posterior is too narrow; the reverse: too wide; above or below everywhere: it \
             is shifted up or down.",
        );
    }
    figure(canvas, "calibration_ecdf", "Calibration", omissions.describe(&reading))
}

/// The exact distribution function of the finite ranks as corners of its steps, from (0, 0) to (1, 1).
fn steps(ranks: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = ranks.iter().copied().filter(|&rank| drawable(rank)).collect();
    if sorted.is_empty() {
        return Vec::new();
    }
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let mut corners = vec![(0.0, 0.0)];
    for (below, rank) in sorted.into_iter().enumerate() {
        corners.push((rank, below as f64 / count));
        corners.push((rank, (below as f64 + 1.0) / count));
    }
    corners.push((1.0, 1.0));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_exact_distribution_function() {
        let corners = steps(&[0.75, 0.25, f64::NAN]);
        let expected = [(0.0, 0.0), (0.25, 0.0), (0.25, 0.5), (0.75, 0.5), (0.75, 1.0), (1.0, 1.0)];
        assert_eq!(corners, expected);
    }
}
