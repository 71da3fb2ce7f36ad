//! Attention on the CPU: a tile of queries walks through blocks of keys with a running maximum.

use std::ops::Range;

use super::sets::Sets;
use super::tile::{Faults, MOST_QUERIES, Tile, VECTORS, multiply, take};
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::Output;
use crate::device::cpu::vector::{exp_not_positive, log};
use crate::device::cpu::{Isa, Launch};

/// Keys whose scores are formed before their exponentials are taken; a multiple of four.
const BLOCK: usize = 128;

/// Reads q, k, v, offsets of queries, offsets of keys, mask; writes the output and the logarithms of the sums.
pub(super) fn forward(launch: &mut Launch) {
    let (out, log_sums) = (launch.output(0), launch.output(1));
    let Some(sets) = Sets::of(launch) else {
        out.fill(f32::NAN);
        log_sums.fill(f32::NAN);
        return;
    };
    let heads = sets.arguments.heads as usize;
    let outputs = [(out, sets.q.columns()), (log_sums, heads)];
    let (isa, scratch) = (launch.isa, Memory::length(&sets, launch.isa));
    let ranges = |piece: usize| [sets.piece(piece), sets.piece(piece)];
    launch.threads.for_each_block(sets.pieces(), ranges, heads, outputs, scratch, |piece, head, outputs, scratch| {
        let [out, log_sums] = outputs;
        isa.run(Piece { sets: &sets, queries: sets.piece(piece), head, out, log_sums, scratch });
    });
}

/// Working memory; rows are one number for each lane of a tile.
struct Memory<'a> {
    /// The queries, a row for each column of the head, scaled.
    q: &'a mut [f32],
    /// The outputs, likewise.
    out: &'a mut [f32],
    /// Scores of a block of keys, then weights.
    scores: &'a mut [f32],
    /// The mask, and the dropout factors, of a block.
    mask: &'a mut [f32],
    factors: &'a mut [f32],
    /// The outputs, query by query.
    rows: &'a mut [f32],
}

impl<'a> Memory<'a> {
    /// Lengths of the parts for tiles of a width.
    #[inline(always)]
    fn lengths(sets: &Sets, width: usize, lanes: usize) -> [usize; 6] {
        let h = sets.arguments.head_width as usize;
        let of = |present: bool| if present { BLOCK * width } else { 0 };
        let (mask, factors) = (of(sets.mask.is_some()), of(sets.arguments.drops.threshold > 0));
        [h * width, h * width, BLOCK * width, mask, factors, width * h.next_multiple_of(lanes)]
    }

    fn length(sets: &Sets, isa: Isa) -> usize {
        Memory::lengths(sets, VECTORS * isa.width(), isa.width()).iter().sum()
    }

    #[inline(always)]
    fn new(sets: &Sets, width: usize, lanes: usize, mut scratch: &'a mut [f32]) -> Self {
        let lengths = Memory::lengths(sets, width, lanes);
        Memory {
            q: take(&mut scratch, lengths[0]),
            out: take(&mut scratch, lengths[1]),
            scores: take(&mut scratch, lengths[2]),
            mask: take(&mut scratch, lengths[3]),
            factors: take(&mut scratch, lengths[4]),
            rows: take(&mut scratch, lengths[5]),
        }
    }
}

/// Some queries of one head, perhaps of several sets.
struct Piece<'a> {
    sets: &'a Sets<'a>,
    queries: Range<usize>,
    head: usize,
    out: Output<'a>,
    log_sums: Output<'a>,
    scratch: &'a mut [f32],
}

impl lanes::Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Piece { sets, queries, head, mut out, mut log_sums, scratch } = self;
        let mut first = queries.start;
        while first < queries.end {
            let set = sets.set_of(first);
            let end = sets.queries_of(set).end.min(queries.end).max(first + 1);
            for start in (first..end).step_by(VECTORS * L::WIDTH) {
                let rows = start..end.min(start + VECTORS * L::WIDTH);
                let place = rows.start - queries.start..rows.end - queries.start;
                let tile = Tile::new(l, sets, head, rows, sets.keys_of(set));
                let mut memory = Memory::new(sets, tile.width, L::WIDTH, &mut *scratch);
                tile.attend(l, &mut memory, out.part(place.clone()), log_sums.part(place));
            }
            first = end;
        }
    }
}

/// What a vector of queries remembers from block to block.
#[derive(Clone, Copy)]
struct Running<L: Lanes> {
    /// The largest score; −∞ for none. NaN is passed over: it turns up in the sum.
    maximum: L::F,
    /// The sum of exponentials of the scores less the maximum.
    total: L::F,
    /// Above 0 where any key was attended.
    attended: L::F,
}

