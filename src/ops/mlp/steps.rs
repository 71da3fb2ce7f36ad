//! The steps of a tile's way back: sums over rows, gradients of inputs, the norm.

use std::ops::Range;

use super::backward::{Features, Memory, Normalised, Sums, Walk};
use super::forward::Network;
use super::network::{Dense, Layer};
use super::norm::{self, Gain};
use super::sums::Totals;
use crate::device::cpu::matrix::{self, AcrossProduct, Begin, BeginRows, PackedProduct, View, packed_length};
use crate::ops::tiles::Tile;

impl<'a> Walk<'a> {
    /// The input of the first layer, as the forward pass had it.
    pub(super) fn normalise(&self, tile: Tile, memory: &mut Normalised) {
        let Normalised { features, plain, inverse } = memory;
        self.network.input(tile, plain, inverse);
        features.copy_from_slice(plain);
        self.network.isa.run(Gain { values: features, stride: tile.stride, gain: self.network.gain });
    }

    /// The inputs of the first layer as they lie in memory.
    pub(super) fn outer_features(&self, tile: Tile) -> [Option<Features<'a>>; 2] {
        let Network { arguments, x, c, .. } = self.network;
        let (width, more) = (arguments.x as usize, arguments.c as usize);
        let features = |values: &'a [f32], first: usize, count: usize| {
            let values = &values[tile.first * count..][..tile.count * count];
            (count > 0).then_some(Features { values, stride: count, row_major: true, first, count })
        };
        [features(x, 0, width), features(c, width, more)]
    }

    /// Adds what a tile's rows give to the gradients of a dense layer: `dW += featuresᵀ gradient`, `db += Σ gradient`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn sums(
        &self,
        tile: Tile,
        dense: &Dense,
        features: [Option<Features>; 2],
        gradient: &[f32],
        goes_on: u32,
        sums: &mut Sums,
        packed: &mut [f32],
    ) {
        let (kernel, bias, isa) = (dense.operand, dense.operand + 1, self.network.isa);
        let begins = |operand: usize| goes_on >> operand & 1 == 0;
        let gradient = &gradient[..dense.outputs * tile.stride];
        if self.wants(kernel) {
            // Rows of the right factor are those of the tile.
            let Ok(view) = View::new(gradient, tile.count, dense.outputs, 1, tile.stride) else { return };
            let panels = &mut packed[..packed_length(tile.count, dense.outputs)];
            matrix::pack(isa, view, panels);
            for Features { values, stride, row_major, first, count } in features.into_iter().flatten() {
                isa.run(PackedProduct {
                    rows: count,
                    depth: tile.count,
                    columns: dense.outputs,
                    a: values,
                    a_stride: stride,
                    a_transposed: row_major,
                    panels,
                    begin: if begins(kernel) { Begin::Zero } else { Begin::There },
                    c: &mut sums[kernel][first * dense.outputs..][..count * dense.outputs],
                });
            }
        }
        if dense.bias.is_some() && self.wants(bias) {
            self.totals(tile, gradient, begins(bias), sums[bias]);
        }
    }

    /// Adds up rows, from zero if it `begins`.
    fn totals(&self, tile: Tile, values: &[f32], begins: bool, to: &mut [f32]) {
        if begins {
            to.fill(0.0);
        }
        self.network.isa.run(Totals { values, stride: tile.stride, count: tile.count, to });
    }

    /// The gradient with respect to some features of a layer's input, into `memory.input`.
    pub(super) fn input_gradient(&self, tile: Tile, layer: &Layer, features: Range<usize>, memory: &mut Memory) {
        let (stride, isa) = (tile.stride, self.network.isa);
        let Memory { result, sum, gate, input, .. } = memory;
        let to = &mut input[..features.len() * stride];
        let product = |dense: &Dense, gradient: &[f32], begin: BeginRows, c: &mut [f32]| {
            isa.run(AcrossProduct {
                rows: features.len(),
                depth: dense.outputs,
                columns: stride,
                a: &dense.kernel[features.start * dense.outputs..],
                a_stride: dense.outputs,
                a_transposed: false,
                b: gradient,
                begin,
                c,
            });
        };
        let begin = if layer.arguments.adds_input() {
            to.copy_from_slice(&result[features.start * stride..features.end * stride]);
            BeginRows::There
        } else {
            BeginRows::Zero
        };
        product(&layer.dense, if layer.arguments.has_slope() { sum } else { result }, begin, to);
        if let Some(branch) = &layer.branch {
            product(branch, if layer.arguments.gates() { gate } else { result }, BeginRows::There, to);
        }
    }

    /// From the first layer to the gradients of x, c and the gain, those that are wanted.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn outer_gradient(
        &self,
        tile: Tile,
        layer: &Layer,
        normalised: Option<&Normalised>,
        goes_on: u32,
        sums: &mut Sums,
        [dx, dc]: &mut [&mut [f32]; 2],
        memory: &mut Memory,
    ) {
        let (arguments, isa, Tile { stride, .. }) = (&self.network.arguments, self.network.isa, tile);
        let (x, inputs, gain) = (arguments.x as usize, arguments.inputs(), arguments.gain());
        let wants_gain = normalised.is_some() && self.wants(gain);
        if dx.is_empty() && dc.is_empty() && !wants_gain {
            return;
        }
        // A norm mixes all features.
        let first = if dx.is_empty() && normalised.is_none() { x } else { 0 };
        let last = if dc.is_empty() && normalised.is_none() { x } else { inputs };
        self.input_gradient(tile, layer, first..last, memory);
        if let Some(Normalised { plain, inverse, .. }) = normalised {
            let length = inputs * stride;
            let (gradient, products) = (&mut memory.input[..length], &mut memory.sum[..length]);
            isa.run(norm::Backward { gradient, normalised: plain, inverse, gain: self.network.gain, stride, products });
            if wants_gain {
                self.totals(tile, &memory.sum[..length], goes_on >> gain & 1 == 0, sums[gain]);
            }
        }
        for (operand, to, width, at) in [(0, dx, x, 0), (1, dc, arguments.c as usize, x)] {
            if !to.is_empty() {
                tile.along(isa, &memory.input[(at - first) * stride..], width, to, self.adds(operand));
            }
        }
    }
}
