//! Networks of sets and series: batches of different sizes against one data set at a time, faults of configurations.

use super::{
    BuiltSummaryNetwork, DeepSet, Elements, FusionTransformer, SetTransformer, SummaryInput, SummaryNetwork,
    TimeSeriesNetwork, TimeSeriesTransformer,
};
use crate::autodiff::{Pooling, Tape};
use crate::codecs::Array;
use crate::device::Device;
use crate::nn::{Pass, Stage, TimeEmbedding};
use crate::ops::{RecurrentCell, random};
use crate::parameters::{Builder, Parameters};
use crate::random::Key;
use crate::tensor::Tensor;

const FEATURES: usize = 3;
/// More than a tile of the recurrence, lengths from 1 on.
const LENGTHS: [u32; 19] = [4, 1, 9, 2, 30, 1, 5, 17, 3, 3, 8, 1, 2, 6, 12, 7, 1, 40, 2];

/// Networks of sets.
fn of_sets() -> Vec<Box<dyn SummaryNetwork>> {
    let transformer = SetTransformer { embed_dims: vec![12, 8], num_heads: vec![3, 2], ..SetTransformer::default() };
    let deep_set = DeepSet { embed_dim: 8, mlp_widths: vec![8], ..DeepSet::default() };
    vec![
        Box::new(DeepSet { inner_pooling: Pooling::Max, ..deep_set.clone() }),
        Box::new(deep_set),
        Box::new(SetTransformer { num_inducing_points: Some(3), use_bias: true, ..transformer.clone() }),
        Box::new(transformer),
    ]
}

/// Networks of series.
fn of_series() -> Vec<Box<dyn SummaryNetwork>> {
    let network = TimeSeriesNetwork { recurrent_dim: 6, ..TimeSeriesNetwork::default() };
    let (embed_dims, num_heads) = (vec![12, 8], vec![3, 2]);
    let transformer = |time_embedding: TimeEmbedding, time_axis: Option<i64>| TimeSeriesTransformer {
        embed_dims: embed_dims.clone(),
        num_heads: num_heads.clone(),
        time_embedding,
        time_axis,
        ..TimeSeriesTransformer::default()
    };
    let fusion = |template_type: RecurrentCell, bidirectional: bool| FusionTransformer {
        embed_dims: embed_dims.clone(),
        num_heads: num_heads.clone(),
        template_type,
        bidirectional,
        template_dim: 10,
        ..FusionTransformer::default()
    };
    vec![
        Box::new(transformer(TimeEmbedding::Time2vec, None)),
        Box::new(transformer(TimeEmbedding::Gru, None)),
        Box::new(transformer(TimeEmbedding::Lstm, Some(-1))),
        Box::new(transformer(TimeEmbedding::None, Some(0))),
        Box::new(fusion(RecurrentCell::Lstm, true)),
        Box::new(fusion(RecurrentCell::Gru, false)),
        Box::new(FusionTransformer { embed_dims: vec![8], num_heads: vec![2], ..fusion(RecurrentCell::Gru, true) }),
        Box::new(TimeSeriesNetwork { recurrent_type: RecurrentCell::Lstm, bidirectional: false, ..network.clone() }),
        Box::new(network),
    ]
}

struct Network {
    built: Box<dyn BuiltSummaryNetwork>,
    parameters: Parameters,
}

impl Network {
    fn new(network: &dyn SummaryNetwork) -> Self {
        let builder = Builder::new();
        let elements = Elements { features: FEATURES, grid: None };
        let built = network.build(&builder, elements).unwrap();
        Network { built, parameters: builder.finish(&Device::cpu(), Key::new(4)).unwrap() }
    }

