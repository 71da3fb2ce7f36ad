//! Traces of who touched memory, from which races are found.
//!
//! Every granule of memory (a word, or less if the kernel has smaller accesses) has a trace: its last writer, its
//! readers since, and when. Readers are one thread, or several of one warp, of one block or of the grid.

use super::order::{Order, Thread};

/// How many threads a touch stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Spread {
    Nobody,
    Thread,
    Warp,
    Block,
    Grid,
}

/// The threads that read or wrote a granule, and when the last of them did.
#[derive(Clone, Copy, Debug)]
struct Touch {
    thread: u32,
    clock: u32,
    spread: Spread,
}

const NOBODY: Touch = Touch { thread: 0, clock: 0, spread: Spread::Nobody };

/// What is known of one granule.
#[derive(Clone, Copy, Debug)]
struct Trace {
    /// The launch or block to which the trace belongs; an older one counts as empty.
    stamp: u32,
    atomic: bool,
    write: Touch,
    read: Touch,
}

/// The kinds of access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Read,
    Write,
    /// A write of the value that is already there.
    Rewrite,
    Atomic,
}

/// Why an access is wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Unwritten,
    AfterWrite(Thread),
    AfterRead(Thread),
}

/// The traces of one memory.
pub struct Shadow {
    pub granule: usize,
    pub stamp: u32,
    /// Whether a read needs a write before it, as in shared memory.
    pub starts_unwritten: bool,
    traces: Vec<Trace>,
}

fn packed(thread: Thread) -> u32 {
    thread.block << 10 | (thread.warp as u32) << 5 | thread.lane as u32
}

fn unpacked(thread: u32) -> Thread {
    Thread { block: thread >> 10, warp: (thread >> 5 & 31) as usize, lane: (thread & 31) as usize }
}

impl Shadow {
    pub fn new(bytes: usize, granule: usize, starts_unwritten: bool) -> Shadow {
        let empty = Trace { stamp: 0, atomic: false, write: NOBODY, read: NOBODY };
        Shadow { granule, stamp: 0, starts_unwritten, traces: vec![empty; bytes.div_ceil(granule)] }
    }

    /// Forgets everything.
    pub fn restart(&mut self) {
        self.stamp += 1;
    }

    /// Records an access to some bytes; they lie in the memory.
    #[inline(always)]
    pub fn touch(&mut self, start: usize, bytes: usize, kind: Kind, by: Thread, order: &Order) -> Result<(), Fault> {
        let (first, last) = match self.granule {
            4 => (start >> 2, (start + bytes - 1) >> 2),
            granule => (start / granule, (start + bytes - 1) / granule),
        };
        let (stamp, unwritten) = (self.stamp, self.starts_unwritten);
        for trace in &mut self.traces[first..=last] {
            if trace.stamp != stamp {
                *trace = Trace { stamp, atomic: false, write: NOBODY, read: NOBODY };
            }
            trace.touch(kind, by, order, unwritten)?;
        }
        Ok(())
    }
}

impl Trace {
    #[inline(always)]
    fn touch(&mut self, kind: Kind, by: Thread, order: &Order, unwritten: bool) -> Result<(), Fault> {
        if self.write.spread == Spread::Nobody {
            if unwritten && matches!(kind, Kind::Read | Kind::Atomic) {
                return Err(Fault::Unwritten);
            }
        } else if !self.write.is_before(by, order) {
            let harmless = kind == Kind::Rewrite || kind == Kind::Atomic && self.atomic;
            if !harmless {
                return Err(Fault::AfterWrite(unpacked(self.write.thread)));
            }
        }
        if kind == Kind::Read {
            if !self.read.holds(by, order) {
                self.read.join(by, order);
            }
            return Ok(());
        }
        if !self.read.is_before(by, order) {
            return Err(Fault::AfterRead(unpacked(self.read.thread)));
        }
        self.write.join(by, order);
        self.atomic = kind == Kind::Atomic;
        Ok(())
    }
}

impl Touch {
    /// Whether this touch is ordered before the thread's access.
    #[inline(always)]
    fn is_before(&self, by: Thread, order: &Order) -> bool {
        match self.spread {
            Spread::Nobody => true,
            Spread::Grid => false,
            _ if self.thread >> 10 != by.block => false,
            _ if order.settled(by.warp, self.clock) => true,
            _ => self.is_known_before(by, order),
        }
    }

    fn is_known_before(&self, by: Thread, order: &Order) -> bool {
        let thread = unpacked(self.thread);
        match self.spread {
            Spread::Thread => order.before(thread, self.clock, by.warp, by.lane),
            Spread::Warp => order.before_all_lanes(thread.warp, self.clock, by.warp),
            _ => false,
        }
    }

    /// Whether adding the thread would change nothing.
    #[inline(always)]
    fn holds(&self, by: Thread, order: &Order) -> bool {
        let apart = self.thread ^ packed(by);
        self.clock == order.clock
            && match self.spread {
                Spread::Warp => apart >> 5 == 0,
                Spread::Block => apart >> 10 == 0,
                _ => false,
            }
    }

    /// Adds a thread; touches that are ordered before it are forgotten.
    #[inline(always)]
    fn join(&mut self, by: Thread, order: &Order) {
        let thread = packed(by);
        let spread = if self.spread == Spread::Nobody || self.thread == thread && self.spread == Spread::Thread {
            Spread::Thread
        } else if self.thread >> 10 != by.block || self.spread == Spread::Grid {
            Spread::Grid
        } else if order.settled(by.warp, self.clock) {
            Spread::Thread
        } else if self.spread == Spread::Block {
            Spread::Block
        } else if self.is_known_before(by, order) {
            Spread::Thread
        } else if self.thread >> 5 == thread >> 5 {
            Spread::Warp
        } else {
            Spread::Block
        };
        *self = Touch { thread, clock: order.clock, spread };
    }
}

impl Fault {
    /// The sentence for an access to this address.
    pub fn sentence(self, kind: Kind, address: u64, lane: usize) -> String {
        let access = match kind {
            Kind::Read => "reads",
            Kind::Write | Kind::Rewrite => "writes",
            Kind::Atomic => "changes atomically",
        };
        match self {
            Fault::Unwritten => format!("lane {lane} {access} address {address:#x}, which nothing has written"),
            Fault::AfterWrite(other) => format!(
                "race: lane {lane} {access} address {address:#x}, which lane {} of warp {} of block {} has written \
                 without a barrier in between",
                other.lane, other.warp, other.block
            ),
            Fault::AfterRead(other) => format!(
                "race: lane {lane} {access} address {address:#x}, which lane {} of warp {} of block {} has read \
                 without a barrier in between",
                other.lane, other.warp, other.block
            ),
        }
    }
}
