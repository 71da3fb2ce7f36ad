//! One trajectory of the No-U-Turn sampler with multinomial choice of the draw (Hoffman & Gelman 2014; Betancourt 2017,
//! arXiv:1701.02434).
//!
//! The trajectory doubles in a random direction of time until it turns back. The doubling, a recursion in the papers, is written as
//! a counter in base two: each new state is a tree of one leaf, and two trees of equal depth merge. So the trajectory can wait
//! for its next density while other chains run.

use rand::RngExt;

use super::mass::Mass;
use crate::random::Stream;

/// A place with its log density and gradient.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) position: Vec<f64>,
    pub(super) log_density: f64,
    pub(super) gradient: Vec<f64>,
}

/// A momentum `p` with its velocity `Σ p`.
#[derive(Debug, Clone)]
pub(super) struct Motion {
    pub(super) momentum: Vec<f64>,
    pub(super) velocity: Vec<f64>,
}

impl Motion {
    pub(super) fn new(momentum: Vec<f64>, mass: &Mass) -> Self {
        Motion { velocity: mass.velocity(&momentum), momentum }
    }

    /// `½ pᵀ Σ p`.
    pub(super) fn kinetic(&self) -> f64 {
        0.5 * dot(&self.momentum, &self.velocity)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The first half of a leapfrog step of signed length: the new position and the momentum in the middle of the step.
pub(super) fn leap(from: &Place, momentum: &[f64], step: f64, mass: &Mass) -> (Vec<f64>, Vec<f64>) {
    let momentum = kick(momentum, &from.gradient, step);
    let velocity = mass.velocity(&momentum);
    (from.position.iter().zip(&velocity).map(|(x, v)| x + step * v).collect(), momentum)
}

/// Half a step of the momentum.
pub(super) fn kick(momentum: &[f64], gradient: &[f64], step: f64) -> Vec<f64> {
    momentum.iter().zip(gradient).map(|(p, g)| p + 0.5 * step * g).collect()
}

/// States that follow each other in time, and the one of them that was chosen.
#[derive(Debug, Clone)]
struct Tree {
    /// `2^depth` states.
    depth: usize,
    first: Motion,
    last: Motion,
    /// Sum of all momenta.
    sum: Vec<f64>,
    chosen: Place,
    /// Total energy of what was chosen.
    energy: f64,
    /// Logarithm of the sum of `exp(H₀ − H)`.
    log_weight: f64,
}

impl Tree {
    /// Two trees, `self` before `later`, without a choice between what each has chosen. The second value says whether the whole turns
    /// back: as a whole, or where the two meet (the additional checks of Stan, which see a turn between the trees).
    fn join(&self, later: &Tree) -> (Vec<f64>, bool) {
        let add = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
        let sum = add(&self.sum, &later.sum);
        let straight = goes_on(&self.first, &later.last, &sum)
            && goes_on(&self.first, &later.first, &add(&self.sum, &later.first.momentum))
            && goes_on(&self.last, &later.last, &add(&later.sum, &self.last.momentum));
        (sum, !straight)
    }

    /// The same states in the other direction of time.
    fn reversed(mut self) -> Self {
        std::mem::swap(&mut self.first, &mut self.last);
        self
    }
}

/// Whether both ends still move along the sum of the momenta.
fn goes_on(first: &Motion, last: &Motion, sum: &[f64]) -> bool {
    dot(&first.velocity, sum) > 0.0 && dot(&last.velocity, sum) > 0.0
}

fn log_add(a: f64, b: f64) -> f64 {
    let largest = a.max(b);
    if largest == f64::NEG_INFINITY { largest } else { largest + ((a - largest).exp() + (b - largest).exp()).ln() }
}

/// How much energy may be gained before the integration is taken to have failed.
const LARGEST_ERROR: f64 = 1000.0;

/// Why a trajectory ended before it turned or was long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The energy ran away: the step is too long for the curvature.
    Divergent,
    /// It came to a point outside of the support.
    Outside,
}

/// A trajectory that grows.
#[derive(Debug, Clone)]
pub(super) struct Trajectory {
    whole: Tree,
    /// The places at the backward and the forward end.
    ends: [Place; 2],
    initial_energy: f64,
    /// The trees of the doubling that is going on, of falling depth, in the order of integration.
    growing: Vec<Tree>,
    forward: bool,
    /// The end of the growing part: its place, and the momentum in the middle of the next step.
    middle: Vec<f64>,
    /// The point whose density is needed next.
    query: Vec<f64>,
    leaps: usize,
    acceptance: f64,
}

/// What a trajectory came to.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) place: Place,
    pub(super) energy: f64,
    /// The mean of `min(1, exp(H₀ − H))` over the states that were tried.
    pub(super) acceptance: f64,
    pub(super) depth: usize,
    pub(super) broken: Option<Broken>,
}

