//! Self-attention of sets and pooling by attention (Lee et al. 2019, arXiv:1810.00825).

use super::{AttentionBlock, BuiltAttentionBlock, BuiltGatedFeedForward, GatedUnit, Pass, Sets};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::parameters::{Builder, Initialiser, Weight};

/// Every element of a set attends to all: `block(x, x)`, with the weights `mab`.
#[derive(Debug, Clone, Copy)]
pub struct SetAttention {
    block: BuiltAttentionBlock,
}

impl SetAttention {
    /// Builds the layer for elements `[elements, inputs]`.
    pub fn build(builder: &Builder, block: &AttentionBlock, inputs: usize) -> Result<Self> {
        Ok(SetAttention { block: block.build(&builder.scope("mab"), inputs, inputs)? })
    }

    /// `[elements, inputs]` to `[elements, E]`. The mask `[elements, longest set]` is above 0.5 where an element attends to the
    /// element of an index in its set.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, offsets: Var<'t>, mask: Option<Var<'t>>) -> Var<'t> {
        let sets = Sets { rows: x, offsets };
        self.block.forward(pass, sets, sets, mask)
    }

    /// Floating point operations of the products for one set.
    pub fn flops(&self, elements: usize) -> usize {
        self.block.flops(elements, elements)
    }
}

/// Attention through a few learned points: `h = block₀(I, x)`, `block₁(x, h)`. The cost grows linearly with the set.
///
/// Weights: `inducing_points` `[points, E]`, `mab0`, `mab1`.
#[derive(Debug, Clone, Copy)]
pub struct InducedSetAttention {
    points: Weight,
    count: usize,
    gather: BuiltAttentionBlock,
    spread: BuiltAttentionBlock,
}

impl InducedSetAttention {
    /// Builds the layer with a number of inducing points for elements `[elements, inputs]`.
    pub fn build(builder: &Builder, block: &AttentionBlock, points: usize, inputs: usize) -> Result<Self> {
        if points == 0 {
            return Err(Error::argument("num_inducing_points", "0 was given; give at least 1, or none at all"));
        }
        let width = block.embed_dim;
        Ok(InducedSetAttention {
            points: builder.trainable("inducing_points", [points, width], Initialiser::GlorotUniform),
            count: points,
            gather: block.build(&builder.scope("mab0"), width, inputs)?,
            spread: block.build(&builder.scope("mab1"), inputs, width)?,
        })
    }

    /// `[elements, inputs]` to `[elements, E]`. The mask `[elements, points]` is above 0.5 where an element attends to a point.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, offsets: Var<'t>, mask: Option<Var<'t>>) -> Var<'t> {
        let sets = Sets { rows: x, offsets };
        let gathered = self.gather.forward_shared(pass, pass.weight(self.points), sets);
        self.spread.forward(pass, sets, gathered, mask)
    }

    /// Number of inducing points.
    pub fn points(&self) -> usize {
        self.count
    }

    /// Floating point operations of the products for one set.
    pub fn flops(&self, elements: usize) -> usize {
        self.gather.flops(self.count, elements) + self.spread.flops(elements, self.count)
    }
}

/// Configuration of pooling by attention: learned seeds attend to the elements of each set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolingByAttention {
    /// Number of seeds, `n`: how many vectors a set is pooled to.
    pub num_seeds: usize,
    /// Width of the seeds; `E` if none.
    pub seed_dim: Option<usize>,
    /// Width of the block, `E`.
    pub embed_dim: usize,
    /// Number of heads, which divides `E`.
    pub num_heads: usize,
    /// Probability of dropout in training.
    pub dropout: f64,
    /// Hidden width of the feed-forward networks relative to `E`.
    pub expansion_factor: f64,
    /// The gate of the feed-forward networks.
    pub glu_variant: GatedUnit,
    /// Whether all projections have biases.
    pub use_bias: bool,
    /// Whether there are norms.
    pub layer_norm: bool,
    /// How the kernels start; the seeds start Glorot uniform.
    pub kernel_initializer: Initialiser,
}

