//! Which points of a time grid are observed.

use crate::error::{Error, Result};

/// The points of a time grid that a simulator of a series returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subsample {
    /// The ten points of the reference benchmark.
    #[default]
    Original,
    /// This number of points, `grid points div k` apart, from the first one on. (The peer divides the duration instead of the
    /// number of points, which gives another number of points for a grid finer or coarser than one.)
    Points(usize),
    /// All points, as a series.
    All,
}

impl Subsample {
    /// The indices into a grid of `points`, of which the reference benchmark takes every `original`-th.
    pub(super) fn indices(self, points: usize, original: usize) -> Result<Vec<usize>> {
        match self {
            Subsample::Original => Ok((0..points).step_by(original).collect()),
            Subsample::All => Ok((0..points).collect()),
            Subsample::Points(k) if (1..=points).contains(&k) => Ok((0..k).map(|i| i * (points / k)).collect()),
            Subsample::Points(k) => Err(Error::argument(
                "subsample",
                format!("{k} points were asked for, the grid has {points}; ask for 1 to {points}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_as_many_points_as_asked_for() {
        assert_eq!(Subsample::Original.indices(201, 21).unwrap(), (0..10).map(|i| 21 * i).collect::<Vec<_>>());
        assert_eq!(Subsample::Original.indices(160, 17).unwrap().last(), Some(&153));
        for k in [1, 2, 10, 80, 199, 201] {
            let indices = Subsample::Points(k).indices(201, 21).unwrap();
            assert!(indices.len() == k && indices[k - 1] <= 200, "{k}");
        }
        assert_eq!(Subsample::All.indices(4, 17).unwrap(), [0, 1, 2, 3]);
        for k in [0, 202] {
            assert!(Subsample::Points(k).indices(201, 21).unwrap_err().to_string().contains("1 to 201"));
        }
    }
}
