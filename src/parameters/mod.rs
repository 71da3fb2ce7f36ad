//! Floor 4: all weights of a model in one flat named buffer.
//!
//! A network is built with a [`Builder`] that hands out a [`Weight`] for each named array and remembers how it starts.
//! [`Parameters`] then holds the values: one flat tensor with the trainable weights, one with the state that no gradient
//! reaches (moving statistics), and the index vectors of permutations. Names are dotted paths of attributes, such as
//! `invertible_layers.0.coupling1.subnet.blocks.0.dense.kernel`; files use the same names.

mod builder;
mod initialiser;

use std::sync::Arc;

pub use builder::Builder;
pub use initialiser::Initialiser;

use crate::codecs::{Array, Values};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::{Shape, Tensor};

/// Alignment of each weight in the flat tensor, in elements: the strictest that a device asks of a binding.
const ALIGNMENT: usize = 64;

/// What kind of values an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A weight that training changes.
    Trainable,
    /// Values that no gradient reaches: moving statistics, frozen parameters of a distribution.
    State,
    /// Indices, such as those of a permutation.
    Indices,
}

/// A handle to one named array of a [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    index: usize,
}

impl Weight {
    /// Its number: weights count from 0 in the order in which they were built.
    pub fn index(self) -> usize {
        self.index
    }
}

/// One named array.
#[derive(Debug, Clone)]
pub struct Named {
    /// The dotted name.
    pub name: String,
    /// The shape.
    pub shape: Shape,
    /// What it holds.
    pub role: Role,
    /// Where it starts in the flat tensor of its role; for indices, its number among them.
    offset: usize,
}

/// The names, shapes and places of all arrays of a model.
#[derive(Debug, Default)]
pub struct Layout {
    entries: Vec<Named>,
    trainable: usize,
    state: usize,
}

impl Layout {
    /// All arrays in the order in which they were built.
    pub fn entries(&self) -> &[Named] {
        &self.entries
    }

    /// Where each trainable weight lies in the flat tensor: name, offset and number of elements.
    pub fn trainable_ranges(&self) -> impl Iterator<Item = (&Named, std::ops::Range<usize>)> {
        self.entries.iter().filter(|e| e.role == Role::Trainable).map(|e| (e, e.offset..e.offset + e.shape.elements()))
    }

    /// Length of the flat tensor of trainable weights, gaps included.
    pub fn trainable_length(&self) -> usize {
        self.trainable
    }

    /// Number of trainable values, gaps not included.
    pub fn trainable_count(&self) -> usize {
        self.trainable_ranges().map(|(_, range)| range.len()).sum()
    }
}

/// The values of all named arrays of a model, on a device.
#[derive(Debug)]
pub struct Parameters {
    layout: Arc<Layout>,
    trainable: Tensor,
    state: Tensor,
    indices: Vec<Tensor>,
}

impl Parameters {
    /// The names, shapes and places.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The device of the values.
    pub fn device(&self) -> &Device {
        self.trainable.device()
    }

    /// The flat tensor of all trainable weights.
    pub fn trainable(&self) -> &Tensor {
        &self.trainable
    }

    /// The flat tensor of all trainable weights, to be changed by an optimizer.
    pub fn trainable_mut(&mut self) -> &mut Tensor {
        &mut self.trainable
    }

    /// The entry of a handle. A handle of another model gives an error.
    pub fn entry(&self, weight: Weight) -> Result<&Named> {
        self.layout.entries.get(weight.index).ok_or_else(|| {
            Error::argument(
                "weight",
                format!(
                    "number {} is not one of this model's {} weights; use the model it was built with",
                    weight.index,
                    self.layout.entries.len()
                ),
            )
        })
    }

    /// The values of a handle, sharing the memory.
    pub fn tensor(&self, weight: Weight) -> Result<Tensor> {
        self.view(self.entry(weight)?)
    }

    /// Where a trainable weight starts in the flat tensor; `None` for state and indices.
    pub fn trainable_offset(&self, weight: Weight) -> Option<usize> {
        let entry = self.layout.entries.get(weight.index)?;
        (entry.role == Role::Trainable).then_some(entry.offset)
    }

    /// The values of a name, copied to the host.
    pub fn get(&self, name: &str) -> Result<Array> {
        self.read(self.find(name)?)
    }

    /// Replaces the values of a name by an array of the same shape; floats are rounded to 32 bits.
    pub fn set(&mut self, name: &str, array: &Array) -> Result<()> {
        let entry = self.find(name)?;
        if array.shape() != entry.shape.axes() {
            return Err(Error::shape(
                name,
                format!(
                    "an array of shape {:?} was given for a weight of shape {}; give the same shape",
                    array.shape(),
                    entry.shape
                ),
            ));
        }
        match entry.role {
            Role::Indices => {
                let length = entry.shape.elements();
                let indices: Option<Vec<u32>> = array
                    .to_f64()
                    .iter()
                    .map(|&v| (v >= 0.0 && v < length as f64 && v.fract() == 0.0).then_some(v as u32))
                    .collect();
                let indices = indices.ok_or_else(|| {
                    Error::value(name, format!("holds something else than indices below {length}; the file is damaged"))
                })?;
                let (offset, shape) = (entry.offset, entry.shape);
                self.indices[offset] = Tensor::from_indices(self.device(), shape, &indices)?;
                Ok(())
            }
            _ => self.view(entry)?.write(&array.to_f64().iter().map(|&v| v as f32).collect::<Vec<_>>()),
        }
    }

