//! A whole coupling flow in one kernel, for densities and draws of a trained network.
//!
//! A tile of rows goes through all layers while it is in the second-level cache: activations never reach memory, scales and
//! permutations between couplings are one step, the log-determinant is summed on the way. Vectors hold one feature of several
//! rows, and weights are read where they lie; a few rows alone are streamed through packed weights instead, with the same bits.
//! What the condition adds to the first layer of each coupling is computed once for all draws of a data set.
//!
//! Not differentiable, so not in the table of operations: training uses [`CouplingFlow`](super::CouplingFlow). Results agree with
//! its own up to rounding: a first layer adds up bias, condition and given variables in this order, there bias, given variables and
//! condition. A row's result depends on nothing but the row.
//!
//! [`FlowPlan`] describes the flow; [`FusedFlow`] is the plan with packed weights.

mod cpu;
mod gpu;
mod plan;
mod program;
mod tile;

use std::sync::Arc;

use crate::device::{Device, Kernel};
use crate::error::{Error, Result};
use crate::ops::coupling_spline;
use crate::ops::flow_lanes::Direction;
use crate::ops::flow_plan::FlowPlan;
use crate::tensor::Tensor;

/// All kernels of this kind.
pub static KERNELS: &[&Kernel] = &[&PACK, &SHARES, &RUN];

static PACK: Kernel = Kernel { name: "fused_flow_pack", cpu: cpu::pack, gpu: gpu::pack };
static SHARES: Kernel = Kernel { name: "fused_flow_shares", cpu: cpu::shares, gpu: gpu::shares };
static RUN: Kernel = Kernel { name: "fused_flow", cpu: cpu::run, gpu: gpu::run };

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    dimension: u32,
    condition: u32,
    steps: u32,
    /// The widest layer, the most outputs of a network, outputs of all first layers together.
    widest: u32,
    most_outputs: u32,
    shares: u32,
    /// 1 when conditions come as shares of data sets and each row names its own.
    shared: u32,
    rows: u32,
    /// 1 for the way from latent variables to data.
    inverse: u32,
    spline: coupling_spline::Arguments,
}

/// A flow with packed weights on a device. It stays as it is when the weights it was made from change.
#[derive(Debug, Clone)]
pub struct FusedFlow {
    arguments: Arguments,
    program: Arc<Tensor>,
    numbers: Arc<Tensor>,
    packed: Arc<Tensor>,
}

/// The conditions of the rows of a [`FusedFlow`].
#[derive(Debug, Clone, Copy)]
pub enum RowConditions<'a> {
    /// There are none.
    None,
    /// One condition for each row, `[rows, C]`.
    Each(&'a Tensor),
    /// Rows belong to data sets: the shares of [`FusedFlow::shares`], and the number of each row's data set.
    Shared {
        /// `[datasets, …]`.
        shares: &'a Tensor,
        /// `[rows]`, indices.
        owners: &'a Tensor,
    },
}

impl FusedFlow {
    /// Packs the weights of a plan.
    pub fn new(plan: &FlowPlan<Vec<f32>>, device: &Device) -> Result<Self> {
        let encoded = plan.encode()?;
        let arguments = Arguments {
            dimension: plan.dimension() as u32,
            condition: plan.condition() as u32,
            steps: encoded.starts.len() as u32,
            widest: encoded.widest as u32,
            most_outputs: encoded.most_outputs as u32,
            shares: encoded.shares as u32,
            shared: 0,
            rows: 0,
            inverse: 0,
            spline: coupling_spline::arguments_of(Direction::Forward, &plan.spline().unwrap_or_default()),
        };
        let words = encoded.words();
        let program = Tensor::from_indices(device, [words.len()], &words)?;
        let numbers = Tensor::from_values(device, [encoded.numbers.len()], &encoded.numbers)?;
        let packed = Tensor::uninitialised(device, [encoded.packed].into())?;
        device.launch(&PACK, &arguments, &[program.slice(), numbers.slice()], &[packed.slice()])?;
        let [program, numbers, packed] = [program, numbers, packed].map(Arc::new);
        Ok(FusedFlow { arguments, program, numbers, packed })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.packed.device()
    }

