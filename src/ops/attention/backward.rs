//! The gradients of attention on the CPU: one pass over tiles of queries and blocks of keys, the probabilities made again.
//!
//! One task owns all rows of a set in one head, so the gradients of keys are sums over the queries in ascending order, for
//! any number of threads.

use super::sets::Sets;
use super::tile::{Faults, MOST_QUERIES, Tile, VECTORS, multiply, take};
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{Output, SmallProduct, View, Zeros};
use crate::device::cpu::vector::exp_not_positive;
use crate::device::cpu::{Isa, Launch};

/// Probabilities that are made together: for as many keys as these hold rows of lanes, a multiple of four of them.
const BLOCK: usize = 48 * 32;

/// Reads q, k, v, offsets of queries, offsets of keys, mask, the output, the logarithms of the sums, and the gradient of
/// the output; writes the gradients of q, k, v.
pub(super) fn backward(launch: &mut Launch) {
    let outputs = [launch.output(0), launch.output(1), launch.output(2)];
    let read = Sets::of(launch).and_then(|sets| {
        let log_sums = View::row_major(launch.input(7), sets.q.rows(), sets.arguments.heads as usize).ok()?;
        Some(Read { out: sets.of_queries(launch.input(6))?, dout: sets.of_queries(launch.input(8))?, log_sums, sets })
    });
    let Some(read) = read else {
        outputs.into_iter().for_each(|output| output.fill(f32::NAN));
        return;
    };
    let (sets, isa) = (&read.sets, launch.isa);
    let (heads, width, scratch) = (sets.arguments.heads as usize, sets.q.columns(), Memory::length(sets, isa));
    let outputs = outputs.map(|output| (output, width));
    let ranges = |set: usize| [sets.queries_of(set), sets.keys_of(set), sets.keys_of(set)];
    launch.threads.for_each_block(sets.count(), ranges, heads, outputs, scratch, |set, head, outputs, scratch| {
        let [dq, dk, dv] = outputs;
        isa.run(Set { read: &read, set, head, dq, dk, dv, scratch });
    });
}

/// What is read.
struct Read<'a> {
    sets: Sets<'a>,
    out: View<'a>,
    dout: View<'a>,
    /// `[queries, heads]`.
    log_sums: View<'a>,
}

/// Working memory. Of those with lanes, rows are one number for each lane of a tile.
struct Memory<'a> {
    /// The queries and the gradient of the output: a row of lanes for each column of the head.
    q: &'a mut [f32],
    dout: &'a mut [f32],
    /// The gradient of the queries, likewise.
    dq: &'a mut [f32],
    /// Queries and gradient of the output again, query by query.
    q_rows: &'a mut [f32],
    dout_rows: &'a mut [f32],
    /// Scores of a block of keys, then probabilities times dropout factors.
    scores: &'a mut [f32],
    /// Gradients of the scores.
    slopes: &'a mut [f32],
    /// The mask, and the dropout factors, of a block.
    mask: &'a mut [f32],
    factors: &'a mut [f32],
}

impl<'a> Memory<'a> {
    /// Lengths of the parts for tiles of a width.
    #[inline(always)]
    fn lengths(sets: &Sets, width: usize, lanes: usize) -> [usize; 9] {
        let h = sets.arguments.head_width as usize;
        let of = |present: bool| if present { BLOCK } else { 0 };
        let (mask, factors) = (of(sets.mask.is_some()), of(sets.arguments.drops.threshold > 0));
        let (columns, rows) = (h * width, width * h.next_multiple_of(lanes));
        [columns, columns, columns, rows, rows, BLOCK, BLOCK, mask, factors]
    }

    fn length(sets: &Sets, isa: Isa) -> usize {
        Memory::lengths(sets, VECTORS * isa.width(), isa.width()).iter().sum()
    }

    #[inline(always)]
    fn new(sets: &Sets, width: usize, lanes: usize, mut scratch: &'a mut [f32]) -> Self {
        let lengths = Memory::lengths(sets, width, lanes);
        Memory {
            q: take(&mut scratch, lengths[0]),
            dout: take(&mut scratch, lengths[1]),
            dq: take(&mut scratch, lengths[2]),
            q_rows: take(&mut scratch, lengths[3]),
            dout_rows: take(&mut scratch, lengths[4]),
            scores: take(&mut scratch, lengths[5]),
            slopes: take(&mut scratch, lengths[6]),
            mask: take(&mut scratch, lengths[7]),
            factors: take(&mut scratch, lengths[8]),
        }
    }
}

