//! The programs of attention on a GPU. A group works on [`ROWS`] rows, each in one head, at a time.
//!
//! A table says for each row of the queries at which rows the keys of its set start and end; for backward also for each row of the
//! keys where the queries of its set start and end and where its own set starts, and `Lᵢ` and `δᵢ` of each query and head.

use super::Arguments;
use crate::device::Buffer;
use crate::device::gpu::{Launch, Program, ROWS, groups_for};
use crate::error::Result;

/// Words of the table for a row of the queries, a row of the keys, and a query in one head.
const OF_QUERY: usize = 2;
const OF_KEY: usize = 3;
const OF_STATISTICS: usize = 2;

/// Fills the table for so many rows, first those of the queries.
fn fill(launch: &Launch, table: &Buffer, rows: usize) -> Result<()> {
    let inputs = [launch.inputs[3], launch.inputs[4]];
    let arguments = launch.words(&[rows as u32]);
    launch.run_with(Program::new("attention", "ranges"), &arguments, &inputs, &[table.all()], groups_for(rows))
}

/// Groups for a number of rows in every head.
fn groups(rows: u32, heads: u32) -> usize {
    (rows as usize * heads as usize).div_ceil(ROWS)
}

pub(super) fn forward(launch: &Launch) -> Result<()> {
    let Arguments { queries, heads, .. } = launch.arguments();
    let table = launch.scratch(OF_QUERY * queries as usize)?;
    fill(launch, &table, queries as usize)?;
    let [q, k, v, mask] = [0, 1, 2, 5].map(|i| launch.inputs[i]);
    let inputs = [q, k, v, mask, table.all()];
    let program = Program::new("attention", "forward");
    launch.run_with(program, &launch.words(&[0]), &inputs, launch.outputs, groups(queries, heads))
}

/// The gradient of the queries row by row, then those of keys and values row by row; both make the probabilities again.
pub(super) fn backward(launch: &Launch) -> Result<()> {
    let Arguments { queries, keys, heads, .. } = launch.arguments();
    let ranges = OF_QUERY * queries as usize + OF_KEY * keys as usize;
    let table = launch.scratch(ranges + OF_STATISTICS * queries as usize * heads as usize)?;
    fill(launch, &table, (queries + keys) as usize)?;
    let [q, k, v, mask, out, log_sums, dout] = [0, 1, 2, 5, 6, 7, 8].map(|i| launch.inputs[i]);
    let arguments = launch.words(&[ranges as u32]);
    let program = Program::new("attention", "statistics");
    launch.run_with(program, &arguments, &[out, log_sums, dout], &[table.all()], groups(queries, heads))?;
    let inputs = [q, k, v, mask, table.all(), dout];
    let program = Program::new("attention", "backward_queries");
    launch.run_with(program, &arguments, &inputs, &launch.outputs[..1], groups(queries, heads))?;
    let program = Program::new("attention", "backward_keys");
    launch.run_with(program, &arguments, &inputs, &launch.outputs[1..], groups(keys, heads))
}
