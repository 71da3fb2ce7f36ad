//! Simulators on top of each other: groups, members of groups, observations of members.

use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::simulators::request::{Context, Usage, repeat_rows};
use crate::simulators::{Request, Simulator};

/// Several levels: each entry of a level has a fixed number of entries on the level below, which see all quantities above
/// them.
///
/// A quantity of level `l` has the shape `[datasets, n₁, …, n_l, …]`, where `…` is its own shape. Simulators whose single
/// numbers shall have no axis of their own are compositions with
/// [`Composition::expand`](crate::simulators::Composition::expand)`(false)`; sets must have one size at all levels but the
/// first.
///
/// ```
/// use ferroflow::simulators::{Composition, Hierarchical, Simulator};
/// use rand::RngExt;
///
/// let group = Composition::new().expand(false).part("group", |rng, _| Ok([("mean", rng.random::<f64>().into())]));
/// let member = Composition::new().expand(false).part("member", |rng, given| {
///     Ok([("score", (given.scalar("mean")? + 0.1 * rng.random::<f64>()).into())])
/// });
/// let record = Hierarchical::new(group).level(7, member).simulate(3, 1)?;
/// assert_eq!(record.column("mean")?.array.shape(), [3]);
/// assert_eq!(record.column("score")?.array.shape(), [3, 7]);
/// # Ok::<(), ferroflow::Error>(())
/// ```
///
/// A fixed quantity has a row for each data set and holds for everything below it. Data set `i` depends on its index
/// alone, as with every simulator.
pub struct Hierarchical<'a> {
    name: String,
    levels: Vec<(usize, Box<dyn Simulator + 'a>)>,
}

impl<'a> Hierarchical<'a> {
    /// The highest level, one entry for each data set.
    pub fn new(top: impl Simulator + 'a) -> Self {
        Hierarchical { name: "hierarchy".to_string(), levels: vec![(1, Box::new(top))] }
    }

    /// Sets the name that messages use.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds a level: `count` entries for each entry of the level above.
    pub fn level(mut self, count: usize, simulator: impl Simulator + 'a) -> Self {
        self.levels.push((count, Box::new(simulator)));
        self
    }
}

impl Simulator for Hierarchical<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        request.check()?;
        let usage = Usage::default();
        let mut flat = Record::new();
        let mut out = Record::new();
        let mut shape = vec![request.count];
        // Entries of this level for each data set.
        let mut entries = 1usize;
        for (level, (count, simulator)) in self.levels.iter().enumerate() {
            let total = entries.checked_mul(*count).filter(|t| request.count.checked_mul(*t).is_some());
            let (Some(total), 1..) = (total, *count) else {
                return Err(Error::argument(
                    &self.name,
                    format!("level {level} has {count} entries for each above; give 1 or more that fit into memory"),
                ));
            };
            let first = request.first.checked_mul(total as u64).ok_or_else(|| {
                Error::argument("first", format!("{} times {total} entries exceed 2^64", request.first))
            })?;
            if level > 0 {
                shape.push(*count);
            }
            flat = repeat_rows(&flat, request.count * entries, *count)?;
            let mut inputs = repeat_rows(&request.context.inputs, request.count, total)?;
            flat.columns().for_each(|(key, column)| inputs.insert(key, column.clone()));
            let drawn = simulator.sample(&Request {
                count: request.count * total,
                key: request.key.fork(&format!("level {level}")),
                first,
                pool: request.pool.clone(),
                given: repeat_rows(&request.given, request.count, total)?,
                context: Context::new(inputs, &usage),
            })?;
            for (key, column) in drawn.columns() {
                flat.insert(key, column.clone());
                out.insert(key, if level == 0 { column.clone() } else { nested(key, column, level, &shape)? });
            }
            entries = total;
        }
        usage.check(request, &out)?;
        Ok(out)
    }
}

/// `[n₀ ⋯ n_l, …]` as `[n₀, …, n_l, …]`.
fn nested(key: &str, column: &Column, level: usize, shape: &[usize]) -> Result<Column> {
    if column.shared {
        return Ok(column.clone());
    }
    let own = match &column.offsets {
        None => column.array.shape()[1..].to_vec(),
        Some(offsets) => {
            let size = offsets[1] - offsets[0];
            if offsets.windows(2).any(|pair| pair[1] - pair[0] != size) {
                return Err(Error::shape(
                    key,
                    format!("differs in size between the entries of level {level}; draw arrays of one size there"),
                ));
            }
            [&[size], &column.array.shape()[1..]].concat()
        }
    };
    let array: Array = column.array.clone().reshape([shape, &own].concat())?;
    Ok(Column::dense(array))
}
