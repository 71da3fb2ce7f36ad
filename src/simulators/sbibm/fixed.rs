//! The arrays that the benchmark holds fixed, from files inside the program.

use std::sync::LazyLock;

use crate::codecs::safetensors;

/// Observations of the generalised linear model.
pub(super) const TRIALS: usize = 100;
/// Offset and filter.
pub(super) const COEFFICIENTS: usize = 10;
/// Components of the mixture of distractors, and its dimension.
pub(super) const COMPONENTS: usize = 20;
pub(super) const DISTRACTORS: usize = 92;
/// Data and distractors.
pub(super) const ALL: usize = 8 + DISTRACTORS;

/// The design of the generalised linear model, `TRIALS` rows: 1, then the stimulus now and at the eight steps before.
pub(super) static DESIGN: LazyLock<Vec<[f64; COEFFICIENTS]>> = LazyLock::new(|| {
    let stimulus = numbers(include_bytes!("data/bernoulli_glm.safetensors"), "stimulus", TRIALS);
    let entry = |t: usize, j: usize| match j {
        0 => 1.0,
        _ if t + 1 >= j => stimulus[t + 1 - j],
        _ => 0.0,
    };
    (0..TRIALS).map(|t| std::array::from_fn(|j| entry(t, j))).collect()
});

/// The mixture of the distractors and the order of all numbers.
pub(super) struct Mixture {
    /// Centres, `COMPONENTS` rows.
    pub centres: Vec<f64>,
    /// The lower triangles of the Cholesky factors, row by row.
    pub factors: Vec<f64>,
    /// Where each of the numbers comes from.
    pub permutation: Vec<usize>,
}

pub(super) static MIXTURE: LazyLock<Mixture> = LazyLock::new(|| {
    let bytes = include_bytes!("data/slcp_distractors.safetensors");
    let triangle = DISTRACTORS * (DISTRACTORS + 1) / 2;
    Mixture {
        centres: numbers(bytes, "noise_loc", COMPONENTS * DISTRACTORS),
        factors: numbers(bytes, "noise_scale_tril", COMPONENTS * triangle),
        permutation: numbers(bytes, "permutation", ALL).into_iter().map(|i| i as usize).collect(),
    }
});

fn numbers(bytes: &[u8], name: &str, count: usize) -> Vec<f64> {
    let file = safetensors::from_bytes(bytes).expect("the file is part of the program, and a test reads it");
    let values = file.arrays.get(name).expect("the file is part of the program, and a test reads it").to_f64();
    assert_eq!(values.len(), count, "the file is part of the program, and a test reads it");
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrays_are_those_of_the_benchmark() {
        assert_eq!((DESIGN[0][0], DESIGN[0][2], DESIGN[99].len()), (1.0, 0.0, COEFFICIENTS));
        assert!((DESIGN[0][1] - 0.49671414).abs() < 1e-8, "the first normal number of NumPy's seed 42");
        assert_eq!(DESIGN[8][9], DESIGN[0][1]);
        let mut order = MIXTURE.permutation.clone();
        assert_eq!(order[..5], [87, 47, 39, 9, 25]);
        order.sort();
        assert!(order.into_iter().eq(0..ALL));
        assert!((MIXTURE.factors[0] - 3.4233248).abs() < 1e-6 && (MIXTURE.centres[0] - 7.450712).abs() < 1e-5);
    }

    /// Every number is that of the file of the benchmark, in the folder that `FERROFLOW_GOLDEN` names.
    #[test]
    fn the_mixture_is_that_of_the_benchmark() {
        let Some(golden) = std::env::var_os("FERROFLOW_GOLDEN").map(std::path::PathBuf::from) else {
            eprintln!("SKIPPED: set FERROFLOW_GOLDEN to the folder that holds sbibm/slcp_distractors");
            return;
        };
        let arrays = safetensors::read(golden.join("sbibm/slcp_distractors/simulator.safetensors")).unwrap().arrays;
        assert_eq!(arrays["noise_loc"].to_f64(), MIXTURE.centres);
        let factors = arrays["noise_scale_tril"].to_f64();
        let lower = |k: usize, i: usize| factors[(k * DISTRACTORS + i) * DISTRACTORS..][..i + 1].to_vec();
        let packed: Vec<f64> =
            (0..COMPONENTS).flat_map(|k| (0..DISTRACTORS).flat_map(|i| lower(k, i)).collect::<Vec<_>>()).collect();
        assert_eq!(packed, MIXTURE.factors);
    }
}
