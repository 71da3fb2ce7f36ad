//! Convolutional networks of images with residual blocks.
//!
//! ```text
//! x = block(x)               blocks of two convolutions, several in each stage
//! x = down(x)                after each stage: half as high and wide, odd rows and columns continued by zeros
//! summary:  dense( head(x) )
//! ```
//!
//! He et al. 2016, arXiv:1512.03385.

use serde::{Deserialize, Serialize};

use super::{BuiltSummaryNetwork, Elements, PerLayer, SummaryInput, SummaryNetwork};
use crate::autodiff::{Pooling, Var};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{
    BuiltDoubleConvolution, BuiltPoolingByAttention, Conv2d, ConvolutionOptions, Dense, DoubleConvolution, GatedUnit,
    Pass, PoolingByAttention, SimpleNorm,
};
use crate::ops::{Edge, PoolingKind};
use crate::parameters::{Builder, Initialiser};
use crate::tensor::Tensor;

/// Groups of channels if none are given.
const GROUPS: usize = 8;

/// How an image becomes half as high and wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownMode {
    /// The mean of 2 × 2 places.
    AvgPool,
    /// A convolution of size and stride 2.
    Conv,
    /// The maximum of 2 × 2 places.
    MaxPool,
}

/// How an image becomes a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolHead {
    /// Attention of one learned seed on all places.
    Attention,
    /// All places side by side; images must be as large as those that the network was built for.
    Flatten,
    /// The mean over all places.
    GlobalAvg,
    /// The maximum over all places.
    GlobalMax,
}

/// Configuration of a convolutional network. Reads images `[datasets, height, width, channels]`, gives `[datasets, summary_dim]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvolutionalNetwork {
    /// Number of summary statistics.
    pub summary_dim: usize,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Blocks of each stage, given for each or once for all.
    pub blocks_per_stage: PerLayer<usize>,
    /// Whether images become smaller after a stage, given for each or once for all.
    pub downsample_stage: PerLayer<bool>,
    /// The norm in the blocks.
    pub norm: SimpleNorm,
    /// Whether a block's input is added to its result.
    pub residual: bool,
    /// Groups of channels of group normalisation, lowered until they divide the channels; 8 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Probability with which an activation is dropped in training, in [0, 1).
    pub dropout: f64,
    /// Activation of the blocks.
    pub activation: Function,
    /// How images become smaller.
    pub down_mode: DownMode,
    /// How the last stage's images become vectors.
    pub pool_head: PoolHead,
    /// Heads of pooling by attention, which divide the last width.
    pub pool_num_heads: usize,
}

impl Default for ConvolutionalNetwork {
    fn default() -> Self {
        ConvolutionalNetwork {
            summary_dim: 16,
            widths: vec![32, 64, 128],
            blocks_per_stage: PerLayer::All(2),
            downsample_stage: PerLayer::All(true),
            norm: SimpleNorm::Layer,
            residual: true,
            groups: None,
            dropout: 0.0,
            activation: Function::Mish,
            down_mode: DownMode::AvgPool,
            pool_head: PoolHead::GlobalAvg,
            pool_num_heads: 4,
        }
    }
}

