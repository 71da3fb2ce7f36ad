//! Gives each element of a ragged batch the row of its set.
//!
//! `x` `[sets, f]`, `offsets` `[sets + 1]`: `y[e, j] = x[s, j]` for the set `s` that element `e` is in. Backward: `dx[s, j]` is the
//! sum of `dy[e, j]` over the set; an empty set gets 0.

use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::sets;
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::segment_sum::{Arguments, SPREAD, SUM, ragged_cases};

/// The operation `segment_repeat`.
pub struct SegmentRepeat;

static ROW: Row = Row {
    name: "segment_repeat",
    formula: "y[e, j] = x[s, j] for e in set s",
    keeps: Keeps { inputs: 0b10, products: 0 },
    kernels: &[&SPREAD, &SUM],
};

impl SegmentRepeat {
    /// The attributes of the number of elements, which is the last of the offsets.
    pub fn attributes(elements: usize) -> Attributes {
        Attributes::new(Arguments { mean: 0, elements: elements as u32, width: 0, accumulate: 0 })
    }
}

impl Operation for SegmentRepeat {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let x = inputs[0].shape;
        let sets = sets(ROW.name, inputs[inputs.len() - 1])?;
        if inputs.len() != 2 || x.rank() != 2 || x.rows() != sets {
            let message = format!("values of shape {x} for {sets} sets; expected [{sets}, f]");
            return Err(Error::shape(ROW.name, message));
        }
        let elements = attributes.get::<Arguments>().elements as usize;
        if sets == 0 && elements > 0 {
            return Err(Error::shape(ROW.name, format!("{elements} elements of no set; give the offsets of the sets")));
        }
        Ok(Products::one([elements, x.last()].into()))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = Arguments { width: call.inputs[0].shape().last() as u32, ..call.attributes.get() };
        let inputs = [call.inputs[0].slice(), call.inputs[1].slice()];
        call.device.launch(&SPREAD, &arguments, &inputs, &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let width = call.inputs[0].shape().last() as u32;
        let arguments = Arguments { width, accumulate: sink.flag(), ..call.attributes.get() };
        let inputs = [call.gradient()?.slice(), call.inputs[1].slice()];
        call.device.launch(&SUM, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, offsets) = (&inputs[0], inputs[1].indices());
        let sets = offsets.windows(2).enumerate();
        let values = sets.flat_map(|(s, pair)| (pair[0]..pair[1]).flat_map(move |_| x.row(s).iter().copied()));
        let elements = attributes.get::<Arguments>().elements as usize;
        vec![Array64::new([elements, x.shape.last()].into(), values.collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |(offsets, width): (Vec<u32>, usize)| {
            let (sets, elements) = (offsets.len() - 1, offsets[offsets.len() - 1] as usize);
            let inputs = vec![Input::real([sets, width]), Input::indices([sets + 1], offsets)];
            let label = format!("{sets} rows of {width} to {elements} elements");
            Case::new(label, inputs, SegmentRepeat::attributes(elements))
        };
        ragged_cases().into_iter().map(case).collect()
    }
}
