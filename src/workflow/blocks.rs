//! Draws of many data sets, made block by block and put together in place.

use std::ops::Range;

use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};

/// Draws of a block, all data sets together: enough to keep the networks busy, little memory.
const DRAWS_AT_ONCE: usize = 1 << 16;

/// Some draws of some data sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub datasets: Range<usize>,
    pub draws: Range<usize>,
}

/// The blocks of a request, and the columns `[datasets, draws, …]` that they fill.
pub(super) struct DrawBlocks {
    datasets: usize,
    draws: usize,
    next: Block,
    columns: Vec<(String, Vec<usize>, Values)>,
}

impl DrawBlocks {
    pub fn new(datasets: usize, draws: usize) -> Self {
        let next =
            Block { datasets: 0..(DRAWS_AT_ONCE / draws).clamp(1, datasets), draws: 0..draws.min(DRAWS_AT_ONCE) };
        DrawBlocks { datasets, draws, next, columns: Vec::new() }
    }

    /// The next block: all draws of some data sets, or some draws of one.
    pub fn next_block(&mut self) -> Option<Block> {
        let block = self.next.clone();
        if block.datasets.is_empty() {
            return None;
        }
        if block.draws.end < self.draws {
            self.next.draws = block.draws.end..self.draws.min(block.draws.end + DRAWS_AT_ONCE);
        } else {
            let end = self.datasets.min(block.datasets.end + block.datasets.len());
            self.next = Block { datasets: block.datasets.end..end, draws: 0..self.draws.min(DRAWS_AT_ONCE) };
        }
        Some(block)
    }

    /// Puts the draws of a block, columns `[datasets, draws, …]`, in their place.
    pub fn put(&mut self, block: &Block, record: Record) -> Result<()> {
        let whole = self.columns.is_empty();
        for (index, (key, column)) in record.columns().enumerate() {
            let (shape, expected) = (column.array.shape(), [block.datasets.len(), block.draws.len()]);
            if shape.len() < 2 || shape[..2] != expected {
                let message = format!(
                    "the draws have the shape {shape:?}, expected {expected:?} and more; the adapter's way back must keep the first two axes"
                );
                return Err(Error::shape(key, message));
            }
            if whole {
                let row = [&[self.datasets, self.draws], &shape[2..]].concat();
                self.columns.push((key.to_string(), row.clone(), zeros(&row, column.array.values())?));
            }
            let Some((_, shape, values)) = self.columns.get_mut(index).filter(|(k, ..)| k == key) else {
                return Err(Error::key(
                    key,
                    "appears in some blocks of draws only; the adapter's way back is at fault",
                ));
            };
            let width: usize = shape[2..].iter().product();
            let place = Place { block, draws: self.draws, width };
            match (values, column.array.values()) {
                (Values::F64(to), Values::F64(from)) => place.copy(from, to),
                (Values::F32(to), Values::F32(from)) => place.copy(from, to),
                (Values::I64(to), Values::I64(from)) => place.copy(from, to),
                (Values::Bool(to), Values::Bool(from)) => place.copy(from, to),
                _ => return Err(Error::key(key, "changes its type between blocks of draws")),
            }
        }
        Ok(())
    }

    /// All draws.
    pub fn finish(self) -> Result<Record> {
        let mut record = Record::new();
        for (key, shape, values) in self.columns {
            record.insert(key, Column::dense(Array::new(shape, values)?));
        }
        Ok(record)
    }
}

/// Where the rows of a block belong.
struct Place<'a> {
    block: &'a Block,
    draws: usize,
    width: usize,
}

impl Place<'_> {
    fn copy<T: Copy>(&self, from: &[T], to: &mut [T]) {
        let length = self.block.draws.len() * self.width;
        for (index, dataset) in self.block.datasets.clone().enumerate() {
            let start = (dataset * self.draws + self.block.draws.start) * self.width;
            to[start..start + length].copy_from_slice(&from[index * length..(index + 1) * length]);
        }
    }
}

/// Zeros of a shape and of the type of other values.
fn zeros(shape: &[usize], like: &Values) -> Result<Values> {
    fn reserve<T: Clone + Default>(count: usize) -> Option<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count).ok()?;
        values.resize(count, T::default());
        Some(values)
    }
    let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let values = count.and_then(|count| match like {
        Values::F64(_) => reserve(count).map(Values::F64),
        Values::F32(_) => reserve(count).map(Values::F32),
        Values::I64(_) => reserve(count).map(Values::I64),
        Values::Bool(_) => reserve(count).map(Values::Bool),
    });
    values.ok_or_else(|| {
        let message =
            format!("{shape:?} numbers do not fit into memory; sample in parts with the number of the first draw");
        Error::argument("draws", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of data set and draw is filled once, with its own value.
    #[test]
    fn blocks_cover_everything() {
        for (datasets, draws) in [(1, 1), (3, 2), (5, 70_000), (70_000, 3), (1, 200_000)] {
            let mut blocks = DrawBlocks::new(datasets, draws);
            while let Some(block) = blocks.next_block() {
                assert!(block.datasets.len() * block.draws.len() <= DRAWS_AT_ONCE, "{block:?}");
                let pairs = block.datasets.clone().flat_map(|i| block.draws.clone().map(move |k| (i, k)));
                let values = pairs.flat_map(|(i, k)| [(i * draws + k) as f64, -1.0]).collect();
                let array = Array::f64([block.datasets.len(), block.draws.len(), 2], values).unwrap();
                blocks.put(&block, Record::new().with("a", array)).unwrap();
            }
            let record = blocks.finish().unwrap();
            let array = &record.column("a").unwrap().array;
            assert_eq!(array.shape(), [datasets, draws, 2]);
            let right = array.to_f64().chunks(2).enumerate().all(|(i, pair)| pair == [i as f64, -1.0]);
            assert!(right, "{datasets} × {draws}");
        }
    }
}
