//! Histogram of the ranks of the truths, with the band that chance allows in each bin.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::Figure;
use super::axis::Limits;
use super::canvas::Stroke;
use super::grid::{GridOptions, Look, Plan, arrange};
use super::legend::{Entry, Key};
use super::series::{Omissions, figure, require_some};
use super::style;
use crate::error::{Error, Result};

/// One bin of a rank histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankBin {
    /// Left edge.
    pub from: f64,
    /// Right edge.
    pub to: f64,
    /// Number of data sets whose rank lies inside.
    pub count: f64,
    /// Count expected of calibrated ranks.
    pub expected: f64,
    /// Lower end of what chance allows.
    pub lower: f64,
    /// Upper end of what chance allows.
    pub upper: f64,
}

/// One variable of the rank histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct RankHistogramSeries {
    /// Name of the variable.
    pub variable: String,
    /// Bins from left to right.
    pub bins: Vec<RankBin>,
    /// Probability with which a bin of calibrated ranks stays between `lower` and `upper`.
    pub interval: f64,
    /// Number of ranks that were not finite and are in no bin.
    pub not_finite: usize,
}

impl RankHistogramSeries {
    /// Sorts ranks into `bins` bins over `0 … draws`, all that a rank can be.
    ///
    /// `ranks` are the shares of draws below the truth, in `[0, 1]`; the rank itself is `share × draws`. A bin that holds m
    /// of the `draws + 1` ranks expects `N m ÷ (draws + 1)` of N data sets; the band has the quantiles `(1 ∓ interval) ÷ 2`
    /// of that binomial distribution. The peer spreads its bins over the observed ranks only, which hides missing
    /// extremes.
    ///
    /// # Errors
    /// No bins or more bins than ranks, an interval outside of `(0, 1)`, a share outside of `[0, 1]`.
    pub fn from_ranks(variable: &str, ranks: &[f64], draws: usize, bins: usize, interval: f64) -> Result<Self> {
        if bins == 0 || bins > draws.saturating_add(1) {
            return Err(Error::argument(
                "bins",
                format!("{bins} bins came, from 1 to {} fit the ranks of {draws} draws", draws.saturating_add(1)),
            ));
        }
        if !(interval > 0.0 && interval < 1.0) {
            return Err(Error::argument(
                "interval",
                format!("{interval} came, a probability between 0 and 1 was expected"),
            ));
        }
        let finite: Vec<f64> = ranks.iter().copied().filter(|rank| rank.is_finite()).collect();
        if let Some(outside) = finite.iter().find(|rank| !(0.0..=1.0).contains(*rank)) {
            return Err(Error::value(
                variable,
                format!(
                    "a rank of {outside} came, shares of draws in [0, 1] were expected; divide counts by the draws"
                ),
            ));
        }
        let states = draws + 1;
        // The first rank of a bin: bins differ by at most one rank when they do not divide the number of ranks.
        let first = |bin: usize| (bin as u128 * states as u128).div_ceil(bins as u128) as usize;
        let mut counts = vec![0.0; bins];
        for share in &finite {
            let rank = (share * draws as f64).round() as usize;
            counts[(rank as u128 * bins as u128 / states as u128) as usize] += 1.0;
        }
        let bin = |(index, count): (usize, f64)| -> Result<RankBin> {
            let (from, to) = (first(index), first(index + 1));
            let probability = (to - from) as f64 / states as f64;
            let chance = Binomial::new(probability, finite.len() as u64).map_err(|problem| {
                Error::value(variable, format!("the band of the bins cannot be computed: {problem}"))
            })?;
            Ok(RankBin {
                from: from as f64 - 0.5,
                to: to as f64 - 0.5,
                count,
                expected: finite.len() as f64 * probability,
                lower: chance.inverse_cdf((1.0 - interval) / 2.0) as f64,
                upper: chance.inverse_cdf((1.0 + interval) / 2.0) as f64,
            })
        };
        Ok(RankHistogramSeries {
            variable: variable.to_owned(),
            bins: counts.into_iter().enumerate().map(bin).collect::<Result<_>>()?,
            interval,
            not_finite: ranks.len() - finite.len(),
        })
    }
}

