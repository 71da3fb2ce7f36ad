//! Scoring-rule networks: estimates instead of draws.
//!
//! A [`ScoringRuleNetwork`] maps the condition to estimates, its heads, which training makes what a [`ScoringRule`] rewards: means,
//! medians, quantiles, the parameters of a distribution, probabilities of classes. Where the heads are parameters of a distribution,
//! it has densities and draws too. An estimate costs one pass, which makes it the fastest of the answers.
//!
//! A rule has [`Head`]s, each with a [`Link`]; rules of a user's own implement [`Score`].

mod cross_entropy;
mod estimates;
mod head;
mod link;
mod mixture;
mod mv_normal;
mod network;
mod point;
mod point_network;
mod rule;
mod score;

pub use estimates::{Estimates, HeadValues};
pub use head::{Head, Transformation};
pub use link::{Link, Triangle, fill_triangle};
pub use network::{BuiltScoringRuleNetwork, HeadOptions, ScoringLoss, ScoringRuleNetwork};
pub use point_network::{Point, PointNetwork};
pub use rule::ScoringRule;
pub use score::{BuiltScore, Density, PointDensity, Score, weighted_mean};

#[cfg(test)]
mod tests;
