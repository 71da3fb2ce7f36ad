//! Reader and judge of the golden cases: results of the peer implementation that the engine must reproduce.
//!
//! A harness is a function over a [`Check`]. It builds what `kind` and `hyper` say, takes every weight by name
//! ([`Check::weight`]), feeds the inputs, and hands in what it computed ([`Check::output`], [`Check::gradient`],
//! [`Check::tensor`]). [`run`] calls the harness of each case and fails if a result is off, if a weight was never taken or
//! if an expected result was never handed in, unless [`Check::except`] names it with a reason.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ferroflow::codecs::{Array, safetensors};
use indexmap::IndexMap;
use serde_json::Value;

pub use super::compare::{Tolerance, compare};

/// What a harness returns; `?` turns errors of the library and texts into failures of the case.
pub type Outcome = Result<(), Box<dyn Error>>;

/// Computes one case and hands its results to the check.
pub type Harness = fn(&mut Check<'_>) -> Outcome;

/// A part of the golden folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Networks; the kind is that of the file.
    Nets,
    /// Adapter pipelines; their kind is `adapter`.
    Adapters,
    /// Diagnostics; their kind is the name of the case.
    Diagnostics,
}

/// One case.
pub struct Case {
    /// Group and name, such as `coupling_flow/affine_default`.
    pub name: String,
    /// What chooses the harness.
    pub kind: String,
    /// The whole `.json` file.
    pub json: Value,
    /// All arrays by their full names, such as `w/blocks.0.dense.kernel`.
    pub arrays: IndexMap<String, Array>,
}

/// The folder of the cases: `FERROFLOW_GOLDEN`, else the committed selection.
pub fn root() -> PathBuf {
    match std::env::var_os("FERROFLOW_GOLDEN") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
    }
}

/// The `.json` files of a section, with the names of their cases, sorted.
fn files(section: Section) -> Vec<(String, PathBuf)> {
    let listed = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| {
            panic!("{}: no golden cases here ({error}); check FERROFLOW_GOLDEN", folder.display())
        });
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
        paths.sort();
        paths
    };
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let cases = |folder: &Path, prefix: &str| -> Vec<(String, PathBuf)> {
        let json =
            listed(folder).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        json.map(|path| (format!("{prefix}{}", stem(&path)), path)).collect()
    };
    match section {
        Section::Adapters => cases(&root().join("adapters"), ""),
        Section::Diagnostics => cases(&root().join("diagnostics"), ""),
        Section::Nets => {
            let groups = listed(&root().join("nets")).into_iter().filter(|path| path.is_dir());
            groups.flat_map(|group| cases(&group, &format!("{}/", stem(&group)))).collect()
        }
    }
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn kind(section: Section, name: &str, json: &Value) -> String {
    match section {
        Section::Nets => json["kind"].as_str().unwrap_or_else(|| panic!("{name}: the case has no kind")).to_owned(),
        Section::Adapters => "adapter".to_owned(),
        Section::Diagnostics => name.to_owned(),
    }
}

/// One case by name.
pub fn case(section: Section, name: &str) -> Case {
    let (name, path) = files(section)
        .into_iter()
        .find(|(known, _)| known == name)
        .unwrap_or_else(|| panic!("{name}: no such case in {}", root().display()));
    load(section, name, &path, read_json(&path))
}

fn load(section: Section, name: String, path: &Path, json: Value) -> Case {
    let arrays = safetensors::read(path.with_extension("safetensors")).unwrap_or_else(|error| panic!("{error}")).arrays;
    Case { kind: kind(section, &name, &json), name, json, arrays }
}

impl Case {
    /// The arguments of the constructor.
    pub fn hyper(&self) -> &Value {
        &self.json["hyper"]
    }

    /// An array by its full name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// An input.
    pub fn input(&self, name: &str) -> Result<&Array, String> {
        self.get(&format!("in/{name}")).ok_or_else(|| format!("the case has no input '{name}'"))
    }

    /// All arrays under a prefix such as `in/`, by the rest of their names, in the file's order.
    pub fn group<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Array)> {
        self.arrays.iter().filter_map(move |(name, array)| Some((name.strip_prefix(prefix)?, array)))
    }
}

