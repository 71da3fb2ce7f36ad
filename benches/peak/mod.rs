//! What one core can do.

use std::hint::black_box;

use ferroflow::device::cpu::lanes::Isa;
use ferroflow::evaluation::bench::Chains;

use crate::turns::seconds;

/// Floating point operations per second of multiply-adds in registers, in 10⁹.
pub fn peak(isa: Isa) -> f64 {
    let rounds = 200_000;
    let flops = (rounds * 12 * 2 * isa.width()) as f64;
    let chains = || {
        black_box(isa.run(Chains(black_box(rounds))));
    };
    (0..9).map(|_| flops / seconds(&mut || chains())).fold(0.0, f64::max) / 1e9
}
