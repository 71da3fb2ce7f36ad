//! A tile of rows through all steps. Vectors hold one variable or feature of several rows: `[features, stride]`.

use super::Arguments;
use super::program::{Coupling, Layer, Program, Step};
use crate::device::cpu::matrix::{AcrossProduct, Begin, BeginRows, PackedProduct, Transpose};
use crate::device::cpu::{Isa, vector};
use crate::ops::flow_maps::{Map, Target};

/// Up to this many rows, packed weights are streamed and few sums of each are under way; with more, weights are read where
/// they lie and rows fill vectors. The bits are the same.
const FEW: usize = 4;

/// Everything that a tile reads.
pub(super) struct Context<'a> {
    pub(super) arguments: Arguments,
    pub(super) isa: Isa,
    pub(super) program: Program<'a>,
    pub(super) numbers: &'a [f32],
    pub(super) packed: &'a [f32],
    /// Conditions of the tile's rows, or shares of all data sets.
    pub(super) conditions: &'a [f32],
    /// The data set of each row of the tile; empty when each row has its own condition.
    pub(super) owners: &'a [u32],
    pub(super) rows: usize,
    /// Numbers of a feature: the rows, rounded up to whole vectors.
    pub(super) stride: usize,
}

/// Working memory of a tile.
pub(super) struct Memory<'a> {
    /// The variables, and those of a step that mixes them.
    pub(super) variables: &'a mut [f32],
    mixed: &'a mut [f32],
    pub(super) log_det: &'a mut [f32],
    /// The conditions of the rows, if each has its own.
    conditions: &'a mut [f32],
    /// Activations.
    hidden: [&'a mut [f32]; 2],
    /// Outputs of a network.
    raw: &'a mut [f32],
}

/// Numbers of a tile's working memory.
pub(super) fn length(arguments: &Arguments, stride: usize) -> usize {
    let Arguments { dimension, condition, widest, most_outputs, .. } = *arguments;
    (2 * dimension + 1 + condition + 2 * widest + most_outputs) as usize * stride
}

impl<'a> Memory<'a> {
    pub(super) fn cut(arguments: &Arguments, stride: usize, mut memory: &'a mut [f32]) -> Self {
        let mut take = |features: u32| {
            let (part, rest) = std::mem::take(&mut memory).split_at_mut(features as usize * stride);
            memory = rest;
            part
        };
        let Arguments { dimension, condition, widest, most_outputs, .. } = *arguments;
        let cut = Memory {
            variables: take(dimension),
            mixed: take(dimension),
            log_det: take(1),
            conditions: take(condition),
            hidden: [take(widest), take(widest)],
            raw: take(most_outputs),
        };
        cut.log_det.fill(0.0);
        cut
    }
}

