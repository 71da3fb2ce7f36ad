//! Draws for the lower level of a hierarchy, given draws of the level above.

use super::basic::BasicWorkflow;
use super::blocks::DrawBlocks;
use crate::adapters::Strictness;
use crate::approximators::Batch;
use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::random::Key;

impl BasicWorkflow {
    /// One draw for each child and each draw of its parents: name → `[datasets, children, draws, dim]`.
    ///
    /// For the second stage of a hierarchy, whose approximator was trained on single children with the parameters of their parents
    /// among its conditions. `conditions` are what was observed of the children, `[datasets, children, …]`; ragged columns list
    /// the children data set after data set. `ancestral` are draws of the parents, `[datasets, draws, …]`, as the first stage's
    /// [`sample`](Self::sample) gives them. Together they hold every key that the model needs; a key in both, such as the true
    /// parameter beside simulated data, is taken from the draws, and other keys are ignored. Every child is crossed with every draw,
    /// and summarised once.
    ///
    /// Draw `s` of child `j` of data set `i` is a function of the seed, `i`, `j`, `s` and its conditions alone.
    ///
    /// ```no_run
    /// # fn both(groups: &ferroflow::workflow::BasicWorkflow, members: &ferroflow::workflow::BasicWorkflow,
    /// #         observed: &ferroflow::data::Record) -> ferroflow::Result<()> {
    /// let parents = groups.sample(observed, 500)?; //                       mean: [datasets, 500, 1]
    /// let children = members.ancestral_sample(observed, &parents)?; // score: [datasets, members, 500, 1]
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A key that the model needs in neither of the records, or numbers of data sets, children and draws that differ.
    pub fn ancestral_sample(&self, conditions: &Record, ancestral: &Record) -> Result<Record> {
        self.ancestral_sample_from(conditions, ancestral, self.seed)
    }

    /// As [`ancestral_sample`](Self::ancestral_sample), with a seed of its own.
    pub fn ancestral_sample_from(&self, conditions: &Record, ancestral: &Record, seed: u64) -> Result<Record> {
        let built = self.approximator()?;
        let levels = Levels::of(self.data_variables().iter().map(|info| info.name.as_str()), conditions, ancestral)?;
        let key = Key::new(seed).fork("sample");
        let width = built.dimensions().inference_variables;
        let mut blocks = DrawBlocks::new(levels.datasets * levels.children, levels.draws);
        while let Some(block) = blocks.next_block() {
            let rows: Vec<(usize, usize)> =
                block.datasets.clone().flat_map(|child| block.draws.clone().map(move |draw| (child, draw))).collect();
            let crossed = levels.crossed(&rows)?;
            let batch = Batch::from_record(&self.adapter.forward(&crossed, Strictness::Lenient)?)?;
            let (count, first) = (block.draws.len(), block.draws.start as u64);
            let values = built.sample_crossed(&batch, count, block.datasets.start, first, key)?;
            let array = Array::new([block.datasets.len(), count, width], Values::F64(values))?;
            let mut record = Record::new();
            record.insert("inference_variables", Column::dense(array));
            blocks.put(&block, self.adapter.inverse(&record, Strictness::Lenient)?)?;
        }
        let mut out = Record::new();
        for (name, column) in blocks.finish()?.columns() {
            let (shape, values) = column.array.clone().into_parts();
            let shape = [&[levels.datasets, levels.children, levels.draws], &shape[2..]].concat();
            out.insert(name, Column::dense(Array::new(shape, values)?));
        }
        Ok(out)
    }
}

/// What is known of both levels.
struct Levels {
    datasets: usize,
    children: usize,
    draws: usize,
    /// `[datasets · children, …]`.
    below: Record,
    /// `[datasets · draws, …]`.
    above: Record,
    /// Keys in the order of the model.
    shared: Record,
}

