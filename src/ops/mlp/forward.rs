//! A tile of rows through all layers.

use std::ops::Range;

use super::mask::Masked;
use super::network::{Arguments, Layer, MOST_LAYERS, TILE, layers};
use crate::device::cpu::matrix::{ACROSS, AcrossProduct, BeginRows, Transpose};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Isa, Launch, vector};
use crate::math::Function;

/// What all tiles read.
pub(super) struct Network<'a> {
    pub(super) isa: Isa,
    pub(super) arguments: Arguments,
    pub(super) layers: [Layer<'a>; MOST_LAYERS],
    pub(super) x: &'a [f32],
    pub(super) c: &'a [f32],
}

/// Some rows.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) first: usize,
    pub(super) count: usize,
    /// Numbers of a feature in the tile's memory: the rows, rounded up to whole vectors.
    pub(super) stride: usize,
}

/// Where the states of a layer lie in the memory of a tile; empty where there are none.
#[derive(Clone)]
pub(super) struct Span {
    /// The result, the next layer's input.
    pub(super) result: Range<usize>,
    /// The slopes.
    pub(super) slope: Range<usize>,
}

impl<'a> Network<'a> {
    /// From a launch whose operands begin at an input.
    pub(super) fn new(launch: &Launch<'a>, first_operand: usize) -> Self {
        let arguments: Arguments = launch.arguments();
        let c = if arguments.conditioned == 1 { launch.input(first_operand + 1) } else { &[] };
        let layers = layers(&arguments, |operand| launch.input(first_operand + operand));
        Network { isa: launch.isa, arguments, layers, x: launch.input(first_operand), c }
    }

    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = (usize, &Layer<'a>)> {
        self.layers[..self.arguments.layers().len()].iter().enumerate()
    }

    pub(super) fn tile(&self, index: usize) -> Tile {
        let first = index * TILE;
        let count = TILE.min(self.arguments.rows as usize - first);
        Tile { first, count, stride: count.next_multiple_of(ACROSS) }
    }

    /// Numbers of working memory for [`Network::forward`].
    pub(super) fn scratch(&self) -> usize {
        let widest = self.layers().map(|(_, layer)| layer.dense.outputs).max().unwrap_or(0);
        (self.arguments.inputs() + 3 * widest) * TILE
    }

    /// Where the states of each layer lie, `[features, stride]` one after the other.
    pub(super) fn spans(&self, tile: Tile) -> [Span; MOST_LAYERS] {
        let (last, mut end) = (self.arguments.layers().len() - 1, 0);
        std::array::from_fn(|index| {
            let layer = &self.arguments.layers[index];
            let mut take = |there: bool| {
                let start = end;
                end += if there { layer.outputs as usize * tile.stride } else { 0 };
                start..end
            };
            Span { result: take(index < last), slope: take(index <= last && layer.has_slope()) }
        })
    }

    /// The tile's rows of a matrix `[rows, width]` as `[width, stride]`, zero beyond the rows.
    pub(super) fn across(&self, tile: Tile, matrix: &[f32], width: usize, to: &mut [f32]) {
        let Tile { first, count, stride } = tile;
        let (from, to) = (&matrix[first * width..][..count * width], &mut to[..width * stride]);
        self.isa.run(Transpose { from, from_stride: width, rows: count, columns: width, to, to_stride: stride, add: false });
        if count < stride {
            to.chunks_exact_mut(stride).for_each(|feature| feature[count..].fill(0.0));
        }
    }

    /// The first layer's input, `[inputs, stride]`.
    fn input(&self, tile: Tile, to: &mut [f32]) {
        let (of_x, of_c) = to.split_at_mut(self.arguments.x as usize * tile.stride);
        self.across(tile, self.x, self.arguments.x as usize, of_x);
        self.across(tile, self.c, self.arguments.c as usize, of_c);
    }

