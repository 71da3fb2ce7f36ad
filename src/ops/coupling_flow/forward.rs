//! Tiles of rows through all steps. Vectors hold one variable or feature of several rows: `[features, stride]`.
//!
//! A few tiles go through a network one after the other, while its weights are in the second-level cache.

use super::Arguments;
use super::program::{Coupling, Layer, Program, Step};
use crate::device::cpu::matrix::{AcrossProduct, BeginRows};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Isa, Launch, vector};
use crate::math::Function;
use crate::ops::flow_maps::{Map, Target};
use crate::ops::mlp::mask::Masked;
use crate::ops::tiles::{TILE, Tile, groups, tiles};

/// Tiles that go through a network one after the other.
pub(super) const TOGETHER: usize = 4;

/// What all tiles read.
pub(super) struct Flow<'a> {
    pub(super) isa: Isa,
    pub(super) arguments: Arguments,
    pub(super) program: Program<'a>,
    pub(super) weights: &'a [f32],
    pub(super) x: &'a [f32],
    pub(super) c: &'a [f32],
}

/// Working memory of a tile.
pub(super) struct Memory<'s> {
    /// The variables, or in backward their gradients; and room for a permutation.
    pub(super) variables: &'s mut [f32],
    pub(super) mixed: &'s mut [f32],
    /// The log-determinant, or its gradient, `[stride]`.
    pub(super) log_det: &'s mut [f32],
    /// The given variables of a coupling, right before the condition.
    pub(super) inputs: &'s mut [f32],
    /// The gradient of the condition.
    pub(super) of_condition: &'s mut [f32],
}

impl<'a> Flow<'a> {
    /// From a launch whose operands (x, c, weights, program) begin at an input.
    pub(super) fn new(launch: &Launch<'a>, first: usize) -> Self {
        let arguments: Arguments = launch.arguments();
        let [x, c, weights] = [0, 1, 2].map(|operand| launch.input(first + operand));
        let program = Program { words: launch.indices(first + 3), sizes: arguments.sizes };
        Flow { isa: launch.isa, arguments, program, weights, x, c }
    }

    /// Numbers of a [`Memory`].
    pub(super) fn memory(&self) -> usize {
        let sizes = &self.arguments.sizes;
        (2 * sizes.dimension + 1 + sizes.most_given + 2 * sizes.condition) as usize * TILE
    }

