//! The tape: computes while it records.

use std::cell::RefCell;
use std::sync::Arc;

use super::node::{Node, Place, Source};
use super::var::Var;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::ops::{Attributes, Forward, MOST_OPERANDS, MOST_PRODUCTS, Operation, Spec};
use crate::parameters::{Layout, Parameters, Role, Weight};
use crate::tensor::{Dtype, Tensor};

/// Records operations on one device and computes them at once.
///
/// A fault (shapes that do not fit, say) does not interrupt the formula that is being written: the variable it concerns
/// is marked, everything computed from it too, and [`Tape::check`], [`Tape::backward`] and [`Var::value`] return the
/// first fault.
pub struct Tape {
    pub(super) device: Device,
    pub(super) inner: RefCell<Inner>,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) nodes: Vec<Node>,
    pub(super) fault: Option<Error>,
    /// The leaf of each weight that was used, by number of the weight.
    weights: Vec<Option<u32>>,
    pub(super) layout: Option<Arc<Layout>>,
    /// Whether the gradient of a weight was written, by number of the weight.
    pub(super) written: Vec<bool>,
    /// Gradients by node and product, while and after walking back.
    pub(super) gradients: Vec<[Option<Tensor>; MOST_PRODUCTS]>,
}

impl Tape {
    /// An empty tape.
    pub fn new(device: &Device) -> Self {
        Tape { device: device.clone(), inner: RefCell::default() }
    }

    /// The device on which it computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Forgets everything and keeps the memory for the next recording. No [`Var`] of this tape may be alive, which the
    /// borrow checker sees to.
    pub fn clear(&mut self) {
        let inner = self.inner.get_mut();
        inner.nodes.clear();
        inner.gradients.clear();
        inner.weights.clear();
        inner.fault = None;
        inner.layout = None;
    }