impl Context<'_> {
    /// Rows `[rows, width]` as `[width, stride]`, zero beyond the rows.
    pub(super) fn across(&self, from: &[f32], width: usize, to: &mut [f32]) {
        let Context { rows, stride, isa, .. } = *self;
        let (from, to) = (&from[..rows * width], &mut to[..width * stride]);
        isa.run(Transpose { from, from_stride: width, rows, columns: width, to, to_stride: stride, add: false });
        if rows < stride {
            to.chunks_exact_mut(stride).for_each(|feature| feature[rows..].fill(0.0));
        }
    }

    /// All steps.
    pub(super) fn tile(&self, memory: &mut Memory) {
        let Arguments { dimension, condition, .. } = self.arguments;
        let (steps, inverse) = (self.program.steps, self.arguments.inverse == 1);
        if self.owners.is_empty() && self.rows > FEW {
            self.across(self.conditions, condition as usize, memory.conditions);
        }
        let mut share = if inverse { self.arguments.shares as usize } else { 0 };
        for number in 0..steps {
            let index = if inverse { steps - 1 - number } else { number };
            match self.program.step(index, dimension as usize) {
                Step::Mix { at, from } => self.mix(&self.numbers[at..][..2 * from.len() + 1], from, memory),
                Step::Coupling(coupling) => {
                    if inverse {
                        share -= coupling.first_outputs();
                    }
                    match self.rows {
                        ..=FEW => self.network_of_few(coupling, share, memory),
                        _ => self.network(coupling, share, memory),
                    }
                    self.map(coupling, memory);
                    if !inverse {
                        share += coupling.first_outputs();
                    }
                }
            }
        }
    }

    /// Scale, shift and permutation.
    fn mix(&self, numbers: &[f32], from: &[u32], memory: &mut Memory) {
        let (d, stride) = (from.len(), self.stride);
        let (scale, shift, log_det) = (&numbers[..d], &numbers[d..2 * d], numbers[2 * d]);
        for (i, &j) in from.iter().enumerate() {
            let (inner, outer) = if self.arguments.inverse == 1 { (i, j as usize) } else { (j as usize, i) };
            let x = &memory.variables[inner * stride..][..stride];
            let y = &mut memory.mixed[outer * stride..][..stride];
            match self.arguments.inverse {
                1 => y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - shift[i]) / scale[i]),
                _ => y.iter_mut().zip(x).for_each(|(y, x)| *y = scale[i] * x + shift[i]),
            }
        }
        std::mem::swap(&mut memory.variables, &mut memory.mixed);
        let log_det = if self.arguments.inverse == 1 { -log_det } else { log_det };
        memory.log_det.iter_mut().for_each(|sum| *sum += log_det);
    }

    /// What a data set's condition adds to a first layer.
    fn share(&self, owner: u32, share: usize, outputs: usize) -> &[f32] {
        &self.conditions[owner as usize * self.arguments.shares as usize + share..][..outputs]
    }

    fn has_one_owner(&self) -> bool {
        self.owners.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The network of a coupling: its outputs in `raw`.
    fn network(&self, coupling: Coupling, share: usize, memory: &mut Memory) {
        let Context { isa, numbers, rows, stride, .. } = *self;
        let (condition, last) = (self.arguments.condition as usize, coupling.layers().len() - 1);
        let [here, there] = &mut memory.hidden;
        let product = |layer: Layer, (first, depth): (usize, usize), b: &[f32], begin: BeginRows, c: &mut [f32]| {
            isa.run(AcrossProduct {
                rows: layer.outputs,
                depth,
                columns: stride,
                a: layer.kernel(numbers, first),
                a_stride: layer.outputs,
                a_transposed: true,
                b,
                begin,
                c,
            });
        };
        for (index, layer) in coupling.layers().enumerate() {
            let c = if index == last { &mut *memory.raw } else { &mut **there };
            let c = &mut c[..layer.outputs * stride];
            let bias = BeginRows::Bias(layer.bias(numbers));
            if index > 0 {
                product(layer, (0, layer.inputs), here, bias, c);
            } else {
                let (first, given) = coupling.given;
                let begin = match self.owners {
                    [] if condition == 0 => bias,
                    [] => {
                        product(layer, (given, condition), memory.conditions, bias, c);
                        BeginRows::There
                    }
                    owners if self.has_one_owner() => BeginRows::Bias(self.share(owners[0], share, layer.outputs)),
                    owners => {
                        for (row, owner) in owners.iter().enumerate() {
                            let of_row = self.share(*owner, share, layer.outputs);
                            c.iter_mut().skip(row).step_by(stride).zip(of_row).for_each(|(c, share)| *c = *share);
                        }
                        if rows < stride {
                            c.chunks_exact_mut(stride).for_each(|feature| feature[rows..].fill(0.0));
                        }
                        BeginRows::There
                    }
                };
                product(layer, (0, given), &memory.variables[first * stride..], begin, c);
            }
            vector::apply_in_place(isa, layer.function, c);
            std::mem::swap(here, there);
        }
    }

    /// The network of a coupling for few rows, which lie behind each other until the end.
    fn network_of_few(&self, coupling: Coupling, share: usize, memory: &mut Memory) {
        let Context { isa, numbers, packed, rows, stride, .. } = *self;
        let (condition, last) = (self.arguments.condition as usize, coupling.layers().len() - 1);
        let [here, there] = &mut memory.hidden;
        for (index, layer) in coupling.layers().enumerate() {
            let outputs = layer.outputs;
            let c = &mut there[..rows * outputs];
            let product = |(first, depth): (usize, usize), a: &[f32], transposed: bool, begin: Begin, c: &mut [f32]| {
                isa.run(PackedProduct {
                    rows,
                    depth,
                    columns: outputs,
                    a,
                    a_stride: if transposed { stride } else { depth },
                    a_transposed: transposed,
                    panels: layer.panels(packed, first, depth),
                    begin,
                    c,
                });
            };
            let bias = Begin::Bias(layer.bias(numbers));
            if index > 0 {
                product((0, layer.inputs), here, false, bias, c);
            } else {
                let begin = match self.owners {
                    [] if condition == 0 => bias,
                    [] => {
                        product((coupling.given.1, condition), self.conditions, false, bias, c);
                        Begin::There
                    }
                    owners if self.has_one_owner() => Begin::Bias(self.share(owners[0], share, outputs)),
                    owners => {
                        for (row, owner) in c.chunks_mut(outputs).zip(owners) {
                            row.copy_from_slice(self.share(*owner, share, outputs));
                        }
                        Begin::There
                    }
                };
                let (first, given) = coupling.given;
                product((0, given), &memory.variables[first * stride..], true, begin, c);
            }
            vector::apply_in_place(isa, layer.function, c);
            if index == last {
                // Lanes beyond the rows hold anything: what becomes of them is never read.
                for (feature, raw) in memory.raw.chunks_exact_mut(stride).take(outputs).enumerate() {
                    (0..rows).for_each(|row| raw[row] = c[row * outputs + feature]);
                }
            }
            std::mem::swap(here, there);
        }
    }

    /// The map of a coupling's targets.
    fn map(&self, coupling: Coupling, memory: &mut Memory) {
        let (stride, (first, n)) = (self.stride, coupling.targets);
        let target = Target {
            n,
            rows: self.rows,
            stride,
            inverse: self.arguments.inverse == 1,
            raw: memory.raw,
            x: &mut memory.variables[first * stride..(first + n) * stride],
            log_det: memory.log_det,
        };
        Map { kind: coupling.kind, spline: self.arguments.spline }.forward(self.isa, target);
    }
}
