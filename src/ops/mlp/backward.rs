//! A tile of rows back through all layers, and the sums over rows.

use std::ops::Range;

use super::forward::{Network, Tile};
use super::network::{Dense, Layer, TILE};
use crate::device::cpu::{Launch, vector};
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{self, AcrossProduct, Begin, BeginRows, PackedProduct, Transpose, View, packed_length};
use crate::device::cpu::scratch::with_scratch;
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
    /// The gradient with respect to a layer's result.
    result: &'s mut [f32],
    /// That of the product in it.
    product: &'s mut [f32],
    /// That of its input.
    input: &'s mut [f32],
    /// A gradient as the right factor of sums over rows.
    packed: &'s mut [f32],
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
        let outputs = network.layers().map(|(_, layer)| layer.dense.outputs).max().unwrap_or(0);
        let widest = outputs.max(network.arguments.inputs());
        Walk { network, dy: launch.input(0), kept: launch.input(1), widest }
    }

    fn wants(&self, operand: usize) -> bool {
        self.network.arguments.wanted >> operand & 1 == 1
    }

    fn adds(&self, operand: usize) -> bool {
        self.network.arguments.added >> operand & 1 == 1
    }

    /// Numbers of working memory.
    fn scratch(&self) -> usize {
        let again = if self.kept.is_empty() { self.network.arguments.states() * TILE } else { 0 };
        again + self.network.scratch().max(3 * self.widest * TILE + packed_length(TILE, self.widest))
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

    /// A tile. `goes_on` has the bits of operands whose sums go on from what is there. `dx` and `dc` are the tile's rows.
    fn tile(&self, tile: Tile, goes_on: u32, sums: &mut Sums, inputs: [&mut [f32]; 2], scratch: &mut [f32]) {
        let states = self.network.arguments.states();
        if self.kept.is_empty() {
            let (states, scratch) = scratch.split_at_mut(states * TILE);
            let forward = &mut scratch[..self.network.scratch()];
            self.network.forward(tile, Some(states), forward, |_| {});
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
        inputs: [&mut [f32]; 2],
        scratch: &mut [f32],
    ) {
        let (network, length) = (&self.network, self.widest * TILE);
        let (result, rest) = scratch.split_at_mut(length);
        let (product, rest) = rest.split_at_mut(length);
        let (input, packed) = rest.split_at_mut(length);
        let mut memory = Memory { result, product, input, packed };
        let outputs = network.arguments.outputs();
        network.across(tile, self.dy, outputs, memory.result);
        let spans = network.spans(tile);
        for (index, layer) in network.layers().rev() {
            let size = layer.dense.outputs * tile.stride;
            let span = &spans[index];
            let slope = &states[span.slope.clone()];
            let through = layer.arguments.has_slope();
            if through {
                vector::multiply(network.isa, &memory.result[..size], slope, &mut memory.product[..size]);
            }
            let [first, second] = match index {
                0 => self.outer_features(tile),
                _ => {
                    let count = layer.dense.inputs;
                    let values = &states[spans[index - 1].result.clone()];
                    let features = Features { values, stride: tile.stride, row_major: false, first: 0, count };
                    [Some(features), None]
                }
            };
            for (dense, is_result) in [(&layer.dense, !through)].into_iter().chain(layer.projection.as_ref().map(|p| (p, true)))
            {
                let gradient: &[f32] = if is_result { memory.result } else { memory.product };
                self.sums(tile, dense, [first, second], gradient, goes_on, sums, memory.packed);
            }
            if index > 0 {
                self.input_gradient(tile, layer, (0, layer.dense.inputs), through, &mut memory);
                std::mem::swap(&mut memory.result, &mut memory.input);
                continue;
            }
            let [dx, dc] = inputs;
            let x = network.arguments.x as usize;
            let (first, last) = (if self.wants(0) { 0 } else { x }, if dc.is_empty() { x } else { layer.dense.inputs });
            if first >= last {
                return;
            }
            self.input_gradient(tile, layer, (first, last), through, &mut memory);
            for (operand, to, width, at) in [(0, dx, x, 0), (1, dc, network.arguments.c as usize, x)] {
                if to.is_empty() {
                    continue;
                }
                let Tile { count, stride, .. } = tile;
                let from = &memory.input[(at - first) * stride..][..width * stride];
                let add = self.adds(operand);
                let transpose = Transpose { from, from_stride: stride, rows: width, columns: count, to, to_stride: width, add };
                network.isa.run(transpose);
            }
            return;
        }
    }

    /// The inputs of the first layer.
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
        let wants_bias = dense.bias.is_some() && self.wants(bias);
        if !self.wants(kernel) && !wants_bias {
            return;
        }
        let begins = |operand: usize| goes_on >> operand & 1 == 0;
        let gradient = &gradient[..dense.outputs * tile.stride];
        if self.wants(kernel) {
            // Rows of the right factor are those of the tile.
            let Ok(view) = View::new(gradient, tile.count, dense.outputs, 1, tile.stride) else { return };
            let panels = &mut packed[..packed_length(tile.count, dense.outputs)];
            matrix::pack(isa, view, panels);
            let to = &mut sums[kernel];
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
                    c: &mut to[first * dense.outputs..][..count * dense.outputs],
                });
            }
        }
        if wants_bias {
            let to = &mut sums[bias];
            if begins(bias) {
                to.fill(0.0);
            }
            isa.run(Totals { gradient, stride: tile.stride, count: tile.count, to });
        }
    }

    /// The gradient with respect to some features of a layer's input, into `memory.input`.
    fn input_gradient(
        &self,
        tile: Tile,
        layer: &Layer,
        (first, last): (usize, usize),
        through: bool,
        memory: &mut Memory,
    ) {
        let (count, stride, isa) = (last - first, tile.stride, self.network.isa);
        let to = &mut memory.input[..count * stride];
        let product = |dense: &Dense, gradient: &[f32], begin: BeginRows, c: &mut [f32]| {
            isa.run(AcrossProduct {
                rows: count,
                depth: dense.outputs,
                columns: stride,
                a: &dense.kernel[first * dense.outputs..],
                a_stride: dense.outputs,
                a_transposed: false,
                b: gradient,
                begin,
                c,
            });
        };
        let begin = if layer.arguments.adds_input() {
            to.copy_from_slice(&memory.result[first * stride..][..count * stride]);
            BeginRows::There
        } else {
            BeginRows::Zero
        };
        product(&layer.dense, if through { memory.product } else { memory.result }, begin, to);
        if let Some(projection) = &layer.projection {
            product(projection, memory.result, BeginRows::There, to);
        }
    }
}

/// Adds the sum of the first `count` numbers of each feature, `[features, stride]`, to its total: in as many partial sums as the
/// portable vectors have lanes, so that all instruction sets add in the same order.
struct Totals<'a> {
    gradient: &'a [f32],
    stride: usize,
    count: usize,
    to: &'a mut [f32],
}

impl lanes::Kernel for Totals<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        const PARTIAL: usize = 8;
        let Totals { gradient, stride, count, to } = self;
        for (total, feature) in to.iter_mut().zip(gradient.chunks_exact(stride)) {
            let mut sums = [0.0f32; PARTIAL];
            let whole = feature[..count].chunks_exact(PARTIAL);
            for (sum, rest) in sums.iter_mut().zip(whole.remainder()) {
                *sum = *rest;
            }
            for values in whole {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            *total += ((a + e) + (c + g)) + ((b + f) + (d + h));
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
    let arguments = walk.network.arguments;
    let (groups, each) = arguments.groups();
    let isa = launch.isa;
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
