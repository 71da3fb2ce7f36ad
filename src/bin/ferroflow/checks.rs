//! What is checked before anything long begins: output paths and memory.

use std::path::{Path, PathBuf};

use ferroflow::Error;
use ferroflow::device::Device;
use ferroflow::workflow::available_threads;

use crate::arguments::Place;
use crate::output::{Failure, Outcome, bytes, usage};

/// The output of a command that writes one `.npz` file: a name that says so, no input file, in a folder that can be written.
pub fn npz_output(out: &Path, inputs: &[&Path]) -> Outcome {
    if out.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("npz")) {
        return Err(usage(format!("--out {}: give a file name that ends in .npz", out.display())));
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if let Some(input) = inputs.iter().find(|input| real(input).is_some() && real(input) == real(out)) {
        let message = format!("--out {} is the input file {}; name another file", out.display(), input.display());
        return Err(usage(message));
    }
    if out.is_dir() {
        return Err(Error::file(out, "this is a folder; give the path of a file").into());
    }
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let message = format!("the folder {} does not exist; create it or choose another", folder.display());
        return Err(Error::file(out, message).into());
    }
    writable(folder).map_err(Failure::from)
}

/// The output of a command that writes a folder.
pub fn folder_output(out: &Path) -> Outcome {
    // Without a separator at the end, behind which a file does not exist.
    let existing: Option<PathBuf> = out
        .components()
        .as_path()
        .ancestors()
        .map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p })
        .find(|path| path.exists())
        .map(Path::to_path_buf);
    let existing = existing.unwrap_or_else(|| PathBuf::from("."));
    if !existing.is_dir() {
        let message = format!("{} is a file, not a folder; choose another folder", existing.display());
        return Err(Error::file(out, message).into());
    }
    writable(&existing).map_err(Failure::from)
}

fn writable(folder: &Path) -> Result<(), Error> {
    tempfile::tempfile_in(folder).map(drop).map_err(|error| {
        Error::file(folder, format!("nothing can be written here ({error}); choose a folder that you may write to"))
    })
}

/// An input file that exists and is a file, checked before anything is read.
pub fn input(path: &Path) -> Outcome {
    if path.is_dir() {
        return Err(Error::file(path, "is a folder; give the path of a file").into());
    }
    match std::fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::file(path, format!("the file cannot be opened ({error}); check the path")).into()),
    }
}

/// An error when the options of a training that is resumed, as TOML, are not those it was started with.
pub fn unchanged(before: &str, now: &str, folder: &Path) -> Outcome {
    if before == now {
        return Ok(());
    }
    let change = now.lines().find(|line| !before.lines().any(|other| other == *line)).unwrap_or("an option removed");
    Err(usage(format!(
        "the run in {} was started with other options ({change} is new); resume it with the same ones, or train anew without \
         --resume",
        folder.display()
    )))
}

/// Number of threads to use.
pub fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(available_threads)
}

/// The device that was asked for.
pub fn device(place: &Place) -> Outcome<Device> {
    Ok(Device::named(place.device.as_deref().unwrap_or("cpu"), threads(place.threads))?)
}

/// An error when `needed` bytes are more than the machine has available.
pub fn memory(what: &str, needed: u128, remedy: &str) -> Outcome {
    let available = available_memory();
    if needed <= u128::from(available) {
        return Ok(());
    }
    let needed = bytes(u64::try_from(needed).unwrap_or(u64::MAX));
    let message = format!("about {needed} of memory are needed, {} are available; {remedy}", bytes(available));
    Err(Error::argument(what, message).into())
}

/// Bytes that can be had without swapping; where the system does not tell, what 48-bit addresses reach.
fn available_memory() -> u64 {
    let line = |text: String| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    std::fs::read_to_string("/proc/meminfo").ok().and_then(line).unwrap_or(1 << 48)
}

/// The most memory that this process has used, where the system tells.
pub fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
