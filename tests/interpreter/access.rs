//! Loads and stores.

use super::execute::Machine;
use super::instruction::{Access, Space, Wide};
use super::memory::allowed;
use super::order::Thread;
use super::shadow::{Fault, Kind};
use super::types::{Bank, Type};
use super::warp::Warp;

impl Machine<'_> {
    #[inline(never)]
    pub(super) fn access(&mut self, warp: &mut Warp, access: &Access, store: bool, lanes: u32) -> Result<(), String> {
        let addresses = warp.numbers(access.address.base, access.address.offset);
        let bytes = access.element.bytes() * access.count;
        // The sizes as constants make the checks of each lane much faster.
        match (store, bytes) {
            (true, _) => self.store_lanes(warp, access, &addresses, lanes)?,
            (false, 4) => self.load_lanes::<4>(warp, access, &addresses, lanes)?,
            (false, 8) => self.load_lanes::<8>(warp, access, &addresses, lanes)?,
            (false, 16) => self.load_lanes::<16>(warp, access, &addresses, lanes)?,
            (false, 2) => self.load_lanes::<2>(warp, access, &addresses, lanes)?,
            (false, _) => self.load_lanes::<1>(warp, access, &addresses, lanes)?,
        }
        self.count(access.space, &addresses, bytes, lanes);
        Ok(())
    }

    fn load_lanes<const BYTES: usize>(
        &mut self,
        warp: &mut Warp,
        access: &Access,
        addresses: &Wide,
        lanes: u32,
    ) -> Result<(), String> {
        let size = access.element.bytes();
        let registers = &access.registers[..access.count];
        let mut thread = self.thread(warp, 0);
        // How many lanes before had the same address.
        let mut alike = 0;
        for lane in 0..32 {
            if lanes >> lane & 1 == 0 {
                alike = 0;
                continue;
            }
            alike = if lane > 0 && addresses[lane] == addresses[lane - 1] { alike + 1 } else { 0 };
            if alike > 1 {
                // Two lanes before have read this too, which is all that checks and traces need to know.
                for register in registers {
                    match register.bank {
                        Bank::Wide => warp.wide[register.index][lane] = warp.wide[register.index][lane - 1],
                        _ => warp.narrow[register.index][lane] = warp.narrow[register.index][lane - 1],
                    }
                }
                continue;
            }
            thread.lane = lane;
            let content = self.load(access.space, addresses[lane], BYTES, thread)?;
            if BYTES == 4 && size == 4 {
                warp.narrow[registers[0].index][lane] = little_endian(content) as u32;
                continue;
            }
            for (place, register) in content.chunks_exact(size).zip(registers) {
                match register.bank {
                    Bank::Wide => warp.wide[register.index][lane] = little_endian(place),
                    _ => warp.narrow[register.index][lane] = extended(access.element, place),
                }
            }
        }
        Ok(())
    }

    fn store_lanes(&mut self, warp: &Warp, access: &Access, addresses: &Wide, lanes: u32) -> Result<(), String> {
        let size = access.element.bytes();
        let registers = &access.registers[..access.count];
        for lane in 0..32 {
            if lanes >> lane & 1 == 0 {
                continue;
            }
            let mut content = [0; 16];
            for (place, register) in content.chunks_exact_mut(size).zip(registers) {
                match register.bank {
                    Bank::Wide => place.copy_from_slice(&warp.wide[register.index][lane].to_le_bytes()[..size]),
                    _ => place.copy_from_slice(&warp.narrow[register.index][lane].to_le_bytes()[..size]),
                }
            }
            let by = self.thread(warp, lane);
            self.store(access.space, addresses[lane], &content[..size * registers.len()], by)?;
        }
        Ok(())
    }

    /// The bytes at an address, after all checks.
    #[inline(always)]
    pub(super) fn load(&mut self, space: Space, address: u64, bytes: usize, by: Thread) -> Result<&[u8], String> {
        aligned(address, bytes, by.lane)?;
        match space {
            Space::Global => {
                if let Some(slices) = self.slices {
                    allowed(slices, address, bytes, false).map_err(|error| in_lane(error, by.lane))?;
                }
                let granule = self.entry.finest_access;
                let found = self.memory.touch(address, bytes, Kind::Read, granule, by, &self.order);
                found.map(|bytes| &*bytes).map_err(|error| in_lane(error, by.lane))
            }
            Space::Shared => {
                let start = within(&self.shared, address, bytes, by.lane, "shared")?;
                self.shared_shadow
                    .touch(start, bytes, Kind::Read, by, &self.order)
                    .map_err(|fault| fault.sentence(Kind::Read, address, by.lane))?;
                Ok(&self.shared[start..start + bytes])
            }
            Space::Constant => {
                let start = within(self.constants, address, bytes, by.lane, "constant")?;
                Ok(&self.constants[start..start + bytes])
            }
            Space::Parameter => {
                let start = within(&self.parameters, address, bytes, by.lane, "parameter")?;
                Ok(&self.parameters[start..start + bytes])
            }
        }
    }

    pub(super) fn store(&mut self, space: Space, address: u64, content: &[u8], by: Thread) -> Result<(), String> {
        let bytes = content.len();
        aligned(address, bytes, by.lane)?;
        if space == Space::Shared {
            let start = within(&self.shared, address, bytes, by.lane, "shared")?;
            let place = &mut self.shared[start..start + bytes];
            let mut touch = |kind| self.shared_shadow.touch(start, bytes, kind, by, &self.order);
            let written = match touch(Kind::Write) {
                Err(Fault::AfterWrite(_)) if place == content => touch(Kind::Rewrite),
                written => written,
            };
            written.map_err(|fault| fault.sentence(Kind::Write, address, by.lane))?;
            place.copy_from_slice(content);
            return Ok(());
        }
        if let Some(slices) = self.slices {
            allowed(slices, address, bytes, true).map_err(|error| in_lane(error, by.lane))?;
        }
        let granule = self.entry.finest_access;
        let place = self.memory.touch(address, bytes, Kind::Write, granule, by, &self.order);
        place.map_err(|error| in_lane(error, by.lane))?.copy_from_slice(content);
        Ok(())
    }
}

