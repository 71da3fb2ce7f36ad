//! What a summary network reads.

use serde::{Deserialize, Serialize};

use crate::autodiff::Var;

/// What is known of the elements when a network gets its weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elements {
    /// Features of each element.
    pub features: usize,
    /// Height and width of every data set, if the elements are the pixels of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<[usize; 2]>,
}

impl From<usize> for Elements {
    fn from(features: usize) -> Self {
        Elements { features, grid: None }
    }
}

/// What a summary network reads: the elements of all data sets of a batch.
#[derive(Clone, Copy)]
pub struct SummaryInput<'t> {
    /// The elements, `[elements, features]`.
    pub elements: Var<'t>,
    /// Where each data set starts, indices `[datasets + 1]`.
    pub offsets: Var<'t>,
    /// `[elements, most elements of a data set]`: above 0.5 where an element attends to another of its data set. Networks
    /// without attention ignore it.
    pub mask: Option<Var<'t>>,
    /// Height and width of every data set, if the elements are the pixels of images.
    pub grid: Option<[usize; 2]>,
}

impl<'t> SummaryInput<'t> {
    /// Sets or series.
    pub fn new(elements: Var<'t>, offsets: Var<'t>) -> Self {
        SummaryInput { elements, offsets, mask: None, grid: None }
    }

    /// Number of data sets.
    pub fn datasets(&self) -> usize {
        self.offsets.shape().elements().saturating_sub(1)
    }
}
