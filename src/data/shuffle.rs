//! The order in which the rows of shards are visited when not all of them fit into memory.

use rand::seq::SliceRandom;

use crate::random::Key;

/// A place: shard and row in it.
pub type Place = (usize, usize);

/// Rows of shards in an order that is nearly random and needs only a window of shards at a time: the shards are shuffled, and
/// then the rows within each window of consecutive ones.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowShuffle {
    /// Rows of each shard.
    sizes: Vec<usize>,
    /// Shards of a window.
    window: usize,
}

/// One way through all shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Shards in the order of their windows.
    shards: Vec<usize>,
    /// Where each window starts among the rows of the round; one more number than windows.
    starts: Vec<usize>,
    window: usize,
    key: Key,
}

impl WindowShuffle {
    /// Shards of the given sizes, so many at a time, at least one.
    pub fn new(sizes: Vec<usize>, window: usize) -> Self {
        WindowShuffle { sizes, window: window.max(1) }
    }

    /// Number of rows of all shards.
    pub fn rows(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// The way of a number through all shards; a pure function of the key and the number.
    pub fn round(&self, key: Key, number: u64) -> Round {
        let key = key.fork("shuffle").at(number);
        let mut shards: Vec<usize> = (0..self.sizes.len()).collect();
        shards.shuffle(&mut key.fork("shards").stream());
        let rows = |window: &[usize]| window.iter().map(|&shard| self.sizes[shard]).sum::<usize>();
        let mut starts = vec![0];
        for window in shards.chunks(self.window) {
            starts.push(starts[starts.len() - 1] + rows(window));
        }
        Round { shards, starts, window: self.window, key }
    }

    /// The places of a window of a round, in the order in which they are visited.
    pub fn window(&self, round: &Round, window: usize) -> Vec<Place> {
        let shards = round.shards_of(window);
        let mut places: Vec<Place> =
            shards.iter().flat_map(|&shard| (0..self.sizes[shard]).map(move |row| (shard, row))).collect();
        places.shuffle(&mut round.key.fork("rows").at(window as u64).stream());
        places
    }

    /// The rows of a round, numbered from the first row of the first shard on.
    pub fn rows_in_order(&self, key: Key, number: u64) -> Vec<usize> {
        let starts: Vec<usize> =
            self.sizes.iter().scan(0, |at, size| Some(std::mem::replace(at, *at + size))).collect();
        let round = self.round(key, number);
        let windows = 0..round.starts.len() - 1;
        windows.flat_map(|window| self.window(&round, window)).map(|(shard, row)| starts[shard] + row).collect()
    }
}

impl Round {
    /// The shards of a window.
    pub fn shards_of(&self, window: usize) -> &[usize] {
        self.shards.chunks(self.window).nth(window).unwrap_or(&[])
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// The window that a row of the round lies in, and its number there.
    pub fn find(&self, row: usize) -> (usize, usize) {
        let window = self.starts.partition_point(|&start| start <= row) - 1;
        (window, row - self.starts[window])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_visits_every_row_once_and_a_window_of_shards_at_a_time() {
        let shuffle = WindowShuffle::new(vec![3, 1, 4, 2, 5], 2);
        assert_eq!(shuffle.rows(), 15);
        let key = Key::new(7);
        for number in 0..5 {
            let round = shuffle.round(key, number);
            let mut all = Vec::new();
            for window in 0..3 {
                let places = shuffle.window(&round, window);
                assert!(places.iter().all(|(shard, _)| round.shards_of(window).contains(shard)));
                let (found, at) = round.find(all.len());
                assert_eq!((found, at), (window, 0));
                all.extend(places);
            }
            assert!(shuffle.window(&round, 3).is_empty());
            all.sort_unstable();
            let sizes = [3, 1, 4, 2, 5];
            let expected: Vec<Place> = (0..5).flat_map(|s| (0..sizes[s]).map(move |r| (s, r))).collect();
            assert_eq!(all, expected);
        }
        assert_ne!(shuffle.round(key, 0).shards, shuffle.round(key, 1).shards);
        assert_eq!(shuffle.round(key, 1), shuffle.round(key, 1));
    }
}
