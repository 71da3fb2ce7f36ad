//! Tensors of random numbers, made on the device. Not differentiable, so not in the table of operations.
//!
//! A number is a pure function of key, row and column: column `c` of row `r` uses word `c mod 4` of Philox 4×32 for the counter
//! `[r low, r high, ⌊c/4⌋, 4]`. The words are the same on every device; the numbers made of them agree up to the rounding of
//! logarithm, sine and cosine. So a row of draws does not depend on how many rows are drawn with it.
//!
//! * Uniform: `(⌊w/2⁹⌋ + ½) 2⁻²³`, inside of the open interval (0, 1).
//! * Normal (Box & Muller 1958): words `a`, `b` of an even column and the next give `√(−2 ln u) cos 2πv` and
//!   `√(−2 ln u) sin 2πv` with `u = (a + ½) 2⁻³²` and `v = b 2⁻³²`. `ln u` keeps full relative precision at both ends: numbers
//!   reach ±6.76, and small radii are as fine as 2⁻¹⁶.

use std::f32::consts::PI;

use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::device::{Device, Kernel};
use crate::error::Result;
use crate::ops::sums::rows_per_chunk;
use crate::random::{Key, philox4x32};
use crate::tensor::{Shape, Tensor};

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// The words of the Philox key.
    key: [u32; 2],
    /// Number of the first row, low word first.
    first_row: [u32; 2],
    /// Columns.
    width: u32,
    /// 1 for normal numbers, 0 for uniform ones.
    normal: u32,
}

/// Fills a tensor with random numbers.
pub static KERNEL: Kernel = Kernel { name: "fill_random", cpu, gpu };

/// Standard normal numbers of a shape; the rows along its last axis are numbered from `first_row`.
pub fn normal(device: &Device, key: Key, first_row: u64, shape: impl Into<Shape>) -> Result<Tensor> {
    let tensor = Tensor::uninitialised(device, shape.into())?;
    fill_normal(&tensor, key, first_row)?;
    Ok(tensor)
}

/// Numbers from the open interval (0, 1) of a shape; the rows along its last axis are numbered from `first_row`.
pub fn uniform(device: &Device, key: Key, first_row: u64, shape: impl Into<Shape>) -> Result<Tensor> {
    let tensor = Tensor::uninitialised(device, shape.into())?;
    fill_uniform(&tensor, key, first_row)?;
    Ok(tensor)
}

/// Replaces the values of a tensor by standard normal numbers.
pub fn fill_normal(tensor: &Tensor, key: Key, first_row: u64) -> Result<()> {
    fill(tensor, key, first_row, 1)
}

/// Replaces the values of a tensor by numbers from the open interval (0, 1).
pub fn fill_uniform(tensor: &Tensor, key: Key, first_row: u64) -> Result<()> {
    fill(tensor, key, first_row, 0)
}

fn fill(tensor: &Tensor, key: Key, first_row: u64, normal: u32) -> Result<()> {
    let first_row = [first_row as u32, (first_row >> 32) as u32];
    let arguments = Arguments { key: key.words(), first_row, width: tensor.shape().last() as u32, normal };
    tensor.device().launch(&KERNEL, &arguments, &[], &[tensor.slice()])
}

fn cpu(launch: &mut Launch) {
    let Arguments { key, first_row: [low, high], width, normal } = launch.arguments();
    let (out, width) = (launch.output(0), width.max(1) as usize);
    let first_row = u64::from(low) | u64::from(high) << 32;
    let chunk = rows_per_chunk(8 * width);
    launch.threads.for_each_chunk(out, chunk * width, |index, out| {
        for (i, row) in out.chunks_mut(width).enumerate() {
            let number = first_row.wrapping_add((index * chunk + i) as u64);
            for (block, out) in row.chunks_mut(4).enumerate() {
                let words = philox4x32(key, [number as u32, (number >> 32) as u32, block as u32, 4]);
                let numbers = if normal == 1 { normals(words) } else { words.map(unit) };
                out.copy_from_slice(&numbers[..out.len()]);
            }
        }
    });
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    let (n, width) = (launch.outputs[0].words(), launch.arguments::<Arguments>().width.max(1) as usize);
    launch.run(Program::new("random", "forward"), &[n as u32], groups_for(n / width * width.div_ceil(4)))
}

