//! Ensembles: what members say together, how they are trained side by side, and how an interrupted training goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ferroflow::approximators::{
    Approximator, Batch, Dimensions, EnsembleApproximator, Matrix, ModelComparisonApproximator, RatioApproximator,
    ScoringRuleApproximator, Trainable,
};
use ferroflow::data::{Dataset, OfflineDataset, Record};
use ferroflow::networks::ScoringRule;
use ferroflow::optim::{Optimizer, Schedule};
use ferroflow::prelude::*;
use ferroflow::simulators::Simulator;
use ferroflow::workflow::{Callback, Control, EnsembleCheckpoint, EpochRecord, History, StepRecord, WorkflowBuilder};
use rand_distr::{Distribution, StandardNormal};

const ROWS: usize = 8;

fn small() -> Mlp {
    Mlp { widths: vec![16], dropout: 0.0, ..Mlp::default() }
}

fn flow() -> CouplingFlow {
    CouplingFlow { depth: 1, subnet: small(), ..CouplingFlow::default() }
}

fn wave(columns: usize, phase: f64) -> Matrix {
    Matrix { columns, values: (0..ROWS * columns).map(|i| (0.7 * i as f64 + phase).sin()).collect() }
}

fn batch(targets: Matrix) -> Batch {
    let (targets, conditions) = (Some(targets), Some(wave(3, 1.0)));
    Batch { datasets: ROWS, inference_variables: targets, inference_conditions: conditions, ..Batch::default() }
}

/// Three members after a few steps.
fn trained<A: Approximator>(config: A, batch: &Batch) -> EnsembleApproximator<A> {
    let members = ["a", "b", "c"].map(|name| (name, config.clone()));
    let dimensions = Dimensions::of(batch).unwrap();
    let mut ensemble = EnsembleApproximator::build(members, dimensions, &Device::cpu(), Key::new(3)).unwrap();
    for (number, (_, member)) in ensemble.members_mut().enumerate() {
        let schedule = Schedule::for_training(1e-2, 5);
        let mut optimizer = Optimizer::default().build(schedule, member.parameters()).unwrap();
        for step in 0..5 {
            member.train_step(batch, &mut optimizer, Key::new(number as u64).at(step)).unwrap();
        }
    }
    ensemble
}

fn close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs())), "{a:?} for {b:?}");
}

/// `ln Σ w exp(l)` of each row, in the plainest way.
fn log_mean(weights: &[f64], each: &[Vec<f64>]) -> Vec<f64> {
    let of_row = |row: usize| weights.iter().zip(each).map(|(w, l)| w * l[row].exp()).sum::<f64>();
    (0..each[0].len()).map(|row| (of_row(row) / weights.iter().sum::<f64>()).ln()).collect()
}

fn posterior(batch: &Batch) -> EnsembleApproximator<ContinuousApproximator> {
    trained(ContinuousApproximator { inference_network: flow().into(), ..ContinuousApproximator::default() }, batch)
}

#[test]
fn the_density_is_that_of_the_mixture() {
    let batch = batch(wave(2, 0.0));
    let ensemble = posterior(&batch);
    let each: Vec<Vec<f64>> = ensemble.members().map(|(_, member)| member.log_prob(&batch).unwrap()).collect();
    assert!(each[0] != each[1] && each[1] != each[2], "members differ");
    for weights in [[1.0, 1.0, 1.0], [0.2, 0.5, 7.0], [0.0, 3.0, 1.0]] {
        close(&ensemble.log_prob(&batch, &weights).unwrap(), &log_mean(&weights, &each));
    }
    assert_eq!(ensemble.log_prob(&batch, &[0.0, 2.0, 0.0]).unwrap(), each[1]);
}

