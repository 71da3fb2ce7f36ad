//! The state of a warp, and which of its lanes run next.
//!
//! Every lane has a place in the program. The lanes at the lowest place run first: those that left a loop wait behind
//! it for the others, and the sides of a branch meet again. Lanes that are together stay together without a search
//! until they reach the place of others.

use super::instruction::{Narrow, Wide};
use super::parse::Program;
use super::registers::Special;
use super::types::Bank;

/// The size of a launch and the place of a block in it.
#[derive(Clone, Copy)]
pub struct Position {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub index: [u32; 3],
}

/// Where a warp waits for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parked {
    pub barrier: u32,
    /// The number of threads that meet; all of the block if none.
    pub threads: Option<u32>,
    pub line: usize,
}

/// An asynchronous copy that has not been waited for.
#[derive(Clone, Copy)]
pub struct Copy {
    pub to: u64,
    pub from: u64,
    pub bytes: usize,
    /// The bytes that are read; the rest becomes zero.
    pub given: usize,
    /// How many groups the lane had committed before.
    pub group: u64,
}

pub struct Warp {
    pub number: usize,
    /// The lanes that have not left.
    pub live: u32,
    /// The lanes that run, and where. `places` is out of date for them.
    pub active: u32,
    pub at: usize,
    /// The next place at which others wait.
    until: usize,
    places: [usize; 32],
    /// Lanes that wait for others of their warp.
    stalled: u32,
    pub parked: Option<Parked>,
    pub narrow: Vec<Narrow>,
    pub wide: Vec<Wide>,
    pub predicates: Vec<u32>,
    /// The lanes in which each register has a value, by id.
    pub defined: Vec<u32>,
    /// The carry flag.
    pub carry: u32,
    /// Per lane the copies under way, and how many groups it has committed.
    pub copies: Vec<(Vec<Copy>, u64)>,
}

impl Warp {
    pub fn new(number: usize, program: &Program) -> Warp {
        let registers = &program.registers;
        Warp {
            number,
            live: 0,
            active: 0,
            at: 0,
            until: usize::MAX,
            places: [0; 32],
            stalled: 0,
            parked: None,
            narrow: vec![[0; 32]; registers.narrow],
            wide: vec![[0; 32]; registers.wide],
            predicates: vec![0; registers.predicates],
            defined: vec![0; registers.count],
            carry: 0,
            copies: vec![(Vec::new(), 0); 32],
        }
    }

    /// Prepares the warp for a block.
    pub fn start(&mut self, program: &Program, start: usize, position: Position, globals: &[u64]) {
        let [x, y, z] = position.block;
        let first = self.number as u32 * 32;
        self.live = match x * y * z - first {
            rest @ 0..32 => (1 << rest) - 1,
            _ => u32::MAX,
        };
        (self.active, self.at, self.until) = (self.live, start, usize::MAX);
        (self.stalled, self.parked, self.carry) = (0, None, 0);
        self.defined.fill(0);
        for (copies, groups) in &mut self.copies {
            copies.clear();
            *groups = 0;
        }
        for (special, register) in program.registers.specials() {
            self.defined[register.id] = u32::MAX;
            let lane = |lane: usize| {
                let thread = first + lane as u32;
                match special {
                    Special::Constant(value) => value,
                    Special::Thread(axis) => u64::from([thread % x, thread / x % y, thread / x / y][axis]),
                    Special::Threads(axis) => u64::from(position.block[axis]),
                    Special::Block(axis) => u64::from(position.index[axis]),
                    Special::Blocks(axis) => u64::from(position.grid[axis]),
                    Special::Lane => lane as u64,
                    Special::LaneMask { before, own, after } => {
                        let one = 1u32 << lane;
                        let pick = |given: bool, lanes: u32| if given { lanes } else { 0 };
                        u64::from(pick(before, one - 1) | pick(own, one) | pick(after, !(one | (one - 1))))
                    }
                    Special::Warp => self.number as u64,
                    Special::GlobalArray(number, offset) => globals[number].wrapping_add_signed(offset),
                    Special::DynamicShared(offset) => {
                        (program.shared.next_multiple_of(16) as u64).wrapping_add_signed(offset)
                    }
                }
            };
            match register.bank {
                Bank::Narrow => self.narrow[register.index] = std::array::from_fn(|number| lane(number) as u32),
                Bank::Wide => self.wide[register.index] = std::array::from_fn(lane),
                Bank::Predicate => self.predicates[register.index] = if lane(0) == 0 { 0 } else { u32::MAX },
            }
        }
    }

