//! Operations on series.

use super::Var;
use crate::ops::{Recurrence, RecurrenceOperation};

impl<'t> Var<'t> {
    /// The states of a recurrent layer for the input's share of the gates, this variable `[elements, G·H]`, the offsets of the series,
    /// the recurrent kernel `[H, G·H]` and, for the gated recurrent unit, the bias of the state's share `[3H]`. See [`Recurrence`].
    pub fn recurrence(
        self,
        offsets: Var<'t>,
        kernel: Var<'t>,
        bias: Option<Var<'t>>,
        recurrence: Recurrence,
    ) -> Var<'t> {
        let operands = [offsets, kernel, bias.unwrap_or(kernel)];
        self.apply(&RecurrenceOperation, &operands[..2 + usize::from(bias.is_some())], recurrence.attributes())
    }
}
