//! How a network names its weights and says how they start.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{ALIGNMENT, Initialiser, Layout, Named, Parameters, Role, Weight};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::tensor::{Shape, Tensor};

/// Hands out [`Weight`]s under dotted names. Cloning and [`scope`](Builder::scope) share the same model.
#[derive(Clone)]
pub struct Builder {
    shared: Rc<RefCell<Shared>>,
    prefix: String,
}

#[derive(Default)]
struct Shared {
    entries: Vec<(Named, Start)>,
    fault: Option<Error>,
}

enum Start {
    /// Drawn as an array of a shape with as many elements.
    Drawn(Initialiser, Shape),
    Values(Vec<f32>),
    Indices(Vec<u32>),
}

impl Builder {
    /// A builder for a new model.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Builder { shared: Rc::default(), prefix: String::new() }
    }

    /// The builder for a part: its names get the prefix `part.`.
    pub fn scope(&self, part: impl std::fmt::Display) -> Self {
        Builder { shared: self.shared.clone(), prefix: format!("{}{part}.", self.prefix) }
    }

    /// A trainable weight.
    pub fn trainable(&self, name: &str, shape: impl Into<Shape>, start: Initialiser) -> Weight {
        let shape = shape.into();
        self.push(name, shape, Role::Trainable, Start::Drawn(start, shape))
    }

    /// A trainable weight that starts as the matrix that it is when used: a projection to several heads has the shape
    /// `[in, heads, h]` and the fans of `[in, heads · h]`.
    pub fn trainable_matrix(
        &self,
        name: &str,
        shape: impl Into<Shape>,
        matrix: [usize; 2],
        start: Initialiser,
    ) -> Weight {
        self.push(name, shape.into(), Role::Trainable, Start::Drawn(start, matrix.into()))
    }

    /// A trainable vector that starts with given values.
    pub fn trainable_values(&self, name: &str, values: &[f64]) -> Weight {
        let start = values.iter().map(|&v| v as f32).collect();
        self.push(name, [values.len()].into(), Role::Trainable, Start::Values(start))
    }

    /// Values that no gradient reaches.
    pub fn state(&self, name: &str, shape: impl Into<Shape>, start: Initialiser) -> Weight {
        let shape = shape.into();
        self.push(name, shape, Role::State, Start::Drawn(start, shape))
    }

    /// A vector of indices, each smaller than its length.
    pub fn indices(&self, name: &str, indices: Vec<u32>) -> Weight {
        self.push(name, [indices.len()].into(), Role::Indices, Start::Indices(indices))
    }

    /// Number of trainable values so far, of the whole model.
    pub fn trainable_count(&self) -> usize {
        let shared = self.shared.borrow();
        let trainable = shared.entries.iter().filter(|(entry, _)| entry.role == Role::Trainable);
        trainable.map(|(entry, _)| entry.shape.elements()).sum()
    }

    fn push(&self, name: &str, shape: Shape, role: Role, start: Start) -> Weight {
        let name = format!("{}{name}", self.prefix);
        let mut shared = self.shared.borrow_mut();
        if shared.entries.iter().any(|(e, _)| e.name == name) {
            let twice = Error::key(&name, "names two weights of one model; give each part a scope of its own");
            shared.fault.get_or_insert(twice);
        }
        shared.entries.push((Named { name, shape, role, offset: 0 }, start));
        Weight { index: shared.entries.len() - 1 }
    }

    /// The parameters with their starting values on a device. Each weight draws from a stream of its own name, so that
    /// one part does not depend on how another is built.
    pub fn finish(self, device: &Device, key: Key) -> Result<Parameters> {
        let Shared { entries, fault } = std::mem::take(&mut *self.shared.borrow_mut());
        if let Some(fault) = fault {
            return Err(fault);
        }
        let mut layout = Layout::default();
        let (mut trainable, mut state, mut indices) = (Vec::new(), Vec::new(), Vec::new());
        for (mut entry, start) in entries {
            match start {
                Start::Indices(values) => {
                    entry.offset = indices.len();
                    indices.push(Tensor::from_indices(device, entry.shape, &values)?);
                }
                Start::Drawn(law, shape) => {
                    let values = law.draw(shape, &mut key.fork(&entry.name).stream());
                    entry.offset =
                        extend(if entry.role == Role::Trainable { &mut trainable } else { &mut state }, values);
                }
                Start::Values(values) => entry.offset = extend(&mut trainable, values),
            }
            layout.entries.push(entry);
        }
        (layout.trainable, layout.state) = (trainable.len(), state.len());
        Ok(Parameters {
            trainable: Tensor::from_values(device, [trainable.len()], &trainable)?,
            state: Tensor::from_values(device, [state.len()], &state)?,
            indices,
            layout: Arc::new(layout),
        })
    }
}

/// Appends values, aligns the end, and returns where they start.
fn extend(flat: &mut Vec<f32>, values: Vec<f32>) -> usize {
    let start = flat.len();
    flat.extend(values);
    flat.resize(flat.len().next_multiple_of(ALIGNMENT), 0.0);
    start
}
