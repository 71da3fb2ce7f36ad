//! Workflows beside the posterior: the same bits with any number of threads, models as they were saved, and a sentence for every
//! mistake. Whether they are right is held against the truth in `promises.rs` and in the examples.

use ferroflow::data::Record;
use ferroflow::device::Device;
use ferroflow::mcmc::Nuts;
use ferroflow::networks::ScoringRule;
use ferroflow::prelude::*;
use ferroflow::simulators::{self, Kind, Simulator};
use ferroflow::workflow::{RatioWorkflow, Roles, SimulatorDensity};
use rand_distr::{Distribution, StandardNormal};

fn fit() -> Fit {
    Fit { epochs: 1, batches_per_epoch: 10, ..Fit::default() }
}

/// A place and ten measurements of it, as a vector or as a set.
fn places(kind: Kind) -> impl Simulator + Clone {
    let prior = |rng: &mut Stream, _: &View| {
        let place: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("place", place))
    };
    let data = move |rng: &mut Stream, given: &View| {
        let place = given.scalar("place")?;
        let x: Vec<f64> = (0..10).map(|_| -> f64 { StandardNormal.sample(rng) }).map(|noise| place + noise).collect();
        Ok(match kind {
            Kind::Vector => Draw::new().with("x", x),
            _ => Draw::new().with("x", simulators::set(x)),
        })
    };
    let simulator = ferroflow::make_simulator! { prior, data }
        .variable(simulators::Variable::parameter("place"))
        .variable(simulators::Variable::data("x").kind(kind))
        .log_prior(|given| Ok(-0.5 * given.scalar("place")?.powi(2)));
    std::sync::Arc::new(simulator)
}

fn adapter() -> Adapter {
    Adapter::new().rename("place", "inference_variables").rename("x", "inference_conditions")
}

fn small() -> Mlp {
    Mlp { widths: vec![16], dropout: 0.0, ..Mlp::default() }
}

fn values(record: &Record, key: &str) -> Vec<f64> {
    record.column(key).unwrap().array.to_f64()
}

/// What a function gives with one and with two threads.
fn on_threads<T: PartialEq + std::fmt::Debug>(run: impl Fn(usize, Device) -> T) -> T {
    let [one, two] = [1, 2].map(|threads| run(threads, Device::cpu_with_threads(threads).unwrap()));
    assert_eq!(one, two);
    one
}

#[test]
fn ratios_repeat_and_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let nuts = Nuts { chains: 2, warmup: 50, draws: 50, ..Nuts::default() };
    let before = on_threads(|threads, device| {
        let builder = RatioWorkflow::new(places(Kind::Vector)).adapter(adapter()).inference_network(small());
        let mut workflow = builder.threads(threads).device(device).seed(3).build().unwrap();
        workflow.fit_online(fit()).unwrap();
        workflow.save(&path).unwrap();
        let observed = workflow.simulate(2).unwrap();
        let (draws, chains) = workflow.sample(&observed, &nuts).unwrap();
        assert_eq!((draws.column("place").unwrap().array.shape().to_vec(), chains.len()), (vec![2, 100, 1], 2));
        (workflow.log_ratio(&observed).unwrap(), values(&draws, "place"))
    });
    let simulator = std::sync::Arc::new(places(Kind::Vector));
    let workflow = RatioWorkflow::load(&path, Some(simulator), Device::cpu()).unwrap();
    let observed = workflow.simulate(2).unwrap();
    let (draws, _) = workflow.sample(&observed, &nuts).unwrap();
    assert_eq!(before, (workflow.log_ratio(&observed).unwrap(), values(&draws, "place")));
    // A model of one kind is no model of another.
    let other = BasicWorkflow::load(&path, None, Device::cpu()).map(drop).unwrap_err().to_string();
    assert!(other.contains("holds a ratio model, and a continuous model is needed"), "{other}");
}

