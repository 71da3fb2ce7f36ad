//! A simulator made of closures: an optional meta function, then priors and likelihoods in the order in which they draw.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::simulators::draw::{Draw, IntoDraw};
use crate::simulators::given::Given;
use crate::simulators::stack::stack;
use crate::simulators::view::View;
use crate::simulators::{Request, Simulator, Variable};

type PartFn<'a> = dyn Fn(&mut Stream, &View) -> Result<Draw> + Send + Sync + 'a;
type DensityFn<'a> = dyn Fn(&View) -> Result<f64> + Send + Sync + 'a;

struct Part<'a> {
    name: String,
    draw: Box<PartFn<'a>>,
}

/// Closures that draw one data set after each other, as [`make_simulator!`](crate::make_simulator) builds it.
///
/// Each closure takes the generator of the data set and a [`View`] of what was drawn before it, and returns named
/// values. For values of one name: a single number becomes a column `[datasets, 1]` (from the meta function
/// `[datasets]`), an array `[datasets, …]`, a [`set`](crate::simulators::set) or an array whose first axis differs between
/// data sets a ragged column. A name that is drawn again by a later part is replaced.
///
/// The meta function draws sizes and other context, for each data set by default. After [`Composition::meta_per_batch`]
/// it is called once for each request, and its values are shared metadata; only then does a data set depend on how the
/// data sets are cut into batches.
#[derive(Default)]
pub struct Composition<'a> {
    name: Option<String>,
    description: String,
    variables: Vec<Variable>,
    meta: Option<Part<'a>>,
    per_batch: bool,
    keeps_numbers: bool,
    parts: Vec<Part<'a>>,
    log_prior: Option<Box<DensityFn<'a>>>,
    log_likelihood: Option<Box<DensityFn<'a>>>,
}

impl<'a> Composition<'a> {
    /// No closures yet.
    pub fn new() -> Self {
        Composition::default()
    }

    /// Sets the name that messages use.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the line for lists.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Declares a variable, for defaults and for the command line.
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    /// Sets the meta function, which runs before all parts.
    pub fn meta<D: IntoDraw>(mut self, meta: impl Fn(&mut Stream, &View) -> Result<D> + Send + Sync + 'a) -> Self {
        self.meta = Some(Part::new("meta", meta));
        self
    }

    /// Calls the meta function once for each request, not for each data set.
    pub fn meta_per_batch(mut self) -> Self {
        self.per_batch = true;
        self
    }

    /// With `false`, a single number becomes a column `[datasets]` instead of `[datasets, 1]`.
    pub fn expand(mut self, expand: bool) -> Self {
        self.keeps_numbers = !expand;
        self
    }

    /// Appends another simulator as a part: it sees what was drawn before it, and what is fixed replaces its draws. For each
    /// data set it has a stream of its own.
    pub fn then(mut self, simulator: impl Simulator + 'a) -> Self {
        let purpose = format!("part {}", self.parts.len());
        let name = simulator.name().to_string();
        let draw = move |rng: &mut Stream, given: &View| given.nest(&simulator, rng.key().fork(&purpose));
        self.parts.push(Part { name, draw: Box::new(draw) });
        self
    }

    /// Appends a prior or likelihood; the name is for messages.
    pub fn part<D: IntoDraw>(
        mut self,
        name: impl Into<String>,
        draw: impl Fn(&mut Stream, &View) -> Result<D> + Send + Sync + 'a,
    ) -> Self {
        self.parts.push(Part::new(name, draw));
        self
    }

    /// Sets the log-density of the prior of one data set.
    pub fn log_prior(mut self, density: impl Fn(&View) -> Result<f64> + Send + Sync + 'a) -> Self {
        self.log_prior = Some(Box::new(density));
        self
    }

    /// Sets the log-density of one data set given its parameters.
    pub fn log_likelihood(mut self, density: impl Fn(&View) -> Result<f64> + Send + Sync + 'a) -> Self {
        self.log_likelihood = Some(Box::new(density));
        self
    }

    fn title(&self) -> &str {
        self.name.as_deref().unwrap_or("simulator")
    }

