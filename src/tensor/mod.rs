//! Floor 3: tensors. A tensor is a shape and a part of a buffer on a device; row-major and contiguous.

mod shape;

use std::fmt;

pub use shape::{MOST_AXES, Shape};

use crate::device::{Buffer, Device, Slice};
use crate::error::{Error, Result};

/// The element type of a [`Tensor`]. Everything that is computed is [`Dtype::F32`]; indices and offsets are [`Dtype::U32`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit floating point.
    F32,
    /// 32-bit unsigned integers: indices, offsets of ragged batches.
    U32,
}

/// A shape and a part of a buffer on a device. Cloning shares the memory.
#[derive(Clone)]
pub struct Tensor {
    device: Device,
    buffer: Buffer,
    offset: usize,
    shape: Shape,
    dtype: Dtype,
}

impl Tensor {
    /// Memory of a shape whose contents are not set yet.
    pub fn uninitialised(device: &Device, shape: Shape) -> Result<Self> {
        Tensor::allocate(device, shape, Dtype::F32)
    }

    fn allocate(device: &Device, shape: Shape, dtype: Dtype) -> Result<Self> {
        let buffer = device.allocate(shape.elements())?;
        Ok(Tensor { device: device.clone(), buffer, offset: 0, shape, dtype })
    }

    /// A tensor filled with one value.
    pub fn full(device: &Device, shape: Shape, value: f32) -> Result<Self> {
        let tensor = Tensor::uninitialised(device, shape)?;
        device.fill(tensor.slice(), value.to_bits())?;
        Ok(tensor)
    }

    /// A tensor of zeros.
    pub fn zeros(device: &Device, shape: Shape) -> Result<Self> {
        Tensor::full(device, shape, 0.0)
    }

    /// Copies values from the host.
    pub fn from_values(device: &Device, shape: impl Into<Shape>, values: &[f32]) -> Result<Self> {
        Tensor::from_words(device, shape.into(), bytemuck::cast_slice(values), Dtype::F32)
    }

    /// Copies indices or offsets from the host.
    pub fn from_indices(device: &Device, shape: impl Into<Shape>, indices: &[u32]) -> Result<Self> {
        Tensor::from_words(device, shape.into(), indices, Dtype::U32)
    }

    /// The indices `f(0), f(1), …, f(count − 1)`, without memory of the host's for all of them.
    pub fn indices_from(device: &Device, count: usize, f: impl Fn(usize) -> u32) -> Result<Self> {
        Tensor::words_from(device, count, Dtype::U32, f)
    }

    /// The values `f(0), f(1), …, f(count − 1)`, without memory of the host's for all of them.
    pub fn values_from(device: &Device, count: usize, f: impl Fn(usize) -> f32) -> Result<Self> {
        Tensor::words_from(device, count, Dtype::F32, |index| f(index).to_bits())
    }

    fn words_from(device: &Device, count: usize, dtype: Dtype, f: impl Fn(usize) -> u32) -> Result<Self> {
        /// Words that are uploaded at once.
        const PIECE: usize = 256;
        let tensor = Tensor::allocate(device, [count].into(), dtype)?;
        let mut piece = [0; PIECE];
        for start in (0..count).step_by(PIECE) {
            let length = PIECE.min(count - start);
            for (i, word) in piece[..length].iter_mut().enumerate() {
                *word = f(start + i);
            }
            device.upload(&piece[..length], tensor.view(start, [length].into())?.slice())?;
        }
        Ok(tensor)
    }

    fn from_words(device: &Device, shape: Shape, words: &[u32], dtype: Dtype) -> Result<Self> {
        if shape.elements() != words.len() {
            return Err(Error::shape(
                "tensor",
                format!("{} values for the shape {shape}; give {} values", words.len(), shape.elements()),
            ));
        }
        let tensor = Tensor::allocate(device, shape, dtype)?;
        device.upload(words, tensor.slice())?;
        Ok(tensor)
    }

    /// A part of this tensor's memory seen as a tensor of another shape, starting at an element.
    pub fn view(&self, offset: usize, shape: Shape) -> Result<Self> {
        if offset.checked_add(shape.elements()).is_none_or(|end| end > self.shape.elements()) {
            return Err(Error::shape(
                "view",
                format!(
                    "a view of shape {shape} from element {offset} does not lie inside a tensor of shape {}",
                    self.shape
                ),
            ));
        }
        Ok(Tensor { offset: self.offset + offset, shape, ..self.clone() })
    }

    /// Whether another tensor is the same part of the same memory.
    pub fn shares_memory(&self, other: &Tensor) -> bool {
        self.buffer.is_same(&other.buffer) && self.offset == other.offset
    }

    /// The shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The device the memory is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The memory, for a launch.
    pub fn slice(&self) -> Slice<'_> {
        let whole = self.buffer.slice(self.offset, self.shape.elements());
        whole.expect("constructors keep the offset and the shape inside of the buffer")
    }

    /// The values, copied to the host; integers are converted.
    pub fn values(&self) -> Result<Vec<f32>> {
        let words = self.words()?;
        Ok(match self.dtype {
            Dtype::F32 => words.into_iter().map(f32::from_bits).collect(),
            Dtype::U32 => words.into_iter().map(|w| w as f32).collect(),
        })
    }

    /// Copies the values to a slice of the host, which must have as many elements.
    pub fn read(&self, to: &mut [f32]) -> Result<()> {
        self.device.download(self.slice(), bytemuck::cast_slice_mut(to))
    }

    /// Replaces the values by those of a slice of the host with as many elements.
    pub fn write(&mut self, from: &[f32]) -> Result<()> {
        self.device.upload(bytemuck::cast_slice(from), self.slice())
    }

    /// The indices, copied to the host.
    pub fn indices(&self) -> Result<Vec<u32>> {
        match self.dtype {
            Dtype::U32 => self.words(),
            Dtype::F32 => {
                Err(Error::shape("indices", "the tensor holds floating point values; read them with `values`"))
            }
        }
    }

    /// The only value of a tensor with one element.
    pub fn item(&self) -> Result<f32> {
        if self.shape.elements() != 1 {
            return Err(Error::shape("item", format!("a tensor of shape {} has not exactly one value", self.shape)));
        }
        let mut value = [0.0];
        self.read(&mut value)?;
        Ok(value[0])
    }

    fn words(&self) -> Result<Vec<u32>> {
        let mut words = vec![0; self.shape.elements()];
        self.device.download(self.slice(), &mut words)?;
        Ok(words)
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor {} {:?} on {}", self.shape, self.dtype, self.device.describe().name)
    }
}
