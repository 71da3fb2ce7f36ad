//! The kernels of group normalisation on the CPU.

use std::ops::Range;

use super::Arguments;
use crate::device::cpu::Launch;
use crate::ops::ragged::{rows_of, set_of};
use crate::ops::sums::{COLUMNS, put, rows_per_chunk, sum_columns};

/// Which rows belong to an outer index.
struct Rows<'a> {
    arguments: Arguments,
    offsets: &'a [u32],
}

impl Rows<'_> {
    fn of(&self, outer: usize) -> Range<usize> {
        match self.arguments.ragged {
            1 => rows_of(self.offsets, outer, self.arguments.rows as usize),
            _ => outer * self.arguments.positions as usize..(outer + 1) * self.arguments.positions as usize,
        }
    }

    /// The outer index that a row belongs to.
    fn owner(&self, row: usize) -> usize {
        if self.arguments.ragged == 1 { set_of(self.offsets, row) } else { row / self.arguments.positions as usize }
    }

    /// Elements of each group.
    fn count(&self, outer: usize) -> f32 {
        self.of(outer).len() as f32 * self.arguments.width as f32
    }
}

/// Groups that one thread takes: enough for a block of columns.
fn groups_per_chunk(width: usize) -> usize {
    (COLUMNS / width.max(1)).max(1)
}

impl Arguments {
    fn channels(&self) -> usize {
        (self.groups * self.width) as usize
    }

    /// Adds to `totals` the sums over the elements of neighbouring groups of one outer index with the given rows, the first of which
    /// has the number `group`. `term(element, channel, group)` is what is summed.
    fn sum_groups(
        &self,
        rows: Range<usize>,
        group: usize,
        totals: &mut [f32],
        term: impl Fn(usize, usize, usize) -> f32,
    ) {
        let width = self.width as usize;
        let columns = group * width..(group + totals.len()) * width;
        let add = |position: usize, first: usize, sums: &mut [f32]| {
            let start = (rows.start + position) * self.channels();
            for (channel, sum) in (first..).zip(sums) {
                *sum += term(start + channel, channel, channel / width);
            }
        };
        sum_columns(rows.len(), columns, add, |first, sums| {
            for (channel, sum) in (first..).zip(sums) {
                totals[channel / width - group] += sum;
            }
        });
    }
}

pub(super) fn moments(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let (x, means, variances) = (launch.input(0), launch.output(0), launch.output(1));
    let (groups, chunk) = (a.groups as usize, groups_per_chunk(a.width as usize));
    let owned = Rows { arguments: a, offsets: launch.indices(1) };
    for (outer, (means, variances)) in
        means.chunks_mut(groups.max(1)).zip(variances.chunks_mut(groups.max(1))).enumerate()
    {
        launch.threads.for_each_rows(groups, chunk, [(means, 1), (variances, 1)], |index, [means, variances]| {
            let (first, rows, n) = (index * chunk, owned.of(outer), owned.count(outer));
            means.fill(0.0);
            a.sum_groups(rows.clone(), first, means, |i, _, _| x[i]);
            means.iter_mut().for_each(|mean| *mean /= n);
            variances.fill(0.0);
            a.sum_groups(rows, first, variances, |i, _, group| (x[i] - means[group - first]).powi(2));
            variances.iter_mut().for_each(|variance| *variance /= n);
        });
    }
}

pub(super) fn forward(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let (x, means, variances) = (launch.input(0), launch.input(1), launch.input(2));
    let (gain, shift, y) = (launch.input(3), launch.input(4), launch.output(0));
    let owned = Rows { arguments: a, offsets: launch.indices(5) };
    let (groups, width, channels) = (a.groups as usize, a.width as usize, a.channels().max(1));
    let chunk = rows_per_chunk(channels);
    launch.threads.for_each_chunk(y, chunk * channels, |index, y| {
        for (y, row) in y.chunks_mut(channels).zip(index * chunk..) {
            let (x, outer) = (&x[row * channels..], owned.owner(row));
            for (channel, (y, x)) in y.iter_mut().zip(x).enumerate() {
                let group = outer * groups + channel / width;
                let gain = if a.gain == 1 { gain[channel] } else { 1.0 };
                let shift = if a.shift == 1 { shift[channel] } else { 0.0 };
                *y = (x - means[group]) / (variances[group] + a.epsilon).sqrt() * gain + shift;
            }
        }
    });
}

