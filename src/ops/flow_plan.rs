//! What a flow that runs as one kernel consists of: a list of steps in forward order.
//!
//! Bijections describe themselves with the weights' handles; [`FlowPlan::resolve`] puts in their place what a kernel reads: the
//! values, for [`FusedFlow`](super::fused_flow::FusedFlow), or where they lie among the weights, for
//! [`FlowProgram`](super::FlowProgram).

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

/// The kinds of couplings as kernels read them.
pub(super) const AFFINE: u32 = 0;
pub(super) const CLAMPED_AFFINE: u32 = 1;
pub(super) const SPLINE: u32 = 2;

impl CouplingKind {
    /// The word that kernels read.
    pub(super) fn word(&self) -> u32 {
        match self {
            CouplingKind::Affine { clamp: false } => AFFINE,
            CouplingKind::Affine { clamp: true } => CLAMPED_AFFINE,
            CouplingKind::Spline(_) => SPLINE,
        }
    }

    /// Raw parameters of each variable.
    pub fn parameters(&self) -> usize {
        match self {
            CouplingKind::Affine { .. } => 2,
            CouplingKind::Spline(spline) => spline.parameters(),
        }
    }
}

/// A dense layer of a coupling's network.
#[derive(Debug, Clone)]
pub struct PlannedLayer<W> {
    /// The weights `[inputs, outputs]`.
    pub kernel: W,
    /// The bias `[outputs]`.
    pub bias: W,
    /// Width of the input; of the first layer the given variables, then the condition.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
    /// What follows the product.
    pub activation: Function,
    /// The probability with which training drops an activation; 0 for none.
    pub dropout: f64,
}

/// One coupling: the variables `targets` are mapped with parameters that the layers compute from the variables `given` and
/// the condition.
#[derive(Debug, Clone)]
pub struct PlannedCoupling<W> {
    /// First of the given variables, and how many.
    pub given: (usize, usize),
    /// First of the targets, and how many.
    pub targets: (usize, usize),
    /// The network, its output layer included.
    pub layers: Vec<PlannedLayer<W>>,
    /// The map.
    pub kind: CouplingKind,
}

/// A step of a flow.
#[derive(Debug, Clone)]
pub enum PlannedStep<W, P> {
    /// `z = scale ⊙ x + shift`.
    Scale {
        /// `[D]`.
        scale: W,
        /// `[D]`.
        shift: W,
    },
    /// `z_i = x_{forward_i}`.
    Permute {
        /// `[D]`, indices.
        forward: P,
    },
    /// A coupling.
    Coupling(PlannedCoupling<W>),
}

/// A flow as a list of steps in forward order: weights are `W`, permutations `P`.
#[derive(Debug, Clone)]
pub struct FlowPlan<W, P = Vec<u32>> {
    dimension: usize,
    condition: usize,
    steps: Vec<PlannedStep<W, P>>,
    spline: Option<Spline>,
    dropout: Option<f64>,
}

impl<W, P> FlowPlan<W, P> {
    /// An empty plan for `dimension` variables and `condition` condition features.
    pub fn new(dimension: usize, condition: usize) -> Self {
        FlowPlan { dimension, condition, steps: Vec::new(), spline: None, dropout: None }
    }

    /// Number of variables.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of condition features.
    pub fn condition(&self) -> usize {
        self.condition
    }

    /// The steps in forward order.
    pub fn steps(&self) -> &[PlannedStep<W, P>] {
        &self.steps
    }

    /// The spline of all couplings that have one.
    pub fn spline(&self) -> Option<Spline> {
        self.spline
    }

    /// The probability with which training drops activations, 0 for never.
    pub fn dropout(&self) -> f64 {
        self.dropout.unwrap_or(0.0)
    }

    /// Adds `z = scale ⊙ x + shift`.
    pub fn scale(&mut self, scale: W, shift: W) {
        self.steps.push(PlannedStep::Scale { scale, shift });
    }

    /// Adds `z_i = x_{forward_i}`.
    pub fn permute(&mut self, forward: P) {
        self.steps.push(PlannedStep::Permute { forward });
    }

