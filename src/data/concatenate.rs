//! Records one after the other along the data-set axis.

use std::sync::Arc;

use crate::codecs::{Array, Dtype, Values};
use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};

impl Record {
    /// The data sets of all records, in order. Keys and element types must agree; a key whose sizes differ between the
    /// records becomes ragged; shared metadata must be equal.
    pub fn concatenate(records: &[Record]) -> Result<Record> {
        let Some((head, tail)) = records.split_first() else {
            return Err(Error::argument("records", "there is none; give at least one record"));
        };
        for other in tail {
            if other.len() != head.len() || !head.keys().all(|key| other.contains(key)) {
                let keys = |record: &Record| record.keys().collect::<Vec<_>>().join(", ");
                return Err(Error::argument(
                    "records",
                    format!("one has the keys {}, another {}; give records of the same keys", keys(head), keys(other)),
                ));
            }
        }
        let mut out = Record::new();
        for (key, entry) in head.iter() {
            match entry {
                Entry::Column(_) => {
                    let columns = records.iter().map(|r| r.column(key)).collect::<Result<Vec<_>>>()?;
                    out.insert(key, concatenate_columns(key, &columns)?);
                }
                Entry::Group(_) => {
                    let groups = records.iter().map(|r| r.group(key).cloned()).collect::<Result<Vec<_>>>()?;
                    out.insert_group(key, Record::concatenate(&groups)?);
                }
            }
        }
        Ok(out)
    }
}

fn concatenate_columns(key: &str, columns: &[&Column]) -> Result<Column> {
    let head = columns[0];
    if head.datasets().is_none() {
        return match columns.iter().all(|c| *c == head) {
            true => Ok(head.clone()),
            false => Err(Error::value(
                key,
                "is shared metadata that differs between the batches; draw it for each data set instead",
            )),
        };
    }
    let ragged = columns.iter().any(|c| c.offsets.is_some() || c.array.shape().get(1) != head.array.shape().get(1));
    let inner = |c: &Column| c.array.shape()[if c.offsets.is_some() || !ragged { 1 } else { 2 }..].to_vec();
    for c in columns {
        let fits = c.datasets().is_some()
            && c.array.dtype() == head.array.dtype()
            && (!ragged || c.offsets.is_some() || c.array.shape().len() > 1);
        if !fits || inner(c) != inner(head) {
            return Err(Error::shape(
                key,
                format!(
                    "has shape {:?} of type {:?} in one batch and {:?} of type {:?} in another; only the axis of a set \
                     may differ",
                    head.array.shape(),
                    head.array.dtype(),
                    c.array.shape(),
                    c.array.dtype()
                ),
            ));
        }
    }
    let values = concatenate_values(columns, head.array.dtype());
    if !ragged {
        let rows = columns.iter().map(|c| c.array.shape()[0]).sum();
        return Ok(Column::dense(Array::new([&[rows], &head.array.shape()[1..]].concat(), values)?));
    }
    let mut offsets = vec![0];
    for c in columns {
        let start = offsets[offsets.len() - 1];
        match &c.offsets {
            Some(own) => offsets.extend(own[1..].iter().map(|o| start + o)),
            None => offsets.extend((1..=c.array.shape()[0]).map(|i| start + i * c.array.shape()[1])),
        }
    }
    let elements = offsets[offsets.len() - 1];
    Column::ragged(Array::new([&[elements][..], &inner(head)].concat(), values)?, Arc::<[usize]>::from(offsets))
}

fn concatenate_values(columns: &[&Column], dtype: Dtype) -> Values {
    macro_rules! gather {
        ($variant:ident) => {
            Values::$variant(
                columns
                    .iter()
                    .flat_map(|c| match c.array.values() {
                        Values::$variant(v) => v.as_slice(),
                        _ => &[],
                    })
                    .copied()
                    .collect(),
            )
        };
    }
    match dtype {
        Dtype::F64 => gather!(F64),
        Dtype::F32 => gather!(F32),
        Dtype::I64 => gather!(I64),
        Dtype::Bool => gather!(Bool),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(rows: usize, width: usize) -> Column {
        Column::dense(Array::f64([rows, width], (0..rows * width).map(|i| i as f64).collect()).unwrap())
    }

    #[test]
    fn dense_ragged_and_mixed() {
        let both = concatenate_columns("x", &[&dense(2, 3), &dense(1, 3)]).unwrap();
        assert_eq!((both.array.shape(), both.offsets), (&[3, 3][..], None));
        let mixed = concatenate_columns("x", &[&dense(2, 3), &dense(2, 1)]).unwrap();
        assert_eq!((mixed.array.shape(), mixed.offsets.as_deref()), (&[8][..], Some(&[0, 3, 6, 7, 8][..])));
        assert_eq!(mixed.array.to_f64(), [0., 1., 2., 3., 4., 5., 0., 1.]);
    }

    #[test]
    fn parts_of_a_record_join_to_the_whole() {
        let ragged = Column::ragged(Array::vector(vec![1., 2., 3., 4., 5., 6.]), vec![0, 1, 3, 6]).unwrap();
        let mut whole = Record::new();
        whole.insert("a", dense(3, 2));
        whole.insert("b", ragged);
        whole.insert("n", Column::shared(Array::scalar(4.0)));
        let parts = [whole.select(&[0]).unwrap(), whole.select(&[1, 2]).unwrap()];
        assert_eq!(Record::concatenate(&parts).unwrap(), whole);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let shared =
            |x| Record::new().with("a", Array::vector(vec![0.0])).clone_with("n", Column::shared(Array::scalar(x)));
        assert!(Record::concatenate(&[shared(1.0), shared(2.0)]).unwrap_err().to_string().contains("shared metadata"));
        assert!(Record::concatenate(&[]).unwrap_err().to_string().contains("at least one"));
        let (a, b) =
            (Record::new().with("a", Array::vector(vec![0.0])), Record::new().with("b", Array::vector(vec![0.0])));
        assert!(Record::concatenate(&[a.clone(), b]).unwrap_err().to_string().contains("same keys"));
        let integers = Record::new().with("a", Array::new([1], Values::I64(vec![0])).unwrap());
        assert!(Record::concatenate(&[a.clone(), integers]).unwrap_err().to_string().contains("of type"));
        let matrix = Record::new().with("a", Array::f64([1, 2], vec![0.0; 2]).unwrap());
        assert!(Record::concatenate(&[a, matrix]).unwrap_err().to_string().contains("only the axis of a set"));
    }

    trait CloneWith {
        fn clone_with(self, key: &str, column: Column) -> Self;
    }

    impl CloneWith for Record {
        fn clone_with(mut self, key: &str, column: Column) -> Self {
            self.insert(key, column);
            self
        }
    }
}
