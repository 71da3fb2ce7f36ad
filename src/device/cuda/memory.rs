//! Memory of a GPU.

use std::sync::Arc;

use super::Driver;
use crate::error::Result;

/// Words of memory, given back when dropped.
pub(in crate::device) struct Words {
    address: u64,
    driver: Arc<dyn Driver>,
}

impl Words {
    pub(super) fn new(driver: &Arc<dyn Driver>, words: usize) -> Result<Self> {
        Ok(Words { address: driver.allocate(words * 4)?, driver: driver.clone() })
    }

    pub(super) fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        self.driver.free(self.address);
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "memory of a GPU at {:#x}", self.address)
    }
}
