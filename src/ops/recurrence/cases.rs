//! What the suites over the table try.

use super::{Recurrence, RecurrentCell, States};
use crate::ops::reference::{Case, Input};

/// No series, one element, empty series, more series than a tile; units around the widths of vectors.
pub(super) fn cases() -> Vec<Case> {
    use RecurrentCell::{Gru, Lstm};
    use States::{All, Final};
    // Two tiles and a series more, with lengths 0 to 6.
    let many: Vec<u32> = (0..34u32).map(|i| (0..i).map(|i| i * i % 7).sum()).collect();
    let case = |cell: RecurrentCell, reversed: bool, states: States, keep: bool, units: usize, offsets: &[u32]| {
        let (elements, width) = (offsets[offsets.len() - 1] as usize, cell.gates() * units);
        let mut inputs = vec![
            Input::real([elements, width]),
            Input::indices([offsets.len()], offsets),
            Input::between([units, width], -0.7, 0.7),
        ];
        if cell == Gru {
            inputs.push(Input::real([width]));
        }
        let label = format!("{cell:?} of {units} units, reversed {reversed}, {states:?}, keep {keep}, {offsets:?}");
        Case::new(label, inputs, Recurrence { cell, reversed, states, keep }.attributes()).bound(5e-5)
    };
    let mut cases = Vec::new();
    for cell in [Gru, Lstm] {
        cases.extend([
            case(cell, false, All, true, 1, &[0]),
            case(cell, true, Final, true, 1, &[0, 0]),
            case(cell, false, Final, false, 1, &[0, 1]),
            case(cell, false, All, true, 5, &[0, 3, 3, 4, 9]),
            case(cell, true, All, false, 5, &[0, 3, 3, 4, 9]),
            case(cell, false, Final, true, 16, &[0, 0, 7, 9]),
            case(cell, true, Final, true, 17, &[0, 2, 5, 12]),
            case(cell, false, All, true, 3, &many),
            case(cell, true, Final, false, 4, &many),
            case(cell, false, Final, true, 33, &[0, 12]),
        ]);
    }
    cases
}
