//! Floor 5: layers. A configuration is plain data; `build` gives it weights under dotted names; the built layer is a
//! function of a [`Pass`] and its inputs.

mod dense;
mod dense_block;
mod dropout;
mod mlp;
mod norm;
mod pass;

pub use dense::Dense;
pub use dense_block::{DenseBlock, Norm};
pub use dropout::dropout;
pub use mlp::{BuiltMlp, Mlp, check_dropout};
pub use norm::BuiltNorm;
pub use pass::{Pass, Stage};
