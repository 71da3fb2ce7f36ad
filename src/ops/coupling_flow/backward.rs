//! Tiles of rows back through all steps, and the sums over rows.

use std::ops::Range;

use super::Arguments;
use super::forward::{Flow, Memory, TOGETHER};
use super::program::{Coupling, Layer, Step};
use crate::device::cpu::matrix::{self, AcrossProduct, Begin, BeginRows, PackedProduct, View, packed_length};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Launch, vector};
use crate::ops::flow_maps::{Map, TargetGradient};
use crate::ops::mlp::sums::Totals;
use crate::ops::tiles::{TILE, Tile, groups, tiles};

/// What all tiles read.
struct Walk<'a> {
    flow: Flow<'a>,
    /// The gradients of z and of the log-determinant; empty where the loss does not depend on them.
    dz: &'a [f32],
    dlog_det: &'a [f32],
    kept: &'a [f32],
    /// The most features of which there are gradients at a time.
    widest: usize,
}

/// Working memory that tiles share.
struct Shared<'s> {
    /// The gradient of the sum in an activation, and of a layer's input.
    sum: &'s mut [f32],
    input: &'s mut [f32],
    /// A gradient as the right factor of sums over rows.
    packed: &'s mut [f32],
}

/// Where the gradients of x, c and the weights go; empty where they are not wanted.
struct Gradients<'s> {
    x: &'s mut [f32],
    c: &'s mut [f32],
    weights: &'s mut [f32],
    /// Whether the sums of weights go on from what is there.
    goes_on: bool,
}

impl<'a> Walk<'a> {
    fn new(launch: &Launch<'a>) -> Self {
        let flow = Flow::new(launch, 3);
        let Arguments { from_z, from_log_det, .. } = flow.arguments;
        let widest = flow.arguments.sizes.widest.max(flow.arguments.sizes.dimension) as usize;
        Walk {
            dz: if from_z == 1 { launch.input(0) } else { &[] },
            dlog_det: if from_log_det == 1 { launch.input(1) } else { &[] },
            kept: if flow.arguments.keeps() { launch.input(2) } else { &[] },
            flow,
            widest,
        }
    }

    /// Tiles one after the other, with their rows of the gradients of x and c.
    fn group(&self, range: Range<usize>, mut to: Gradients) {
        let (arguments, length) = (&self.flow.arguments, self.flow.memory());
        let (rows, states) = (arguments.rows as usize, arguments.sizes.states as usize);
        let again = if self.kept.is_empty() { TOGETHER * states * TILE } else { 0 };
        let shared = 2 * self.widest * TILE + packed_length(TILE, self.widest);
        with_scratch(TOGETHER * length + again + shared, |scratch| {
            let (memory, rest) = scratch.split_at_mut(TOGETHER * length);
            let (again, rest) = rest.split_at_mut(again);
            let (sum, rest) = rest.split_at_mut(self.widest * TILE);
            let (input, packed) = rest.split_at_mut(self.widest * TILE);
            let mut shared = Shared { sum, input, packed };
            for first in range.clone().step_by(TOGETHER) {
                let some = first..range.end.min(first + TOGETHER);
                let states = match self.kept {
                    [] => {
                        self.flow.forward(some.clone(), memory, again, true);
                        &*again
                    }
                    kept => &kept[first * TILE * states..],
                };
                self.tiles(some.clone(), memory, states, &mut shared, &mut to);
                for (index, memory) in some.zip(memory.chunks_exact_mut(length)) {
                    self.hand_over(Tile::new(index, rows), memory, &mut to);
                }
            }
        });
    }

