//! The flow as kernels read it: words that say what the steps are and where their weights lie.

use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::coupling_spline;
use crate::ops::flow_lanes::Direction;
use crate::ops::flow_plan::{FlowPlan, PlannedCoupling, PlannedStep};

/// First words of the kinds of steps.
const SCALE: u32 = 0;
const PERMUTE: u32 = 1;
const COUPLING: u32 = 2;
/// Words of a coupling before its layers, and of a layer.
const COUPLING_WORDS: usize = 8;
const LAYER_WORDS: usize = 8;
/// Rows and columns of the part of a gradient of weights that a group of a GPU sums.
const PART: usize = 64;

/// The sizes of a flow.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Sizes {
    pub(super) dimension: u32,
    pub(super) condition: u32,
    pub(super) steps: u32,
    /// Length of the weights, gaps included.
    pub(super) weights: u32,
    /// Numbers of a row that backward reads: the variables before each scale and coupling, and of each layer of a network the
    /// result and, unless it is the last, the slope.
    pub(super) states: u32,
    /// Numbers of a row from which the gradients of weights are summed: of each scale the gradient of its result, of each layer that
    /// of the sum in its activation.
    pub(super) sums: u32,
    /// The widest layer, and the most given variables of a coupling.
    pub(super) widest: u32,
    pub(super) most_given: u32,
    /// Where the gaps between weights are listed, and how many there are.
    pub(super) gaps_at: u32,
    pub(super) gaps: u32,
    /// Where the parts of gradients of weights are listed, and how many there are.
    pub(super) parts_at: u32,
    pub(super) parts: u32,
}

/// A flow whose weights lie in one tensor, for [`CouplingFlow`](super::CouplingFlow).
///
/// The words are the starts of the steps, the steps, the gaps between weights (first, end), and the parts of the gradient of the
/// weights (start of the step, start of the layer or 0, first row, first column). A step is one of
///
/// ```text
/// 0, scale at, shift at, state, sum
/// 1, from…
/// 2, first given, given, first target, targets, kind, layers, state, then for each layer
///    inputs, outputs, function, kernel at, bias at, state, sum, number
/// ```
///
/// `state` is the first number among those that a row keeps: of a layer its result, followed by the slope unless it is the last
/// layer. `sum` is the first number among those from which gradients are summed. `number` counts the layers with dropout from 1, and is
/// 0 for the others.
#[derive(Debug, Clone)]
pub struct FlowProgram {
    pub(super) sizes: Sizes,
    pub(super) spline: coupling_spline::Arguments,
    pub(super) dropout: f64,
    words: Vec<u32>,
}

/// What a program is made of, so far.
struct Writer {
    starts: Vec<u32>,
    steps: Vec<u32>,
    sizes: Sizes,
    numbered: u32,
    /// Places of weights: first and end.
    places: Vec<(usize, usize)>,
    /// Parts: the step's and the layer's start among the steps (`None` for a scale), first row, first column.
    parts: Vec<(usize, Option<usize>, usize, usize)>,
}

impl Writer {
    fn place(&mut self, at: usize, length: usize) -> u32 {
        self.places.push((at, at + length));
        at as u32
    }

    /// Room for numbers of a row that are kept.
    fn state(&mut self, count: usize) -> u32 {
        self.sizes.states += count as u32;
        self.sizes.states - count as u32
    }

    fn sum(&mut self, count: usize) -> u32 {
        self.sizes.sums += count as u32;
        self.sizes.sums - count as u32
    }

    fn coupling(&mut self, coupling: &PlannedCoupling<usize>) {
        let ((given, count), (target, targets)) = (coupling.given, coupling.targets);
        let (start, dimension) = (self.steps.len(), self.sizes.dimension as usize);
        let state = self.state(dimension);
        self.sizes.most_given = self.sizes.most_given.max(count as u32);
        self.steps.push(COUPLING);
        self.steps.extend([given, count, target, targets].map(|word| word as u32));
        self.steps.extend([coupling.kind.word(), coupling.layers.len() as u32, state]);
        for (index, layer) in coupling.layers.iter().enumerate() {
            let (inputs, outputs) = (layer.inputs, layer.outputs);
            let last = index + 1 == coupling.layers.len();
            let (kernel, bias) = (self.place(layer.kernel, inputs * outputs), self.place(layer.bias, outputs));
            let state = self.state(if last { outputs } else { 2 * outputs });
            let sum = self.sum(outputs);
            let number = if layer.dropout > 0.0 { self.numbered + 1 } else { 0 };
            self.numbered = self.numbered.max(number);
            self.sizes.widest = self.sizes.widest.max(outputs as u32);
            for row in (0..inputs.max(1)).step_by(PART) {
                let columns = (0..outputs).step_by(PART);
                self.parts.extend(columns.map(|column| (start, Some(self.steps.len()), row, column)));
            }
            let function = layer.activation.index();
            self.steps.extend([inputs as u32, outputs as u32, function, kernel, bias, state, sum, number]);
        }
    }

    /// Everything one after the other.
    fn finish(mut self) -> (Sizes, Vec<u32>) {
        let head = self.starts.len();
        let mut words: Vec<u32> = self.starts.iter().map(|start| start + head as u32).collect();
        words.extend(&self.steps);
        self.places.sort_unstable();
        self.sizes.gaps_at = words.len() as u32;
        let mut end = 0;
        for &(start, next) in self.places.iter().chain([&(self.sizes.weights as usize, 0)]) {
            if start > end {
                words.extend([end as u32, start as u32]);
                self.sizes.gaps += 1;
            }
            end = end.max(next);
        }
        (self.sizes.parts_at, self.sizes.parts) = (words.len() as u32, self.parts.len() as u32);
        for (step, layer, row, column) in self.parts {
            words.extend([head + step, layer.map_or(0, |layer| head + layer), row, column].map(|word| word as u32));
        }
        (self.sizes, words)
    }
}