    /// The summaries of series, and the gradient of the sum of their squares with respect to all weights.
    fn run(&self, elements: &[f32], offsets: &[u32]) -> (Vec<f32>, Vec<f32>) {
        let tape = Tape::new(self.parameters.device());
        let pass = Pass::inference(&tape, &self.parameters).with(Stage::Validation, true);
        let input = SummaryInput {
            elements: tape.values([elements.len() / FEATURES, FEATURES], elements),
            offsets: tape.constant(Tensor::from_indices(tape.device(), [offsets.len()], offsets).unwrap()),
            mask: None,
            grid: None,
        };
        let y = self.built.forward(&pass, input);
        let gradients = pass.gradients((y * y).sum()).unwrap();
        (y.value().unwrap().values().unwrap(), gradients.flat().values().unwrap())
    }
}

/// Data sets of different sizes in one batch give what they give one at a time: the same bits forward, the sum of the gradients up to
/// rounding back.
#[test]
fn data_sets_do_not_depend_on_each_other() {
    let mut offsets = vec![0];
    LENGTHS.iter().for_each(|length| offsets.push(offsets[offsets.len() - 1] + length));
    let rows = offsets[LENGTHS.len()] as usize;
    let elements = random::normal(&Device::cpu(), Key::new(2), 0, [rows, FEATURES]).unwrap().values().unwrap();
    for config in of_sets().into_iter().chain(of_series()) {
        let network = Network::new(&*config);
        let (together, gradient) = network.run(&elements, &offsets);
        let (mut alone, mut sum) = (Vec::new(), vec![0.0f64; gradient.len()]);
        for series in offsets.windows(2) {
            let rows = series[0] as usize * FEATURES..series[1] as usize * FEATURES;
            let (y, gradient) = network.run(&elements[rows], &[0, series[1] - series[0]]);
            alone.extend(y);
            sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += f64::from(gradient));
        }
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&together), bits(&alone), "{}", network.built.describe());
        assert!(together.iter().all(|value| value.is_finite()));
        let largest = sum.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let worst = sum.iter().zip(&gradient).map(|(sum, &g)| (sum - f64::from(g)).abs()).fold(0.0, f64::max);
        assert!(largest > 0.1 && worst < 3e-6 * largest, "{worst} of {largest}, {}", network.built.describe());
    }
}

/// The order of the elements matters to series and does not to sets.
#[test]
fn order_matters_to_series() {
    let elements = random::normal(&Device::cpu(), Key::new(3), 0, [7, FEATURES]).unwrap().values().unwrap();
    let turned: Vec<f32> = elements.chunks(FEATURES).rev().flatten().copied().collect();
    let sets = of_sets().len();
    for (index, config) in of_sets().into_iter().chain(of_series()).enumerate() {
        let network = Network::new(&*config);
        let [one, other] = [&elements, &turned].map(|elements| network.run(elements, &[0, 7]).0);
        let same = one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-5);
        // With the time as a feature the elements are a set: the third network reads it in their order, the fourth leaves it out.
        assert_eq!(
            same,
            index < sets + 4 && index != sets && index != sets + 1 && index != sets + 2,
            "{}",
            network.built.describe()
        );
    }
}

