//! What the transformers of sets and series have in common: attention blocks on top of each other.

use crate::error::{Error, Result};
use crate::nn::{AttentionBlock, BuiltAttentionBlock};
use crate::parameters::Builder;

/// Widths and heads of attention blocks, and what else they share.
pub(super) struct AttentionStack<'a> {
    pub(super) summary_dim: usize,
    pub(super) embed_dims: &'a [usize],
    pub(super) num_heads: &'a [usize],
    /// The blocks, whatever their width and heads.
    pub(super) block: AttentionBlock,
}

impl AttentionStack<'_> {
    /// Checks the lengths of the lists and that there is a block.
    pub(super) fn check(&self) -> Result<()> {
        if self.summary_dim == 0 {
            return Err(Error::argument("summary_dim", "0 was given; give at least 1"));
        }
        let (widths, heads) = (self.embed_dims.len(), self.num_heads.len());
        if widths != heads {
            let message =
                format!("{heads} numbers of heads for {widths} widths in embed_dims; give one for each block");
            return Err(Error::argument("num_heads", message));
        }
        if widths == 0 {
            return Err(Error::argument("embed_dims", "is empty; name at least one width"));
        }
        Ok(())
    }

    /// Scope and configuration of the block of a number, `attention_blocks.<index>`.
    pub(super) fn layer(&self, builder: &Builder, index: usize) -> (Builder, AttentionBlock) {
        let (embed_dim, num_heads) = (self.embed_dims[index], self.num_heads[index]);
        let block = AttentionBlock { embed_dim, num_heads, ..self.block };
        (builder.scope(format!("attention_blocks.{index}")), block)
    }

    /// The block of a number for `x` `[rows, inputs]` and `y` `[rows, keys]`.
    pub(super) fn build(
        &self,
        builder: &Builder,
        index: usize,
        inputs: usize,
        keys: usize,
    ) -> Result<BuiltAttentionBlock> {
        let (scope, block) = self.layer(builder, index);
        block.build(&scope, inputs, keys)
    }
}
