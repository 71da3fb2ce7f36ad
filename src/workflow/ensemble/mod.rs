//! Several approximators of the same posterior: their draws together, and how far they disagree.

mod training;

use std::path::Path;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::basic::{BasicWorkflow, Workflow};
use super::builder::WorkflowBuilder;
use super::diagnose::Diagnosis;
use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::VariableInfo;
use crate::random::Key;

/// Draws for each data set when an ensemble is examined.
const DRAWS: usize = 1000;

/// Named members that approximate the same posterior, trained on the same simulations from different starting weights, or with
/// different networks (Lakshminarayanan et al. 2017, arXiv:1612.01474).
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// let member = BasicWorkflow::for_simulator(LinearRegression::default())?;
/// let mut ensemble = EnsembleWorkflow::of_size(member, 4)?;
/// ensemble.fit_online(Fit { epochs: 15, ..Fit::default() })?;
/// let observed = ensemble.simulate(3)?;
/// let draws = ensemble.sample(&observed, 1000)?; // of all members
/// let disagreement = ensemble.disagreement(&observed, 1000)?;
/// # Ok(())
/// # }
/// ```
pub struct EnsembleWorkflow {
    members: Vec<(String, BasicWorkflow)>,
}

/// How far the members of an ensemble disagree, for each data set and variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    /// Names of the scalar variables.
    pub names: Vec<String>,
    /// The variance of the members' posterior means divided by the variance of all draws, `[datasets][variables]`: 0 when the members
    /// agree, 1 when each is certain of something else.
    pub values: Vec<Vec<f64>>,
}

impl EnsembleWorkflow {
    /// `size` members with the same networks and weights that start differently: the seeds follow that of the builder.
    pub fn of_size(member: WorkflowBuilder, size: usize) -> Result<Self> {
        let seed = member.seed_of();
        let members = (0..size).map(|i| (i.to_string(), member.clone().seed(seed.wrapping_add(i as u64))));
        EnsembleWorkflow::new(members)
    }

    /// Members by name, at least two. The simulations are those of the first member's simulator and seed.
    pub fn new(members: impl IntoIterator<Item = (impl Into<String>, WorkflowBuilder)>) -> Result<Self> {
        let build = |(name, builder): (_, WorkflowBuilder)| Ok((Into::<String>::into(name), builder.build()?));
        let members = members.into_iter().map(build).collect::<Result<Vec<_>>>()?;
        EnsembleWorkflow::of_members(members)
    }