    /// A few tiles, one step of all after the other.
    fn tiles(&self, range: Range<usize>, memory: &mut [f32], states: &[f32], shared: &mut Shared, to: &mut Gradients) {
        let (flow, sizes) = (&self.flow, &self.flow.arguments.sizes);
        let (rows, length, first) = (flow.arguments.rows as usize, flow.memory(), range.start);
        for (index, memory) in range.clone().zip(memory.chunks_exact_mut(length)) {
            let tile = Tile::new(index, rows);
            let mut memory = flow.cut(tile, memory);
            match self.dz {
                [] => memory.variables.fill(0.0),
                dz => tile.across(flow.isa, dz, sizes.dimension as usize, memory.variables),
            }
            match self.dlog_det {
                [] => memory.log_det.fill(0.0),
                dlog_det => tile.across(flow.isa, dlog_det, 1, memory.log_det),
            }
            memory.of_condition.fill(0.0);
            flow.condition(tile, &mut memory);
        }
        let goes_on = to.goes_on;
        for step in flow.program.steps().rev() {
            to.goes_on = goes_on;
            for (index, memory) in range.clone().zip(memory.chunks_exact_mut(length)) {
                let tile = Tile::new(index, rows);
                let mut memory = flow.cut(tile, memory);
                let states = &states[(index - first) * TILE * sizes.states as usize..];
                match step {
                    Step::Scale { scale, shift, state } => {
                        self.scale([scale, shift], tile, &mut memory, &states[state * tile.stride..], shared, to);
                    }
                    Step::Permute { from } => {
                        let stride = tile.stride;
                        for (values, &from) in memory.variables.chunks_exact(stride).zip(from) {
                            memory.mixed[from as usize * stride..][..stride].copy_from_slice(values);
                        }
                        memory.variables.copy_from_slice(memory.mixed);
                    }
                    Step::Coupling(coupling) => self.coupling(coupling, tile, &mut memory, states, shared, to),
                }
                to.goes_on = true;
            }
        }
        to.goes_on = true;
    }

    /// `z = s x + b` with `ℓ = Σ ln |s|`.
    fn scale(
        &self,
        [scale, shift]: [usize; 2],
        tile: Tile,
        memory: &mut Memory,
        before: &[f32],
        shared: &mut Shared,
        to: &mut Gradients,
    ) {
        let (isa, stride, length) = (self.flow.isa, tile.stride, memory.variables.len());
        let dimension = self.flow.arguments.sizes.dimension as usize;
        let numbers = &self.flow.weights[scale..][..dimension];
        if !to.weights.is_empty() {
            let products = &mut shared.sum[..length];
            vector::multiply(isa, memory.variables, &before[..length], products);
            self.totals(tile, memory.variables, to, shift..shift + dimension);
            self.totals(tile, products, to, scale..scale + dimension);
            let mut all = [0.0];
            isa.run(Totals { values: memory.log_det, stride, count: tile.count, to: &mut all });
            to.weights[scale..][..dimension].iter_mut().zip(numbers).for_each(|(to, s)| *to += all[0] / s);
        }
        for (values, scale) in memory.variables.chunks_exact_mut(stride).zip(numbers) {
            values.iter_mut().for_each(|value| *value *= scale);
        }
    }

    fn coupling(
        &self,
        coupling: Coupling,
        tile: Tile,
        memory: &mut Memory,
        states: &[f32],
        shared: &mut Shared,
        to: &mut Gradients,
    ) {
        let (flow, isa, stride) = (&self.flow, self.flow.isa, tile.stride);
        let Memory { variables, inputs, of_condition, log_det, .. } = memory;
        let Some(last) = coupling.layers().last() else { return };
        let before = &states[coupling.state * stride..][..variables.len()];
        let (first, n) = coupling.targets;
        let targets = first * stride..(first + n) * stride;
        let gradient = TargetGradient {
            n,
            rows: tile.count,
            stride,
            raw: &states[last.state * stride..],
            x: &before[targets.clone()],
            gradient: &mut variables[targets],
            log_det,
            to_raw: shared.sum,
        };
        Map { kind: coupling.kind, spline: flow.arguments.spline }.backward(isa, gradient);
        let outer = flow.give(coupling, tile, before, inputs);
        let mut layers = coupling.layers().rev().peekable();
        while let Some(layer) = layers.next() {
            let behind = layers.peek();
            let input = behind.map_or(outer, |behind| &states[behind.state * stride..]);
            self.sums(tile, layer, &input[..layer.inputs * stride], shared, to);
            let product = |rows: Range<usize>, begin: BeginRows, gradient: &[f32], c: &mut [f32]| {
                isa.run(AcrossProduct {
                    rows: rows.len(),
                    depth: layer.outputs,
                    columns: stride,
                    a: &flow.weights[layer.kernel + rows.start * layer.outputs..],
                    a_stride: layer.outputs,
                    a_transposed: false,
                    b: gradient,
                    begin,
                    c,
                });
            };
            match behind {
                Some(behind) => {
                    product(0..layer.inputs, BeginRows::Zero, shared.sum, shared.input);
                    let length = layer.inputs * stride;
                    let slope = &states[(behind.state + behind.outputs) * stride..][..length];
                    vector::multiply(isa, &shared.input[..length], slope, &mut shared.sum[..length]);
                }
                None => {
                    let (first, given) = coupling.given;
                    product(0..given, BeginRows::There, shared.sum, &mut variables[first * stride..]);
                    if flow.arguments.wants(1) {
                        product(given..layer.inputs, BeginRows::There, shared.sum, of_condition);
                    }
                }
            }
        }
    }