#[test]
fn configurations_that_cannot_be_built() {
    let series = TimeSeriesTransformer::default;
    let fusion = FusionTransformer::default;
    let wrong: Vec<(Box<dyn SummaryNetwork>, &str)> = vec![
        (Box::new(TimeSeriesTransformer { time_axis: Some(3), ..series() }), "3 for elements with 3 features"),
        (Box::new(TimeSeriesTransformer { time_axis: Some(-4), ..series() }), "-4 for elements with 3 features"),
        (Box::new(TimeSeriesTransformer { embed_dims: vec![64], ..series() }), "2 numbers of heads for 1 widths"),
        (Box::new(TimeSeriesTransformer { time_embed_dim: 0, ..series() }), "time_embed_dim"),
        (Box::new(TimeSeriesTransformer { return_sequences: true, ..series() }), "leave it off"),
        (Box::new(FusionTransformer { template_dim: 1, ..fusion() }), "at least 2, one for each direction"),
        (Box::new(FusionTransformer { embed_dims: vec![], num_heads: vec![], ..fusion() }), "at least one width"),
        (Box::new(FusionTransformer { summary_dim: 0, ..fusion() }), "summary_dim"),
    ];
    for (network, expected) in wrong {
        let elements = Elements { features: FEATURES, grid: None };
        let Err(error) = network.build(&Builder::new(), elements) else { panic!("{expected}: was built") };
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// With the defaults on three features, as many weights as the peer has.
#[test]
fn numbers_of_weights() {
    let points = SetTransformer { num_inducing_points: Some(8), ..SetTransformer::default() };
    let defaults: [(Box<dyn SummaryNetwork>, usize); 6] = [
        (Box::new(DeepSet::default()), 178_320),
        (Box::new(SetTransformer::default()), 202_067),
        (Box::new(points), 318_163),
        (Box::new(TimeSeriesNetwork::default()), 341_456),
        (Box::new(TimeSeriesTransformer::default()), 105_899),
        (Box::new(FusionTransformer::default()), 143_251),
    ];
    for (network, count) in defaults {
        let builder = Builder::new();
        network.build(&builder, Elements { features: 3, grid: None }).unwrap();
        assert_eq!(builder.trainable_count(), count, "{}", network.name());
    }
}

/// Numbers of weights and summaries of two data sets `sin(0.5 (i + 1))` `[5, 2]` with weights by a rule, of the peer.
#[test]
fn conformance() {
    let (embed_dims, num_heads) = (vec![8], vec![2]);
    let series =
        TimeSeriesTransformer { summary_dim: 2, embed_dims, num_heads, time_embed_dim: 4, ..Default::default() };
    let (embed_dims, num_heads) = (vec![8, 8], vec![2, 2]);
    let fusion = FusionTransformer { summary_dim: 2, embed_dims, num_heads, template_dim: 8, ..Default::default() };
    let rows: Vec<(Box<dyn SummaryNetwork>, usize, [f32; 4])> = vec![
        (Box::new(series.clone()), 1856, [0.088470, -0.036479, 0.092512, -0.025791]),
        (
            Box::new(TimeSeriesTransformer { time_embedding: TimeEmbedding::Lstm, time_axis: Some(-1), ..series }),
            1919,
            [0.085165, -0.009596, 0.108589, -0.005221],
        ),
        (Box::new(fusion.clone()), 3852, [0.069460, -0.058690, 0.091912, -0.044812]),
        (
            Box::new(FusionTransformer { template_type: RecurrentCell::Gru, bidirectional: false, ..fusion }),
            3916,
            [0.102464, -0.036869, 0.039928, -0.065544],
        ),
    ];
    for (network, count, expected) in rows {
        let builder = Builder::new();
        let built = network.build(&builder, Elements { features: 2, grid: None }).unwrap();
        assert_eq!(builder.trainable_count(), count, "{}", built.describe());
        let mut parameters = builder.finish(&Device::cpu(), Key::new(0)).unwrap();
        for entry in parameters.layout().clone().entries() {
            let rule = |k: usize| match entry.name.rsplit('.').next() {
                Some("bias") => 0.1 * (1.0 + k as f64).cos(),
                Some("scale") => 1.0 + 0.1 * (k as f64).sin(),
                _ => 0.25 * (1.0 + k as f64).sin(),
            };
            let values = (0..entry.shape.elements()).map(|k| rule(k) as f32).collect();
            parameters.set(&entry.name, &Array::f32(entry.shape.axes(), values).unwrap()).unwrap();
        }
        let tape = Tape::new(parameters.device());
        let elements: Vec<f32> = (0..20).map(|i| (0.5 * f64::from(i + 1)).sin() as f32).collect();
        let input = SummaryInput {
            elements: tape.values([10, 2], &elements),
            offsets: tape.constant(Tensor::from_indices(tape.device(), [3], &[0, 5, 10]).unwrap()),
            mask: None,
            grid: None,
        };
        let y = built.forward(&Pass::inference(&tape, &parameters), input).value().unwrap().values().unwrap();
        let close = y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 2e-6);
        assert!(close, "{y:?} for {expected:?}, {}", built.describe());
    }
}
