//! Floor 2: devices own memory and run kernels; they know no gradient and no layer.
pub mod cpu;