    /// Adds what a tile's rows give to the gradients of a layer: `dW += inputᵀ gradient`, `db += Σ gradient`.
    fn sums(&self, tile: Tile, layer: Layer, input: &[f32], shared: &mut Shared, to: &mut Gradients) {
        let (isa, outputs) = (self.flow.isa, layer.outputs);
        let gradient = &shared.sum[..outputs * tile.stride];
        // Rows of the right factor are those of the tile.
        let Ok(view) = View::new(gradient, tile.count, outputs, 1, tile.stride) else { return };
        if to.weights.is_empty() {
            return;
        }
        let panels = &mut shared.packed[..packed_length(tile.count, outputs)];
        matrix::pack(isa, view, panels);
        isa.run(PackedProduct {
            rows: layer.inputs,
            depth: tile.count,
            columns: outputs,
            a: input,
            a_stride: tile.stride,
            a_transposed: false,
            panels,
            begin: if to.goes_on { Begin::There } else { Begin::Zero },
            c: &mut to.weights[layer.kernel..][..layer.inputs * outputs],
        });
        self.totals(tile, gradient, to, layer.bias..layer.bias + outputs);
    }

    /// Adds up rows.
    fn totals(&self, tile: Tile, values: &[f32], to: &mut Gradients, place: Range<usize>) {
        let sums = &mut to.weights[place];
        if !to.goes_on {
            sums.fill(0.0);
        }
        self.flow.isa.run(Totals { values, stride: tile.stride, count: tile.count, to: sums });
    }

    /// Writes the gradients of x and c.
    fn hand_over(&self, tile: Tile, memory: &mut [f32], to: &mut Gradients) {
        let (arguments, memory) = (&self.flow.arguments, self.flow.cut(tile, memory));
        let (sizes, isa) = (arguments.sizes, self.flow.isa);
        let both = [(&mut to.x, memory.variables, sizes.dimension), (&mut to.c, memory.of_condition, sizes.condition)];
        for (operand, (to, from, width)) in both.into_iter().enumerate() {
            if !to.is_empty() {
                let (own, rest) = std::mem::take(to).split_at_mut(tile.count * width as usize);
                *to = rest;
                tile.along(isa, from, width as usize, own, arguments.adds(operand));
            }
        }
    }
}

/// Elements of a sum per chunk of work.
const CHUNK: usize = 8192;

/// Reads the gradients of z and of the log-determinant, what was kept, and the operands; writes or adds to the gradients of x, c and
/// the weights.
///
/// A single group of tiles sums into the gradients of weights themselves. Of several, each has memory of its own, and the
/// sums are added in order.
pub(super) fn backward(launch: &mut Launch) {
    let walk = Walk::new(launch);
    let (arguments, isa) = (walk.flow.arguments, launch.isa);
    let [x, c, weights] = [0, 1, 2].map(|operand| launch.output(operand));
    let (rows, adds) = (arguments.rows as usize, arguments.adds(2));
    if rows == 0 {
        return if !adds {
            weights.fill(0.0)
        };
    }
    let (groups, each) = groups(rows);
    let clear_gaps = |weights: &mut [f32]| {
        if !weights.is_empty() {
            walk.flow.program.gaps().for_each(|gap| weights[gap].fill(0.0));
        }
    };
    if groups == 1 {
        if !adds {
            clear_gaps(weights);
        }
        return walk.group(0..tiles(rows), Gradients { x, c, weights, goes_on: adds });
    }
    let length = weights.len();
    let width = |gradient: &[f32], columns: u32| if gradient.is_empty() { 0 } else { each * TILE * columns as usize };
    with_scratch(groups * length, |partial| {
        let (of_x, of_c) = (width(x, arguments.sizes.dimension), width(c, arguments.sizes.condition));
        let pieces = [(x, of_x), (c, of_c), (&mut *partial, length)];
        launch.threads.for_each_rows(groups, 1, pieces, |group, [x, c, weights]| {
            clear_gaps(weights);
            let range = group * each..tiles(rows).min((group + 1) * each);
            walk.group(range, Gradients { x, c, weights, goes_on: false });
        });
        let partial = &*partial;
        launch.threads.for_each_chunk(weights, CHUNK, |index, output| {
            if !adds {
                output.fill(0.0);
            }
            for group in 0..groups {
                vector::add_to(isa, &partial[group * length + index * CHUNK..][..output.len()], output);
            }
        });
    });
}