    /// The shared values of a request; empty unless the meta function is called per batch.
    fn draw_batch(&self, request: &Request, given: &Arc<Given>) -> Result<Draw> {
        let Some(meta) = self.meta.as_ref().filter(|_| self.per_batch) else { return Ok(Draw::new()) };
        let mut view = View::new(given.clone(), Arc::default(), 0)?;
        let mut stream = request.key.fork("meta").at(request.first).stream();
        let place = || format!("{}, meta function", self.title());
        let draw = Error::catch(place, || (meta.draw)(&mut stream, &view)).map_err(|e| located(place(), e))?;
        if let Some((name, _)) = draw.iter().find(|(name, _)| given.differs_between_datasets(name)) {
            return Err(Error::key(
                name,
                "is given for each data set, but is drawn once for the batch; give a single value",
            ));
        }
        view.absorb(draw).map_err(|e| located(place(), e))?;
        Ok(view.into_drawn())
    }

    /// All values of the `i`-th data set and the number of names that the meta function drew.
    fn draw_dataset(
        &self,
        request: &Request,
        i: usize,
        given: &Arc<Given>,
        batch: &Arc<Draw>,
    ) -> Result<(Draw, usize)> {
        let mut stream = request.stream(i);
        let mut view = View::new(given.clone(), batch.clone(), i)?;
        let mut meta_names = 0;
        let meta = self.meta.as_ref().filter(|_| !self.per_batch);
        for (part, is_meta) in meta.map(|m| (m, true)).into_iter().chain(self.parts.iter().map(|p| (p, false))) {
            let place = || format!("{}, {}, data set {}", self.title(), part.name, request.first + i as u64);
            Error::catch(place, || (part.draw)(&mut stream, &view))
                .and_then(|draw| view.absorb(draw))
                .map_err(|e| located(place(), e))?;
            if is_meta {
                meta_names = view.drawn().values.len();
            }
        }
        Ok((view.into_drawn(), meta_names))
    }
}

impl<'a> Part<'a> {
    fn new<D: IntoDraw>(
        name: impl Into<String>,
        draw: impl Fn(&mut Stream, &View) -> Result<D> + Send + Sync + 'a,
    ) -> Self {
        Part { name: name.into(), draw: Box::new(move |rng, given| draw(rng, given).map(IntoDraw::into_draw)) }
    }
}

/// The error of a closure with the place where it happened.
fn located(place: String, error: Error) -> Error {
    match error {
        Error::User { ref origin, .. } if *origin == place => error,
        other => Error::user(place, other.to_string()),
    }
}

impl Simulator for Composition<'_> {
    fn name(&self) -> &str {
        self.title()
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn variables(&self) -> Vec<Variable> {
        self.variables.clone()
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        request.check()?;
        if self.parts.is_empty() {
            return Err(Error::argument(self.title(), "has no parts; add a prior and a likelihood with `part`"));
        }
        let given = Arc::new(Given::of(request)?);
        let batch = Arc::new(self.draw_batch(request, &given)?);
        // The failing data set with the smallest index is always reached, whatever the other threads do.
        let failed = AtomicUsize::new(usize::MAX);
        let outcomes = request.pool.map(request.count, |i| {
            if i > failed.load(Ordering::Relaxed) {
                return None;
            }
            let outcome = self.draw_dataset(request, i, &given, &batch);
            if outcome.is_err() {
                failed.fetch_min(i, Ordering::Relaxed);
            }
            Some(outcome)
        });
        let mut meta_names = 0;
        let mut draws = Vec::with_capacity(request.count);
        for outcome in outcomes.into_iter().flatten() {
            let (draw, names) = outcome?;
            meta_names = names;
            draws.push(draw);
        }
        let mut record = Record::new();
        for (name, value) in &batch.values {
            record.insert(name.as_ref(), Column::shared(value.clone().into_array()));
        }
        let plain = if self.keeps_numbers { usize::MAX } else { meta_names };
        stack(&draws, plain, request.first, &mut record)?;
        given.check_used(&record.keys().collect::<Vec<_>>(), request.context.usage.as_ref())?;
        Ok(record)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        self.log_prior.as_ref().map(|density| View::each(parameters, density)).transpose()
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        self.log_likelihood.as_ref().map(|density| View::each(record, density)).transpose()
    }
}

/// A [`Composition`] of closures, named in messages as they are written:
/// `make_simulator! { meta: meta; prior, likelihood }`, or `make_simulator! { prior, likelihood }`.
#[macro_export]
macro_rules! make_simulator {
    (meta: $meta:expr; $($part:expr),+ $(,)?) => {
        $crate::simulators::Composition::new().meta($meta)$(.part(stringify!($part), $part))+
    };
    ($($part:expr),+ $(,)?) => {
        $crate::simulators::Composition::new()$(.part(stringify!($part), $part))+
    };
}
