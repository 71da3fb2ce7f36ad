//! Attention with several heads.

use ferroflow::nn::{MultiHeadAttention, Sets};
use ferroflow::parameters::Initialiser;
use ferroflow::tensor::Tensor;

use super::{Fallible, layer, tensor, weights};
use crate::common::golden::{Check, Outcome};

/// Offsets of `sets` sets with `each` elements.
pub fn offsets(device: &ferroflow::device::Device, sets: usize, each: usize) -> Fallible<Tensor> {
    let offsets: Vec<u32> = (0..=sets).map(|set| (set * each) as u32).collect();
    Ok(Tensor::from_indices(device, [sets + 1], &offsets)?)
}

pub fn multi_head_attention(check: &mut Check) -> Outcome {
    let number = |name: &str| check.hyper()[name].as_u64().map(|n| n as usize).ok_or(format!("{name} is missing"));
    let attention = MultiHeadAttention {
        num_heads: number("num_heads")?,
        key_dim: number("key_dim")?,
        outputs: number("output_shape")?,
        dropout: 0.0,
        use_bias: check.hyper()["use_bias"].as_bool().ok_or("use_bias is missing")?,
        kernel_initializer: Initialiser::Zeros,
    };
    let axes = |name: &str| -> Fallible<[usize; 3]> { Ok(check.input(name)?.shape().try_into()?) };
    let ([sets, queries, query_width], [_, keys, key_width]) = (axes("query")?, axes("key_value")?);
    let (parameters, built) = weights(check, |builder| attention.build(builder, query_width, key_width))?;
    let device = parameters.device().clone();
    let mask = check.case.get("in/attention_mask").map(|mask| tensor(&device, mask)).transpose()?;
    let (query_offsets, key_offsets) = (offsets(&device, sets, queries)?, offsets(&device, sets, keys)?);
    layer(check, &parameters, &["query", "key_value"], |pass, x| {
        let query =
            Sets { rows: x[0].reshape([sets * queries, query_width]), offsets: pass.tape().constant(query_offsets) };
        let key = Sets { rows: x[1].reshape([sets * keys, key_width]), offsets: pass.tape().constant(key_offsets) };
        let mask = mask.map(|mask| pass.tape().constant(mask).reshape([sets * queries, keys]));
        Ok(built.forward(pass, query, key, mask).reshape([sets, queries, attention.outputs]))
    })
}
