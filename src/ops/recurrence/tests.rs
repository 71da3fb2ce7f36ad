//! Bits that do not depend on the other series or the instruction set; faults.

use super::*;
use crate::autodiff::{Tape, Var};
use crate::device::Device;
use crate::device::cpu::Isa;
use crate::random::Key;
use rand::RngExt;

/// Weights, the input's share of all elements, and offsets.
struct Layer {
    cell: RecurrentCell,
    units: usize,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    a: Vec<f32>,
    offsets: Vec<u32>,
}

/// The states and the gradients of a, kernel and bias, of the loss `Σ h²` over the states.
struct Results {
    states: Vec<f32>,
    gradients: Vec<Vec<f32>>,
}

impl Layer {
    fn new(cell: RecurrentCell, units: usize, lengths: &[u32]) -> Self {
        let mut offsets = vec![0];
        lengths.iter().for_each(|length| offsets.push(offsets[offsets.len() - 1] + length));
        let mut stream = Key::new(3).stream();
        let width = cell.gates() * units;
        let mut numbers = |n: usize, scale: f32| (0..n).map(|_| stream.random_range(-scale..scale)).collect();
        let elements = offsets[offsets.len() - 1] as usize;
        Layer {
            cell,
            units,
            kernel: numbers(units * width, 0.3),
            bias: numbers(width, 1.0),
            a: numbers(elements * width, 2.0),
            offsets,
        }
    }

    /// The same weights with some of the series.
    fn only(&self, series: std::ops::Range<usize>) -> Self {
        let offsets = &self.offsets[series.start..=series.end];
        let width = self.cell.gates() * self.units;
        let a = self.a[offsets[0] as usize * width..offsets[series.len()] as usize * width].to_vec();
        let offsets = offsets.iter().map(|offset| offset - offsets[0]).collect();
        Layer { cell: self.cell, units: self.units, kernel: self.kernel.clone(), bias: self.bias.clone(), a, offsets }
    }