    fn of_members(members: Vec<(String, BasicWorkflow)>) -> Result<Self> {
        if members.len() < 2 {
            let message = format!("{} member was given; an ensemble has at least two", members.len());
            return Err(Error::argument("members", message));
        }
        for (i, (name, _)) in members.iter().enumerate() {
            let path = Path::new(name);
            if path.components().count() != 1 || path.file_name().is_none() {
                return Err(Error::argument(
                    "members",
                    format!("'{name}' cannot name a folder; use letters and digits"),
                ));
            }
            if members[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::argument("members", format!("'{name}' names two members; give each its own name")));
            }
        }
        Ok(EnsembleWorkflow { members })
    }

    /// The members.
    pub fn members(&self) -> impl Iterator<Item = (&str, &BasicWorkflow)> {
        self.members.iter().map(|(name, member)| (name.as_str(), member))
    }

    /// `count` fresh simulations: name → `[count, …]`.
    pub fn simulate(&self, count: usize) -> Result<Record> {
        self.first().simulate(count)
    }

    /// Posterior draws of all members together, each with the same weight: name → `[datasets, draws, dim]`.
    pub fn sample(&self, observed: &Record, draws: usize) -> Result<Record> {
        self.sample_weighted(observed, draws, &vec![1.0; self.members.len()])
    }

    /// As [`sample`](Self::sample) with a weight for each member. How many draws a member gives is random and the same for all data
    /// sets.
    pub fn sample_weighted(&self, observed: &Record, draws: usize, weights: &[f64]) -> Result<Record> {
        let seed = self.first().seed();
        self.sample_by(draws, weights, seed, |_, member, count| member.sample(observed, count))
    }

    /// Draws of members, `of(number, member, count)` from each, in a random order.
    fn sample_by(
        &self,
        draws: usize,
        weights: &[f64],
        seed: u64,
        of: impl Fn(usize, &BasicWorkflow, usize) -> Result<Record>,
    ) -> Result<Record> {
        if draws == 0 {
            return Err(Error::argument("draws", "0 was given; ask for at least 1"));
        }
        let weights = self.weights(weights)?;
        let key = Key::new(seed).fork("ensemble");
        let mut stream = key.stream();
        let mut counts = vec![0usize; self.members.len()];
        for _ in 0..draws {
            let mut u: f64 = stream.random();
            let chosen = weights.iter().position(|w| {
                u -= w;
                u < 0.0
            });
            counts[chosen.unwrap_or(self.members.len() - 1)] += 1;
        }
        let mut order: Vec<usize> = (0..draws).collect();
        order.shuffle(&mut stream);
        let given = self.members.iter().zip(&counts).enumerate().filter(|(_, (_, count))| **count > 0);
        let parts =
            given.map(|(number, ((_, member), &count))| of(number, member, count)).collect::<Result<Vec<_>>>()?;
        merged(&parts, &order)
    }

    /// As [`sample_weighted`](Self::sample_weighted) with a seed of its own; the members' seeds follow it.
    pub fn sample_from(&self, observed: &Record, draws: usize, weights: &[f64], seed: u64) -> Result<Record> {
        self.sample_by(draws, weights, seed, |number, member, count| {
            member.sample_from(observed, count, 0, seed.wrapping_add(number as u64))
        })
    }

    /// Draws of each member: its name, and name → `[datasets, draws, dim]`.
    pub fn sample_members(&self, observed: &Record, draws: usize) -> Result<Vec<(String, Record)>> {
        self.members.iter().map(|(name, member)| Ok((name.clone(), member.sample(observed, draws)?))).collect()
    }

    /// `ln Σ w q(θ | x)` over the members with equal weights, `[datasets]`.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        self.log_prob_weighted(data, &vec![1.0; self.members.len()])
    }

    /// As [`log_prob`](Self::log_prob) with a weight for each member.
    pub fn log_prob_weighted(&self, data: &Record, weights: &[f64]) -> Result<Vec<f64>> {
        let weights = self.weights(weights)?;
        let each = self.members.iter().map(|(_, member)| member.log_prob(data)).collect::<Result<Vec<_>>>()?;
        let rows = each.first().map_or(0, Vec::len);
        Ok((0..rows)
            .map(|row| {
                let largest = each.iter().map(|l| l[row]).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = each.iter().zip(&weights).map(|(l, w)| w * (l[row] - largest).exp()).sum();
                if largest == f64::NEG_INFINITY { largest } else { largest + sum.ln() }
            })
            .collect())
    }

    /// How far the members disagree about observed data sets, from `draws` of each.
    pub fn disagreement(&self, observed: &Record, draws: usize) -> Result<Disagreement> {
        let parts = self.sample_members(observed, draws)?;
        let keys: Vec<&str> = self.first().parameters().iter().map(|p| p.name.as_str()).collect();
        let draws_of = parts
            .iter()
            .map(|(_, part)| crate::diagnostics::Draws::from_record_keys(part, &keys))
            .collect::<Result<Vec<_>>>()?;
        let names = draws_of[0].names();
        let mut values = Vec::new();
        for dataset in 0..draws_of[0].datasets() {
            let of = |variable: usize| {
                let each = draws_of.iter().map(|draws| moments(draws.of(dataset, variable)));
                let (means, variances): (Vec<f64>, Vec<f64>) = each.unzip();
                let within = variances.iter().sum::<f64>() / variances.len() as f64;
                let between = moments(&means).1;
                if between > 0.0 { between / (between + within) } else { 0.0 }
            };
            values.push((0..names.len()).map(of).collect());
        }
        Ok(Disagreement { names, values })
    }

    /// Examines the merged draws on `count` fresh simulations; the page says how far the members disagree.
    pub fn diagnose(&self, count: usize) -> Result<Diagnosis> {
        self.diagnose_on(&self.first().simulate_as(count, "diagnose")?, DRAWS)
    }

    /// As [`diagnose`](Self::diagnose), on data sets whose parameters are known.
    pub fn diagnose_on(&self, data: &Record, draws: usize) -> Result<Diagnosis> {
        let mut diagnosis = self.first().diagnose_draws(data, &self.sample(data, draws)?)?;
        let disagreement = self.disagreement(data, draws)?;
        for (name, value) in disagreement.names.iter().zip(disagreement.means()) {
            let label = format!("Disagreement of {} members about {name}", self.members.len());
            diagnosis.report.facts.push((label, format!("{:.1} % of the posterior variance", 100.0 * value)));
        }
        Ok(diagnosis)
    }

    /// The same ensemble on another device.
    pub fn move_to(self, device: &Device) -> Result<Self> {
        let moved = self.members.into_iter().map(|(name, member)| Ok((name, member.move_to(device.clone())?)));
        EnsembleWorkflow::of_members(moved.collect::<Result<Vec<_>>>()?)
    }

    /// Writes each member's model to `FOLDER/NAME/model.safetensors`.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        for (name, member) in &self.members {
            let own = folder.as_ref().join(name);
            std::fs::create_dir_all(&own)
                .map_err(|e| Error::file(&own, format!("the folder cannot be made ({e}); name another one")))?;
            member.save(own.join("model.safetensors"))?;
        }
        Ok(())
    }

    /// Members from model files, named by their place from 0 on. They infer the same parameters from the same data.
    pub fn from_files(paths: &[impl AsRef<Path>], device: &Device) -> Result<Self> {
        let mut members: Vec<(String, BasicWorkflow)> = Vec::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            let member = BasicWorkflow::load(path.as_ref(), None, device.clone())?;
            if let Some((_, first)) = members.first() {
                let names = |member: &BasicWorkflow| {
                    let list = |of: &[VariableInfo]| of.iter().map(|v| v.name.clone()).collect::<Vec<_>>().join(", ");
                    format!("{} from {}", list(member.parameters()), list(member.data_variables()))
                };
                if (first.parameters(), first.data_variables()) != (member.parameters(), member.data_variables()) {
                    let message = format!(
                        "infers {}, the first model {}; the members of an ensemble infer the same from the same",
                        names(&member),
                        names(first)
                    );
                    return Err(Error::file(path.as_ref(), message));
                }
            }
            members.push((number.to_string(), member));
        }
        EnsembleWorkflow::of_members(members)
    }

    /// Reads the members that [`save`](Self::save) wrote, in alphabetical order of their names.
    pub fn load(folder: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let unreadable = |e: std::io::Error| Error::file(folder, format!("the folder cannot be read ({e})"));
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.path().join("model.safetensors").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        let load = |name: String| {
            let path = folder.join(&name).join("model.safetensors");
            Ok((name, Workflow::load(path, None, device.clone())?))
        };
        EnsembleWorkflow::of_members(names.into_iter().map(load).collect::<Result<Vec<_>>>()?)
    }

    fn first(&self) -> &BasicWorkflow {
        &self.members[0].1
    }

    fn weights(&self, weights: &[f64]) -> Result<Vec<f64>> {
        let sum: f64 = weights.iter().sum();
        let valid = weights.iter().all(|w| *w >= 0.0) && sum > 0.0 && sum.is_finite();
        if weights.len() != self.members.len() || !valid {
            let message = format!(
                "{weights:?} were given for {} members; give one weight for each, none negative, not all zero",
                self.members.len()
            );
            return Err(Error::argument("weights", message));
        }
        Ok(weights.iter().map(|w| w / sum).collect())
    }
}

