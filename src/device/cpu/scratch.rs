//! Working memory that is kept between calls.

use std::cell::RefCell;

use bytemuck::{Pod, Zeroable};

/// Sixteen numbers on a boundary of 64 bytes: a line of the cache, the widest vector.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Memory for f32, aligned to 64 bytes, that only grows.
#[derive(Default)]
pub struct Scratch(Vec<Line>);

impl Scratch {
    /// Makes room for `length` numbers.
    pub fn reserve(&mut self, length: usize) {
        let lines = length.div_ceil(16);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; 16]));
        }
    }

    /// The first `length` numbers, holding whatever was left there; grows where needed.
    pub fn get(&mut self, length: usize) -> &mut [f32] {
        self.reserve(length);
        &mut bytemuck::cast_slice_mut(&mut self.0)[..length]
    }
}

thread_local! {
    static KEPT: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// Gives the memory back to the thread, also when the user of it panics.
struct Loan(Scratch);

impl Drop for Loan {
    fn drop(&mut self) {
        // At the end of the thread the store may be gone already; then the memory is simply freed.
        let _ = KEPT.try_with(|kept| kept.borrow_mut().push(std::mem::take(&mut self.0)));
    }
}

/// Calls `task` with `length` numbers of this thread's working memory, aligned to 64 bytes, holding whatever was left
/// there.
///
/// The memory is kept for the next call at the same depth of nesting, so after the largest length was seen nothing is
/// allocated.
pub fn with_scratch<R>(length: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    let kept = KEPT.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
    let mut loan = Loan(kept.unwrap_or_default());
    task(loan.0.get(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_at_each_depth() {
        let addresses = || {
            with_scratch(1000, |outer| {
                outer.fill(1.0);
                let inner = with_scratch(50, |inner| {
                    inner.fill(2.0);
                    inner.as_ptr() as usize
                });
                assert!(outer.iter().all(|&x| x == 1.0));
                assert_eq!((outer.as_ptr() as usize % 64, inner % 64), (0, 0));
                (outer.as_ptr() as usize, inner)
            })
        };
        let first = addresses();
        assert_eq!(addresses(), first);
        let _ = std::panic::catch_unwind(|| with_scratch(10, |_| panic!("on purpose")));
        assert_eq!(addresses(), first);
        assert_eq!(with_scratch(0, |nothing| nothing.len()), 0);
    }
}
