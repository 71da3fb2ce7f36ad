//! Convolution over time, then recurrence with skips.
//!
//! ```text
//! h = norm(f(conv(h)))             for each layer of convolutions, padding same; the norm only if `groups` are given
//! summary:  dense( last(h) + last(skip conv(h)) )
//! ```
//!
//! `last` is the final state of a recurrence, or the sum of those of both directions. Zhang & Mikelsons 2023, doi
//! 10.1109/AIM46323.2023.10196190; Lai et al. 2017, arXiv:1703.07015.

use serde::{Deserialize, Serialize};

use super::{BuiltSummaryNetwork, Elements, PerLayer, SummaryInput, SummaryNetwork};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{BuiltSkipRecurrent, Conv1d, ConvolutionOptions, Dense, GroupNorm, Pass, Series, SkipRecurrent};
use crate::ops::RecurrentCell;
use crate::parameters::{Builder, Initialiser};

/// Configuration of a time series network. Reads series `[elements, features]` of any lengths, gives `[datasets, summary_dim]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSeriesNetwork {
    /// Number of summary statistics.
    pub summary_dim: usize,
    /// Filters of the convolutions. Filters, kernel sizes and strides are given for each layer, or once for all.
    pub filters: PerLayer<usize>,
    /// Sizes of the kernels of the convolutions.
    pub kernel_sizes: PerLayer<usize>,
    /// Steps from one window of the convolutions to the next.
    pub strides: PerLayer<usize>,
    /// Activation of the convolutions.
    pub activation: Function,
    /// How the kernels of the convolutions start.
    pub kernel_initializer: Initialiser,
    /// Groups of filters that are normalised together over time, lowered until they divide the filters; no norm if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// The cell of the recurrences.
    pub recurrent_type: RecurrentCell,
    /// Width of their states.
    pub recurrent_dim: usize,
    /// Whether they walk through both directions of time.
    pub bidirectional: bool,
    /// Probability with which a feature of a recurrence's input is dropped in training, in [0, 1).
    pub dropout: f64,
    /// Steps that the second branch takes at once.
    pub skip_steps: usize,
    /// Two habits of the peer, for models trained there: a layer for each entry of the shortest of filters, kernel sizes and strides,
    /// a single number counting as one entry; and the units of backward states turned around, see [`SkipRecurrent`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub peer_compatible: bool,
}

impl Default for TimeSeriesNetwork {
    fn default() -> Self {
        TimeSeriesNetwork {
            summary_dim: 16,
            filters: PerLayer::All(32),
            kernel_sizes: PerLayer::All(3),
            strides: PerLayer::All(1),
            activation: Function::Mish,
            kernel_initializer: Initialiser::GlorotUniform,
            groups: None,
            recurrent_type: RecurrentCell::Gru,
            recurrent_dim: 128,
            bidirectional: true,
            dropout: 0.05,
            skip_steps: 4,
            peer_compatible: false,
        }
    }
}

impl TimeSeriesNetwork {
    /// Filters, kernel size and stride of each convolution.
    fn convolutions(&self) -> Result<Vec<[usize; 3]>> {
        let options = [("filters", &self.filters), ("kernel_sizes", &self.kernel_sizes), ("strides", &self.strides)];
        if let Some((name, _)) = options.iter().find(|(_, values)| values.count() == Some(0)) {
            return Err(Error::argument(*name, "is empty; give one for each layer, or one for all"));
        }
        if self.peer_compatible {
            let count = options.iter().map(|(_, values)| values.count().unwrap_or(1)).min().unwrap_or(1);
            let layer = |index: usize| options.map(|(_, values)| values.get(index).unwrap_or(0));
            return Ok((0..count).map(layer).collect());
        }
        let count = options.iter().find_map(|(_, values)| values.count()).unwrap_or(1);
        let [filters, sizes, strides] = options.map(|(name, values)| values.of(name, count));
        let (filters, sizes, strides) = (filters?, sizes?, strides?);
        Ok((0..count).map(|index| [filters[index], sizes[index], strides[index]]).collect())
    }

