//! What the suites over the table try.

use super::{CouplingFlow, FlowProgram};
use crate::math::Function;
use crate::ops::coupling_spline::Spline;
use crate::ops::flow_plan::{CouplingKind, FlowPlan, PlannedCoupling, PlannedLayer};
use crate::ops::reference::{Case, Input};
use crate::random::Key;

/// Distance of the starts of weights: they have gaps between them, as in a model.
const ALIGNMENT: usize = 16;

/// A flow as a coupling flow has it: scale, permutation, and two couplings in turn.
struct Built {
    plan: FlowPlan<usize>,
    weights: usize,
}

impl Built {
    fn new(dimension: usize, condition: usize) -> Self {
        Built { plan: FlowPlan::new(dimension, condition), weights: 0 }
    }

    fn weight(&mut self, length: usize) -> usize {
        self.weights += length.next_multiple_of(ALIGNMENT);
        self.weights - length.next_multiple_of(ALIGNMENT)
    }

    fn block(&mut self, hidden: &[usize], activation: Function, kind: CouplingKind, dropout: f64) {
        let dimension = self.plan.dimension();
        let (scale, shift) = (self.weight(dimension), self.weight(dimension));
        self.plan.scale(scale, shift);
        self.plan.permute((0..dimension as u32).map(|i| (i + 1) % dimension as u32).collect());
        let split = dimension / 2;
        let (left, right) = ((0, split), (split, dimension - split));
        for (given, targets) in [(left, right), (right, left)] {
            if targets.1 > 0 {
                let mut width = given.1 + self.plan.condition();
                let mut layers = Vec::new();
                for (index, &outputs) in hidden.iter().chain([&(targets.1 * kind.parameters())]).enumerate() {
                    let (kernel, bias) = (self.weight(width * outputs), self.weight(outputs));
                    let is_last = index == hidden.len();
                    let activation = if is_last { Function::Linear } else { activation };
                    let dropout = if is_last { 0.0 } else { dropout };
                    layers.push(PlannedLayer { kernel, bias, inputs: width, outputs, activation, dropout });
                    width = outputs;
                }
                self.plan.coupling(PlannedCoupling { given, targets, layers, kind });
            }
        }
    }

    fn case(&self, label: &str, rows: usize, keep: bool, range: f64) -> Option<Case> {
        let program = FlowProgram::new(&self.plan, self.weights).ok()?;
        let inputs = vec![
            Input::real([rows, self.plan.dimension()]),
            Input::real([rows, self.plan.condition()]),
            Input::between([self.weights], -range, range),
            Input::indices([program.words().len()], program.words()),
        ];
        let label = format!("{label}, {rows} rows{}", if keep { "" } else { ", computed again" });
        let attributes = CouplingFlow::attributes(&program, keep, Some(Key::new(5)));
        // A number that is not finite reaches the other variables through a network, where the activation decides.
        Some(Case::new(label, inputs, attributes).bound(1e-4).without_special_values())
    }
}

pub(super) fn cases() -> Vec<Case> {
    let affine = |clamp: bool| CouplingKind::Affine { clamp };
    let mut cases = Vec::new();
    let mut flow = Built::new(5, 7);
    flow.block(&[17, 12], Function::HardSilu, affine(true), 0.25);
    flow.block(&[17, 12], Function::HardSilu, affine(true), 0.25);
    for (rows, keep) in [(0, true), (1, true), (16, false), (49, true), (200, true), (401, false)] {
        cases.extend(flow.case("affine", rows, keep, 0.5));
    }
    let mut flow = Built::new(3, 0);
    flow.block(&[70], Function::Mish, affine(false), 0.0);
    cases.extend(flow.case("without conditions", 33, true, 0.5));
    let mut flow = Built::new(1, 2);
    flow.block(&[6], Function::Silu, affine(true), 0.0);
    cases.extend(flow.case("one variable", 19, true, 1.0));
    let mut flow = Built::new(1, 0);
    flow.block(&[], Function::Silu, affine(true), 0.0);
    for rows in [1, 5] {
        cases.extend(flow.case("one variable given nothing", rows, true, 1.0));
    }
    let mut flow = Built::new(4, 3);
    flow.plan.permute(vec![3, 1, 0, 2]);
    flow.block(&[9, 8, 7], Function::Tanh, CouplingKind::Spline(Spline { bins: 5, ..Spline::default() }), 0.1);
    for (rows, keep) in [(35, true), (60, false)] {
        cases.extend(flow.case("spline", rows, keep, 0.4));
    }
    cases
}