/// The account of one case: weights taken, results handed in, exceptions, failures.
pub struct Check<'a> {
    /// The case.
    pub case: &'a Case,
    taken: RefCell<BTreeSet<String>>,
    handed_in: BTreeSet<String>,
    exceptions: BTreeMap<String, String>,
    failures: Vec<String>,
    worst: f64,
}

/// What [`Check::finish`] found.
pub struct Verdict {
    /// Sentences; the case passed if there are none.
    pub failures: Vec<String>,
    /// Names left out and why.
    pub exceptions: BTreeMap<String, String>,
    /// Largest share of a tolerance that was used.
    pub worst: f64,
}

impl<'a> Check<'a> {
    /// An empty account.
    pub fn new(case: &'a Case) -> Self {
        Check {
            case,
            taken: RefCell::default(),
            handed_in: BTreeSet::new(),
            exceptions: BTreeMap::new(),
            failures: Vec::new(),
            worst: 0.0,
        }
    }

    /// The arguments of the constructor.
    pub fn hyper(&self) -> &'a Value {
        self.case.hyper()
    }

    /// An input.
    pub fn input(&self, name: &str) -> Result<&'a Array, String> {
        self.case.input(name)
    }

    /// Takes a weight.
    pub fn weight(&self, name: &str) -> Result<&'a Array, String> {
        let full = format!("w/{name}");
        let weight = self.case.get(&full).ok_or_else(|| format!("the case has no weight '{name}'"))?;
        self.taken.borrow_mut().insert(full);
        Ok(weight)
    }

    /// The names of all weights, none of them taken by this.
    pub fn weight_names(&self) -> impl Iterator<Item = &'a str> {
        self.case.group("w/").map(|(name, _)| name)
    }

    /// Hands in an output.
    pub fn output(&mut self, name: &str, result: &Array) {
        self.tensor(&format!("out/{name}"), result);
    }

    /// Hands in the gradient of `w/…` or `in/…`.
    pub fn gradient(&mut self, name: &str, result: &Array) {
        self.tensor(&format!("grad/{name}"), result);
    }

    /// Hands in a result by its full name, such as `ldj/x`, to be judged by the case's tolerance for it.
    pub fn tensor(&mut self, name: &str, result: &Array) {
        match self.tolerance(name) {
            Ok(tolerance) => self.tensor_within(name, result, tolerance),
            Err(message) => self.failures.push(message),
        }
    }

    /// Hands in a result by its full name, to be judged by another tolerance than the case's.
    pub fn tensor_within(&mut self, name: &str, result: &Array, tolerance: Tolerance) {
        self.handed_in.insert(name.to_owned());
        match self.case.get(name).ok_or_else(|| "the case has no such tensor".to_owned()) {
            Err(message) => self.failures.push(format!("{name}: {message}")),
            Ok(reference) => match compare(result, reference, tolerance) {
                Ok(used) => self.worst = self.worst.max(used),
                Err(message) => self.failures.push(format!("{name}: {message}")),
            },
        }
    }

    /// Excuses a weight that is not taken or a result that is not handed in, by its full name.
    pub fn except(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.exceptions.insert(name.into(), reason.into());
    }

    fn tolerance(&self, name: &str) -> Result<Tolerance, String> {
        let json = &self.case.json;
        let number = |value: &Value, key: &str| {
            value[key].as_f64().ok_or_else(|| format!("{name}: the case states no tolerance '{key}'"))
        };
        if name.starts_with("grad/") {
            let rule = &json["grad_tolerance"];
            return Ok(Tolerance::OfLargest {
                relative: number(rule, "rel_to_max")?,
                absolute: rule["abs"].as_f64().unwrap_or(0.0),
            });
        }
        let own = name.strip_prefix("out/").map_or(&Value::Null, |output| &json["outputs"][output]);
        let rule = if own.is_object() { own } else { &json["tolerance"] };
        Ok(Tolerance::Elementwise { relative: number(rule, "rtol")?, absolute: number(rule, "atol")? })
    }

    /// Closes the account.
    pub fn finish(mut self) -> Verdict {
        const RESULTS: [&str; 6] = ["out/", "grad/", "fwd/", "inv/", "ldj/", "ldj_inv/"];
        let taken = self.taken.into_inner();
        for name in self.case.arrays.keys() {
            let missing = if name.starts_with("w/") {
                (!taken.contains(name)).then_some("this weight was not taken")
            } else if RESULTS.iter().any(|prefix| name.starts_with(prefix)) {
                (!self.handed_in.contains(name)).then_some("this result was not computed")
            } else {
                None
            };
            if let Some(missing) = missing.filter(|_| !self.exceptions.contains_key(name)) {
                self.failures.push(format!("{name}: {missing}"));
            }
        }
        for name in self.exceptions.keys() {
            if !self.case.arrays.contains_key(name) || taken.contains(name) || self.handed_in.contains(name) {
                self.failures.push(format!("{name}: excepted, but the case does not need it; remove the exception"));
            }
        }
        Verdict { failures: self.failures, exceptions: self.exceptions, worst: self.worst }
    }
}

