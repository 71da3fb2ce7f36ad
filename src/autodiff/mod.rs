//! Floor 4: the tape and its gradients.
//!
//! A [`Tape`] computes while it records: every [`Var`] has its value at once. [`Tape::gradients`] walks back over what
//! was recorded. A tape that is [cleared](Tape::clear) and used again takes no memory from the system.
//!
//! ```
//! # fn main() -> ferroflow::Result<()> {
//! use ferroflow::{autodiff::Tape, device::Device, tensor::Tensor};
//! let device = Device::cpu();
//! let tape = Tape::new(&device);
//! let x = tape.input(Tensor::from_values(&device, [3], &[1.0, 2.0, 3.0])?);
//! let loss = (x * x).mean();
//! tape.backward(loss)?;
//! assert_eq!(tape.gradient(x)?.values()?, [2.0 / 3.0, 4.0 / 3.0, 2.0]);
//! # Ok(())
//! # }
//! ```

mod backward;
mod node;
mod tape;
mod var;

pub use tape::Tape;
pub use var::{AttentionSets, Pooling, Var};
