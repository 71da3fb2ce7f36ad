//! `ferroflow simulate`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ferroflow::Error;
use ferroflow::data::Record;
use ferroflow::data::io::{read_npz, write_npz};
use ferroflow::random::Key;
use ferroflow::simulators::{
    Campaign, External, ParametersOf, Plan, Pool, Prior, Request, Simulator, Tabulated, find, is_campaign, list,
};

use crate::arguments::{Program, Simulate};
use crate::checks;
use crate::output::{Outcome, Output, grouped, usage};
use crate::progress::CountBar;

/// Data sets that tell how much memory one takes.
const PROBED: usize = 16;
/// Data sets of one run of a program.
const BATCH: usize = 100;
/// Data sets of a shard of a built-in simulator.
const SHARD: usize = 1000;

pub fn run(arguments: Simulate) -> Outcome {
    if arguments.list {
        return print_list();
    }
    let Simulate { simulator, count, seed, threads, out, shard_size, program, .. } = arguments;
    if let Some(option) = program.first_option().filter(|_| program.command.is_none()) {
        return Err(usage(format!("{option} belongs to programs; give one with --command, or leave it out")));
    }
    let out = out.ok_or_else(|| usage("--out: name a file or a folder"))?;
    let mut output = Output::default();
    let inputs: Vec<&Path> = program.parameters.iter().map(|path| path.as_path()).collect();
    let in_shards = shard_size.is_some() || out.to_string_lossy().ends_with(['/', '\\']) || is_campaign(&out);
    match in_shards {
        true => checks::folder_output(&out)?,
        false => checks::npz_output(&out, &inputs)?,
    }
    let (source, workers) = match &program.command {
        None => {
            let name = simulator.ok_or_else(|| usage("name a simulator, or give --command"))?;
            (Source::builtin(&name)?, checks::threads(threads))
        }
        Some(command) => (Source::program(command, &program)?, checks::threads(program.jobs)),
    };
    let count = source.count(count)?;
    if in_shards {
        let default = if program.command.is_some() { program.batch.unwrap_or(BATCH) } else { SHARD };
        let shard_size = shard_size.unwrap_or(default).min(count);
        if program.command.is_none() {
            memory(&*source.simulator, "--shard-size", shard_size.saturating_mul(workers))?;
        }
        let plan = Plan {
            simulator: source.name.clone(),
            prior: source.prior.clone(),
            count: count as u64,
            shard_size: shard_size as u64,
            seed,
        };
        let campaign = Campaign::open(&out, plan)?;
        let simulator = source.external(&program, 1, None);
        let bar = CountBar::new("shards");
        let outcome = campaign.run(&*simulator, workers, &|done, total| bar.set(done, total));
        bar.finish();
        let shards = outcome?;
        output.line(format!(
            "{}: {} data sets of {} (seed {seed}) in {} shards, {} of them computed now",
            out.display(),
            grouped(count as u64),
            source.name,
            grouped(shards.total as u64),
            grouped(shards.computed as u64)
        ));
        return Ok(());
    }
    if program.command.is_none() {
        memory(&*source.simulator, "--count", count)?;
    }
    let bar = Arc::new(CountBar::new("data sets"));
    let seen = bar.clone();
    let simulator = source.external(&program, workers, Some(Box::new(move |done| seen.set(done, count))));
    let pool = Pool::new(if program.command.is_some() { 1 } else { workers })?;
    let outcome = simulator.sample(&Request::new(count, Key::new(seed).fork("simulate")).pool(&pool));
    bar.finish();
    let record = outcome?;
    write_npz(&out, &record)?;
    let keys: Vec<&str> = record.keys().collect();
    output.line(format!(
        "{}: {} data sets of {} (seed {seed}) with {}",
        out.display(),
        grouped(count as u64),
        source.name,
        keys.join(", ")
    ));
    Ok(())
}

fn print_list() -> Outcome {
    let list = list();
    let width = list.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut output = Output::default();
    list.iter().for_each(|(name, text)| output.line(format!("{name:<width$}  {text}")));
    Ok(())
}

/// What simulates, and what it is called in a plan.
struct Source {
    name: String,
    prior: Option<String>,
    /// The simulator, or the prior of a program.
    simulator: Arc<dyn Simulator>,
    /// Data sets that there are at most.
    most: Option<usize>,
}

impl Source {
    fn builtin(name: &str) -> Outcome<Self> {
        Ok(Source { name: name.to_string(), prior: None, simulator: Arc::from(find(name)?), most: None })
    }

    fn program(command: &str, program: &Program) -> Outcome<Self> {
        let name = command.to_string();
        if let Some(path) = &program.parameters {
            checks::input(path)?;
            let table = Tabulated::new(read_npz(path, &[])?)?;
            let bytes = std::fs::read(path)
                .map_err(|error| Error::file(path, format!("the file cannot be read ({error}); check the path")))?;
            let most = Some(table.rows());
            let prior = format!("the file with the digest {:016x}", digest(&bytes));
            return Ok(Source { name, prior: Some(prior), simulator: Arc::new(table), most });
        }
        let simulator: Arc<dyn Simulator> = match program.prior.as_slice() {
            [] => {
                return Err(usage("--command: say where the parameters come from, with --prior or --parameters"));
            }
            [one] if !one.contains('=') => Arc::new(ParametersOf::new(find(one)?)),
            texts => Arc::new(Prior::parse(texts)?),
        };
        Ok(Source { name, prior: Some(program.prior.join(" ")), simulator, most: None })
    }

    fn count(&self, asked: Option<usize>) -> Outcome<usize> {
        match (asked, self.most) {
            (Some(asked), Some(most)) if asked > most => {
                let message = format!("{asked} data sets were asked for, but --parameters holds {most}; ask for fewer");
                Err(Error::argument("--count", message).into())
            }
            (Some(asked), _) => Ok(asked),
            (None, Some(most)) => Ok(most),
            (None, None) => Err(usage("--count: say how many data sets")),
        }
    }

    /// The program around its prior; a built-in simulator as it is.
    fn external(
        &self,
        program: &Program,
        jobs: usize,
        progress: Option<Box<dyn Fn(usize) + Send + Sync>>,
    ) -> Arc<dyn Simulator> {
        let Some(command) = &program.command else { return self.simulator.clone() };
        let mut external = External::new(command, self.simulator.clone())
            .batch(program.batch.unwrap_or(BATCH))
            .jobs(jobs)
            .retries(program.retries)
            .expect(program.expect.iter().cloned());
        if let Some(seconds) = program.time_limit {
            external = external.time_limit(Duration::from_secs_f64(seconds));
        }
        if let Some(progress) = progress {
            external = external.on_progress(progress);
        }
        Arc::new(external)
    }
}

/// Tells files apart (FNV-1a, 64 bits); not meant against intent.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
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
