//! The block that set transformers are made of: attention and a gated feed-forward network, each behind a norm and a
//! residual connection (Lee et al. 2019, arXiv:1810.00825; norm first: Xiong et al. 2020, arXiv:2002.04745).
//!
//! ```text
//! h = x W_in;  h = h + attention(queries: rms(h), keys and values: rms(y));  h = h + feed_forward(rms(h))
//! ```
//!
//! `x` is projected to the width `E` of the block, `y` is not.

use super::{
    BuiltGatedFeedForward, BuiltMultiHeadAttention, Dense, GatedFeedForward, GatedUnit, MultiHeadAttention, Pass,
    RmsNorm, Sets,
};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::parameters::{Builder, Initialiser};
use crate::tensor::Tensor;

/// Configuration of an attention block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionBlock {
    /// Width of the block, `E`.
    pub embed_dim: usize,
    /// Number of heads, which divides `E`.
    pub num_heads: usize,
    /// Probability of dropout in training, on attention probabilities and hidden activations.
    pub dropout: f64,
    /// Hidden width of the feed-forward network relative to `E`, before two thirds and rounding up to a multiple of 64.
    pub expansion_factor: f64,
    /// The gate of the feed-forward network.
    pub glu_variant: GatedUnit,
    /// Whether all projections have biases.
    pub use_bias: bool,
    /// Whether there are norms.
    pub layer_norm: bool,
    /// How the kernels start.
    pub kernel_initializer: Initialiser,
}

impl Default for AttentionBlock {
    fn default() -> Self {
        AttentionBlock {
            embed_dim: 64,
            num_heads: 4,
            dropout: 0.05,
            expansion_factor: 4.0,
            glu_variant: GatedUnit::Swiglu,
            use_bias: false,
            layer_norm: true,
            kernel_initializer: Initialiser::GlorotUniform,
        }
    }
}

impl AttentionBlock {
    /// The feed-forward network of the block.
    pub(super) fn feed_forward(&self) -> GatedFeedForward {
        GatedFeedForward {
            embed_dim: self.embed_dim,
            expansion_factor: self.expansion_factor,
            glu_variant: self.glu_variant,
            use_bias: self.use_bias,
            dropout: self.dropout,
            kernel_initializer: self.kernel_initializer,
        }
    }

    /// Gives the block weights for `x` `[rows, inputs]` and `y` `[rows, keys]`.
    pub fn build(&self, builder: &Builder, inputs: usize, keys: usize) -> Result<BuiltAttentionBlock> {
        let width = self.embed_dim;
        if self.num_heads == 0 || width == 0 || !width.is_multiple_of(self.num_heads) {
            let message = format!("{} heads for the width {width}; choose a divisor of the width", self.num_heads);
            return Err(Error::argument("num_heads", message));
        }
        let attention = MultiHeadAttention {
            num_heads: self.num_heads,
            key_dim: width / self.num_heads,
            outputs: width,
            dropout: self.dropout,
            use_bias: self.use_bias,
            kernel_initializer: self.kernel_initializer,
        };
        let norm = |name: &str, width: usize| self.layer_norm.then(|| RmsNorm::build(&builder.scope(name), width));
        let projector = builder.scope("input_projector");
        Ok(BuiltAttentionBlock {
            projector: Dense::build(&projector, inputs, width, self.kernel_initializer, self.use_bias),
            query_norm: norm("ln_attn", width),
            key_norm: norm("ln_kv", keys),
            attention: attention.build(&builder.scope("attention"), width, keys)?,
            forward_norm: norm("ln_ffn", width),
            feed_forward: self.feed_forward().build(&builder.scope("feedforward"), width)?,
        })
    }
}

/// An attention block with weights.
#[derive(Debug, Clone, Copy)]
pub struct BuiltAttentionBlock {
    projector: Dense,
    query_norm: Option<RmsNorm>,
    key_norm: Option<RmsNorm>,
    attention: BuiltMultiHeadAttention,
    forward_norm: Option<RmsNorm>,
    feed_forward: BuiltGatedFeedForward,
}

impl BuiltAttentionBlock {
    /// The rows of `x` attend to the rows of `y` of the same set: `[rows of x, E]`. The mask `[rows of x, longest set of y]` is
    /// above 0.5 where a row attends.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Sets<'t>, y: Sets<'t>, mask: Option<Var<'t>>) -> Var<'t> {
        let h = self.projector.forward_on(pass, x.rows, None);
        let query = self.attention.query(pass, h, self.query_norm.as_ref());
        self.finish(pass, h, Sets { rows: query, ..x }, y, mask)
    }

    /// As [`Self::forward`] with the same rows `x` `[p, inputs]` in every set. They are projected once. The result has `p` rows per
    /// set.
    pub fn forward_shared<'t>(&self, pass: &Pass<'t>, x: Var<'t>, y: Sets<'t>) -> Sets<'t> {
        let (sets, each) = (y.count(), x.shape().rows());
        let h = self.projector.forward_on(pass, x, None);
        let query = self.attention.query(pass, h, self.query_norm.as_ref());
        let offsets = regular_offsets(pass, sets, each);
        let queries = Sets { rows: query.tile_rows(sets), offsets };
        Sets { rows: self.finish(pass, h.tile_rows(sets), queries, y, None), offsets }
    }

    fn finish<'t>(&self, pass: &Pass<'t>, h: Var<'t>, query: Sets<'t>, y: Sets<'t>, mask: Option<Var<'t>>) -> Var<'t> {
        let h = h + self.attention.attend(pass, query, y, self.key_norm.as_ref(), mask);
        h + self.feed_forward.forward_on(pass, h, self.forward_norm.as_ref())
    }

    /// Width of the output.
    pub fn width(&self) -> usize {
        self.projector.outputs()
    }

    /// Floating point operations of the products for one set with so many rows of `x` and `y`.
    pub fn flops(&self, rows: usize, keys: usize) -> usize {
        rows * (self.projector.flops() + self.feed_forward.flops()) + self.attention.flops(rows, keys)
    }
}

/// Offsets of sets with equally many rows.
pub fn regular_offsets<'t>(pass: &Pass<'t>, sets: usize, each: usize) -> Var<'t> {
    match Tensor::indices_from(pass.tape().device(), sets + 1, |set| (set * each) as u32) {
        Ok(offsets) => pass.tape().constant(offsets),
        Err(fault) => pass.tape().fail(fault),
    }
}
