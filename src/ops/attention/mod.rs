//! Scaled dot-product attention for ragged batches and several heads (Vaswani et al. 2017, arXiv:1706.03762).
//!
//! Queries `q` `[query rows, heads · h]` and keys and values `k`, `v` `[key rows, heads · h]` are the rows of all sets; the
//! offsets `[sets + 1]` of both say which rows are one set. For query row `i`, head `n` and the keys `j` of the same set:
//!
//! `sᵢⱼ = qᵢ·kⱼ/√h`, `pᵢⱼ = exp(sᵢⱼ) / Σⱼ exp(sᵢⱼ)`, `outᵢ = Σⱼ pᵢⱼ mᵢⱼ vⱼ`, `[query rows, heads · h]`.
//!
//! An optional mask `[query rows, longest]` says whether query row `i` attends to the `j`-th key of its set (> 0.5 = attend;
//! keys beyond the width of the mask are attended). A masked key has probability 0 and a row that attends to nothing is 0:
//! the same as replacing scores by −10⁹ before the softmax and probabilities by 0 after it.
//!
//! `mᵢⱼ` is inverted dropout on the probabilities, 1 without dropout: 0 or `1/(1 − p)` by the random word `j mod 4` of
//! Philox 4×32 for the counter `[i, ⌊j/4⌋, n, 3]`, with `j` counted from the start of the set and the comparison of `dropout`.
//! So backward and every device make the same mask.
//!
//! No matrix of scores is stored (Dao et al. 2022, arXiv:2205.14135): forward walks through blocks of keys with a running
//! maximum; the extra is `Lᵢ = log Σⱼ exp(sᵢⱼ)`, `[query rows, heads]`, −∞ for a row that attends to nothing. Backward makes the
//! probabilities again: with `δᵢ = doutᵢ·outᵢ` and `dsᵢⱼ = pᵢⱼ (mᵢⱼ doutᵢ·vⱼ − δᵢ)/√h`,
//! `dqᵢ = Σⱼ dsᵢⱼ kⱼ`, `dkⱼ = Σᵢ dsᵢⱼ qᵢ`, `dvⱼ = Σᵢ pᵢⱼ mᵢⱼ doutᵢ`, in ascending order.
//!
//! A key of probability 0 or that is dropped contributes nothing, even if its value is not finite. Keys of a set with NaN
//! make the rows of that set NaN, and no other.

mod backward;
mod forward;
mod gpu;
mod sets;
#[cfg(test)]
mod tests;
mod tile;

use crate::device::Kernel;
use crate::error::{Error, Result};
use crate::ops::dropout::Drops;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::sets;
use crate::ops::reference::{Array64, Case, Input};
use crate::random::{Key, philox4x32};
use crate::tensor::Tensor;

/// The operation `attention`.
pub struct Attention;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    heads: u32,
    /// Columns of one head.
    head_width: u32,
    queries: u32,
    keys: u32,
    sets: u32,
    /// 1 when there is a mask.
    masked: u32,
    /// Columns of the mask.
    mask_width: u32,
    /// `1/√h`.
    scale: f32,
    drops: Drops,
    /// 1 where backward adds to the gradient of q, k, v.
    accumulate: [u32; 3],
}

static FORWARD: Kernel = Kernel { name: "attention", cpu: forward::forward, gpu: gpu::forward };
static BACKWARD: Kernel = Kernel { name: "attention_backward", cpu: backward::backward, gpu: gpu::backward };
static ROW: Row = Row {
    name: "attention",
    formula: "out = softmax(q k^T / sqrt(h)) v, per set and head",
    keeps: Keeps::ALL,
    kernels: &[&FORWARD, &BACKWARD],
};

impl Attention {
    /// The attributes of a number of heads, and of dropout on the probabilities: its probability in `(0, 1)` and key.
    pub fn attributes(heads: usize, dropout: Option<(f64, Key)>) -> Attributes {
        let drops = dropout.map_or(Drops::NONE, |(probability, key)| Drops::new(probability, key));
        Attributes::new(Arguments { heads: heads as u32, drops, ..bytemuck::Zeroable::zeroed() })
    }
}

