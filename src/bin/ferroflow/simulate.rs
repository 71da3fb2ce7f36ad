//! `ferroflow simulate`.

use ferroflow::data::Record;
use ferroflow::data::io::write_npz;
use ferroflow::random::Key;
use ferroflow::simulators::{Pool, Request, Simulator, find};

use crate::arguments::Simulate;
use crate::checks;
use crate::output::{Outcome, Output, grouped};

/// Data sets that tell how much memory one takes.
const PROBED: usize = 16;

pub fn run(arguments: Simulate) -> Outcome {
    let Simulate { simulator, count, seed, threads, out } = arguments;
    checks::npz_output(&out, &[])?;
    let simulator = find(&simulator)?;
    memory(&*simulator, "--count", count)?;
    let pool = Pool::new(checks::threads(threads))?;
    let record = simulator.sample(&Request::new(count, Key::new(seed).fork("simulate")).pool(&pool))?;
    write_npz(&out, &record)?;
    let mut output = Output::default();
    let keys: Vec<&str> = record.keys().collect();
    output.line(format!(
        "{}: {} data sets of {} (seed {seed}) with {}",
        out.display(),
        grouped(count as u64),
        simulator.name(),
        keys.join(", ")
    ));
    Ok(())
}

/// An error when so many simulations do not fit into memory.
pub fn memory(simulator: &dyn Simulator, flag: &str, count: usize) -> Outcome {
    if count <= PROBED {
        return Ok(());
    }
    let probe = simulator.simulate(PROBED, 0)?;
    // Twice: single draws are stacked to arrays.
    let each = size(&probe).div_ceil(PROBED) as u128;
    checks::memory(flag, 2 * each * count as u128, "ask for fewer simulations")
}

/// Bytes of the values of a record.
pub fn size(record: &Record) -> usize {
    let column = |(_, column): (&str, &ferroflow::data::Column)| {
        8 * (column.array.len() + column.offsets.as_ref().map_or(0, |offsets| offsets.len()))
    };
    record.columns().map(column).sum()
}