    fn run(&self, device: &Device, reversed: bool, states: States, keep: bool) -> Results {
        let tape = Tape::new(device);
        let width = self.cell.gates() * self.units;
        let input = |shape: Shape, values: &[f32]| tape.input(Tensor::from_values(device, shape, values).unwrap());
        let a = input([self.a.len() / width, width].into(), &self.a);
        let kernel = input([self.units, width].into(), &self.kernel);
        let bias = (self.cell == RecurrentCell::Gru).then(|| input([width].into(), &self.bias));
        let offsets = tape.constant(Tensor::from_indices(device, [self.offsets.len()], &self.offsets).unwrap());
        let recurrence = Recurrence { cell: self.cell, reversed, states, keep };
        let h = a.recurrence(offsets, kernel, bias, recurrence);
        tape.backward((h * h).sum()).unwrap();
        let gradients = [Some(a), Some(kernel), bias].into_iter().flatten();
        let gradient = |var: Var| tape.gradient(var).unwrap().values().unwrap();
        Results { states: h.value().unwrap().values().unwrap(), gradients: gradients.map(gradient).collect() }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// More series than two tiles, lengths 0 to 12.
fn lengths() -> Vec<u32> {
    (0..37).map(|i| i * i % 13).collect()
}

fn all_ways() -> impl Iterator<Item = (RecurrentCell, bool, States)> {
    [RecurrentCell::Gru, RecurrentCell::Lstm].into_iter().flat_map(|cell| {
        [false, true]
            .into_iter()
            .flat_map(move |reversed| [States::All, States::Final].map(|states| (cell, reversed, states)))
    })
}

#[test]
fn instruction_sets_agree_bit_by_bit() {
    for (cell, reversed, states) in all_ways() {
        let layer = Layer::new(cell, 19, &lengths());
        let mut all = Isa::available().iter().map(|&isa| {
            let results = layer.run(&Device::cpu_with(2, isa).unwrap(), reversed, states, true);
            let gradients: Vec<_> = results.gradients.iter().map(|values| bits(values)).collect();
            (bits(&results.states), gradients)
        });
        let first = all.next().unwrap();
        assert!(all.all(|results| results == first), "{cell:?}, reversed {reversed}, {states:?}");
    }
}

/// Each series alone gives the same states and the same gradient of its input's share, bit for bit, and gradients of the weights whose
/// sum is that of all together up to rounding.
#[test]
fn a_series_does_not_depend_on_its_neighbours() {
    let device = Device::cpu();
    for (cell, reversed, states) in all_ways() {
        let layer = Layer::new(cell, 21, &lengths());
        let together = layer.run(&device, reversed, states, true);
        let (mut h, mut da, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        for series in 0..layer.offsets.len() - 1 {
            let alone = layer.only(series..series + 1).run(&device, reversed, states, true);
            h.extend(alone.states);
            da.extend_from_slice(&alone.gradients[0]);
            sums.resize_with(alone.gradients.len(), Vec::new);
            for (sum, gradient) in sums.iter_mut().zip(&alone.gradients).skip(1) {
                sum.resize(gradient.len(), 0.0f64);
                sum.iter_mut().zip(gradient).for_each(|(sum, &gradient)| *sum += f64::from(gradient));
            }
        }
        assert_eq!(bits(&h), bits(&together.states), "{cell:?}, reversed {reversed}, {states:?}");
        assert_eq!(bits(&da), bits(&together.gradients[0]), "{cell:?}, reversed {reversed}, {states:?}");
        for (sum, gradient) in sums.iter().zip(&together.gradients).skip(1) {
            let largest = sum.iter().fold(0.0f64, |largest, sum| largest.max(sum.abs()));
            let close = sum.iter().zip(gradient).all(|(sum, &got)| (sum - f64::from(got)).abs() <= 1e-6 * largest);
            assert!(close && largest > 0.0, "{cell:?}, reversed {reversed}, {states:?}");
        }
    }
}

/// The final states are the last of all states in the direction of the walk; without keeping, nothing changes.
#[test]
fn final_states_and_keeping() {
    let device = Device::cpu();
    for (cell, reversed, states) in all_ways() {
        let layer = Layer::new(cell, 5, &lengths());
        let kept = layer.run(&device, reversed, states, true);
        let again = layer.run(&device, reversed, states, false);
        assert_eq!((&kept.states, &kept.gradients), (&again.states, &again.gradients));
        if states == States::Final {
            let all = layer.run(&device, reversed, States::All, false).states;
            for (series, h) in layer.offsets.windows(2).zip(kept.states.chunks_exact(5)) {
                let last = if reversed { series[0] } else { series[1].max(1) - 1 } as usize;
                let expected = if series[0] == series[1] { &[0.0; 5] } else { &all[last * 5..last * 5 + 5] };
                assert_eq!(h, expected);
            }
        }
    }
}

/// A number that is not finite spoils its own series from its step on, and no other.
#[test]
fn numbers_that_are_not_finite_stay_in_their_series() {
    let device = Device::cpu();
    for cell in [RecurrentCell::Gru, RecurrentCell::Lstm] {
        let mut layer = Layer::new(cell, 3, &[4, 6, 5]);
        let clean = layer.run(&device, false, States::All, true).states;
        layer.a[6 * cell.gates() * 3] = f32::NAN;
        let states = layer.run(&device, false, States::All, true).states;
        for (element, (got, clean)) in states.chunks(3).zip(clean.chunks(3)).enumerate() {
            let spoilt = (6..10).contains(&element);
            assert_eq!(got[0].is_nan(), spoilt, "element {element}");
            assert!(spoilt || got == clean, "element {element}");
        }
    }
}

#[test]
fn offsets_in_disorder_give_nan() {
    for offsets in [[0, 3, 2, 5], [1, 2, 3, 5], [0, 1, 2, 4]] {
        let mut layer = Layer::new(RecurrentCell::Gru, 2, &[2, 1, 2]);
        layer.offsets = offsets.to_vec();
        let results = layer.run(&Device::cpu(), false, States::All, true);
        assert!(results.states.iter().chain(&results.gradients[0]).all(|value| value.is_nan()));
    }
}

#[test]
fn operands_that_do_not_fit() {
    let device = Device::cpu();
    let check = |a: [usize; 2], kernel: [usize; 2], bias: Option<usize>, cell: RecurrentCell, expected: &str| {
        let tape = Tape::new(&device);
        let zeros = |shape: Shape| tape.values(shape, &vec![0.0; shape.elements()]);
        let offsets = tape.constant(Tensor::from_indices(&device, [2], &[0, a[0] as u32]).unwrap());
        let recurrence = Recurrence { cell, reversed: false, states: States::All, keep: true };
        let bias = bias.map(|length| zeros([length].into()));
        let y = zeros(a.into()).recurrence(offsets, zeros(kernel.into()), bias, recurrence);
        let message = y.value().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    use RecurrentCell::{Gru, Lstm};
    check([4, 6], [2, 6], None, Gru, "3 inputs; expected the input's share, offsets, recurrent kernel and bias");
    check([4, 8], [2, 8], Some(8), Lstm, "no bias for this cell");
    check([4, 6], [2, 8], Some(6), Gru, "a recurrent kernel of shape [2, 8]; expected [units, 3 · units]");
    check([4, 5], [2, 6], Some(6), Gru, "an input's share of shape [4, 5]; expected [elements, 6]");
    check([4, 6], [2, 6], Some(5), Gru, "a bias of shape [5]; expected [6]");
}