    /// All layers: fills the states (`None` when nobody reads them) and hands the result `[outputs, stride]` to `take`.
    pub(super) fn forward(
        &self,
        tile: Tile,
        states: Option<&mut [f32]>,
        scratch: &mut [f32],
        take: impl FnOnce(&[f32]),
    ) {
        let widest = (scratch.len() / TILE - self.arguments.inputs()) / 3;
        let (input, rest) = scratch.split_at_mut(self.arguments.inputs() * TILE);
        let (spare, rest) = rest.split_at_mut(widest * TILE);
        let (mut one, mut two) = rest.split_at_mut(widest * TILE);
        self.input(tile, input);
        let last = self.arguments.layers().len() - 1;
        let Some(states) = states else {
            for (index, layer) in self.layers() {
                let input: &[f32] = if index == 0 { input } else { two };
                self.layer(layer, tile, input, one, &mut [], spare);
                std::mem::swap(&mut one, &mut two);
            }
            return take(two);
        };
        let spans = self.spans(tile);
        for (index, layer) in self.layers() {
            let Span { result, slope } = &spans[index];
            let (before, own) = states.split_at_mut(result.start);
            let (own, slope) = own[..slope.end - result.start].split_at_mut(result.len());
            let input: &[f32] = if index == 0 { input } else { &before[spans[index - 1].result.clone()] };
            self.layer(layer, tile, input, if index == last { one } else { own }, slope, spare);
        }
        take(one);
    }

    /// One layer: its result and, if there is room for it, the slope.
    fn layer(
        &self,
        layer: &Layer,
        tile: Tile,
        input: &[f32],
        result: &mut [f32],
        slope: &mut [f32],
        spare: &mut [f32],
    ) {
        let (isa, stride) = (self.isa, tile.stride);
        let length = layer.dense.outputs * stride;
        let (result, input) = (&mut result[..length], &input[..layer.dense.inputs * stride]);
        let product = |dense: &super::network::Dense, c: &mut [f32]| {
            isa.run(AcrossProduct {
                rows: dense.outputs,
                depth: dense.inputs,
                columns: stride,
                a: dense.kernel,
                a_stride: dense.outputs,
                a_transposed: true,
                b: input,
                begin: dense.bias.map_or(BeginRows::Zero, BeginRows::Bias),
                c,
            });
        };
        product(&layer.dense, result);
        let (function, mask) = (layer.arguments.function(), layer.arguments.mask);
        match (function, slope.is_empty()) {
            (Function::Linear, true) => {}
            (Function::Linear, false) => slope.fill(1.0),
            (_, true) => vector::apply_in_place(isa, function, result),
            (_, false) => vector::with_derivative(isa, function, result, slope),
        }
        if mask.is_active() {
            isa.run(Masked { mask, first_row: tile.first, stride, values: result, slopes: slope });
        }
        if layer.arguments.adds_input() {
            vector::add_to(isa, input, result);
        } else if let Some(projection) = &layer.projection {
            let spare = &mut spare[..length];
            product(projection, spare);
            vector::add_to(isa, spare, result);
        }
    }
}

/// Reads the operands; writes the result and what backward needs.
pub(super) fn forward(launch: &mut Launch) {
    let network = Network::new(launch, 0);
    let arguments = network.arguments;
    let (y, kept) = (launch.output(0), launch.output(1));
    let (outputs, states, rows) = (arguments.outputs(), arguments.states(), arguments.rows as usize);
    let (isa, keeps) = (network.isa, !kept.is_empty());
    let pieces = [(y, outputs), (kept, if keeps { states } else { 0 })];
    launch.threads.for_each_rows(rows, TILE, pieces, |index, [y, kept]| {
        let tile = network.tile(index);
        with_scratch(network.scratch(), |scratch| {
            let take = |result: &[f32]| {
                let Tile { count, stride, .. } = tile;
                let (from, to) = (&result[..outputs * stride], y);
                isa.run(Transpose { from, from_stride: stride, rows: outputs, columns: count, to, to_stride: outputs, add: false });
            };
            network.forward(tile, keeps.then_some(kept), scratch, take);
        });
    });
}