#[test]
fn estimates_repeat_and_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let rules = [("mean", ScoringRule::Mean), ("normal", ScoringRule::MvNormal)];
    let network = ScoringRuleNetwork { subnet: small(), ..ScoringRuleNetwork::of(rules) };
    let of = |workflow: &PointWorkflow| {
        let observed = workflow.simulate(3).unwrap();
        let estimates = workflow.estimate(&observed).unwrap();
        let place = estimates.group("place").unwrap();
        let normal = place.group("normal").unwrap();
        let factor = &estimates.group("inference_variables").unwrap().group("normal").unwrap();
        assert!(values(factor, "precision_cholesky_factor").iter().all(|l| *l > 0.0));
        let draws = workflow.sample(&observed, 7).unwrap();
        (values(place, "mean"), values(normal, "mean"), values(&draws, "place"), workflow.log_prob(&observed).unwrap())
    };
    let before = on_threads(|threads, device| {
        let builder = PointWorkflow::new(places(Kind::Vector)).adapter(adapter()).inference_network(network.clone());
        let mut workflow = builder.threads(threads).device(device).seed(3).build().unwrap();
        workflow.fit_online(fit()).unwrap();
        workflow.save(&path).unwrap();
        of(&workflow)
    });
    let loaded = PointWorkflow::load(&path, Some(std::sync::Arc::new(places(Kind::Vector))), Device::cpu()).unwrap();
    assert_eq!(before, of(&loaded));
}

#[test]
fn comparisons_and_ensembles_repeat_and_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let models = || [("a", places(Kind::Vector)), ("b", places(Kind::Vector)), ("c", places(Kind::Vector))];
    let observed = places(Kind::Vector).simulate(4, 9).unwrap();
    let before = on_threads(|threads, device| {
        let comparison = ComparisonWorkflow::for_simulators(models(), 3).unwrap();
        let builder =
            |b: ferroflow::workflow::WorkflowBuilder<_>| b.threads(threads).device(device).classifier_network(small());
        let mut comparison = comparison.configure(builder).unwrap();
        comparison.fit_online(fit()).unwrap();
        comparison.save(&path).unwrap();
        comparison.predict(&observed).unwrap()
    });
    assert_eq!(before.models, ["a", "b", "c"]);
    assert!(before.rows.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    assert_eq!(ComparisonWorkflow::load(&path, Device::cpu()).unwrap().predict(&observed).unwrap(), before);

    let members = folder.path().join("members");
    let before = on_threads(|threads, device| {
        let flow = CouplingFlow { depth: 1, subnet: small(), ..CouplingFlow::default() };
        let member = BasicWorkflow::new(places(Kind::Vector)).adapter(adapter()).inference_network(flow).seed(4);
        let mut ensemble = EnsembleWorkflow::of_size(member.threads(threads).device(device), 3).unwrap();
        ensemble.fit_online(fit()).unwrap();
        ensemble.save(&members).unwrap();
        let draws = ensemble.sample(&observed, 20).unwrap();
        // One member alone gives what it gives by itself, in another order.
        let alone = ensemble.sample_weighted(&observed, 20, &[0.0, 1.0, 0.0]).unwrap();
        let (_, second) = ensemble.members().nth(1).unwrap();
        let sorted = |mut v: Vec<f64>| {
            v.chunks_mut(20).for_each(|draws| draws.sort_by(f64::total_cmp));
            v
        };
        assert_eq!(sorted(values(&alone, "place")), sorted(values(&second.sample(&observed, 20).unwrap(), "place")));
        let of_members: Vec<f64> = ensemble.members().map(|(_, m)| m.log_prob(&observed).unwrap()[0]).collect();
        let together = ensemble.log_prob(&observed).unwrap()[0];
        let mean = of_members.iter().map(|l| l.exp()).sum::<f64>() / 3.0;
        assert!((together - mean.ln()).abs() < 1e-9);
        (values(&draws, "place"), ensemble.disagreement(&observed, 50).unwrap())
    });
    let loaded = EnsembleWorkflow::load(&members, &Device::cpu()).unwrap();
    assert_eq!(before.1, loaded.disagreement(&observed, 50).unwrap());
}

