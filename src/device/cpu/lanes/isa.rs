//! The choice of an instruction set at run time.

use std::fmt;
use std::sync::OnceLock;

use super::{Kernel, Lanes, portable::Portable};
use crate::error::{Error, Result};

/// An instruction set that this processor has; a value of this type is the proof of it.
///
/// `Isa::default()` is the widest one, found once per process. [`Isa::available`] lists all of them, so that tests and
/// measurements run each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Isa(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Isa {
    /// Plain Rust on arrays, which every processor runs.
    pub const PORTABLE: Isa = Isa(Kind::Portable);

    /// All instruction sets of this processor, the widest first; the last one is [`Isa::PORTABLE`].
    pub fn available() -> &'static [Isa] {
        static AVAILABLE: OnceLock<Vec<Isa>> = OnceLock::new();
        AVAILABLE.get_or_init(|| {
            let mut found = Vec::new();
            #[cfg(target_arch = "x86_64")]
            {
                found.extend(super::avx512::Avx512::detect().map(|_| Isa(Kind::Avx512)));
                found.extend(super::avx2::Avx2::detect().map(|_| Isa(Kind::Avx2)));
            }
            #[cfg(target_arch = "aarch64")]
            found.push(Isa(Kind::Neon));
            found.push(Isa::PORTABLE);
            found
        })
    }

    /// The instruction set of that name (`avx512`, `avx2`, `neon`, `portable`).
    ///
    /// # Errors
    /// When the processor has none of that name; the message lists those it has.
    pub fn named(name: &str) -> Result<Isa> {
        Isa::available().iter().copied().find(|isa| isa.name() == name).ok_or_else(|| {
            let names: Vec<_> = Isa::available().iter().map(|isa| isa.name()).collect();
            Error::argument(
                "instruction set",
                format!("'{name}' is not available on this processor; choose one of {}", names.join(", ")),
            )
        })
    }

    /// Its name: `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Portable => "portable",
        }
    }

    /// Number of f32 lanes of a vector.
    pub fn width(self) -> usize {
        struct Width;
        impl Kernel for Width {
            type Output = usize;
            #[inline(always)]
            fn run<L: Lanes>(self, _: L) -> usize {
                L::WIDTH
            }
        }
        self.run(Width)
    }

    /// Runs a kernel compiled for this instruction set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            // SAFETY: values of these variants are made in `available` only, after detection.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { super::avx512::Avx512::assume() }.enter(kernel),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { super::avx2::Avx2::assume() }.enter(kernel),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => super::neon::Neon.enter(kernel),
            Kind::Portable => Portable.enter(kernel),
        }
    }
}

impl Default for Isa {
    fn default() -> Self {
        Isa::available()[0]
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