    /// Gives the network weights for series with `features` features.
    pub fn build(&self, builder: &Builder, features: usize) -> Result<BuiltTimeSeriesNetwork> {
        if self.summary_dim == 0 {
            return Err(Error::argument("summary_dim", "0 was given; give at least 1"));
        }
        if self.groups == Some(0) {
            return Err(Error::argument("groups", "0 was given; give at least 1, or leave them out for no norm"));
        }
        let (mut convolutions, mut width, mut index) = (Vec::new(), features, 0);
        let mut layer = || {
            index += 1;
            builder.scope(format!("conv.layers.{}", index - 1))
        };
        for [filters, size, stride] in self.convolutions()? {
            let kernel_initializer = self.kernel_initializer;
            let options = ConvolutionOptions { stride, kernel_initializer, ..ConvolutionOptions::new(filters, [size]) };
            let convolution = Conv1d::build(&layer(), width, options)?;
            let norm = self.groups.map(|groups| GroupNorm::build(&layer(), filters, groups, true, true));
            convolutions.push((convolution, norm));
            width = filters;
        }
        let recurrent = SkipRecurrent {
            cell: self.recurrent_type,
            hidden_dim: self.recurrent_dim,
            bidirectional: self.bidirectional,
            skip_steps: self.skip_steps,
            dropout: self.dropout,
            peer_compatible: self.peer_compatible,
        };
        let recurrent = recurrent.build(&builder.scope("recurrent"), width)?;
        let scope = builder.scope("output_projector");
        let output = Dense::build(&scope, recurrent.width(), self.summary_dim, Initialiser::GlorotUniform, true);
        Ok(BuiltTimeSeriesNetwork { convolutions, recurrent, output, config: self.clone(), features })
    }
}

impl SummaryNetwork for TimeSeriesNetwork {
    fn name(&self) -> &str {
        "time-series-network"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>> {
        Ok(Box::new(TimeSeriesNetwork::build(self, builder, elements.features)?))
    }
}

/// A time series network with weights.
#[derive(Debug, Clone)]
pub struct BuiltTimeSeriesNetwork {
    convolutions: Vec<(Conv1d, Option<GroupNorm>)>,
    recurrent: BuiltSkipRecurrent,
    output: Dense,
    config: TimeSeriesNetwork,
    features: usize,
}

impl BuiltSummaryNetwork for BuiltTimeSeriesNetwork {
    fn summary_dimension(&self) -> usize {
        self.output.outputs()
    }

    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t> {
        let mut series = Series::new(input.elements, input.offsets);
        for (convolution, norm) in &self.convolutions {
            series = convolution.forward(pass, &series, self.config.activation);
            if let Some(norm) = norm {
                series = norm.forward_series(pass, &series);
            }
        }
        self.output.forward(pass, self.recurrent.forward(pass, &series), Function::Linear)
    }

    fn describe(&self) -> String {
        let mut lines =
            vec![format!("TimeSeriesNetwork: series of [{}] to [{}]", self.features, self.summary_dimension())];
        for (convolution, norm) in &self.convolutions {
            let norm = norm.map_or("", |_| ", group norm");
            lines.push(format!("  convolution [{}] to [{}]{norm}", convolution.inputs(), convolution.filters()));
        }
        let TimeSeriesNetwork { recurrent_type, bidirectional, skip_steps, .. } = self.config;
        let directions = if bidirectional { "both directions" } else { "one direction" };
        let width = self.recurrent.width();
        lines.push(format!("  {recurrent_type:?} of each and of {skip_steps} steps, {directions}, to [{width}]"));
        lines.push(format!("  dense [{width}] to [{}]", self.output.outputs()));
        lines.join("\n")
    }

    fn flops(&self, elements: usize) -> usize {
        let (mut length, mut flops) = (elements, 0);
        for (convolution, _) in &self.convolutions {
            flops += convolution.flops(length);
            length = convolution.positions(length);
        }
        flops + self.recurrent.flops(length) + self.output.flops()
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

    const FEATURES: usize = 2;

    fn build(config: &TimeSeriesNetwork) -> (Parameters, BuiltTimeSeriesNetwork) {
        let builder = Builder::new();
        let built = config.build(&builder, FEATURES).unwrap();
        (builder.finish(&Device::cpu(), Key::new(1)).unwrap(), built)
    }

    fn small() -> TimeSeriesNetwork {
        TimeSeriesNetwork {
            summary_dim: 3,
            filters: PerLayer::Each(vec![6, 4]),
            strides: PerLayer::Each(vec![1, 2]),
            groups: Some(2),
            recurrent_dim: 5,
            skip_steps: 3,
            ..TimeSeriesNetwork::default()
        }
    }

    /// Summaries, and gradients of the sum of their squares.
    fn run(config: &TimeSeriesNetwork, offsets: &[u32], elements: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (parameters, built) = build(config);
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, &parameters).with(Stage::Inference, true);
        let elements = tape.values([elements.len() / FEATURES, FEATURES], elements);
        let offsets = tape.constant(Tensor::from_indices(tape.device(), [offsets.len()], offsets).unwrap());
        let y = built.forward(&pass, SummaryInput::new(elements, offsets));
        let gradients = pass.gradients((y * y).sum()).unwrap();
        (y.value().unwrap().values().unwrap(), gradients.flat().values().unwrap())
    }