/// One head of one set.
struct Set<'a> {
    read: &'a Read<'a>,
    set: usize,
    head: usize,
    dq: Output<'a>,
    dk: Output<'a>,
    dv: Output<'a>,
    scratch: &'a mut [f32],
}

impl lanes::Kernel for Set<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Set { read, set, head, mut dq, mut dk, mut dv, scratch } = self;
        let sets = &read.sets;
        let (queries, keys, accumulate) = (sets.queries_of(set), sets.keys_of(set), sets.arguments.accumulate);
        // The first tile writes the gradients of the keys, the others add to them.
        let mut go_on = [accumulate[1] == 1, accumulate[2] == 1];
        if queries.is_empty() {
            for (gradient, go_on) in [&mut dk, &mut dv].into_iter().zip(go_on) {
                if !go_on {
                    (0..keys.len()).for_each(|key| gradient.row(key).fill(0.0));
                }
            }
        }
        let mut faults = Faults::none(l);
        for matrix in [sets.k, sets.v] {
            let part = matrix.block(keys.clone(), sets.columns(head));
            for key in 0..keys.len() {
                faults = faults.look(l, part.row(key));
            }
        }
        for start in queries.clone().step_by(VECTORS * L::WIDTH) {
            let rows = start..queries.end.min(start + VECTORS * L::WIDTH);
            let dq = dq.part(rows.start - queries.start..rows.end - queries.start);
            let tile = Tile::new(l, sets, head, rows, keys.clone());
            let mut memory = Memory::new(sets, tile.width, L::WIDTH, &mut *scratch);
            tile.gradients(l, read, &mut memory, dq, [&mut dk, &mut dv], go_on, faults);
            go_on = [true; 2];
        }
    }
}

/// A vector of queries.
#[derive(Clone, Copy)]
struct Query<L: Lanes> {
    log_sum: L::F,
    /// Gradient of the output times the output.
    delta: L::F,
}

impl<L: Lanes> Query<L> {
    /// From a score; 0 for a query that attends to nothing.
    #[inline(always)]
    fn probability(&self, l: L, score: L::F) -> L::F {
        let nothing = l.eq(self.log_sum, l.splat(f32::NEG_INFINITY));
        l.select(nothing, l.zero(), exp_not_positive(l, l.sub(score, self.log_sum)))
    }

    /// The gradient of a score from its probability and the gradient of that; 0 for a probability of 0, even if the
    /// latter is not finite.
    #[inline(always)]
    fn slope(&self, l: L, p: L::F, dp: L::F) -> L::F {
        l.select(l.eq(p, l.zero()), l.zero(), l.mul(p, l.sub(dp, self.delta)))
    }
}

