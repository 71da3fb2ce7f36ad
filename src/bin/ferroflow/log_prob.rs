//! `ferroflow log-prob`.

use ferroflow::codecs::{Array, npz};

use crate::arguments::LogProb;
use crate::checks;
use crate::output::{Outcome, Output, grouped};
use crate::sample::load;

pub fn run(arguments: LogProb) -> Outcome {
    let LogProb { model, data, threads, out } = arguments;
    checks::npz_output(&out, &[&model, &data])?;
    let workflow = load(&model, threads)?;
    checks::input(&data)?;
    let record = workflow.read(&data, true)?;
    let values = workflow.log_prob(&record)?;
    let (count, mean) = (values.len(), values.iter().sum::<f64>() / values.len().max(1) as f64);
    npz::write(&out, [("log_prob", &Array::vector(values))])?;
    Output::default().line(format!("{}: log_prob [{}], mean {mean:.4}", out.display(), grouped(count as u64)));
    Ok(())
}
