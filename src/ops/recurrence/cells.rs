//! One step of one series, forward and back: vectors hold units.

use crate::device::cpu::lanes::Lanes;
use crate::device::cpu::vector::{fast_sigmoid, fast_tanh};

/// Parts of a row of several gates: `part` of `units` numbers each, from unit `first` on, at most a vector.
#[derive(Clone, Copy)]
struct Part {
    units: usize,
    first: usize,
    last: usize,
}

impl Part {
    #[inline(always)]
    fn at<L: Lanes>(units: usize, first: usize) -> Self {
        Part { units, first, last: units.min(first + L::WIDTH) }
    }

    #[inline(always)]
    fn read<L: Lanes>(self, l: L, row: &[f32], part: usize) -> L::F {
        l.read(&row[part * self.units + self.first..part * self.units + self.last])
    }

    /// The parts `0, 1, …` of a row.
    #[inline(always)]
    fn get<L: Lanes, const N: usize>(self, l: L, row: &[f32]) -> [L::F; N] {
        let mut values = [l.zero(); N];
        for part in 0..N {
            values[part] = self.read(l, row, part);
        }
        values
    }

    #[inline(always)]
    fn write<L: Lanes>(self, l: L, row: &mut [f32], part: usize, value: L::F) {
        l.write(&mut row[part * self.units + self.first..part * self.units + self.last], value);
    }

    /// Writes the parts `0, 1, …` of a row.
    #[inline(always)]
    fn put<L: Lanes, const N: usize>(self, l: L, row: &mut [f32], values: [L::F; N]) {
        for part in 0..N {
            self.write(l, row, part, values[part]);
        }
    }
}

/// Asks for a row that is needed soon: the rows of a step lie apart, so that the processor does not foresee them.
#[inline(always)]
pub(super) fn prefetch<L: Lanes>(l: L, row: &[f32]) {
    /// Numbers in a line of the cache.
    const LINE: usize = 16;
    for line in row.chunks(LINE) {
        l.prefetch(line.as_ptr());
    }
}

/// A step of a gated recurrent unit: `u = h R + b` and the state `h`, which is replaced; the gates `z, r, g, u_g` go to `kept` if it
/// is not empty.
#[inline(always)]
pub(super) fn gru<L: Lanes>(l: L, a: &[f32], u: &[f32], h: &mut [f32], kept: &mut [f32]) {
    for first in (0..h.len()).step_by(L::WIDTH) {
        let part = Part::at::<L>(h.len(), first);
        let ([a_z, a_r, a_g], [u_z, u_r, u_g]) = (part.get(l, a), part.get(l, u));
        let (z, r) = (fast_sigmoid(l, l.add(a_z, u_z)), fast_sigmoid(l, l.add(a_r, u_r)));
        let g = fast_tanh(l, l.fma(r, u_g, a_g));
        let before = part.read(l, h, 0);
        part.write(l, h, 0, l.fma(z, l.sub(before, g), g));
        if !kept.is_empty() {
            part.put(l, kept, [z, r, g, u_g]);
        }
    }
}

/// A step of long short-term memory: `u = h R`, the state `h` and the cell `c`, which are replaced; the gates `i, f, g, o` go to `kept`
/// if it is not empty.
#[inline(always)]
pub(super) fn lstm<L: Lanes>(l: L, a: &[f32], u: &[f32], h: &mut [f32], c: &mut [f32], kept: &mut [f32]) {
    for first in (0..h.len()).step_by(L::WIDTH) {
        let part = Part::at::<L>(h.len(), first);
        let ([a_i, a_f, a_g, a_o], [u_i, u_f, u_g, u_o]) = (part.get(l, a), part.get(l, u));
        let (i, f) = (fast_sigmoid(l, l.add(a_i, u_i)), fast_sigmoid(l, l.add(a_f, u_f)));
        let (g, o) = (fast_tanh(l, l.add(a_g, u_g)), fast_sigmoid(l, l.add(a_o, u_o)));
        let cell = l.fma(f, part.read(l, c, 0), l.mul(i, g));
        part.write(l, c, 0, cell);
        part.write(l, h, 0, l.mul(o, fast_tanh(l, cell)));
        if !kept.is_empty() {
            part.put(l, kept, [i, f, g, o]);
        }
    }
}

