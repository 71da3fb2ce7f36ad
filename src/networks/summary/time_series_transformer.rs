//! Transformers of time series.
//!
//! ```text
//! x ← [x; embedding(t)]                   t: a feature of the elements, or equally spaced (see time_grid)
//! x ← block(x)                            for each attention block: every element attends to all of its series
//! summary:  dense( mean of x over the series )
//! ```
//!
//! Blocks: Vaswani et al. 2017, arXiv:1706.03762; norm first: Xiong et al. 2020, arXiv:2002.04745. Embedding of time: Kazemi et al.
//! 2019, arXiv:1907.05321.

use serde::{Deserialize, Serialize};

use super::attention_stack::AttentionStack;
use super::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use crate::autodiff::{Pooling, Var};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{
    AttentionBlock, BuiltAttentionBlock, BuiltTimeEmbedding, Dense, GatedUnit, Pass, Sets, TimeEmbedding, time_grid,
};
use crate::parameters::{Builder, Initialiser};

/// Configuration of a transformer of time series. Reads series `[elements, features]` of any lengths, gives `[datasets, summary_dim]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSeriesTransformer {
    /// Number of summary statistics.
    pub summary_dim: usize,
    /// Widths of the attention blocks.
    pub embed_dims: Vec<usize>,
    /// Heads of each block, which divide its width.
    pub num_heads: Vec<usize>,
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
    /// What becomes of the times.
    pub time_embedding: TimeEmbedding,
    /// Width of the embedding of time.
    pub time_embed_dim: usize,
    /// The feature that is the time, which is then no feature of the element any more; counted from the last one if negative. If
    /// left out, the elements of a series are equally spaced from 0 to their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_axis: Option<i64>,
    /// Whether every element has an output of its own, `[elements, summary_dim]`, instead of the mean over the series. Such a network is
    /// no summary network; [`TimeSeriesTransformer::build`] builds it.
    pub return_sequences: bool,
}

impl Default for TimeSeriesTransformer {
    fn default() -> Self {
        TimeSeriesTransformer {
            summary_dim: 16,
            embed_dims: vec![64, 64],
            num_heads: vec![4, 4],
            dropout: 0.05,
            expansion_factor: 4.0,
            glu_variant: GatedUnit::Swiglu,
            kernel_initializer: Initialiser::GlorotUniform,
            use_bias: false,
            layer_norm: true,
            time_embedding: TimeEmbedding::Time2vec,
            time_embed_dim: 8,
            time_axis: None,
            return_sequences: false,
        }
    }
}

impl TimeSeriesTransformer {
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

    /// The feature that is the time, counted from the first.
    fn time_column(&self, features: usize) -> Result<Option<usize>> {
        let Some(axis) = self.time_axis else { return Ok(None) };
        let column = if axis < 0 { axis + features as i64 } else { axis };
        match usize::try_from(column) {
            Ok(column) if column < features => Ok(Some(column)),
            _ => {
                let message = format!("{axis} for elements with {features} features; name one of them");
                Err(Error::argument("time_axis", message))
            }
        }
    }

    /// Gives the network weights for elements with `features` features.
    pub fn build(&self, builder: &Builder, features: usize) -> Result<BuiltTimeSeriesTransformer> {
        let stack = self.stack();
        stack.check()?;
        let time_column = self.time_column(features)?;
        let embedding = self.time_embedding.build(&builder.scope("time_embedding"), self.time_embed_dim)?;
        let rest = features - usize::from(time_column.is_some());
        let mut width = rest + embedding.map_or(0, |embedding| embedding.width());
        if width == 0 {
            let message = "leaves no feature of the elements; add one, or choose an embedding of time";
            return Err(Error::argument("time_axis", message));
        }
        let mut blocks = Vec::with_capacity(self.embed_dims.len());
        for index in 0..self.embed_dims.len() {
            blocks.push(stack.build(builder, index, width, width)?);
            width = self.embed_dims[index];
        }
        let scope = builder.scope("output_projector");
        let output = Dense::build(&scope, width, self.summary_dim, Initialiser::GlorotUniform, true);
        let return_sequences = self.return_sequences;
        Ok(BuiltTimeSeriesTransformer { time_column, embedding, blocks, output, features, return_sequences })
    }
}

