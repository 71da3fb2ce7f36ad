//! Walking back over the tape.

use std::ops::Range;

use super::node::{Place, Source};
use super::tape::{Inner, Tape};
use super::var::Var;
use crate::error::{Error, Result};
use crate::ops::{Backward, MOST_OPERANDS, MOST_PRODUCTS, Sink, accumulate};
use crate::parameters::{Gradients, Parameters};
use crate::tensor::{Dtype, Tensor};

impl Tape {
    /// Gradient of a scalar with respect to all inputs; [`Tape::gradient`] reads them.
    pub fn backward(&self, loss: Var) -> Result<()> {
        self.backward_from(&[(loss, &self.one(loss)?)], None)
    }

    /// Gradients of a scalar with respect to the weights of the model (and to all inputs).
    pub fn gradients(&self, loss: Var, parameters: &Parameters) -> Result<Gradients> {
        let gradients = Gradients::uninitialised(parameters)?;
        self.walk(&[(loss, &self.one(loss)?)], Some(&gradients), true)?;
        let inner = self.inner.borrow();
        gradients.clear_except(|index| inner.written.get(index).copied().unwrap_or(false))?;
        Ok(gradients)
    }

    /// The product of given cotangents with the Jacobian: walks back from several variables at once, each with a tensor of
    /// its shape. Gradients of weights are added to `weights`.
    pub fn backward_from(&self, seeds: &[(Var, &Tensor)], weights: Option<&Gradients>) -> Result<()> {
        self.walk(seeds, weights, false)
    }

    /// Walks back. With `fresh` the first gradient of a weight overwrites what lies in `weights`, and the weights that were
    /// written are noted.
    fn walk(&self, seeds: &[(Var, &Tensor)], weights: Option<&Gradients>, fresh: bool) -> Result<()> {
        self.check()?;
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        inner.written.clear();
        inner.gradients.clear();
        inner.gradients.resize_with(inner.nodes.len(), Default::default);
        let mut last = 0;
        for &(var, seed) in seeds {
            let place = var.place;
            let value = inner.value(place)?;
            if value.shape() != seed.shape() {
                return Err(Error::shape(
                    "backward",
                    format!(
                        "a cotangent of shape {} for a variable of shape {}; give the same shape",
                        seed.shape(),
                        value.shape()
                    ),
                ));
            }
            last = last.max(place.node as usize);
            inner.add_seed(place, seed)?;
        }
        for index in (0..=last.min(inner.nodes.len().saturating_sub(1))).rev() {
            let node = &inner.nodes[index];
            let Source::Operation(operation) = node.source else { continue };
            if !node.differentiable || inner.gradients[index].iter().all(Option::is_none) {
                continue;
            }
            let (before, from) = inner.gradients.split_at_mut(index);
            let own = std::mem::take(&mut from[0]);
            // One place used twice by a node (x · x): the second sink is a temporary that is added afterwards.
            let mut sinks: [Option<(Tensor, bool)>; MOST_OPERANDS] = Default::default();
            let mut twice: [bool; MOST_OPERANDS] = [false; MOST_OPERANDS];
            for (i, &place) in node.operands().iter().enumerate() {
                let source = &inner.nodes[place.node as usize];
                let Some(tensor) = &source.products[place.product as usize] else { continue };
                if !source.differentiable || tensor.dtype() != Dtype::F32 {
                    continue;
                }
                twice[i] = node.operands()[..i].contains(&place);
                sinks[i] = Some(match (source.source, weights) {
                    _ if twice[i] => (Tensor::uninitialised(&self.device, tensor.shape())?, false),
                    (Source::Weight { offset, index }, Some(weights)) => {
                        if inner.written.len() <= index {
                            inner.written.resize(index + 1, false);
                        }
                        let written = std::mem::replace(&mut inner.written[index], true);
                        (weights.flat().view(offset, tensor.shape())?, written || !fresh)
                    }
                    (Source::Weights { offset, first, end }, Some(weights)) => {
                        let written = note_written(&mut inner.written, weights, first..end, fresh)?;
                        (weights.flat().view(offset, tensor.shape())?, written || !fresh)
                    }
                    (Source::Weight { .. } | Source::Weights { .. }, None) => continue,
                    _ => {
                        let slot = &mut before[place.node as usize][place.product as usize];
                        match slot {
                            Some(gradient) => (gradient.clone(), true),
                            None => (slot.insert(Tensor::uninitialised(&self.device, tensor.shape())?).clone(), false),
                        }
                    }
                });
            }
            let Some(any) = node.products[0].as_ref() else { continue };
            let inputs: [&Tensor; MOST_OPERANDS] = std::array::from_fn(|i| inner.operand(index, i).unwrap_or(any));
            let products: [&Tensor; MOST_PRODUCTS] = std::array::from_fn(|i| node.products[i].as_ref().unwrap_or(any));
            let gradients: [Option<&Tensor>; MOST_PRODUCTS] = std::array::from_fn(|i| own[i].as_ref());
            let borrowed: [Option<Sink>; MOST_OPERANDS] = std::array::from_fn(|i| {
                sinks[i].as_ref().map(|(tensor, accumulate)| Sink { tensor, accumulate: *accumulate })
            });
            let count = node.products.iter().flatten().count();
            operation.backward(&Backward {
                device: &self.device,
                inputs: &inputs[..node.operand_count],
                products: &products[..count],
                gradients: &gradients[..node.outputs],
                sinks: &borrowed[..node.operand_count],
                attributes: &node.attributes,
            })?;
            for (i, &place) in node.operands().iter().enumerate() {
                let (true, Some((temporary, _))) = (twice[i], &sinks[i]) else { continue };
                let first = node.operands().iter().position(|&p| p == place).and_then(|first| sinks[first].as_ref());
                if let Some((tensor, _)) = first {
                    accumulate(temporary, Sink { tensor, accumulate: true })?;
                }
            }
        }
        Ok(())
    }

