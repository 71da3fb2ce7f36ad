//! Set transformers.
//!
//! ```text
//! x ← block(x)                            for each attention block: every element attends to all, or to a few learned points
//! summary:  dense( attention pooling(x) )
//! ```
//!
//! Lee et al. 2019, arXiv:1810.00825; norm first: Xiong et al. 2020, arXiv:2002.04745.

use serde::{Deserialize, Serialize};

use super::attention_stack::AttentionStack;
use super::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use crate::autodiff::Var;
use crate::error::Result;
use crate::math::Function;
use crate::nn::{
    AttentionBlock, BuiltPoolingByAttention, Dense, GatedUnit, InducedSetAttention, Pass, PoolingByAttention,
    SetAttention,
};
use crate::parameters::{Builder, Initialiser};

/// Configuration of a set transformer. Reads sets `[elements, features]` of any sizes, gives `[datasets, summary_dim]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetTransformer {
    /// Number of summary statistics.
    pub summary_dim: usize,
    /// Widths of the attention blocks; the last one is also the width of the attention pooling.
    pub embed_dims: Vec<usize>,
    /// Heads of each block, which divide its width.
    pub num_heads: Vec<usize>,
    /// Seeds of the attention pooling: how many vectors a set is pooled to.
    pub num_seeds: usize,
    /// Probability of dropout in training, on attention probabilities and hidden activations, in [0, 1).
    pub dropout: f64,
    /// Width of the gated layers relative to their block's, before two thirds and rounding up to a multiple of 64.
    pub expansion_factor: f64,
    /// The gate of these layers.
    pub glu_variant: GatedUnit,
    /// How kernels start.
    pub kernel_initializer: Initialiser,
    /// Whether the projections have biases.
    pub use_bias: bool,
    /// Whether features are normalised.
    pub layer_norm: bool,
    /// Number of learned points through which the elements of a set attend to each other, so that the cost grows linearly with
    /// the set; if left out, all attend to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_inducing_points: Option<usize>,
    /// Width of the seeds; that of the pooling if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_dim: Option<usize>,
}

impl Default for SetTransformer {
    fn default() -> Self {
        SetTransformer {
            summary_dim: 16,
            embed_dims: vec![64, 64],
            num_heads: vec![4, 4],
            num_seeds: 4,
            dropout: 0.05,
            expansion_factor: 4.0,
            glu_variant: GatedUnit::Swiglu,
            kernel_initializer: Initialiser::GlorotUniform,
            use_bias: false,
            layer_norm: true,
            num_inducing_points: None,
            seed_dim: None,
        }
    }
}

impl SetTransformer {
    fn stack(&self) -> AttentionStack<'_> {
        AttentionStack {
            summary_dim: self.summary_dim,
            embed_dims: &self.embed_dims,
            num_heads: &self.num_heads,
            block: AttentionBlock {
                dropout: self.dropout,
                expansion_factor: self.expansion_factor,
                glu_variant: self.glu_variant,
                use_bias: self.use_bias,
                layer_norm: self.layer_norm,
                kernel_initializer: self.kernel_initializer,
                ..AttentionBlock::default()
            },
        }
    }

    /// Gives the network weights for elements with `features` features.
    pub fn build(&self, builder: &Builder, features: usize) -> Result<BuiltSetTransformer> {
        let stack = self.stack();
        stack.check()?;
        let (mut width, mut num_heads) = (features, 0);
        let mut blocks = Vec::with_capacity(self.embed_dims.len());
        for index in 0..self.embed_dims.len() {
            let (scope, block) = stack.layer(builder, index);
            blocks.push(match self.num_inducing_points {
                Some(points) => Block::Induced(InducedSetAttention::build(&scope, &block, points, width)?.into()),
                None => Block::Full(SetAttention::build(&scope, &block, width)?.into()),
            });
            (width, num_heads) = (block.embed_dim, block.num_heads);
        }
        let pooling = PoolingByAttention {
            num_seeds: self.num_seeds,
            seed_dim: self.seed_dim,
            embed_dim: width,
            num_heads,
            dropout: self.dropout,
            expansion_factor: self.expansion_factor,
            glu_variant: self.glu_variant,
            use_bias: self.use_bias,
            layer_norm: self.layer_norm,
            kernel_initializer: self.kernel_initializer,
        };
        let pooling = pooling.build(&builder.scope("pooling_by_attention"), width)?;
        let (scope, pooled) = (builder.scope("output_projector"), self.num_seeds * width);
        let output = Dense::build(&scope, pooled, self.summary_dim, Initialiser::GlorotUniform, true);
        Ok(BuiltSetTransformer { blocks, pooling, output, widths: self.embed_dims.clone(), features })
    }
}

impl SummaryNetwork for SetTransformer {
    fn name(&self) -> &str {
        "set-transformer"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        Ok(Box::new(SetTransformer::build(self, builder, elements.features)?))
    }
}

#[derive(Debug, Clone)]
enum Block {
    Full(Box<SetAttention>),
    Induced(Box<InducedSetAttention>),
}

/// A set transformer with weights.
#[derive(Debug, Clone)]
pub struct BuiltSetTransformer {
    blocks: Vec<Block>,
    pooling: BuiltPoolingByAttention,
    output: Dense,
    widths: Vec<usize>,
    features: usize,
}

impl BuiltSummaryNetwork for BuiltSetTransformer {
    fn summary_dimension(&self) -> usize {
        self.output.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let SummaryInput { elements, offsets, mask, .. } = input;
        let features = self.blocks.iter().fold(elements, |x, block| match block {
            Block::Full(block) => block.forward(pass, x, offsets, mask),
            Block::Induced(block) => block.forward(pass, x, offsets, mask),
        });
        self.output.forward(pass, self.pooling.forward(pass, features, offsets), Function::Linear)
    }

    fn describe(&self) -> String {
        let mut lines = vec![format!("SetTransformer: sets of [{}] to [{}]", self.features, self.summary_dimension())];
        let mut width = self.features;
        for (block, &next) in self.blocks.iter().zip(&self.widths) {
            let kind = match block {
                Block::Full(_) => "self-attention".to_string(),
                Block::Induced(block) => format!("attention through {} points", block.points()),
            };
            lines.push(format!("  {kind} [{width}] to [{next}]"));
            width = next;
        }
        lines.push(format!("  pooling by attention to [{}]", self.output.inputs()));
        lines.push(format!("  dense [{}] to [{}]", self.output.inputs(), self.output.outputs()));
        lines.join("\n")
    }

    fn flops(&self, elements: usize) -> usize {
        let of_block = |block: &Block| match block {
            Block::Full(block) => block.flops(elements),
            Block::Induced(block) => block.flops(elements),
        };
        let blocks: usize = self.blocks.iter().map(of_block).sum();
        blocks + self.pooling.flops(elements) + self.output.flops()
    }
}
