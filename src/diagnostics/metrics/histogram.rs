//! Histogram of ranks with the band of uniform ranks.

use serde::Serialize;

use super::binomial::binomial_quantile;
use crate::error::{Error, Result};

/// A histogram of ranks over their whole range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankHistogram {
    /// The bins in order.
    pub bins: Vec<HistogramBin>,
    /// True when a bin is expected to hold fewer than [`RankHistogram::ENOUGH`] ranks: take fewer bins or more data sets.
    pub sparse: bool,
}

/// One bin of a [`RankHistogram`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HistogramBin {
    /// Smallest rank of the bin.
    pub first: usize,
    /// Largest rank of the bin.
    pub last: usize,
    /// Number of data sets with such a rank.
    pub count: usize,
    /// Expected number under uniform ranks.
    pub expected: f64,
    /// Smallest count of the band under uniform ranks.
    pub lower: usize,
    /// Largest count of the band under uniform ranks.
    pub upper: usize,
}

impl RankHistogram {
    /// Expected number of ranks in a bin from which on the picture is more than noise (Talts et al. 2018 use 20).
    pub const ENOUGH: f64 = 20.0;
}

/// Counts of ranks in `0 … num_post_draws` in `num_bins` bins, and for each bin the central interval of its binomial count
/// with probability `interval`.
///
/// Bins cover all possible ranks and are as equal as integers allow; each has its own exact band, since a bin may hold one
/// possible rank more than its neighbour. (BayesFlow 2.0.12 bins between the smallest and largest observed rank.) Without
/// `num_bins` there are N / 20 bins, at least 4 and at most 20.
pub fn rank_histogram(
    ranks: &[usize],
    num_post_draws: usize,
    num_bins: Option<usize>,
    interval: f64,
) -> Result<RankHistogram> {
    let values = num_post_draws + 1;
    let bins = num_bins.unwrap_or((ranks.len() / RankHistogram::ENOUGH as usize).clamp(4, 20).min(values));
    if ranks.is_empty() || ranks.iter().any(|&rank| rank >= values) || !(1..=values).contains(&bins) {
        return Err(Error::argument(
            "rank histogram",
            format!(
                "{} ranks with the largest {:?} and {bins} bins were given; ranks are 0 to {num_post_draws} and there \
                 are from 1 to {values} bins",
                ranks.len(),
                ranks.iter().max()
            ),
        ));
    }
    if !(0.0..1.0).contains(&interval) {
        return Err(Error::argument("interval", format!("is {interval}; give a probability from 0 to below 1")));
    }
    let mut counts = vec![0; bins];
    // Bin b holds the ranks from ⌈b values / bins⌉ to below ⌈(b + 1) values / bins⌉.
    ranks.iter().for_each(|&rank| counts[rank * bins / values] += 1);
    let bin = |(b, &count): (usize, &usize)| {
        let (first, end) = ((b * values).div_ceil(bins), ((b + 1) * values).div_ceil(bins));
        let share = (end - first) as f64 / values as f64;
        Ok(HistogramBin {
            first,
            last: end - 1,
            count,
            expected: ranks.len() as f64 * share,
            lower: binomial_quantile((1.0 - interval) / 2.0, ranks.len(), share)?,
            upper: binomial_quantile((1.0 + interval) / 2.0, ranks.len(), share)?,
        })
    };
    let sparse = (ranks.len() as f64) < RankHistogram::ENOUGH * bins as f64;
    Ok(RankHistogram { bins: counts.iter().enumerate().map(bin).collect::<Result<_>>()?, sparse })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_cover_all_ranks() {
        let ranks: Vec<usize> = (0..300).map(|i| i % 1000).collect();
        let histogram = rank_histogram(&ranks, 999, Some(10), 0.99).unwrap();
        let bin = histogram.bins[0];
        assert_eq!((bin.first, bin.last, bin.count, bin.lower, bin.upper), (0, 99, 100, 17, 44));
        assert_eq!((histogram.bins[9].last, histogram.bins[5].count, histogram.sparse), (999, 0, false));
        for (draws, bins) in [(1000, 10), (6, 4), (3, 4), (100, 7)] {
            let all: Vec<usize> = (0..=draws).collect();
            let histogram = rank_histogram(&all, draws, Some(bins), 0.9).unwrap();
            assert_eq!(histogram.bins.len(), bins);
            assert!(
                histogram
                    .bins
                    .iter()
                    .all(|b| b.count == b.last + 1 - b.first && (b.expected - b.count as f64).abs() < 1e-9)
            );
            assert_eq!((histogram.bins[0].first, histogram.bins[bins - 1].last), (0, draws));
        }
    }

    #[test]
    fn automatic_bins_and_faults() {
        let bins = |n: usize| rank_histogram(&vec![0; n], 1000, None, 0.99).unwrap().bins.len();
        assert_eq!((bins(10), bins(300), bins(10_000)), (4, 15, 20));
        assert!(rank_histogram(&[0; 10], 1000, None, 0.99).unwrap().sparse);
        assert_eq!(rank_histogram(&[0, 1], 1, None, 0.99).unwrap().bins.len(), 2);
        assert!(rank_histogram(&[], 10, None, 0.99).is_err());
        assert!(rank_histogram(&[11], 10, None, 0.99).is_err());
        assert!(rank_histogram(&[1], 10, Some(0), 0.99).is_err() && rank_histogram(&[1], 10, Some(12), 0.99).is_err());
        assert!(rank_histogram(&[1], 10, Some(2), 1.0).is_err());
    }
}
