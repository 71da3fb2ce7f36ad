//! Operations on rows and sets: normalisation, softmax, pooling, attention, repetition, dropout.
//!
//! A ragged batch is a matrix with the elements of all sets as rows, and offsets `[sets + 1]` as a constant of indices.

use super::Var;
use crate::error::Error;
use crate::math::PairKernel;
use crate::ops::{
    Attention, Attributes, Dropout, ExtremeKind, GatherRows, GroupNorm, GroupNormKind, KernelMean, LogSumExp,
    ReduceKind, RepeatRows, RowNorm, RowNormKind, SegmentExtreme, SegmentRepeat, SegmentSum, Softmax, SoftmaxKind,
};
use crate::random::Key;

/// How the elements of a set are pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The sum.
    Sum,
    /// The mean.
    #[default]
    Mean,
    /// The largest value of each column.
    Max,
    /// The smallest value of each column.
    Min,
}

impl<'t> Var<'t> {
    fn with_parameters(
        self,
        operation: &'static dyn crate::ops::Operation,
        gain: Option<Var<'t>>,
        shift: Option<Var<'t>>,
        attributes: Attributes,
    ) -> Var<'t> {
        match (gain, shift) {
            (Some(gain), Some(shift)) => self.apply(operation, &[gain, shift], attributes),
            (Some(only), None) | (None, Some(only)) => self.apply(operation, &[only], attributes),
            (None, None) => self.apply(operation, &[], attributes),
        }
    }

    /// RMS normalisation of each row: `x / √(mean(x²) + ε) · gain`, the gain of shape `[n]`.
    pub fn rms_norm(self, gain: Option<Var<'t>>, epsilon: f64) -> Var<'t> {
        let attributes = RowNorm::attributes(RowNormKind::Rms, epsilon, gain.is_some(), false);
        self.with_parameters(&RowNorm, gain, None, attributes)
    }

    /// Layer normalisation of each row: mean 0 and variance 1, then `· gain + shift`, both of shape `[n]`.
    pub fn layer_norm(self, gain: Option<Var<'t>>, shift: Option<Var<'t>>, epsilon: f64) -> Var<'t> {
        let attributes = RowNorm::attributes(RowNormKind::Layer, epsilon, gain.is_some(), shift.is_some());
        self.with_parameters(&RowNorm, gain, shift, attributes)
    }

    /// Batch normalisation with the statistics of this batch, taken over all rows. [`Var::output`] 1 and 2 are mean and
    /// population variance, `[1, n]`.
    pub fn batch_norm(self, gain: Option<Var<'t>>, shift: Option<Var<'t>>, epsilon: f64) -> Var<'t> {
        let attributes = GroupNorm::attributes(GroupNormKind::Batch, epsilon, gain.is_some(), shift.is_some());
        self.with_parameters(&GroupNorm, gain, shift, attributes)
    }

    /// Group normalisation of `[batch, …, channels]`: statistics for each index of the first axis and each group of neighbouring
    /// channels.
    pub fn group_norm(self, groups: usize, gain: Option<Var<'t>>, shift: Option<Var<'t>>, epsilon: f64) -> Var<'t> {
        if groups == 0 {
            return self.tape.fail(Error::argument("groups", "is 0; give at least one group"));
        }
        let kind = GroupNormKind::Group(groups);
        let attributes = GroupNorm::attributes(kind, epsilon, gain.is_some(), shift.is_some());
        self.with_parameters(&GroupNorm, gain, shift, attributes)
    }

    /// Probabilities proportional to `exp(x)` along the last axis.
    pub fn softmax(self) -> Var<'t> {
        self.apply(&Softmax, &[], Softmax::attributes(SoftmaxKind::Softmax))
    }

    /// The logarithm of [`Var::softmax`].
    pub fn log_softmax(self) -> Var<'t> {
        self.apply(&Softmax, &[], Softmax::attributes(SoftmaxKind::LogSoftmax))
    }

    /// `log Σ exp(x)` over the last axis, which is removed.
    pub fn log_sum_exp(self) -> Var<'t> {
        self.apply(&LogSumExp, &[], Attributes::NONE)
    }

    /// Pools the elements `[elements, f]` of each set to `[sets, f]`. An empty set has sum 0, mean NaN, maximum −∞, minimum +∞.
    pub fn segment_pool(self, offsets: Var<'t>, pooling: Pooling) -> Var<'t> {
        match pooling {
            Pooling::Sum => self.apply(&SegmentSum, &[offsets], SegmentSum::attributes(ReduceKind::Sum)),
            Pooling::Mean => self.apply(&SegmentSum, &[offsets], SegmentSum::attributes(ReduceKind::Mean)),
            Pooling::Max => self.apply(&SegmentExtreme, &[offsets], SegmentExtreme::attributes(ExtremeKind::Maximum)),
            Pooling::Min => self.apply(&SegmentExtreme, &[offsets], SegmentExtreme::attributes(ExtremeKind::Minimum)),
        }
    }

    /// Gives each of `elements` elements the row of its set: `[sets, f]` to `[elements, f]`.
    pub fn segment_repeat(self, offsets: Var<'t>, elements: usize) -> Var<'t> {
        self.apply(&SegmentRepeat, &[offsets], SegmentRepeat::attributes(elements))
    }

    /// The mean of a kernel over all pairs of a row `[m, D]` of this variable and a row `[n, D]` of another, a scalar.
    pub fn kernel_mean(self, other: Var<'t>, kernel: PairKernel) -> Var<'t> {
        self.apply(&KernelMean, &[other], KernelMean::attributes(kernel))
    }

    /// Each row `[rows, f]` `count` times in a row: `[rows · count, f]`.
    pub fn repeat_rows(self, count: usize) -> Var<'t> {
        self.apply(&RepeatRows, &[], RepeatRows::attributes(count, 1))
    }

    /// All rows `[rows, f]` `count` times: `[count · rows, f]`.
    pub fn tile_rows(self, count: usize) -> Var<'t> {
        self.apply(&RepeatRows, &[], RepeatRows::attributes(1, count))
    }

    /// The rows of the given indices: `[rows, f]` to `[indices, f]`.
    pub fn gather_rows(self, indices: Var<'t>) -> Var<'t> {
        self.apply(&GatherRows, &[indices], Attributes::NONE)
    }

    /// Inverted dropout with a probability in `[0, 1)`: elements are 0 with this probability, the others divided by its
    /// complement. The key must be used for nothing else.
    pub fn dropout(self, probability: f64, key: Key) -> Var<'t> {
        match probability {
            0.0 => self,
            p if p > 0.0 && p < 1.0 => self.apply(&Dropout, &[], Dropout::attributes(probability, key)),
            _ => self.tape.fail(not_a_probability(probability)),
        }
    }

    /// Scaled dot-product attention of these queries `[query rows, heads · h]` on keys and values `[key rows, heads · h]` of the same
    /// set: `[query rows, heads · h]`. See [`Attention`].
    pub fn attention(self, keys: Var<'t>, values: Var<'t>, sets: AttentionSets<'t>, heads: usize) -> Var<'t> {
        let AttentionSets { query_offsets, key_offsets, mask, dropout } = sets;
        let dropout = match dropout {
            Some((p, _)) if !(0.0..1.0).contains(&p) => return self.tape.fail(not_a_probability(p)),
            other => other.filter(|(p, _)| *p > 0.0),
        };
        let attributes = Attention::attributes(heads, dropout);
        match mask {
            Some(mask) => self.apply(&Attention, &[keys, values, query_offsets, key_offsets, mask], attributes),
            None => self.apply(&Attention, &[keys, values, query_offsets, key_offsets], attributes),
        }
    }
}

fn not_a_probability(value: f64) -> Error {
    Error::argument("dropout", format!("is {value}; give a probability from 0 on and below 1"))
}

/// Which rows attend to which in [`Var::attention`].
#[derive(Clone, Copy)]
pub struct AttentionSets<'t> {
    /// Offsets of the sets among the rows of queries.
    pub query_offsets: Var<'t>,
    /// Offsets of the sets among the rows of keys and values.
    pub key_offsets: Var<'t>,
    /// `[query rows, longest set of keys]`: above 0.5 where a query attends to a key of its set.
    pub mask: Option<Var<'t>>,
    /// Probability and key of dropout on the attention probabilities.
    pub dropout: Option<(f64, Key)>,
}
