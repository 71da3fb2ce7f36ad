//! Deep sets with equivariant layers and pooling by attention.
//!
//! ```text
//! equivariant(x):  h = x W;  n = rms(h);  v = invariant(n);  q = rms([n; v of the set]);  h + mlp(q)
//! invariant(n):    mlp( rms( pool over the set of mlp(rms(n)) ) )
//! summary:         dense( attention pooling( equivariant ∘ … ∘ equivariant (x) ) )
//! ```
//!
//! Zaheer et al. 2017, arXiv:1703.06114; Bloem-Reddy & Teh 2020, arXiv:1901.06082; pooling: Lee et al. 2019,
//! arXiv:1810.00825.

use serde::{Deserialize, Serialize};

use super::{BuiltSummaryNetwork, Elements, SummaryInput, SummaryNetwork};
use crate::autodiff::{Pooling, Var};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{BuiltMlp, BuiltPoolingByAttention, Dense, GatedUnit, Mlp, Pass, PoolingByAttention, RmsNorm};
use crate::parameters::{Builder, Initialiser};

/// Configuration of a deep set. Reads sets `[elements, features]` of any sizes, gives `[datasets, summary_dim]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepSet {
    /// Number of summary statistics.
    pub summary_dim: usize,
    /// Width of the element features.
    pub embed_dim: usize,
    /// Number of equivariant layers.
    pub depth: usize,
    /// Widths of the perceptrons' hidden layers; the last one is also the width of the attention pooling.
    pub mlp_widths: Vec<usize>,
    /// How an equivariant layer pools a set.
    pub inner_pooling: Pooling,
    /// Heads of the attention pooling; they divide its width.
    pub num_heads: usize,
    /// Seeds of the attention pooling: how many vectors a set is pooled to.
    pub num_seeds: usize,
    /// Width of the seeds; that of the pooling if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed_dim: Option<usize>,
    /// Width of the pooling's gated layers relative to its own, before two thirds and rounding up to a multiple of 64.
    pub expansion_factor: f64,
    /// The gate of these layers.
    pub glu_variant: GatedUnit,
    /// Whether the projections of the pooling have biases. The perceptrons always do.
    pub use_bias: bool,
    /// Whether features are normalised.
    pub layer_norm: bool,
    /// Activation of the perceptrons.
    pub activation: Function,
    /// How kernels start.
    pub kernel_initializer: Initialiser,
    /// Probability with which an activation is dropped in training, in [0, 1).
    pub dropout: f64,
}

impl Default for DeepSet {
    fn default() -> Self {
        DeepSet {
            summary_dim: 16,
            embed_dim: 64,
            depth: 2,
            mlp_widths: vec![64],
            inner_pooling: Pooling::Mean,
            num_heads: 4,
            num_seeds: 4,
            seed_dim: None,
            expansion_factor: 4.0,
            glu_variant: GatedUnit::Swiglu,
            use_bias: false,
            layer_norm: true,
            activation: Function::Silu,
            kernel_initializer: Initialiser::HeNormal,
            dropout: 0.05,
        }
    }
}

impl DeepSet {
    fn mlp(&self) -> Mlp {
        let mut widths = self.mlp_widths.clone();
        widths.push(self.embed_dim);
        Mlp {
            widths,
            activation: self.activation,
            kernel_initializer: self.kernel_initializer,
            dropout: self.dropout,
            ..Mlp::default()
        }
    }

    fn check(&self) -> Result<usize> {
        for (name, value) in
            [("summary_dim", self.summary_dim), ("embed_dim", self.embed_dim), ("num_seeds", self.num_seeds)]
        {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        let last = self.mlp_widths.last().copied();
        last.ok_or_else(|| Error::argument("mlp_widths", "is empty; name at least one width"))
    }

    /// Gives the network weights for elements with `features` features.
    pub fn build(&self, builder: &Builder, features: usize) -> Result<BuiltDeepSet> {
        let pooled = self.check()?;
        let mut width = features;
        let mut layers = Vec::with_capacity(self.depth);
        for index in 0..self.depth {
            let scope = builder.scope(format!("equivariant_modules.{index}"));
            layers.push(EquivariantLayer::build(self, &scope, width)?);
            width = self.embed_dim;
        }
        let pooling = PoolingByAttention {
            num_seeds: self.num_seeds,
            seed_dim: self.seed_dim,
            embed_dim: pooled,
            num_heads: self.num_heads,
            dropout: self.dropout,
            expansion_factor: self.expansion_factor,
            glu_variant: self.glu_variant,
            use_bias: self.use_bias,
            layer_norm: self.layer_norm,
            kernel_initializer: self.kernel_initializer,
        };
        let pooling = pooling.build(&builder.scope("pooling_by_attention"), width)?;
        let scope = builder.scope("output_projector");
        let output = Dense::build(&scope, self.num_seeds * pooled, self.summary_dim, Initialiser::GlorotUniform, true);
        Ok(BuiltDeepSet { layers, pooling, output, features })
    }
}

impl SummaryNetwork for DeepSet {
    fn name(&self) -> &str {
        "deep-set"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        Ok(Box::new(DeepSet::build(self, builder, elements.features)?))
    }
}

/// A deep set with weights.
#[derive(Debug, Clone)]
pub struct BuiltDeepSet {
    layers: Vec<EquivariantLayer>,
    pooling: BuiltPoolingByAttention,
    output: Dense,
    features: usize,
}

impl BuiltSummaryNetwork for BuiltDeepSet {
    fn summary_dimension(&self) -> usize {
        self.output.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let SummaryInput { elements, offsets, .. } = input;
        let features = self.layers.iter().fold(elements, |x, layer| layer.forward(pass, x, offsets));
        self.output.forward(pass, self.pooling.forward(pass, features, offsets), Function::Linear)
    }