    /// Number of variables, `D`.
    pub fn dimension(&self) -> usize {
        self.arguments.dimension as usize
    }

    /// Number of condition features, `C`.
    pub fn condition_dimension(&self) -> usize {
        self.arguments.condition as usize
    }

    /// What conditions `[datasets, C]` add to the first layers, bias included: `[datasets, outputs of all first layers]`.
    pub fn shares(&self, conditions: &Tensor) -> Result<Tensor> {
        let (rows, width) = (conditions.shape().rows(), conditions.shape().last());
        if width != self.condition_dimension() || conditions.shape().rank() != 2 {
            let message = format!(
                "conditions of shape {}; expected [datasets, {}]",
                conditions.shape(),
                self.condition_dimension()
            );
            return Err(Error::shape("conditions", message));
        }
        let shares = Tensor::uninitialised(self.device(), [rows, self.arguments.shares as usize].into())?;
        let arguments = Arguments { rows: rows as u32, ..self.arguments };
        let inputs = [self.program.slice(), self.numbers.slice(), self.packed.slice(), conditions.slice()];
        self.device().launch(&SHARES, &arguments, &inputs, &[shares.slice()])?;
        Ok(shares)
    }

    /// Maps rows `[rows, D]`: the result `[rows, D]` and the log-determinant `[rows]` of the direction.
    pub fn apply(&self, direction: Direction, x: &Tensor, conditions: RowConditions) -> Result<(Tensor, Tensor)> {
        let (rows, wrong) = (x.shape().rows(), |what: String| Err(Error::shape("fused flow", what)));
        if x.shape().rank() != 2 || x.shape().last() != self.dimension() {
            return wrong(format!("rows of shape {}; expected [rows, {}]", x.shape(), self.dimension()));
        }
        let (conditions, owners) = match conditions {
            RowConditions::None if self.condition_dimension() == 0 => (None, None),
            RowConditions::None => {
                return wrong(format!("no conditions; the flow wants {} features", self.condition_dimension()));
            }
            RowConditions::Each(each) if each.shape().axes() == [rows, self.condition_dimension()] => {
                (Some(each), None)
            }
            RowConditions::Each(each) => {
                let expected = self.condition_dimension();
                return wrong(format!("conditions of shape {}; expected [{rows}, {expected}]", each.shape()));
            }
            RowConditions::Shared { shares, owners } => {
                let width = self.arguments.shares as usize;
                if shares.shape().last() != width || owners.shape().axes() != [rows] {
                    let (shares, owners) = (shares.shape(), owners.shape());
                    return wrong(format!(
                        "shares of shape {shares} and owners of shape {owners}; expected […, {width}] and [{rows}]"
                    ));
                }
                let datasets = shares.shape().rows();
                if let Some(owner) = owners.indices()?.into_iter().find(|&owner| owner as usize >= datasets) {
                    return wrong(format!("a row belongs to data set {owner}, but there are {datasets}"));
                }
                (Some(shares), Some(owners))
            }
        };
        let z = Tensor::uninitialised(self.device(), x.shape())?;
        let log_det = Tensor::uninitialised(self.device(), [rows].into())?;
        let inverse = direction.word();
        let shared = u32::from(owners.is_some());
        let mut arguments = Arguments { rows: rows as u32, inverse, shared, ..self.arguments };
        arguments.spline.inverse = inverse;
        let inputs = [&*self.program, &*self.numbers, &*self.packed, x].map(Tensor::slice);
        let optional = [conditions.unwrap_or(x).slice(), owners.unwrap_or(&self.program).slice()];
        let inputs = [inputs[0], inputs[1], inputs[2], inputs[3], optional[0], optional[1]];
        self.device().launch(&RUN, &arguments, &inputs, &[z.slice(), log_det.slice()])?;
        Ok((z, log_det))
    }
}