/// Members that are trained side by side see the same simulations, each made once, and end with the bits that they would have alone.
#[test]
fn ensembles_are_trained_side_by_side() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let made = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let counted = move || {
        let counter = counter.clone();
        let prior = move |rng: &mut Stream, _: &View| {
            counter.fetch_add(1, Ordering::Relaxed);
            let place: f64 = StandardNormal.sample(rng);
            Ok(Draw::new().with("place", place))
        };
        let data = |rng: &mut Stream, given: &View| {
            let noise: f64 = StandardNormal.sample(rng);
            Ok(Draw::new().with("x", given.scalar("place")? + noise))
        };
        std::sync::Arc::new(ferroflow::make_simulator! { prior, data })
    };
    let observed = counted().simulate(4, 9).unwrap();
    let flow = CouplingFlow { depth: 1, subnet: small(), ..CouplingFlow::default() };
    let member = |threads: usize, device: Device| {
        let builder = BasicWorkflow::new(counted()).adapter(adapter()).inference_network(flow.clone()).seed(4);
        builder.threads(threads).device(device)
    };
    let fit = Fit { epochs: 2, batches_per_epoch: 30, ..Fit::default() };
    let simulated = |work: &mut dyn FnMut()| {
        let before = made.load(Ordering::Relaxed);
        work();
        made.load(Ordering::Relaxed) - before
    };
    let mut alone = member(1, Device::cpu()).build().unwrap();
    let once = simulated(&mut || drop(alone.fit_online(fit.clone()).unwrap()));
    let densities = |reuse: f64| {
        on_threads(|threads, device| {
            let mut ensemble = EnsembleWorkflow::of_size(member(threads, device), 3).unwrap();
            let mut histories = Vec::new();
            let count = simulated(&mut || {
                histories = ensemble.fit_online_with(fit.clone(), reuse, Validation::None, &mut [], None).unwrap();
            });
            assert!(histories.iter().all(|history| history.losses().len() == 60));
            let most = if reuse == 1.0 { once + once / 2 } else { 4 * once };
            assert!(count <= most, "{count} simulations with {threads} threads, {once} for one member");
            ensemble.members().map(|(_, member)| member.log_prob(&observed).unwrap()).collect::<Vec<_>>()
        })
    };
    let together = densities(1.0);
    assert_eq!(together[0], alone.log_prob(&observed).unwrap());
    assert!(together[0] != together[1] && together[1] != together[2]);
    let apart = densities(0.0);
    // With three times the simulations in a step, the first member's are others from the second step on.
    assert!(apart.iter().all(|density| !together.contains(density)), "{apart:?}");
    let mut ensemble = EnsembleWorkflow::of_size(member(1, Device::cpu()), 2).unwrap();
    let refused = ensemble.fit_online_with(fit.clone(), 1.5, Validation::None, &mut [], None).unwrap_err().to_string();
    assert!(refused.contains("1.5 was given; give a number from 0 to 1"), "{refused}");
}

/// The density of a set is the sum over its elements, and the learned one follows the exact one.
#[test]
fn likelihoods_of_sets_add_up() {
    let mut likelihood = LikelihoodWorkflow::for_simulator(places(Kind::Set)).unwrap();
    assert!(likelihood.is_exchangeable());
    let flow = CouplingFlow { depth: 2, subnet: small(), ..CouplingFlow::default() };
    likelihood = likelihood.configure(|builder| builder.inference_network(flow)).unwrap();
    likelihood.fit_online(Fit { epochs: 4, batches_per_epoch: 100, learning_rate: 5e-3, ..Fit::default() }).unwrap();
    let data = likelihood.simulate(20).unwrap();
    let learned = likelihood.log_prob(&data).unwrap();
    let (x, place) = (values(&data, "x"), values(&data, "place"));
    for dataset in 0..20 {
        let own = &x[10 * dataset..10 * (dataset + 1)];
        let exact: f64 = own.iter().map(|x| -0.5 * (x - place[dataset]).powi(2) - 0.918_938_533).sum();
        assert!((learned[dataset] - exact).abs() < 2.0, "{} for {exact}", learned[dataset]);
    }
    let simulated = likelihood.sample(&data, 200).unwrap();
    assert_eq!(simulated.column("x").unwrap().array.shape(), [20, 200, 1]);
    let first: f64 = values(&simulated, "x")[..200].iter().sum::<f64>() / 200.0;
    assert!((first - place[0]).abs() < 0.4, "{first} for {}", place[0]);
}