    /// A value whose gradient is not asked for.
    pub fn constant(&self, tensor: Tensor) -> Var<'_> {
        self.leaf(Source::Constant, tensor)
    }

    /// A value whose gradient [`Tape::gradient`] gives.
    pub fn input(&self, tensor: Tensor) -> Var<'_> {
        self.leaf(Source::Input, tensor)
    }

    /// A constant from values of the host.
    pub fn values(&self, shape: impl Into<crate::tensor::Shape>, values: &[f32]) -> Var<'_> {
        match Tensor::from_values(&self.device, shape, values) {
            Ok(tensor) => self.constant(tensor),
            Err(fault) => self.fail(fault),
        }
    }

    /// A weight of a model. Its gradient is part of [`Tape::gradients`] unless `frozen`. All weights on a tape must be of
    /// one model.
    pub fn weight(&self, parameters: &Parameters, weight: Weight, frozen: bool) -> Var<'_> {
        {
            let mut inner = self.inner.borrow_mut();
            match &inner.layout {
                None => inner.layout = Some(parameters.layout().clone()),
                Some(layout) if Arc::ptr_eq(layout, parameters.layout()) => {}
                Some(_) => {
                    drop(inner);
                    return self.fail(Error::argument(
                        "weight",
                        "belongs to another model than the weights used before; use one tape per model",
                    ));
                }
            }
            if let Some(&Some(node)) = inner.weights.get(weight.index()) {
                return Var { tape: self, place: Place { node, product: 0 } };
            }
        }
        let leaf = parameters.entry(weight).and_then(|entry| {
            let source = match (entry.role, parameters.trainable_offset(weight)) {
                (Role::Trainable, Some(offset)) if !frozen => Source::Weight { offset, index: weight.index() },
                _ => Source::Constant,
            };
            Ok((source, parameters.tensor(weight)?))
        });
        let var = match leaf {
            Ok((source, tensor)) => self.leaf(source, tensor),
            Err(fault) => return self.fail(fault),
        };
        let mut inner = self.inner.borrow_mut();
        if inner.weights.len() <= weight.index() {
            inner.weights.resize(weight.index() + 1, None);
        }
        inner.weights[weight.index()] = Some(var.place.node);
        var
    }

    /// All trainable weights from one to another, in the order in which they were built, as they lie in memory: one variable
    /// `[n]` with gaps between weights, whose values mean nothing. Otherwise as [`Tape::weight`].
    pub fn weights_between(&self, parameters: &Parameters, first: Weight, last: Weight, frozen: bool) -> Var<'_> {
        // What is said about weights of other models, and about none, is said of the first and the last one.
        for weight in [first, last] {
            let var = self.weight(parameters, weight, frozen);
            if var.place == Place::NOWHERE {
                return var;
            }
        }
        let place = |weight: Weight| {
            let entry = parameters.entry(weight)?;
            match parameters.trainable_offset(weight) {
                Some(offset) => Ok(offset..offset + entry.shape.elements()),
                None => Err(Error::key(&entry.name, "is not trainable; name the first and the last trainable weight")),
            }
        };
        let range = place(first).and_then(|from| Ok(from.start..place(last)?.end));
        let tensor = range.and_then(|range| {
            let tensor = parameters.trainable().view(range.start, [range.len()].into())?;
            Ok((range.start, tensor))
        });
        match tensor {
            Ok((_, tensor)) if frozen => self.leaf(Source::Constant, tensor),
            Ok((offset, tensor)) => {
                self.leaf(Source::Weights { offset, first: first.index(), end: last.index() + 1 }, tensor)
            }
            Err(fault) => self.fail(fault),
        }
    }

    fn leaf(&self, source: Source, tensor: Tensor) -> Var<'_> {
        if !tensor.device().same_as(&self.device) {
            return self.fail(Error::argument(
                "tensor",
                format!("lies on another device than the tape's {:?}; upload it there", self.device),
            ));
        }
        self.push(Node::leaf(source, tensor))
    }

    fn push(&self, node: Node) -> Var<'_> {
        let mut inner = self.inner.borrow_mut();
        inner.nodes.push(node);
        Var { tape: self, place: Place { node: inner.nodes.len() as u32 - 1, product: 0 } }
    }

    /// Applies an operation to operands and returns its first output; the others are [`Var::output`]s of it.
    pub fn apply<'t>(
        &'t self,
        operation: &'static dyn Operation,
        operands: &[Var<'t>],
        attributes: Attributes,
    ) -> Var<'t> {
        if operands.iter().any(|v| v.place == Place::NOWHERE) {
            return Var { tape: self, place: Place::NOWHERE };
        }
        match self.compute(operation, operands, attributes) {
            Ok(node) => self.push(node),
            Err(fault) => self.fail(fault),
        }
    }

    fn compute(&self, operation: &'static dyn Operation, operands: &[Var], attributes: Attributes) -> Result<Node> {
        let name = operation.row().name;
        if operands.len() > MOST_OPERANDS {
            return Err(Error::shape(
                name,
                format!("{} operands; at most {MOST_OPERANDS} are possible, apply it in groups", operands.len()),
            ));
        }
        if operands.iter().any(|v| !std::ptr::eq(v.tape, self)) {
            return Err(Error::argument(name, "an operand belongs to another tape; use variables of one tape"));
        }
        let inner = self.inner.borrow();
        let mut places = [Place::NOWHERE; MOST_OPERANDS];
        let mut inputs: [Option<&Tensor>; MOST_OPERANDS] = [None; MOST_OPERANDS];
        let mut differentiable = false;
        for ((place, input), operand) in places.iter_mut().zip(&mut inputs).zip(operands) {
            let node = &inner.nodes[operand.place.node as usize];
            *place = operand.place;
            *input = node.products[operand.place.product as usize].as_ref();
            differentiable |= node.differentiable && input.is_some_and(|t| t.dtype() == Dtype::F32);
        }
        let Some(&Some(first)) = inputs.first() else {
            return Err(Error::argument(name, "has no operand; give at least one"));
        };
        let inputs = inputs.map(|input| input.unwrap_or(first));
        let inputs = &inputs[..operands.len()];
        let specs = [0; MOST_OPERANDS].map(|_| Spec::of(first));
        let specs = std::array::from_fn::<_, MOST_OPERANDS, _>(|i| inputs.get(i).map_or(specs[i], |t| Spec::of(t)));
        let shapes = operation.infer(&specs[..inputs.len()], &attributes)?;
        let mut products: [Option<Tensor>; MOST_PRODUCTS] = [const { None }; MOST_PRODUCTS];
        if operation.is_view() {
            products[0] = Some(first.view(0, shapes.shapes()[0])?);
        } else {
            for (product, &shape) in products.iter_mut().zip(shapes.shapes()) {
                *product = Some(Tensor::uninitialised(&self.device, shape)?);
            }
            let references = std::array::from_fn::<_, MOST_PRODUCTS, _>(|i| products[i].as_ref().unwrap_or(first));
            let products = &references[..shapes.shapes().len()];
            operation.forward(&Forward { device: &self.device, inputs, products, attributes: &attributes })?;
        }
        Ok(Node {
            source: Source::Operation(operation),
            operands: places,
            operand_count: operands.len(),
            products,
            outputs: shapes.outputs(),
            attributes,
            differentiable,
        })
    }

    /// Marks the computation as failed and returns a variable without a value.
    pub fn fail(&self, fault: Error) -> Var<'_> {
        self.inner.borrow_mut().fault.get_or_insert(fault);
        Var { tape: self, place: Place::NOWHERE }
    }

    /// The first fault, if there was one.
    pub fn check(&self) -> Result<()> {
        self.inner.borrow().fault.clone().map_or(Ok(()), Err)
    }

    /// Names the first operation whose output is not finite: its name, and the weight it used if it has one. `None` when
    /// everything is finite.
    pub fn first_not_finite(&self) -> Result<Option<String>> {
        let inner = self.inner.borrow();
        for (index, node) in inner.nodes.iter().enumerate() {
            for tensor in node.products.iter().take(node.outputs).flatten() {
                if tensor.dtype() == Dtype::F32 && tensor.values()?.iter().any(|v| !v.is_finite()) {
                    return Ok(Some(inner.describe(index)));
                }
            }
        }
        Ok(None)
    }
}

impl Inner {
    /// What a node is, for messages.
    fn describe(&self, index: usize) -> String {
        let node = &self.nodes[index];
        let weight = |index: usize| match &self.layout {
            Some(layout) => layout.entries().get(index).map_or("a weight", |e| e.name.as_str()).to_string(),
            None => "a weight".to_string(),
        };
        match node.source {
            Source::Constant | Source::Input => "an input".to_string(),
            Source::Weight { index, .. } | Source::Weights { first: index, .. } => {
                format!("the weight {}", weight(index))
            }
            Source::Operation(operation) => {
                let used = node.operands().iter().find_map(|place| match self.nodes.get(place.node as usize)?.source {
                    Source::Weight { index, .. } | Source::Weights { first: index, .. } => {
                        Some(format!(" with {}", weight(index)))
                    }
                    _ => None,
                });
                format!("operation {} (number {index}){}", operation.row().name, used.unwrap_or_default())
            }
        }
    }
}