impl ConvolutionalNetwork {
    fn check(&self) -> Result<()> {
        let groups = self.groups.unwrap_or(GROUPS);
        for (name, value) in [("summary_dim", self.summary_dim), ("groups", groups)] {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        if self.widths.is_empty() || self.widths.contains(&0) {
            let message = format!("{:?} was given; name at least one width, none of them 0", self.widths);
            return Err(Error::argument("widths", message));
        }
        Ok(())
    }

    /// Gives the network weights for images of a height and width with `channels` channels.
    pub fn build(&self, builder: &Builder, grid: [usize; 2], channels: usize) -> Result<BuiltConvolutionalNetwork> {
        self.check()?;
        let (mut index, mut width, mut size) = (0, channels, grid);
        // Layers without weights have numbers too.
        let mut layer = |count: usize| {
            index += count;
            builder.scope(format!("layers.{}", index - 1))
        };
        let blocks = self.blocks_per_stage.of("blocks_per_stage", self.widths.len())?;
        let smaller = self.downsample_stage.of("downsample_stage", self.widths.len())?;
        let mut stages = Vec::with_capacity(self.widths.len());
        for ((&next, blocks), smaller) in self.widths.iter().zip(blocks).zip(smaller) {
            let block = DoubleConvolution {
                width: next,
                norm: self.norm,
                groups: self.groups.unwrap_or(GROUPS),
                activation: self.activation,
                residual: self.residual,
                dropout: self.dropout,
            };
            let mut stage = Stage { blocks: Vec::with_capacity(blocks), down: None };
            for _ in 0..blocks {
                stage.blocks.push(block.build(&layer(1), width)?);
                width = next;
            }
            if smaller {
                let scope = layer(2);
                let options = ConvolutionOptions { stride: 2, ..ConvolutionOptions::new(width, [2, 2]) };
                stage.down = Some(match self.down_mode {
                    DownMode::AvgPool => Down::Pool(PoolingKind::Mean),
                    DownMode::Conv => Down::Convolution(Conv2d::build(&scope, width, options)?),
                    DownMode::MaxPool => Down::Pool(PoolingKind::Maximum),
                });
                size = size.map(|size| size.div_ceil(2));
            }
            stages.push(stage);
        }
        let (head, pooled) = match self.pool_head {
            PoolHead::Attention => {
                let pooling = PoolingByAttention {
                    num_seeds: 1,
                    seed_dim: None,
                    embed_dim: width,
                    num_heads: self.pool_num_heads,
                    dropout: self.dropout,
                    expansion_factor: 4.0,
                    glu_variant: GatedUnit::Swiglu,
                    use_bias: false,
                    layer_norm: true,
                    kernel_initializer: Initialiser::GlorotUniform,
                };
                (Head::Attention(Box::new(pooling.build(&layer(2), width)?)), width)
            }
            PoolHead::Flatten => (Head::Flatten, size[0] * size[1] * width),
            PoolHead::GlobalAvg => (Head::Pool(Pooling::Mean), width),
            PoolHead::GlobalMax => (Head::Pool(Pooling::Max), width),
        };
        let scope = if self.pool_head == PoolHead::Attention { layer(1) } else { layer(2) };
        let output = Dense::build(&scope, pooled, self.summary_dim, Initialiser::GlorotUniform, true);
        Ok(BuiltConvolutionalNetwork { stages, head, output, grid, channels })
    }
}

impl SummaryNetwork for ConvolutionalNetwork {
    fn name(&self) -> &str {
        "convolutional-network"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        let grid = elements.grid.ok_or_else(no_images)?;
        Ok(Box::new(ConvolutionalNetwork::build(self, builder, grid, elements.features)?))
    }
}

fn no_images() -> Error {
    Error::argument(
        "summary_variables",
        "are no images; a convolutional network reads [datasets, height, width, channels], other networks read sets \
         and series",
    )
}

#[derive(Debug, Clone)]
struct Stage {
    blocks: Vec<BuiltDoubleConvolution>,
    down: Option<Down>,
}

#[derive(Debug, Clone, Copy)]
enum Down {
    Pool(PoolingKind),
    Convolution(Conv2d),
}

#[derive(Debug, Clone)]
enum Head {
    Attention(Box<BuiltPoolingByAttention>),
    Flatten,
    Pool(Pooling),
}

/// A convolutional network with weights.
#[derive(Debug, Clone)]
pub struct BuiltConvolutionalNetwork {
    stages: Vec<Stage>,
    head: Head,
    output: Dense,
    grid: [usize; 2],
    channels: usize,
}

impl BuiltConvolutionalNetwork {
    /// Images `[datasets, height, width, channels]` to vectors.
    fn pool<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        let &[datasets, height, width, channels] = x.shape().axes() else { return x };
        let places = height * width;
        if matches!(self.head, Head::Flatten) {
            return x.reshape([datasets, places * channels]);
        }
        let tape = pass.tape();
        let offsets = Tensor::indices_from(tape.device(), datasets + 1, |dataset| (dataset * places) as u32);
        let offsets = offsets.map_or_else(|fault| tape.fail(fault), |offsets| tape.constant(offsets));
        let rows = x.reshape([datasets * places, channels]);
        match &self.head {
            Head::Attention(pooling) => pooling.forward(pass, rows, offsets),
            Head::Pool(pooling) => rows.segment_pool(offsets, *pooling),
            Head::Flatten => rows,
        }
    }
}

impl BuiltSummaryNetwork for BuiltConvolutionalNetwork {
    fn summary_dimension(&self) -> usize {
        self.output.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let Some([height, width]) = input.grid else { return pass.tape().fail(no_images()) };
        if matches!(self.head, Head::Flatten) && [height, width] != self.grid {
            let [built_height, built_width] = self.grid;
            let message = format!(
                "images of {height} × {width} for a network with the head flatten that was built for {built_height} × \
                 {built_width}; give images of this size, or choose another head"
            );
            return pass.tape().fail(Error::argument("summary_variables", message));
        }
        let mut x = input.elements.reshape([input.datasets(), height, width, self.channels]);
        for stage in &self.stages {
            x = stage.blocks.iter().fold(x, |x, block| block.forward(pass, x));
            x = match &stage.down {
                None => x,
                Some(Down::Pool(kind)) => x.pool_images(*kind, Edge::Zeros),
                Some(Down::Convolution(convolution)) => convolution.forward(pass, x, Function::Linear),
            };
        }
        self.output.forward(pass, self.pool(pass, x), Function::Linear)
    }