impl PoolingByAttention {
    /// Gives the layer the weights `seed_vector` `[n, seed_dim]`, `feedforward` and `mab` for elements `[elements, inputs]`.
    pub fn build(&self, builder: &Builder, inputs: usize) -> Result<BuiltPoolingByAttention> {
        let seed_dim = self.seed_dim.unwrap_or(self.embed_dim);
        if self.num_seeds == 0 || seed_dim == 0 {
            let message =
                format!("{} seeds of width {seed_dim} were given; give at least one, of width 1", self.num_seeds);
            return Err(Error::argument("num_seeds", message));
        }
        let block = AttentionBlock {
            embed_dim: self.embed_dim,
            num_heads: self.num_heads,
            dropout: self.dropout,
            expansion_factor: self.expansion_factor,
            glu_variant: self.glu_variant,
            use_bias: self.use_bias,
            layer_norm: self.layer_norm,
            kernel_initializer: self.kernel_initializer,
        };
        Ok(BuiltPoolingByAttention {
            seeds: builder.trainable("seed_vector", [self.num_seeds, seed_dim], Initialiser::GlorotUniform),
            count: self.num_seeds,
            feed_forward: block.feed_forward().build(&builder.scope("feedforward"), inputs)?,
            block: block.build(&builder.scope("mab"), seed_dim, self.embed_dim)?,
        })
    }
}

/// Pooling by attention with weights: `block(seeds, feed_forward(x))`.
#[derive(Debug, Clone, Copy)]
pub struct BuiltPoolingByAttention {
    seeds: Weight,
    count: usize,
    feed_forward: BuiltGatedFeedForward,
    block: BuiltAttentionBlock,
}