fn arguments(attributes: &Attributes, inputs: &[&Tensor]) -> Arguments {
    let arguments: Arguments = attributes.get();
    let head_width = inputs[0].shape().last() as u32 / arguments.heads.max(1);
    Arguments {
        head_width,
        queries: inputs[0].shape().rows() as u32,
        keys: inputs[1].shape().rows() as u32,
        sets: inputs[3].shape().elements() as u32 - 1,
        masked: u32::from(inputs.len() > 5),
        mask_width: inputs.get(5).map_or(0, |mask| mask.shape().last() as u32),
        scale: 1.0 / (head_width as f32).sqrt(),
        ..arguments
    }
}

/// The mask, or the queries in its place, which the kernels then do not read as a mask.
fn mask<'a>(inputs: &[&'a Tensor]) -> &'a Tensor {
    inputs.get(5).unwrap_or(&inputs[0])
}

impl Operation for Attention {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let fault = |message: String| Err(Error::shape(ROW.name, message));
        let heads = attributes.get::<Arguments>().heads as usize;
        let (5 | 6) = inputs.len() else {
            return fault(format!("{} inputs; expected q, k, v, their offsets and perhaps a mask", inputs.len()));
        };
        let [q, k, v] = [0, 1, 2].map(|i| inputs[i].shape);
        if q.rank() != 2 || k.rank() != 2 || k != v || k.last() != q.last() {
            return fault(format!("q, k, v of shapes {q}, {k}, {v}; expected [query rows, e] and twice [key rows, e]"));
        }
        if heads == 0 || q.last() == 0 || q.last() % heads != 0 {
            return fault(format!("{heads} heads for {} columns; choose a divisor of the columns", q.last()));
        }
        let (queries, keys) = (sets(ROW.name, inputs[3])?, sets(ROW.name, inputs[4])?);
        if queries != keys {
            return fault(format!("offsets of {queries} sets of queries and {keys} sets of keys; give equally many"));
        }
        if let Some(mask) = inputs.get(5).filter(|mask| mask.shape.rank() != 2 || mask.shape.rows() != q.rows()) {
            return fault(format!("a mask of shape {}; expected [{}, longest set of keys]", mask.shape, q.rows()));
        }
        Ok(Products::new(&[q], &[q.with_last(heads)]))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs);
        let &[q, k, v, query_offsets, key_offsets, ..] = call.inputs else { return Ok(()) };
        let inputs = [q, k, v, query_offsets, key_offsets, mask(call.inputs)].map(Tensor::slice);
        call.device.launch(&FORWARD, &arguments, &inputs, &[call.products[0].slice(), call.products[1].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let &[q, k, v, query_offsets, key_offsets, ..] = call.inputs else { return Ok(()) };
        let sinks = [0, 1, 2].map(|input| call.sink(input));
        let accumulate = sinks.map(|sink| sink.map_or(0, |sink| sink.flag()));
        let arguments = Arguments { accumulate, ..arguments(call.attributes, call.inputs) };
        let (out, log_sums, dout) = (call.products[0], call.products[1], call.gradient()?);
        let inputs = [q, k, v, query_offsets, key_offsets, mask(call.inputs), out, log_sums, dout].map(Tensor::slice);
        // A gradient that nobody asks for goes to memory of its own, so that there is one kernel.
        let unwanted = |input: usize| {
            let shape = call.inputs[input].shape();
            sinks[input].is_none().then(|| Tensor::uninitialised(call.device, shape)).transpose()
        };
        let unwanted = [unwanted(0)?, unwanted(1)?, unwanted(2)?];
        let place = |i: usize| sinks[i].map(|sink| sink.tensor).or(unwanted[i].as_ref()).unwrap_or(call.inputs[i]);
        call.device.launch(&BACKWARD, &arguments, &inputs, &[0, 1, 2].map(|input| place(input).slice()))
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let Arguments { heads, drops, .. } = attributes.get();
        let [q, k, v] = [0, 1, 2].map(|i| &inputs[i]);
        let (query_offsets, key_offsets, mask) = (inputs[3].indices(), inputs[4].indices(), inputs.get(5));
        let (heads, h) = (heads as usize, q.shape.last() / heads.max(1) as usize);
        let share = 1.0 - f64::from(drops.threshold) / 4_294_967_296.0;
        let (mut out, mut log_sums) = (Vec::new(), Vec::new());
        for (queries, keys) in query_offsets.windows(2).zip(key_offsets.windows(2)) {
            let n = keys[1] - keys[0];
            for i in queries[0]..queries[1] {
                for head in 0..heads {
                    let columns = head * h..head * h + h;
                    let attends = |j: usize| mask.is_none_or(|mask| mask.row(i).get(j).is_none_or(|&m| m > 0.5));
                    let score = |j: usize| {
                        let products = columns.clone().map(|d| q.row(i)[d] * k.row(keys[0] + j)[d]);
                        if attends(j) { products.sum::<f64>() / (h as f64).sqrt() } else { f64::NEG_INFINITY }
                    };
                    let scores: Vec<f64> = (0..n).map(score).collect();
                    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let total: f64 = (0..n).filter(|&j| attends(j)).map(|j| (scores[j] - largest).exp()).sum();
                    log_sums.push(if (0..n).any(attends) { largest + total.ln() } else { f64::NEG_INFINITY });
                    let probability = |j: usize| {
                        let word = philox4x32(drops.key, [i as u32, j as u32 / 4, head as u32, 3])[j % 4];
                        let kept = attends(j) && word >= drops.threshold;
                        if kept { (scores[j] - largest).exp() / total / share } else { 0.0 }
                    };
                    let weights: Vec<(usize, f64)> =
                        (0..n).map(|j| (j, probability(j))).filter(|w| w.1 != 0.0).collect();
                    out.extend(columns.map(|d| weights.iter().map(|&(j, p)| p * v.row(keys[0] + j)[d]).sum::<f64>()));
                }
            }
        }
        vec![Array64::new(q.shape, out), Array64::new(q.shape.with_last(heads), log_sums)]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |heads: usize, h: usize, queries: &[u32], keys: &[u32], mask: Option<usize>, dropout: f64| {
            let last = |offsets: &[u32]| offsets[offsets.len() - 1] as usize;
            let matrix = |rows: usize| Input::real([rows, heads * h]);
            let mut inputs = vec![matrix(last(queries)), matrix(last(keys)), matrix(last(keys))];
            inputs.push(Input::indices([queries.len()], queries));
            inputs.push(Input::indices([keys.len()], keys));
            inputs.extend(mask.map(|width| Input::constant([last(queries), width], 0.0, 1.0)));
            let label = format!("{heads} heads of {h}, {queries:?} on {keys:?}, mask {mask:?}, dropout {dropout}");
            let drop = (dropout > 0.0).then(|| (dropout, Key::new(3)));
            Case::new(label, inputs, Attention::attributes(heads, drop)).bound(5e-5)
        };
        vec![
            case(1, 1, &[0], &[0], None, 0.0),
            case(1, 1, &[0, 1], &[0, 1], None, 0.0),
            case(2, 3, &[0, 2, 2, 5], &[0, 4, 5, 12], None, 0.0),
            case(3, 8, &[0, 3, 7], &[0, 0, 5], None, 0.0),
            case(1, 5, &[0, 3, 40], &[0, 70, 111], None, 0.0),
            case(4, 16, &[0, 9, 12, 41], &[0, 9, 12, 41], None, 0.25),
            case(2, 7, &[0, 4, 11], &[0, 9, 14], Some(9), 0.0),
            case(2, 7, &[0, 4, 11], &[0, 1, 41], Some(36), 0.5),
            // More keys than two blocks, more queries than a tile, heads a little wider than a vector.
            case(1, 9, &[0, 37], &[0, 290], None, 0.0),
            case(2, 17, &[0, 1, 70], &[0, 131, 135], Some(129), 0.2),
        ]
    }
}