#[test]
fn draws_follow_weights_and_seed() {
    let batch = batch(wave(2, 0.0));
    let ensemble = posterior(&batch);
    let (draws, weights) = (400, [1.0, 0.0, 3.0]);
    let merged = ensemble.sample(&batch, draws, &weights, 9).unwrap();
    let each = ensemble.sample_members(&batch, draws, 9).unwrap();
    assert_eq!((merged.len(), each.len()), (ROWS * draws * 2, 3));
    let rows = |values: &[f64], dataset: usize| -> Vec<[u64; 2]> {
        let own = &values[dataset * draws * 2..(dataset + 1) * draws * 2];
        own.chunks(2).map(|row| [row[0].to_bits(), row[1].to_bits()]).collect()
    };
    // Every draw is one of a member's first draws, and which member's is the same for all data sets.
    let origin = |dataset: usize| -> Vec<(usize, usize)> {
        let of_members: Vec<_> = each.iter().map(|(_, values)| rows(values, dataset)).collect();
        let find = |row: &[u64; 2]| {
            let found =
                of_members.iter().enumerate().find_map(|(m, own)| Some((m, own.iter().position(|r| r == row)?)));
            found.expect("a draw of a member")
        };
        rows(&merged, dataset).iter().map(find).collect()
    };
    let first = origin(0);
    assert_eq!(first, origin(ROWS - 1));
    let mut of_member = [0, 2].map(|m| first.iter().filter(|(o, _)| *o == m).map(|(_, k)| *k).collect::<Vec<_>>());
    of_member.iter_mut().for_each(|numbers| numbers.sort_unstable());
    assert!(of_member.iter().all(|numbers| numbers.iter().copied().eq(0..numbers.len())));
    // A quarter of 400, give or take five times 8.7.
    assert!((of_member[0].len() as f64 - 100.0).abs() < 44.0, "{}", of_member[0].len());
    assert_eq!(of_member[0].len() + of_member[1].len(), draws);
    assert_eq!(merged, ensemble.sample(&batch, draws, &weights, 9).unwrap());
    assert!(merged != ensemble.sample(&batch, draws, &weights, 10).unwrap());
    // Members with the same weights have different seeds.
    let config = ContinuousApproximator { inference_network: flow().into(), ..ContinuousApproximator::default() };
    let build = || config.build(Dimensions::of(&batch).unwrap(), &Device::cpu(), Key::new(1)).unwrap();
    let twins = EnsembleApproximator::<ContinuousApproximator>::of([("a", build()), ("b", build())]).unwrap();
    let apart = twins.sample_members(&batch, 5, 1).unwrap();
    assert!(apart[0].1 != apart[1].1);
}

#[test]
fn estimates_are_averaged_where_that_says_something() {
    let batch = batch(wave(2, 0.0));
    let rules = [("mean", ScoringRule::Mean), ("q", ScoringRule::quantiles([0.1, 0.9])), ("n", ScoringRule::MvNormal)];
    let network = ScoringRuleNetwork { subnet: small(), ..ScoringRuleNetwork::of(rules) };
    let config = ScoringRuleApproximator { inference_network: network, ..ScoringRuleApproximator::default() };
    let ensemble = trained(config, &batch);
    let weights = [1.0, 0.0, 3.0];
    let merged = ensemble.estimate(&batch, &weights).unwrap();
    let names: Vec<(&str, &str)> = merged.iter().map(|head| (head.rule.as_str(), head.head.as_str())).collect();
    assert_eq!(names, [("mean", "value"), ("q", "value"), ("n", "mean")]);
    let each = ensemble.estimate_members(&batch).unwrap();
    for head in &merged {
        let own = |member: usize| {
            let heads = &each[member].1;
            &heads.iter().find(|other| (&other.rule, &other.head) == (&head.rule, &head.head)).unwrap().values
        };
        let expected: Vec<f64> = own(0).iter().zip(own(2)).map(|(a, c)| 0.25 * a + 0.75 * c).collect();
        assert!(own(0) != own(2));
        close(&head.values, &expected);
    }
    let densities: Vec<Vec<f64>> = ensemble.members().map(|(_, m)| m.log_prob(&batch, "n").unwrap()).collect();
    close(&ensemble.log_prob(&batch, &weights).unwrap(), &log_mean(&weights, &densities));
    assert_eq!(ensemble.distributions().unwrap(), [1.0; 3]);
    assert_eq!(ensemble.sample(&batch, 6, &weights, 1).unwrap().len(), ROWS * 6 * 2);
}

