//! The kernels of backward: tiles of series back through all steps, then the sums over all elements.

use super::cells::{Gradients, Step, gru_back, lstm_back};
use super::series::{Series, TILE, Tile};
use super::{Arguments, KEPT_GATES, RecurrentCell};
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{Begin, Epilogue, Output, PackedProduct, View, pack, packed_length, product};
use crate::device::cpu::scratch::with_scratch;
use crate::error::Result;
use crate::ops::sums::{put, sum_columns};

/// Fills the gradient of `a` and, for the sums, where `du` differs from it and the states before, from the gradient of the output, offsets, recurrent kernel,
/// states, gates, cells.
pub(super) fn backward(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (units, width) = (arguments.units as usize, arguments.width());
    let (offsets, kernel) = (launch.indices(1), launch.input(2));
    let outputs = [0, 1, 2].map(|index| launch.output(index));
    let (Some(series), Ok(kernel)) = (Series::new(&arguments, offsets), View::row_major(kernel, units, width)) else {
        return outputs.into_iter().for_each(|output| output.fill(f32::NAN));
    };
    let [da, du_g, previous] = outputs;
    let differs = !du_g.is_empty();
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
            [elements.clone(), if differs { elements.clone() } else { 0..0 }, elements]
        };
        let outputs = [(da, width), (du_g, units), (previous, units)];
        let scratch = TILE * (2 * units + width);
        launch.threads.for_each_block(series.tiles(), ranges, 1, outputs, scratch, |index, _, outputs, scratch| {
            let [da, du_g, previous] = outputs;
            let (tile, numbers) = (series.tile(index), series.of_tile(index));
            let first_series = numbers.start;
            launch.isa.run(Piece { read: &read, tile, first_series, panels, da, du_g, previous, scratch });
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
    scratch: &'a mut [f32],
}

impl lanes::Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Piece { read, tile, first_series, panels, mut da, mut du_g, mut previous, scratch } = self;
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
        let of = |matrix: &'_ [f32], element: Option<usize>| -> std::ops::Range<usize> {
            let start = element.map_or(0, |element| (tile.first + element) * units);
            if element.is_some() && !matrix.is_empty() { start..start + units } else { 0..0 }
        };
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
            if step > 0 {
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

/// What the sums over all elements read: the states before, `da`, and the columns in which `du` differs.
struct Sums<'a> {
    elements: usize,
    units: usize,
    width: usize,
    previous: &'a [f32],
    /// Matrices of the columns of `du` with their width and the distance of their rows.
    columns: [(&'a [f32], usize, usize); 2],
    accumulate: u32,
}

impl<'a> Sums<'a> {
    fn of(launch: &Launch<'a>) -> Self {
        let arguments: Arguments = launch.arguments();
        let (units, width) = (arguments.units as usize, arguments.width());
        let own = if arguments.cell() == RecurrentCell::Gru { units } else { 0 };
        Sums {
            elements: arguments.elements as usize,
            units,
            width,
            previous: launch.input(0),
            columns: [(launch.input(1), width - own, width), (launch.input(2), own, own)],
            accumulate: arguments.accumulate,
        }
    }
}

/// The gradient of the recurrent kernel.
pub(super) fn kernel(launch: &mut Launch) {
    let sums = Sums::of(launch);
    let mut out = launch.output(0);
    let mut run = || -> Result<()> {
        let a = View::row_major(sums.previous, sums.elements, sums.units)?.transposed();
        for (du, columns, stride) in sums.columns.into_iter().filter(|(_, columns, _)| *columns > 0) {
            let b = View::new(du, sums.elements, columns, stride, 1)?;
            let c = Output::new(out, sums.units, columns, sums.width)?;
            let epilogue = Epilogue { accumulate: sums.accumulate == 1, ..Epilogue::default() };
            product(launch.isa, launch.threads, a, b, c, epilogue)?;
            out = &mut std::mem::take(&mut out)[columns..];
        }
        Ok(())
    };
    let outcome = run();
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}

/// The gradient of the bias: the sums of `du`.
pub(super) fn bias(launch: &mut Launch) {
    /// Columns of a chunk of work.
    const CHUNK: usize = 32;
    let sums = Sums::of(launch);
    let mut out = launch.output(0);
    for (du, columns, stride) in sums.columns {
        let (of_part, rest) = out.split_at_mut(columns);
        launch.threads.for_each_chunk(of_part, CHUNK, |index, out| {
            let start = index * CHUNK;
            let add = |row: usize, first: usize, sums: &mut [f32]| {
                let du = &du[row * stride + first..];
                sums.iter_mut().zip(du).for_each(|(sum, du)| *sum += du);
            };
            sum_columns(sums.elements, start..start + out.len(), add, |first, totals| {
                let out = out[first - start..].iter_mut();
                out.zip(totals).for_each(|(out, total)| put(out, sums.accumulate, *total));
            });
        });
        out = rest;
    }
}
