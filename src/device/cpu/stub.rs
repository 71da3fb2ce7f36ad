//! temporary
#![allow(missing_docs)]
use super::{Isa, Threads};
use crate::math::Function;

pub mod elementary {
    use super::super::lanes::Lanes;
    fn each<L: Lanes>(l: L, x: L::F, f: impl Fn(f32) -> f32) -> L::F {
        let mut v = [0.0; 16];
        l.write(&mut v[..L::WIDTH], x);
        for v in &mut v {
            *v = f(*v);
        }
        l.read(&v[..L::WIDTH])
    }
    pub fn exp<L: Lanes>(l: L, x: L::F) -> L::F {
        each(l, x, f32::exp)
    }
    pub fn log<L: Lanes>(l: L, x: L::F) -> L::F {
        each(l, x, f32::ln)
    }
    pub fn log1p<L: Lanes>(l: L, x: L::F) -> L::F {
        each(l, x, f32::ln_1p)
    }
}
pub mod vector {
    use super::*;
    pub fn apply(_: Isa, f: Function, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = f.value(*x as f64) as f32
        }
    }
    pub fn derivative(_: Isa, f: Function, x: &[f32], g: &[f32], y: &mut [f32], acc: bool) {
        for ((y, x), g) in y.iter_mut().zip(x).zip(g) {
            let v = f.derivative(*x as f64) as f32 * g;
            *y = if acc { *y + v } else { v }
        }
    }
}
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}
impl<'a> View<'a> {
    pub fn row_major(data: &'a [f32], rows: usize, columns: usize) -> Self {
        View { data, rows, columns, row_stride: columns, column_stride: 1 }
    }
    pub fn transposed(self) -> Self {
        View {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}
pub struct Epilogue<'a> {
    pub bias: Option<&'a [f32]>,
    pub accumulate: bool,
    pub activation: Option<(Function, &'a mut [f32])>,
}
pub mod matrix {
    use super::*;
    pub fn product(_: Isa, _: &Threads, a: View, b: View, c: &mut [f32], mut e: Epilogue) {
        for i in 0..a.rows {
            for j in 0..b.columns {
                let mut s = e.bias.map_or(0.0, |b| b[j]);
                for k in 0..a.columns {
                    s +=
                        a.data[i * a.row_stride + k * a.column_stride] * b.data[k * b.row_stride + j * b.column_stride];
                }
                let o = i * b.columns + j;
                if e.accumulate {
                    s += c[o];
                }
                match &mut e.activation {
                    Some((f, p)) => {
                        p[o] = s;
                        c[o] = f.value(s as f64) as f32
                    }
                    None => c[o] = s,
                }
            }
        }
    }
}
