//! The inputs with which the suites try the operation.

use super::{Convolution, Padding, Window};
use crate::math::Function;
use crate::ops::reference::{Case, Input};

fn finish(label: String, inputs: Vec<Input>, window: Window, positions: usize, activation: Function) -> Case {
    let case = Case::new(label, inputs, Convolution::attributes(window, activation, positions)).bound(1e-4);
    if activation == Function::Linear { case } else { case.without_special_values() }
}

fn series(
    lengths: &[usize],
    [size, inputs, outputs]: [usize; 3],
    window: Window,
    activation: Function,
    bias: bool,
) -> Case {
    let offsets = |length: &dyn Fn(usize) -> usize| -> Vec<u32> {
        let ends = lengths.iter().scan(0, |end, &n| {
            *end += length(n) as u32;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    };
    let (of_elements, of_results) = (offsets(&|n| n), offsets(&|n| window.positions(n, size)));
    let last = |offsets: &[u32]| offsets.last().copied().unwrap_or(0) as usize;
    let (elements, positions) = (last(&of_elements), last(&of_results));
    let mut operands = vec![Input::real([elements, inputs]), Input::between([size, inputs, outputs], -0.5, 0.5)];
    operands.push(Input::indices([of_elements.len()], of_elements));
    operands.push(Input::indices([of_results.len()], of_results));
    if bias {
        operands.push(Input::real([outputs]));
    }
    let label = format!("series {lengths:?}, [{size}, {inputs}, {outputs}], {window:?}, {activation:?}");
    finish(label, operands, window, positions, activation)
}

fn images(
    x: [usize; 4],
    [height, width, outputs]: [usize; 3],
    window: Window,
    activation: Function,
    bias: bool,
) -> Case {
    let mut operands = vec![Input::real(x), Input::between([height, width, x[3], outputs], -0.5, 0.5)];
    if bias {
        operands.push(Input::real([outputs]));
    }
    let label = format!("images {x:?}, [{height}, {width}] to {outputs}, {window:?}, {activation:?}");
    finish(label, operands, window, 0, activation)
}

pub(super) fn cases() -> Vec<Case> {
    use Function::{Linear, Mish, Relu};
    let same = |stride: usize| Window { stride, padding: Padding::Same };
    let valid = |stride: usize| Window { stride, padding: Padding::Valid };
    vec![
        series(&[], [3, 2, 2], same(1), Linear, true),
        series(&[1], [1, 1, 1], same(1), Linear, true),
        series(&[1], [4, 1, 3], same(1), Linear, false),
        series(&[7, 1, 0, 2, 5], [3, 3, 4], same(1), Linear, true),
        series(&[7, 1, 0, 2, 5], [4, 3, 5], same(1), Mish, true),
        series(&[7, 1, 0, 2, 9], [3, 2, 5], same(2), Mish, false),
        series(&[13, 1, 4, 2, 5], [4, 5, 7], same(4), Linear, true),
        series(&[7, 3], [2, 3, 4], same(3), Linear, true),
        series(&[7, 3, 5], [3, 3, 4], valid(1), Relu, true),
        series(&[7, 4, 11], [4, 3, 4], valid(3), Linear, true),
        series(&[4, 2], [3, 0, 2], same(1), Linear, true),
        // Several tiles and groups.
        series(&[301, 17, 230, 4], [3, 3, 33], same(1), Linear, true),
        series(&[97, 190, 33, 250], [5, 19, 6], same(2), Mish, true),
        images([0, 3, 3, 2], [3, 3, 2], same(1), Linear, true),
        images([1, 1, 1, 1], [1, 1, 1], same(1), Linear, true),
        images([2, 1, 1, 2], [3, 3, 3], same(1), Linear, false),
        images([2, 5, 4, 3], [3, 3, 4], same(1), Mish, true),
        images([2, 5, 7, 3], [2, 2, 5], same(2), Linear, true),
        images([3, 5, 6, 2], [3, 2, 4], valid(1), Linear, true),
        images([2, 7, 5, 2], [3, 3, 4], valid(2), Mish, false),
        images([3, 13, 11, 17], [3, 3, 19], same(1), Linear, true),
    ]
}
