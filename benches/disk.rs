//! What `ferroflow train --data FOLDER` does, with the whole folder in memory; `benches/disk.py` compares the two.
//!
//! `disk CONFIG FOLDER OUT` trains as the configuration says, in the order in which the files are visited, and leaves
//! `history.csv` in OUT.

use std::path::PathBuf;

use ferroflow::data::{DiskDataset, OfflineDataset, Shards};
use ferroflow::random::Key;
use ferroflow::workflow::{Roles, Run, RunConfig, Validation};
use ferroflow::{Error, Result};

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [config, folder, out] = arguments.as_slice() else {
        // `cargo bench` without names passes by here.
        println!("usage: disk CONFIG FOLDER OUT (see benches/disk.py)");
        return Ok(());
    };
    let config = RunConfig { data: Some(folder.clone()), ..RunConfig::load(config)? };
    let mut run: Run = Run::prepare(config)?;
    let fit = run.fit().clone();
    let needed = |name| Error::argument("configuration", format!("lacks {name}, which this comparison needs"));
    let simulator = run.workflow.simulator().ok_or_else(|| needed("simulator"))?;
    let memory = run.config.data_memory.ok_or_else(|| needed("data_memory"))? << 20;
    let held_out = run.config.validation.unwrap_or(0);
    let roles = Roles::of_simulator(simulator)?;
    let names: Vec<&str> = roles.keys().collect();
    let shards = Shards::open(folder, Some(&names))?;
    let key = Key::new(run.workflow.seed()).fork("offline");
    let order = DiskDataset::new(shards.clone(), fit.batch_size, key)?.memory(memory).skip(held_out)?.order();
    let rows: Vec<usize> = (held_out..shards.datasets()).collect();
    let record = shards.first(shards.datasets())?.select(&rows)?;
    let dataset = OfflineDataset::new(record, fit.batch_size, key)?.windows(order)?;
    let validation = match held_out {
        0 => Validation::None,
        count => Validation::Data(shards.first(count)?),
    };
    run.workflow.set_checkpoints(out);
    run.workflow.fit_dataset(dataset, fit, validation, &mut [], None)?;
    Ok(())
}
