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

/// Fills the gradient of `a`, and `du` and the states before for the sums, from the gradient of the output, offsets, recurrent kernel,
/// states, gates, cells.
pub(super) fn backward(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (units, width) = (arguments.units as usize, arguments.width());
    let (offsets, kernel) = (launch.indices(1), launch.input(2));
    let outputs = [0, 1, 2].map(|index| launch.output(index));
    let (Some(series), Ok(kernel)) = (Series::new(&arguments, offsets), View::row_major(kernel, units, width)) else {
        return outputs.into_iter().for_each(|output| output.fill(f32::NAN));
    };
    let [da, du, previous] = outputs;
    let wanted = !da.is_empty();
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
            [if wanted { elements.clone() } else { 0..0 }, elements.clone(), elements]
        };
        let outputs = [(da, width), (du, width), (previous, units)];
        let scratch = TILE * (2 * units + width);
        launch.threads.for_each_block(series.tiles(), ranges, 1, outputs, scratch, |index, _, outputs, scratch| {
            let [da, du, previous] = outputs;
            let (tile, numbers) = (series.tile(index), series.of_tile(index));
            let first_series = numbers.start;
            launch.isa.run(Piece { read: &read, tile, first_series, panels, da, du, previous, scratch });
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
    du: Output<'a>,
    previous: Output<'a>,
    scratch: &'a mut [f32],
}

impl lanes::Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Piece { read, tile, first_series, panels, mut da, mut du, mut previous, scratch } = self;
        let Read { arguments, gradient, states, gates, cells } = *read;
        let (units, width, cell) = (arguments.units as usize, arguments.width(), arguments.cell());
        let (dh, rest) = scratch.split_at_mut(TILE * units);
        let (dc, d) = rest.split_at_mut(TILE * units);
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
                    da: if da.rows() > 0 { da.row(element) } else { &mut [] },
                    add: arguments.accumulate == 1,
                    du: &mut d[row * width..][..width],
                    du_kept: du.row(element),
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
                    a: d,
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

/// The gradient of the recurrent kernel from the states before and `du`.
pub(super) fn kernel(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (elements, units, width) = (arguments.elements as usize, arguments.units as usize, arguments.width());
    let (previous, du, out) = (launch.input(0), launch.input(1), launch.output(0));
    let mut run = || -> Result<()> {
        let a = View::row_major(previous, elements, units)?.transposed();
        let (b, c) = (View::row_major(du, elements, width)?, Output::row_major(out, units, width)?);
        let epilogue = Epilogue { accumulate: arguments.accumulate == 1, ..Epilogue::default() };
        product(launch.isa, launch.threads, a, b, c, epilogue)
    };
    let outcome = run();
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}

/// The gradient of the bias: the sums of `du`.
pub(super) fn bias(launch: &mut Launch) {
    /// Columns of a chunk of work.
    const CHUNK: usize = 32;
    let arguments: Arguments = launch.arguments();
    let (elements, width) = (arguments.elements as usize, arguments.width());
    let (du, out) = (launch.input(1), launch.output(0));
    launch.threads.for_each_chunk(out, CHUNK, |index, out| {
        let start = index * CHUNK;
        let add = |row: usize, first: usize, sums: &mut [f32]| {
            let du = &du[row * width + first..];
            sums.iter_mut().zip(du).for_each(|(sum, du)| *sum += du);
        };
        sum_columns(elements, start..start + out.len(), add, |first, sums| {
            out[first - start..].iter_mut().zip(sums).for_each(|(out, sum)| put(out, arguments.accumulate, *sum));
        });
    });
}