impl FlowProgram {
    /// The program of a plan whose weights lie where it says in a tensor of `weights` numbers.
    pub fn new(plan: &FlowPlan<usize>, weights: usize) -> Result<Self> {
        plan.check()?;
        let mut ends = plan.steps().iter().filter_map(|step| match step {
            PlannedStep::Coupling(coupling) => coupling.layers.last(),
            _ => None,
        });
        if let Some(last) = ends.find(|last| last.activation != Function::Linear || last.dropout > 0.0) {
            let message =
                format!("the last layer of a network ends in {}; end it with a linear one", last.activation.name());
            return Err(Error::shape("flow", message));
        }
        let mut sizes: Sizes = bytemuck::Zeroable::zeroed();
        (sizes.dimension, sizes.condition) = (plan.dimension() as u32, plan.condition() as u32);
        (sizes.weights, sizes.steps) = (weights as u32, plan.steps().len() as u32);
        let nothing = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut writer =
            Writer { starts: nothing.0, steps: nothing.1, sizes, numbered: 0, places: nothing.2, parts: nothing.3 };
        for step in plan.steps() {
            let start = writer.steps.len();
            writer.starts.push(start as u32);
            match step {
                PlannedStep::Scale { scale, shift } => {
                    let width = plan.dimension();
                    let words = [writer.place(*scale, width), writer.place(*shift, width)];
                    let more = [writer.state(width), writer.sum(width)];
                    writer.steps.push(SCALE);
                    writer.steps.extend(words.into_iter().chain(more));
                    writer.parts.push((start, None, 0, 0));
                }
                PlannedStep::Permute { forward } => {
                    writer.steps.push(PERMUTE);
                    writer.steps.extend(forward);
                }
                PlannedStep::Coupling(coupling) => writer.coupling(coupling),
            }
        }
        if let Some((_, end)) = writer.places.iter().find(|(_, end)| *end > weights || *end > i32::MAX as usize) {
            return Err(Error::shape("flow", format!("a weight ends at {end} of {weights} numbers")));
        }
        let spline = coupling_spline::arguments_of(Direction::Forward, &plan.spline().unwrap_or_default());
        let (sizes, words) = writer.finish();
        Ok(FlowProgram { sizes, spline, dropout: plan.dropout(), words })
    }

    /// The words, which the operation takes as an operand.
    pub fn words(&self) -> &[u32] {
        &self.words
    }
}

/// The words by number of the step.
#[derive(Clone, Copy)]
pub(super) struct Program<'a> {
    pub(super) words: &'a [u32],
    pub(super) sizes: Sizes,
}

pub(super) enum Step<'a> {
    Scale { scale: usize, shift: usize, state: usize },
    Permute { from: &'a [u32] },
    Coupling(Coupling<'a>),
}

/// A coupling: first of the variables and how many.
#[derive(Clone, Copy)]
pub(super) struct Coupling<'a> {
    pub(super) given: (usize, usize),
    pub(super) targets: (usize, usize),
    pub(super) kind: u32,
    pub(super) state: usize,
    layers: &'a [u32],
}

/// A dense layer.
#[derive(Clone, Copy)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) function: Function,
    pub(super) kernel: usize,
    pub(super) bias: usize,
    pub(super) state: usize,
    pub(super) number: u32,
}

impl<'a> Program<'a> {
    pub(super) fn step(&self, index: usize) -> Step<'a> {
        let words = &self.words[self.words[index] as usize..];
        let word = |at: usize| words[at] as usize;
        match words[0] {
            SCALE => Step::Scale { scale: word(1), shift: word(2), state: word(3) },
            PERMUTE => Step::Permute { from: &words[1..][..self.sizes.dimension as usize] },
            _ => {
                debug_assert_eq!(words[0], COUPLING);
                let layers = &words[COUPLING_WORDS..][..word(6) * LAYER_WORDS];
                let (given, targets) = ((word(1), word(2)), (word(3), word(4)));
                Step::Coupling(Coupling { given, targets, kind: words[5], state: word(7), layers })
            }
        }
    }

    pub(super) fn steps(&self) -> impl DoubleEndedIterator<Item = Step<'a>> {
        let program = *self;
        (0..self.sizes.steps as usize).map(move |index| program.step(index))
    }

    /// Numbers between the weights, which no gradient reaches.
    pub(super) fn gaps(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let gaps = &self.words[self.sizes.gaps_at as usize..][..2 * self.sizes.gaps as usize];
        gaps.chunks_exact(2).map(|gap| gap[0] as usize..gap[1] as usize)
    }
}

impl Coupling<'_> {
    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = Layer> + ExactSizeIterator {
        self.layers.chunks_exact(LAYER_WORDS).map(|words| Layer {
            inputs: words[0] as usize,
            outputs: words[1] as usize,
            function: Function::ALL.get(words[2] as usize).copied().unwrap_or(Function::Linear),
            kernel: words[3] as usize,
            bias: words[4] as usize,
            state: words[5] as usize,
            number: words[7],
        })
    }
}
