//! Attention on the CPU: one query row (or a tile of four keys) and one head at a time, in blocks that stay in the cache.

use std::ops::Range;

use super::Arguments;
use crate::device::cpu::{Isa, Launch, vector};
use crate::math::Function;
use crate::ops::ragged::{rows_of, set_of};
use crate::ops::softmax::largest;
use crate::ops::sums::{dot, sum_of};
use crate::random::philox4x32;

/// Scores that are formed before their exponentials are taken; a multiple of [`TILE`].
const BLOCK: usize = 32;
/// Keys that share the words of one counter.
const TILE: usize = 4;
/// Rows per chunk of work.
const CHUNK: usize = 16;

/// What all kernels read.
struct Sets<'a> {
    arguments: Arguments,
    isa: Isa,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    query_offsets: &'a [u32],
    key_offsets: &'a [u32],
    mask: &'a [f32],
}

/// A block of scores or probabilities.
type Block = [f32; BLOCK];

impl<'a> Sets<'a> {
    /// One head of one row.
    fn head<'b>(&self, matrix: &'b [f32], row: usize, head: usize) -> &'b [f32] {
        let (heads, h) = (self.arguments.heads as usize, self.arguments.head_width as usize);
        &matrix[(row * heads + head) * h..][..h]
    }

    fn keys_of(&self, set: usize) -> Range<usize> {
        rows_of(self.key_offsets, set, self.arguments.keys as usize)
    }

    fn queries_of(&self, set: usize) -> Range<usize> {
        rows_of(self.query_offsets, set, self.arguments.queries as usize)
    }

    /// Whether a query row attends to the key of an index in its set.
    fn attends(&self, query: usize, index: usize) -> bool {
        let width = self.arguments.mask_width as usize;
        self.arguments.masked == 0 || index >= width || self.mask[query * width + index] > 0.5
    }

    /// The score of a pair; −∞ if masked.
    fn score(&self, query: usize, key: usize, index: usize, head: usize) -> f32 {
        if !self.attends(query, index) {
            return f32::NEG_INFINITY;
        }
        self.arguments.scale * dot(self.head(self.q, query, head), self.head(self.k, key, head))
    }

    /// The dropout factors of four keys from an index that is a multiple of four.
    fn factors(&self, query: usize, index: usize, head: usize) -> [f32; TILE] {
        let drops = &self.arguments.drops;
        if drops.threshold == 0 {
            return [drops.scale; TILE];
        }
        let counter = [query as u32, (index / TILE) as u32, head as u32, 3];
        philox4x32(drops.key, counter).map(|word| drops.factor(word))
    }

    /// The exponentials of the first `n` scores.
    fn exponentials(&self, scores: &Block, n: usize) -> Block {
        let mut exponentials = [0.0; BLOCK];
        vector::apply(self.isa, Function::Exp, &scores[..n], &mut exponentials[..n]);
        exponentials
    }
}

