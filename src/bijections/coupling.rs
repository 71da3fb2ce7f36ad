//! Couplings: one part of the variables is transformed with parameters that a network computes from the other part.

use super::{Bijection, Direction, Transform};
use crate::autodiff::Var;
use crate::error::Result;
use crate::math::Function;
use crate::nn::{BuiltMlp, Dense, Mlp, Pass};
use crate::ops::{CouplingKind, FlowPlan, PlannedCoupling};
use crate::parameters::{Builder, Initialiser, Weight};

/// What all couplings of a flow share.
#[derive(Debug, Clone, Copy)]
pub struct CouplingOptions<'a> {
    /// The network that computes the parameters.
    pub subnet: &'a Mlp,
    /// The map of each variable.
    pub transform: Transform,
}

/// One half of a dual coupling: `θ = projector(subnet([x_a; c]))`, then the transform of `x_b` with `θ`.
///
/// The weights are `subnet.…` and `output_projector.{kernel, bias}`. The projector starts at zero, so that an affine coupling
/// starts as the identity.
#[derive(Debug, Clone)]
pub struct SingleCoupling {
    subnet: BuiltMlp,
    projector: Dense,
    transform: Transform,
    inputs: usize,
    targets: usize,
}

impl SingleCoupling {
    /// Builds the coupling of `targets` variables given `inputs` variables and conditions.
    pub fn build(builder: &Builder, options: CouplingOptions, inputs: usize, targets: usize) -> Result<Self> {
        options.transform.check()?;
        let subnet = options.subnet.build(&builder.scope("subnet"), inputs)?;
        let outputs = options.transform.parameters() * targets;
        let scope = builder.scope("output_projector");
        let projector = Dense::build(&scope, subnet.width(), outputs, Initialiser::Zeros, true);
        Ok(SingleCoupling { subnet, projector, transform: options.transform, inputs, targets })
    }

    /// Transforms `targets` given `given` and a condition: the result and the log-determinant of the direction.
    pub fn apply<'t>(
        &self,
        pass: &Pass<'t>,
        given: Var<'t>,
        condition: Option<Var<'t>>,
        targets: Var<'t>,
        direction: Direction,
    ) -> (Var<'t>, Var<'t>) {
        let raw = self.subnet.forward_projected(pass, given, condition, &self.projector);
        self.transform.apply(targets, raw, direction)
    }

    /// The coupling of `targets` given `given` (first variable and number) as a step of a plan, if it has this form.
    fn planned(&self, given: (usize, usize), targets: (usize, usize)) -> Option<PlannedCoupling<Weight>> {
        let mut layers = self.subnet.plain_layers()?;
        layers.push(self.projector.planned(Function::Linear, 0.0)?);
        let kind = match self.transform {
            Transform::Affine(affine) => CouplingKind::Affine { clamp: affine.clamp },
            Transform::Spline(spline) => CouplingKind::Spline(spline),
        };
        Some(PlannedCoupling { given, targets, layers, kind })
    }

    fn flops(&self) -> usize {
        self.subnet.flops() + self.projector.flops()
    }
}

/// Two couplings in turn, so that all variables are transformed: with `x₁` the first `⌊D/2⌋` variables and `x₂` the others,
/// `z₂ = T(x₂; θ₁(x₁, c))`, then `z₁ = T(x₁; θ₂(z₂, c))`.
///
/// The weights are `coupling1.…` and `coupling2.…`. With a single variable `x₁` is empty: there is only `coupling1`, whose
/// network sees the condition alone (or nothing: then its biases are the parameters).
#[derive(Debug, Clone)]
pub struct DualCoupling {
    first: SingleCoupling,
    second: Option<SingleCoupling>,
    split: usize,
    dimension: usize,
}

impl DualCoupling {
    /// Builds the coupling of `dimension` variables given `condition` conditions.
    pub fn build(builder: &Builder, options: CouplingOptions, dimension: usize, condition: usize) -> Result<Self> {
        let split = dimension / 2;
        let rest = dimension - split;
        let single = |name: &str, given: usize, targets: usize| {
            SingleCoupling::build(&builder.scope(name), options, given + condition, targets)
        };
        Ok(DualCoupling {
            first: single("coupling1", split, rest)?,
            second: if split > 0 { Some(single("coupling2", rest, split)?) } else { None },
            split,
            dimension,
        })
    }

    fn parts<'t>(&self, x: Var<'t>) -> (Var<'t>, Var<'t>) {
        (x.columns(0, self.split), x.columns(self.split, self.dimension - self.split))
    }
}

impl Bijection for DualCoupling {
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        let (x1, x2) = self.parts(x);
        let (z2, log_det) = self.first.apply(pass, x1, condition, x2, Direction::Forward);
        let Some(second) = &self.second else { return (z2, Some(log_det)) };
        let (z1, more) = second.apply(pass, z2, condition, x1, Direction::Forward);
        (z1.concatenate(&[z2]), Some(log_det + more))
    }

    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        let (z1, z2) = self.parts(z);
        let (x1, log_det) = match &self.second {
            Some(second) => {
                let (x1, log_det) = second.apply(pass, z2, condition, z1, Direction::Inverse);
                (x1, Some(log_det))
            }
            None => (z1, None),
        };
        let (x2, more) = self.first.apply(pass, x1, condition, z2, Direction::Inverse);
        match log_det {
            Some(log_det) => (x1.concatenate(&[x2]), Some(log_det + more)),
            None => (x2, Some(more)),
        }
    }

    fn plan(&self, plan: &mut FlowPlan<Weight, Weight>) -> bool {
        let (left, right) = ((0, self.split), (self.split, self.dimension - self.split));
        let halves = [(Some(&self.first), left, right), (self.second.as_ref(), right, left)];
        halves.into_iter().all(|(half, given, targets)| match half.map(|half| half.planned(given, targets)) {
            None => true,
            Some(planned) => planned.is_some_and(|planned| plan.coupling(planned)),
        })
    }

    fn describe(&self) -> String {
        let one = |single: &SingleCoupling| {
            format!("{} of {} given {}", single.transform.name(), single.targets, single.inputs)
        };
        match &self.second {
            Some(second) => format!("dual coupling: {}, then {}", one(&self.first), one(second)),
            None => format!("coupling: {}", one(&self.first)),
        }
    }

    fn flops(&self) -> usize {
        self.first.flops() + self.second.as_ref().map_or(0, SingleCoupling::flops)
    }
}