    /// Lengths 1 and 2 are shorter than the kernel and the skip.
    #[test]
    fn a_ragged_batch_equals_one_series_at_a_time() {
        let offsets = [0u32, 1, 3, 14, 53, 58, 99];
        let elements = random::normal(&Device::cpu(), Key::new(2), 0, [99, FEATURES]).unwrap().values().unwrap();
        for bidirectional in [true, false] {
            for recurrent_type in [RecurrentCell::Gru, RecurrentCell::Lstm] {
                let config = TimeSeriesNetwork { bidirectional, recurrent_type, ..small() };
                let (together, gradient) = run(&config, &offsets, &elements);
                let (mut alone, mut sum) = (Vec::new(), vec![0.0; gradient.len()]);
                for pair in offsets.windows(2) {
                    let rows = &elements[FEATURES * pair[0] as usize..FEATURES * pair[1] as usize];
                    let (y, gradient) = run(&config, &[0, pair[1] - pair[0]], rows);
                    alone.extend(y);
                    sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient);
                }
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&together), bits(&alone));
                let largest = gradient.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
                assert!(gradient.iter().zip(&sum).all(|(a, b)| (a - b).abs() <= 2e-6 * largest));
            }
        }
    }

    /// The peer's habit turns around the units of backward states; without it they are added as they are.
    #[test]
    fn units_of_backward_states_keep_their_places() {
        let elements: Vec<f32> = (0..18).map(|i| (i * 7 % 11) as f32 / 5.0 - 1.0).collect();
        let [ours, peers] = [false, true].map(|peer_compatible| {
            let config = TimeSeriesNetwork {
                peer_compatible,
                filters: PerLayer::All(4),
                strides: PerLayer::All(1),
                recurrent_dim: 4,
                ..small()
            };
            run(&config, &[0, 9], &elements).0
        });
        assert_ne!(ours, peers);
    }

    #[test]
    fn single_numbers_count_for_all_layers() {
        let config = |peer_compatible| TimeSeriesNetwork {
            filters: PerLayer::Each(vec![4, 6, 5]),
            kernel_sizes: PerLayer::All(3),
            strides: PerLayer::All(2),
            peer_compatible,
            ..small()
        };
        assert_eq!(config(false).convolutions().unwrap(), [[4, 3, 2], [6, 3, 2], [5, 3, 2]]);
        assert_eq!(config(true).convolutions().unwrap(), [[4, 3, 2]]);
        let wrong = TimeSeriesNetwork { strides: PerLayer::Each(vec![1, 2]), ..config(false) };
        let message = wrong.convolutions().unwrap_err().to_string();
        assert!(message.contains("strides") && message.contains("2 values for 3 layers"), "{message}");
        let none = TimeSeriesNetwork { filters: PerLayer::Each(vec![]), ..config(true) };
        assert!(none.convolutions().unwrap_err().to_string().contains("filters"));
    }

    #[test]
    fn default_sizes() {
        let builder = Builder::new();
        TimeSeriesNetwork::default().build(&builder, 3).unwrap();
        assert_eq!(builder.trainable_count(), 341_456);
        for wrong in [
            TimeSeriesNetwork { summary_dim: 0, ..small() },
            TimeSeriesNetwork { groups: Some(0), ..small() },
            TimeSeriesNetwork { skip_steps: 0, ..small() },
            TimeSeriesNetwork { strides: PerLayer::All(0), ..small() },
            TimeSeriesNetwork { dropout: 1.0, ..small() },
        ] {
            assert!(wrong.build(&Builder::new(), FEATURES).is_err(), "{wrong:?}");
        }
    }
}
