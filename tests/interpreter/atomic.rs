//! Atomic instructions.

use super::access::{aligned, in_lane, little_endian, within};
use super::execute::Machine;
use super::instruction::{Atomic, Register, Space, Update};
use super::memory::allowed;
use super::shadow::Kind;
use super::types::{Bank, Type};
use super::warp::Warp;

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn atomic(&mut self, warp: &mut Warp, atomic: &Atomic, lanes: u32) -> Result<(), String> {
        let addresses = warp.numbers(atomic.address.base, atomic.address.offset);
        let bytes = atomic.element.bytes();
        let (operands, swaps) = (warp.numbers(atomic.operand, 0), warp.numbers(atomic.swap, 0));
        for lane in 0..32 {
            if lanes >> lane & 1 == 0 {
                continue;
            }
            let (address, by) = (addresses[lane], self.thread(warp, lane));
            aligned(address, bytes, lane)?;
            let place = if atomic.space == Space::Shared {
                let start = within(&self.shared, address, bytes, lane, "shared")?;
                self.shared_shadow
                    .touch(start, bytes, Kind::Atomic, by, &self.order)
                    .map_err(|fault| fault.sentence(Kind::Atomic, address, lane))?;
                &mut self.shared[start..start + bytes]
            } else {
                if let Some(slices) = self.slices {
                    allowed(slices, address, bytes, true).map_err(|error| in_lane(error, lane))?;
                }
                let granule = self.entry.finest_access;
                let place = self.memory.touch(address, bytes, Kind::Atomic, granule, by, &self.order);
                place.map_err(|error| in_lane(error, lane))?
            };
            let old = little_endian(place);
            let new = updated(atomic.update, atomic.element, old, operands[lane], swaps[lane]);
            place.copy_from_slice(&new.to_le_bytes()[..bytes]);
            match atomic.result {
                Some(Register { bank: Bank::Wide, index, .. }) => warp.wide[index][lane] = old,
                Some(register) => warp.narrow[register.index][lane] = old as u32,
                None => {}
            }
        }
        self.count(atomic.space, &addresses, bytes, lanes);
        Ok(())
    }
}

fn updated(update: Update, element: Type, old: u64, operand: u64, swap: u64) -> u64 {
    match (update, element) {
        (Update::Add, Type::F32) => u64::from((f32::from_bits(old as u32) + f32::from_bits(operand as u32)).to_bits()),
        (Update::Add, Type::F64) => (f64::from_bits(old) + f64::from_bits(operand)).to_bits(),
        (Update::Add, _) => old.wrapping_add(operand),
        (Update::Min, Type::S32) => (old as i32).min(operand as i32) as u64,
        (Update::Max, Type::S32) => (old as i32).max(operand as i32) as u64,
        (Update::Min, Type::S64) => (old as i64).min(operand as i64) as u64,
        (Update::Max, Type::S64) => (old as i64).max(operand as i64) as u64,
        (Update::Min, _) => old.min(operand),
        (Update::Max, _) => old.max(operand),
        (Update::And, _) => old & operand,
        (Update::Or, _) => old | operand,
        (Update::Xor, _) => old ^ operand,
        (Update::Exchange, _) => operand,
        (Update::CompareAndSwap, _) => {
            if old == operand {
                swap
            } else {
                old
            }
        }
    }
}
