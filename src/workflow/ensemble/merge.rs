//! Records of several members as one.

use crate::approximators::Allotment;
use crate::codecs::Array;
use crate::data::{Column, Entry, Record};
use crate::error::Result;

/// Draws of the members that give any, name → `[datasets, count, …]`, as name → `[datasets, draws, …]`.
pub(super) fn merged(parts: &[Record], allotment: &Allotment) -> Result<Record> {
    let mut record = Record::new();
    for (name, column) in parts.iter().take(1).flat_map(Record::columns) {
        let shape = column.array.shape();
        let (datasets, width) = (shape[0], shape[2..].iter().product::<usize>());
        let values = parts.iter().map(|part| Ok(part.column(name)?.array.to_f64())).collect::<Result<Vec<_>>>()?;
        let values = allotment.merge(&values, datasets, width);
        let shape = [&[datasets, allotment.draws()], &shape[2..]].concat();
        record.insert(name, Column::dense(Array::f64(shape, values)?));
    }
    Ok(record)
}

/// A function of the members' values, value by value, of the nested columns that all of them have in the same shape.
pub(super) fn combined(parts: &[&Record], of: &dyn Fn(&[Vec<f64>]) -> Vec<f64>) -> Result<Record> {
    let mut record = Record::new();
    for (name, entry) in parts.iter().take(1).flat_map(|first| first.iter()) {
        match entry {
            Entry::Group(_) => {
                let groups: Vec<&Record> = parts.iter().filter_map(|part| part.group(name).ok()).collect();
                if groups.len() == parts.len() {
                    let group = combined(&groups, of)?;
                    if !group.is_empty() {
                        record.insert_group(name, group);
                    }
                }
            }
            Entry::Column(column) => {
                let shape = column.array.shape();
                let same = parts.iter().filter_map(|part| part.column(name).ok());
                let same = same.filter(|column| column.array.shape() == shape);
                let values: Vec<Vec<f64>> = same.map(|column| column.array.to_f64()).collect();
                if values.len() == parts.len() {
                    record.insert(name, Column::dense(Array::f64(shape, of(&values))?));
                }
            }
        }
    }
    Ok(record)
}
