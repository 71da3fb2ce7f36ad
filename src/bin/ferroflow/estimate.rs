//! `ferroflow estimate`.

use ferroflow::codecs::{Array, npz};
use ferroflow::data::{Entry, Record};
use ferroflow::workflow::PointWorkflow;

use crate::arguments::Estimate;
use crate::checks;
use crate::output::{Outcome, Output, grouped, warn};

pub fn run(arguments: Estimate) -> Outcome {
    let Estimate { model, data, place, out } = arguments;
    checks::npz_output(&out, &[&model, &data])?;
    checks::input(&model)?;
    let device = checks::device(&place)?;
    let workflow = PointWorkflow::load(&model, None, device)?;
    checks::input(&data)?;
    let observed = workflow.read(&data, false)?;
    let estimates = workflow.estimate(&observed)?;
    let mut arrays = Vec::new();
    flatten("", &estimates, &mut arrays);
    npz::write(&out, arrays.iter().map(|(key, array)| (key.as_str(), *array)))?;
    let mut output = Output::default();
    let datasets = observed.datasets()?.unwrap_or(1) as u64;
    output.line(format!("{}: estimates for {} data sets", out.display(), grouped(datasets)));
    for (key, array) in &arrays {
        output.line(format!("  {key} {:?}", array.shape()));
    }
    if let Some(warning) = workflow.warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}

/// The arrays of nested records under joined names.
fn flatten<'a>(prefix: &str, record: &'a Record, arrays: &mut Vec<(String, &'a Array)>) {
    for (key, entry) in record.iter() {
        let name = if prefix.is_empty() { key.to_string() } else { format!("{prefix}/{key}") };
        match entry {
            Entry::Column(column) => arrays.push((name, &column.array)),
            Entry::Group(group) => flatten(&name, group, arrays),
        }
    }
}
