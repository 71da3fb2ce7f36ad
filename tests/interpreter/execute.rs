//! Executes the instructions of a warp.

use super::instruction::{Carry, Formula, Instruction, Operation, Test};
use super::memory::{Memory, Slice};
use super::order::{Order, Thread};
use super::parse::Entry;
use super::shadow::Shadow;
use super::statistics::Statistics;
use super::types::Bank;
use super::warp::{Parked, Warp, put};

/// The most instructions of warps in one launch; more is taken for an endless loop.
const MOST_INSTRUCTIONS: u64 = 2_000_000_000;

/// Everything that a warp can touch besides its registers.
pub struct Machine<'l> {
    pub memory: &'l mut Memory,
    pub entry: &'l Entry,
    pub constants: &'l [u8],
    pub parameters: Vec<u8>,
    pub slices: Option<&'l [Slice]>,
    pub statistics: Statistics,
    pub shared: Vec<u8>,
    pub shared_shadow: Shadow,
    pub order: Order,
}

/// What becomes of the lanes after an instruction.
pub enum Next {
    /// They go on, or to a label.
    At(usize),
    /// They were split up or have left: lanes must be chosen.
    Choose,
    /// They wait at a barrier of the block, after which they go on at the next instruction.
    Park(Parked),
    /// These wait for other lanes of the warp.
    Stall(u32),
}

