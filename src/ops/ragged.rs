//! Ragged batches: the elements of all sets are the rows of one matrix `[elements, f]`, and set `s` owns the rows
//! `offsets[s] .. offsets[s + 1]`. `offsets` `[sets + 1]` starts at 0, does not decrease and ends at the number of elements.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::ops::operation::Spec;
use crate::tensor::Dtype;

/// Checks offsets on the host, where a batch is made: kernels take whatever lies inside of the matrix.
pub fn check_offsets(offsets: &[u32], elements: usize) -> Result<()> {
    let fault = |message: String| Err(Error::shape("offsets", message));
    match (offsets.first(), offsets.last()) {
        (Some(0), Some(&last)) if last as usize == elements => {}
        _ => {
            let ends = format!("{:?} to {:?}", offsets.first(), offsets.last());
            return fault(format!("they run from {ends}; they start at 0 and end at the {elements} elements"));
        }
    }
    match offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        Some(set) => fault(format!("set {set} ends before it starts; offsets do not decrease")),
        None => Ok(()),
    }
}

/// The number of sets that an input of offsets speaks of.
pub(super) fn sets(operation: &str, offsets: Spec) -> Result<usize> {
    match (offsets.dtype, offsets.shape.axes()) {
        (Dtype::U32, &[n]) if n > 0 => Ok(n - 1),
        _ => {
            let message =
                format!("offsets {:?} of shape {}; expected indices [sets + 1]", offsets.dtype, offsets.shape);
            Err(Error::shape(operation, message))
        }
    }
}

/// The rows of a set, cut to those that exist.
pub(super) fn rows_of(offsets: &[u32], set: usize, elements: usize) -> Range<usize> {
    let end = (offsets[set + 1] as usize).min(elements);
    (offsets[set] as usize).min(end)..end
}

/// The set that a row belongs to: the last one that starts at or before it.
pub(super) fn set_of(offsets: &[u32], row: usize) -> usize {
    let ends = &offsets[1..];
    ends.partition_point(|&end| end as usize <= row).min(ends.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_checked() {
        assert!(check_offsets(&[0, 2, 2, 5], 5).is_ok());
        for (offsets, text) in
            [(&[][..], "start at 0"), (&[1, 5], "start at 0"), (&[0, 4], "5 elements"), (&[0, 4, 3, 5], "set 1")]
        {
            let message = check_offsets(offsets, 5).unwrap_err().to_string();
            assert!(message.contains(text), "{message}");
        }
    }

    #[test]
    fn empty_sets_own_no_row() {
        let offsets = [0, 0, 2, 2, 5, 5];
        let owners: Vec<usize> = (0..5).map(|row| set_of(&offsets, row)).collect();
        assert_eq!(owners, [1, 1, 3, 3, 3]);
        assert_eq!(rows_of(&offsets, 2, 5), 2..2);
        assert_eq!(rows_of(&[0, 9, 3], 0, 5), 0..5);
        assert_eq!(rows_of(&[0, 9, 3], 1, 5), 3..3);
    }
}