/// A number in the open interval (0, 1).
fn unit(word: u32) -> f32 {
    ((word >> 9) as f32 + 0.5) * (1.0 / (1 << 23) as f32)
}

/// Four normal numbers from two pairs of words.
fn normals([a, b, c, d]: [u32; 4]) -> [f32; 4] {
    let ([x, y], [z, w]) = (pair(a, b), pair(c, d));
    [x, y, z, w]
}

fn pair(radius: u32, angle: u32) -> [f32; 2] {
    const UNIT: f32 = 1.0 / 4_294_967_296.0;
    // ln u from whichever end of (0, 1) is nearer, where a small number has all its digits.
    let log = if radius < 1 << 31 {
        ((radius as f32 + 0.5) * UNIT).ln()
    } else {
        (-((u32::MAX - radius) as f32 + 0.5) * UNIT).ln_1p()
    };
    // The angle as a fraction of the circle in [−½, ½).
    let (sine, cosine) = ((angle as i32) as f32 * UNIT * 2.0 * PI).sin_cos();
    let radius = (-2.0 * log).sqrt();
    [radius * cosine, radius * sine]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_function_of_key_and_number() {
        let device = Device::cpu();
        for make in [fill_normal, fill_uniform] {
            let rows = |key: Key, first_row: u64, shape: [usize; 2]| {
                let tensor = Tensor::zeros(&device, shape.into()).unwrap();
                make(&tensor, key, first_row).unwrap();
                tensor.values().unwrap()
            };
            let all = rows(Key::new(1), 7, [40, 5]);
            let part = rows(Key::new(1), 17, [3, 5]);
            assert_eq!(all[50..65], part);
            let wider = rows(Key::new(1), 7, [1, 9]);
            assert_eq!(all[..4], wider[..4]);
            assert_ne!(all[..5], rows(Key::new(2), 7, [1, 5]));
            assert_ne!(part, rows(Key::new(1), 17 + (1 << 32), [3, 5]));
        }
    }

    /// Moments up to the fourth within four standard errors, and the Kolmogorov–Smirnov distance at the 0.1 % level.
    #[test]
    fn normal_numbers_are_normal() {
        let n = 300_000;
        let mut x: Vec<f64> = normal(&Device::cpu(), Key::new(5), 0, [n / 3, 3])
            .unwrap()
            .values()
            .unwrap()
            .into_iter()
            .map(f64::from)
            .collect();
        let moment = |power: i32| x.iter().map(|x| x.powi(power)).sum::<f64>() / n as f64;
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)] {
            let error = (moment(power) - expected).abs() / (variance / n as f64).sqrt();
            assert!(error < 4.0, "moment {power} is {}", moment(power));
        }
        x.sort_by(f64::total_cmp);
        let cdf = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
        let distance =
            x.iter().enumerate().map(|(i, &x)| (cdf(x) - (i as f64 + 0.5) / n as f64).abs()).fold(0.0, f64::max);
        assert!(distance < 1.95 / (n as f64).sqrt(), "distance {distance}");
    }

    #[test]
    fn ends_are_finite_and_accurate() {
        let exact = |a: u32, b: u32| {
            let radius = (-2.0 * ((f64::from(a) + 0.5) / 4_294_967_296.0).ln()).sqrt();
            let angle = f64::from(b as i32) / 4_294_967_296.0 * std::f64::consts::TAU;
            [radius * angle.cos(), radius * angle.sin()]
        };
        for a in [0, 1, 255, 1 << 20, (1 << 31) - 1, 1 << 31, u32::MAX - 3, u32::MAX] {
            for b in [0, 1, 1 << 30, (1 << 30) + 12345, 1 << 31, 3 << 30, u32::MAX] {
                for (got, expected) in pair(a, b).into_iter().zip(exact(a, b)) {
                    let radius = expected.hypot(1e-9) + exact(a, 0)[0];
                    assert!((f64::from(got) - expected).abs() < 4e-7 * radius, "{a} {b}: {got} for {expected}");
                }
            }
        }
        assert!(unit(0) > 0.0 && unit(u32::MAX) < 1.0);
    }
}