impl Machine<'_> {
    /// Runs a warp until it ends or waits for others.
    pub fn run(&mut self, warp: &mut Warp) -> Result<(), String> {
        let entry = self.entry;
        let instructions = &entry.program.instructions[..];
        while warp.live != 0 {
            let instruction = &instructions[warp.at];
            let next = self.step(warp, instruction).map_err(|error| self.located(instruction, warp, &error))?;
            let chosen = match next {
                Next::At(next) => warp.go(next),
                Next::Choose => false,
                Next::Stall(lanes) => {
                    warp.stall(lanes);
                    false
                }
                Next::Park(parked) => {
                    warp.parked = Some(parked);
                    warp.at += 1;
                    return Ok(());
                }
            };
            if !chosen && warp.live != 0 && !warp.choose() {
                return Err(self.standstill(warp));
            }
        }
        Ok(())
    }

    /// The sentence for an error of an instruction.
    #[cold]
    fn located(&self, instruction: &Instruction, warp: &Warp, error: &str) -> String {
        format!(
            "line {}: {error}, in `{}` (entry {}, block {}, warp {})",
            instruction.line, instruction.text, self.entry.name, self.order.block, warp.number
        )
    }

    /// The sentence for lanes of a warp that wait for each other.
    #[cold]
    fn standstill(&self, warp: &Warp) -> String {
        let mut places: Vec<(usize, Vec<usize>)> = Vec::new();
        for (lane, place) in warp.waiting_places() {
            match places.iter_mut().find(|(known, _)| *known == place) {
                Some((_, lanes)) => lanes.push(lane),
                None => places.push((place, vec![lane])),
            }
        }
        let instructions = &self.entry.program.instructions;
        let parts: Vec<String> = places
            .iter()
            .map(|(place, lanes)| {
                format!("lanes {lanes:?} at line {}: `{}`", instructions[*place].line, instructions[*place].text)
            })
            .collect();
        let first = places.first().map_or(0, |(place, _)| instructions[*place].line);
        format!(
            "line {first}: the lanes of a warp diverged and wait for each other: {} (entry {}, block {}, warp {})",
            parts.join(", "),
            self.entry.name,
            self.order.block,
            warp.number
        )
    }

    pub(super) fn thread(&self, warp: &Warp, lane: usize) -> Thread {
        Thread { block: self.order.block, warp: warp.number, lane }
    }

    #[inline(always)]
    fn step(&mut self, warp: &mut Warp, instruction: &Instruction) -> Result<Next, String> {
        let next = warp.at + 1;
        let active = warp.active;
        let lanes = active & (warp.predicates[instruction.guard.index] ^ instruction.flip);
        let mut missing = active & !warp.defined[instruction.guard.id];
        for read in &instruction.reads {
            missing |= lanes & !warp.defined[*read];
        }
        if missing != 0 {
            return Err(self.undefined(warp, instruction, lanes));
        }
        if instruction.counted {
            self.statistics.warp_instructions += 1;
            self.statistics.thread_instructions += u64::from(lanes.count_ones());
            if self.statistics.warp_instructions > MOST_INSTRUCTIONS {
                return Err(format!("the launch has run {MOST_INSTRUCTIONS} instructions: a loop may be endless"));
            }
        }
        if lanes == 0 {
            return Ok(Next::At(next));
        }
        match &instruction.operation {
            Operation::Compute { formula, to, from: [a, b, c] } => match formula {
                Formula::Narrow(_, function) => {
                    let result = function(&warp.narrow[*a], &warp.narrow[*b], &warp.narrow[*c]);
                    put(&mut warp.narrow[*to], &result, lanes);
                }
                Formula::Wide(_, function) => {
                    let result = function(&warp.wide[*a], &warp.wide[*b], &warp.wide[*c]);
                    put(&mut warp.wide[*to], &result, lanes);
                }
                Formula::Shift(function) => {
                    let result = function(&warp.wide[*a], &warp.narrow[*b]);
                    put(&mut warp.wide[*to], &result, lanes);
                }
                Formula::Widen(_, function) => {
                    let result = function(&warp.narrow[*a], &warp.narrow[*b], &warp.wide[*c]);
                    put(&mut warp.wide[*to], &result, lanes);
                }
                Formula::Shrink(function) => {
                    let result = function(&warp.wide[*a]);
                    put(&mut warp.narrow[*to], &result, lanes);
                }
            },
            Operation::OfFour { function, to, from: [a, b, c, d] } => {
                let (a, b, c, d) = (&warp.narrow[*a], &warp.narrow[*b], &warp.narrow[*c], &warp.narrow[*d]);
                let result = std::array::from_fn(|lane| function(a[lane], b[lane], c[lane], d[lane]));
                put(&mut warp.narrow[*to], &result, lanes);
            }
            Operation::Compare { test, from: [a, b], to, complement, combine } => {
                let plain = match test {
                    Test::Narrow(function) => function(&warp.narrow[*a], &warp.narrow[*b]),
                    Test::Wide(function) => function(&warp.wide[*a], &warp.wide[*b]),
                };
                let (mut yes, mut no) = (plain, !plain);
                if let Some(combination) = combine {
                    let with = warp.predicates[combination.with] ^ combination.flip;
                    yes = (combination.function)(plain, with);
                    no = (combination.function)(!plain, with);
                }
                let old = warp.predicates[*complement];
                warp.predicates[*complement] = old & !lanes | no & lanes;
                let old = warp.predicates[*to];
                warp.predicates[*to] = old & !lanes | yes & lanes;
            }
            Operation::Logic { function, to, from: [a, b] } => {
                let result = function(warp.predicates[*a], warp.predicates[*b]);
                warp.predicates[*to] = warp.predicates[*to] & !lanes | result & lanes;
            }
            Operation::Select { bank, to, from: [a, b], by } => {
                let by = warp.predicates[*by];
                if *bank == Bank::Wide {
                    let (a, b) = (&warp.wide[*a], &warp.wide[*b]);
                    let result = std::array::from_fn(|lane| if by >> lane & 1 == 1 { a[lane] } else { b[lane] });
                    put(&mut warp.wide[*to], &result, lanes);
                } else {
                    let (a, b) = (&warp.narrow[*a], &warp.narrow[*b]);
                    let result = std::array::from_fn(|lane| if by >> lane & 1 == 1 { a[lane] } else { b[lane] });
                    put(&mut warp.narrow[*to], &result, lanes);
                }
            }
            Operation::Carry { carry, to, from } => with_carry(warp, carry, *to, *from, lanes),
            Operation::Access(access, store) => self.access(warp, access, *store, lanes)?,
            Operation::Atomic(atomic) => self.atomic(warp, atomic, lanes)?,
            Operation::CopyAsync { to, from, bytes, given } => {
                self.start_copies(warp, *to, *from, *bytes, *given, lanes);
            }
            Operation::CommitCopies => Self::commit_copies(warp, lanes),
            Operation::WaitCopies(pending) => self.wait_copies(warp, *pending, lanes)?,
            Operation::Branch(target) if lanes == active => return Ok(Next::At(*target)),
            Operation::Branch(target) => {
                warp.split(lanes, *target, next);
                return Ok(Next::Choose);
            }
            Operation::Call { target, link, results } => {
                put(&mut warp.narrow[*link], &[next as u32; 32], lanes);
                warp.define(&instruction.writes, lanes);
                for result in results {
                    warp.defined[*result] &= !lanes;
                }
                warp.split(lanes, *target, next);
                return Ok(Next::Choose);
            }
            Operation::Return { link } => {
                let to = warp.narrow[*link];
                warp.scatter(lanes, &to, next);
                return Ok(Next::Choose);
            }
            Operation::Exit => {
                warp.leave(lanes, next);
                return Ok(Next::Choose);
            }
            Operation::Trap => return Err("the kernel has trapped".to_owned()),
            Operation::Barrier { id, threads } => return self.barrier(warp, instruction, *id, *threads, lanes),
            Operation::WarpBarrier { .. }
            | Operation::Shuffle { .. }
            | Operation::Vote { .. }
            | Operation::Match { .. }
            | Operation::LoadMatrix { .. }
            | Operation::Multiply { .. } => return self.together(warp, instruction, lanes),
            Operation::ActiveMask { to } => put(&mut warp.narrow[*to], &[lanes; 32], lanes),
            Operation::Nothing => {}
        }
        warp.define(&instruction.writes, lanes);
        Ok(Next::At(next))
    }

    /// The sentence for a register without a value.
    #[cold]
    fn undefined(&self, warp: &Warp, instruction: &Instruction, lanes: u32) -> String {
        let reads = instruction.reads.iter().map(|id| (*id, lanes));
        let guard = [(instruction.guard.id, warp.active)];
        for (id, lanes) in guard.into_iter().chain(reads) {
            let missing = lanes & !warp.defined[id];
            if missing != 0 {
                let name = self.entry.program.registers.name(id);
                return format!("lane {} reads {name}, which it has not set", missing.trailing_zeros());
            }
        }
        "a register is read that has no value".to_owned()
    }
}