impl Tile<'_> {
    /// Fills the outputs and the logarithms of the sums of exponentials.
    #[inline(always)]
    fn attend<L: Lanes>(&self, l: L, memory: &mut Memory, mut out: Output, mut log_sums: Output) {
        self.transposed(l, self.sets.q, memory.q);
        multiply(l, memory.q, self.sets.arguments.scale);
        let mut running = self.walk(l, memory, false);
        if Faults::none(l).look(l, memory.out).any(l) {
            // Perhaps by a key of weight 0 whose value is not finite.
            running = self.walk(l, memory, true);
        }
        let mut logarithms = [0.0; MOST_QUERIES];
        for (v, &Running { maximum, total, attended }) in running[..self.width / L::WIDTH].iter().enumerate() {
            let attended = l.lt(l.zero(), attended);
            let nothing = l.splat(f32::NEG_INFINITY);
            l.write(&mut logarithms[v * L::WIDTH..], l.select(attended, l.add(maximum, log(l, total)), nothing));
            for row in memory.out.chunks_exact_mut(self.width) {
                let out = &mut row[v * L::WIDTH..(v + 1) * L::WIDTH];
                l.write(out, l.select(attended, l.div(l.read(out), total), l.zero()));
            }
        }
        self.in_rows(l, memory.out, memory.rows);
        let h = out.columns();
        for (query, row) in memory.rows.chunks_exact(h.next_multiple_of(L::WIDTH)).take(out.rows()).enumerate() {
            out.row(query).copy_from_slice(&row[..h]);
            log_sums.row(query)[0] = logarithms[query];
        }
    }

    /// Walks through all keys; leaves the sums of weighted values, which are not yet divided by the sums of weights.
    #[inline(always)]
    fn walk<L: Lanes>(&self, l: L, memory: &mut Memory, careful: bool) -> [Running<L>; VECTORS] {
        let (width, first) = (self.width, self.keys.start);
        let start = Running { maximum: l.splat(f32::NEG_INFINITY), total: l.zero(), attended: l.zero() };
        let mut running = [start; VECTORS];
        memory.out.fill(0.0);
        for start in self.keys.clone().step_by(BLOCK) {
            let keys = start..self.keys.end.min(start + BLOCK);
            let (k, v) = (self.of_keys(self.sets.k, keys.clone()), self.of_keys(self.sets.v, keys.clone()));
            let scores = &mut memory.scores[..keys.len() * width];
            let keys = keys.start - first..keys.end - first;
            self.for_keys(l, k, memory.q, scores);
            let attended = self.exclude(l, keys.clone(), scores, memory.mask);
            if self.drops() {
                self.factors(l, keys, memory.factors);
            }
            for v in 0..width / L::WIDTH {
                running[v].attended = l.max(running[v].attended, attended[v]);
                self.weigh(l, v * L::WIDTH, &mut running[v], scores, memory.factors, memory.out);
            }
            self.over_keys(l, v, scores, memory.out, careful);
        }
        running
    }

    /// Replaces the scores of a vector of queries by weights and brings their sums to a new maximum.
    #[inline(always)]
    fn weigh<L: Lanes>(
        &self,
        l: L,
        lane: usize,
        running: &mut Running<L>,
        scores: &mut [f32],
        factors: &[f32],
        out: &mut [f32],
    ) {
        let (width, lanes) = (self.width, lane..lane + L::WIDTH);
        let before = running.maximum;
        let mut maximum = [before; 4];
        for rows in scores.chunks(4 * width) {
            for (row, maximum) in rows.chunks_exact(width).zip(&mut maximum) {
                *maximum = l.max(l.read(&row[lanes.clone()]), *maximum);
            }
        }
        let maximum = l.max(l.max(maximum[0], maximum[1]), l.max(maximum[2], maximum[3]));
        // While everything is masked the exponentials of −∞ are 0 by themselves; −∞ − −∞ would not be.
        let origin = l.select(l.eq(maximum, l.splat(f32::NEG_INFINITY)), l.zero(), maximum);
        if l.any(l.lt(before, maximum)) {
            let shrink = l.select(l.lt(before, maximum), exp_not_positive(l, l.sub(before, origin)), l.splat(1.0));
            running.total = l.mul(running.total, shrink);
            for row in out.chunks_exact_mut(width) {
                let out = &mut row[lanes.clone()];
                l.write(out, l.mul(l.read(out), shrink));
            }
        }
        let mut total = l.zero();
        if self.drops() {
            for (row, factors) in scores.chunks_exact_mut(width).zip(factors.chunks_exact(width)) {
                let score = &mut row[lanes.clone()];
                let weight = exp_not_positive(l, l.sub(l.read(score), origin));
                total = l.add(total, weight);
                let factor = l.read(&factors[lanes.clone()]);
                let dropped = l.eq(factor, l.zero());
                l.write(score, l.select(dropped, l.zero(), l.mul(weight, factor)));
            }
        } else {
            for row in scores.chunks_exact_mut(width) {
                let score = &mut row[lanes.clone()];
                let weight = exp_not_positive(l, l.sub(l.read(score), origin));
                total = l.add(total, weight);
                l.write(score, weight);
            }
        }
        running.total = l.add(running.total, total);
        running.maximum = maximum;
    }
}