    /// Writes down where the active lanes are.
    fn put_down(&mut self) {
        for lane in 0..32 {
            if self.active >> lane & 1 == 1 {
                self.places[lane] = self.at;
            }
        }
    }

    /// Picks the lanes to run. False if all wait for each other.
    pub fn choose(&mut self) -> bool {
        let ready = self.live & !self.stalled;
        let place = |lane: usize| self.places[lane];
        let lanes = |mask: u32| (0..32usize).filter(move |lane| mask >> lane & 1 == 1);
        let Some(at) = lanes(ready).map(place).min() else { return false };
        let active = lanes(self.live).filter(|lane| place(*lane) == at).fold(0, |mask, lane| mask | 1 << lane);
        self.until = lanes(ready & !active).map(place).min().unwrap_or(usize::MAX);
        (self.at, self.active) = (at, active);
        self.stalled &= !active;
        true
    }

    /// Goes on at a place; false if other lanes are to be chosen.
    #[inline(always)]
    pub fn go(&mut self, to: usize) -> bool {
        self.at = to;
        if to < self.until {
            return true;
        }
        self.put_down();
        false
    }

    /// Sends these active lanes elsewhere and lets the others go on.
    pub fn split(&mut self, lanes: u32, to: usize, next: usize) {
        self.at = next;
        self.put_down();
        for lane in 0..32 {
            if lanes >> lane & 1 == 1 {
                self.places[lane] = to;
            }
        }
    }

    /// Sends every one of these lanes to its own place.
    pub fn scatter(&mut self, lanes: u32, to: &Narrow, next: usize) {
        self.split(lanes, 0, next);
        for lane in 0..32 {
            if lanes >> lane & 1 == 1 {
                self.places[lane] = to[lane] as usize;
            }
        }
    }

    /// Ends these lanes. What waited for them is tried again.
    pub fn leave(&mut self, lanes: u32, next: usize) {
        self.at = next;
        self.put_down();
        self.live &= !lanes;
        self.stalled = 0;
    }

    /// Lets these active lanes wait here until others come.
    pub fn stall(&mut self, lanes: u32) {
        self.put_down();
        self.stalled |= lanes;
    }

    /// The places where lanes wait.
    pub fn waiting_places(&self) -> Vec<(usize, usize)> {
        let live = (0..32).filter(|lane| self.live >> lane & 1 == 1);
        live.map(|lane| (lane, self.places[lane])).collect()
    }

    /// The bits of an address or another number in every lane.
    #[inline(always)]
    pub fn numbers(&self, register: super::instruction::Register, offset: i64) -> Wide {
        match register.bank {
            Bank::Wide => self.wide[register.index].map(|base| base.wrapping_add_signed(offset)),
            _ => self.narrow[register.index].map(|base| u64::from(base).wrapping_add_signed(offset)),
        }
    }
}

/// Writes the lanes of a mask.
#[inline(always)]
pub fn put<T: std::marker::Copy>(to: &mut [T; 32], from: &[T; 32], lanes: u32) {
    if lanes == u32::MAX {
        *to = *from;
        return;
    }
    for lane in 0..32 {
        if lanes >> lane & 1 == 1 {
            to[lane] = from[lane];
        }
    }
}