    /// The memory of a tile, for a part of what [`memory`](Self::memory) says.
    pub(super) fn cut<'s>(&self, tile: Tile, mut memory: &'s mut [f32]) -> Memory<'s> {
        let mut take = |features: u32| {
            let (part, rest) = std::mem::take(&mut memory).split_at_mut(features as usize * tile.stride);
            memory = rest;
            part
        };
        let sizes = &self.arguments.sizes;
        Memory {
            variables: take(sizes.dimension),
            mixed: take(sizes.dimension),
            log_det: take(1),
            inputs: take(sizes.most_given + sizes.condition),
            of_condition: take(sizes.condition),
        }
    }

    /// Writes the condition where it stays.
    pub(super) fn condition(&self, tile: Tile, memory: &mut Memory) {
        let sizes = &self.arguments.sizes;
        let to = &mut memory.inputs[sizes.most_given as usize * tile.stride..];
        tile.across(self.isa, self.c, sizes.condition as usize, to);
    }

    /// Writes the given variables before the condition: what a coupling's network reads.
    pub(super) fn give<'m>(&self, coupling: Coupling, tile: Tile, from: &[f32], inputs: &'m mut [f32]) -> &'m [f32] {
        let ((first, count), stride) = (coupling.given, tile.stride);
        let start = self.arguments.sizes.most_given as usize - count;
        let given = &from[first * stride..(first + count) * stride];
        inputs[start * stride..][..given.len()].copy_from_slice(given);
        &inputs[start * stride..]
    }

    /// A few tiles through all steps: their states, `[states, stride]` for each, or memory for one coupling at a time where nobody
    /// reads them.
    pub(super) fn forward(&self, range: std::ops::Range<usize>, memory: &mut [f32], states: &mut [f32], keeps: bool) {
        let (rows, width) = (self.arguments.rows as usize, self.arguments.sizes.states as usize);
        let (length, first) = (self.memory(), range.start);
        let tile_of = |index: usize| Tile::new(index, rows);
        for (index, memory) in range.clone().zip(memory.chunks_exact_mut(length)) {
            let (tile, dimension) = (tile_of(index), self.arguments.sizes.dimension as usize);
            let mut memory = self.cut(tile, memory);
            tile.across(self.isa, self.x, dimension, memory.variables);
            memory.log_det.fill(0.0);
            self.condition(tile, &mut memory);
        }
        for step in self.program.steps() {
            for (index, memory) in range.clone().zip(memory.chunks_exact_mut(length)) {
                let tile = tile_of(index);
                let mut memory = self.cut(tile, memory);
                let (own, skipped) = match (keeps, &step) {
                    (true, _) => (&mut states[(index - first) * TILE * width..], 0),
                    (false, Step::Coupling(coupling)) => (&mut *states, coupling.state),
                    (false, Step::Scale { state, .. }) => (&mut *states, *state),
                    (false, Step::Permute { .. }) => (&mut *states, 0),
                };
                self.step(&step, tile, &mut memory, own, skipped);
            }
        }
    }

    /// One step. The first of the states is number `skipped`.
    fn step(&self, step: &Step, tile: Tile, memory: &mut Memory, states: &mut [f32], skipped: usize) {
        let stride = tile.stride;
        match *step {
            Step::Scale { scale, shift, state } => {
                let before = &mut states[(state - skipped) * stride..][..memory.variables.len()];
                before.copy_from_slice(memory.variables);
                let numbers = self.weights[scale..].iter().zip(&self.weights[shift..]);
                for (values, (scale, shift)) in memory.variables.chunks_exact_mut(stride).zip(numbers) {
                    values.iter_mut().for_each(|value| *value = scale * *value + shift);
                }
            }
            Step::Permute { from } => {
                for (values, &from) in memory.mixed.chunks_exact_mut(stride).zip(from) {
                    values.copy_from_slice(&memory.variables[from as usize * stride..][..stride]);
                }
                memory.variables.copy_from_slice(memory.mixed);
            }
            Step::Coupling(coupling) => {
                let before = &mut states[(coupling.state - skipped) * stride..][..memory.variables.len()];
                before.copy_from_slice(memory.variables);
                let input = self.give(coupling, tile, memory.variables, memory.inputs);
                let raw = self.network(coupling, tile, input, states, skipped);
                let (first, n) = coupling.targets;
                let x = &mut memory.variables[first * stride..(first + n) * stride];
                let target = Target { n, rows: tile.count, stride, inverse: false, raw, x, log_det: memory.log_det };
                Map { kind: coupling.kind, spline: self.arguments.spline }.forward(self.isa, target);
            }
        }
    }

    /// The network of a coupling: fills the states of its layers; the result of the last one.
    fn network<'s>(
        &self,
        coupling: Coupling,
        tile: Tile,
        input: &[f32],
        states: &'s mut [f32],
        skipped: usize,
    ) -> &'s [f32] {
        let (isa, stride, last) = (self.isa, tile.stride, coupling.layers().len() - 1);
        let mut before: Option<Layer> = None;
        for (index, layer) in coupling.layers().enumerate() {
            let (done, own) = states.split_at_mut((layer.state - skipped) * stride);
            let (result, rest) = own.split_at_mut(layer.outputs * stride);
            isa.run(AcrossProduct {
                rows: layer.outputs,
                depth: layer.inputs,
                columns: stride,
                a: &self.weights[layer.kernel..],
                a_stride: layer.outputs,
                a_transposed: true,
                b: before.map_or(input, |before| &done[(before.state - skipped) * stride..]),
                begin: BeginRows::Bias(&self.weights[layer.bias..][..layer.outputs]),
                c: result,
            });
            if index < last {
                let slope = &mut rest[..layer.outputs * stride];
                match layer.function {
                    Function::Linear => slope.fill(1.0),
                    function => vector::with_derivative(isa, function, result, slope),
                }
                let (mask, number) = (self.arguments.mask, layer.number);
                if mask.is_active() && number > 0 {
                    isa.run(Masked { mask, number, first_row: tile.first, stride, values: result, slopes: slope });
                }
            }
            before = Some(layer);
        }
        let Some(last) = before else { return &[] };
        &states[(last.state - skipped) * stride..][..last.outputs * stride]
    }

    /// The log-determinant of all scales, which is that of every row.
    fn scales(&self) -> f32 {
        let dimension = self.arguments.sizes.dimension as usize;
        let of = |step| match step {
            Step::Scale { scale, .. } => {
                self.weights[scale..][..dimension].iter().map(|s| f64::from(s.abs()).ln()).sum()
            }
            _ => 0.0,
        };
        self.program.steps().map(of).sum::<f64>() as f32
    }

    /// The most states of a step.
    fn most_states(&self) -> usize {
        let dimension = self.arguments.sizes.dimension as usize;
        let of = |step| match step {
            Step::Coupling(coupling) => {
                coupling.layers().last().map_or(0, |last| last.state + last.outputs - coupling.state)
            }
            _ => dimension,
        };
        self.program.steps().map(of).max().unwrap_or(0)
    }
}

/// Reads x, the condition, the weights and the program; writes z, the log-determinant, and what backward needs.
pub(super) fn forward(launch: &mut Launch) {
    let flow = Flow::new(launch, 0);
    let (z, log_det, kept) = (launch.output(0), launch.output(1), launch.output(2));
    let (dimension, states) = (flow.arguments.sizes.dimension as usize, flow.arguments.sizes.states as usize);
    let (rows, keeps) = (flow.arguments.rows as usize, flow.arguments.keeps());
    let (_, each) = groups(rows);
    let (scales, most) = (flow.scales(), if keeps { 0 } else { flow.most_states() });
    let length = flow.memory();
    let pieces = [(z, dimension), (log_det, 1), (kept, if keeps { states } else { 0 })];
    launch.threads.for_each_rows(rows, each * TILE, pieces, |group, [mut z, mut log_det, mut kept]| {
        with_scratch(TOGETHER * length + most * TILE, |scratch| {
            let (memory, room) = scratch.split_at_mut(TOGETHER * length);
            let end = tiles(rows).min((group + 1) * each);
            for first in (group * each..end).step_by(TOGETHER) {
                let range = first..end.min(first + TOGETHER);
                let states_of = range.len() * TILE * states;
                let own = if keeps { &mut kept[..] } else { &mut *room };
                flow.forward(range.clone(), memory, own, keeps);
                for (index, memory) in range.zip(memory.chunks_exact_mut(length)) {
                    let tile = Tile::new(index, rows);
                    let memory = flow.cut(tile, memory);
                    let (own, rest) = std::mem::take(&mut z).split_at_mut(tile.count * dimension);
                    z = rest;
                    tile.along(flow.isa, memory.variables, dimension, own, false);
                    let (own, rest) = std::mem::take(&mut log_det).split_at_mut(tile.count);
                    log_det = rest;
                    own.iter_mut().zip(&*memory.log_det).for_each(|(to, sum)| *to = sum + scales);
                }
                if keeps {
                    let at = states_of.min(kept.len());
                    kept = &mut std::mem::take(&mut kept)[at..];
                }
            }
        });
    });
}
