//! A tile of rows through all layers.

use super::mask::Masked;
use super::network::{Arguments, Dense, Layer, MOST_LAYERS, Span, layers};
use super::norm::{Gain, Normalise};
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{AcrossProduct, BeginRows};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Isa, Launch, vector};
use crate::math::Function;
use crate::ops::tiles::{TILE, Tile};

/// What all tiles read.
pub(super) struct Network<'a> {
    pub(super) isa: Isa,
    pub(super) arguments: Arguments,
    pub(super) layers: [Layer<'a>; MOST_LAYERS],
    pub(super) x: &'a [f32],
    pub(super) c: &'a [f32],
    /// Empty without a norm.
    pub(super) gain: &'a [f32],
}

impl<'a> Network<'a> {
    /// From a launch whose operands begin at an input.
    pub(super) fn new(launch: &Launch<'a>, first_operand: usize) -> Self {
        let arguments: Arguments = launch.arguments();
        let operand = |number: usize| launch.input(first_operand + number);
        Network {
            isa: launch.isa,
            arguments,
            layers: layers(&arguments, operand),
            x: operand(0),
            c: if arguments.conditioned == 1 { operand(1) } else { &[] },
            gain: if arguments.normalised == 1 { operand(arguments.gain()) } else { &[] },
        }
    }

    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = (usize, &Layer<'a>)> {
        self.layers[..self.arguments.layers().len()].iter().enumerate()
    }

    pub(super) fn widest(&self) -> usize {
        self.layers().map(|(_, layer)| layer.dense.outputs).max().unwrap_or(0)
    }

    pub(super) fn tile(&self, index: usize) -> Tile {
        Tile::new(index, self.arguments.rows as usize)
    }

    /// Numbers of working memory for [`Network::forward`].
    pub(super) fn scratch(&self) -> usize {
        (self.arguments.inputs() + 3 * self.widest() + 1) * TILE
    }

    /// x and c side by side, `[inputs, stride]`, divided by the norm if there is one (the gain is not applied); its inverse
    /// for each row, `[stride]`.
    pub(super) fn input(&self, tile: Tile, to: &mut [f32], inverse: &mut [f32]) {
        let (of_x, of_c) = to.split_at_mut(self.arguments.x as usize * tile.stride);
        tile.across(self.isa, self.x, self.arguments.x as usize, of_x);
        tile.across(self.isa, self.c, self.arguments.c as usize, of_c);
        if !self.gain.is_empty() {
            let (values, stride) = (&mut to[..self.arguments.inputs() * tile.stride], tile.stride);
            self.isa.run(Normalise { values, stride, epsilon: self.arguments.epsilon, inverse });
        }
    }

    /// All layers: fills the states (`None` when nobody reads them) and hands the result `[outputs, stride]` to `take`.
    pub(super) fn forward(
        &self,
        tile: Tile,
        states: Option<&mut [f32]>,
        scratch: &mut [f32],
        take: impl FnOnce(&[f32]),
    ) {
        let (widest, inputs) = (self.widest(), self.arguments.inputs());
        let (input, rest) = scratch.split_at_mut(inputs * TILE);
        let (inverse, rest) = rest.split_at_mut(TILE);
        let (spare, rest) = rest.split_at_mut(widest * TILE);
        let (mut one, rest) = rest.split_at_mut(widest * TILE);
        let mut two = &mut rest[..widest * TILE];
        self.input(tile, input, inverse);
        if !self.gain.is_empty() {
            self.isa.run(Gain { values: input, stride: tile.stride, gain: self.gain });
        }
        let last = self.arguments.layers().len() - 1;
        let Some(states) = states else {
            for (index, layer) in self.layers() {
                let input: &[f32] = if index == 0 { input } else { two };
                self.layer(layer, tile, input, one, [&mut [], spare]);
                std::mem::swap(&mut one, &mut two);
            }
            return take(two);
        };
        let spans = self.arguments.spans(tile.stride);
        for (index, layer) in self.layers() {
            let Span { result, slope, gate } = &spans[index];
            let (before, own) = states.split_at_mut(result.start);
            let (own, rest) = own.split_at_mut(result.len());
            let (slope, rest) = rest.split_at_mut(slope.len());
            let input: &[f32] = if index == 0 { input } else { &before[spans[index - 1].result.clone()] };
            let branch = if gate.is_empty() { &mut *spare } else { &mut rest[..gate.len()] };
            self.layer(layer, tile, input, if index == last { one } else { own }, [slope, branch]);
        }
        take(one);
    }

    /// One layer: its result, the slope if there is room for it, and in the memory of the branch the derivative with respect to
    /// the gate if it is one.
    fn layer(&self, layer: &Layer, tile: Tile, input: &[f32], result: &mut [f32], [slope, branch]: [&mut [f32]; 2]) {
        let (isa, stride) = (self.isa, tile.stride);
        let length = layer.dense.outputs * stride;
        let (result, input) = (&mut result[..length], &input[..layer.dense.inputs * stride]);
        let product = |dense: &Dense, c: &mut [f32]| {
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
            isa.run(Masked { mask, number: 0, first_row: tile.first, stride, values: result, slopes: slope });
        }
        if layer.arguments.adds_input() {
            vector::add_to(isa, input, result);
        } else if let Some(dense) = &layer.branch {
            let branch = &mut branch[..length];
            product(dense, branch);
            match layer.arguments.gates() {
                true => isa.run(Gated { result, slope, gate: branch }),
                false => vector::add_to(isa, branch, result),
            }
        }
    }
}

/// Multiplies results and slopes by the gate, in whose place the derivative with respect to it, the result before, is left.
struct Gated<'a> {
    result: &'a mut [f32],
    /// Empty when it is not needed.
    slope: &'a mut [f32],
    gate: &'a mut [f32],
}

impl lanes::Kernel for Gated<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Gated { result, slope, gate } = self;
        for (slope, gate) in slope.chunks_mut(L::WIDTH).zip(gate.chunks(L::WIDTH)) {
            l.write(slope, l.mul(l.read(slope), l.read(gate)));
        }
        for (result, gate) in result.chunks_mut(L::WIDTH).zip(gate.chunks_mut(L::WIDTH)) {
            let (before, factor) = (l.read(result), l.read(gate));
            l.write(result, l.mul(before, factor));
            l.write(gate, before);
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
            let take = |result: &[f32]| tile.along(isa, result, outputs, y, false);
            network.forward(tile, keeps.then_some(kept), scratch, take);
        });
    });
}
