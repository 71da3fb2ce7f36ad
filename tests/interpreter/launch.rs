//! Runs the blocks of a launch, one after the other, and within a block the warps from barrier to barrier.

use super::execute::Machine;
use super::memory::{Memory, Slice};
use super::order::Order;
use super::parse::{Entry, Module};
use super::shadow::Shadow;
use super::statistics::Statistics;
use super::warp::{Parked, Position, Warp};

/// The shared memory of a block on the devices at hand.
const MOST_SHARED: usize = 227 * 1024;

/// Runs a kernel to its end and counts what it did.
///
/// Each parameter is given as its bytes. With `slices`, the launch may touch global memory only there.
pub fn launch(
    memory: &mut Memory,
    module: &Module,
    entry: &str,
    grid: [u32; 3],
    block: [u32; 3],
    dynamic_shared: u32,
    parameters: &[&[u8]],
    slices: Option<&[Slice]>,
) -> Result<Statistics, String> {
    let entry = module.entry(entry)?;
    let located = |error: String| format!("line {}: {error} (entry {})", entry.line, entry.name);
    let threads = check_size(entry, grid, block).map_err(located)?;
    let shared = entry.program.shared.next_multiple_of(16) + dynamic_shared as usize;
    if shared > MOST_SHARED {
        return Err(located(format!("a block has no {shared} bytes of shared memory")));
    }
    memory.launch += 1;
    let globals: Vec<u64> = module.globals.iter().map(|array| memory.allocate(array.bytes.len())).collect();
    for (address, array) in globals.iter().zip(&module.globals) {
        memory.write(*address, &array.bytes)?;
    }
    // The module's own arrays are always within reach.
    let extended: Option<Vec<Slice>> = slices.map(|slices| {
        let own = globals.iter().zip(&module.globals);
        slices.iter().copied().chain(own.map(|(address, array)| (*address, array.bytes.len() as u64, true))).collect()
    });
    let warps = threads.div_ceil(32) as usize;
    let mut machine = Machine {
        parameters: collect(entry, parameters).map_err(located)?,
        memory,
        entry,
        constants: &module.constants,
        slices: extended.as_deref(),
        statistics: Statistics::default(),
        shared: vec![0xff; shared],
        shared_shadow: Shadow::new(shared, entry.finest_access, true),
        order: Order::new(warps),
    };
    let mut warps: Vec<Warp> = (0..warps).map(|number| Warp::new(number, &entry.program)).collect();
    let mut result = Ok(());
    'blocks: for z in 0..grid[2] {
        for y in 0..grid[1] {
            for x in 0..grid[0] {
                machine.order.restart((z * grid[1] + y) * grid[0] + x);
                machine.shared_shadow.restart();
                let position = Position { grid, block, index: [x, y, z] };
                for warp in &mut warps {
                    warp.start(&entry.program, entry.start, position, &globals);
                }
                result = machine.run_block(&mut warps);
                if result.is_err() {
                    break 'blocks;
                }
            }
        }
    }
    let statistics = machine.statistics;
    for address in globals {
        memory.free(address)?;
    }
    result.map(|()| statistics)
}

/// The number of threads of a block, if the launch can be.
fn check_size(entry: &Entry, grid: [u32; 3], block: [u32; 3]) -> Result<u32, String> {
    let product = |sizes: [u32; 3]| sizes.iter().try_fold(1u32, |product, size| product.checked_mul(*size));
    let threads = product(block).filter(|threads| (1..=1024).contains(threads));
    let threads = threads.ok_or(format!("a block of {block:?} threads cannot be"))?;
    // A trace of an access keeps the number of the block in 22 bits.
    product(grid).filter(|blocks| (1..1 << 22).contains(blocks)).ok_or(format!("a grid of {grid:?} is too large"))?;
    if entry.required_block.is_some_and(|required| required != block) {
        return Err(format!(
            "the block is {block:?}, but `.reqntid` demands {:?}",
            entry.required_block.unwrap_or(block)
        ));
    }
    if let Some(most) = entry.most_threads.filter(|most| threads > *most) {
        return Err(format!("the block has {threads} threads, but `.maxntid` allows {most}"));
    }
    Ok(threads)
}

/// The block of parameters.
fn collect(entry: &Entry, given: &[&[u8]]) -> Result<Vec<u8>, String> {
    if given.len() != entry.parameters.len() {
        return Err(format!("the entry has {} parameters, not {}", entry.parameters.len(), given.len()));
    }
    let mut bytes = Vec::new();
    for (parameter, given) in entry.parameters.iter().zip(given) {
        let content = given.get(..parameter.bytes).ok_or_else(|| {
            format!("the parameter `{}` has {} bytes, not {}", parameter.name, parameter.bytes, given.len())
        })?;
        bytes.resize(parameter.offset, 0);
        bytes.extend_from_slice(content);
    }
    Ok(bytes)
}

impl Machine<'_> {
    fn run_block(&mut self, warps: &mut [Warp]) -> Result<(), String> {
        loop {
            for warp in warps.iter_mut().filter(|warp| warp.parked.is_none()) {
                self.run(warp)?;
            }
            let waiting: Vec<(usize, Parked)> =
                warps.iter().filter_map(|warp| warp.parked.map(|parked| (warp.number, parked))).collect();
            if waiting.is_empty() {
                return Ok(());
            }
            let met = self.met(&waiting, warps)?;
            self.statistics.barriers += 1;
            self.order.join_warps(&met);
            for warp in warps.iter_mut().filter(|warp| met.contains(&warp.number)) {
                warp.parked = None;
            }
        }
    }

    /// The warps that are complete at some barrier, with those that have left if it is the whole block's.
    fn met(&self, waiting: &[(usize, Parked)], warps: &[Warp]) -> Result<Vec<usize>, String> {
        let live: Vec<usize> = warps.iter().filter(|warp| warp.live != 0).map(|warp| warp.number).collect();
        for (_, parked) in waiting {
            let here = waiting.iter().filter(|(_, other)| other.barrier == parked.barrier);
            let members: Vec<usize> = here.clone().map(|(number, _)| *number).collect();
            if here.clone().any(|(_, other)| other.threads != parked.threads) {
                return Err(format!(
                    "line {}: warps wait at barrier {} for different numbers of threads (entry {}, block {})",
                    parked.line, parked.barrier, self.entry.name, self.order.block
                ));
            }
            match parked.threads {
                None if members == live => return Ok((0..warps.len()).collect()),
                Some(threads) if members.len() * 32 == threads as usize => return Ok(members),
                _ => {}
            }
        }
        let places: Vec<String> =
            waiting.iter().map(|(number, parked)| format!("warp {number} at line {}", parked.line)).collect();
        Err(format!(
            "line {}: deadlock: the warps wait at different barriers or for threads that never come: {} (entry {}, block {})",
            waiting[0].1.line,
            places.join(", "),
            self.entry.name,
            self.order.block
        ))
    }
}
