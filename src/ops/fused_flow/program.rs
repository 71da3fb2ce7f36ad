//! The flow as kernels read it.

use super::plan::{self, COUPLING_WORDS, LAYER_WORDS, MIX, PADDED_COLUMNS};
use crate::math::Function;

/// Steps by number.
pub(super) struct Program<'a> {
    pub(super) words: &'a [u32],
    pub(super) steps: usize,
}

/// A coupling.
#[derive(Clone, Copy)]
pub(super) struct Coupling<'a> {
    /// The first variable and how many there are.
    pub(super) given: (usize, usize),
    pub(super) targets: (usize, usize),
    pub(super) kind: u32,
    layers: &'a [u32],
}

/// A dense layer of a coupling's network.
#[derive(Clone, Copy)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) function: Function,
    /// Where the weights begin: as they are, and packed.
    pub(super) at: usize,
    pub(super) packed: usize,
}

pub(super) enum Step<'a> {
    Mix { at: usize, from: &'a [u32] },
    Coupling(Coupling<'a>),
}

impl<'a> Program<'a> {
    pub(super) fn step(&self, index: usize, dimension: usize) -> Step<'a> {
        let words = &self.words[self.words[index] as usize..];
        debug_assert!(index < self.steps);
        match words[0] {
            MIX => Step::Mix { at: words[1] as usize, from: &words[2..2 + dimension] },
            _ => {
                debug_assert_eq!(words[0], plan::COUPLING);
                let [given, count, target, targets] = [1, 2, 3, 4].map(|i| words[i] as usize);
                let layers = &words[COUPLING_WORDS..][..words[6] as usize * LAYER_WORDS];
                Step::Coupling(Coupling { given: (given, count), targets: (target, targets), kind: words[5], layers })
            }
        }
    }

    pub(super) fn couplings(&self, dimension: usize) -> impl Iterator<Item = Coupling<'a>> {
        (0..self.steps).filter_map(move |index| match self.step(index, dimension) {
            Step::Coupling(coupling) => Some(coupling),
            Step::Mix { .. } => None,
        })
    }
}

impl Coupling<'_> {
    pub(super) fn layers(&self) -> impl DoubleEndedIterator<Item = Layer> + ExactSizeIterator {
        self.layers.chunks_exact(LAYER_WORDS).map(|words| Layer {
            inputs: words[0] as usize,
            outputs: words[1] as usize,
            function: Function::ALL.get(words[2] as usize).copied().unwrap_or(Function::Linear),
            at: words[3] as usize,
            packed: words[4] as usize,
        })
    }

    pub(super) fn first_outputs(&self) -> usize {
        self.layers().next().map_or(0, |layer| layer.outputs)
    }
}

impl Layer {
    pub(super) fn bias<'a>(&self, numbers: &'a [f32]) -> &'a [f32] {
        &numbers[self.at + self.inputs * self.outputs..][..self.outputs]
    }

    /// The rows of the weights from `first` on, as they are.
    pub(super) fn kernel<'a>(&self, numbers: &'a [f32], first: usize) -> &'a [f32] {
        &numbers[self.at + first * self.outputs..self.at + self.inputs * self.outputs]
    }

    /// The packed rows `first .. first + count` of the weights; a first layer is packed in two parts.
    pub(super) fn panels<'a>(&self, packed: &'a [f32], first: usize, count: usize) -> &'a [f32] {
        let padded = self.outputs.next_multiple_of(PADDED_COLUMNS);
        &packed[self.packed + first * padded..][..count * padded]
    }
}
