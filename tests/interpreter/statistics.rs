//! What a launch costs, counted: a test of performance that no machine disturbs.

use std::ops::AddAssign;

/// The counts of one launch.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// Instructions of warps, however many lanes took part.
    pub warp_instructions: u64,
    /// Instructions of threads.
    pub thread_instructions: u64,
    /// Loads, stores and atomics of warps in global memory.
    pub global_requests: u64,
    /// The 32-byte sectors that those touch. Neighbouring f32 of a whole warp are 4 sectors.
    pub global_sectors: u64,
    /// Loads, stores and atomics of warps in shared memory.
    pub shared_requests: u64,
    /// The passes that those need: more than one per 128 bytes is a bank conflict.
    pub shared_passes: u64,
    /// The passes beyond those that the amount of data demands.
    pub bank_conflicts: u64,
    /// Barriers of blocks.
    pub barriers: u64,
    /// Matrix products of warps.
    pub matrix_products: u64,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Statistics) {
        self.warp_instructions += other.warp_instructions;
        self.thread_instructions += other.thread_instructions;
        self.global_requests += other.global_requests;
        self.global_sectors += other.global_sectors;
        self.shared_requests += other.shared_requests;
        self.shared_passes += other.shared_passes;
        self.bank_conflicts += other.bank_conflicts;
        self.barriers += other.barriers;
        self.matrix_products += other.matrix_products;
    }
}