/// `to += factor · from`.
fn add_scaled(to: &mut [f32], factor: f32, from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

/// Reads q, k, v, offsets of queries, offsets of keys, mask; writes the output and the logarithms of the sums.
pub(super) fn forward(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let sets = Sets {
        arguments,
        isa: launch.isa,
        q: launch.input(0),
        k: launch.input(1),
        v: launch.input(2),
        query_offsets: launch.indices(3),
        key_offsets: launch.indices(4),
        mask: launch.input(5),
    };
    let (out, log_sums) = (launch.output(0), launch.output(1));
    let (heads, h, queries) = (arguments.heads as usize, arguments.head_width as usize, arguments.queries as usize);
    let outputs = [(out, heads * h), (log_sums, heads)];
    launch.threads.for_each_rows(queries, CHUNK, outputs, |index, [out, log_sums]| {
        for (at, log_sum) in log_sums.iter_mut().enumerate() {
            let (query, head) = (index * CHUNK + at / heads, at % heads);
            *log_sum = attend(&sets, query, head, &mut out[at * h..][..h]);
        }
    });
}

/// One row and head: fills `out` and returns the logarithm of the sum of exponentials.
fn attend(sets: &Sets, query: usize, head: usize, out: &mut [f32]) -> f32 {
    out.fill(0.0);
    let keys = sets.keys_of(set_of(sets.query_offsets, query));
    let (mut maximum, mut total, mut attended) = (f32::NEG_INFINITY, 0.0, false);
    for start in keys.clone().step_by(BLOCK) {
        let n = BLOCK.min(keys.end - start);
        let mut scores = [0.0; BLOCK];
        for (key, score) in (start..).zip(&mut scores[..n]) {
            attended |= sets.attends(query, key - keys.start);
            *score = sets.score(query, key, key - keys.start, head);
        }
        let before = maximum;
        maximum = maximum.max(largest(&scores[..n]));
        // While everything is masked the exponentials of −∞ are 0 by themselves; −∞ − −∞ would not be.
        let origin = if maximum == f32::NEG_INFINITY { 0.0 } else { maximum };
        if before != maximum {
            let shrink = (before - origin).exp();
            total *= shrink;
            out.iter_mut().for_each(|out| *out *= shrink);
        }
        scores.iter_mut().for_each(|score| *score -= origin);
        let probabilities = sets.exponentials(&scores, n);
        total += sum_of(&probabilities[..n], |p| p);
        for (tile, probabilities) in probabilities[..n].chunks(TILE).enumerate() {
            let first = start + tile * TILE;
            let factors = sets.factors(query, first - keys.start, head);
            for ((key, p), factor) in (first..).zip(probabilities).zip(factors) {
                if *p != 0.0 && factor != 0.0 {
                    add_scaled(out, p * factor, sets.head(sets.v, key, head));
                }
            }
        }
    }
    if !attended {
        return f32::NEG_INFINITY;
    }
    out.iter_mut().for_each(|out| *out /= total);
    maximum + total.ln()
}

/// Reads the output, its gradient and the logarithms of the sums; writes these logarithms and `δ` side by side.
pub(super) fn backward_prepare(launch: &mut Launch) {
    let Arguments { head_width, .. } = launch.arguments();
    let (out, dout, log_sums, statistics) = (launch.input(0), launch.input(1), launch.input(2), launch.output(0));
    let h = head_width as usize;
    launch.threads.for_each_chunk(statistics, 2 * CHUNK, |index, statistics| {
        for (i, statistics) in statistics.chunks_exact_mut(2).enumerate() {
            let at = index * CHUNK + i;
            statistics[0] = log_sums[at];
            statistics[1] = dot(&out[at * h..][..h], &dout[at * h..][..h]);
        }
    });
}

/// The inputs of both remaining kernels: q, k, v, the gradient of the output, statistics, both offsets, mask.
fn backward_inputs<'a>(launch: &Launch<'a>) -> (Sets<'a>, &'a [f32], &'a [f32]) {
    let arguments: Arguments = launch.arguments();
    let (query_offsets, key_offsets) = launch.indices(5).split_at(arguments.sets as usize + 1);
    let sets = Sets {
        arguments,
        isa: launch.isa,
        q: launch.input(0),
        k: launch.input(1),
        v: launch.input(2),
        query_offsets,
        key_offsets,
        mask: launch.input(6),
    };
    (sets, launch.input(3), launch.input(4))
}

/// Writes the gradient of the queries.
pub(super) fn backward_queries(launch: &mut Launch) {
    let (sets, dout, statistics) = backward_inputs(launch);
    let (dq, arguments) = (launch.output(0), sets.arguments);
    let (heads, h, queries) = (arguments.heads as usize, arguments.head_width as usize, arguments.queries as usize);
    launch.threads.for_each_rows(queries, CHUNK, [(dq, heads * h)], |index, [dq]| {
        if arguments.accumulate == 0 {
            dq.fill(0.0);
        }
        for (at, dq) in dq.chunks_mut(h.max(1)).enumerate() {
            let (query, head) = (index * CHUNK + at / heads, at % heads);
            let keys = sets.keys_of(set_of(sets.query_offsets, query));
            let (log_sum, delta) = (statistics[(query * heads + head) * 2], statistics[(query * heads + head) * 2 + 1]);
            if log_sum == f32::NEG_INFINITY {
                continue;
            }
            let dout = sets.head(dout, query, head);
            for start in keys.clone().step_by(BLOCK) {
                let n = BLOCK.min(keys.end - start);
                let mut scores = [0.0; BLOCK];
                for (key, score) in (start..).zip(&mut scores[..n]) {
                    *score = sets.score(query, key, key - keys.start, head) - log_sum;
                }
                let probabilities = sets.exponentials(&scores, n);
                for (tile, probabilities) in probabilities[..n].chunks(TILE).enumerate() {
                    let first = start + tile * TILE;
                    let factors = sets.factors(query, first - keys.start, head);
                    for ((key, p), factor) in (first..).zip(probabilities).zip(factors) {
                        if *p != 0.0 {
                            let dp = factor * dot(dout, sets.head(sets.v, key, head));
                            add_scaled(dq, p * (dp - delta) * arguments.scale, sets.head(sets.k, key, head));
                        }
                    }
                }
            }
        }
    });
}

