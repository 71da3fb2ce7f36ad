//! The fused flow on the CPU.

use super::plan::{AFFINE, CLAMPED_AFFINE, COUPLING, COUPLING_WORDS, LAYER_WORDS, MIX, PADDED_COLUMNS};
use super::{Arguments, plan};
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{self, Begin, PackedProduct, View};
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::{Isa, Launch, vector};
use crate::math::Function;
use crate::ops::coupling_affine::Scale;
use crate::ops::coupling_spline::{self, Block, MOST_BINS, Point};
use crate::ops::flow_lanes::{MOST_LANES, read_strided};

/// Rows of a tile: with the widest usual layer, 128, activations and a panel of weights fit the first-level cache. A multiple
/// of the heights of register tiles and of vectors.
const TILE: usize = 48;

/// Decodes the program.
struct Program<'a> {
    words: &'a [u32],
    steps: usize,
}

/// A coupling as the program says it.
#[derive(Clone, Copy)]
struct Coupling<'a> {
    given: (usize, usize),
    targets: (usize, usize),
    kind: u32,
    layers: &'a [u32],
}

/// A dense layer as the program says it.
#[derive(Clone, Copy)]
struct Layer {
    inputs: usize,
    outputs: usize,
    function: Function,
    at: usize,
    packed: usize,
}

enum Step<'a> {
    Mix { at: usize, from: &'a [u32] },
    Coupling(Coupling<'a>),
}

impl<'a> Program<'a> {
    fn step(&self, index: usize, dimension: usize) -> Step<'a> {
        let words = &self.words[self.words[index] as usize..];
        debug_assert!(index < self.steps);
        match words[0] {
            MIX => Step::Mix { at: words[1] as usize, from: &words[2..2 + dimension] },
            _ => {
                debug_assert_eq!(words[0], COUPLING);
                let [given, count, target, targets] = [1, 2, 3, 4].map(|i| words[i] as usize);
                let layers = &words[COUPLING_WORDS..][..words[6] as usize * LAYER_WORDS];
                Step::Coupling(Coupling { given: (given, count), targets: (target, targets), kind: words[5], layers })
            }
        }
    }

    fn couplings(&self, dimension: usize) -> impl Iterator<Item = Coupling<'a>> {
        (0..self.steps).filter_map(move |index| match self.step(index, dimension) {
            Step::Coupling(coupling) => Some(coupling),
            Step::Mix { .. } => None,
        })
    }
}

impl Coupling<'_> {
    fn layers(&self) -> impl DoubleEndedIterator<Item = Layer> + ExactSizeIterator {
        self.layers.chunks_exact(LAYER_WORDS).map(|words| Layer {
            inputs: words[0] as usize,
            outputs: words[1] as usize,
            function: Function::ALL.get(words[2] as usize).copied().unwrap_or(Function::Linear),
            at: words[3] as usize,
            packed: words[4] as usize,
        })
    }

    fn first_outputs(&self) -> usize {
        self.layers().next().map_or(0, |layer| layer.outputs)
    }
}

impl Layer {
    fn bias<'a>(&self, numbers: &'a [f32]) -> &'a [f32] {
        &numbers[self.at + self.inputs * self.outputs..][..self.outputs]
    }

    /// The packed rows `first .. first + count` of the weights; a first layer is packed in two parts.
    fn panels<'a>(&self, packed: &'a [f32], first: usize, count: usize) -> &'a [f32] {
        let padded = self.outputs.next_multiple_of(PADDED_COLUMNS);
        &packed[self.packed + first * padded..][..count * padded]
    }
}

/// Packs the weights of all layers.
pub(super) fn pack(launch: &mut Launch) {
    let Arguments { dimension, steps, .. } = launch.arguments();
    let (words, numbers, packed) = (launch.indices(0), launch.input(1), launch.output(0));
    packed.fill(0.0);
    for coupling in (Program { words, steps: steps as usize }).couplings(dimension as usize) {
        for (index, layer) in coupling.layers().enumerate() {
            let given = if index == 0 { coupling.given.1 } else { layer.inputs };
            let padded = layer.outputs.next_multiple_of(PADDED_COLUMNS);
            for (first, count) in [(0, given), (given, layer.inputs - given)] {
                let rows = &numbers[layer.at + first * layer.outputs..][..count * layer.outputs];
                let to = &mut packed[layer.packed + first * padded..][..count * padded];
                if let Ok(view) = View::row_major(rows, count, layer.outputs) {
                    matrix::pack(launch.isa, view, to);
                }
            }
        }
    }
}