    /// Replaces states on the device: the moving statistics that a training pass noted.
    pub fn update(&mut self, states: &[(Weight, Tensor)]) -> Result<()> {
        for (weight, value) in states {
            let entry = self.entry(*weight)?;
            if entry.role != Role::State {
                return Err(Error::key(&entry.name, "is not a state; weights are changed by an optimizer"));
            }
            self.device().copy(value.slice(), self.tensor(*weight)?.slice())?;
        }
        Ok(())
    }

    /// All names with their values, copied to the host: what a model file holds.
    pub fn export(&self) -> Result<Vec<(String, Array)>> {
        self.layout.entries.iter().map(|e| Ok((e.name.clone(), self.read(e)?))).collect()
    }

    /// A copy with values of its own on the same device.
    pub fn duplicate(&self) -> Result<Parameters> {
        let copy = |from: &Tensor| -> Result<Tensor> {
            let to = Tensor::uninitialised(from.device(), from.shape())?;
            from.device().copy(from.slice(), to.slice())?;
            Ok(to)
        };
        Ok(Parameters {
            layout: self.layout.clone(),
            trainable: copy(&self.trainable)?,
            state: copy(&self.state)?,
            indices: self.indices.clone(),
        })
    }

    /// Copies the values of another set of the same layout into this one.
    pub fn copy_from(&mut self, other: &Parameters) -> Result<()> {
        if !Arc::ptr_eq(&self.layout, &other.layout) {
            return Err(Error::argument("parameters", "come from another model; copy between parameters of one model"));
        }
        self.device().copy(other.trainable.slice(), self.trainable.slice())?;
        self.device().copy(other.state.slice(), self.state.slice())
    }

    fn find(&self, name: &str) -> Result<&Named> {
        self.layout.entries.iter().find(|e| e.name == name).ok_or_else(|| {
            let first: Vec<_> = self.layout.entries.iter().take(4).map(|e| e.name.as_str()).collect();
            Error::key(
                name,
                format!(
                    "is not a weight of this model; its {} weights are {}, …",
                    self.layout.entries.len(),
                    first.join(", ")
                ),
            )
        })
    }

    fn view(&self, entry: &Named) -> Result<Tensor> {
        match entry.role {
            Role::Trainable => self.trainable.view(entry.offset, entry.shape),
            Role::State => self.state.view(entry.offset, entry.shape),
            Role::Indices => self.indices[entry.offset].view(0, entry.shape),
        }
    }

    fn read(&self, entry: &Named) -> Result<Array> {
        let tensor = self.view(entry)?;
        let values = match entry.role {
            Role::Indices => Values::I64(tensor.indices()?.into_iter().map(i64::from).collect()),
            _ => Values::F32(tensor.values()?),
        };
        Array::new(entry.shape.axes(), values)
    }
}

/// Gradients of a loss with respect to all trainable weights: one flat tensor with the layout of the weights.
#[derive(Debug)]
pub struct Gradients {
    layout: Arc<Layout>,
    flat: Tensor,
}

impl Gradients {
    /// Zeros for the weights of a model.
    pub fn zeros(parameters: &Parameters) -> Result<Self> {
        let flat = Tensor::zeros(parameters.device(), parameters.trainable.shape())?;
        Ok(Gradients { layout: parameters.layout.clone(), flat })
    }

    /// Whatever lies in memory: for who writes all of it.
    pub(crate) fn uninitialised(parameters: &Parameters) -> Result<Self> {
        let flat = Tensor::uninitialised(parameters.device(), parameters.trainable.shape())?;
        Ok(Gradients { layout: parameters.layout.clone(), flat })
    }

    /// Sets the gradients of the weights that `keeps` does not name by number, and the gaps between weights, to zero.
    pub(crate) fn clear_except(&self, keeps: impl Fn(usize) -> bool) -> Result<()> {
        let (device, mut done) = (self.flat.device(), 0);
        let clear = |start: usize, end: usize| match end > start {
            true => device.fill(self.flat.view(start, [end - start].into())?.slice(), 0),
            false => Ok(()),
        };
        for (index, entry) in self.layout.entries().iter().enumerate() {
            if entry.role == Role::Trainable && keeps(index) {
                clear(done, entry.offset)?;
                done = entry.offset + entry.shape.elements();
            }
        }
        clear(done, self.flat.shape().elements())
    }

    /// Sets the gradient of one weight, by number, to zero, if it is trainable.
    pub(crate) fn clear(&self, index: usize) -> Result<()> {
        match self.layout.entries().get(index) {
            Some(entry) if entry.role == Role::Trainable => {
                self.flat.device().fill(self.flat.view(entry.offset, entry.shape)?.slice(), 0)
            }
            _ => Ok(()),
        }
    }

    /// The layout, shared with the weights.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The flat tensor.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The gradient of a name, copied to the host; an error if it is not a trainable weight.
    pub fn get(&self, name: &str) -> Result<Array> {
        let found = self.layout.trainable_ranges().find(|(e, _)| e.name == name);
        let (entry, range) = found.ok_or_else(|| Error::key(name, "is not a trainable weight of this model"))?;
        Array::new(entry.shape.axes(), Values::F32(self.flat.view(range.start, entry.shape)?.values()?))
    }
}