#[test]
fn ratios_and_probabilities_are_averaged() {
    let given = batch(wave(2, 0.0));
    let ensemble = trained(RatioApproximator { inference_network: small(), ..RatioApproximator::default() }, &given);
    let each: Vec<Vec<f64>> = ensemble.members().map(|(_, member)| member.log_ratio(&given).unwrap()).collect();
    let weights = [1.0, 2.0, 1.0];
    close(&ensemble.log_ratio(&given, &weights).unwrap(), &log_mean(&weights, &each));

    let one_hot = Matrix { columns: 2, values: (0..2 * ROWS).map(|i| f64::from(u8::from(i % 4 % 3 == 0))).collect() };
    let given = batch(one_hot);
    let config = ModelComparisonApproximator {
        classifier_network: small(),
        standardize: vec![Variable::InferenceConditions],
        ..ModelComparisonApproximator::default()
    };
    let ensemble = trained(config, &given);
    let each: Vec<Vec<f64>> = ensemble.members().map(|(_, member)| member.predict(&given).unwrap().values).collect();
    let expected: Vec<f64> = (0..2 * ROWS).map(|i| 0.25 * each[0][i] + 0.5 * each[1][i] + 0.25 * each[2][i]).collect();
    let predicted = ensemble.predict(&given, &weights).unwrap();
    close(&predicted.values, &expected);
    assert!(predicted.values.chunks(2).all(|row| (row[0] + row[1] - 1.0).abs() < 1e-9));
}

#[test]
fn what_is_no_ensemble_is_refused() {
    let given = batch(wave(2, 0.0));
    let config = ContinuousApproximator { inference_network: flow().into(), ..ContinuousApproximator::default() };
    let build = |names: &[&str]| {
        let members = names.iter().map(|name| (*name, config.clone()));
        EnsembleApproximator::build(members, Dimensions::of(&given).unwrap(), &Device::cpu(), Key::new(1))
    };
    let of_widths = |widths: [usize; 2]| {
        let build = |columns| {
            let dimensions = Dimensions::of(&batch(wave(columns, 0.0))).unwrap();
            ("m".to_string() + &columns.to_string(), config.build(dimensions, &Device::cpu(), Key::new(1)).unwrap())
        };
        EnsembleApproximator::<ContinuousApproximator>::of(widths.map(build))
    };
    let ensemble = posterior(&given);
    let mean = [("mean", ScoringRule::Mean)];
    let network = ScoringRuleNetwork { subnet: small(), ..ScoringRuleNetwork::of(mean) };
    let means = ScoringRuleApproximator { inference_network: network, ..ScoringRuleApproximator::default() };
    for (result, expected) in [
        (build(&["a"]).map(drop), "at least two"),
        (build(&[]).map(drop), "at least two"),
        (build(&["a", "a"]).map(drop), "names two members"),
        (of_widths([2, 3]).map(drop), "give members of the same variables"),
        (ensemble.sample(&given, 0, &[1.0; 3], 1).map(drop), "ask for at least 1"),
        (ensemble.sample(&given, 5, &[1.0; 2], 1).map(drop), "one weight for each"),
        (ensemble.log_prob(&given, &[1.0, -1.0, 1.0]).map(drop), "none negative"),
        (ensemble.log_prob(&given, &[0.0; 3]).map(drop), "not all zero"),
        (trained(means, &given).distributions().map(drop), "no rule with a distribution"),
    ] {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "'{message}' does not say '{expected}'");
    }
}

/// A place and a measurement of it.
fn places() -> impl Simulator + Clone {
    let prior = |rng: &mut Stream, _: &View| {
        let place: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("place", place))
    };
    let data = |rng: &mut Stream, given: &View| {
        let noise: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("x", given.scalar("place")? + noise))
    };
    Arc::new(ferroflow::make_simulator! { prior, data })
}

fn adapter() -> Adapter {
    Adapter::new().rename("place", "inference_variables").rename("x", "inference_conditions")
}

fn member() -> WorkflowBuilder {
    BasicWorkflow::new(places()).adapter(adapter()).inference_network(flow()).seed(4)
}

fn ensemble() -> EnsembleWorkflow {
    EnsembleWorkflow::of_size(member(), 3).unwrap()
}

fn fit() -> Fit {
    Fit { epochs: 5, batches_per_epoch: 6, batch_size: 8, ..Fit::default() }
}

fn simulated(count: usize, seed: u64) -> Record {
    places().simulate(count, seed).unwrap()
}

fn densities(ensemble: &EnsembleWorkflow) -> Vec<Vec<f64>> {
    let each = ensemble.log_prob_members(&simulated(20, 9)).unwrap();
    each.into_iter().map(|(_, densities)| densities).collect()
}

