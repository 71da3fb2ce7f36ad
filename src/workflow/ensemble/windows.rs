//! Which simulations each member of an ensemble is trained on.

use std::sync::Arc;

use crate::data::{Dataset, Record};
use crate::error::{Error, Result};

/// Some rows of each batch of another data set.
pub(super) struct Rows {
    pub dataset: Arc<dyn Dataset>,
    pub rows: Vec<usize>,
}

impl Dataset for Rows {
    fn batches_per_epoch(&self) -> usize {
        self.dataset.batches_per_epoch()
    }

    fn batch_size(&self) -> usize {
        self.rows.len()
    }

    fn batch(&self, step: u64) -> Result<Record> {
        self.dataset.batch(step)?.select(&self.rows)
    }
}

pub(super) fn check_reuse(data_reuse: f64) -> Result<()> {
    match (0.0..=1.0).contains(&data_reuse) {
        true => Ok(()),
        false => Err(Error::argument("data_reuse", format!("{data_reuse} was given; give a number from 0 to 1"))),
    }
}

/// How many times the data of one member all members see together: `r + (1 − r) M`.
pub(super) fn spread(data_reuse: f64, members: usize) -> f64 {
    data_reuse + (1.0 - data_reuse) * members as f64
}

/// The `size` rows of `total` that a member sees; those of the members begin at equal distances.
pub(super) fn window(member: usize, members: usize, total: usize, size: usize) -> Vec<usize> {
    let start = (member as f64 * total as f64 / members as f64).round_ties_even() as usize;
    (0..size).map(|row| (start + row) % total.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_share_as_much_as_was_asked_for() {
        let windows = |reuse: f64, size: usize| {
            let pool = (size as f64 * spread(reuse, 3)).ceil() as usize;
            (pool, (0..3).map(|member| window(member, 3, pool, size)).collect::<Vec<_>>())
        };
        assert_eq!(windows(0.0, 2), (6, vec![vec![0, 1], vec![2, 3], vec![4, 5]]));
        assert_eq!(windows(0.5, 2), (4, vec![vec![0, 1], vec![1, 2], vec![3, 0]]));
        assert_eq!(windows(1.0, 2).0, 2);
        assert!(check_reuse(f64::NAN).is_err() && check_reuse(-0.1).is_err() && check_reuse(1.0).is_ok());
    }
}
