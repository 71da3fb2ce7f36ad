//! A tile of rows back through all layers, and the sums over rows.

use std::ops::Range;

use super::forward::{Network, Tile};
use super::network::{Dense, Layer, Span, TILE};
use super::norm::{self, Gain};
use super::sums::Totals;
use crate::device::cpu::matrix::{
    self, AcrossProduct, Begin, BeginRows, PackedProduct, Transpose, View, packed_length,
};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Launch, vector};
use crate::ops::MOST_OPERANDS;

/// Where the gradients of weights go, by operand; empty where they are not wanted.
type Sums<'s> = [&'s mut [f32]; MOST_OPERANDS];

/// Some features of a layer's input: the left factor of a sum over rows.
#[derive(Clone, Copy)]
struct Features<'a> {
    values: &'a [f32],
    /// The distance of features, or with `row_major` of rows.
    stride: usize,
    row_major: bool,
    /// Number of the first one among the rows of the kernel, and how many there are.
    first: usize,
    count: usize,
}

/// Working memory of a tile, `[features, stride]` each.
struct Memory<'s> {
    /// The gradient with respect to a layer's result, to the sum in its activation, and to its gate.
    result: &'s mut [f32],
    sum: &'s mut [f32],
    gate: &'s mut [f32],
    /// That of its input.
    input: &'s mut [f32],
    /// A gradient as the right factor of sums over rows.
    packed: &'s mut [f32],
}

/// The input of the first layer after a norm: with and without the gain, and the inverse norm of each row.
struct Normalised<'s> {
    features: &'s mut [f32],
    plain: &'s mut [f32],
    inverse: &'s mut [f32],
}

/// What all tiles read.
struct Walk<'a> {
    network: Network<'a>,
    dy: &'a [f32],
    kept: &'a [f32],
    widest: usize,
}

impl<'a> Walk<'a> {
    fn new(launch: &Launch<'a>) -> Self {
        let network = Network::new(launch, 2);
        let widest = network.widest().max(network.arguments.inputs());
        Walk { network, dy: launch.input(0), kept: launch.input(1), widest }
    }

    fn wants(&self, operand: usize) -> bool {
        self.network.arguments.wanted >> operand & 1 == 1
    }