impl Trajectory {
    /// A trajectory of one state that is about to double.
    pub(super) fn new(start: Place, motion: Motion, step: f64, mass: &Mass, stream: &mut Stream) -> Self {
        let energy = motion.kinetic() - start.log_density;
        let whole = Tree {
            depth: 0,
            sum: motion.momentum.clone(),
            first: motion.clone(),
            last: motion,
            chosen: start.clone(),
            energy,
            log_weight: 0.0,
        };
        let mut trajectory = Trajectory {
            whole,
            ends: [start.clone(), start],
            initial_energy: energy,
            growing: Vec::new(),
            forward: true,
            middle: Vec::new(),
            query: Vec::new(),
            leaps: 0,
            acceptance: 0.0,
        };
        trajectory.turn_out(step, mass, stream);
        trajectory
    }

    /// The point whose density is needed.
    pub(super) fn query(&self) -> &[f64] {
        &self.query
    }

    /// Chooses a direction for the next doubling.
    fn turn_out(&mut self, step: f64, mass: &Mass, stream: &mut Stream) {
        self.forward = stream.random::<bool>();
        self.growing.clear();
        let momentum = if self.forward { &self.whole.last } else { &self.whole.first };
        let momentum = momentum.momentum.clone();
        self.advance(&momentum, step, mass);
    }

    fn advance(&mut self, momentum: &[f64], step: f64, mass: &Mass) {
        let signed = if self.forward { step } else { -step };
        (self.query, self.middle) = leap(&self.ends[usize::from(self.forward)], momentum, signed, mass);
    }

    /// Takes the density at the point that was asked for; gives the outcome when the trajectory has ended.
    pub(super) fn answer(
        &mut self,
        log_density: f64,
        gradient: &[f64],
        step: f64,
        mass: &Mass,
        most_doublings: usize,
        stream: &mut Stream,
    ) -> Option<Outcome> {
        self.leaps += 1;
        if log_density == f64::NEG_INFINITY {
            return Some(self.outcome(Some(Broken::Outside)));
        }
        let signed = if self.forward { step } else { -step };
        let motion = Motion::new(kick(&self.middle, gradient, signed), mass);
        let place = Place { position: std::mem::take(&mut self.query), log_density, gradient: gradient.to_vec() };
        let energy = motion.kinetic() - log_density;
        let log_weight = self.initial_energy - energy;
        self.acceptance += log_weight.exp().min(1.0);
        // NaN after an overflow of the momentum.
        if log_weight.is_nan() || log_weight < -LARGEST_ERROR {
            return Some(self.outcome(Some(Broken::Divergent)));
        }
        self.ends[usize::from(self.forward)] = place.clone();
        let momentum = motion.momentum.clone();
        let leaf = Tree {
            depth: 0,
            sum: momentum.clone(),
            first: motion.clone(),
            last: motion,
            chosen: place,
            energy,
            log_weight,
        };
        if self.push(leaf, stream) {
            return Some(self.outcome(None));
        }
        if self.growing.len() == 1 && self.growing[0].depth == self.whole.depth {
            if self.double(stream) || self.whole.depth >= most_doublings {
                return Some(self.outcome(None));
            }
            self.turn_out(step, mass, stream);
        } else {
            self.advance(&momentum, step, mass);
        }
        // A step that leaves the numbers is one that diverges.
        let finite = self.query.iter().all(|x| x.is_finite());
        (!finite).then(|| self.outcome(Some(Broken::Divergent)))
    }