/// Each member ends with the bits that it would have if it were trained alone, on its window of the simulations.
#[test]
fn members_on_given_simulations_are_trained_as_alone() {
    let data = simulated(40, 5);
    let validation = || Validation::Data(simulated(30, 6));
    for (reuse, starts, size) in [(1.0, [0, 0, 0], 40), (0.0, [0, 13, 27], 14)] {
        let mut together = ensemble();
        let histories = together.fit_offline_with(data.clone(), fit(), reuse, validation(), &mut [], None).unwrap();
        for (number, (start, density)) in starts.into_iter().zip(densities(&together)).enumerate() {
            let rows: Vec<usize> = (0..size).map(|row| (start + row) % 40).collect();
            let own = data.select(&rows).unwrap();
            let mut alone = member().seed(4 + number as u64).build().unwrap();
            let history = alone.fit_offline_with(own, fit(), validation(), &mut [], None).unwrap();
            assert_eq!(histories[number].validation_losses(), history.validation_losses(), "member {number}");
            assert_eq!(density, alone.log_prob(&simulated(20, 9)).unwrap(), "member {number}");
        }
    }
}

/// A data set that counts how often each batch is made.
struct Counted {
    dataset: OfflineDataset,
    made: Arc<Mutex<BTreeMap<u64, usize>>>,
}

impl Dataset for Counted {
    fn batches_per_epoch(&self) -> usize {
        self.dataset.batches_per_epoch()
    }

    fn batch_size(&self) -> usize {
        self.dataset.batch_size()
    }

    fn batch(&self, step: u64) -> Result<Record> {
        *self.made.lock().unwrap().entry(step).or_default() += 1;
        self.dataset.batch(step)
    }
}

#[test]
fn members_share_the_batches_of_a_data_set() {
    let dataset = || OfflineDataset::new(simulated(40, 5), 8, Key::new(2)).unwrap();
    let mut together = ensemble();
    let made = Arc::new(Mutex::new(BTreeMap::new()));
    let counted = Counted { dataset: dataset(), made: made.clone() };
    together.fit_dataset(counted, fit(), Validation::None, &mut [], None).unwrap();
    // For the training, and once more for what is typical of it.
    let made = made.lock().unwrap();
    assert!(made.len() == 25 && made.values().all(|times| *times <= 2), "{made:?}");
    for (number, density) in densities(&together).into_iter().enumerate() {
        let mut alone = member().seed(4 + number as u64).build().unwrap();
        alone.fit_dataset(dataset(), fit(), Validation::None, &mut [], None).unwrap();
        assert_eq!(density, alone.log_prob(&simulated(20, 9)).unwrap(), "member {number}");
    }
}

/// Remembers who took which step, and stops the second member.
#[derive(Default)]
struct Watch {
    member: String,
    steps: Vec<(String, u64)>,
    epochs: usize,
}

impl Callback for Watch {
    fn on_member(&mut self, member: &str) {
        self.member = member.to_string();
    }

    fn on_step(&mut self, step: &StepRecord) -> Result<Control> {
        self.steps.push((self.member.clone(), step.step));
        let stop = self.member == "1" && step.step == 3;
        Ok(if stop { Control::Stop } else { Control::Continue })
    }

    fn on_epoch(&mut self, _: &EpochRecord) -> Result<Control> {
        self.epochs += 1;
        Ok(Control::Continue)
    }
}

#[test]
fn watchers_learn_whom_they_watch() {
    let mut watch = Watch::default();
    let mut watched = ensemble();
    let histories = watched.fit_online_with(fit(), 1.0, Validation::None, &mut [&mut watch], None).unwrap();
    assert_eq!(histories.iter().map(|history| history.losses().len()).collect::<Vec<_>>(), [30, 4, 30]);
    let expected = [("0", 0), ("1", 0), ("2", 0), ("0", 1), ("1", 1), ("2", 1)];
    assert_eq!(watch.steps[..6], expected.map(|(member, step)| (member.to_string(), step)));
    assert_eq!((watch.steps.len(), watch.epochs), (64, 10));
}

/// Ends a training with an error, as a kill would, at the end of an epoch of a member.
struct Kill {
    member: String,
}

impl Callback for Kill {
    fn on_member(&mut self, member: &str) {
        self.member = member.to_string();
    }

    fn on_epoch(&mut self, epoch: &EpochRecord) -> Result<Control> {
        match self.member == "1" && epoch.epoch == 2 {
            true => Err(Error::argument("kill", "for this test")),
            false => Ok(Control::Continue),
        }
    }
}

type Train = fn(&mut EnsembleWorkflow, &mut [&mut dyn Callback], Option<&EnsembleCheckpoint>) -> Result<Vec<History>>;

