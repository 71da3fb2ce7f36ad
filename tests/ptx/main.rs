//! Every program of `kernels/` is assembled by NVIDIA's assembler for three architectures: without spills, without a stack, and with
//! the registers and the shared memory of a committed table.
//!
//! The assembler comes in a package that needs no GPU (`.ci/run` installs it). `FERROFLOW_PTXAS` names it; without that the test does
//! nothing. `FERROFLOW_WRITE_TABLE=1` writes the table anew, to be looked at before it is committed.

#![cfg(feature = "cuda")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use ferroflow::device::cuda::source;

const ARCHITECTURES: [&str; 3] = ["sm_80", "sm_90", "sm_100"];
const TABLE: &str = "tests/ptx/resources.txt";
/// The version whose numbers the table holds; another one may choose registers otherwise.
const VERSION: &str = "V13.5.37";

/// What an entry takes on an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Resources {
    registers: u32,
    shared: u32,
}

fn files() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir("kernels")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ptx"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The number in front of a unit in a line of the assembler.
fn number(line: &str, unit: &str) -> u32 {
    let before = line.split(unit).next().filter(|before| before.len() < line.len());
    before.and_then(|before| before.split_whitespace().last()).map_or(0, |word| word.parse().unwrap())
}

/// Assembles a file and returns what each entry takes.
fn assemble(assembler: &str, file: &str, architecture: &str) -> Result<BTreeMap<String, Resources>, String> {
    let folder = tempfile::tempdir().unwrap();
    let (text, binary) = (folder.path().join("text.ptx"), folder.path().join("binary.cubin"));
    std::fs::write(&text, source(file).ok_or(format!("{file} is not part of the library"))?).unwrap();
    let output = Command::new(assembler)
        .arg(format!("-arch={architecture}"))
        .args(["-v", "-Werror"])
        .args([text.as_os_str(), "-o".as_ref(), binary.as_os_str()])
        .output()
        .map_err(|e| format!("{assembler} cannot be started: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{file}, {architecture}: {said}"));
    }
    let (mut found, mut entry) = (BTreeMap::new(), String::new());
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            entry = rest.split('\'').next().unwrap().to_string();
        } else if line.contains("bytes stack frame") {
            let all = ["bytes stack frame", "bytes spill stores", "bytes spill loads"].map(|unit| number(line, unit));
            if all != [0, 0, 0] {
                return Err(format!("{file}, {architecture}, {entry} or a function: {}", line.trim()));
            }
        } else if line.contains("Used ") && !entry.is_empty() {
            let resources = Resources { registers: number(line, " registers"), shared: number(line, " bytes smem") };
            found.insert(std::mem::take(&mut entry), resources);
        }
    }
    Ok(found)
}

#[test]
fn every_program_assembles_without_spills() {
    let Ok(assembler) = std::env::var("FERROFLOW_PTXAS") else {
        eprintln!("FERROFLOW_PTXAS does not name the assembler ptxas: nothing was assembled");
        return;
    };
    let mut table = String::from("file entry architecture registers shared\n");
    let mut failures = Vec::new();
    for file in files() {
        for architecture in ARCHITECTURES {
            match assemble(&assembler, &file, architecture) {
                Ok(entries) => {
                    assert!(!entries.is_empty(), "{file} has no entry");
                    for (entry, Resources { registers, shared }) in entries {
                        writeln!(table, "{file} {entry} {architecture} {registers} {shared}").unwrap();
                    }
                }
                Err(message) => failures.push(message),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if std::env::var_os("FERROFLOW_WRITE_TABLE").is_some() {
        std::fs::write(TABLE, &table).unwrap();
    }
    let version = Command::new(&assembler).arg("--version").output().unwrap();
    if !String::from_utf8_lossy(&version.stdout).contains(VERSION) {
        eprintln!("{TABLE} holds the numbers of ptxas {VERSION}: not compared");
        return;
    }
    let committed = std::fs::read_to_string(TABLE).unwrap();
    for (ours, committed) in table.lines().zip(committed.lines()) {
        assert_eq!(ours, committed, "other than in {TABLE}; FERROFLOW_WRITE_TABLE=1 writes it anew");
    }
    assert_eq!(table.lines().count(), committed.lines().count(), "{TABLE} has another number of lines");
}

/// What an entry takes from the driver is what the driver hands over: a block of arguments of no more than 512 bytes, then addresses.
#[test]
fn parameters_are_a_block_and_addresses() {
    for file in files() {
        let text = source(&file).unwrap();
        for entry in text.split(".visible .entry ").skip(1) {
            let name = entry.split('(').next().unwrap();
            let parameters = entry.split_once('(').unwrap().1.split_once(')').unwrap().0;
            let mut parameters =
                parameters.split(',').map(|parameter| parameter.split_whitespace().collect::<Vec<_>>());
            let block = parameters.next().unwrap().join(" ");
            let bytes = block.strip_prefix(".param .align 4 .b8 call[").and_then(|rest| rest.strip_suffix(']'));
            let bytes: u32 = bytes.unwrap_or_else(|| panic!("{file} {name}: {block}")).parse().unwrap();
            assert!(bytes <= 512, "{file} {name}: {bytes} bytes of arguments");
            for parameter in parameters {
                assert_eq!(parameter[..2], [".param", ".u64"], "{file} {name}: {parameter:?}");
            }
            assert!(entry.contains(".reqntid 256, 1, 1"), "{file} {name} does not ask for 256 threads");
        }
    }
}
