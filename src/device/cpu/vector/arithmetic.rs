//! Sums and products over slices.

use crate::device::cpu::lanes::{Isa, Kernel, Lanes};

/// `out[i] = a[i] · b[i]`.
///
/// # Panics
/// When the lengths differ.
pub fn multiply(isa: Isa, a: &[f32], b: &[f32], out: &mut [f32]) {
    assert!(a.len() == out.len() && b.len() == out.len(), "as many results as factors");
    isa.run(Multiply { a, b, out });
}

/// `to[i] += from[i]`.
///
/// # Panics
/// When the lengths differ.
pub fn add_to(isa: Isa, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many results as terms");
    isa.run(AddTo { from, to });
}

struct Multiply<'a> {
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Multiply { a, b, out } = self;
        for ((out, a), b) in out.chunks_mut(L::WIDTH).zip(a.chunks(L::WIDTH)).zip(b.chunks(L::WIDTH)) {
            l.write(out, l.mul(l.read(a), l.read(b)));
        }
    }
}

struct AddTo<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

impl Kernel for AddTo<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let AddTo { from, to } = self;
        for (to, from) in to.chunks_mut(L::WIDTH).zip(from.chunks(L::WIDTH)) {
            l.write(to, l.add(l.read(to), l.read(from)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lengths() {
        for &isa in Isa::available() {
            for length in [0, 1, 7, 8, 16, 37] {
                let a: Vec<f32> = (0..length).map(|i| i as f32 + 0.5).collect();
                let b: Vec<f32> = (0..length).map(|i| 3.0 - i as f32).collect();
                let mut out = vec![f32::NAN; length];
                multiply(isa, &a, &b, &mut out);
                assert!((0..length).all(|i| out[i] == a[i] * b[i]));
                add_to(isa, &a, &mut out);
                assert!((0..length).all(|i| out[i] == a[i] * b[i] + a[i]));
            }
        }
    }
}
