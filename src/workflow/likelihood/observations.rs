//! The elements of sets as rows of their own, beside the parameters of their data set.

use rand::seq::index;

use crate::codecs::Array;
use crate::data::{Column, Dataset, Record};
use crate::error::{Error, Result};
use crate::random::{Key, Stream};
use crate::workflow::roles::Roles;

/// Elements of each data set that a training step uses: they have their parameters in common, so that more of them teach less than
/// more data sets.
const MOST_ELEMENTS: usize = 8;

/// Which elements become rows.
pub enum Owners<'a> {
    /// All.
    All,
    /// A few of each data set, chosen at random.
    Some(&'a mut Stream),
}

/// Batches whose rows are elements of the sets of another data set.
pub struct ObservationsDataset<D> {
    pub dataset: D,
    pub roles: Roles,
    pub key: Key,
}

impl<D: Dataset> Dataset for ObservationsDataset<D> {
    fn batches_per_epoch(&self) -> usize {
        self.dataset.batches_per_epoch()
    }

    fn batch_size(&self) -> usize {
        self.dataset.batch_size()
    }

    fn batch(&self, step: u64) -> Result<Record> {
        let batch = self.roles.repeat(&self.dataset.batch(step)?)?;
        Ok(observations(&batch, &self.roles, Owners::Some(&mut self.key.at(step).stream()))?.0)
    }
}

/// A row for each element of the sets, with the parameters and conditions of its data set; and the data set of each row.
pub fn observations(data: &Record, roles: &Roles, which: Owners) -> Result<(Record, Vec<usize>)> {
    let key =
        roles.data_variables.first().ok_or_else(|| Error::argument("roles", "name no data variable; name one"))?;
    let offsets = offsets(key, data.column(key)?)?;
    let (mut elements, mut owners) = (Vec::new(), Vec::new());
    let mut stream = match which {
        Owners::All => None,
        Owners::Some(stream) => Some(stream),
    };
    for (dataset, range) in offsets.windows(2).enumerate() {
        let size = range[1] - range[0];
        match &mut stream {
            Some(stream) if size > MOST_ELEMENTS => {
                let chosen = index::sample(*stream, size, MOST_ELEMENTS);
                elements.extend(chosen.into_iter().map(|i| range[0] + i));
            }
            _ => elements.extend(range[0]..range[1]),
        }
        owners.resize(elements.len(), dataset);
    }
    let mut rows = Record::new();
    for key in &roles.data_variables {
        let column = data.column(key)?;
        let own = self::offsets(key, column)?;
        if own != offsets {
            let message =
                format!("its sets have other sizes than those of '{}'; give as many elements", roles.data_variables[0]);
            return Err(Error::shape(key, message));
        }
        let features: usize = match &column.offsets {
            Some(_) => column.array.shape().iter().skip(1).product(),
            None => column.array.shape().iter().skip(2).product(),
        };
        let array = column.array.clone();
        let flat = Array::new([offsets[offsets.len() - 1], features], array.values().clone())?;
        rows.insert(key.as_str(), Column::dense(flat).select(&elements)?);
    }
    for key in roles.parameters.iter().chain(&roles.conditions) {
        rows.insert(key.as_str(), data.column(key)?.select(&owners)?);
    }
    Ok((rows, owners))
}

/// Where the elements of each data set start.
fn offsets(key: &str, column: &Column) -> Result<Vec<usize>> {
    match (&column.offsets, column.array.shape()) {
        (Some(offsets), _) => Ok(offsets.to_vec()),
        (None, &[datasets, size, ..]) => Ok((0..=datasets).map(|i| i * size).collect()),
        (None, shape) => {
            let message = format!("has the shape {shape:?}; sets are [datasets, elements, features], or ragged");
            Err(Error::shape(key, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_go_with_their_parameters() {
        let mut data = Record::new().with("a", Array::f64([3], vec![1.0, 2.0, 3.0]).unwrap());
        data.insert("x", Column::ragged(Array::vector((0..12).map(f64::from).collect()), [0, 1, 3, 12]).unwrap());
        let roles = Roles { parameters: vec!["a".into()], data_variables: vec!["x".into()], ..Roles::default() };
        let (rows, owners) = observations(&data, &roles, Owners::All).unwrap();
        assert_eq!(owners, [0, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
        assert_eq!(rows.column("a").unwrap().array.to_f64()[..4], [1.0, 2.0, 2.0, 3.0]);
        assert_eq!(rows.column("x").unwrap().array.shape(), [12, 1]);
        let (some, owners) = observations(&data, &roles, Owners::Some(&mut Key::new(1).stream())).unwrap();
        assert_eq!(owners.len(), 1 + 2 + MOST_ELEMENTS);
        for (x, owner) in some.column("x").unwrap().array.to_f64().into_iter().zip(owners) {
            assert_eq!(
                owner,
                if x < 1.0 {
                    0
                } else if x < 3.0 {
                    1
                } else {
                    2
                }
            );
        }
    }
}