/// Computes what conditions add to the first layers.
pub(super) fn shares(launch: &mut Launch) {
    let Arguments { dimension, condition, steps, shares, rows, .. } = launch.arguments();
    let (words, numbers, packed, conditions) = (launch.indices(0), launch.input(1), launch.input(2), launch.input(3));
    let (out, isa) = (launch.output(0), launch.isa);
    let (condition, width, rows) = (condition as usize, shares as usize, rows as usize);
    let program = Program { words, steps: steps as usize };
    launch.threads.for_each_rows(rows, TILE, [(out, width)], |index, [out]| {
        let first_row = index * TILE;
        let count = out.len() / width.max(1);
        let mut at = 0;
        for coupling in program.couplings(dimension as usize) {
            let Some(layer) = coupling.layers().next() else { continue };
            with_scratch(count * layer.outputs, |c| {
                isa.run(PackedProduct {
                    rows: count,
                    depth: condition,
                    columns: layer.outputs,
                    a: &conditions[first_row * condition..],
                    a_stride: condition,
                    a_transposed: false,
                    panels: layer.panels(packed, coupling.given.1, condition),
                    begin: Begin::Bias(layer.bias(numbers)),
                    c,
                });
                for (out, c) in out.chunks_mut(width).zip(c.chunks(layer.outputs)) {
                    out[at..at + layer.outputs].copy_from_slice(c);
                }
            });
            at += layer.outputs;
        }
    });
}

/// Everything that a tile reads.
struct Context<'a> {
    arguments: Arguments,
    isa: Isa,
    program: Program<'a>,
    numbers: &'a [f32],
    packed: &'a [f32],
    /// Conditions of the tile's rows, or shares of all data sets.
    conditions: &'a [f32],
    /// The data set of each row of the tile; empty when each row has its own condition.
    owners: &'a [u32],
    rows: usize,
}

/// The left factor of a product.
struct Factor<'a> {
    a: &'a [f32],
    stride: usize,
    transposed: bool,
}

/// Working memory of a tile.
struct Memory<'a> {
    /// The variables, and those of a step that mixes them: `[dimension, TILE]`.
    variables: &'a mut [f32],
    mixed: &'a mut [f32],
    log_det: &'a mut [f32],
    /// Activations, row by row.
    hidden: [&'a mut [f32]; 2],
    /// Outputs of a network, row by row.
    raw: &'a mut [f32],
}

/// Maps all rows.
pub(super) fn run(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (words, numbers, packed, x) = (launch.indices(0), launch.input(1), launch.input(2), launch.input(3));
    let (conditions, owners) = (launch.input(4), launch.indices(5));
    let (z, log_det, isa) = (launch.output(0), launch.output(1), launch.isa);
    let (d, rows, widest) = (arguments.dimension as usize, arguments.rows as usize, arguments.widest as usize);
    let most_outputs = arguments.most_outputs as usize;
    let length = (2 * d + 1) * TILE + (2 * widest + most_outputs) * TILE;
    launch.threads.for_each_rows(rows, TILE, [(z, d), (log_det, 1)], |index, [z, log_det]| {
        let first = index * TILE;
        let count = log_det.len();
        let (conditions, owners) = match arguments.shared {
            1 => (conditions, &owners[first..first + count]),
            _ => (&conditions[first * arguments.condition as usize..], &[][..]),
        };
        let program = Program { words, steps: arguments.steps as usize };
        let context = Context { arguments, isa, program, numbers, packed, conditions, owners, rows: count };
        with_scratch(length, |scratch| {
            let (variables, rest) = scratch.split_at_mut(d * TILE);
            let (mixed, rest) = rest.split_at_mut(d * TILE);
            let (sums, rest) = rest.split_at_mut(TILE);
            let (one, rest) = rest.split_at_mut(widest * TILE);
            let (two, raw) = rest.split_at_mut(widest * TILE);
            sums.fill(0.0);
            variables.fill(0.0);
            for (row, x) in x[first * d..][..count * d].chunks(d.max(1)).enumerate() {
                x.iter().enumerate().for_each(|(j, x)| variables[j * TILE + row] = *x);
            }
            let memory = &mut Memory { variables, mixed, log_det: sums, hidden: [one, two], raw };
            context.tile(memory);
            for (row, z) in z.chunks_mut(d.max(1)).enumerate() {
                z.iter_mut().enumerate().for_each(|(j, z)| *z = memory.variables[j * TILE + row]);
            }
            log_det.copy_from_slice(&memory.log_det[..count]);
        });
    });
}

