//! What a fused flow consists of: a list of steps, and how it is written down for kernels.

use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::coupling_spline::Spline;

/// The map of a coupling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CouplingKind {
    /// Scale and shift, with the soft clamp or without.
    Affine {
        /// Whether the raw scale is bent by asinh first.
        clamp: bool,
    },
    /// Rational-quadratic spline.
    Spline(Spline),
}

/// A dense layer of a coupling's network.
#[derive(Debug, Clone)]
pub struct FusedLayer {
    /// The weights `[inputs, outputs]`.
    pub kernel: Vec<f32>,
    /// The bias `[outputs]`.
    pub bias: Vec<f32>,
    /// Width of the input; of the first layer the given variables, then the condition.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
    /// What follows the product.
    pub activation: Function,
}

/// One coupling: the variables `targets` are mapped with parameters that the layers compute from the variables `given` and
/// the condition.
#[derive(Debug, Clone)]
pub struct FusedCoupling {
    /// First of the given variables, and how many.
    pub given: (usize, usize),
    /// First of the targets, and how many.
    pub targets: (usize, usize),
    /// The network, its output layer included.
    pub layers: Vec<FusedLayer>,
    /// The map.
    pub kind: CouplingKind,
}

/// A flow as a list of steps in forward order, gathered by [`Bijection::fuse`](crate::bijections::Bijection::fuse).
#[derive(Debug, Clone)]
pub struct FlowPlan {
    dimension: usize,
    condition: usize,
    steps: Vec<Step>,
    spline: Option<Spline>,
}

#[derive(Debug, Clone)]
enum Step {
    Scale { scale: Vec<f32>, shift: Vec<f32> },
    Permute { forward: Vec<u32> },
    Coupling(FusedCoupling),
}

/// Words of a coupling before its layers, and of a layer.
pub(super) const COUPLING_WORDS: usize = 7;
pub(super) const LAYER_WORDS: usize = 5;
/// First words of the two kinds of steps, and the kinds of couplings.
pub(super) const MIX: u32 = 0;
pub(super) const COUPLING: u32 = 1;
pub(super) const AFFINE: u32 = 0;
pub(super) const CLAMPED_AFFINE: u32 = 1;
pub(super) const SPLINE: u32 = 2;

/// A plan with its numbers: a program of words, the numbers it refers to, and the sizes that kernels need.
pub(super) struct Encoded {
    /// Where steps start.
    pub starts: Vec<u32>,
    /// Steps; see [`FlowPlan::encode`].
    pub program: Vec<u32>,
    /// Row-major weights, biases, scales, shifts.
    pub numbers: Vec<f32>,
    /// Length of all packed weights.
    pub packed: usize,
    /// The widest layer, and the most outputs of a network.
    pub widest: usize,
    pub most_outputs: usize,
    /// Outputs of all first layers together.
    pub shares: usize,
}

impl Encoded {
    /// Notes that a step begins.
    fn begin(&mut self) {
        self.starts.push(self.program.len() as u32);
    }

    /// The starts of the steps, then the steps.
    pub fn words(&self) -> Vec<u32> {
        let head = self.starts.len() as u32;
        self.starts.iter().map(|start| start + head).chain(self.program.iter().copied()).collect()
    }
}

impl FlowPlan {
    /// An empty plan for `dimension` variables and `condition` condition features.
    pub fn new(dimension: usize, condition: usize) -> Self {
        FlowPlan { dimension, condition, steps: Vec::new(), spline: None }
    }

    /// Number of variables.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of condition features.
    pub fn condition(&self) -> usize {
        self.condition
    }

    /// Adds `z = scale ⊙ x + shift`.
    pub fn scale(&mut self, scale: Vec<f32>, shift: Vec<f32>) {
        self.steps.push(Step::Scale { scale, shift });
    }

    /// Adds `z_i = x_{forward_i}`.
    pub fn permute(&mut self, forward: Vec<u32>) {
        self.steps.push(Step::Permute { forward });
    }

    /// The spline of all couplings that have one.
    pub fn spline(&self) -> Option<Spline> {
        self.spline
    }

    /// Adds a coupling; false if it has another spline than those before, which a fused flow cannot have.
    pub fn coupling(&mut self, coupling: FusedCoupling) -> bool {
        if let CouplingKind::Spline(spline) = coupling.kind
            && *self.spline.get_or_insert(spline) != spline
        {
            return false;
        }
        self.steps.push(Step::Coupling(coupling));
        true
    }

    /// The plan as words and numbers. Scales and permutations that follow each other become one step.
    ///
    /// A step is `MIX, at, from…` (at `at` the scale and the shift of each result, then the log-determinant: result `i` is
    /// `scale_i x_{from_i} + shift_i`), or `COUPLING, first given, given, first target, targets, kind, layers` and for each
    /// layer `inputs, outputs, function, at, packed` (at `at` the weights row by row, then the bias).
    pub(super) fn encode(&self) -> Result<Encoded> {
        let mut encoded = Encoded {
            starts: Vec::new(),
            program: Vec::new(),
            numbers: Vec::new(),
            packed: 0,
            widest: 1,
            most_outputs: 1,
            shares: 0,
        };
        let mut mix: Option<Mix> = None;
        for step in &self.steps {
            match step {
                Step::Scale { scale, shift } => {
                    let mix = mix.get_or_insert_with(|| Mix::identity(self.dimension));
                    mix.scale(scale, shift)?;
                }
                Step::Permute { forward } => {
                    mix.get_or_insert_with(|| Mix::identity(self.dimension)).permute(forward)?;
                }
                Step::Coupling(coupling) => {
                    if let Some(mix) = mix.take() {
                        mix.encode(&mut encoded);
                    }
                    self.encode_coupling(coupling, &mut encoded)?;
                }
            }
        }
        if let Some(mix) = mix {
            mix.encode(&mut encoded);
        }
        Ok(encoded)
    }

