//! Error in posterior standard deviations against what was learned from the data.

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::geometry::thin;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::series::{Omissions, drawable_rows, figure, marks_per_panel, require_equal, require_some};
use super::style;
use crate::error::Result;

/// One variable of the picture; both columns have one value per data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContractionSeries {
    /// Name of the variable.
    pub variable: String,
    /// Posterior contraction `1 − posterior variance ÷ prior variance`.
    pub contraction: Vec<f64>,
    /// Posterior z-score `(posterior mean − truth) ÷ posterior standard deviation`.
    pub z_score: Vec<f64>,
}

/// Guide lines: about 95 % of the z-scores of a calibrated posterior lie between them.
const GUIDE: f64 = 2.0;
/// The vertical axis reaches at least so far.
const LEAST_Z: f64 = 3.2;
/// And at most so far: points beyond are drawn at the border.
const LARGEST_Z: f64 = 12.0;

/// Draws z-scores against contractions, one point per data set.
///
/// # Errors
/// No variables, columns of different lengths, or an impossible grid.
pub fn z_score_contraction(series: &[ContractionSeries], options: &GridOptions) -> Result<Figure> {
    require_some("z_score_contraction", series.len())?;
    let mut omissions = Omissions::default();
    let mut rows = Vec::with_capacity(series.len());
    for one in series {
        let columns = [("contraction", one.contraction.len()), ("z_score", one.z_score.len())];
        require_equal("z_score_contraction", &one.variable, &columns)?;
        let usable = drawable_rows(&[&one.contraction, &one.z_score]);
        omissions.not_finite(one.contraction.len() - usable.len());
        rows.push(usable);
    }
    let magnitudes = series.iter().zip(&rows).flat_map(|(one, rows)| rows.iter().map(|&row| one.z_score[row].abs()));
    let largest = magnitudes.fold(0.0, f64::max);
    let reach = (1.08 * largest).clamp(LEAST_Z, LARGEST_Z);
    let (x, y) = (Limits::fixed(-0.05, 1.05), Limits::fixed(-reach, reach));
    let plans: Vec<Plan> = series.iter().map(|one| Plan { title: one.variable.clone(), x, y }).collect();
    let look = Look {
        x_label: "Posterior contraction",
        y_label: "Posterior z-score",
        aspect: 1.0,
        shared_y: true,
        bare_x: false,
        bare_y: false,
        legend: &[],
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    let guide = Stroke::new(style::faded(style::IDEAL, 0.45), style::GRID_WIDTH + 0.2);
    let color = style::faded(style::MAIN, style::POINT_OPACITY);
    let keep = marks_per_panel(series.len());
    let mut at_border = 0;
    for ((one, panel), usable) in series.iter().zip(&panels).zip(&rows) {
        for z in [-GUIDE, GUIDE] {
            panel.curve(&mut canvas, [(x.low, z), (x.high, z)], guide.dashed());
        }
        panel.curve(&mut canvas, [(x.low, 0.0), (x.high, 0.0)], guide);
        if usable.is_empty() {
            panel.draw_notice(&mut canvas, "no finite values");
        }
        let shown = thin(usable.len(), keep).map(|index| usable[index]);
        omissions.thinned(keep.min(usable.len()), usable.len());
        let inside = |row: usize| (one.contraction[row].clamp(x.low, x.high), one.z_score[row].clamp(y.low, y.high));
        at_border += usable.iter().filter(|&&row| inside(row) != (one.contraction[row], one.z_score[row])).count();
        panel.discs(&mut canvas, shown.map(inside), style::POINT_RADIUS, color);
    }
    let mut reading = "Each point is one data set. Far right: the data narrow the prior down a lot. Between the dashed lines \
                       the posterior mean lies within 2 posterior standard deviations of the truth, as about 95 % of the \
                       points should; a cloud that is not centred on 0 means bias."
        .to_owned();
    if at_border > 0 {
        reading.push_str(&format!(" {at_border} points beyond the axes are counted at the border."));
    }
    figure(canvas, "z_score_contraction", "z-score and contraction", omissions.describe(&reading))
}
