//! A decoded instruction: what it does, and which registers it reads and writes.
//!
//! Constants, special registers and the addresses of arrays are registers as well, filled when a warp starts. So every
//! operand is an index, and one function per instruction computes all 32 lanes at once.

use super::types::{Bank, Type};
use std::sync::Arc;

/// The 32 lanes of a register of up to 32 bits.
pub type Narrow = [u32; 32];
/// The 32 lanes of a 64-bit register.
pub type Wide = [u64; 32];

/// A register: its bank, its place there, and its place in the table of defined registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    pub bank: Bank,
    pub index: usize,
    pub id: usize,
}

/// How an instruction computes its result: a function of whole registers.
#[derive(Clone, Copy, Debug)]
pub enum Formula {
    /// Up to three narrow sources and a narrow result.
    Narrow(usize, fn(&Narrow, &Narrow, &Narrow) -> Narrow),
    /// Up to three wide sources and a wide result.
    Wide(usize, fn(&Wide, &Wide, &Wide) -> Wide),
    /// A wide value shifted by a narrow amount.
    Shift(fn(&Wide, &Narrow) -> Wide),
    /// One or two narrow sources, an optional wide one, and a wide result.
    Widen(usize, fn(&Narrow, &Narrow, &Wide) -> Wide),
    /// A wide source and a narrow result.
    Shrink(fn(&Wide) -> Narrow),
}

/// A comparison of two registers: one bit per lane.
#[derive(Clone, Copy, Debug)]
pub enum Test {
    Narrow(fn(&Narrow, &Narrow) -> u32),
    Wide(fn(&Wide, &Wide) -> u32),
}

/// A memory that instructions name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    Global,
    Shared,
    Constant,
    Parameter,
}

impl Space {
    /// The name in PTX.
    pub fn name(self) -> &'static str {
        match self {
            Space::Global => "global",
            Space::Shared => "shared",
            Space::Constant => "const",
            Space::Parameter => "param",
        }
    }
}

/// `[base + offset]`.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub base: Register,
    pub offset: i64,
}

/// A load or a store of one to four elements per lane.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub space: Space,
    pub address: Address,
    pub element: Type,
    pub count: usize,
    pub registers: [Register; 4],
}

/// What an atomic instruction does to the old value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    Add,
    Min,
    Max,
    And,
    Or,
    Xor,
    Exchange,
    CompareAndSwap,
}

/// `atom` or, without a result, `red`.
#[derive(Clone, Copy, Debug)]
pub struct Atomic {
    pub space: Space,
    pub address: Address,
    pub element: Type,
    pub update: Update,
    pub result: Option<Register>,
    pub operand: Register,
    /// The new value of `cas`, whose first operand is the expected one.
    pub swap: Register,
}

/// The arithmetic with the carry flag: `add.cc`, `addc`, `sub.cc`, `subc`, `mad.cc` and `madc`.
#[derive(Clone, Copy, Debug)]
pub struct Carry {
    pub subtract: bool,
    pub reads_flag: bool,
    pub writes_flag: bool,
    /// For `mad`: the low or the high half of a product is the first summand.
    pub product: Option<(Register, Register, fn(&Narrow, &Narrow, &Narrow) -> Narrow)>,
}

/// How `shfl.sync` chooses the lane to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Up,
    Down,
    Butterfly,
    Index,
}

/// What `vote.sync` and `match.sync` tell the warp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// The tile shapes of `mma.sync`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tile {
    /// 16 × 8 from products over 4 elements, tf32.
    Tf32x4,
    /// 16 × 8 from products over 8 elements, tf32.
    Tf32x8,
    /// 16 × 8 from products over 8 elements, bf16.
    Bf16x8,
    /// 16 × 8 from products over 16 elements, bf16.
    Bf16x16,
}

impl Tile {
    /// The registers per lane of the left and of the right factor.
    pub fn registers(self) -> (usize, usize) {
        match self {
            Tile::Tf32x4 | Tile::Bf16x8 => (2, 1),
            Tile::Tf32x8 | Tile::Bf16x16 => (4, 2),
        }
    }
}

/// What an instruction does.
#[derive(Clone, Debug)]
pub enum Operation {
    Compute {
        formula: Formula,
        to: usize,
        from: [usize; 3],
    },
    Compare {
        test: Test,
        from: [usize; 2],
        to: usize,
        complement: usize,
        combine: Option<Combination>,
    },
    /// `lop3` and `bfi`.
    OfFour {
        function: fn(u32, u32, u32, u32) -> u32,
        to: usize,
        from: [usize; 4],
    },
    Logic {
        function: fn(u32, u32) -> u32,
        to: usize,
        from: [usize; 2],
    },
    Select {
        bank: Bank,
        to: usize,
        from: [usize; 2],
        by: usize,
    },
    Carry {
        carry: Carry,
        to: usize,
        from: [usize; 2],
    },
    Access(Box<Access>, bool),
    Atomic(Box<Atomic>),
    CopyAsync {
        to: Address,
        from: Address,
        bytes: usize,
        given: Option<Register>,
    },
    CommitCopies,
    WaitCopies(usize),
    Branch(usize),
    /// The results (by id) are undefined until the function sets them.
    Call {
        target: usize,
        link: usize,
        results: Box<[usize]>,
    },
    Return {
        link: usize,
    },
    Exit,
    Trap,
    Barrier {
        id: Register,
        threads: Option<Register>,
    },
    WarpBarrier {
        members: Register,
    },
    Shuffle {
        direction: Direction,
        to: Register,
        found: Option<Register>,
        from: [Register; 4],
    },
    Vote {
        vote: Vote,
        to: Register,
        from: Register,
        flip: u32,
        members: Register,
    },
    Match {
        to: Register,
        from: Register,
        members: Register,
    },
    ActiveMask {
        to: usize,
    },
    LoadMatrix {
        address: Address,
        to: Box<[Register]>,
        transposed: bool,
    },
    Multiply {
        tile: Tile,
        registers: Box<[Register]>,
    },
    Nothing,
}

/// How `setp` joins its comparison with a further predicate.
#[derive(Clone, Copy, Debug)]
pub struct Combination {
    pub function: fn(u32, u32) -> u32,
    pub with: usize,
    pub flip: u32,
}

/// One instruction of a program.
#[derive(Clone, Debug)]
pub struct Instruction {
    pub operation: Operation,
    /// The predicate in front; that of an unguarded instruction is constant.
    pub guard: Register,
    /// All ones if the guard is negated.
    pub flip: u32,
    /// The registers (by id) that must be defined in the lanes that execute.
    pub reads: Box<[usize]>,
    /// The registers (by id) that are defined afterwards.
    pub writes: Box<[usize]>,
    pub line: usize,
    /// How it is written.
    pub text: Arc<str>,
    /// Whether the statistics count it: the moves around a call are none of the program's.
    pub counted: bool,
}

impl Instruction {
    /// The size of the elements that it moves to or from global or shared memory.
    pub fn element_bytes(&self) -> Option<usize> {
        match &self.operation {
            Operation::Access(access, _) if matches!(access.space, Space::Global | Space::Shared) => {
                Some(access.element.bytes())
            }
            Operation::Atomic(atomic) => Some(atomic.element.bytes()),
            _ => None,
        }
    }
}
