//! Simulations that are held out of a training.

use rand::seq::SliceRandom;

use crate::random::Key;

/// Of simulations that exist already, one in so many is held out for validation and diagnostics, and at most so many.
const SHARE: usize = 10;
const MOST: usize = 300;
/// Fewer held out tell nothing.
const LEAST: usize = 10;

/// How many of so many data sets are held out.
pub(super) fn usual(rows: usize) -> usize {
    match (rows / SHARE).min(MOST) {
        count if count < LEAST => 0,
        count => count,
    }
}

/// Rows that are held out, chosen at random, and the others.
pub(super) fn drawn(rows: usize, count: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut Key::new(seed).fork("held out").stream());
    let mut training = order.split_off(count);
    order.sort_unstable();
    training.sort_unstable();
    (order, training)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_simulations_are_not_trained_on() {
        let (held_out, training) = drawn(200, usual(200), 3);
        assert_eq!(held_out.len(), 20);
        let mut all = [training, held_out].concat();
        all.sort_unstable();
        assert_eq!(all, (0..200).collect::<Vec<_>>());
        assert_eq!((usual(99), usual(100_000)), (0, 300));
    }
}
