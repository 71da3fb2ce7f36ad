//! Asynchronous copies from global to shared memory.

use super::access::aligned;
use super::execute::Machine;
use super::instruction::{Address, Register, Space};
use super::warp::{Copy, Warp};

impl Machine<'_> {
    pub(super) fn start_copies(
        &mut self,
        warp: &mut Warp,
        to: Address,
        from: Address,
        bytes: usize,
        given: Option<Register>,
        lanes: u32,
    ) {
        let (targets, sources) = (warp.numbers(to.base, to.offset), warp.numbers(from.base, from.offset));
        let given = given.map(|register| warp.numbers(register, 0));
        for lane in 0..32 {
            if lanes >> lane & 1 == 1 {
                let given = given.map_or(bytes, |given| (given[lane] as usize).min(bytes));
                let (copies, group) = &mut warp.copies[lane];
                copies.push(Copy { to: targets[lane], from: sources[lane], bytes, given, group: *group });
            }
        }
        self.count(Space::Global, &sources, bytes, lanes);
        self.count(Space::Shared, &targets, bytes, lanes);
    }

    pub(super) fn commit_copies(warp: &mut Warp, lanes: u32) {
        for lane in 0..32 {
            if lanes >> lane & 1 == 1 {
                warp.copies[lane].1 += 1;
            }
        }
    }

    /// Copies what the lanes wait for. Until then nothing is copied, so that a missing wait shows.
    pub(super) fn wait_copies(&mut self, warp: &mut Warp, pending: usize, lanes: u32) -> Result<(), String> {
        for lane in 0..32 {
            if lanes >> lane & 1 == 0 {
                continue;
            }
            let by = self.thread(warp, lane);
            let (copies, groups) = &mut warp.copies[lane];
            let done = groups.saturating_sub(pending as u64);
            let finished: Vec<Copy> = copies.iter().filter(|copy| copy.group < done).copied().collect();
            copies.retain(|copy| copy.group >= done);
            for copy in finished {
                let mut content = [0; 16];
                aligned(copy.from, copy.bytes, lane)?;
                if copy.given > 0 {
                    for at in (0..copy.given).step_by(self.entry.finest_access) {
                        let part = self.entry.finest_access.min(copy.given - at);
                        let source = self.load(Space::Global, copy.from + at as u64, part, by)?;
                        content[at..at + part].copy_from_slice(source);
                    }
                }
                self.store(Space::Shared, copy.to, &content[..copy.bytes], by)?;
            }
        }
        Ok(())
    }
}