fn online(
    ensemble: &mut EnsembleWorkflow,
    callbacks: &mut [&mut dyn Callback],
    resume: Option<&EnsembleCheckpoint>,
) -> Result<Vec<History>> {
    ensemble.fit_online_with(fit(), 0.5, Validation::Simulations(20), callbacks, resume)
}

fn offline(
    ensemble: &mut EnsembleWorkflow,
    callbacks: &mut [&mut dyn Callback],
    resume: Option<&EnsembleCheckpoint>,
) -> Result<Vec<History>> {
    let validation = Validation::Data(simulated(20, 6));
    ensemble.fit_offline_with(simulated(40, 5), fit(), 0.5, validation, callbacks, resume)
}

fn shared(
    ensemble: &mut EnsembleWorkflow,
    callbacks: &mut [&mut dyn Callback],
    resume: Option<&EnsembleCheckpoint>,
) -> Result<Vec<History>> {
    let dataset = OfflineDataset::new(simulated(40, 5), 8, Key::new(2))?;
    ensemble.fit_dataset(dataset, fit(), Validation::None, callbacks, resume)
}

#[test]
fn an_interrupted_training_goes_on_with_the_same_bits() {
    let read = |folder: &Path| EnsembleCheckpoint::read::<ContinuousApproximator>(folder, ["0", "1", "2"]).unwrap();
    let file =
        |folder: &Path, member: usize| std::fs::read(folder.join(format!("{member}/model.safetensors"))).unwrap();
    for (train, anew) in [(online as Train, false), (online, true), (offline, true), (shared, false)] {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [whole, broken] = [folders[0].path(), folders[1].path()];
        let in_folder = |folder: &Path| {
            let mut ensemble = ensemble();
            ensemble.set_checkpoints(folder);
            ensemble
        };
        let mut uninterrupted = in_folder(whole);
        let histories = train(&mut uninterrupted, &mut [], None).unwrap();
        let message =
            train(&mut in_folder(broken), &mut [&mut Kill { member: String::new() }], None).unwrap_err().to_string();
        assert!(message.contains("for this test"), "{message}");
        if anew {
            std::fs::remove_dir_all(broken.join("2")).unwrap();
        }
        let checkpoint = read(broken);
        assert_eq!((checkpoint.is_complete(), checkpoint.epochs()), (false, if anew { 0 } else { 2 }));
        let mut resumed = in_folder(broken);
        let again = train(&mut resumed, &mut [], Some(&checkpoint)).unwrap();
        for (history, again) in histories.iter().zip(&again) {
            assert_eq!(history.epoch_losses(), again.epoch_losses());
            assert_eq!(history.validation_losses(), again.validation_losses());
        }
        assert_eq!(densities(&resumed), densities(&uninterrupted));
        (0..3).for_each(|member| assert!(file(broken, member) == file(whole, member), "the file of member {member}"));

        // Nothing is left to train.
        let checkpoint = read(broken);
        assert_eq!((checkpoint.is_complete(), checkpoint.epochs()), (true, 5));
        let mut complete = in_folder(broken);
        let again = train(&mut complete, &mut [], Some(&checkpoint)).unwrap();
        for (history, again) in histories.iter().zip(&again) {
            assert!(history.losses().eq(again.losses()));
        }
        assert_eq!(densities(&complete), densities(&uninterrupted));
        assert!(complete.members().all(|(_, member)| member.training().epochs == 5));
        assert!((0..3).all(|member| file(broken, member) == file(whole, member)));
    }
}

fn estimator(q: [f64; 2]) -> WorkflowBuilder<ScoringRuleApproximator> {
    let rules = [("mean", ScoringRule::Mean), ("q", ScoringRule::quantiles(q)), ("n", ScoringRule::MvNormal)];
    let network = ScoringRuleNetwork { subnet: small(), ..ScoringRuleNetwork::of(rules) };
    PointWorkflow::new(places()).adapter(adapter()).inference_network(network).seed(4)
}