impl Tile<'_> {
    /// Writes or adds the gradient of the queries, and what they contribute to the gradients of their keys.
    #[inline(always)]
    fn gradients<L: Lanes>(
        &self,
        l: L,
        read: &Read,
        memory: &mut Memory,
        mut dq: Output,
        [dk, dv]: [&mut Output; 2],
        go_on: [bool; 2],
        faults: Faults<L>,
    ) {
        let (sets, width, scale) = (self.sets, self.width, self.sets.arguments.scale);
        let queries = self.statistics(l, read, memory);
        self.transposed(l, sets.q, memory.q);
        multiply(l, memory.q, scale);
        self.in_rows(l, memory.q, memory.q_rows);
        self.in_rows(l, memory.dout, memory.dout_rows);
        let careful = faults.look(l, memory.q).look(l, memory.dout).any(l);
        memory.dq.fill(0.0);
        for start in self.keys.clone().step_by(BLOCK / width) {
            let keys = start..self.keys.end.min(start + BLOCK / width);
            let (k, v) = (self.of_keys(sets.k, keys.clone()), self.of_keys(sets.v, keys.clone()));
            let keys = keys.start - self.keys.start..keys.end - self.keys.start;
            let block = ..keys.len() * width;
            let (scores, slopes) = (&mut memory.scores[block], &mut memory.slopes[block]);
            self.for_keys(l, k, memory.q, scores);
            self.for_keys(l, v, memory.dout, slopes);
            if sets.mask.is_some() {
                self.exclude(l, keys.clone(), scores, memory.mask);
            }
            if self.drops() {
                self.factors(l, keys.clone(), memory.factors);
            }
            for (v, query) in queries[..width / L::WIDTH].iter().enumerate() {
                self.slopes(l, v * L::WIDTH, query, scores, slopes, memory.factors);
            }
            self.over_keys(l, k, slopes, memory.dq, careful);
            self.over_queries(l, slopes, memory.q_rows, dk.part(keys.clone()), go_on[0], careful);
            self.over_queries(l, scores, memory.dout_rows, dv.part(keys), go_on[1], careful);
        }
        multiply(l, memory.dq, scale);
        self.in_rows(l, memory.dq, memory.q_rows);
        let h = dq.columns();
        for (query, from) in memory.q_rows.chunks_exact(h.next_multiple_of(L::WIDTH)).take(dq.rows()).enumerate() {
            let to = dq.row(query);
            match sets.arguments.accumulate[0] {
                1 => to.iter_mut().zip(from).for_each(|(to, from)| *to += from),
                _ => to.copy_from_slice(&from[..h]),
            }
        }
    }

    /// The logarithms of the sums and `δ`; leaves the gradient of the output transposed.
    #[inline(always)]
    fn statistics<L: Lanes>(&self, l: L, read: &Read, memory: &mut Memory) -> [Query<L>; VECTORS] {
        self.transposed(l, read.dout, memory.dout);
        self.transposed(l, read.out, memory.dq);
        let mut log_sums = [0.0; MOST_QUERIES];
        for (log_sum, query) in log_sums.iter_mut().zip(self.queries.clone()) {
            *log_sum = read.log_sums.row(query)[self.head];
        }
        let mut queries = [Query { log_sum: l.zero(), delta: l.zero() }; VECTORS];
        for (v, query) in queries[..self.width / L::WIDTH].iter_mut().enumerate() {
            let lanes = v * L::WIDTH..(v + 1) * L::WIDTH;
            query.log_sum = l.read(&log_sums[lanes.clone()]);
            for (dout, out) in memory.dout.chunks_exact(self.width).zip(memory.dq.chunks_exact(self.width)) {
                query.delta = l.fma(l.read(&dout[lanes.clone()]), l.read(&out[lanes.clone()]), query.delta);
            }
        }
        queries
    }

    /// From scores and the slopes of the dropped probabilities: the latter, and the slopes of the scores.
    #[inline(always)]
    fn slopes<L: Lanes>(
        &self,
        l: L,
        lane: usize,
        query: &Query<L>,
        scores: &mut [f32],
        slopes: &mut [f32],
        factors: &[f32],
    ) {
        let (width, lanes) = (self.width, lane..lane + L::WIDTH);
        let zero = l.zero();
        let rows = scores.chunks_exact_mut(width).zip(slopes.chunks_exact_mut(width));
        if self.drops() {
            for ((scores, slopes), factors) in rows.zip(factors.chunks_exact(width)) {
                let (score, dp, factor) =
                    (&mut scores[lanes.clone()], &mut slopes[lanes.clone()], &factors[lanes.clone()]);
                let (p, factor) = (query.probability(l, l.read(score)), l.read(factor));
                let dropped = l.eq(factor, zero);
                l.write(dp, query.slope(l, p, l.select(dropped, zero, l.mul(factor, l.read(dp)))));
                l.write(score, l.select(dropped, zero, l.mul(p, factor)));
            }
        } else {
            for (scores, slopes) in rows {
                let (score, dp) = (&mut scores[lanes.clone()], &mut slopes[lanes.clone()]);
                let p = query.probability(l, l.read(score));
                l.write(dp, query.slope(l, p, l.read(dp)));
                l.write(score, p);
            }
        }
    }

    /// `to = weights · rows`, or adds it: sums over the queries, for each of some keys.
    #[inline(always)]
    fn over_queries<L: Lanes>(&self, l: L, weights: &[f32], rows: &[f32], to: Output, go_on: bool, careful: bool) {
        let Ok(a) = View::row_major(weights, to.rows(), self.width) else { return };
        let a = a.block(0..to.rows(), 0..self.queries.len());
        let zeros = if careful { Zeros::OfA } else { Zeros::Count };
        let b_stride = to.columns().next_multiple_of(L::WIDTH);
        l.enter(SmallProduct { a, b: rows, b_stride, go_on, c: to, zeros });
    }
}