/// The number in at most eight bytes.
#[inline(always)]
pub fn little_endian(bytes: &[u8]) -> u64 {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return u64::from(u32::from_le_bytes(four));
    }
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The number in at most four bytes, with its sign.
#[inline(always)]
fn extended(element: Type, bytes: &[u8]) -> u32 {
    let number = little_endian(bytes) as u32;
    match element {
        Type::S8 => number as u8 as i8 as u32,
        Type::S16 => number as u16 as i16 as u32,
        _ => number,
    }
}

#[inline(always)]
pub fn aligned(address: u64, bytes: usize, lane: usize) -> Result<(), String> {
    match address & (bytes as u64 - 1) {
        0 => Ok(()),
        _ => Err(misaligned(address, bytes, lane)),
    }
}

#[cold]
fn misaligned(address: u64, bytes: usize, lane: usize) -> String {
    format!("lane {lane}: the address {address:#x} is misaligned for {bytes} bytes")
}

#[cold]
pub fn in_lane(error: String, lane: usize) -> String {
    match error.starts_with("race") {
        true => error,
        false => format!("lane {lane}: {error}"),
    }
}

/// Where the access starts in a memory that is one array.
#[inline(always)]
pub fn within(memory: &[u8], address: u64, bytes: usize, lane: usize, name: &str) -> Result<usize, String> {
    match usize::try_from(address) {
        Ok(start) if start.checked_add(bytes).is_some_and(|end| end <= memory.len()) => Ok(start),
        _ => Err(format!(
            "lane {lane}: out of bounds: {bytes} bytes at byte {address} of {} bytes of {name} memory",
            memory.len()
        )),
    }
}