/// Writes, for each group, `mean(g)` and `mean(g x̂)`, lowered by what makes the gradients of the statistics appear in the
/// formula of `dx`: `dμ/(n r)` and `2 dv/(n r²)`.
pub(super) fn backward_sums(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let [x, gain, means, variances] = [0, 1, 2, 3].map(|i| launch.input(i));
    let [dy, dmeans, dvariances] = [4, 5, 6].map(|i| launch.input(i));
    let (levels, along) = launch.output(0).split_at_mut(means.len());
    let (groups, chunk) = (a.groups as usize, groups_per_chunk(a.width as usize));
    let owned = Rows { arguments: a, offsets: launch.indices(7) };
    for (outer, (levels, along)) in levels.chunks_mut(groups.max(1)).zip(along.chunks_mut(groups.max(1))).enumerate() {
        launch.threads.for_each_rows(groups, chunk, [(levels, 1), (along, 1)], |index, [levels, along]| {
            let (first, rows, n) = (index * chunk, owned.of(outer), owned.count(outer));
            levels.fill(0.0);
            along.fill(0.0);
            if a.given[0] == 1 {
                let g = |i: usize, channel: usize| if a.gain == 1 { dy[i] * gain[channel] } else { dy[i] };
                a.sum_groups(rows.clone(), first, levels, |i, channel, _| g(i, channel));
                a.sum_groups(rows, first, along, |i, channel, group| {
                    let at = outer * groups + group;
                    g(i, channel) * (x[i] - means[at]) / (variances[at] + a.epsilon).sqrt()
                });
            }
            for (at, (level, along)) in (outer * groups + first..).zip(levels.iter_mut().zip(along)) {
                let deviation = (variances[at] + a.epsilon).sqrt();
                let dmean = if a.given[1] == 1 { dmeans[at] } else { 0.0 };
                let dvariance = if a.given[2] == 1 { dvariances[at] } else { 0.0 };
                *level = (*level - dmean * deviation) / n;
                *along = (*along - 2.0 * dvariance * deviation * deviation) / n;
            }
        });
    }
}

pub(super) fn backward_input(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let [x, gain, means, variances] = [0, 1, 2, 3].map(|i| launch.input(i));
    let (dy, (levels, along), dx) = (launch.input(4), launch.input(5).split_at(means.len()), launch.output(0));
    let owned = Rows { arguments: a, offsets: launch.indices(6) };
    let (groups, width, channels) = (a.groups as usize, a.width as usize, a.channels().max(1));
    let chunk = rows_per_chunk(channels);
    launch.threads.for_each_chunk(dx, chunk * channels, |index, dx| {
        for (dx, row) in dx.chunks_mut(channels).zip(index * chunk..) {
            let (start, outer) = (row * channels, owned.owner(row));
            for (channel, dx) in dx.iter_mut().enumerate() {
                let group = outer * groups + channel / width;
                let r = 1.0 / (variances[group] + a.epsilon).sqrt();
                let gain = if a.gain == 1 { gain[channel] } else { 1.0 };
                let g = if a.given[0] == 1 { gain * dy[start + channel] } else { 0.0 };
                let scaled = (x[start + channel] - means[group]) * r;
                put(dx, a.accumulate, r * (g - levels[group] - scaled * along[group]));
            }
        }
    });
}

pub(super) fn backward_parameter(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let (x, means, variances, dy) = (launch.input(0), launch.input(1), launch.input(2), launch.input(3));
    let (out, groups, width, channels) = (launch.output(0), a.groups as usize, a.width as usize, a.channels());
    let rows = if a.given[0] == 1 { a.rows as usize } else { 0 };
    let owned = Rows { arguments: a, offsets: launch.indices(4) };
    launch.threads.for_each_chunk(out, COLUMNS, |index, out| {
        let add = |row: usize, first: usize, sums: &mut [f32]| {
            let outer = owned.owner(row);
            for (channel, sum) in (first..).zip(sums) {
                let (group, i) = (outer * groups + channel / width, row * channels + channel);
                let scaled = || (x[i] - means[group]) / (variances[group] + a.epsilon).sqrt();
                *sum += if a.of_gain == 1 { dy[i] * scaled() } else { dy[i] };
            }
        };
        let start = index * COLUMNS;
        sum_columns(rows, start..start + out.len(), add, |first, sums| {
            out[first - start..].iter_mut().zip(sums).for_each(|(out, &sum)| put(out, a.accumulate, sum));
        });
    });
}