/// Writes the gradient of the keys, then that of the values.
pub(super) fn backward_keys(launch: &mut Launch) {
    let (sets, dout, statistics) = backward_inputs(launch);
    let arguments = sets.arguments;
    let (width, keys) = ((arguments.heads * arguments.head_width) as usize, arguments.keys as usize);
    let (dk, dv) = launch.output(0).split_at_mut(keys * width);
    launch.threads.for_each_rows(keys, CHUNK, [(dk, width), (dv, width)], |index, [dk, dv]| {
        dk.fill(0.0);
        dv.fill(0.0);
        let (begin, end) = (index * CHUNK, keys.min(index * CHUNK + CHUNK));
        let mut key = begin;
        while key < end {
            let set = set_of(sets.key_offsets, key);
            let start = sets.keys_of(set).start;
            // Up to the next multiple of four in the set, its end, or the end of the chunk.
            let tile =
                (TILE - (key - start.min(key)) % TILE).min(end - key).min(sets.keys_of(set).end.max(key + 1) - key);
            let part = (key - begin) * width..(key - begin + tile) * width;
            gradient_of_keys(&sets, dout, statistics, set, key..key + tile, &mut dk[part.clone()], &mut dv[part]);
            key += tile;
        }
    });
}

/// Adds what all queries of a set give to the gradients of up to four of its keys that share their random words.
fn gradient_of_keys(
    sets: &Sets,
    dout: &[f32],
    statistics: &[f32],
    set: usize,
    keys: Range<usize>,
    dk: &mut [f32],
    dv: &mut [f32],
) {
    let (heads, h) = (sets.arguments.heads as usize, sets.arguments.head_width as usize);
    let (queries, index) = (sets.queries_of(set), keys.start - sets.keys_of(set).start.min(keys.start));
    for head in 0..heads {
        for start in queries.clone().step_by(BLOCK) {
            let n = BLOCK.min(queries.end - start);
            let mut factors = [[0.0; TILE]; BLOCK];
            for (query, factors) in (start..).zip(&mut factors[..n]) {
                *factors = sets.factors(query, index, head);
            }
            for (i, key) in keys.clone().enumerate() {
                let mut scores = [0.0; BLOCK];
                for (query, score) in (start..).zip(&mut scores[..n]) {
                    let log_sum = statistics[(query * heads + head) * 2];
                    let score_less = sets.score(query, key, index + i, head) - log_sum;
                    *score = if log_sum == f32::NEG_INFINITY { f32::NEG_INFINITY } else { score_less };
                }
                let probabilities = sets.exponentials(&scores, n);
                let columns = (i * heads + head) * h..(i * heads + head) * h + h;
                let (dk, dv) = (&mut dk[columns.clone()], &mut dv[columns]);
                for ((query, p), factors) in (start..).zip(&probabilities[..n]).zip(&factors) {
                    if *p == 0.0 {
                        continue;
                    }
                    let (dout, factor) = (sets.head(dout, query, head), factors[(index + i) % TILE]);
                    let delta = statistics[(query * heads + head) * 2 + 1];
                    let dp = factor * dot(dout, sets.head(sets.v, key, head));
                    add_scaled(dk, p * (dp - delta) * sets.arguments.scale, sets.head(sets.q, query, head));
                    if factor != 0.0 {
                        add_scaled(dv, p * factor, dout);
                    }
                }
            }
        }
    }
}
