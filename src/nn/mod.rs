//! Floor 5: layers. A configuration is plain data; `build` gives it weights under dotted names; the built layer is a
//! function of a [`Pass`] and its inputs.

mod attention_block;
mod chain;
mod convolution;
mod dense;
mod dense_block;
mod double_convolution;
mod dropout;
mod gated_feed_forward;
mod mlp;
mod multi_head_attention;
mod norm;
mod pass;
mod recurrent;
mod series;
mod set_attention;
mod simple_norm;
mod skip_recurrent;
mod time_embedding;

pub use attention_block::{AttentionBlock, BuiltAttentionBlock, regular_offsets};
pub use convolution::{Conv1d, Conv2d, ConvolutionOptions};
pub use dense::Dense;
pub use dense_block::{DenseBlock, Norm};
pub use double_convolution::{BuiltDoubleConvolution, DoubleConvolution};
pub use dropout::dropout;
pub use gated_feed_forward::{BuiltGatedFeedForward, GatedFeedForward, GatedUnit};
pub use mlp::{BuiltMlp, Mlp, check_dropout};
pub use multi_head_attention::{BuiltMultiHeadAttention, MultiHeadAttention, Sets};
pub use norm::{BatchNorm, BuiltNorm, GroupNorm, LayerNorm, RmsNorm};
pub use pass::{Pass, Stage};
pub use recurrent::{Bidirectional, BuiltRecurrent, Recurrent};
pub use series::Series;
pub use set_attention::{BuiltPoolingByAttention, InducedSetAttention, PoolingByAttention, SetAttention};
pub use simple_norm::{BuiltSimpleNorm, SimpleNorm};
pub use skip_recurrent::{BuiltSkipRecurrent, SkipRecurrent};
pub use time_embedding::{BuiltTimeEmbedding, RecurrentEmbedding, Time2Vec, TimeEmbedding, time_grid};
