//! A coupling flow as one operation: for training, and with packed weights for densities and draws.

use std::sync::{Arc, Mutex, PoisonError};

use crate::autodiff::Var;
use crate::bijections::{Bijection, Sequence};
use crate::error::Result;
use crate::nn::{Pass, Stage};
use crate::ops::fused_flow::FusedFlow;
use crate::ops::{CouplingFlow, FlowPlan, FlowProgram, PlannedStep};
use crate::parameters::{Parameters, Weight};
use crate::tensor::Tensor;

/// The plan of a flow, and what was made of it for the weights that it was used with last.
pub(super) struct WholeFlow {
    plan: FlowPlan<Weight, Weight>,
    /// The first and the last trainable weight, in the order in which they were built.
    weights: (Weight, Weight),
    prepared: Mutex<Option<Arc<Prepared>>>,
}

/// The program of a flow on a device.
struct Prepared {
    /// The permutations that went into it, which a model file replaces, and the start of the weights.
    permutations: Vec<Tensor>,
    start: usize,
    program: FlowProgram,
    words: Tensor,
}

impl WholeFlow {
    /// The plan of the layers, if all of them can be planned.
    pub(super) fn of(layers: &Sequence, dimension: usize, condition: usize) -> Option<Self> {
        let mut plan = FlowPlan::new(dimension, condition);
        if !layers.plan(&mut plan) {
            return None;
        }
        let mut weights = Vec::new();
        for step in plan.steps() {
            match step {
                PlannedStep::Scale { scale, shift } => weights.extend([*scale, *shift]),
                PlannedStep::Permute { .. } => {}
                PlannedStep::Coupling(coupling) => {
                    weights.extend(coupling.layers.iter().flat_map(|layer| [layer.kernel, layer.bias]));
                }
            }
        }
        let first = weights.iter().copied().min_by_key(|weight| weight.index())?;
        let last = weights.iter().copied().max_by_key(|weight| weight.index())?;
        Some(WholeFlow { plan, weights: (first, last), prepared: Mutex::default() })
    }

    /// The flow with packed weights.
    pub(super) fn fuse(&self, parameters: &Parameters) -> Result<FusedFlow> {
        let values = |weight: &Weight| parameters.tensor(*weight)?.values();
        let plan = self.plan.resolve(values, |permutation| parameters.tensor(*permutation)?.indices())?;
        FusedFlow::new(&plan, parameters.device())
    }