impl Context<'_> {
    /// All steps for one tile.
    fn tile(&self, memory: &mut Memory) {
        let dimension = self.arguments.dimension as usize;
        let (steps, inverse) = (self.program.steps, self.arguments.inverse == 1);
        let mut share = if inverse { self.arguments.shares as usize } else { 0 };
        for number in 0..steps {
            let index = if inverse { steps - 1 - number } else { number };
            match self.program.step(index, dimension) {
                Step::Mix { at, from } => self.mix(&self.numbers[at..][..2 * dimension + 1], from, memory),
                Step::Coupling(coupling) => {
                    if inverse {
                        share -= coupling.first_outputs();
                    }
                    self.network(coupling, share, memory);
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
        let d = from.len();
        let (scale, shift, log_det) = (&numbers[..d], &numbers[d..2 * d], numbers[2 * d]);
        for (i, &j) in from.iter().enumerate() {
            let (inner, outer) = if self.arguments.inverse == 1 { (i, j as usize) } else { (j as usize, i) };
            let x = &memory.variables[inner * TILE..][..TILE];
            let y = &mut memory.mixed[outer * TILE..][..TILE];
            match self.arguments.inverse {
                1 => y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - shift[i]) / scale[i]),
                _ => y.iter_mut().zip(x).for_each(|(y, x)| *y = scale[i] * x + shift[i]),
            }
        }
        std::mem::swap(&mut memory.variables, &mut memory.mixed);
        let log_det = if self.arguments.inverse == 1 { -log_det } else { log_det };
        memory.log_det.iter_mut().for_each(|sum| *sum += log_det);
    }

    /// The network of a coupling: its outputs in `raw`.
    fn network(&self, coupling: Coupling, share: usize, memory: &mut Memory) {
        let Context { isa, numbers, rows, .. } = *self;
        let (condition, last) = (self.arguments.condition as usize, coupling.layers().len() - 1);
        let [here, there] = &mut memory.hidden;
        for (index, layer) in coupling.layers().enumerate() {
            let outputs = layer.outputs;
            let c: &mut [f32] = if index == last { memory.raw } else { there };
            let bias = Begin::Bias(layer.bias(numbers));
            if index > 0 {
                let a = Factor { a: here, stride: layer.inputs, transposed: false };
                self.product(layer, (0, layer.inputs), a, bias, c);
            } else {
                let begin = match self.owners {
                    [] if condition == 0 => bias,
                    [] => {
                        let a = Factor { a: self.conditions, stride: condition, transposed: false };
                        self.product(layer, (coupling.given.1, condition), a, bias, c);
                        Begin::There
                    }
                    owners => {
                        let width = self.arguments.shares as usize;
                        let of = |owner: u32| &self.conditions[owner as usize * width + share..][..outputs];
                        if owners.iter().all(|owner| *owner == owners[0]) {
                            Begin::Bias(of(owners[0]))
                        } else {
                            for (row, owner) in c.chunks_mut(outputs).zip(owners) {
                                row.copy_from_slice(of(*owner));
                            }
                            Begin::There
                        }
                    }
                };
                let (first, given) = coupling.given;
                let a = Factor { a: &memory.variables[first * TILE..], stride: TILE, transposed: true };
                self.product(layer, (0, given), a, begin, c);
            }
            vector::apply_in_place(isa, layer.function, &mut c[..rows * outputs]);
            std::mem::swap(here, there);
        }
    }

    /// Rows `first .. first + depth` of a layer's weights times as many features of the tile.
    fn product(&self, layer: Layer, (first, depth): (usize, usize), a: Factor, begin: Begin, c: &mut [f32]) {
        self.isa.run(PackedProduct {
            rows: self.rows,
            depth,
            columns: layer.outputs,
            a: a.a,
            a_stride: a.stride,
            a_transposed: a.transposed,
            panels: layer.panels(self.packed, first, depth),
            begin,
            c,
        });
    }

    /// The map of a coupling's targets.
    fn map(&self, coupling: Coupling, memory: &mut Memory) {
        let (first, n) = coupling.targets;
        let target = Target {
            rows: self.rows,
            n,
            inverse: self.arguments.inverse == 1,
            raw: memory.raw,
            x: &mut memory.variables[first * TILE..(first + n) * TILE],
            log_det: memory.log_det,
        };
        match coupling.kind {
            AFFINE => self.isa.run(AffineMap { target, clamp: false }),
            CLAMPED_AFFINE => self.isa.run(AffineMap { target, clamp: true }),
            _ => {
                debug_assert_eq!(coupling.kind, plan::SPLINE);
                self.isa.run(SplineMap { target, arguments: self.arguments.spline });
            }
        }
    }
}

