//! Dropout (Srivastava et al. 2014).

use super::{Pass, Stage};
use crate::autodiff::Var;

/// In training drops each element with probability `rate` and scales the others by `1/(1 − rate)`; otherwise `x` itself.
pub fn dropout<'t>(pass: &Pass<'t>, x: Var<'t>, rate: f64) -> Var<'t> {
    if pass.stage() != Stage::Training || rate == 0.0 {
        return x;
    }
    x.dropout(rate, pass.next_key())
}
