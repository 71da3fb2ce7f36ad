//! How the plan of a fused flow is written down for kernels.

use crate::error::{Error, Result};
use crate::ops::flow_plan::{FlowPlan, PlannedCoupling, PlannedLayer, PlannedStep};

/// Words of a coupling before its layers, and of a layer.
pub(super) const COUPLING_WORDS: usize = 7;
pub(super) const LAYER_WORDS: usize = 5;
/// First words of the two kinds of steps.
pub(super) const MIX: u32 = 0;
pub(super) const COUPLING: u32 = 1;

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

impl FlowPlan<Vec<f32>> {
    /// The plan as words and numbers. Scales and permutations that follow each other become one step.
    ///
    /// A step is `MIX, at, from…` (at `at` the scale and the shift of each result, then the log-determinant: result `i` is
    /// `scale_i x_{from_i} + shift_i`), or `COUPLING, first given, given, first target, targets, kind, layers` and for each
    /// layer `inputs, outputs, function, at, packed` (at `at` the weights row by row, then the bias).
    pub(super) fn encode(&self) -> Result<Encoded> {
        self.check()?;
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
        for step in self.steps() {
            match step {
                PlannedStep::Scale { scale, shift } => {
                    let mix = mix.get_or_insert_with(|| Mix::identity(self.dimension()));
                    mix.scale(scale, shift)?;
                }
                PlannedStep::Permute { forward } => {
                    mix.get_or_insert_with(|| Mix::identity(self.dimension())).permute(forward);
                }
                PlannedStep::Coupling(coupling) => {
                    if let Some(mix) = mix.take() {
                        mix.encode(&mut encoded);
                    }
                    encode_coupling(coupling, &mut encoded)?;
                }
            }
        }
        if let Some(mix) = mix {
            mix.encode(&mut encoded);
        }
        Ok(encoded)
    }
}

fn encode_coupling(coupling: &PlannedCoupling<Vec<f32>>, to: &mut Encoded) -> Result<()> {
    let ((given, count), (target, targets)) = (coupling.given, coupling.targets);
    let words = [given, count, target, targets, coupling.kind.word() as usize, coupling.layers.len()];
    to.begin();
    to.program.push(COUPLING);
    to.program.extend(words.map(|word| word as u32));
    let mut outputs_before = None;
    for layer in &coupling.layers {
        let PlannedLayer { inputs, outputs, .. } = *layer;
        if layer.kernel.len() != inputs * outputs || layer.bias.len() != outputs {
            let message = format!("{} weights of a layer {inputs} × {outputs}", layer.kernel.len());
            return Err(Error::shape("fused flow", message));
        }
        let function = layer.activation.index() as usize;
        let words = [inputs, outputs, function, to.numbers.len(), to.packed];
        to.program.extend(words.map(|word| word as u32));
        to.numbers.extend(&layer.kernel);
        to.numbers.extend(&layer.bias);
        to.packed += inputs * outputs.next_multiple_of(PADDED_COLUMNS);
        to.widest = to.widest.max(outputs);
        if outputs_before.is_none() {
            to.shares += outputs;
        }
        outputs_before = Some(outputs);
    }
    to.most_outputs = to.most_outputs.max(outputs_before.unwrap_or(0));
    Ok(())
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

    fn permute(&mut self, forward: &[u32]) {
        self.from = forward.iter().map(|&i| self.from[i as usize]).collect();
        self.scale = forward.iter().map(|&i| self.scale[i as usize]).collect();
        self.shift = forward.iter().map(|&i| self.shift[i as usize]).collect();
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