impl Disagreement {
    /// The mean over the data sets for each variable.
    pub fn means(&self) -> Vec<f64> {
        let rows = self.values.len().max(1) as f64;
        (0..self.names.len()).map(|v| self.values.iter().map(|row| row[v]).sum::<f64>() / rows).collect()
    }
}

/// Mean and variance of draws.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

/// Draws of several records side by side for each data set, in a common order.
fn merged(parts: &[Record], order: &[usize]) -> Result<Record> {
    let mut record = Record::new();
    let Some(first) = parts.first() else { return Ok(record) };
    for (name, column) in first.columns() {
        let shape = column.array.shape();
        let (datasets, width) = (shape[0], shape[2..].iter().product::<usize>());
        let arrays = parts.iter().map(|part| Ok(part.column(name)?.array.clone())).collect::<Result<Vec<_>>>()?;
        let values: Vec<(usize, Vec<f64>)> = arrays.iter().map(|array| (array.shape()[1], array.to_f64())).collect();
        let mut out = Vec::with_capacity(datasets * order.len() * width);
        for dataset in 0..datasets {
            let rows: Vec<&[f64]> = values
                .iter()
                .flat_map(|(count, values)| {
                    values[dataset * count * width..(dataset + 1) * count * width].chunks(width)
                })
                .collect();
            order.iter().for_each(|&draw| out.extend_from_slice(rows[draw]));
        }
        record.insert(name, Column::dense(Array::f64([&[datasets, order.len()], &shape[2..]].concat(), out)?));
    }
    Ok(record)
}