impl Warp {
    #[inline(always)]
    pub fn define(&mut self, registers: &[usize], lanes: u32) {
        for id in registers {
            self.defined[*id] |= lanes;
        }
    }
}

/// Adds or subtracts with the carry flag, which is a borrow after a subtraction.
fn with_carry(warp: &mut Warp, carry: &Carry, to: usize, from: [usize; 2], lanes: u32) {
    let mut a = warp.narrow[from[0]];
    if let Some((x, y, product)) = &carry.product {
        a = product(&warp.narrow[x.index], &warp.narrow[y.index], &a);
    }
    let b = warp.narrow[from[1]];
    let flag = if carry.reads_flag { warp.carry } else { 0 };
    let mut result = [0; 32];
    let mut flags = 0;
    for lane in 0..32 {
        let (a, b, carried) = (u64::from(a[lane]), u64::from(b[lane]), u64::from(flag >> lane & 1));
        let sum = if carry.subtract { a.wrapping_sub(b).wrapping_sub(carried) } else { a + b + carried };
        result[lane] = sum as u32;
        flags |= u32::from(sum >> 32 & 1 == 1) << lane;
    }
    put(&mut warp.narrow[to], &result, lanes);
    if carry.writes_flag {
        warp.carry = warp.carry & !lanes | flags & lanes;
    }
}
