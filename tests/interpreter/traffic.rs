//! Counts the traffic of memory: sectors of global memory, passes of shared memory.

use super::execute::Machine;
use super::instruction::Space;

impl Machine<'_> {
    /// Counts the sectors or the passes of an access.
    pub(super) fn count(&mut self, space: Space, addresses: &[u64; 32], bytes: usize, lanes: u32) {
        let touched = (0..32).filter(|lane| lanes >> lane & 1 == 1).map(|lane| addresses[lane]);
        let bytes = bytes as u64;
        match space {
            Space::Global => {
                let mut sectors = [u64::MAX; 64];
                let mut count = 0;
                for address in touched {
                    let (first, last) = (address / 32, (address + bytes - 1) / 32);
                    for sector in first..=last {
                        if count == 0 || sectors[count - 1] != sector && !sectors[..count].contains(&sector) {
                            sectors[count] = sector;
                            count += 1;
                        }
                    }
                }
                self.statistics.global_requests += 1;
                self.statistics.global_sectors += count as u64;
            }
            Space::Shared => {
                // A wide access goes in parts of the warp, each of at most 128 bytes.
                let part = if bytes > 4 { (128 / bytes) as usize } else { 32 };
                let (mut passes, mut needed) = (0, 0);
                let words = bytes.div_ceil(4);
                for first in (0..32).step_by(part) {
                    let group = lanes >> first & (u32::MAX >> (32 - part));
                    if group != 0 {
                        needed += 1;
                        let inside = (0..part).filter(|lane| group >> lane & 1 == 1);
                        passes += most_words_of_a_bank(inside.map(|lane| addresses[first + lane]), words);
                    }
                }
                self.statistics.shared_requests += 1;
                self.statistics.shared_passes += passes;
                self.statistics.bank_conflicts += passes - needed;
            }
            Space::Constant | Space::Parameter => {}
        }
    }
}

/// The number of different words that the busiest of the 32 banks must give.
fn most_words_of_a_bank(addresses: impl Iterator<Item = u64> + Clone, words: u64) -> u64 {
    let all = addresses.flat_map(|address| address / 4..address / 4 + words);
    let mut banks = [u64::MAX; 32];
    let conflict = all.clone().any(|word| {
        let known = std::mem::replace(&mut banks[(word % 32) as usize], word);
        known != u64::MAX && known != word
    });
    if !conflict {
        return 1;
    }
    let mut distinct: Vec<u64> = all.collect();
    distinct.sort_unstable();
    distinct.dedup();
    let mut counts = [0; 32];
    for word in distinct {
        counts[(word % 32) as usize] += 1;
    }
    counts.into_iter().max().unwrap_or(1)
}
