//! The mixture of an ensemble's members: shares, draws in a common order, means of densities and of values.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::error::{Error, Result};
use crate::random::Key;

/// Weights as shares of the members, which add up to one.
pub(super) fn shares(weights: &[f64], members: usize) -> Result<Vec<f64>> {
    let sum: f64 = weights.iter().sum();
    let valid = weights.iter().all(|w| *w >= 0.0) && sum > 0.0 && sum.is_finite();
    if weights.len() != members || !valid {
        let message = format!(
            "{weights:?} were given for {members} members; give one weight for each, none negative, not all zero"
        );
        return Err(Error::argument("weights", message));
    }
    Ok(weights.iter().map(|w| w / sum).collect())
}

/// `ln Σ w exp(l)` of each row, for shares `w` and logarithms `l` of the members.
pub(super) fn log_mean(shares: &[f64], each: &[Vec<f64>]) -> Vec<f64> {
    let of_row = |row: usize| {
        let largest = each.iter().map(|logs| logs[row]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = shares.iter().zip(each).map(|(share, logs)| share * (logs[row] - largest).exp()).sum();
        if largest == f64::NEG_INFINITY { largest } else { largest + sum.ln() }
    };
    (0..common_length(each)).map(of_row).collect()
}

/// `Σ w v`, value by value, for shares `w` and values `v` of the members.
pub(crate) fn mean(shares: &[f64], each: &[Vec<f64>]) -> Vec<f64> {
    let of_value = |i: usize| shares.iter().zip(each).map(|(share, values)| share * values[i]).sum();
    (0..common_length(each)).map(of_value).collect()
}

fn common_length(each: &[Vec<f64>]) -> usize {
    each.iter().map(Vec::len).min().unwrap_or(0)
}

/// How many draws each member gives, and the order in which they come: random, and the same for all data sets.
pub(crate) struct Allotment {
    pub(super) counts: Vec<usize>,
    order: Vec<usize>,
}

impl Allotment {
    /// Each draw is of one member, chosen with the probability of its share.
    pub(super) fn new(shares: &[f64], draws: usize, key: Key) -> Result<Self> {
        if draws == 0 {
            return Err(Error::argument("draws", "0 was given; ask for at least 1"));
        }
        let mut stream = key.stream();
        let last = shares.iter().rposition(|share| *share > 0.0).unwrap_or(0);
        let mut counts = vec![0usize; shares.len()];
        for _ in 0..draws {
            let mut u: f64 = stream.random();
            let chosen = shares.iter().position(|share| {
                u -= share;
                u < 0.0
            });
            counts[chosen.unwrap_or(last)] += 1;
        }
        let mut order: Vec<usize> = (0..draws).collect();
        order.shuffle(&mut stream);
        Ok(Allotment { counts, order })
    }

    /// Number of draws of all members together.
    pub(crate) fn draws(&self) -> usize {
        self.order.len()
    }

    /// Draws of the members that give any, `[datasets, count, width]` each, as `[datasets, draws, width]`.
    pub(crate) fn merge(&self, parts: &[Vec<f64>], datasets: usize, width: usize) -> Vec<f64> {
        let counts: Vec<usize> = self.counts.iter().copied().filter(|count| *count > 0).collect();
        let mut merged = Vec::with_capacity(datasets * self.order.len() * width);
        for dataset in 0..datasets {
            let rows = parts.iter().zip(&counts).flat_map(|(values, count)| {
                values[dataset * count * width..(dataset + 1) * count * width].chunks(width.max(1))
            });
            let rows: Vec<&[f64]> = rows.collect();
            self.order.iter().for_each(|&draw| merged.extend_from_slice(rows[draw]));
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_the_shares() {
        let shares = shares(&[1.0, 0.0, 3.0], 3).unwrap();
        assert_eq!(shares, [0.25, 0.0, 0.75]);
        let allotment = Allotment::new(&shares, 4000, Key::new(1)).unwrap();
        // A quarter of 4000, give or take five times 27.
        assert!((allotment.counts[0] as f64 - 1000.0).abs() < 137.0, "{:?}", allotment.counts);
        assert_eq!((allotment.counts[1], allotment.counts.iter().sum()), (0, 4000));
        let again = Allotment::new(&shares, 4000, Key::new(1)).unwrap();
        assert_eq!((&again.counts, &again.order), (&allotment.counts, &allotment.order));
        assert!(Allotment::new(&shares, 0, Key::new(1)).is_err());
    }

    /// The draws of a data set stay with it, all of them, in the order of the others.
    #[test]
    fn draws_are_put_together() {
        let allotment = Allotment::new(&[0.5, 0.5], 20, Key::new(4)).unwrap();
        let part = |member: usize| -> Vec<f64> {
            let count = allotment.counts[member];
            (0..2 * count).map(|i| (1000 * (i / count) + 100 * member + i % count) as f64).collect()
        };
        let merged = allotment.merge(&[part(0), part(1)], 2, 1);
        let (first, second) = merged.split_at(20);
        assert!(first.iter().zip(second).all(|(a, b)| a + 1000.0 == *b));
        let mut sorted = first.to_vec();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(sorted, [&part(0)[..allotment.counts[0]], &part(1)[..allotment.counts[1]]].concat());
        assert!(sorted != first, "the order is random");
    }

    #[test]
    fn means_are_weighted() {
        let (shares_of, least) = ([0.25, 0.75], f64::NEG_INFINITY);
        let logs = log_mean(&shares_of, &[vec![0.0, least, -2000.0], vec![2f64.ln(), least, -2000.0]]);
        assert!((logs[0] - 1.75f64.ln()).abs() < 1e-12 && logs[1] == least && logs[2] == -2000.0, "{logs:?}");
        assert_eq!(mean(&shares_of, &[vec![4.0, 0.0], vec![0.0, 8.0]]), [1.0, 6.0]);
        for wrong in [&[1.0][..], &[1.0, -1.0], &[0.0, 0.0], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0]] {
            assert!(shares(wrong, 2).is_err(), "{wrong:?}");
        }
    }
}
