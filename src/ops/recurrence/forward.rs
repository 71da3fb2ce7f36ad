//! The kernel of forward: tiles of series through all steps.

use super::cells::{gru, lstm, prefetch};
use super::series::{Series, TILE, Tile};
use super::{Arguments, KEPT_GATES, RecurrentCell};
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::matrix::{Begin, Output, PackedProduct, View, pack, packed_length};
use crate::device::cpu::scratch::with_scratch;

/// Fills states, gates, cells, final states from `a`, offsets, recurrent kernel, bias; absent outputs are empty.
pub(super) fn forward(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (units, width) = (arguments.units as usize, arguments.width());
    let (a, offsets, kernel, bias) = (launch.input(0), launch.indices(1), launch.input(2), launch.input(3));
    let outputs = [0, 1, 2, 3].map(|index| launch.output(index));
    let (Some(series), Ok(kernel)) = (Series::new(&arguments, offsets), View::row_major(kernel, units, width)) else {
        return outputs.into_iter().for_each(|output| output.fill(f32::NAN));
    };
    let present = outputs.each_ref().map(|output| !output.is_empty());
    let [states, gates, cells, finals] = outputs;
    with_scratch(packed_length(units, width), |panels| {
        pack(launch.isa, kernel, panels);
        let panels = &*panels;
        let ranges = |tile: usize| {
            let (elements, numbers) = (series.elements_of(tile), series.of_tile(tile));
            let rows = [elements.clone(), elements.clone(), elements, numbers];
            let mut present = present.into_iter();
            rows.map(|rows| if present.next() == Some(true) { rows } else { 0..0 })
        };
        let outputs = [(states, units), (gates, KEPT_GATES * units), (cells, units), (finals, units)];
        let scratch = TILE * (2 * units + width);
        launch.threads.for_each_block(series.tiles(), ranges, 1, outputs, scratch, |tile, _, outputs, scratch| {
            let [states, gates, cells, finals] = outputs;
            let tile = series.tile(tile);
            launch.isa.run(Piece { arguments, tile, a, panels, bias, states, gates, cells, finals, scratch });
        });
    });
}

/// A tile of series.
struct Piece<'a> {
    arguments: Arguments,
    tile: Tile,
    a: &'a [f32],
    panels: &'a [f32],
    bias: &'a [f32],
    states: Output<'a>,
    gates: Output<'a>,
    cells: Output<'a>,
    finals: Output<'a>,
    scratch: &'a mut [f32],
}

/// A row of an output, or nothing if the output is absent.
#[inline(always)]
fn row_of<'a>(output: &'a mut Output, row: usize) -> &'a mut [f32] {
    if output.rows() == 0 { &mut [] } else { output.row(row) }
}

impl lanes::Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Piece { arguments, tile, a, panels, bias, mut states, mut gates, mut cells, mut finals, scratch } = self;
        let (units, width, cell) = (arguments.units as usize, arguments.width(), arguments.cell());
        let (h, rest) = scratch.split_at_mut(TILE * units);
        let (c, u) = rest.split_at_mut(TILE * units);
        h.fill(0.0);
        c.fill(0.0);
        let begin = if cell == RecurrentCell::Gru { Begin::Bias(bias) } else { Begin::Zero };
        for step in 0..tile.steps() {
            let rows = tile.running(step);
            for row in 0..rows {
                prefetch(l, &a[(tile.first + tile.element(row, step)) * width..][..width]);
            }
            let product = PackedProduct {
                rows,
                depth: units,
                columns: width,
                a: h,
                a_stride: units,
                a_transposed: false,
                panels,
                begin,
                c: u,
            };
            l.enter(product);
            for row in 0..rows {
                let element = tile.element(row, step);
                let a = &a[(tile.first + element) * width..][..width];
                let (u, h) = (&u[row * width..][..width], &mut h[row * units..][..units]);
                let kept = row_of(&mut gates, element);
                match cell {
                    RecurrentCell::Gru => gru(l, a, u, h, kept),
                    RecurrentCell::Lstm => {
                        let c = &mut c[row * units..][..units];
                        lstm(l, a, u, h, c, kept);
                        if cells.rows() > 0 {
                            cells.row(element).copy_from_slice(c);
                        }
                    }
                }
                if states.rows() > 0 {
                    states.row(element).copy_from_slice(h);
                }
            }
        }
        if finals.rows() > 0 {
            for (row, h) in tile.rows().iter().zip(h.chunks_exact(units)) {
                finals.row(row.number).copy_from_slice(h);
            }
        }
    }
}
