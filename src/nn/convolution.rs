//! Convolutional layers: `y = f(conv(x, K) + b)`, channels last.

use super::{Pass, Series};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::{Padding, Window};
use crate::parameters::{Builder, Initialiser, Weight};

/// Shape and place of the windows of a convolutional layer, and how its kernel starts. `D` is the number of axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvolutionOptions<const D: usize> {
    /// Number of results per position.
    pub filters: usize,
    /// Size of the kernel along each axis.
    pub kernel_size: [usize; D],
    /// Elements from one window to the next, along every axis.
    pub stride: usize,
    /// What lies outside.
    pub padding: Padding,
    /// How the kernel starts; the bias starts at zero.
    pub kernel_initializer: Initialiser,
}

impl<const D: usize> ConvolutionOptions<D> {
    /// Windows of a size at every element, as many results as elements.
    pub fn new(filters: usize, kernel_size: [usize; D]) -> Self {
        let kernel_initializer = Initialiser::GlorotUniform;
        ConvolutionOptions { filters, kernel_size, stride: 1, padding: Padding::Same, kernel_initializer }
    }

    fn window(&self) -> Window {
        Window { stride: self.stride, padding: self.padding }
    }

    fn check(&self) -> Result<()> {
        let size = self.kernel_size.iter().copied().min().unwrap_or(0);
        for (name, value) in [("filters", self.filters), ("kernel_size", size), ("strides", self.stride)] {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        Ok(())
    }

    fn taps(&self) -> usize {
        self.kernel_size.iter().product()
    }
}

/// Convolution of series with the weights `kernel` `[k, in, out]` and `bias` `[out]`.
#[derive(Debug, Clone, Copy)]
pub struct Conv1d {
    kernel: Weight,
    bias: Weight,
    inputs: usize,
    options: ConvolutionOptions<1>,
}

impl Conv1d {
    /// Gives the layer weights for elements with `inputs` features.
    pub fn build(builder: &Builder, inputs: usize, options: ConvolutionOptions<1>) -> Result<Self> {
        options.check()?;
        let shape = [options.kernel_size[0], inputs, options.filters];
        Ok(Conv1d {
            kernel: builder.trainable("kernel", shape, options.kernel_initializer),
            bias: builder.trainable("bias", [options.filters], Initialiser::Zeros),
            inputs,
            options,
        })
    }

    /// Series of results. A series shorter than the kernel with padding `valid` marks the computation as failed.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: &Series<'t>, activation: Function) -> Series<'t> {
        let window = self.options.window();
        match x.convolved(window, self.options.kernel_size[0]) {
            Ok(y) => {
                let (kernel, bias) = (pass.weight(self.kernel), pass.weight(self.bias));
                let (offsets, positions) = ([x.offsets, y.offsets], y.elements());
                y.with_rows(x.rows.convolve_series(kernel, Some(bias), offsets, positions, window, activation))
            }
            Err(fault) => x.with_rows(pass.tape().fail(fault)),
        }
    }

    /// Features of an element.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Results per position.
    pub fn filters(&self) -> usize {
        self.options.filters
    }

    /// Number of results for a series of a length.
    pub fn positions(&self, length: usize) -> usize {
        self.options.window().positions(length, self.options.kernel_size[0])
    }

    /// Floating point operations for a series of a length.
    pub fn flops(&self, length: usize) -> usize {
        2 * self.positions(length) * self.options.taps() * self.inputs * self.filters()
    }
}

/// Convolution of images with the weights `kernel` `[kh, kw, in, out]` and `bias` `[out]`.
#[derive(Debug, Clone, Copy)]
pub struct Conv2d {
    kernel: Weight,
    bias: Weight,
    inputs: usize,
    options: ConvolutionOptions<2>,
}

impl Conv2d {
    /// Gives the layer weights for images with `inputs` channels.
    pub fn build(builder: &Builder, inputs: usize, options: ConvolutionOptions<2>) -> Result<Self> {
        options.check()?;
        let [height, width] = options.kernel_size;
        Ok(Conv2d {
            kernel: builder.trainable("kernel", [height, width, inputs, options.filters], options.kernel_initializer),
            bias: builder.trainable("bias", [options.filters], Initialiser::Zeros),
            inputs,
            options,
        })
    }

