//! The instructions that join threads: barriers, shuffles, votes and matrix products.
//!
//! Lanes wait at such an instruction until all members have come, as on a device; only if the others wait elsewhere
//! for ever is it an error.

use super::execute::{Machine, Next};
use super::instruction::{Direction, Instruction, Narrow, Operation, Register, Vote};
use super::matrix;
use super::types::Bank;
use super::warp::{Parked, Warp, put};

impl Machine<'_> {
    pub(super) fn barrier(
        &mut self,
        warp: &mut Warp,
        instruction: &Instruction,
        id: Register,
        threads: Option<Register>,
        lanes: u32,
    ) -> Result<Next, String> {
        if lanes != warp.active {
            return Err("a barrier of the block stands behind a predicate that differs within a warp".to_owned());
        }
        if lanes != warp.live {
            return Ok(Next::Stall(lanes));
        }
        let barrier = same(&warp.narrow[id.index], lanes).filter(|barrier| *barrier < 16);
        let barrier = barrier.ok_or("the number of a barrier is the same in all lanes, and below 16")?;
        let threads = match threads {
            Some(register) => {
                let count = same(&warp.narrow[register.index], lanes).filter(|count| count % 32 == 0 && *count > 0);
                Some(count.ok_or("the number of threads at a barrier is a multiple of 32")?)
            }
            None => None,
        };
        Ok(Next::Park(Parked { barrier, threads, line: instruction.line }))
    }

    /// An instruction for which the members of a warp must be together.
    #[inline(never)]
    pub(super) fn together(&mut self, warp: &mut Warp, instruction: &Instruction, lanes: u32) -> Result<Next, String> {
        let members = match &instruction.operation {
            Operation::WarpBarrier { members } | Operation::Vote { members, .. } | Operation::Match { members, .. } => {
                warp.narrow[members.index]
            }
            Operation::Shuffle { from: [.., members], .. } => warp.narrow[members.index],
            // The matrix instructions join the whole warp.
            _ => [u32::MAX; 32],
        };
        let mut ready = 0;
        for lane in 0..32 {
            if lanes >> lane & 1 == 0 {
                continue;
            }
            if members[lane] >> lane & 1 == 0 {
                return Err(format!("lane {lane} is none of the members {:#010x}", members[lane]));
            }
            let present = members[lane] & warp.live & !lanes == 0;
            ready |= u32::from(present) << lane;
        }
        if ready != lanes && lanes != warp.active {
            return Err("lanes that are members are kept away by the predicate".to_owned());
        }
        if ready == 0 {
            if instruction.counted {
                self.statistics.warp_instructions -= 1;
                self.statistics.thread_instructions -= u64::from(lanes.count_ones());
            }
            return Ok(Next::Stall(lanes));
        }
        let next = warp.at + 1;
        match &instruction.operation {
            Operation::Shuffle { direction, to, found, from: [value, by, clamp, _] } => {
                shuffle(warp, *direction, [*to, found.unwrap_or(*to)], [*value, *by, *clamp], &members, ready)?;
            }
            Operation::Vote { vote, to, from, flip, .. } => {
                poll(warp, *vote, *to, warp.predicates[from.index] ^ flip, &members, ready);
            }
            Operation::Match { to, from, .. } => {
                let values = warp.narrow[from.index];
                let alike = |lane: usize| {
                    let present = members[lane] & ready;
                    let same = |other: &usize| present >> other & 1 == 1 && values[*other] == values[lane];
                    (0..32).filter(same).fold(0, |mask, other| mask | 1 << other)
                };
                put(&mut warp.narrow[to.index], &std::array::from_fn(alike), ready);
            }
            Operation::LoadMatrix { address, to, transposed } => {
                whole(ready)?;
                matrix::load(self, warp, *address, to, *transposed)?;
            }
            Operation::Multiply { tile, registers } => {
                whole(ready)?;
                matrix::multiply(warp, *tile, registers);
                self.statistics.matrix_products += 1;
            }
            _ => {}
        }
        // Threads that have left count as having come.
        self.order.join_lanes(warp.number, ready | !warp.live);
        warp.define(&instruction.writes, ready);
        if ready == lanes {
            return Ok(Next::At(next));
        }
        warp.split(ready, next, warp.at);
        Ok(Next::Choose)
    }
}

/// The value of all these lanes, if it is one.
fn same(values: &Narrow, lanes: u32) -> Option<u32> {
    let value = values[lanes.trailing_zeros() as usize & 31];
    (0..32).all(|lane| lanes >> lane & 1 == 0 || values[lane] == value).then_some(value)
}

fn whole(lanes: u32) -> Result<(), String> {
    match lanes {
        u32::MAX => Ok(()),
        _ => Err("a matrix instruction needs all 32 lanes".to_owned()),
    }
}

fn shuffle(
    warp: &mut Warp,
    direction: Direction,
    [to, found]: [Register; 2],
    [value, by, clamp]: [Register; 3],
    members: &Narrow,
    lanes: u32,
) -> Result<(), String> {
    let values = warp.narrow[value.index];
    let (steps, clamps) = (&warp.narrow[by.index], &warp.narrow[clamp.index]);
    let mut result = [0; 32];
    let mut inside = 0;
    for lane in 0..32usize {
        if lanes >> lane & 1 == 0 {
            continue;
        }
        let (step, clamp) = ((steps[lane] & 31) as usize, (clamps[lane] & 31) as usize);
        let segment = (clamps[lane] >> 8 & 31) as usize;
        let first = lane & segment;
        let last = first | clamp & !segment;
        let (source, good) = match direction {
            // For `up` the clamp is the lowest lane.
            Direction::Up => (lane.wrapping_sub(step), lane >= last + step),
            Direction::Down => (lane + step, lane + step <= last),
            Direction::Butterfly => (lane ^ step, lane ^ step <= last),
            Direction::Index => (first | step & !segment, (first | step & !segment) <= last),
        };
        let source = if good { source } else { lane };
        if lanes >> source & 1 == 0 || members[lane] >> source & 1 == 0 {
            return Err(format!("lane {lane} reads lane {source}, which takes no part in the shuffle"));
        }
        result[lane] = values[source];
        inside |= u32::from(good) << lane;
    }
    put(&mut warp.narrow[to.index], &result, lanes);
    if found.bank == Bank::Predicate {
        warp.predicates[found.index] = warp.predicates[found.index] & !lanes | inside & lanes;
    }
    Ok(())
}

fn poll(warp: &mut Warp, vote: Vote, to: Register, votes: u32, members: &Narrow, lanes: u32) {
    if vote == Vote::Ballot {
        put(&mut warp.narrow[to.index], &members.map(|members| members & lanes & votes), lanes);
        return;
    }
    let mut result = 0;
    for lane in 0..32 {
        let present = members[lane] & lanes;
        let yes = match vote {
            Vote::All => votes & present == present,
            Vote::Any => votes & present != 0,
            _ => votes & present == present || votes & present == 0,
        };
        result |= u32::from(yes) << lane;
    }
    warp.predicates[to.index] = warp.predicates[to.index] & !lanes | result & lanes;
}