    /// The gradient of an input after walking back; zeros if nothing depends on it.
    pub fn gradient(&self, var: Var) -> Result<Tensor> {
        let inner = self.inner.borrow();
        let shape = inner.value(var.place)?.shape();
        match inner.gradients.get(var.place.node as usize).and_then(|g| g[var.place.product as usize].as_ref()) {
            Some(gradient) => Ok(gradient.clone()),
            None => Tensor::zeros(&self.device, shape),
        }
    }

    fn one(&self, loss: Var) -> Result<Tensor> {
        self.check()?;
        let shape = loss.value()?.shape();
        if shape.elements() != 1 {
            return Err(Error::shape(
                "gradients",
                format!("the loss has shape {shape}; reduce it to one number, with mean() for instance"),
            ));
        }
        Tensor::full(&self.device, shape, 1.0)
    }
}

/// Notes that the gradients of some weights are written together; whether one of them was before. Then those that were not are
/// set to zero, so that all can be added to.
fn note_written(written: &mut Vec<bool>, weights: &Gradients, range: Range<usize>, fresh: bool) -> Result<bool> {
    if written.len() < range.end {
        written.resize(range.end, false);
    }
    let any = written[range.clone()].contains(&true);
    for index in range {
        if any && fresh && !written[index] {
            weights.clear(index)?;
        }
        written[index] = true;
    }
    Ok(any)
}

impl Inner {
    pub(super) fn value(&self, place: Place) -> Result<&Tensor> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let found = self.nodes.get(place.node as usize).and_then(|node| node.products[place.product as usize].as_ref());
        found.ok_or_else(|| Error::argument("variable", "has no value; it comes from a computation that failed"))
    }

    fn operand(&self, node: usize, operand: usize) -> Option<&Tensor> {
        let place = self.nodes[node].operands().get(operand)?;
        self.nodes.get(place.node as usize)?.products[place.product as usize].as_ref()
    }

    fn add_seed(&mut self, place: Place, seed: &Tensor) -> Result<()> {
        let slot = &mut self.gradients[place.node as usize][place.product as usize];
        match slot {
            Some(gradient) => accumulate(seed, Sink { tensor: gradient, accumulate: true }),
            None => {
                let gradient = slot.insert(Tensor::uninitialised(seed.device(), seed.shape())?);
                accumulate(seed, Sink { tensor: gradient, accumulate: false })
            }
        }
    }
}