    /// Adds a coupling; false if it has another spline or another probability of dropout than those before, which one kernel
    /// cannot have.
    pub fn coupling(&mut self, coupling: PlannedCoupling<W>) -> bool {
        let mut fits = match coupling.kind {
            CouplingKind::Spline(spline) => *self.spline.get_or_insert(spline) == spline,
            CouplingKind::Affine { .. } => true,
        };
        for layer in coupling.layers.iter().filter(|layer| layer.dropout > 0.0) {
            fits &= *self.dropout.get_or_insert(layer.dropout) == layer.dropout;
        }
        self.steps.push(PlannedStep::Coupling(coupling));
        fits
    }

    /// The same plan with what `weight` and `indices` make of weights and permutations.
    pub fn resolve<V>(
        &self,
        weight: impl Fn(&W) -> Result<V>,
        indices: impl Fn(&P) -> Result<Vec<u32>>,
    ) -> Result<FlowPlan<V>> {
        let layer = |layer: &PlannedLayer<W>| {
            let PlannedLayer { inputs, outputs, activation, dropout, .. } = *layer;
            let (kernel, bias) = (weight(&layer.kernel)?, weight(&layer.bias)?);
            Ok(PlannedLayer { kernel, bias, inputs, outputs, activation, dropout })
        };
        let step = |step: &PlannedStep<W, P>| {
            Ok(match step {
                PlannedStep::Scale { scale, shift } => {
                    PlannedStep::Scale { scale: weight(scale)?, shift: weight(shift)? }
                }
                PlannedStep::Permute { forward } => PlannedStep::Permute { forward: indices(forward)? },
                PlannedStep::Coupling(coupling) => {
                    let PlannedCoupling { given, targets, kind, .. } = *coupling;
                    let layers = coupling.layers.iter().map(layer).collect::<Result<_>>()?;
                    PlannedStep::Coupling(PlannedCoupling { given, targets, layers, kind })
                }
            })
        };
        let FlowPlan { dimension, condition, spline, dropout, .. } = *self;
        let steps = self.steps.iter().map(step).collect::<Result<_>>()?;
        Ok(FlowPlan { dimension, condition, steps, spline, dropout })
    }
}

impl<W> FlowPlan<W> {
    /// An error unless all steps fit together. Kernels rely on this.
    pub(super) fn check(&self) -> Result<()> {
        for step in &self.steps {
            match step {
                PlannedStep::Scale { .. } => {}
                PlannedStep::Permute { forward } => self.check_permutation(forward)?,
                PlannedStep::Coupling(coupling) => self.check_coupling(coupling)?,
            }
        }
        Ok(())
    }

    fn check_permutation(&self, forward: &[u32]) -> Result<()> {
        let mut there = vec![false; self.dimension];
        let taken = forward.iter().filter(|&&i| there.get_mut(i as usize).is_some_and(|t| !std::mem::replace(t, true)));
        if forward.len() == self.dimension && taken.count() == self.dimension {
            return Ok(());
        }
        let message = format!("{forward:?} is no permutation of {} variables", self.dimension);
        Err(Error::shape("flow", message))
    }

    fn check_coupling(&self, coupling: &PlannedCoupling<W>) -> Result<()> {
        let ((given, count), (target, targets)) = (coupling.given, coupling.targets);
        if let CouplingKind::Spline(spline) = coupling.kind {
            spline.check()?;
        }
        let mut width = count + self.condition;
        let mut fits = !coupling.layers.is_empty()
            && given.saturating_add(count) <= self.dimension
            && target.saturating_add(targets) <= self.dimension
            && (given + count <= target || target + targets <= given);
        for layer in &coupling.layers {
            fits &= layer.inputs == width && layer.outputs > 0;
            width = layer.outputs;
        }
        if fits && width == targets * coupling.kind.parameters() {
            return Ok(());
        }
        let message = format!(
            "variables {given} + {count} to {target} + {targets} of {}: the layers do not fit together",
            self.dimension
        );
        Err(Error::shape("flow", message))
    }
}
