//! Recurrence over a series and, beside it, over a few steps at a time (Zhang & Mikelsons 2023, doi
//! 10.1109/AIM46323.2023.10196190; Lai et al. 2017, arXiv:1703.07015).

use super::{BuiltRecurrent, Conv1d, ConvolutionOptions, Pass, Recurrent, Series, Sets};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::{RecurrentCell, States};
use crate::parameters::Builder;
use crate::tensor::Tensor;

/// Configuration of a recurrent layer with skips.
///
/// ```text
/// y = last(x) + last(conv(x))                 conv: skip_steps · channels filters of size and stride skip_steps, padding same
/// last: final state of the recurrence; if bidirectional, plus that of another one from the last step to the first
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkipRecurrent {
    /// The cell of all recurrences.
    pub cell: RecurrentCell,
    /// Width of the states, `H`.
    pub hidden_dim: usize,
    /// Whether both directions of time are walked.
    pub bidirectional: bool,
    /// Steps that the second branch takes at once.
    pub skip_steps: usize,
    /// Probability with which a feature of a recurrence's input is dropped in training, in [0, 1).
    pub dropout: f64,
    /// The peer turns the units of the backward recurrences' states around before it adds them, where a reversal of time was meant. The
    /// states themselves are right, so that a network learns as well with as without; weights trained there need it.
    pub peer_compatible: bool,
}

impl SkipRecurrent {
    /// Gives the layer weights for elements with `channels` features: `skip_conv` and `recurrent`, `skip_recurrent`, or
    /// if bidirectional `recurrent_forward`, `recurrent_backward`, `skip_recurrent_forward`, `skip_recurrent_backward`.
    pub fn build(&self, builder: &Builder, channels: usize) -> Result<BuiltSkipRecurrent> {
        if self.skip_steps == 0 {
            return Err(Error::argument("skip_steps", "0 was given; give at least 1"));
        }
        let (steps, skipped) = (self.skip_steps, self.skip_steps * channels);
        let options = ConvolutionOptions { stride: steps, ..ConvolutionOptions::new(skipped, [steps]) };
        let recurrent = Recurrent { cell: self.cell, units: self.hidden_dim, dropout: self.dropout };
        let branch = |name: &str, inputs: usize| -> Result<Branch> {
            let one = |name: String| recurrent.build(&builder.scope(name), inputs);
            Ok(if self.bidirectional {
                let (forward, backward) = (one(format!("{name}_forward"))?, one(format!("{name}_backward"))?);
                Branch { forward, backward: Some(backward) }
            } else {
                Branch { forward: one(name.to_string())?, backward: None }
            })
        };
        Ok(BuiltSkipRecurrent {
            convolution: Conv1d::build(&builder.scope("skip_conv"), channels, options)?,
            direct: branch("recurrent", channels)?,
            skip: branch("skip_recurrent", skipped)?,
            config: *self,
        })
    }
}

/// One or two recurrences over the same series.
#[derive(Debug, Clone, Copy)]
struct Branch {
    forward: BuiltRecurrent,
    backward: Option<BuiltRecurrent>,
}

impl Branch {
    /// The sum of the final states.
    fn forward<'t>(&self, pass: &Pass<'t>, x: &Series<'t>, turned: Option<Var<'t>>) -> Var<'t> {
        let sets = Sets { rows: x.rows, offsets: x.offsets };
        let last = self.forward.forward(pass, sets, false, States::Final);
        let Some(backward) = self.backward else { return last };
        let back = backward.forward(pass, sets, true, States::Final);
        last + turned.map_or(back, |turned| back.permute_columns(turned))
    }

    fn flops(&self) -> usize {
        self.forward.flops() + self.backward.map_or(0, |backward| backward.flops())
    }
}

/// A recurrent layer with skips and weights.
#[derive(Debug, Clone)]
pub struct BuiltSkipRecurrent {
    convolution: Conv1d,
    direct: Branch,
    skip: Branch,
    config: SkipRecurrent,
}

impl BuiltSkipRecurrent {
    /// One state for each series, `[series, H]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: &Series<'t>) -> Var<'t> {
        let SkipRecurrent { hidden_dim, bidirectional, peer_compatible, .. } = self.config;
        let tape = pass.tape();
        let turned = (bidirectional && peer_compatible).then(|| {
            let indices = Tensor::indices_from(tape.device(), hidden_dim, |unit| (hidden_dim - 1 - unit) as u32);
            indices.map_or_else(|fault| tape.fail(fault), |indices| tape.constant(indices))
        });
        let skipped = self.convolution.forward(pass, x, Function::Linear);
        self.direct.forward(pass, x, turned) + self.skip.forward(pass, &skipped, turned)
    }

    /// Width of the result, `H`.
    pub fn width(&self) -> usize {
        self.config.hidden_dim
    }

    /// Floating point operations of the products for a series of a length.
    pub fn flops(&self, length: usize) -> usize {
        let skipped = self.convolution.positions(length);
        self.convolution.flops(length) + length * self.direct.flops() + skipped * self.skip.flops()
    }
}