/// Runs one harness on one case. A panic is a failure of the case, not of the suite.
pub fn judge(case: &Case, harness: Harness) -> Verdict {
    let mut check = Check::new(case);
    let trouble = match catch_unwind(AssertUnwindSafe(|| harness(&mut check))) {
        Ok(Ok(())) => return check.finish(),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            format!("panic: {text}")
        }
    };
    check.failures.push(trouble);
    Verdict { failures: check.failures, exceptions: check.exceptions, worst: check.worst }
}

#[derive(Default)]
struct Row {
    ran: usize,
    failed: usize,
    excepted: usize,
    worst: f64,
}

/// Failures that are printed per case; the rest is counted.
const PRINTED_FAILURES: usize = 12;

/// Runs all cases of a section whose kind has a harness in the table, prints how many of each kind ran and which kinds have
/// none, and panics with a list of what is off.
pub fn run(section: Section, harnesses: &[(&str, Harness)]) {
    let only = std::env::var("FERROFLOW_GOLDEN_CASE").unwrap_or_default();
    let files = files(section);
    assert!(!files.is_empty(), "{}: there are no cases of {section:?}", root().display());
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut exceptions: BTreeSet<String> = BTreeSet::new();
    for (name, path) in files.into_iter().filter(|(name, _)| name.contains(&only)) {
        let json = read_json(&path);
        let kind = kind(section, &name, &json);
        let Some((_, harness)) = harnesses.iter().find(|(known, _)| *known == kind) else {
            *skipped.entry(kind).or_default() += 1;
            continue;
        };
        let verdict = judge(&load(section, name.clone(), &path, json), *harness);
        let row = rows.entry(kind).or_default();
        row.ran += 1;
        row.failed += usize::from(!verdict.failures.is_empty());
        row.excepted += verdict.exceptions.len();
        row.worst = row.worst.max(verdict.worst);
        exceptions.extend(verdict.exceptions.iter().map(|(tensor, reason)| format!("{name} {tensor}: {reason}")));
        if !verdict.failures.is_empty() {
            let mut lines = verdict.failures.iter().take(PRINTED_FAILURES).cloned().collect::<Vec<_>>();
            let rest = verdict.failures.len() - lines.len();
            lines.extend((rest > 0).then(|| format!("and {rest} more")));
            failures.push(format!("{name}\n    {}", lines.join("\n    ")));
        }
    }
    print_table(section, &rows, &skipped, &exceptions);
    assert!(failures.is_empty(), "{} golden cases failed:\n  {}", failures.len(), failures.join("\n  "));
}

/// Writes to standard error directly: the test runner hides what a passing test prints.
fn print_table(
    section: Section,
    rows: &BTreeMap<String, Row>,
    skipped: &BTreeMap<String, usize>,
    exceptions: &BTreeSet<String>,
) {
    let mut text = format!("golden {section:?} from {}\n", root().display());
    for (kind, row) in rows {
        let excepted = if row.excepted > 0 { format!(", {} tensors excepted", row.excepted) } else { String::new() };
        let failed = if row.failed > 0 { format!(", {} FAILED", row.failed) } else { String::new() };
        text += &format!(
            "  {kind:<24} {:>3} ran{failed}, worst at {:.0} % of the tolerance{excepted}\n",
            row.ran,
            100.0 * row.worst
        );
    }
    if !skipped.is_empty() {
        let list: Vec<String> = skipped.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        text += &format!("  no harness yet: {}\n", list.join(", "));
    }
    for exception in exceptions {
        text += &format!("  except {exception}\n");
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}
