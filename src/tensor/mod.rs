//! Floor 3: tensors, a shape and a buffer on a device.