#[test]
fn mistakes_get_their_sentences() {
    let observed = places(Kind::Vector).simulate(4, 9).unwrap();
    let flow = CouplingFlow { depth: 1, subnet: small(), ..CouplingFlow::default() };
    let member = || BasicWorkflow::new(places(Kind::Vector)).adapter(adapter()).inference_network(flow.clone());
    let mut posterior = member().build().unwrap();
    posterior.fit_online(fit()).unwrap();
    let mut ensemble = EnsembleWorkflow::of_size(member(), 2).unwrap();
    ensemble.fit_online(fit()).unwrap();
    let no_prior = {
        let part = |rng: &mut Stream, _: &View| {
            let noise: f64 = StandardNormal.sample(rng);
            Ok(Draw::new().with("a", noise).with("x", noise))
        };
        ferroflow::make_simulator! { part }
            .variable(simulators::Variable::parameter("a"))
            .variable(simulators::Variable::data("x"))
    };
    let ratio = |change: fn(&mut ferroflow::approximators::RatioApproximator)| {
        let mut config = ferroflow::approximators::RatioApproximator::default();
        change(&mut config);
        let mut workflow =
            RatioWorkflow::new(places(Kind::Vector)).adapter(adapter()).approximator(config).build().unwrap();
        workflow.fit_online(fit()).map(drop)
    };
    let series = Roles {
        parameters: vec!["place".into()],
        data_variables: vec!["x".into()],
        kind: Some(Kind::Series),
        ..Roles::default()
    };
    let half = observed.select(&[0, 1]).unwrap();
    let rules = |q: &[f64]| {
        let network = ScoringRuleNetwork::of([("q", ScoringRule::quantiles(q))]);
        let builder = PointWorkflow::new(places(Kind::Vector)).adapter(adapter()).inference_network(network);
        builder.build().and_then(|mut workflow| workflow.fit_online(fit())).map(drop)
    };
    let cases: Vec<(ferroflow::Result<()>, &str)> = vec![
        (ratio(|c| c.contrasts = 0), "contrast with at least one other data set"),
        (ratio(|c| c.gamma = f64::NAN), "give a positive number"),
        (ratio(|c| c.inference_network.widths.clear()), "name at least one width"),
        (rules(&[]), "ascending probabilities"),
        (rules(&[0.9, 0.1]), "ascending"),
        (rules(&[0.5, 1.5]), "between 0 and 1"),
        (
            ComparisonWorkflow::for_simulators([("a", places(Kind::Vector))], 0).map(drop),
            "name at least two to compare",
        ),
        (
            ComparisonWorkflow::for_simulators([("a", places(Kind::Vector)), ("b", places(Kind::Set))], 0).map(drop),
            "with the same names and kind",
        ),
        (EnsembleWorkflow::of_size(member(), 1).map(drop), "at least two"),
        (EnsembleWorkflow::new([("a", member()), ("a", member())]).map(drop), "names two members"),
        (EnsembleWorkflow::new([("a/b", member()), ("c", member())]).map(drop), "cannot name a folder"),
        (ensemble.sample_weighted(&observed, 5, &[1.0]).map(drop), "one weight for each"),
        (ensemble.sample_weighted(&observed, 5, &[1.0, -1.0]).map(drop), "none negative"),
        (ensemble.sample(&observed, 0).map(drop), "ask for at least 1"),
        (ensemble.fit_offline(observed.clone(), fit(), Validation::None, 2.0).map(drop), "a number from 0 to 1"),
        (EnsembleWorkflow::load("no-such-folder", &Device::cpu()).map(drop), "cannot be read"),
        (JointWorkflow::for_simulator(no_prior, 1).map(drop), "does not know the density of its prior"),
        (LikelihoodWorkflow::from_simulations(&series, &observed, 1).map(drop), "of vectors and of sets"),
        (posterior.refine(&observed, 0, &SimulatorDensity(&places(Kind::Vector))).map(drop), "ask for at least 1"),
        (
            posterior.refine(&observed, 10, &SimulatorDensity(&places(Kind::Vector))).map(drop),
            "no likelihood in closed form",
        ),
        (posterior.summaries(&observed).map(drop), "this model has none"),
        (posterior.summary_space_comparison(&observed, &half, 10).map(drop), "reference"),
        (
            member()
                .summary_distribution(ferroflow::distributions::DiagonalNormal::default())
                .build()
                .and_then(|mut w| w.fit_online(fit()))
                .map(drop),
            "no learned summaries",
        ),
    ];
    let mut wrong = Vec::new();
    for (number, (result, expected)) in cases.into_iter().enumerate() {
        let message = result.err().map(|e| e.to_string()).unwrap_or_else(|| "nothing went wrong".into());
        if !message.contains(expected) {
            wrong.push(format!("case {number}: '{message}' does not say '{expected}'"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A member's score given its group's mean, and four measurements of the score as a set.
fn members() -> impl Simulator + Clone {
    let group = |rng: &mut Stream, _: &View| {
        let mean: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("mean", mean))
    };
    let member = |rng: &mut Stream, given: &View| {
        let noise: f64 = StandardNormal.sample(rng);
        let score = given.scalar("mean")? + 0.5 * noise;
        let x: Vec<f64> = (0..4).map(|_| -> f64 { StandardNormal.sample(rng) }).map(|noise| score + noise).collect();
        Ok(Draw::new().with("score", score).with("x", simulators::set(x)))
    };
    std::sync::Arc::new(ferroflow::make_simulator! { group, member })
}

/// Every child is crossed with every draw of its parents: the bits are those of single children with single draws.
#[test]
fn ancestral_draws_cross_children_with_draws_of_their_parents() {
    let adapter = Adapter::new()
        .rename("score", "inference_variables")
        .rename("mean", "inference_conditions")
        .rename("x", "summary_variables");
    let summary = DeepSet { summary_dim: 3, ..DeepSet::default() };
    let builder = BasicWorkflow::new(members()).adapter(adapter).summary_network(summary);
    let mut workflow = builder.seed(4).build().unwrap();
    workflow.fit_online(fit()).unwrap();
    let (datasets, children, draws) = (2, 3, 5);
    let flat = members().simulate(datasets * children, 8).unwrap();
    let means: Vec<f64> = (0..datasets * draws).map(|i| 0.3 * i as f64 - 1.0).collect();
    let parents = Record::new().with("mean", Array::f64([datasets, draws, 1], means.clone()).unwrap());
    let x = Array::f64([datasets, children, 4, 1], values(&flat, "x")).unwrap();
    let truth = Array::f64([datasets, 1], vec![0.0; datasets]).unwrap();
    let nested = Record::new().with("x", x).with("mean", truth);
    let result = workflow.ancestral_sample(&nested, &parents).unwrap();
    let score = &result.column("score").unwrap().array;
    assert_eq!(score.shape(), [datasets, children, draws, 1]);
    for draw in 0..draws {
        let of = |child: usize| means[child / children * draws + draw];
        let mean: Vec<f64> = (0..datasets * children).map(of).collect();
        let mut single = flat.clone();
        single.insert("mean", Column::dense(Array::f64([datasets * children, 1], mean).unwrap()));
        let expected = values(&workflow.sample_from(&single, 1, draw as u64, 4).unwrap(), "score");
        let got: Vec<f64> = score.to_f64().into_iter().skip(draw).step_by(draws).collect();
        assert_eq!(got, expected, "draw {draw}");
    }
    // Ragged children are listed data set after data set.
    let offsets: Vec<usize> = (0..=datasets * children).map(|child| 4 * child).collect();
    let elements = Array::f64([datasets * children * 4, 1], values(&flat, "x")).unwrap();
    let mut ragged = Record::new();
    ragged.insert("x", Column::ragged(elements.clone(), offsets.clone()).unwrap());
    assert_eq!(workflow.ancestral_sample(&ragged, &parents).unwrap(), result);
    let mut odd = Record::new();
    odd.insert("x", Column::ragged(Array::f64([4, 1], vec![0.0; 4]).unwrap(), vec![0, 1, 2, 4]).unwrap());
    let three = Record::new().with("mean", Array::f64([3, draws, 1], vec![0.0; 3 * draws]).unwrap());
    let wide = Record::new().with("mean", Array::f64([2], vec![0.0; 2]).unwrap());
    for (conditions, ancestral, expected) in [
        (&nested, &three, "has 2 data sets, but there are draws of the parents of 3"),
        (&odd, &parents, "has 3 children of 2 data sets"),
        (&nested, &wide, "expected [datasets, draws, …]"),
        (&Record::new(), &parents, "is missing; the conditions of the children"),
    ] {
        let message = workflow.ancestral_sample(conditions, ancestral).unwrap_err().to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    }
}