    fn describe(&self) -> String {
        let [height, width] = self.grid;
        let (channels, summaries) = (self.channels, self.summary_dimension());
        let mut lines = vec![format!("ConvolutionalNetwork: images [{height}, {width}, {channels}] to [{summaries}]")];
        for stage in &self.stages {
            for block in &stage.blocks {
                let [from, to] = block.widths();
                lines.push(format!("  two convolutions [{from}] to [{to}]"));
            }
            if stage.down.is_some() {
                lines.push("  half as high and wide".to_string());
            }
        }
        lines.push(format!("  dense [{}] to [{summaries}]", self.output.inputs()));
        lines.join("\n")
    }

    fn flops(&self, _: usize) -> usize {
        let (mut grid, mut flops) = (self.grid, self.output.flops());
        for stage in &self.stages {
            flops += stage.blocks.iter().map(|block| block.flops(grid)).sum::<usize>();
            if let Some(down) = &stage.down {
                flops += if let Down::Convolution(convolution) = down { convolution.flops(grid) } else { 0 };
                grid = grid.map(|size| size.div_ceil(2));
            }
        }
        match &self.head {
            Head::Attention(pooling) => flops + pooling.flops(grid[0] * grid[1]),
            _ => flops,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::Tape;
    use crate::device::Device;
    use crate::nn::Stage as PassStage;
    use crate::random::Key;

    fn small() -> ConvolutionalNetwork {
        ConvolutionalNetwork {
            summary_dim: 3,
            widths: vec![4, 6],
            blocks_per_stage: PerLayer::Each(vec![1, 2]),
            norm: SimpleNorm::Group,
            ..ConvolutionalNetwork::default()
        }
    }

    /// Summaries of images with one channel.
    fn run(config: &ConvolutionalNetwork, grid: [usize; 2], pixels: &[f32]) -> Result<Vec<f32>> {
        let builder = Builder::new();
        let built = config.build(&builder, [6, 7], 1)?;
        let parameters = builder.finish(&Device::cpu(), Key::new(1))?;
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, &parameters).with(PassStage::Inference, false);
        let (places, count) = (grid[0] * grid[1], pixels.len() / (grid[0] * grid[1]));
        let offsets = Tensor::indices_from(tape.device(), count + 1, |image| (image * places) as u32)?;
        let input = SummaryInput::new(tape.values([pixels.len(), 1], pixels), tape.constant(offsets));
        built.forward(&pass, SummaryInput { grid: Some(grid), ..input }).value()?.values()
    }

    /// Also images of another size than the network was built for, unless they are flattened.
    #[test]
    fn an_image_does_not_depend_on_its_neighbours() {
        let pixels: Vec<f32> = (0..3 * 42).map(|i| (i * 31 % 17) as f32 / 9.0 - 0.9).collect();
        for (pool_head, pool_num_heads) in
            [(PoolHead::GlobalAvg, 1), (PoolHead::GlobalMax, 1), (PoolHead::Attention, 3), (PoolHead::Flatten, 1)]
        {
            let config = ConvolutionalNetwork { pool_head, pool_num_heads, ..small() };
            for grid in [[6, 7], [14, 3], [1, 42]] {
                let together = run(&config, grid, &pixels);
                if pool_head == PoolHead::Flatten && grid != [6, 7] {
                    let message = together.unwrap_err().to_string();
                    assert!(message.contains("built for 6 × 7"), "{message}");
                    continue;
                }
                let alone = pixels.chunks(42).flat_map(|image| run(&config, grid, image).unwrap());
                let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                assert_eq!(bits(together.unwrap()), bits(alone.collect()), "{pool_head:?}");
            }
        }
    }

    #[test]
    fn default_sizes() {
        let builder = Builder::new();
        ConvolutionalNetwork::default().build(&builder, [32, 32], 1).unwrap();
        assert_eq!(builder.trainable_count(), 811_120);
        let built = SummaryNetwork::build(&small(), &Builder::new(), 3.into());
        let message = built.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("are no images"), "{message}");
        for (wrong, name) in [
            (ConvolutionalNetwork { widths: vec![], ..small() }, "widths"),
            (ConvolutionalNetwork { groups: Some(0), ..small() }, "groups"),
            (ConvolutionalNetwork { downsample_stage: PerLayer::Each(vec![true]), ..small() }, "downsample_stage"),
            (ConvolutionalNetwork { dropout: 1.5, ..small() }, "dropout"),
        ] {
            let message = wrong.build(&Builder::new(), [6, 7], 1).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }

    /// A residual block starts as its projection.
    #[test]
    fn the_last_kernel_or_gain_starts_at_zero() {
        for (norm, name) in [
            (SimpleNorm::Layer, "layers.0.conv_layers.6.kernel"),
            (SimpleNorm::Batch, "layers.0.conv_layers.5.norm.gamma"),
        ] {
            let builder = Builder::new();
            ConvolutionalNetwork { norm, ..small() }.build(&builder, [4, 4], 1).unwrap();
            let parameters = builder.finish(&Device::cpu(), Key::new(1)).unwrap();
            assert!(parameters.get(name).unwrap().to_f64().iter().all(|&value| value == 0.0), "{name}");
        }
    }
}