/// Draws the histograms over their bands.
///
/// # Errors
/// No variables, a variable without bins, or an impossible grid.
pub fn rank_histogram(series: &[RankHistogramSeries], options: &GridOptions) -> Result<Figure> {
    require_some("rank_histogram", series.len())?;
    let mut omissions = Omissions::default();
    let mut plans = Vec::with_capacity(series.len());
    for one in series {
        let (Some(first), Some(last)) = (one.bins.first(), one.bins.last()) else {
            return Err(Error::argument("bins", format!("variable '{}' has no bins; give at least one", one.variable)));
        };
        omissions.not_finite(one.not_finite);
        let x = Limits::of([first.from, last.to]).unwrap_or(Limits::fixed(0.0, 1.0)).padded(0.01);
        let highest = one.bins.iter().flat_map(|bin| [bin.count, bin.upper]).fold(1.0, f64::max);
        plans.push(Plan { title: one.variable.clone(), x, y: Limits::fixed(0.0, 1.1 * highest) });
    }
    let bar = style::faded(style::MAIN, 0.5);
    let top = Stroke::new(style::solid(style::MAIN), style::CURVE_WIDTH);
    let shade = style::faded(style::BAND, 1.4 * style::BAND_OPACITY);
    let level = Stroke::new(style::solid(style::IDEAL), style::THIN_WIDTH).dashed();
    let percent = 100.0 * series[0].interval;
    let legend = [
        Entry::new(Key::Patch(bar), "Data sets per bin"),
        Entry::new(Key::Patch(shade), format!("{percent} % band of each bin")),
    ];
    let look = Look {
        x_label: "Rank statistic",
        y_label: "Count",
        aspect: style::LANDSCAPE,
        shared_y: false,
        bare_x: false,
        bare_y: false,
        legend: &legend,
    };
    let (mut canvas, panels) = arrange(&plans, options, &look)?;
    for (one, panel) in series.iter().zip(&panels) {
        let gap = 0.06 * (one.bins[0].to - one.bins[0].from);
        let sides = |bin: &RankBin| (bin.from + gap, bin.to - gap);
        for bin in &one.bins {
            let (left, right) = sides(bin);
            panel.area(&mut canvas, [(left, 0.0), (left, bin.count), (right, bin.count), (right, 0.0)], bar);
        }
        let outline =
            |end: fn(&RankBin) -> f64| -> Vec<f64> { one.bins.iter().flat_map(|bin| [end(bin); 2]).collect() };
        let edges: Vec<f64> = one.bins.iter().flat_map(|bin| [bin.from, bin.to]).collect();
        panel.ribbon(&mut canvas, &edges, &outline(|bin| bin.lower), &outline(|bin| bin.upper), shade);
        panel.curve(&mut canvas, edges.iter().copied().zip(outline(|bin| bin.expected)), level);
        if one.bins.iter().all(|bin| bin.count == 0.0) {
            panel.draw_notice(&mut canvas, "no finite ranks");
            continue;
        }
        for bin in &one.bins {
            let (left, right) = sides(bin);
            panel.curve(&mut canvas, [(left, bin.count), (right, bin.count)], top);
        }
    }
    let reading = format!(
        "Ranks of the truths among the draws. Calibrated ranks are uniform: {percent} % of the bars end inside of the gray \
         band. A hump means that the posterior is too wide, a valley too narrow, a slope that it is shifted."
    );
    figure(canvas, "rank_histogram", "Rank histogram", omissions.describe(&reading))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_has_its_bin() {
        let ranks: Vec<f64> = (0..=10).map(|rank| f64::from(rank) / 10.0).collect();
        let series = RankHistogramSeries::from_ranks("x", &ranks, 10, 3, 0.9).unwrap();
        assert_eq!(series.bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [4.0, 4.0, 3.0]);
        let edges: Vec<f64> = series.bins.iter().map(|bin| bin.from).collect();
        assert_eq!(edges, [-0.5, 3.5, 7.5]);
        for bin in &series.bins {
            assert!((bin.expected - bin.count).abs() < 1e-12, "each rank came once");
            assert!(bin.lower < bin.expected && bin.expected < bin.upper);
        }
    }

    #[test]
    fn the_band_is_the_binomial_quantile() {
        let series = RankHistogramSeries::from_ranks("x", &[0.5; 100], 99, 10, 0.99).unwrap();
        // Quantiles 0.005 and 0.995 of Binomial(100, 0.1).
        assert_eq!((series.bins[0].lower, series.bins[0].upper), (3.0, 18.0));
    }

    #[test]
    fn counts_instead_of_shares_are_refused() {
        let message = RankHistogramSeries::from_ranks("sigma", &[17.0], 99, 10, 0.99).unwrap_err().to_string();
        assert!(message.contains("sigma") && message.contains("divide"), "{message}");
    }
}
