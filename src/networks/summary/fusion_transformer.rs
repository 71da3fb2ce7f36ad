//! Fusion transformers: a recurrent layer learns what to ask of the representation that attention makes of a series.
//!
//! ```text
//! template = final state(s) of a recurrent layer on x
//! x ← block(x)                                              for each attention block but the last
//! summary:  dense( last block(query: template, keys: x) )
//! ```
//!
//! Blocks: Vaswani et al. 2017, arXiv:1706.03762; norm first: Xiong et al. 2020, arXiv:2002.04745.

use serde::{Deserialize, Serialize};

use super::attention_stack::AttentionStack;
use super::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{
    AttentionBlock, Bidirectional, BuiltAttentionBlock, BuiltRecurrent, Dense, GatedUnit, Pass, Recurrent, Sets,
    regular_offsets,
};
use crate::ops::{RecurrentCell, States};
use crate::parameters::{Builder, Initialiser};

/// Configuration of a fusion transformer. Reads series `[elements, features]` of any lengths, gives `[datasets, summary_dim]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FusionTransformer {
    /// Number of summary statistics.
    pub summary_dim: usize,
    /// Widths of the attention blocks.
    pub embed_dims: Vec<usize>,
    /// Heads of each block, which divide its width.
    pub num_heads: Vec<usize>,
    /// Probability of dropout in training, on attention probabilities, hidden activations and the recurrent layer's inputs, in [0, 1).
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
    /// The cell of the recurrent layer.
    pub template_type: RecurrentCell,
    /// Whether the recurrent layer reads the series in both directions, with half the width for each.
    pub bidirectional: bool,
    /// Width of the template.
    pub template_dim: usize,
}

impl Default for FusionTransformer {
    fn default() -> Self {
        FusionTransformer {
            summary_dim: 16,
            embed_dims: vec![64, 64],
            num_heads: vec![4, 4],
            dropout: 0.05,
            expansion_factor: 4.0,
            glu_variant: GatedUnit::Swiglu,
            kernel_initializer: Initialiser::GlorotUniform,
            use_bias: false,
            layer_norm: true,
            template_type: RecurrentCell::Lstm,
            bidirectional: true,
            template_dim: 128,
        }
    }
}

impl FusionTransformer {
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

    fn template(&self, builder: &Builder, features: usize) -> Result<Template> {
        let units = if self.bidirectional { self.template_dim / 2 } else { self.template_dim };
        if units == 0 {
            let least = if self.bidirectional { "2, one for each direction" } else { "1" };
            let message = format!("{} was given; give at least {least}", self.template_dim);
            return Err(Error::argument("template_dim", message));
        }
        let layer = Recurrent { cell: self.template_type, units, dropout: self.dropout };
        Ok(match self.bidirectional {
            true => Template::Both(layer.build_bidirectional(builder, features)?),
            false => Template::Forward(layer.build(builder, features)?),
        })
    }

    /// Gives the network weights for elements with `features` features.
    pub fn build(&self, builder: &Builder, features: usize) -> Result<BuiltFusionTransformer> {
        let stack = self.stack();
        stack.check()?;
        let template = self.template(&builder.scope("template_net"), features)?;
        let last = self.embed_dims.len() - 1;
        let mut width = features;
        let mut blocks = Vec::with_capacity(last);
        for index in 0..last {
            blocks.push(stack.build(builder, index, width, width)?);
            width = self.embed_dims[index];
        }
        let ask = stack.build(builder, last, template.width(), width)?;
        let scope = builder.scope("output_projector");
        let output = Dense::build(&scope, ask.width(), self.summary_dim, Initialiser::GlorotUniform, true);
        Ok(BuiltFusionTransformer { template, blocks, ask, output, features })
    }
}

impl SummaryNetwork for FusionTransformer {
    fn name(&self) -> &str {
        "fusion-transformer"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        Ok(Box::new(FusionTransformer::build(self, builder, elements.features)?))
    }
}

#[derive(Debug, Clone)]
enum Template {
    Forward(BuiltRecurrent),
    Both(Bidirectional),
}

impl Template {
    fn width(&self) -> usize {
        match self {
            Template::Forward(layer) => layer.units(),
            Template::Both(layers) => layers.width(),
        }
    }

    fn forward<'t>(&self, pass: &Pass<'t>, x: Sets<'t>) -> Var<'t> {
        match self {
            Template::Forward(layer) => layer.forward(pass, x, false, States::Final),
            Template::Both(layers) => layers.forward(pass, x, States::Final),
        }
    }

    fn flops(&self) -> usize {
        match self {
            Template::Forward(layer) => layer.flops(),
            Template::Both(layers) => layers.flops(),
        }
    }
}

/// A fusion transformer with weights.
#[derive(Debug, Clone)]
pub struct BuiltFusionTransformer {
    template: Template,
    blocks: Vec<BuiltAttentionBlock>,
    /// The last block, in which the template attends to the elements.
    ask: BuiltAttentionBlock,
    output: Dense,
    features: usize,
}

impl BuiltSummaryNetwork for BuiltFusionTransformer {
    fn summary_dimension(&self) -> usize {
        self.output.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let SummaryInput { elements, offsets, mask, .. } = input;
        let x = Sets { rows: elements, offsets };
        let template = Sets { rows: self.template.forward(pass, x), offsets: regular_offsets(pass, x.count(), 1) };
        let x = self.blocks.iter().fold(x, |x, block| Sets { rows: block.forward(pass, x, x, mask), ..x });
        self.output.forward(pass, self.ask.forward(pass, template, x, None), Function::Linear)
    }

    fn describe(&self) -> String {
        let (features, dimension) = (self.features, self.summary_dimension());
        let mut lines = vec![format!("FusionTransformer: series of [{features}] to [{dimension}]")];
        let directions = if matches!(self.template, Template::Both(_)) { "both directions" } else { "one direction" };
        lines.push(format!("  recurrent template, {directions}, [{features}] to [{}]", self.template.width()));
        let mut width = features;
        for block in &self.blocks {
            lines.push(format!("  self-attention [{width}] to [{}]", block.width()));
            width = block.width();
        }
        let (template, asked) = (self.template.width(), self.ask.width());
        lines.push(format!("  attention of the template [{template}] on [{width}] to [{asked}]"));
        lines.push(format!("  dense [{asked}] to [{dimension}]"));
        lines.join("\n")
    }

    fn flops(&self, elements: usize) -> usize {
        let blocks: usize = self.blocks.iter().map(|block| block.flops(elements, elements)).sum();
        elements * self.template.flops() + blocks + self.ask.flops(1, elements) + self.output.flops()
    }
}
