//! What is ordered before what within a block.
//!
//! A clock ticks at every synchronisation. Every warp knows of each warp the time before which its accesses are ordered
//! before the own ones (a vector clock), and every lane the time of its warp's last synchronisation in which it took
//! part. Threads that have left count as taking part everywhere, as they do on a device.

/// A thread: its block, warp and lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thread {
    pub block: u32,
    pub warp: usize,
    pub lane: usize,
}

/// The clocks of the block that runs.
pub struct Order {
    pub block: u32,
    pub clock: u32,
    /// `seen[w][v]`: what warp `v` did before this time, warp `w` may rely on.
    seen: Vec<[u32; 32]>,
    /// The last synchronisation of each lane with its warp.
    lanes: Vec<[u32; 32]>,
    /// Per warp, the time before which everything in the block is ordered before its next access.
    floor: Vec<u32>,
}

impl Order {
    pub fn new(warps: usize) -> Order {
        Order { block: 0, clock: 1, seen: vec![[0; 32]; warps], lanes: vec![[0; 32]; warps], floor: vec![0; warps] }
    }

    /// Starts another block.
    pub fn restart(&mut self, block: u32) {
        let warps = self.floor.len();
        *self = Order { block, ..Order::new(warps) };
    }

    /// These lanes of a warp have met.
    pub fn join_lanes(&mut self, warp: usize, lanes: u32) {
        self.clock += 1;
        for lane in 0..32 {
            if lanes >> lane & 1 == 1 {
                self.lanes[warp][lane] = self.clock;
            }
        }
        self.settle(warp);
    }

    /// These warps have met at a barrier.
    pub fn join_warps(&mut self, warps: &[usize]) {
        self.clock += 1;
        let mut known = [0; 32];
        for warp in warps {
            for other in 0..32 {
                known[other] = known[other].max(self.seen[*warp][other]);
            }
        }
        for warp in warps {
            known[*warp] = self.clock;
        }
        for warp in warps {
            self.seen[*warp] = known;
            self.lanes[*warp] = [self.clock; 32];
        }
        for warp in warps {
            self.settle(*warp);
        }
    }

    fn settle(&mut self, warp: usize) {
        let others = (0..self.floor.len()).filter(|other| *other != warp).map(|other| self.seen[warp][other]);
        let lanes = self.lanes[warp].iter().copied();
        self.floor[warp] = others.chain(lanes).min().unwrap_or(0);
    }

    /// Whether all accesses of this block before the time are ordered before the warp's next one.
    #[inline(always)]
    pub fn settled(&self, warp: usize, time: u32) -> bool {
        time < self.floor[warp]
    }

    /// Whether an access of a thread of this block is ordered before the next one of the lane.
    pub fn before(&self, by: Thread, time: u32, warp: usize, lane: usize) -> bool {
        if by.warp != warp {
            return time < self.seen[warp][by.warp];
        }
        by.lane == lane || time < self.lanes[warp][by.lane].min(self.lanes[warp][lane])
    }

    /// The same for accesses of several lanes of a warp.
    pub fn before_all_lanes(&self, by: usize, time: u32, warp: usize) -> bool {
        if by != warp {
            return time < self.seen[warp][by];
        }
        self.lanes[warp].iter().all(|joined| time < *joined)
    }
}
