//! A tile of rows back through all layers, and the sums over rows.

use std::ops::Range;

use super::forward::Network;
use super::network::Span;
use crate::device::cpu::matrix::packed_length;
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Launch, vector};
use crate::ops::MOST_OPERANDS;
use crate::ops::tiles::{TILE, Tile, groups, tiles};

/// Where the gradients of weights go, by operand; empty where they are not wanted.
pub(super) type Sums<'s> = [&'s mut [f32]; MOST_OPERANDS];

/// Some features of a layer's input: the left factor of a sum over rows.
#[derive(Clone, Copy)]
pub(super) struct Features<'a> {
    pub(super) values: &'a [f32],
    /// The distance of features, or with `row_major` of rows.
    pub(super) stride: usize,
    pub(super) row_major: bool,
    /// Number of the first one among the rows of the kernel, and how many there are.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Working memory of a tile, `[features, stride]` each.
pub(super) struct Memory<'s> {
    /// The gradient with respect to a layer's result, to the sum in its activation, and to its gate.
    pub(super) result: &'s mut [f32],
    pub(super) sum: &'s mut [f32],
    pub(super) gate: &'s mut [f32],
    /// That of its input.
    pub(super) input: &'s mut [f32],
    /// A gradient as the right factor of sums over rows.
    pub(super) packed: &'s mut [f32],
}

/// The input of the first layer after a norm: with and without the gain, and the inverse norm of each row.
pub(super) struct Normalised<'s> {
    pub(super) features: &'s mut [f32],
    pub(super) plain: &'s mut [f32],
    pub(super) inverse: &'s mut [f32],
}

/// What all tiles read.
pub(super) struct Walk<'a> {
    pub(super) network: Network<'a>,
    pub(super) dy: &'a [f32],
    pub(super) kept: &'a [f32],
    pub(super) widest: usize,
}

impl<'a> Walk<'a> {
    fn new(launch: &Launch<'a>) -> Self {
        let network = Network::new(launch, 2);
        let widest = network.widest().max(network.arguments.inputs());
        Walk { network, dy: launch.input(0), kept: launch.input(1), widest }
    }

    pub(super) fn wants(&self, operand: usize) -> bool {
        self.network.arguments.wanted >> operand & 1 == 1
    }

    pub(super) fn adds(&self, operand: usize) -> bool {
        self.network.arguments.added >> operand & 1 == 1
    }

    fn is_normalised(&self) -> bool {
        self.network.arguments.normalised == 1
    }

    /// Numbers of working memory.
    fn scratch(&self) -> usize {
        let again = if self.kept.is_empty() { self.network.arguments.states() * TILE } else { 0 };
        let norm = if self.is_normalised() { (2 * self.network.arguments.inputs() + 1) * TILE } else { 0 };
        again + norm + self.network.scratch().max(4 * self.widest * TILE + packed_length(TILE, self.widest))
    }

    /// Tiles one after the other; their rows of `dx` and `dc`, and the sums, which go on from what is there where `goes_on` has
    /// the operand's bit.
    fn group(&self, range: Range<usize>, mut goes_on: u32, sums: &mut Sums, [mut dx, mut dc]: [&mut [f32]; 2]) {
        let arguments = &self.network.arguments;
        let of_x = if dx.is_empty() { 0 } else { arguments.x as usize };
        let of_c = if dc.is_empty() { 0 } else { arguments.c as usize };
        with_scratch(self.scratch(), |scratch| {
            for index in range {
                let tile = self.network.tile(index);
                let (x, more) = std::mem::take(&mut dx).split_at_mut(tile.count * of_x);
                let (c, rest) = std::mem::take(&mut dc).split_at_mut(tile.count * of_c);
                (dx, dc) = (more, rest);
                self.tile(tile, goes_on, sums, [x, c], scratch);
                goes_on = u32::MAX;
            }
        });
    }

    /// A tile. `dx` and `dc` are its rows.
    fn tile(&self, tile: Tile, goes_on: u32, sums: &mut Sums, inputs: [&mut [f32]; 2], scratch: &mut [f32]) {
        let states = self.network.arguments.states();
        if self.kept.is_empty() {
            let (states, scratch) = scratch.split_at_mut(states * TILE);
            self.network.forward(tile, Some(states), &mut scratch[..self.network.scratch()], |_| {});
            self.layers(tile, states, goes_on, sums, inputs, scratch);
        } else {
            self.layers(tile, &self.kept[tile.first * states..], goes_on, sums, inputs, scratch);
        }
    }