impl Levels {
    fn of<'a>(needed: impl Iterator<Item = &'a str>, conditions: &Record, ancestral: &Record) -> Result<Self> {
        let (mut below, mut above, mut shared) = (Record::new(), Record::new(), Record::new());
        let (mut lower, mut upper): (Counted, Counted) = (None, None);
        let mut ragged: Vec<(&str, usize)> = Vec::new();
        for key in needed {
            match (conditions.contains(key), ancestral.contains(key)) {
                (false, false) => {
                    let keys: Vec<&str> = conditions.keys().chain(ancestral.keys()).collect();
                    let message = format!(
                        "is missing; the conditions of the children and the draws of their parents hold: {}",
                        keys.join(", ")
                    );
                    return Err(Error::key(key, message));
                }
                (true, false) => {
                    let column = conditions.column(key)?;
                    match &column.offsets {
                        _ if column.shared => shared.insert(key, column.clone()),
                        Some(offsets) => {
                            ragged.push((key, offsets.len() - 1));
                            below.insert(key, column.clone());
                        }
                        None => below.insert(key, flat(key, "children", column, &mut lower)?),
                    }
                }
                (_, true) => {
                    let column = ancestral.column(key)?;
                    if column.offsets.is_some() {
                        let message = "is ragged; draws of parents have one size, [datasets, draws, …]";
                        return Err(Error::shape(key, message));
                    }
                    match column.shared {
                        true => shared.insert(key, column.clone()),
                        false => above.insert(key, flat(key, "draws", column, &mut upper)?),
                    }
                }
            }
        }
        let Some((_, datasets, draws)) = upper else {
            let message = "none of the keys that the model needs is a draw of the parents; use sample instead";
            return Err(Error::argument("ancestral", message));
        };
        let (first, children) = match (&lower, ragged.first()) {
            (Some((key, n, children)), _) if *n == datasets => (key.clone(), *children),
            (Some((key, n, _)), _) => {
                let message = format!("has {n} data sets, but there are draws of the parents of {datasets}");
                return Err(Error::shape(key.clone(), message));
            }
            (None, Some((key, total))) if datasets > 0 && total.is_multiple_of(datasets) => {
                (key.to_string(), total / datasets)
            }
            (None, Some((key, total))) => {
                let message = format!("has {total} children of {datasets} data sets; every one needs as many");
                return Err(Error::shape(*key, message));
            }
            (None, None) => {
                let message = "none of the keys that the model needs is observed of the children; use sample instead";
                return Err(Error::argument("conditions", message));
            }
        };
        if let Some((key, total)) = ragged.iter().find(|(_, total)| *total != datasets * children) {
            let message = format!("has {total} children, but '{first}' has {children} of each of {datasets} data sets");
            return Err(Error::shape(*key, message));
        }
        if [datasets, children, draws].contains(&0) {
            let message = format!(
                "there are {datasets} data sets, {children} children and {draws} draws; give one of each at least"
            );
            return Err(Error::value("ancestral", message));
        }
        Ok(Levels { datasets, children, draws, below, above, shared })
    }

    /// The conditions of each pair of a child, counted over all data sets, and a draw of its parents.
    fn crossed(&self, rows: &[(usize, usize)]) -> Result<Record> {
        let children: Vec<usize> = rows.iter().map(|(child, _)| *child).collect();
        let parents: Vec<usize> = rows.iter().map(|(child, draw)| child / self.children * self.draws + draw).collect();
        let mut record = self.below.select(&children)?;
        for (key, column) in self.above.select(&parents)?.columns().chain(self.shared.columns()) {
            record.insert(key, column.clone());
        }
        Ok(record)
    }
}

/// The key that was counted first, its data sets and its children or draws.
type Counted = Option<(String, usize, usize)>;

/// A column with its first two axes as one.
fn flat(key: &str, what: &str, column: &Column, counted: &mut Counted) -> Result<Column> {
    let (shape, values) = column.array.clone().into_parts();
    let &[datasets, count, ref rest @ ..] = &shape[..] else {
        let message = format!("has the shape {shape:?}; expected [datasets, {what}, …]");
        return Err(Error::shape(key, message));
    };
    match counted {
        Some((first, n, m)) if (*n, *m) != (datasets, count) => {
            let message = format!(
                "has {datasets} data sets with {count} {what}, but '{first}' has {n} with {m}; give as many of each"
            );
            return Err(Error::shape(key, message));
        }
        _ => *counted = Some((key.to_string(), datasets, count)),
    }
    Ok(Column::dense(Array::new([&[datasets * count], rest].concat(), values)?))
}