    /// `[batch, height, width, in]` to `[batch, height', width', filters]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, activation: Function) -> Var<'t> {
        let (kernel, bias) = (pass.weight(self.kernel), pass.weight(self.bias));
        if self.options.taps() == 1 && self.options.stride == 1 {
            return x.linear(kernel.reshape([self.inputs, self.options.filters]), Some(bias), activation);
        }
        x.convolve_images(kernel, Some(bias), self.options.window(), activation)
    }

    /// Channels of an image.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Channels of the result.
    pub fn filters(&self) -> usize {
        self.options.filters
    }

    /// Floating point operations for an image of a height and width.
    pub fn flops(&self, grid: [usize; 2]) -> usize {
        let window = self.options.window();
        let sizes = self.options.kernel_size;
        let positions: usize = (0..2).map(|axis| window.positions(grid[axis], sizes[axis])).product();
        2 * positions * self.options.taps() * self.inputs * self.filters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::Tape;
    use crate::device::Device;
    use crate::nn::Stage;
    use crate::ops::random;
    use crate::random::Key;
    use crate::tensor::Tensor;

    fn options(padding: Padding, stride: usize) -> ConvolutionOptions<1> {
        ConvolutionOptions { padding, stride, ..ConvolutionOptions::new(5, [3]) }
    }

    /// Results, and gradients of the sum of their squares with respect to the weights.
    fn run(options: ConvolutionOptions<1>, offsets: &[u32], elements: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
        let builder = Builder::new();
        let layer = Conv1d::build(&builder, 2, options)?;
        let parameters = builder.finish(&Device::cpu(), Key::new(1))?;
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, &parameters).with(Stage::Inference, true);
        let x = tape.values([elements.len() / 2, 2], elements);
        let offsets = tape.constant(Tensor::from_indices(tape.device(), [offsets.len()], offsets)?);
        let y = layer.forward(&pass, &Series::new(x, offsets), Function::Mish);
        let gradients = pass.gradients((y.rows * y.rows).sum())?;
        Ok((y.rows.value()?.values()?, gradients.flat().values()?))
    }

    #[test]
    fn a_ragged_batch_equals_one_series_at_a_time() {
        let offsets = [0u32, 1, 3, 40, 47, 350];
        let elements = random::normal(&Device::cpu(), Key::new(2), 0, [350, 2]).unwrap().values().unwrap();
        for stride in [1, 2, 4] {
            let (together, gradient) = run(options(Padding::Same, stride), &offsets, &elements).unwrap();
            let (mut alone, mut sum) = (Vec::new(), vec![0.0; gradient.len()]);
            for pair in offsets.windows(2) {
                let rows = &elements[2 * pair[0] as usize..2 * pair[1] as usize];
                let (y, gradient) = run(options(Padding::Same, stride), &[0, pair[1] - pair[0]], rows).unwrap();
                alone.extend(y);
                sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient);
            }
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&together), bits(&alone));
            let largest = gradient.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
            assert!(gradient.iter().zip(&sum).all(|(a, b)| (a - b).abs() <= 1e-5 * largest), "{gradient:?} {sum:?}");
        }
    }

    #[test]
    fn series_shorter_than_the_kernel() {
        let message = run(options(Padding::Valid, 1), &[0, 4, 6], &[0.5; 12]).unwrap_err().to_string();
        assert!(message.contains("number 1 of the batch has 2 elements, fewer than the kernel's 3"), "{message}");
        let (y, _) = run(options(Padding::Same, 1), &[0, 1, 3], &[0.5; 6]).unwrap();
        assert!(y.len() == 15 && y.iter().all(|y| y.is_finite()));
        let message = run(options(Padding::Same, 1), &[0, 4, 7], &[0.5; 12]).unwrap_err().to_string();
        assert!(message.contains("end at the 6 elements"), "{message}");
        let message = run(options(Padding::Same, 0), &[0], &[]).unwrap_err().to_string();
        assert!(message.contains("strides"), "{message}");
    }
}
