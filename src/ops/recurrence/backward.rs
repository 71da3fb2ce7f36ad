//! The kernels of backward: tiles of series back through all steps, then the sums over all elements.

use std::ops::Range;

use super::cells::{Gradients, Step, add_rows, gru_back, lstm_back, prefetch};
use super::series::{Series, TILE, Tile};
use super::{Arguments, KEPT_GATES, RecurrentCell};
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{Begin, Epilogue, Output, PackedProduct, View, pack, packed_length, product};
use crate::device::cpu::scratch::with_scratch;
use crate::error::Result;
use crate::ops::sums::{put, sum_columns};

/// Fills the gradient of `a` and, for the sums, where `du` differs from it, the states before, and the sums of `du` over each tile, from the gradient of the output, offsets, recurrent kernel,
/// states, gates, cells.
pub(super) fn backward(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (units, width) = (arguments.units as usize, arguments.width());
    let (offsets, kernel) = (launch.indices(1), launch.input(2));
    let outputs = [0, 1, 2, 3].map(|index| launch.output(index));
    let (Some(series), Ok(kernel)) = (Series::new(&arguments, offsets), View::row_major(kernel, units, width)) else {
        return outputs.into_iter().for_each(|output| output.fill(f32::NAN));
    };
    let [da, du_g, previous, sums] = outputs;
    let (differs, summed) = (!du_g.is_empty(), !sums.is_empty());
    let read = Read {
        arguments,
        gradient: launch.input(0),
        states: launch.input(3),
        gates: launch.input(4),
        cells: launch.input(5),
    };
    with_scratch(packed_length(width, units), |panels| {
        pack(launch.isa, kernel.transposed(), panels);
        let panels = &*panels;
        let ranges = |tile: usize| {
            let elements = series.elements_of(tile);
            let where_present = |present: bool, rows: Range<usize>| if present { rows } else { 0..0 };
            let of_tile = where_present(summed, tile..tile + 1);
            [elements.clone(), where_present(differs, elements.clone()), elements, of_tile]
        };
        let outputs = [(da, width), (du_g, units), (previous, units), (sums, width)];
        let scratch = TILE * (2 * units + width);
        launch.threads.for_each_block(series.tiles(), ranges, 1, outputs, scratch, |index, _, outputs, scratch| {
            let [da, du_g, previous, sums] = outputs;
            let (tile, numbers) = (series.tile(index), series.of_tile(index));
            let first_series = numbers.start;
            launch.isa.run(Piece { read: &read, tile, first_series, panels, da, du_g, previous, sums, scratch });
        });
    });
}

/// What a tile reads.
struct Read<'a> {
    arguments: Arguments,
    /// The gradient of the output.
    gradient: &'a [f32],
    states: &'a [f32],
    gates: &'a [f32],
    cells: &'a [f32],
}

/// A tile of series.
struct Piece<'a> {
    read: &'a Read<'a>,
    tile: Tile,
    first_series: usize,
    panels: &'a [f32],
    da: Output<'a>,
    du_g: Output<'a>,
    previous: Output<'a>,
    sums: Output<'a>,
    scratch: &'a mut [f32],
}

impl lanes::Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Piece { read, tile, first_series, panels, mut da, mut du_g, mut previous, mut sums, scratch } = self;
        let Read { arguments, gradient, states, gates, cells } = *read;
        let (units, width, cell) = (arguments.units as usize, arguments.width(), arguments.cell());
        let (dh, rest) = scratch.split_at_mut(TILE * units);
        let (dc, du) = rest.split_at_mut(TILE * units);
        dh.fill(0.0);
        dc.fill(0.0);
        let all = arguments.all == 1;
        if !all {
            for (row, dh) in tile.rows().iter().zip(dh.chunks_exact_mut(units)) {
                dh.copy_from_slice(&gradient[(first_series + row.number) * units..][..units]);
            }
        }
        let of = |matrix: &'_ [f32], element: Option<usize>| -> Range<usize> {
            let start = element.map_or(0, |element| (tile.first + element) * units);
            if element.is_some() && !matrix.is_empty() { start..start + units } else { 0..0 }
        };
        if sums.rows() > 0 {
            sums.row(0).fill(0.0);
        }
        for step in (0..tile.steps()).rev() {
            let rows = tile.running(step);
            for row in 0..rows {
                let (element, before) = (tile.element(row, step), tile.element_before(row, step));
                let before_state = &states[of(states, before)];
                let read = Step {
                    dstate: if all { &gradient[of(gradient, Some(element))] } else { &[] },
                    gates: &gates[(tile.first + element) * KEPT_GATES * units..][..KEPT_GATES * units],
                    before: before_state,
                    cell: &cells[of(cells, Some(element))],
                    cell_before: &cells[of(cells, before)],
                };
                match before {
                    Some(_) => previous.row(element).copy_from_slice(before_state),
                    None => previous.row(element).fill(0.0),
                }
                let mut to = Gradients {
                    da: da.row(element),
                    du: &mut du[row * width..][..width],
                    du_g: if du_g.rows() > 0 { du_g.row(element) } else { &mut [] },
                };
                let dh = &mut dh[row * units..][..units];
                match cell {
                    RecurrentCell::Gru => gru_back(l, &read, dh, &mut to),
                    RecurrentCell::Lstm => lstm_back(l, &read, dh, &mut dc[row * units..][..units], &mut to),
                }
            }
            if sums.rows() > 0 {
                add_rows(l, &du[..rows * width], width, sums.row(0));
            }
            if step > 0 {
                // What the next step reads; the product gives it time to arrive.
                for row in 0..tile.running(step - 1) {
                    let element = tile.first + tile.element(row, step - 1);
                    prefetch(l, &gates[element * KEPT_GATES * units..][..KEPT_GATES * units]);
                }
                let product = PackedProduct {
                    rows,
                    depth: width,
                    columns: units,
                    a: du,
                    a_stride: width,
                    a_transposed: false,
                    panels,
                    begin: if cell == RecurrentCell::Gru { Begin::There } else { Begin::Zero },
                    c: dh,
                };
                l.enter(product);
            }
        }
    }
}

/// The gradient of the recurrent kernel from the states before, `da`, and the columns in which `du` differs.
pub(super) fn kernel(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (elements, units, width) = (arguments.elements as usize, arguments.units as usize, arguments.width());
    let own = if arguments.cell() == RecurrentCell::Gru { units } else { 0 };
    let mut out = launch.output(0);
    let mut run = || -> Result<()> {
        let previous = View::row_major(launch.input(0), elements, units)?.transposed();
        for (du, columns, stride) in [(launch.input(1), width - own, width), (launch.input(2), own, own)] {
            if columns == 0 {
                continue;
            }
            let du = View::new(du, elements, columns, stride, 1)?;
            let to = Output::new(out, units, columns, width)?;
            let epilogue = Epilogue { accumulate: arguments.accumulate == 1, ..Epilogue::default() };
            product(launch.isa, launch.threads, previous, du, to, epilogue)?;
            out = &mut std::mem::take(&mut out)[columns..];
        }
        Ok(())
    };
    let outcome = run();
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}

/// The gradient of the bias from the sums over each tile.
pub(super) fn bias(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (width, sums, out) = (arguments.width(), launch.input(0), launch.output(0));
    let add = |tile: usize, first: usize, totals: &mut [f32]| {
        let sums = &sums[tile * width + first..];
        totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    };
    sum_columns((arguments.series as usize).div_ceil(TILE), 0..width, add, |first, totals| {
        out[first..].iter_mut().zip(totals).for_each(|(out, total)| put(out, arguments.accumulate, *total));
    });
}
