//! Attention with several heads (Vaswani et al. 2017, arXiv:1706.03762).

use super::chain::Chain;
use super::{Pass, RmsNorm, Stage};
use crate::autodiff::{AttentionSets, Var};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::{Branch, MlpLayer};
use crate::parameters::{Builder, Initialiser, Weight};

/// The rows of all sets of a ragged batch, `[rows, features]`, and where each set starts, indices `[sets + 1]`.
#[derive(Clone, Copy)]
pub struct Sets<'t> {
    /// The elements of all sets, one after the other.
    pub rows: Var<'t>,
    /// Where each set starts.
    pub offsets: Var<'t>,
}

impl<'t> Sets<'t> {
    /// Number of sets.
    pub fn count(&self) -> usize {
        self.offsets.shape().elements().saturating_sub(1)
    }
}

/// Configuration of attention with several heads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiHeadAttention {
    /// Number of heads, `N`.
    pub num_heads: usize,
    /// Width of queries, keys and values of one head, `h`.
    pub key_dim: usize,
    /// Width of the output.
    pub outputs: usize,
    /// Probability with which an attention probability is dropped in training.
    pub dropout: f64,
    /// Whether the four projections have biases.
    pub use_bias: bool,
    /// How the kernels start; each is drawn anew.
    pub kernel_initializer: Initialiser,
}

impl MultiHeadAttention {
    /// Gives the layer weights for queries `[rows, queries]` and keys `[rows, keys]`: `query_dense`, `key_dense`, `value_dense`
    /// with kernels `[in, N, h]`, `output_dense` with the kernel `[N, h, out]`.
    pub fn build(&self, builder: &Builder, queries: usize, keys: usize) -> Result<BuiltMultiHeadAttention> {
        for (name, value) in [("num_heads", self.num_heads), ("key_dim", self.key_dim), ("outputs", self.outputs)] {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        super::check_dropout(self.dropout)?;
        let (n, h, width) = (self.num_heads, self.key_dim, self.num_heads * self.key_dim);
        let projection = |name: &str, inputs: usize| {
            let (scope, matrix) = (builder.scope(name), [inputs, width]);
            Projection {
                kernel: scope.trainable_matrix("kernel", [inputs, n, h], matrix, self.kernel_initializer),
                bias: self.use_bias.then(|| scope.trainable("bias", [n, h], Initialiser::Zeros)),
                matrix,
            }
        };
        let (query, key, value) =
            (projection("query_dense", queries), projection("key_dense", keys), projection("value_dense", keys));
        let (scope, matrix) = (builder.scope("output_dense"), [width, self.outputs]);
        let output = Projection {
            kernel: scope.trainable_matrix("kernel", [n, h, self.outputs], matrix, self.kernel_initializer),
            bias: self.use_bias.then(|| scope.trainable("bias", [self.outputs], Initialiser::Zeros)),
            matrix,
        };
        Ok(BuiltMultiHeadAttention { query, key, value, output, heads: n, dropout: self.dropout })
    }
}

/// A dense layer whose kernel is stored with the axes of heads.
#[derive(Debug, Clone, Copy)]
struct Projection {
    kernel: Weight,
    bias: Option<Weight>,
    matrix: [usize; 2],
}

impl Projection {
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, norm: Option<&RmsNorm>) -> Var<'t> {
        let bias = self.bias.map(|bias| pass.weight(bias).reshape([self.matrix[1]]));
        let layer =
            MlpLayer { activation: Function::Linear, bias: bias.is_some(), branch: Branch::None, dropout: None };
        let mut chain = Chain::on(pass, x, None, norm);
        let kernel = pass.weight(self.kernel).reshape(self.matrix);
        chain.push_weights(layer, [kernel].into_iter().chain(bias));
        chain.compute()
    }

    fn flops(&self) -> usize {
        2 * self.matrix[0] * self.matrix[1]
    }
}

/// Attention with several heads and its weights.
#[derive(Debug, Clone, Copy)]
pub struct BuiltMultiHeadAttention {
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    heads: usize,
    dropout: f64,
}

impl BuiltMultiHeadAttention {
    /// Each row of the queries attends to the rows of the keys of its set: `[query rows, out]`. The mask
    /// `[query rows, longest set of keys]` is above 0.5 where a row attends to a key.
    pub fn forward<'t>(&self, pass: &Pass<'t>, query: Sets<'t>, key: Sets<'t>, mask: Option<Var<'t>>) -> Var<'t> {
        let projected = Sets { rows: self.query(pass, query.rows, None), ..query };
        self.attend(pass, projected, key, None, mask)
    }

    /// The projection of the norm, if there is one, of the queries, which sets that share their queries need only once.
    pub(super) fn query<'t>(&self, pass: &Pass<'t>, query: Var<'t>, norm: Option<&RmsNorm>) -> Var<'t> {
        self.query.forward(pass, query, norm)
    }

    /// [`Self::forward`] for queries that are projected already, and keys that are normalised first if there is a norm.
    pub(super) fn attend<'t>(
        &self,
        pass: &Pass<'t>,
        query: Sets<'t>,
        key: Sets<'t>,
        norm: Option<&RmsNorm>,
        mask: Option<Var<'t>>,
    ) -> Var<'t> {
        let active = pass.stage() == Stage::Training && self.dropout > 0.0;
        let sets = AttentionSets {
            query_offsets: query.offsets,
            key_offsets: key.offsets,
            mask,
            dropout: active.then(|| (self.dropout, pass.next_key())),
        };
        let (keys, values) = (self.key.forward(pass, key.rows, norm), self.value.forward(pass, key.rows, norm));
        self.output.forward(pass, query.rows.attention(keys, values, sets, self.heads), None)
    }

    /// Floating point operations for one set with so many queries and keys.
    pub fn flops(&self, queries: usize, keys: usize) -> usize {
        let projections = queries * (self.query.flops() + self.output.flops());
        projections + keys * (self.key.flops() + self.value.flops()) + 4 * queries * keys * self.query.matrix[1]
    }
}