    fn adds(&self, operand: usize) -> bool {
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
    fn group(&self, tiles: Range<usize>, mut goes_on: u32, sums: &mut Sums, [mut dx, mut dc]: [&mut [f32]; 2]) {
        let arguments = &self.network.arguments;
        let of_x = if dx.is_empty() { 0 } else { arguments.x as usize };
        let of_c = if dc.is_empty() { 0 } else { arguments.c as usize };
        with_scratch(self.scratch(), |scratch| {
            for index in tiles {
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
        network.across(tile, self.dy, network.arguments.outputs(), memory.result);
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

impl<'a> Walk<'a> {
    /// The input of the first layer, as the forward pass had it.
    fn normalise(&self, tile: Tile, memory: &mut Normalised) {
        let Normalised { features, plain, inverse } = memory;
        self.network.input(tile, plain, inverse);
        features.copy_from_slice(plain);
        self.network.isa.run(Gain { values: features, stride: tile.stride, gain: self.network.gain });
    }

    /// The inputs of the first layer as they lie in memory.
    fn outer_features(&self, tile: Tile) -> [Option<Features<'a>>; 2] {
        let Network { arguments, x, c, .. } = self.network;
        let (width, more) = (arguments.x as usize, arguments.c as usize);
        let features = |values: &'a [f32], first: usize, count: usize| {
            let values = &values[tile.first * count..][..tile.count * count];
            (count > 0).then_some(Features { values, stride: count, row_major: true, first, count })
        };
        [features(x, 0, width), features(c, width, more)]
    }

    /// Adds what a tile's rows give to the gradients of a dense layer: `dW += featuresᵀ gradient`, `db += Σ gradient`.
    #[allow(clippy::too_many_arguments)]
    fn sums(
        &self,
        tile: Tile,
        dense: &Dense,
        features: [Option<Features>; 2],
        gradient: &[f32],
        goes_on: u32,
        sums: &mut Sums,
        packed: &mut [f32],
    ) {
        let (kernel, bias, isa) = (dense.operand, dense.operand + 1, self.network.isa);
        let begins = |operand: usize| goes_on >> operand & 1 == 0;
        let gradient = &gradient[..dense.outputs * tile.stride];
        if self.wants(kernel) {
            // Rows of the right factor are those of the tile.
            let Ok(view) = View::new(gradient, tile.count, dense.outputs, 1, tile.stride) else { return };
            let panels = &mut packed[..packed_length(tile.count, dense.outputs)];
            matrix::pack(isa, view, panels);
            for Features { values, stride, row_major, first, count } in features.into_iter().flatten() {
                isa.run(PackedProduct {
                    rows: count,
                    depth: tile.count,
                    columns: dense.outputs,
                    a: values,
                    a_stride: stride,
                    a_transposed: row_major,
                    panels,
                    begin: if begins(kernel) { Begin::Zero } else { Begin::There },
                    c: &mut sums[kernel][first * dense.outputs..][..count * dense.outputs],
                });
            }
        }
        if dense.bias.is_some() && self.wants(bias) {
            self.totals(tile, gradient, begins(bias), sums[bias]);
        }
    }

    /// Adds up rows, from zero if it `begins`.
    fn totals(&self, tile: Tile, values: &[f32], begins: bool, to: &mut [f32]) {
        if begins {
            to.fill(0.0);
        }
        self.network.isa.run(Totals { values, stride: tile.stride, count: tile.count, to });
    }

    /// The gradient with respect to some features of a layer's input, into `memory.input`.
    fn input_gradient(&self, tile: Tile, layer: &Layer, features: Range<usize>, memory: &mut Memory) {
        let (stride, isa) = (tile.stride, self.network.isa);
        let Memory { result, sum, gate, input, .. } = memory;
        let to = &mut input[..features.len() * stride];
        let product = |dense: &Dense, gradient: &[f32], begin: BeginRows, c: &mut [f32]| {
            isa.run(AcrossProduct {
                rows: features.len(),
                depth: dense.outputs,
                columns: stride,
                a: &dense.kernel[features.start * dense.outputs..],
                a_stride: dense.outputs,
                a_transposed: false,
                b: gradient,
                begin,
                c,
            });
        };
        let begin = if layer.arguments.adds_input() {
            to.copy_from_slice(&result[features.start * stride..features.end * stride]);
            BeginRows::There
        } else {
            BeginRows::Zero
        };
        product(&layer.dense, if layer.arguments.has_slope() { sum } else { result }, begin, to);
        if let Some(branch) = &layer.branch {
            product(branch, if layer.arguments.gates() { gate } else { result }, BeginRows::There, to);
        }
    }

    /// From the first layer to the gradients of x, c and the gain, those that are wanted.
    #[allow(clippy::too_many_arguments)]
    fn outer_gradient(
        &self,
        tile: Tile,
        layer: &Layer,
        normalised: Option<&Normalised>,
        goes_on: u32,
        sums: &mut Sums,
        [dx, dc]: &mut [&mut [f32]; 2],
        memory: &mut Memory,
    ) {
        let (arguments, isa, Tile { count, stride, .. }) = (&self.network.arguments, self.network.isa, tile);
        let (x, inputs, gain) = (arguments.x as usize, arguments.inputs(), arguments.gain());
        let wants_gain = normalised.is_some() && self.wants(gain);
        if dx.is_empty() && dc.is_empty() && !wants_gain {
            return;
        }
        // A norm mixes all features.
        let first = if dx.is_empty() && normalised.is_none() { x } else { 0 };
        let last = if dc.is_empty() && normalised.is_none() { x } else { inputs };
        self.input_gradient(tile, layer, first..last, memory);
        if let Some(Normalised { plain, inverse, .. }) = normalised {
            let length = inputs * stride;
            let (gradient, products) = (&mut memory.input[..length], &mut memory.sum[..length]);
            isa.run(norm::Backward { gradient, normalised: plain, inverse, gain: self.network.gain, stride, products });
            if wants_gain {
                self.totals(tile, &memory.sum[..length], goes_on >> gain & 1 == 0, sums[gain]);
            }
        }
        for (operand, to, width, at) in [(0, dx, x, 0), (1, dc, arguments.c as usize, x)] {
            if !to.is_empty() {
                isa.run(Transpose {
                    from: &memory.input[(at - first) * stride..][..width * stride],
                    from_stride: stride,
                    rows: width,
                    columns: count,
                    to,
                    to_stride: width,
                    add: self.adds(operand),
                });
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
    let (groups, each) = arguments.groups();
    let mut outputs: Sums = std::array::from_fn(|operand| launch.output(operand));
    let dx = std::mem::take(&mut outputs[0]);
    let dc = if arguments.conditioned == 1 { std::mem::take(&mut outputs[1]) } else { &mut [] };
    if groups == 0 {
        let set = outputs.iter_mut().enumerate().filter(|(operand, _)| !walk.adds(*operand));
        return set.for_each(|(_, sum)| sum.fill(0.0));
    }
    if groups == 1 {
        return walk.group(0..arguments.tiles(), arguments.added, &mut outputs, [dx, dc]);
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
            let tiles = group * each..arguments.tiles().min((group + 1) * each);
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