impl SummaryNetwork for TimeSeriesTransformer {
    fn name(&self) -> &str {
        "time-series-transformer"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        if self.return_sequences {
            let message = "gives every element an output of its own, but a summary network gives one for each data set; \
                           leave it off";
            return Err(Error::argument("return_sequences", message));
        }
        Ok(Box::new(TimeSeriesTransformer::build(self, builder, elements.features)?))
    }
}

/// A transformer of time series with weights.
#[derive(Debug, Clone)]
pub struct BuiltTimeSeriesTransformer {
    time_column: Option<usize>,
    embedding: Option<BuiltTimeEmbedding>,
    blocks: Vec<BuiltAttentionBlock>,
    output: Dense,
    features: usize,
    return_sequences: bool,
}

impl BuiltTimeSeriesTransformer {
    /// The elements without their times, beside the embedding of these.
    fn embed<'t>(&self, pass: &Pass<'t>, x: Var<'t>, offsets: Var<'t>) -> Var<'t> {
        let parts = match self.time_column {
            Some(column) => [(0, column), (column + 1, self.features - column - 1)],
            None => [(0, self.features), (0, 0)],
        };
        let whole = |&(_, count): &(usize, usize)| count == self.features;
        let part = |part: (usize, usize)| if whole(&part) { x } else { x.columns(part.0, part.1) };
        let times = || match self.time_column {
            Some(column) => x.columns(column, 1),
            None => time_grid(pass.tape(), offsets, x.shape().rows()),
        };
        let embedded = self.embedding.map(|embedding| embedding.forward(pass, times(), offsets));
        let parts = parts.into_iter().filter(|&(_, count)| count > 0).map(part).chain(embedded);
        parts.reduce(|left, right| left.concatenate(&[right])).unwrap_or(x)
    }
}

impl BuiltSummaryNetwork for BuiltTimeSeriesTransformer {
    fn summary_dimension(&self) -> usize {
        self.output.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let SummaryInput { elements, offsets, mask, .. } = input;
        let embedded = self.embed(pass, elements, offsets);
        let features = self.blocks.iter().fold(embedded, |rows, block| {
            let series = Sets { rows, offsets };
            block.forward(pass, series, series, mask)
        });
        let pooled = if self.return_sequences { features } else { features.segment_pool(offsets, Pooling::Mean) };
        self.output.forward(pass, pooled, Function::Linear)
    }

    fn describe(&self) -> String {
        let (features, dimension) = (self.features, self.summary_dimension());
        let mut lines = vec![format!("TimeSeriesTransformer: series of [{features}] to [{dimension}]")];
        let mut width = self.features - usize::from(self.time_column.is_some());
        if let Some(embedding) = self.embedding {
            let from = self.time_column.map_or("equal steps".to_string(), |column| format!("feature {column}"));
            lines.push(format!("  embedding of time, {from}, to [{}]", embedding.width()));
            width += embedding.width();
        }
        for block in &self.blocks {
            lines.push(format!("  self-attention [{width}] to [{}]", block.width()));
            width = block.width();
        }
        lines.extend((!self.return_sequences).then(|| "  mean over the series".to_string()));
        lines.push(format!("  dense [{width}] to [{dimension}]"));
        lines.join("\n")
    }

    fn flops(&self, elements: usize) -> usize {
        let embedding = elements * self.embedding.map_or(0, |embedding| embedding.flops());
        let blocks: usize = self.blocks.iter().map(|block| block.flops(elements, elements)).sum();
        embedding + blocks + self.output.flops() * if self.return_sequences { elements } else { 1 }
    }
}
