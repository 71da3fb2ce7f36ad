//! `ferroflow inspect`.

use std::io::Read;
use std::path::Path;

use ferroflow::Error;
use ferroflow::approximators::{
    Approximator, BuiltApproximator, ContinuousApproximator, ModelComparisonApproximator, Objective, RatioApproximator,
    ScoringRuleApproximator, Trainable,
};
use ferroflow::codecs::{Dtype, npz};
use ferroflow::device::Device;
use ferroflow::io::{DensityOf, ModelFile, VariableInfo, kind_of_model};

use crate::arguments::Inspect;
use crate::checks;
use crate::output::{Outcome, Output, bytes, grouped};

pub fn run(arguments: Inspect) -> Outcome {
    let path = arguments.file;
    if path.is_dir() && path.join("model.safetensors").is_file() {
        let message = "is the folder of a run; give the model.safetensors in it";
        return Err(Error::file(path, message).into());
    }
    checks::input(&path)?;
    let mut start = [0; 9];
    let length = std::fs::File::open(&path).and_then(|mut file| read_start(&mut file, &mut start));
    let length = length.map_err(|e| Error::file(&path, format!("the file cannot be read ({e}); check the path")))?;
    match &start[..length] {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => arrays(&path),
        // A length of 8 bytes, then a JSON object.
        [_, _, _, _, _, _, _, _, b'{'] => model(&path),
        _ => Err(Error::file(
            path,
            format!("({length} bytes or more) is neither a model.safetensors nor an .npz file; give one of these"),
        )
        .into()),
    }
}

fn read_start(file: &mut std::fs::File, start: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < start.len() {
        match file.read(&mut start[length..])? {
            0 => break,
            n => length += n,
        }
    }
    Ok(length)
}

fn arrays(path: &Path) -> Outcome {
    let arrays = npz::read(path)?;
    let mut output = Output::default();
    output.line(format!("{}: {} arrays", path.display(), arrays.len()));
    let width = arrays.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    for (key, array) in &arrays {
        let note = match arrays.get(&format!("{key}.offsets")) {
            Some(offsets) => format!("  ragged, {} data sets", offsets.len().saturating_sub(1)),
            None if arrays.contains_key(&format!("{key}_mask")) => "  padded".to_string(),
            None => String::new(),
        };
        let shape = format!("{:?}", array.shape());
        output.line(format!("  {key:<width$}  {:<5} {shape}{note}", dtype(array.dtype())));
    }
    Ok(())
}

fn dtype(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "f64",
        Dtype::F32 => "f32",
        Dtype::I64 => "i64",
        Dtype::Bool => "bool",
    }
}

fn model(path: &Path) -> Outcome {
    match kind_of_model(path)?.as_str() {
        ScoringRuleApproximator::KIND => model_of::<ScoringRuleApproximator>(path, "estimates for"),
        RatioApproximator::KIND => model_of::<RatioApproximator>(path, "ratio of posterior to prior of"),
        ModelComparisonApproximator::KIND => model_of::<ModelComparisonApproximator>(path, "comparison of models by"),
        _ => model_of::<ContinuousApproximator>(path, "posterior of"),
    }
}

fn model_of<A: Approximator>(path: &Path, what: &str) -> Outcome {
    let file = ModelFile::<A>::load(path)?;
    let built = file.approximator(path, &Device::cpu())?;
    let header = &file.header;
    let training = &header.training;
    let what = match header.density_of {
        Some(DensityOf::Data) => "likelihood of",
        _ => what,
    };
    let mut output = Output::default();
    output.line(format!("{}: {what} {}", path.display(), training.simulator.as_deref().unwrap_or("data")));
    output.line(format!(
        "trained:     {} epochs, {} steps, {} data sets, seed {}{}",
        training.epochs,
        grouped(training.steps),
        grouped(training.datasets),
        training.seed,
        if file.training_state.is_some() { "; unfinished, train --resume goes on" } else { "" }
    ));
    if let Some(loss) = training.loss {
        output.line(format!("loss:        {loss:.4}"));
    }
    if let Some(loss) = training.validation_loss {
        output.line(format!("validation:  {loss:.4}"));
    }
    let list = |variables: &[VariableInfo]| {
        let one = |v: &VariableInfo| format!("{} ({})", v.name, v.dimension);
        variables.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    output.line(format!("parameters:  {}", list(&header.parameters)));
    output.line(format!("data:        {}", list(&header.data)));
    output.line("adapter:");
    for transform in header.adapter.iter() {
        output.line(format!("  {transform}"));
    }
    let standardised: Vec<&str> = header.standardizer.variables().map(|v| v.key()).collect();
    output.line(format!("standardised: {}", standardised.join(", ")));
    networks(&mut output, &built);
    Ok(())
}

/// The networks with their shapes and the number of their weights.
pub fn networks<O: Objective>(output: &mut Output, built: &BuiltApproximator<O>) {
    let layout = built.parameters().layout();
    let count = layout.trainable_count() as u64;
    for (title, layers) in built.describe() {
        output.line(format!("{title}:"));
        indented(output, &layers);
    }
    output.line(format!("{} trainable weights ({})", grouped(count), bytes(4 * count)));
}

fn indented(output: &mut Output, text: &str) {
    for line in text.lines() {
        output.line(format!("  {line}"));
    }
}