    fn layers(
        &self,
        tile: Tile,
        states: &[f32],
        goes_on: u32,
        sums: &mut Sums,
        mut inputs: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        let (network, isa) = (&self.network, self.network.isa);
        let mut rest = scratch;
        let mut take = |length: usize| {
            let (part, more) = std::mem::take(&mut rest).split_at_mut(length);
            rest = more;
            part
        };
        let normalised = self.is_normalised().then(|| {
            let length = network.arguments.inputs() * tile.stride;
            let mut memory = Normalised { features: take(length), plain: take(length), inverse: take(tile.stride) };
            self.normalise(tile, &mut memory);
            memory
        });
        let length = self.widest * TILE;
        let [result, sum, gate, input] = [0; 4].map(|_| take(length));
        let mut memory = Memory { result, sum, gate, input, packed: rest };
        tile.across(isa, self.dy, network.arguments.outputs(), memory.result);
        let spans = network.arguments.spans(tile.stride);
        for (index, layer) in network.layers().rev() {
            let size = layer.dense.outputs * tile.stride;
            let Span { slope, gate, .. } = &spans[index];
            if !slope.is_empty() {
                vector::multiply(isa, &memory.result[..size], &states[slope.clone()], &mut memory.sum[..size]);
            }
            if !gate.is_empty() {
                vector::multiply(isa, &memory.result[..size], &states[gate.clone()], &mut memory.gate[..size]);
            }
            let across = |values| {
                let count = layer.dense.inputs;
                [Some(Features { values, stride: tile.stride, row_major: false, first: 0, count }), None]
            };
            let features = match (index, &normalised) {
                (0, None) => self.outer_features(tile),
                (0, Some(normalised)) => across(&*normalised.features),
                _ => across(&states[spans[index - 1].result.clone()]),
            };
            let gradient: &[f32] = if slope.is_empty() { memory.result } else { memory.sum };
            self.sums(tile, &layer.dense, features, gradient, goes_on, sums, memory.packed);
            if let Some(branch) = &layer.branch {
                let gradient: &[f32] = if gate.is_empty() { memory.result } else { memory.gate };
                self.sums(tile, branch, features, gradient, goes_on, sums, memory.packed);
            }
            if index > 0 {
                self.input_gradient(tile, layer, 0..layer.dense.inputs, &mut memory);
                std::mem::swap(&mut memory.result, &mut memory.input);
            } else {
                self.outer_gradient(tile, layer, normalised.as_ref(), goes_on, sums, &mut inputs, &mut memory);
            }
        }
    }
}

/// Elements of a sum per chunk of work.
const CHUNK: usize = 8192;

/// Reads the gradient of the result, what was kept, and the operands; writes or adds to the gradients of the operands.
///
/// A single group of tiles sums into the gradients of weights themselves. Of several, each has memory of its own, and the
/// sums are added in order.
pub(super) fn backward(launch: &mut Launch) {
    let walk = Walk::new(launch);
    let (arguments, isa) = (walk.network.arguments, launch.isa);
    let rows = arguments.rows as usize;
    let (groups, each) = groups(rows);
    let mut outputs: Sums = std::array::from_fn(|operand| launch.output(operand));
    let dx = std::mem::take(&mut outputs[0]);
    let dc = if arguments.conditioned == 1 { std::mem::take(&mut outputs[1]) } else { &mut [] };
    if groups == 0 {
        let set = outputs.iter_mut().enumerate().filter(|(operand, _)| !walk.adds(*operand));
        return set.for_each(|(_, sum)| sum.fill(0.0));
    }
    if groups == 1 {
        return walk.group(0..tiles(rows), arguments.added, &mut outputs, [dx, dc]);
    }
    let lengths = outputs.each_ref().map(|output| output.len());
    let weights: usize = lengths.iter().sum();
    let width = |gradient: &[f32], columns: u32| if gradient.is_empty() { 0 } else { each * TILE * columns as usize };
    with_scratch(groups * weights, |partial| {
        let (of_x, of_c) = (width(dx, arguments.x), width(dc, arguments.c));
        let pieces = [(dx, of_x), (dc, of_c), (&mut *partial, weights)];
        launch.threads.for_each_rows(groups, 1, pieces, |group, [dx, dc, mut own]| {
            let mut sums: Sums = Default::default();
            for (sum, length) in sums.iter_mut().zip(lengths) {
                (*sum, own) = std::mem::take(&mut own).split_at_mut(length);
            }
            let tiles = group * each..tiles(rows).min((group + 1) * each);
            walk.group(tiles, 0, &mut sums, [dx, dc]);
        });
        let (partial, mut start) = (&*partial, 0);
        for (operand, output) in outputs.into_iter().enumerate() {
            let length = output.len();
            launch.threads.for_each_chunk(output, CHUNK, |index, output| {
                if !walk.adds(operand) {
                    output.fill(0.0);
                }
                for group in 0..groups {
                    let part = &partial[group * weights + start + index * CHUNK..][..output.len()];
                    vector::add_to(isa, part, output);
                }
            });
            start += length;
        }
    });
}