/// The targets of a coupling in a tile: `x` `[n, TILE]` is replaced.
struct Target<'a> {
    rows: usize,
    n: usize,
    inverse: bool,
    /// `[rows, n · parameters]`.
    raw: &'a [f32],
    x: &'a mut [f32],
    log_det: &'a mut [f32],
}

struct AffineMap<'a> {
    target: Target<'a>,
    clamp: bool,
}

impl lanes::Kernel for AffineMap<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Target { rows, n, inverse, raw, x, log_det } = self.target;
        for start in (0..rows).step_by(L::WIDTH) {
            let count = L::WIDTH.min(rows - start);
            let mut sum = l.read(&log_det[start..start + L::WIDTH]);
            for j in 0..n {
                let a = read_strided(l, raw, count, |lane| (start + lane) * 2 * n + j);
                let b = read_strided(l, raw, count, |lane| (start + lane) * 2 * n + n + j);
                let place = &mut x[j * TILE + start..][..L::WIDTH];
                let value = l.read(place);
                let Scale { s, .. } = Scale::new(l, a, self.clamp);
                let log = vector::log(l, s);
                let (value, log) =
                    if inverse { (l.div(l.sub(value, b), s), l.neg(log)) } else { (l.fma(s, value, b), log) };
                l.write(place, value);
                sum = l.add(sum, log);
            }
            l.write(&mut log_det[start..start + L::WIDTH], sum);
        }
    }
}

struct SplineMap<'a> {
    target: Target<'a>,
    arguments: coupling_spline::Arguments,
}

impl lanes::Kernel for SplineMap<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Target { rows, n, inverse, raw, x, log_det } = self.target;
        let parameters = 3 * self.arguments.bins as usize + 3;
        let mut block: Block = [[0.0; MOST_LANES]; 3 * MOST_BINS + 3];
        for start in (0..rows).step_by(L::WIDTH) {
            let count = L::WIDTH.min(rows - start);
            let mut sum = l.read(&log_det[start..start + L::WIDTH]);
            for j in 0..n {
                for lane in 0..count {
                    let raw = &raw[((start + lane) * n + j) * parameters..][..parameters];
                    block.iter_mut().zip(raw).for_each(|(row, raw)| row[lane] = *raw);
                }
                let place = &mut x[j * TILE + start..][..L::WIDTH];
                let (value, log) = Point::new(l, &self.arguments, l.read(place), &mut block).value(l, inverse);
                l.write(place, value);
                sum = l.add(sum, log);
            }
            l.write(&mut log_det[start..start + L::WIDTH], sum);
        }
    }
}
