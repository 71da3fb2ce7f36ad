//! One chain, as a machine that asks for densities: it can wait while other chains ask for theirs.

use rand::RngExt;

use super::adaptation::{StepSize, Windows};
use super::mass::Mass;
use super::nuts::Nuts;
use super::trajectory::{Broken, Motion, Outcome, Place, Trajectory, kick, leap};
use crate::error::{Error, Result};
use crate::random::Stream;

/// What a chain has drawn after its warmup.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) draws: Vec<f64>,
    pub(super) log_density: Vec<f64>,
    pub(super) energy: Vec<f64>,
    pub(super) acceptance: Vec<f64>,
    pub(super) depth: Vec<usize>,
    pub(super) divergences: usize,
    pub(super) outside: usize,
    pub(super) step_size: f64,
}

enum Phase {
    /// Looks for a first point inside of the support.
    Starting { tries: usize, given: bool },
    /// Looks for a step size of the right order: one step, again and again.
    Searching { start: Motion, middle: Vec<f64>, direction: Option<bool> },
    /// Moves.
    Moving(Box<Trajectory>),
    /// Has all its draws.
    Done,
}

/// Points that are tried when a first point is drawn.
const MOST_TRIES: usize = 100;
/// Step sizes beyond which a density is not a density.
const STEP_SIZES: std::ops::Range<f64> = 1e-12..1e7;
/// The acceptance of a single step by which the first step size is judged.
const SEARCH_ACCEPTANCE: f64 = 0.8;

