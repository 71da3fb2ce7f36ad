//! A driver that runs the programs of `kernels/*.ptx` in the interpreter.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ferroflow::device::Description;
use ferroflow::device::cuda::{self, Driver, Launch};
use ferroflow::device::gpu::{GROUP, Program};
use ferroflow::error::{Error, Result};

use crate::interpreter::{self, Memory, Module};

/// Words of the block of arguments that a launch hands over.
const ARGUMENTS: usize = 128;

/// A GPU that exists in tests only.
#[derive(Default)]
pub struct Interpreted {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    modules: HashMap<&'static str, Module>,
    started: HashMap<Program, u64>,
    plans: Vec<u64>,
    downloads: usize,
}

impl Interpreted {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The programs that were started so far.
    pub fn programs(&self) -> Vec<Program> {
        self.state().started.keys().copied().collect()
    }

    /// All lists of launches that were handed over, told apart by their programs.
    pub fn plans(&self) -> Vec<u64> {
        self.state().plans.clone()
    }

    /// How often something was read back.
    pub fn downloads(&self) -> usize {
        self.state().downloads
    }
}

impl State {
    fn run(&mut self, launch: &Launch) -> std::result::Result<(), String> {
        let Launch { program, groups, arguments, operands } = launch;
        let module = match self.modules.entry(program.file) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(free) => {
                let text = source(program.file).ok_or_else(|| format!("there is no kernels/{}.ptx", program.file))?;
                free.insert(Module::parse(&text).map_err(|e| format!("{}: {e}", program.file))?)
            }
        };
        let mut block = [0u32; ARGUMENTS];
        block[..arguments.len()].copy_from_slice(arguments);
        let block: Vec<u8> = block.iter().flat_map(|word| word.to_le_bytes()).collect();
        let addresses: Vec<[u8; 8]> = operands.iter().map(|operand| operand.address.to_le_bytes()).collect();
        let mut parameters: Vec<&[u8]> = vec![&block];
        parameters.extend(addresses.iter().map(|address| address.as_slice()));
        let slices: Vec<_> = operands.iter().map(|o| (o.address, o.words as u64 * 4, o.written)).collect();
        let (grid, threads) = ([*groups as u32, 1, 1], [GROUP as u32, 1, 1]);
        interpreter::launch(&mut self.memory, module, program.entry, grid, threads, 0, &parameters, Some(&slices))
            .map_err(|e| format!("{}: {e}", program.file))?;
        *self.started.entry(*program).or_default() += 1;
        Ok(())
    }
}

fn failed(message: String) -> Error {
    Error::device("cuda", message)
}

/// The text of a file, from the folder `FERROFLOW_KERNELS` where that is set, so that a program can be tried without building.
fn source(file: &str) -> Option<String> {
    let Ok(folder) = std::env::var("FERROFLOW_KERNELS") else { return cuda::source(file) };
    fn append(folder: &str, name: &str, seen: &mut Vec<String>, text: &mut String) -> Option<()> {
        seen.push(name.into());
        for line in std::fs::read_to_string(format!("{folder}/{name}.ptx")).ok()?.lines() {
            match line.strip_prefix("// with: ").map(|part| format!("common/{}", part.trim())) {
                Some(part) if seen.contains(&part) => text.push('\n'),
                Some(part) => append(folder, &part, seen, text)?,
                None => text.extend([line, "\n"]),
            }
        }
        Some(())
    }
    let mut text = String::new();
    append(&folder, file, &mut Vec::new(), &mut text)?;
    Some(text)
}

impl Driver for Interpreted {
    fn describe(&self) -> Description {
        Description {
            name: "cuda".into(),
            hardware: "interpreter of the tests".into(),
            kernels: "PTX".into(),
            threads: 0,
            limits: String::new(),
        }
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        Ok(self.state().memory.allocate(bytes))
    }

    fn free(&self, address: u64) {
        // Memory of this driver, given back once.
        let _ = self.state().memory.free(address);
    }

    fn upload(&self, bytes: &[u8], to: u64) -> Result<()> {
        self.state().memory.write(to, bytes).map_err(failed)
    }

    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.state();
        state.downloads += 1;
        state.memory.read(from, bytes).map_err(failed)
    }

    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        self.state().memory.copy(from, to, bytes).map_err(failed)
    }

    fn run(&self, launches: &[Launch]) -> Result<()> {
        let mut state = self.state();
        let mut hasher = DefaultHasher::new();
        launches.iter().for_each(|launch| launch.program.hash(&mut hasher));
        state.plans.push(hasher.finish());
        launches.iter().try_for_each(|launch| state.run(launch)).map_err(failed)
    }

    fn synchronise(&self) -> Result<()> {
        Ok(())
    }
}