    fn describe(&self) -> String {
        let mut lines = vec![format!("DeepSet: sets of [{}] to [{}]", self.features, self.summary_dimension())];
        for layer in &self.layers {
            let projector = layer.projector;
            lines.push(format!("  equivariant layer [{}] to [{}]", projector.inputs(), projector.outputs()));
        }
        lines.push(format!("  pooling by attention to [{}]", self.output.inputs()));
        lines.push(format!("  dense [{}] to [{}]", self.output.inputs(), self.output.outputs()));
        lines.join("\n")
    }

    fn flops(&self, elements: usize) -> usize {
        let layers: usize = self.layers.iter().map(|layer| layer.flops(elements)).sum();
        layers + self.pooling.flops(elements) + self.output.flops()
    }
}

#[derive(Debug, Clone)]
struct EquivariantLayer {
    projector: Dense,
    norm: Option<RmsNorm>,
    invariant: InvariantLayer,
    joint_norm: Option<RmsNorm>,
    joint: BuiltMlp,
}

impl EquivariantLayer {
    fn build(config: &DeepSet, builder: &Builder, inputs: usize) -> Result<Self> {
        let width = config.embed_dim;
        let norm = |name: &str, width: usize| config.layer_norm.then(|| RmsNorm::build(&builder.scope(name), width));
        let projector = builder.scope("input_projector");
        Ok(EquivariantLayer {
            projector: Dense::build(&projector, inputs, width, config.kernel_initializer, false),
            norm: norm("ln", width),
            joint_norm: norm("ln_fc", 2 * width),
            invariant: InvariantLayer::build(config, &builder.scope("invariant_module"))?,
            joint: config.mlp().build(&builder.scope("equivariant_fc"), 2 * width)?,
        })
    }

    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, offsets: Var<'t>) -> Var<'t> {
        let h = self.projector.forward_on(pass, x, None);
        let n = self.norm.map_or(h, |norm| norm.forward(pass, h));
        let of_set = self.invariant.forward(pass, n, offsets).segment_repeat(offsets, h.shape().rows());
        h + self.joint.forward_on(pass, n, Some(of_set), self.joint_norm.as_ref())
    }

    fn flops(&self, elements: usize) -> usize {
        elements * (self.projector.flops() + self.joint.flops()) + self.invariant.flops(elements)
    }
}

#[derive(Debug, Clone)]
struct InvariantLayer {
    inner_norm: Option<RmsNorm>,
    inner: BuiltMlp,
    pooling: Pooling,
    outer_norm: Option<RmsNorm>,
    outer: BuiltMlp,
}

impl InvariantLayer {
    fn build(config: &DeepSet, builder: &Builder) -> Result<Self> {
        let width = config.embed_dim;
        let norm = |name: &str| config.layer_norm.then(|| RmsNorm::build(&builder.scope(name), width));
        Ok(InvariantLayer {
            inner_norm: norm("ln_inner"),
            inner: config.mlp().build(&builder.scope("inner_fc"), width)?,
            pooling: config.inner_pooling,
            outer_norm: norm("ln_outer"),
            outer: config.mlp().build(&builder.scope("outer_fc"), width)?,
        })
    }

    /// Elements `[elements, E]` to sets `[sets, E]`.
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, offsets: Var<'t>) -> Var<'t> {
        let inner = self.inner.forward_on(pass, x, None, self.inner_norm.as_ref());
        let pooled = inner.segment_pool(offsets, self.pooling);
        self.outer.forward_on(pass, pooled, None, self.outer_norm.as_ref())
    }

    fn flops(&self, elements: usize) -> usize {
        elements * self.inner.flops() + self.outer.flops()
    }
}