    /// From targets `x` `[…, D]` to latent variables: `z` and the log-determinant `[…]`.
    pub(super) fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Var<'t>) {
        let tape = pass.tape();
        let prepared = match self.prepare(pass.parameters()) {
            Ok(prepared) => prepared,
            Err(fault) => {
                let nothing = tape.fail(fault);
                return (nothing, nothing);
            }
        };
        let drops = pass.stage() == Stage::Training && self.plan.dropout() > 0.0;
        let key = drops.then(|| pass.next_key());
        let attributes = CouplingFlow::attributes(&prepared.program, pass.has_gradients(), key);
        let (first, last) = self.weights;
        let weights = tape.weights_between(pass.parameters(), first, last, !pass.has_gradients());
        let (shape, rows) = (x.shape(), x.shape().rows());
        let flat = |var: Var<'t>| match var.shape().rank() {
            2 => var,
            _ => var.reshape([rows, var.shape().last()]),
        };
        let condition = condition.map_or_else(|| tape.values([rows, 0], &[]), flat);
        let words = tape.constant(prepared.words.clone());
        let (z, log_det) = flat(x).coupling_flow(condition, weights, words, attributes);
        match shape.rank() {
            2 => (z, log_det),
            _ => (z.reshape(shape), log_det.reshape(shape.without_last())),
        }
    }

    /// The program for these weights: that of the last time, if they have the same permutations.
    fn prepare(&self, parameters: &Parameters) -> Result<Arc<Prepared>> {
        let permutations = self.plan.steps().iter().filter_map(|step| match step {
            PlannedStep::Permute { forward } => Some(parameters.tensor(*forward)),
            _ => None,
        });
        let start = parameters.trainable_offset(self.weights.0).unwrap_or(0);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = &*prepared
            && prepared.start == start
            && prepared.words.device().same_as(parameters.device())
        {
            let mut same = true;
            for (now, before) in permutations.clone().zip(&prepared.permutations) {
                same &= now?.shares_memory(before);
            }
            if same {
                return Ok(prepared.clone());
            }
        }
        let permutations = permutations.collect::<Result<Vec<_>>>()?;
        let place = |weight: &Weight| Ok(parameters.trainable_offset(*weight).unwrap_or(0).saturating_sub(start));
        let plan = self.plan.resolve(place, |permutation| parameters.tensor(*permutation)?.indices())?;
        let last = parameters.entry(self.weights.1)?.shape.elements();
        let program = FlowProgram::new(&plan, place(&self.weights.1)? + last)?;
        let words = Tensor::from_indices(parameters.device(), [program.words().len()], program.words())?;
        Ok(prepared.insert(Arc::new(Prepared { permutations, start, program, words })).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::Tape;
    use crate::bijections::{ActNorm, CouplingOptions, DualCoupling, Permutation, Spline, Transform};
    use crate::device::Device;
    use crate::nn::Mlp;
    use crate::parameters::Builder;
    use crate::random::Key;

    const DIMENSION: usize = 5;
    const CONDITION: usize = 3;
    const ROWS: usize = 61;

    fn layers(builder: &Builder, transform: Transform) -> Sequence {
        let subnet = Mlp { widths: vec![20, 13], dropout: 0.1, ..Mlp::for_couplings() };
        let options = CouplingOptions { subnet: &subnet, transform };
        let mut layers: Vec<Box<dyn Bijection>> = Vec::new();
        for block in 0..2u64 {
            let scope = builder.scope(format!("{block}"));
            layers.push(Box::new(ActNorm::build(&scope.scope("norm"), DIMENSION)));
            let permutation = Permutation::Random.build(&scope, DIMENSION, Key::new(block), false);
            layers.push(Box::new(permutation.unwrap()));
            layers.push(Box::new(DualCoupling::build(&scope, options, DIMENSION, CONDITION).unwrap()));
        }
        Sequence::new(layers)
    }

    /// Weights that are nothing special, since a flow starts as the identity.
    fn parameters(builder: Builder, device: &Device) -> Parameters {
        let mut parameters = builder.finish(device, Key::new(2)).unwrap();
        let names: Vec<_> = parameters.layout().trainable_ranges().map(|(entry, _)| entry.clone()).collect();
        for (number, entry) in names.iter().enumerate() {
            let values = (0..entry.shape.elements()).map(|i| 0.4 * ((i * 7 + 3 * number) as f32 * 0.37).sin() + 0.01);
            let array = crate::codecs::Array::new(entry.shape.axes(), crate::codecs::Values::F32(values.collect()));
            parameters.set(&entry.name, &array.unwrap()).unwrap();
        }
        parameters
    }

    type Flow<'f> = dyn for<'t> Fn(&Pass<'t>, Var<'t>, Var<'t>) -> Var<'t> + 'f;

    /// The loss, and all gradients one after the other: x, c, the weights.
    fn gradients(parameters: &Parameters, flow: &Flow) -> (f32, Vec<f32>) {
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, parameters).with(Stage::Inference, true);
        let values = |n: usize| -> Vec<f32> { (0..n).map(|i| ((i * 13 % 31) as f32 - 15.0) / 11.0).collect() };
        let input = |width: usize| {
            tape.input(Tensor::from_values(parameters.device(), [ROWS, width], &values(ROWS * width)).unwrap())
        };
        let (x, c) = (input(DIMENSION), input(CONDITION));
        let loss = flow(&pass, x, c);
        let of_weights = pass.gradients(loss).unwrap();
        let mut all = tape.gradient(x).unwrap().values().unwrap();
        all.extend(tape.gradient(c).unwrap().values().unwrap());
        for (_, range) in parameters.layout().trainable_ranges() {
            let shape = crate::tensor::Shape::from([range.len()]);
            all.extend(of_weights.flat().view(range.start, shape).unwrap().values().unwrap());
        }
        (loss.value().unwrap().item().unwrap(), all)
    }

    fn close((a, one): &(f32, Vec<f32>), (b, other): &(f32, Vec<f32>)) {
        assert!((a - b).abs() < 1e-4 * a.abs().max(1.0), "{a} and {b}");
        let largest = one.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
        for (i, (a, b)) in one.iter().zip(other).enumerate() {
            assert!((a - b).abs() < 1e-4 * largest, "gradient {i}: {a} and {b} of {largest}");
        }
    }

    /// One operation has the result and the gradients of its layers one after the other, and their sum where both are used.
    #[test]
    fn it_is_its_layers() {
        let transforms = [Transform::default(), Spline { bins: 4, ..Spline::default() }.into()];
        for (device, transform) in [Device::cpu(), Device::cpu_with_threads(3).unwrap()].iter().zip(transforms) {
            let builder = Builder::new();
            let layers = layers(&builder, transform);
            let parameters = parameters(builder, device);
            let whole = WholeFlow::of(&layers, DIMENSION, CONDITION).unwrap();
            fn loss<'t>(z: Var<'t>, log_det: Var<'t>) -> Var<'t> {
                ((z * z).sum_last() * 0.5 - log_det).mean()
            }
            let by_layers = gradients(&parameters, &|pass, x, c| {
                let (z, log_det) = layers.forward(pass, x, Some(c));
                loss(z, log_det.unwrap())
            });
            let at_once = gradients(&parameters, &|pass, x, c| {
                let (z, log_det) = whole.forward(pass, x, Some(c));
                loss(z, log_det)
            });
            close(&by_layers, &at_once);
            let both = gradients(&parameters, &|pass, x, c| {
                let (z, log_det) = whole.forward(pass, x, Some(c));
                let (y, more) = layers.forward(pass, x, Some(c));
                loss(z, log_det) + loss(y, more.unwrap())
            });
            close(&(2.0 * at_once.0, at_once.1.iter().map(|v| 2.0 * v).collect()), &both);
        }
    }

    /// Another permutation, as a model file brings one, makes another program.
    #[test]
    fn permutations_of_a_file_count() {
        let builder = Builder::new();
        let layers = layers(&builder, Transform::default());
        let mut parameters = parameters(builder, &Device::cpu());
        let whole = WholeFlow::of(&layers, DIMENSION, CONDITION).unwrap();
        let first = whole.prepare(&parameters).unwrap();
        assert!(Arc::ptr_eq(&first, &whole.prepare(&parameters).unwrap()));
        let order = crate::codecs::Array::new([DIMENSION], crate::codecs::Values::I64(vec![4, 3, 2, 1, 0])).unwrap();
        parameters.set("1.forward_indices", &order).unwrap();
        let second = whole.prepare(&parameters).unwrap();
        assert!(second.program.words() != first.program.words());
        let wrong = crate::codecs::Array::new([DIMENSION], crate::codecs::Values::I64(vec![4, 4, 2, 1, 0])).unwrap();
        parameters.set("1.forward_indices", &wrong).unwrap();
        let message = whole.prepare(&parameters).err().unwrap().to_string();
        assert!(message.contains("no permutation"), "{message}");
    }
}
