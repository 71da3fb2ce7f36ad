//! Constants of elementwise transforms: one number, or an array that spreads over the trailing axes of a column.

use serde::{Deserialize, Serialize};

use crate::codecs::Array;
use crate::error::{Error, Result};

/// A number or an array of numbers, written as a number or a nested list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Nested", into = "Nested")]
pub struct Constant {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Nested {
    Number(f64),
    List(Vec<Nested>),
}

impl Constant {
    /// One number per position of the last axis.
    pub fn vector(values: impl Into<Vec<f64>>) -> Self {
        let values = values.into();
        Constant { shape: vec![values.len()], values }
    }

    /// The numbers, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The axes; empty for one number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The positions of `self.values` along the flattened trailing axes of an array of the given shape; element `i` of the
    /// array uses position `i % length`.
    pub(super) fn pattern(&self, transform: &str, key: &str, shape: &[usize]) -> Result<Vec<usize>> {
        let fits = self.shape.len() <= shape.len()
            && self.shape.iter().rev().zip(shape.iter().rev()).all(|(&c, &s)| c == 1 || c == s);
        if !fits {
            return Err(Error::shape(
                transform,
                format!(
                    "a constant of shape {:?} does not spread over '{key}' of shape {shape:?}; give one number, or as many \
                     as the last axis has",
                    self.shape
                ),
            ));
        }
        let trailing = &shape[shape.len() - self.shape.len()..];
        Ok((0..trailing.iter().product())
            .map(|flat: usize| {
                let (mut rest, mut stride, mut position) = (flat, 1, 0);
                for (&size, &own) in trailing.iter().zip(&self.shape).rev() {
                    position += if own == 1 { 0 } else { (rest % size) * stride };
                    rest /= size;
                    stride *= own;
                }
                position
            })
            .collect())
    }
}

/// The maps that `build` makes of the constants, spread over the trailing axes of an array: as long as the longest of the
/// patterns, one map if all constants are numbers.
pub(super) fn spread<const N: usize, T>(
    transform: &str,
    key: &str,
    shape: &[usize],
    constants: [&Constant; N],
    build: impl Fn([f64; N]) -> T,
) -> Result<Vec<T>> {
    let mut patterns = Vec::with_capacity(N);
    for constant in constants {
        patterns.push(constant.pattern(transform, key, shape)?);
    }
    let length = patterns.iter().map(Vec::len).max().unwrap_or(1);
    // Patterns cover nested trailing blocks, so that each length divides the longest; an empty block has no element.
    Ok((0..length)
        .filter(|_| patterns.iter().all(|p| !p.is_empty()))
        .map(|i| build(std::array::from_fn(|c| constants[c].values[patterns[c][i % patterns[c].len()]])))
        .collect())
}

impl From<f64> for Constant {
    fn from(value: f64) -> Self {
        Constant { shape: Vec::new(), values: vec![value] }
    }
}

impl From<Vec<f64>> for Constant {
    fn from(values: Vec<f64>) -> Self {
        Constant::vector(values)
    }
}

impl From<&[f64]> for Constant {
    fn from(values: &[f64]) -> Self {
        Constant::vector(values)
    }
}

impl<const N: usize> From<[f64; N]> for Constant {
    fn from(values: [f64; N]) -> Self {
        Constant::vector(values)
    }
}

impl From<&Array> for Constant {
    fn from(array: &Array) -> Self {
        Constant { shape: array.shape().to_vec(), values: array.to_f64() }
    }
}

impl From<Constant> for Nested {
    fn from(constant: Constant) -> Self {
        fn nest(shape: &[usize], values: &[f64]) -> Nested {
            match shape {
                [] => Nested::Number(values[0]),
                [_, inner @ ..] => {
                    let step = inner.iter().product::<usize>().max(1);
                    Nested::List(values.chunks(step).map(|block| nest(inner, block)).collect())
                }
            }
        }
        nest(&constant.shape, &constant.values)
    }
}

impl TryFrom<Nested> for Constant {
    type Error = String;

    fn try_from(nested: Nested) -> std::result::Result<Self, String> {
        match nested {
            Nested::Number(value) => Ok(value.into()),
            Nested::List(list) => {
                let parts: Vec<Constant> =
                    list.into_iter().map(Constant::try_from).collect::<std::result::Result<_, _>>()?;
                let inner = parts.first().map(|part| part.shape.clone()).unwrap_or_default();
                if parts.iter().any(|part| part.shape != inner) {
                    return Err("the rows of a constant differ in length; give a rectangular list".to_owned());
                }
                let shape = std::iter::once(parts.len()).chain(inner).collect();
                Ok(Constant { shape, values: parts.into_iter().flat_map(|part| part.values).collect() })
            }
        }
    }
}

impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.shape.as_slice(), self.values.as_slice()) {
            ([], [value]) => write!(f, "{value}"),
            ([_], values) if values.len() <= 8 => write!(f, "{values:?}"),
            (shape, _) => write!(f, "array {shape:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_spread_over_trailing_axes() {
        let matrix = Constant { shape: vec![2, 1], values: vec![10.0, 20.0] };
        let vector = Constant::vector([1.0, 2.0, 3.0]);
        let sums = spread("scale", "x", &[4, 2, 3], [&matrix, &vector], |[a, b]| a + b).unwrap();
        assert_eq!(sums, [11.0, 12.0, 13.0, 21.0, 22.0, 23.0]);
        assert_eq!(spread("scale", "x", &[4, 3], [&2.5.into()], |[a]| a).unwrap(), [2.5]);
        let error = vector.pattern("scale", "x", &[4, 2]).unwrap_err().to_string();
        assert!(error.contains("'x' of shape [4, 2]"), "{error}");
    }

    #[test]
    fn written_as_number_or_nested_list() {
        for text in ["1.5", "[1.0,2.0]", "[[1.0,2.0],[3.0,4.0]]"] {
            let constant: Constant = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&constant).unwrap(), text);
        }
        assert!(serde_json::from_str::<Constant>("[[1.0],[1.0,2.0]]").is_err());
    }
}