    fn encode_coupling(&self, coupling: &FusedCoupling, to: &mut Encoded) -> Result<()> {
        let kind = match coupling.kind {
            CouplingKind::Affine { clamp: false } => AFFINE,
            CouplingKind::Affine { clamp: true } => CLAMPED_AFFINE,
            CouplingKind::Spline(_) => SPLINE,
        };
        let ((given, count), (target, targets)) = (coupling.given, coupling.targets);
        self.check(coupling)?;
        let layers = coupling.layers.len();
        let words = [given, count, target, targets, kind as usize, layers];
        to.begin();
        to.program.push(COUPLING);
        to.program.extend(words.map(|word| word as u32));
        for layer in &coupling.layers {
            let FusedLayer { inputs, outputs, .. } = *layer;
            let function = layer.activation.index() as usize;
            let words = [inputs, outputs, function, to.numbers.len(), to.packed];
            to.program.extend(words.map(|word| word as u32));
            to.numbers.extend(&layer.kernel);
            to.numbers.extend(&layer.bias);
            to.packed += inputs * outputs.next_multiple_of(PADDED_COLUMNS);
            to.widest = to.widest.max(outputs);
        }
        to.shares += coupling.layers[0].outputs;
        to.most_outputs = to.most_outputs.max(coupling.layers[layers - 1].outputs);
        Ok(())
    }

    /// Kernels rely on all of this.
    fn check(&self, coupling: &FusedCoupling) -> Result<()> {
        let ((given, count), (target, targets)) = (coupling.given, coupling.targets);
        let parameters = match coupling.kind {
            CouplingKind::Affine { .. } => 2,
            CouplingKind::Spline(spline) => {
                spline.check()?;
                spline.parameters()
            }
        };
        let mut width = count + self.condition;
        let mut fits = !coupling.layers.is_empty()
            && given.saturating_add(count) <= self.dimension
            && target.saturating_add(targets) <= self.dimension;
        for layer in &coupling.layers {
            fits &= layer.inputs == width
                && layer.outputs > 0
                && layer.kernel.len() == layer.inputs * layer.outputs
                && layer.bias.len() == layer.outputs;
            width = layer.outputs;
        }
        if fits && width == targets * parameters {
            return Ok(());
        }
        let message = format!(
            "variables {given} + {count} to {target} + {targets} of {}: the layers do not fit together",
            self.dimension
        );
        Err(Error::shape("fused flow", message))
    }
}

/// Columns of packed weights are padded to a multiple of this on every device.
pub(super) const PADDED_COLUMNS: usize = 16;

/// Scales, shifts and permutations in a row: result `i` is `scale_i x_{from_i} + shift_i`.
struct Mix {
    from: Vec<u32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    log_det: f64,
}

impl Mix {
    fn identity(dimension: usize) -> Self {
        Mix {
            from: (0..dimension as u32).collect(),
            scale: vec![1.0; dimension],
            shift: vec![0.0; dimension],
            log_det: 0.0,
        }
    }

    fn scale(&mut self, scale: &[f32], shift: &[f32]) -> Result<()> {
        if scale.len() != self.from.len() || shift.len() != self.from.len() {
            let message = format!("{} scales, {} shifts of {} variables", scale.len(), shift.len(), self.from.len());
            return Err(Error::shape("fused flow", message));
        }
        for ((s, b), (scale, shift)) in self.scale.iter_mut().zip(&mut self.shift).zip(scale.iter().zip(shift)) {
            *s *= scale;
            *b = scale * *b + shift;
            self.log_det += f64::from(scale.abs()).ln();
        }
        Ok(())
    }

    fn permute(&mut self, forward: &[u32]) -> Result<()> {
        let dimension = self.from.len();
        if forward.len() != dimension || forward.iter().any(|&i| i as usize >= dimension) {
            return Err(Error::shape("fused flow", format!("{forward:?} is no permutation of {dimension} variables")));
        }
        self.from = forward.iter().map(|&i| self.from[i as usize]).collect();
        self.scale = forward.iter().map(|&i| self.scale[i as usize]).collect();
        self.shift = forward.iter().map(|&i| self.shift[i as usize]).collect();
        Ok(())
    }

    fn encode(self, to: &mut Encoded) {
        to.begin();
        to.program.extend([MIX, to.numbers.len() as u32]);
        to.program.extend(self.from);
        to.numbers.extend(self.scale);
        to.numbers.extend(self.shift);
        to.numbers.push(self.log_det as f32);
    }
}
