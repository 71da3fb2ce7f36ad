//! Given data sets, as a simulator.

use crate::data::Record;
use crate::error::{Error, Result};
use crate::simulators::{Request, Simulator};

/// Data sets that lie in memory: number `i` of every seed is row `i`. For parameters that were chosen elsewhere.
#[derive(Debug, Clone)]
pub struct Tabulated {
    record: Record,
    rows: usize,
}

impl Tabulated {
    /// A record of at least one data set.
    pub fn new(record: Record) -> Result<Self> {
        match record.datasets()? {
            Some(rows @ 1..) => Ok(Tabulated { record, rows }),
            _ => Err(Error::value("parameters", "there is no data set; give arrays whose first axis is the data set")),
        }
    }

    /// Number of data sets.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

impl Simulator for Tabulated {
    fn name(&self) -> &str {
        "tabulated"
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        request.check()?;
        let end = request.first.saturating_add(request.count as u64);
        if end > self.rows as u64 {
            return Err(Error::argument(
                "count",
                format!("{end} data sets were asked for, but there are {}; ask for fewer", self.rows),
            ));
        }
        let indices: Vec<usize> = (request.first as usize..end as usize).collect();
        self.record.select(&indices)
    }
}