/// What a step back reads: the gradient of the state from outside, the gates, the state before, and the cells after and before. Rows
/// that are 0 are empty.
pub(super) struct Step<'a> {
    pub(super) dstate: &'a [f32],
    pub(super) gates: &'a [f32],
    pub(super) before: &'a [f32],
    pub(super) cell: &'a [f32],
    pub(super) cell_before: &'a [f32],
}

/// Where the gradients of a step go: `da`, `du`, and for the gated recurrent unit the last third of `du`, in which it differs from `da`.
pub(super) struct Gradients<'a> {
    pub(super) da: &'a mut [f32],
    pub(super) du: &'a mut [f32],
    pub(super) du_g: &'a mut [f32],
}

/// A vector of a row that is 0 if it is empty.
#[inline(always)]
fn or_zero<L: Lanes>(l: L, part: Part, row: &[f32]) -> L::F {
    if row.is_empty() { l.zero() } else { part.read(l, row, 0) }
}

/// The derivative of the sigmoid by its value.
#[inline(always)]
fn slope<L: Lanes>(l: L, value: L::F) -> L::F {
    l.mul(value, l.sub(l.splat(1.0), value))
}

/// A step back of a gated recurrent unit. `dh` is the gradient of the state after the step and becomes the part of that of the
/// state before which does not go through the product.
#[inline(always)]
pub(super) fn gru_back<L: Lanes>(l: L, step: &Step, dh: &mut [f32], to: &mut Gradients) {
    let one = l.splat(1.0);
    for first in (0..dh.len()).step_by(L::WIDTH) {
        let part = Part::at::<L>(dh.len(), first);
        let d = l.add(part.read(l, dh, 0), or_zero(l, part, step.dstate));
        let [z, r, g, u_g] = part.get(l, step.gates);
        let before = or_zero(l, part, step.before);
        let dz = l.mul(l.mul(l.mul(d, l.sub(before, g)), z), l.sub(one, z));
        let dg = l.mul(l.mul(d, l.sub(one, z)), l.fnma(g, g, one));
        let dr = l.mul(l.mul(l.mul(dg, u_g), r), l.sub(one, r));
        let du_g = l.mul(dg, r);
        part.write(l, dh, 0, l.mul(d, z));
        part.put(l, to.da, [dz, dr, dg]);
        part.put(l, to.du, [dz, dr, du_g]);
        part.write(l, to.du_g, 0, du_g);
    }
}

/// A step back of long short-term memory. `dh` and `dc` are the gradients of state and cell after the step; `dc` becomes that of the
/// cell before.
#[inline(always)]
pub(super) fn lstm_back<L: Lanes>(l: L, step: &Step, dh: &[f32], dc: &mut [f32], to: &mut Gradients) {
    let one = l.splat(1.0);
    for first in (0..dh.len()).step_by(L::WIDTH) {
        let part = Part::at::<L>(dh.len(), first);
        let d = l.add(part.read(l, dh, 0), or_zero(l, part, step.dstate));
        let [i, f, g, o] = part.get(l, step.gates);
        let t = fast_tanh(l, part.read(l, step.cell, 0));
        let dcell = l.fma(l.mul(d, o), l.fnma(t, t, one), part.read(l, dc, 0));
        let di = l.mul(l.mul(dcell, g), slope(l, i));
        let df = l.mul(l.mul(dcell, or_zero(l, part, step.cell_before)), slope(l, f));
        let dg = l.mul(l.mul(dcell, i), l.fnma(g, g, one));
        let d_o = l.mul(l.mul(d, t), slope(l, o));
        part.write(l, dc, 0, l.mul(dcell, f));
        part.put(l, to.da, [di, df, dg, d_o]);
        part.put(l, to.du, [di, df, dg, d_o]);
    }
}

/// Adds the sums of the columns of some rows of `width` numbers to `total`.
#[inline(always)]
pub(super) fn add_rows<L: Lanes>(l: L, rows: &[f32], width: usize, total: &mut [f32]) {
    for first in (0..width).step_by(L::WIDTH) {
        let part = Part::at::<L>(width, first);
        let mut sum = l.zero();
        for row in rows.chunks_exact(width) {
            sum = l.add(sum, part.read(l, row, 0));
        }
        part.write(l, total, 0, l.add(part.read(l, total, 0), sum));
    }
}