#[test]
fn ensembles_of_estimates() {
    let mut ensemble = EnsembleWorkflow::of_size(estimator([0.1, 0.9]), 2).unwrap();
    ensemble.fit_online(fit()).unwrap();
    let observed = simulated(6, 9);
    let values = |record: &Record, rule: &str| record.group("place").unwrap().column(rule).unwrap().array.to_f64();
    let (merged, each) = (ensemble.estimate(&observed).unwrap(), ensemble.estimate_members(&observed).unwrap());
    let deviation = ensemble.estimate_deviation(&observed).unwrap();
    for rule in ["mean", "q"] {
        let [a, b] = [0, 1].map(|member: usize| values(&each[member].1, rule));
        let pairs = || a.iter().zip(&b);
        close(&values(&merged, rule), &pairs().map(|(a, b)| 0.5 * a + 0.5 * b).collect::<Vec<_>>());
        close(&values(&deviation, rule), &pairs().map(|(a, b)| 0.5 * (a - b).abs()).collect::<Vec<_>>());
    }
    let quantiles = merged.group("place").unwrap().column("q").unwrap();
    assert_eq!(quantiles.array.shape(), [6, 2, 1]);
    // Of the normal distribution the mean only.
    let normal = merged.group("place").unwrap().group("n").unwrap();
    assert!(normal.contains("mean") && normal.len() == 1 && !merged.contains("inference_variables"));
    assert!(each[0].1.contains("inference_variables"));
    let weighted = ensemble.estimate_weighted(&observed, &[0.0, 1.0]).unwrap();
    assert_eq!(values(&weighted, "mean"), values(&each[1].1, "mean"));
    let densities: Vec<Vec<f64>> = ensemble.members().map(|(_, m)| m.log_prob(&observed).unwrap()).collect();
    close(&ensemble.log_prob(&observed).unwrap(), &log_mean(&[1.0, 1.0], &densities));
    assert_eq!(ensemble.sample(&observed, 7).unwrap().column("place").unwrap().array.shape(), [6, 7, 1]);
    let disagreement = ensemble.disagreement(&observed, 50).unwrap();
    assert!(disagreement.values.iter().flatten().all(|share| (0.0..=1.0).contains(share)));
    let facts = ensemble.diagnose_on(&simulated(40, 3)).unwrap().report.facts;
    assert!(facts.iter().any(|(what, _)| what == "Disagreement of 2 members about place (q)"), "{facts:?}");

    let folder = tempfile::tempdir().unwrap();
    ensemble.save(folder.path()).unwrap();
    let loaded = EnsembleWorkflow::<ScoringRuleApproximator>::of_folder(folder.path(), &Device::cpu()).unwrap();
    assert_eq!(loaded.estimate(&observed).unwrap(), merged);

    let others = [("a", estimator([0.1, 0.9])), ("b", estimator([0.2, 0.8]))];
    let mut others = EnsembleWorkflow::new(others).unwrap();
    others.fit_online(fit()).unwrap();
    let message = others.estimate(&observed).unwrap_err().to_string();
    assert!(message.contains("give rules that differ other names"), "{message}");
}

#[test]
fn ensembles_of_ratios_and_comparisons() {
    let ratio = RatioWorkflow::new(places()).adapter(adapter()).inference_network(small());
    let mut ensemble = EnsembleWorkflow::of_size(ratio, 2).unwrap();
    ensemble.fit_offline(simulated(40, 5), fit(), Validation::None, 1.0).unwrap();
    let observed = simulated(6, 9);
    let each = ensemble.log_ratio_members(&observed).unwrap();
    let each: Vec<Vec<f64>> = each.into_iter().map(|(_, ratios)| ratios).collect();
    close(&ensemble.log_ratio(&observed).unwrap(), &log_mean(&[1.0, 1.0], &each));

    let models = || {
        ["gaussian-linear", "gaussian-linear-uniform"].map(|name| (name, ferroflow::simulators::find(name).unwrap()))
    };
    let comparison = ComparisonWorkflow::for_simulators(models(), 1).unwrap();
    let comparison = comparison.configure(|builder| builder.classifier_network(small())).unwrap();
    let observed = comparison.simulate(5).unwrap();
    let mut ensemble = EnsembleWorkflow::of_comparison(&comparison, 2).unwrap();
    ensemble.fit_online(fit()).unwrap();
    let (together, each) = (ensemble.predict(&observed).unwrap(), ensemble.predict_members(&observed).unwrap());
    let [a, b] = [0, 1].map(|member: usize| each[member].1.rows.concat());
    close(&together.rows.concat(), &a.iter().zip(&b).map(|(a, b)| 0.5 * (a + b)).collect::<Vec<_>>());
    assert_eq!((together.models, together.rows.len(), together.prior), (comparison.models(), 5, vec![0.5, 0.5]));
}
