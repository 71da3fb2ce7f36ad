//! Convolution in f64, written as the formula reads.

use super::patches::Arguments;
use crate::math::Function;
use crate::ops::reference::Array64;
use crate::tensor::Shape;

pub(super) fn reference(inputs: &[Array64], arguments: &Arguments) -> Vec<Array64> {
    let (x, kernel) = (&inputs[0], &inputs[1]);
    let (channels, outputs) = (x.shape.last(), kernel.shape.last());
    let images = kernel.shape.rank() == 4;
    let bias = inputs.get(if images { 2 } else { 4 });
    // First element, height and width of each series or image.
    let sets: Vec<(usize, usize, usize)> = match *x.shape.axes() {
        [batch, height, width, _] => (0..batch).map(|image| (image * height * width, height, width)).collect(),
        _ => inputs[2].indices().windows(2).map(|pair| (pair[0], 1, pair[1] - pair[0])).collect(),
    };
    let [kernel_height, kernel_width] = match *kernel.shape.axes() {
        [height, width, _, _] => [height, width],
        _ => [1, kernel.shape.axes()[0]],
    };
    let (window, mut sums) = (arguments.window(), Vec::new());
    for (first, height, width) in sets {
        // A series has no other axis that stride and padding could act on.
        let rows = if images { window.positions(height, kernel_height) } else { 1 };
        let above = if images { window.before(height, kernel_height) } else { 0 };
        let left = window.before(width, kernel_width);
        for row in 0..rows {
            for column in 0..window.positions(width, kernel_width) {
                for output in 0..outputs {
                    let mut sum = bias.map_or(0.0, |bias| bias.values[output]);
                    for i in 0..kernel_height {
                        for j in 0..kernel_width {
                            let (y, z) = (row * window.stride + i, column * window.stride + j);
                            let inside = y >= above && y - above < height && z >= left && z - left < width;
                            for channel in 0..channels {
                                let value =
                                    if inside { x.row(first + (y - above) * width + z - left)[channel] } else { 0.0 };
                                let tap = (i * kernel_width + j) * channels + channel;
                                sum += value * kernel.values[tap * outputs + output];
                            }
                        }
                    }
                    sums.push(sum);
                }
            }
        }
    }
    let shape = match *x.shape.axes() {
        [batch, height, width, _] => Shape::from([
            batch,
            window.positions(height, kernel_height),
            window.positions(width, kernel_width),
            outputs,
        ]),
        _ => Shape::from([arguments.positions as usize, outputs]),
    };
    let f = arguments.function();
    let y = Array64::new(shape, sums.iter().map(|&a| f.value(a)).collect());
    if f == Function::Linear { vec![y] } else { vec![y, Array64::new(shape, sums)] }
}