    /// Adds a tree to the growing part and merges trees of equal depth; true when a merged one turns back.
    fn push(&mut self, mut tree: Tree, stream: &mut Stream) -> bool {
        while let Some(earlier) = self.growing.pop_if(|earlier| earlier.depth == tree.depth) {
            let (sum, turns) = earlier.join(&tree);
            if turns {
                return true;
            }
            let log_weight = log_add(earlier.log_weight, tree.log_weight);
            let takes_later = stream.random::<f64>() < (tree.log_weight - log_weight).exp();
            let (chosen, energy) =
                if takes_later { (tree.chosen, tree.energy) } else { (earlier.chosen, earlier.energy) };
            let (first, last) = (earlier.first, tree.last);
            tree = Tree { depth: tree.depth + 1, first, last, sum, chosen, energy, log_weight };
        }
        self.growing.push(tree);
        false
    }

    /// Adds the complete growing part to the whole; true when the whole turns back. The draw moves to the new part with the
    /// probability `min(1, w'/w)`, which prefers what is far.
    fn double(&mut self, stream: &mut Stream) -> bool {
        let Some(grown) = self.growing.pop() else { return true };
        if stream.random::<f64>() < (grown.log_weight - self.whole.log_weight).exp() {
            (self.whole.chosen, self.whole.energy) = (grown.chosen.clone(), grown.energy);
        }
        let log_weight = log_add(self.whole.log_weight, grown.log_weight);
        let (sum, turns) = if self.forward {
            let joined = self.whole.join(&grown);
            self.whole.last = grown.last;
            joined
        } else {
            let grown = grown.reversed();
            let joined = grown.join(&self.whole);
            self.whole.first = grown.first;
            joined
        };
        self.whole.depth += 1;
        (self.whole.sum, self.whole.log_weight) = (sum, log_weight);
        turns
    }

    fn outcome(&self, broken: Option<Broken>) -> Outcome {
        Outcome {
            place: self.whole.chosen.clone(),
            energy: self.whole.energy,
            acceptance: self.acceptance / self.leaps.max(1) as f64,
            depth: self.whole.depth,
            broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcmc::MassMatrix;
    use crate::random::Key;

    /// In a standard normal density a trajectory is a part of a circle: it turns after about half of the 63 steps of length 0.1
    /// around it, keeps its energy all the way, and with exact steps every state is as likely.
    #[test]
    fn trajectories_keep_their_energy_and_turn() {
        let (step, mass) = (0.1, Mass::unit(MassMatrix::Diagonal, 2));
        let density = |x: &[f64]| (-0.5 * dot(x, x), x.iter().map(|x| -x).collect::<Vec<_>>());
        let mut depths = [0; 8];
        for seed in 0..200 {
            let mut stream = Key::new(seed).stream();
            let position = vec![0.8, -0.6];
            let (log_density, gradient) = density(&position);
            let motion = Motion::new(mass.draw_momentum(2, &mut stream), &mass);
            let start = Place { position, log_density, gradient };
            let mut trajectory = Trajectory::new(start, motion, step, &mass, &mut stream);
            let outcome = loop {
                let (log_density, gradient) = density(trajectory.query());
                if let Some(outcome) = trajectory.answer(log_density, &gradient, step, &mass, 10, &mut stream) {
                    break outcome;
                }
            };
            assert!(outcome.acceptance > 0.99 && outcome.broken.is_none(), "{outcome:?}");
            assert!((outcome.energy - trajectory.initial_energy).abs() < 0.01, "{outcome:?}");
            depths[outcome.depth] += 1;
        }
        assert!(depths[3..=5].iter().sum::<usize>() > 190, "{depths:?}");
    }
}