pub(super) struct Chain<'a> {
    settings: &'a Nuts,
    number: usize,
    stream: Stream,
    phase: Phase,
    query: Vec<f64>,
    place: Place,
    mass: Mass,
    windows: Windows,
    step: StepSize,
    iterations: usize,
    record: Record,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        settings: &'a Nuts,
        number: usize,
        start: Option<&[f64]>,
        dimension: usize,
        stream: Stream,
    ) -> Self {
        let mut chain = Chain {
            settings,
            number,
            stream,
            phase: Phase::Starting { tries: 1, given: start.is_some() },
            query: vec![0.0; dimension],
            place: Place { position: Vec::new(), log_density: f64::NEG_INFINITY, gradient: Vec::new() },
            mass: Mass::unit(settings.mass_matrix, dimension),
            windows: Windows::new(settings.mass_matrix, dimension, settings.warmup),
            step: StepSize::new(settings.target_acceptance, 1.0),
            iterations: 0,
            record: Record::default(),
        };
        match start {
            Some(start) => chain.query.copy_from_slice(start),
            None => chain.draw_start(),
        }
        chain
    }

    fn draw_start(&mut self) {
        let radius = self.settings.initial_radius;
        let stream = &mut self.stream;
        self.query.iter_mut().for_each(|x| *x = radius * (2.0 * stream.random::<f64>() - 1.0));
    }

    /// The point whose density is needed; `None` when the chain is complete.
    pub(super) fn query(&self) -> Option<&[f64]> {
        match &self.phase {
            Phase::Done => None,
            Phase::Moving(trajectory) => Some(trajectory.query()),
            _ => Some(&self.query),
        }
    }

    pub(super) fn into_record(self) -> Record {
        Record { step_size: self.step.current(), ..self.record }
    }

    /// Takes the density at the point that was asked for. It is not NaN, and the gradient is finite where the density is.
    pub(super) fn answer(&mut self, log_density: f64, gradient: &[f64]) -> Result<()> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Starting { tries, given } => self.started(log_density, gradient, tries, given),
            Phase::Searching { start, middle, direction } => {
                self.searched(log_density, gradient, &start, &middle, direction)
            }
            Phase::Moving(mut trajectory) => {
                let step = self.step.current();
                let most = self.settings.max_depth;
                match trajectory.answer(log_density, gradient, step, &self.mass, most, &mut self.stream) {
                    Some(outcome) => self.moved(outcome),
                    None => {
                        self.phase = Phase::Moving(trajectory);
                        Ok(())
                    }
                }
            }
            Phase::Done => Ok(()),
        }
    }

    fn started(&mut self, log_density: f64, gradient: &[f64], tries: usize, given: bool) -> Result<()> {
        if log_density > f64::NEG_INFINITY {
            self.place = Place { position: self.query.clone(), log_density, gradient: gradient.to_vec() };
            return self.search(None);
        }
        let outside = |message: String| Err(Error::value("start", message));
        if given {
            let point = point(&self.query);
            return outside(format!("that of chain {} is {point}, which has density 0; give one inside", self.number));
        }
        if tries == MOST_TRIES {
            let radius = self.settings.initial_radius;
            return outside(format!(
                "{MOST_TRIES} points drawn from [−{radius}, {radius}] have density 0; give starting points inside of the support"
            ));
        }
        self.draw_start();
        self.phase = Phase::Starting { tries: tries + 1, given };
        Ok(())
    }

    /// Tries one step of the current size.
    fn search(&mut self, direction: Option<bool>) -> Result<()> {
        let start = Motion::new(self.mass.draw_momentum(self.query.len(), &mut self.stream), &self.mass);
        let middle;
        (self.query, middle) = leap(&self.place, &start.momentum, self.step.current(), &self.mass);
        if self.query.iter().any(|x| !x.is_finite()) {
            return self.searched(f64::NEG_INFINITY, &vec![0.0; middle.len()], &start, &middle, direction);
        }
        self.phase = Phase::Searching { start, middle, direction };
        Ok(())
    }

    /// Doubles or halves the step size until the acceptance of one step crosses what is wanted.
    fn searched(
        &mut self,
        log_density: f64,
        gradient: &[f64],
        start: &Motion,
        middle: &[f64],
        direction: Option<bool>,
    ) -> Result<()> {
        let size = self.step.current();
        let end = Motion::new(kick(middle, gradient, size), &self.mass);
        let gain = (log_density - end.kinetic()) - (self.place.log_density - start.kinetic());
        let fits = log_density > f64::NEG_INFINITY && gain > f64::ln(SEARCH_ACCEPTANCE);
        let grows = direction.unwrap_or(fits);
        if fits != grows {
            return self.move_on();
        }
        let next = if grows { 2.0 * size } else { 0.5 * size };
        if !STEP_SIZES.contains(&next) {
            let (fault, remedy) = match grows {
                true => ("is flat", "it may have no end; give a density that falls at infinity"),
                false => ("changes without bound", "check its gradient"),
            };
            let point = point(&self.place.position);
            return Err(Error::value("log density", format!("{fault} around {point} for steps of {size:e}; {remedy}")));
        }
        self.step = StepSize::new(self.settings.target_acceptance, next);
        self.search(Some(grows))
    }

    /// Starts the next trajectory, unless the chain is complete.
    fn move_on(&mut self) -> Result<()> {
        while self.iterations < self.settings.warmup + self.settings.draws {
            let motion = Motion::new(self.mass.draw_momentum(self.place.position.len(), &mut self.stream), &self.mass);
            let step = self.step.current();
            let trajectory = Trajectory::new(self.place.clone(), motion, step, &self.mass, &mut self.stream);
            if trajectory.query().iter().all(|x| x.is_finite()) {
                self.phase = Phase::Moving(Box::new(trajectory));
                return Ok(());
            }
            let place = self.place.clone();
            let energy = f64::INFINITY;
            let stuck = Outcome { place, energy, acceptance: 0.0, depth: 0, broken: Some(Broken::Divergent) };
            if self.take(stuck) {
                return self.search(None);
            }
        }
        self.phase = Phase::Done;
        Ok(())
    }

    fn moved(&mut self, outcome: Outcome) -> Result<()> {
        if self.take(outcome) { self.search(None) } else { self.move_on() }
    }

    /// Records a transition, or learns from it; true when the step size must be searched anew.
    fn take(&mut self, outcome: Outcome) -> bool {
        self.iterations += 1;
        let warmup = self.settings.warmup;
        if self.iterations > warmup {
            let record = &mut self.record;
            record.draws.extend_from_slice(&outcome.place.position);
            record.log_density.push(outcome.place.log_density);
            record.energy.push(outcome.energy);
            record.acceptance.push(outcome.acceptance);
            record.depth.push(outcome.depth);
            record.divergences += usize::from(outcome.broken == Some(Broken::Divergent));
            record.outside += usize::from(outcome.broken == Some(Broken::Outside));
            self.place = outcome.place;
            return false;
        }
        self.step.learn(outcome.acceptance);
        self.place = outcome.place;
        let mass = self.windows.learn(self.iterations, &self.place.position);
        if let Some(mass) = mass {
            self.mass = mass;
            self.step = StepSize::new(self.settings.target_acceptance, self.step.current());
            return true;
        }
        if self.iterations == warmup {
            self.step.settle();
        }
        false
    }
}

/// Coordinates that are printed of a point.
const PRINTED: usize = 8;

/// A point in a message.
pub(super) fn point(x: &[f64]) -> String {
    let shown: Vec<String> = x.iter().take(PRINTED).map(|x| format!("{x:.6}")).collect();
    format!("[{}{}]", shown.join(", "), if x.len() > PRINTED { ", …" } else { "" })
}