impl BuiltPoolingByAttention {
    /// `[elements, inputs]` to `[sets, n · E]`, seed by seed.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, offsets: Var<'t>) -> Var<'t> {
        let elements = Sets { rows: self.feed_forward.forward(pass, x), offsets };
        let pooled = self.block.forward_shared(pass, pass.weight(self.seeds), elements);
        pooled.rows.reshape([elements.count(), self.outputs()])
    }

    /// Width of the output, `n · E`.
    pub fn outputs(&self) -> usize {
        self.count * self.block.width()
    }

    /// Floating point operations of the products for one set.
    pub fn flops(&self, elements: usize) -> usize {
        elements * self.feed_forward.flops() + self.block.flops(self.count, elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::Tape;
    use crate::device::Device;
    use crate::nn::Stage;
    use crate::ops::random;
    use crate::parameters::Parameters;
    use crate::random::Key;
    use crate::tensor::Tensor;

    const FEATURES: usize = 3;

    fn block() -> AttentionBlock {
        AttentionBlock { embed_dim: 12, num_heads: 3, ..AttentionBlock::default() }
    }

    struct Layers {
        parameters: Parameters,
        sets: SetAttention,
        induced: InducedSetAttention,
        pooling: BuiltPoolingByAttention,
    }

    fn layers() -> Layers {
        let builder = Builder::new();
        let AttentionBlock { embed_dim, num_heads, dropout, expansion_factor, .. } = block();
        let pooling = PoolingByAttention {
            num_seeds: 2,
            seed_dim: Some(5),
            embed_dim,
            num_heads,
            dropout,
            expansion_factor,
            glu_variant: GatedUnit::Geglu,
            use_bias: true,
            layer_norm: true,
            kernel_initializer: Initialiser::GlorotUniform,
        };
        let sets = SetAttention::build(&builder.scope("sets"), &block(), FEATURES).unwrap();
        let induced = InducedSetAttention::build(&builder.scope("induced"), &block(), 4, FEATURES).unwrap();
        let pooling = pooling.build(&builder.scope("pooling"), 12).unwrap();
        Layers { parameters: builder.finish(&Device::cpu(), Key::new(1)).unwrap(), sets, induced, pooling }
    }

    impl Layers {
        /// What the layers make of sets: elements of both kinds of attention, and the pooled sets.
        fn run(&self, offsets: &[u32], elements: &[f32]) -> [Vec<f32>; 3] {
            let tape = Tape::new(self.parameters.device());
            let pass = Pass::inference(&tape, &self.parameters);
            let x = tape.values([elements.len() / FEATURES, FEATURES], elements);
            let offsets = Tensor::from_indices(tape.device(), [offsets.len()], offsets).unwrap();
            let offsets = tape.constant(offsets);
            let attended = self.sets.forward(&pass, x, offsets, None);
            let induced = self.induced.forward(&pass, x, offsets, None);
            let pooled = self.pooling.forward(&pass, attended + induced, offsets);
            [attended, induced, pooled].map(|var| var.value().unwrap().values().unwrap())
        }
    }

    #[test]
    fn a_ragged_batch_equals_one_set_at_a_time() {
        let layers = layers();
        let offsets = [0u32, 1, 8, 45, 47];
        let elements = random::normal(layers.parameters.device(), Key::new(2), 0, [47, FEATURES]).unwrap();
        let elements = elements.values().unwrap();
        let together = layers.run(&offsets, &elements);
        let mut alone: [Vec<f32>; 3] = Default::default();
        for set in offsets.windows(2) {
            let rows = set[0] as usize * FEATURES..set[1] as usize * FEATURES;
            for (all, one) in alone.iter_mut().zip(layers.run(&[0, set[1] - set[0]], &elements[rows])) {
                all.extend(one);
            }
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        for (together, alone) in together.iter().zip(&alone) {
            assert_eq!(bits(together), bits(alone));
        }
    }

    #[test]
    fn pooling_does_not_depend_on_the_order_of_a_set() {
        let layers = layers();
        let elements = random::normal(layers.parameters.device(), Key::new(2), 0, [9, FEATURES]).unwrap();
        let elements = elements.values().unwrap();
        let turned: Vec<f32> = elements.chunks(FEATURES).rev().flatten().copied().collect();
        let [[.., pooled], [.., other]] = [&elements, &turned].map(|elements| layers.run(&[0, 9], elements));
        assert!(pooled.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-5), "{pooled:?} {other:?}");
    }

    /// Dropout changes the result in training, the same way for the same key, and its gradient exists.
    #[test]
    fn dropout_is_a_function_of_the_key() {
        let layers = layers();
        let run = |key: u64| {
            let tape = Tape::new(layers.parameters.device());
            let pass = Pass::training(&tape, &layers.parameters, Key::new(key));
            assert_eq!(pass.stage(), Stage::Training);
            let x = random::normal(tape.device(), Key::new(2), 0, [9, FEATURES]).unwrap();
            let offsets = tape.constant(Tensor::from_indices(tape.device(), [3], &[0, 4, 9]).unwrap());
            let attended = layers.sets.forward(&pass, tape.input(x), offsets, None);
            let y = layers.pooling.forward(&pass, attended, offsets);
            let gradients = pass.gradients((y * y).mean()).unwrap();
            (y.value().unwrap().values().unwrap(), gradients.flat().values().unwrap())
        };
        let (first, gradients) = run(1);
        assert_eq!((first.clone(), gradients.clone()), run(1));
        assert_ne!(first, run(2).0);
        assert!(gradients.iter().all(|g| g.is_finite()) && gradients.iter().any(|&g| g != 0.0));
    }

    #[test]
    fn heads_must_divide_the_width() {
        let config = AttentionBlock { num_heads: 5, ..block() };
        let message = SetAttention::build(&Builder::new(), &config, 3).unwrap_err().to_string();
        assert!(message.contains("5 heads for the width 12"), "{message}");
    }
}
