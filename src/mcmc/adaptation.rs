//! What is learned during warmup: the step size by dual averaging (Hoffman & Gelman 2014, §3.2), the mass matrix in windows of
//! doubling length, with the defaults of Stan.

use super::mass::{Mass, MassMatrix, Moments};

/// The step size that makes the mean acceptance what is wanted.
#[derive(Debug, Clone)]
pub(super) struct StepSize {
    target: f64,
    /// What `log ε` is drawn to.
    centre: f64,
    count: f64,
    error: f64,
    mean_log: f64,
    current: f64,
}

/// Strength of the pull to the centre, weight of early errors, forgetting of early step sizes.
const GAMMA: f64 = 0.05;
const T0: f64 = 10.0;
const KAPPA: f64 = 0.75;

impl StepSize {
    pub(super) fn new(target: f64, start: f64) -> Self {
        StepSize { target, centre: (10.0 * start).ln(), count: 0.0, error: 0.0, mean_log: 0.0, current: start }
    }

    /// The step size to use now.
    pub(super) fn current(&self) -> f64 {
        self.current
    }

    pub(super) fn learn(&mut self, acceptance: f64) {
        self.count += 1.0;
        let weight = 1.0 / (self.count + T0);
        self.error += weight * (self.target - acceptance - self.error);
        let log_step = self.centre - self.error * self.count.sqrt() / GAMMA;
        let weight = self.count.powf(-KAPPA);
        self.mean_log += weight * (log_step - self.mean_log);
        self.current = log_step.exp();
    }

    /// Settles on the average of what was tried.
    pub(super) fn settle(&mut self) {
        if self.count > 0.0 {
            self.current = self.mean_log.exp();
        }
    }
}

/// Lengths of the phases of the warmup: before the windows, of the first window, after the windows.
const BEFORE: usize = 75;
const FIRST: usize = 25;
const AFTER: usize = 50;
/// A shorter warmup learns no mass matrix.
const SHORTEST: usize = 20;

/// The windows in which the mass matrix is learned.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    kind: MassMatrix,
    dimension: usize,
    start: usize,
    /// Iterations after which a window ends, ascending.
    ends: Vec<usize>,
    moments: Moments,
}

impl Windows {
    pub(super) fn new(kind: MassMatrix, dimension: usize, warmup: usize) -> Self {
        let (start, ends) = schedule(warmup);
        Windows { kind, dimension, start, ends, moments: Moments::new(kind, dimension) }
    }

    /// Takes the draw after `done` iterations; gives a new mass matrix at the end of a window.
    pub(super) fn learn(&mut self, done: usize, x: &[f64]) -> Option<Mass> {
        if done > self.start && self.ends.last().is_some_and(|&end| done <= end) {
            self.moments.add(x);
        }
        if !self.ends.contains(&done) {
            return None;
        }
        std::mem::replace(&mut self.moments, Moments::new(self.kind, self.dimension)).mass()
    }
}

/// Where the windows of a warmup start, and where each ends.
fn schedule(warmup: usize) -> (usize, Vec<usize>) {
    if warmup < SHORTEST {
        return (warmup, Vec::new());
    }
    let (before, mut length, after) = match warmup >= BEFORE + FIRST + AFTER {
        true => (BEFORE, FIRST, AFTER),
        false => {
            let (before, after) = (warmup * 15 / 100, warmup / 10);
            (before, warmup - before - after, after)
        }
    };
    let (mut end, mut ends) = (before, Vec::new());
    while end < warmup - after {
        // The last window takes what is too short for the next.
        let next = end + length;
        end = if next + 2 * length > warmup - after { warmup - after } else { next };
        length *= 2;
        ends.push(end);
    }
    (before, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_the_usual_warmup() {
        assert_eq!(schedule(1000), (75, vec![100, 150, 250, 450, 950]));
        assert_eq!(schedule(150), (75, vec![100]));
        assert_eq!(schedule(100), (15, vec![90]));
        assert_eq!(schedule(10), (10, vec![]));
        assert_eq!(schedule(0), (0, vec![]));
    }

    #[test]
    fn the_step_size_finds_the_wanted_acceptance() {
        // An acceptance that falls with the step size and is 0.8 at 0.3.
        let mut step = StepSize::new(0.8, 10.0);
        for _ in 0..2000 {
            step.learn((-step.current() / 0.3 * (1.0f64 / 0.8).ln()).exp());
        }
        step.settle();
        assert!((step.current() - 0.3).abs() < 0.02, "{}", step.current());
    }
}
