//! The same elements with other axes. A view: nothing is computed, the gradient is handed back in the old shape.

use crate::error::{Error, Result};
use crate::ops::accumulate::{self, accumulate};
use crate::ops::operation::{
    Attributes, Backward, Forward, Keeps, Operation, Products, Row, Sink, Spec, axes_as_words,
};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::{MOST_AXES, Shape};

/// The operation `reshape`.
pub struct Reshape;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    rank: u32,
    axes: [u32; MOST_AXES],
}

static ROW: Row =
    Row { name: "reshape", formula: "y = x with other axes", keeps: Keeps::NOTHING, kernels: &[&accumulate::KERNEL] };

impl Reshape {
    /// The attributes of the new shape.
    pub fn attributes(shape: Shape) -> Attributes {
        Attributes::new(Arguments { rank: shape.rank() as u32, axes: axes_as_words(shape) })
    }
}

fn target(attributes: &Attributes) -> Shape {
    let Arguments { rank, axes } = attributes.get();
    let axes = axes.map(|axis| axis as usize);
    Shape::new(&axes[MOST_AXES - (rank as usize).min(MOST_AXES)..]).unwrap_or(Shape::SCALAR)
}

impl Operation for Reshape {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (from, to) = (inputs[0].shape, target(attributes));
        if from.elements() != to.elements() {
            let message =
                format!("a tensor of shape {from} cannot take the shape {to}; the number of elements must be equal");
            return Err(Error::shape("reshape", message));
        }
        Ok(Products::one(to))
    }

    fn is_view(&self) -> bool {
        true
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        accumulate(call.inputs[0], Sink { tensor: call.products[0], accumulate: false })
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        match call.sink(0) {
            Some(sink) => accumulate(call.gradient()?, sink),
            None => Ok(()),
        }
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        vec![Array64::new(target(attributes), inputs[0].values.clone())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |from: &[usize], to: &[usize]| {
            let [from, to] = [from, to].map(|axes| Shape::new(axes).unwrap_or(Shape::SCALAR));
            Case::new(format!("{from} to {to}"), vec![Input::real(from)], Reshape::attributes(to))
        };
        vec![case(&[0, 3], &[3, 0]), case(&[1], &[]), case(&[3, 5, 7], &[15, 7]), case(&[6], &[1, 2, 3, 1, 1, 1])]
    }
}
