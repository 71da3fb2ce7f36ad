use std::sync::Arc;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::autodiff::{Tape, Var};
use crate::device::Device;
use crate::error::Result;
use crate::nn::{Mlp, Pass, Stage};
use crate::optim::{Clipping, Optimizer, Schedule};
use crate::parameters::{Builder, Parameters};
use crate::random::Key;

fn small(rules: impl IntoIterator<Item = (&'static str, ScoringRule)>) -> ScoringRuleNetwork {
    let subnet = Mlp { widths: vec![16], dropout: 0.0, ..Mlp::default() };
    ScoringRuleNetwork { subnet, ..ScoringRuleNetwork::of(rules) }
}

fn built(config: &ScoringRuleNetwork, d: usize, c: usize) -> (BuiltScoringRuleNetwork, Parameters) {
    let builder = Builder::new();
    let network = config.build(&builder, d, c).unwrap();
    (network, builder.finish(&Device::cpu(), Key::new(1)).unwrap())
}

/// Trains on all rows at once.
fn train(
    network: &BuiltScoringRuleNetwork,
    parameters: &mut Parameters,
    targets: &[f32],
    condition: &[f32],
    steps: u64,
) {
    let (d, c) = (network.dimension(), network.condition_dimension());
    let rows = targets.len() / d;
    let optimizer = Optimizer { clipping: Clipping::None, ..Optimizer::default() };
    let schedule = Schedule::for_training(0.02, steps);
    let mut adam = optimizer.build(schedule, parameters).unwrap();
    let mut tape = Tape::new(parameters.device());
    for _ in 0..steps {
        tape.clear();
        let gradients = {
            let pass = Pass::inference(&tape, parameters).with(Stage::Training, true);
            let condition = (c > 0).then(|| tape.values([rows, c], condition));
            let loss = network.loss(&pass, tape.values([rows, d], targets), condition, None).loss;
            pass.gradients(loss).unwrap()
        };
        adam.step(parameters, &gradients).unwrap();
    }
}

fn sorted(values: impl Iterator<Item = f32>) -> Vec<f64> {
    let mut values: Vec<f64> = values.map(f64::from).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn assert_near(what: &str, got: f64, expected: f64, error: f64) {
    assert!((got - expected).abs() <= error, "{what}: {got} for {expected} ± {error}");
}

/// Without conditions the best estimate on a sample is the statistic that a rule is named after.
#[test]
fn rules_are_least_for_what_they_are_named_after() {
    let mut stream = Key::new(2).stream();
    let targets: Vec<f32> = (0..801).map(|_| (-(stream.random::<f64>()).ln()) as f32).collect();
    let sample = sorted(targets.iter().copied());
    let rules = [
        ("mean", ScoringRule::Mean),
        ("median", ScoringRule::Median),
        ("fourth", ScoringRule::NormedDifference { k: 4.0 }),
        ("root", ScoringRule::NormedDifference { k: 1.5 }),
        ("quantiles", ScoringRule::quantiles([0.05, 0.3, 0.5, 0.9])),
        ("mvn", ScoringRule::MvNormal),
    ];
    let (network, mut parameters) = built(&small(rules), 1, 0);
    train(&network, &mut parameters, &targets, &[], 1500);
    let estimates = network.given(&parameters, &[], 1).unwrap();
    let value = |rule, head| estimates.head(rule, head).unwrap().values.clone();
    let mean = crate::math::mean(&sample);
    assert_near("mean", value("mean", "value")[0], mean, 0.01);
    assert_near("median", value("median", "value")[0], crate::math::quantile(&sample, 0.5), 0.02);
    for (q, got) in [0.05, 0.3, 0.5, 0.9].into_iter().zip(value("quantiles", "value")) {
        assert_near("quantile", got, crate::math::quantile(&sample, q), 0.05);
    }
    assert_near("mean of the normal", value("mvn", "mean")[0], mean, 0.01);
    let precision = value("mvn", "precision_cholesky_factor")[0].powi(2);
    assert_near("its precision", precision * crate::math::variance(&sample, 0), 1.0, 0.02);
    for (rule, k) in [("fourth", 4.0), ("root", 1.5)] {
        let estimate = value(rule, "value")[0];
        let loss = |x: f64| sample.iter().map(|s| (s - x).abs().powf(k)).sum::<f64>() / sample.len() as f64;
        assert!(
            loss(estimate) < loss(estimate - 0.05) && loss(estimate) < loss(estimate + 0.05),
            "{rule} at {estimate}"
        );
    }
}

/// `θ | c ~ N([c, −c], S)`: recovers a mean that depends on the condition, and the precision `S⁻¹`.
#[test]
fn a_correlated_normal_is_recovered_and_drawn_from() {
    let mut stream = Key::new(3).stream();
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    let (mut targets, mut condition) = (Vec::new(), Vec::new());
    for _ in 0..1500 {
        let (c, a, b) = (normal(), normal(), normal());
        condition.push(c as f32);
        targets.extend([(c + a) as f32, (-c + 0.5 * a + 0.5 * b) as f32]);
    }
    let (network, mut parameters) = built(&small([("mvn", ScoringRule::MvNormal)]), 2, 1);
    train(&network, &mut parameters, &targets, &condition, 500);
    // S = [[1, ½], [½, ½]], S⁻¹ = [[2, −2], [−2, 4]].
    let estimates = network.given(&parameters, &[-1.0, 0.5], 2).unwrap();
    for (dataset, c) in [-1.0, 0.5].into_iter().enumerate() {
        let mean = estimates.head("mvn", "mean").unwrap().dataset(dataset);
        assert_near("first mean", mean[0], c, 0.2);
        assert_near("second mean", mean[1], -c, 0.2);
        let l = estimates.head("mvn", "precision_cholesky_factor").unwrap().dataset(dataset);
        let precision = [l[0] * l[0] + l[2] * l[2], l[2] * l[3], l[3] * l[3]];
        for (got, expected) in precision.into_iter().zip([2.0, -2.0, 4.0]) {
            assert_near("precision", got, expected, 0.8);
        }
        assert_eq!(l[1], 0.0);
    }
    // Draws have the mean and the precision of the estimates, and densities are those on the tape.
    let draws = estimates.sample("mvn", Key::new(4), 0, 20_000).unwrap();
    let l = estimates.head("mvn", "precision_cholesky_factor").unwrap().dataset(1);
    let mean = estimates.head("mvn", "mean").unwrap().dataset(1);
    let (mut first, mut second) = ([0.0; 2], [0.0; 3]);
    for x in draws[40_000..].chunks(2) {
        let y = [l[0] * (x[0] - mean[0]), l[2] * (x[0] - mean[0]) + l[3] * (x[1] - mean[1])];
        (0..2).for_each(|i| first[i] += y[i] / 20_000.0);
        (0..3).for_each(|k| second[k] += y[k / 2] * y[k.div_ceil(2)] / 20_000.0);
    }
    first.iter().for_each(|&m| assert_near("mean of the noise", m, 0.0, 0.03));
    second.iter().zip([1.0, 0.0, 1.0]).for_each(|(&m, expected)| assert_near("its moments", m, expected, 0.04));
}

fn mixture_network() -> ScoringRuleNetwork {
    let ScoringRule::Mixture { components, .. } = ScoringRule::normal_mixture(3) else { panic!("a mixture") };
    small([("mix", ScoringRule::Mixture { components, temperature: 1.7 }), ("mvn", ScoringRule::MvNormal)])
}

#[test]
fn densities_of_host_and_tape_agree() {
    let (network, parameters) = built(&mixture_network(), 3, 2);
    let (condition, x) = ([0.3, -0.4, 1.0, 2.0], [0.1f32, 0.2, -0.3, 1.0, -1.0, 0.5]);
    let estimates = network.given(&parameters, &condition, 2).unwrap();
    for rule in ["mix", "mvn"] {
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, &parameters);
        let log_prob = network.log_prob(&pass, rule, tape.values([2, 3], &x), Some(tape.values([2, 2], &condition)));
        let host = estimates.log_prob(rule, &x.map(f64::from)).unwrap();
        for (tape, host) in log_prob.value().unwrap().values().unwrap().into_iter().zip(host) {
            assert_near(rule, f64::from(tape), host, 1e-5 * host.abs().max(1.0));
        }
    }
    assert_eq!(estimates.log_prob("mvn", &[0.0; 12]).unwrap().len(), 4);
}

/// The share of draws below a point is that of the density: `∫ p = Φ` by a fine grid.
#[test]
fn draws_of_a_mixture_follow_its_density() {
    let config = small([("mix", ScoringRule::normal_mixture(2))]);
    let (network, mut parameters) = built(&config, 1, 0);
    let mut stream = Key::new(5).stream();
    let mut two = || -> f64 {
        let (centre, noise): (f64, f64) =
            (if stream.random::<f64>() < 0.3 { -2.0 } else { 1.0 }, StandardNormal.sample(&mut stream));
        centre + 0.5 * noise
    };
    let targets: Vec<f32> = (0..500).map(|_| two() as f32).collect();
    train(&network, &mut parameters, &targets, &[], 300);
    let estimates = network.given(&parameters, &[], 1).unwrap();
    let draws = estimates.sample("mix", Key::new(6), 0, 20_000).unwrap();
    let grid: Vec<f64> = (0..4000).map(|i| -20.0 + 0.01 * f64::from(i)).collect();
    let density: Vec<f64> = estimates.log_prob("mix", &grid).unwrap().into_iter().map(f64::exp).collect();
    assert_near("total", density.iter().sum::<f64>() * 0.01, 1.0, 0.01);
    for bound in [-2.0, -0.5, 0.0, 1.0] {
        let share = draws.iter().filter(|&&x| x < bound).count() as f64 / draws.len() as f64;
        let expected: f64 = grid.iter().zip(&density).filter(|(x, _)| **x < bound).map(|(_, p)| p * 0.01).sum();
        assert_near(&format!("share below {bound}"), share, expected, 0.015);
    }
    assert_near("left mode", draws.iter().filter(|&&x| x < -0.5).count() as f64 / draws.len() as f64, 0.3, 0.1);
}

#[test]
fn draws_do_not_depend_on_their_neighbours() {
    let (network, parameters) = built(&mixture_network(), 2, 1);
    let both = network.given(&parameters, &[0.5, -0.5], 2).unwrap();
    let one = network.given(&parameters, &[0.5], 1).unwrap();
    let key = Key::new(7);
    let all = both.sample("mix", key, 0, 10).unwrap();
    assert_eq!(all[..20], one.sample("mix", key, 0, 10).unwrap());
    assert_eq!(all[6..14], one.sample("mix", key, 3, 4).unwrap());
    assert_ne!(all[..20], all[20..]);
    assert!(one.sample("mix", key, 0, 0).unwrap().is_empty());
}

/// Weights belong to rows, with one axis or two: a row of weight 0 does not count.
#[test]
fn weights_belong_to_rows() {
    let (network, parameters) = built(&ScoringRuleNetwork::default(), 2, 1);
    let loss = |weight: Option<(&[f32], bool)>, rows: usize| {
        let tape = Tape::new(parameters.device());
        let pass = Pass::inference(&tape, &parameters);
        let (targets, condition) = ([1.0, 2.0, -3.0, 4.0], [0.1, 0.2]);
        let weight = weight.map(|(w, column)| match column {
            true => tape.values([w.len(), 1], w),
            false => tape.values([w.len()], w),
        });
        let targets = tape.values([rows, 2], &targets[..2 * rows]);
        let losses = network.loss(&pass, targets, Some(tape.values([rows, 1], &condition[..rows])), weight);
        losses.loss.value().and_then(|v| v.values()).map(|v| v[0])
    };
    let first = loss(None, 1).unwrap();
    for column in [false, true] {
        let half = loss(Some((&[1.0, 0.0], column)), 2).unwrap();
        assert!((half - 0.5 * first).abs() < 1e-5 * first, "{half} {first}");
    }
    let message = loss(Some((&[1.0; 3], false)), 2).unwrap_err().to_string();
    assert!(message.contains("sample_weight"), "{message}");
}

/// Classes that the condition tells apart, half of the time.
#[test]
fn probabilities_of_classes() {
    let (mut targets, mut condition) = (Vec::new(), Vec::new());
    for i in 0..40 {
        let class = if i % 4 == 0 { 1 } else { 2 * (i % 2) };
        targets.extend((0..3).map(|c| f32::from(u8::from(c == class))));
        condition.push((i % 2) as f32);
    }
    let config = small([("cross_entropy", ScoringRule::CrossEntropy { classes: Some(3) })]);
    let (network, mut parameters) = built(&config, 3, 1);
    train(&network, &mut parameters, &targets, &condition, 400);
    let estimates = network.given(&parameters, &[0.0, 1.0], 2).unwrap();
    let probabilities = |dataset| {
        let logits = estimates.head("cross_entropy", "logits").unwrap().dataset(dataset).to_vec();
        let total = crate::math::log_sum_exp(&logits);
        logits.into_iter().map(move |logit| (logit - total).exp()).collect::<Vec<_>>()
    };
    for (dataset, expected) in [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]].iter().enumerate() {
        let probabilities = probabilities(dataset);
        probabilities.iter().zip(expected).for_each(|(&p, &e)| assert_near("probability", p, e, 0.03));
    }
    assert!(config.build(&Builder::new(), 4, 1).err().unwrap().to_string().contains("3 for 4 target columns"));
}

/// A user's rule, least for the α-expectile.
struct Expectile(f64);

impl Score for Expectile {
    fn name(&self) -> &str {
        "expectile"
    }

    fn build(&self, _: &Builder, dimension: usize) -> Result<Box<dyn BuiltScore>> {
        Ok(Box::new(BuiltExpectile(self.0, [Head::value(vec![dimension], Link::default())])))
    }
}

struct BuiltExpectile(f64, [Head; 1]);

impl BuiltScore for BuiltExpectile {
    fn heads(&self) -> &[Head] {
        &self.1
    }

    fn scores<'t>(&self, _: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        use crate::math::Function::{Relu, Square};
        let below = (targets - estimates[0]).map(Relu).map(Square);
        below * self.0 + (estimates[0] - targets).map(Relu).map(Square) * (1.0 - self.0)
    }
}

#[test]
fn rules_of_a_users_own() {
    let rule: Arc<dyn Score> = Arc::new(Expectile(0.8));
    let config = small([("expectile", rule.into()), ("mean", ScoringRule::Mean)]);
    let (network, mut parameters) = built(&config, 1, 0);
    train(&network, &mut parameters, &[0.0, 1.0], &[], 600);
    let estimates = network.given(&parameters, &[], 1).unwrap();
    // 0.8 (1 − x) = 0.2 x.
    assert_near("expectile", estimates.head("expectile", "value").unwrap().values[0], 0.8, 0.01);
    assert!(serde_json::to_string(&config).is_err());
    let message = estimates.sample("expectile", Key::new(1), 0, 1).unwrap_err().to_string();
    assert!(message.contains("without a distribution"), "{message}");
}

#[test]
fn heads_with_layers_and_links_of_their_own() {
    let options = HeadOptions {
        subnet: Some(Mlp { widths: vec![4], ..Mlp::default() }),
        link: Some(Link::Activation { function: crate::math::Function::Softplus }),
    };
    let mut config = small([("mean", ScoringRule::Mean)]);
    config.heads.insert("mean".into(), [("value".to_owned(), options)].into_iter().collect());
    let builder = Builder::new();
    let network = config.build(&builder, 2, 3).unwrap();
    let parameters = builder.finish(&Device::cpu(), Key::new(1)).unwrap();
    for name in ["heads.mean.value.layers.0.blocks.0.dense.kernel", "heads.mean.value.layers.1.kernel"] {
        assert!(parameters.get(name).is_ok(), "{name}");
    }
    let estimates = network.estimate(&parameters, &[0.5; 6], 2).unwrap();
    assert!(estimates[0].values.iter().all(|&v| v > 0.0));
    assert_eq!(network.parameter_count(), 3 * 16 * 2 + 16 * 2 + (16 * 4 + 4) * 2 + 4 * 2 + 2);
    assert_eq!(network.flops(), 2 * (3 * 16 * 2 + 16 * 4 * 2 + 4 * 2));
    assert!(network.describe().contains("mean (mean)\n    value: [4] to [2], [2]"), "{}", network.describe());
    config.heads.insert("median".into(), Default::default());
    assert!(config.build(&Builder::new(), 2, 3).err().unwrap().to_string().contains("the names are: mean"));
}

#[test]
fn configurations_are_plain_data() {
    let mut config = mixture_network();
    config.scoring_rules.insert("q".into(), ScoringRule::quantiles([0.25, 0.75]));
    config.scoring_rules.insert("k".into(), ScoringRule::NormedDifference { k: 3.0 });
    config.scoring_rules.insert("class".into(), ScoringRule::CrossEntropy { classes: None });
    let json = serde_json::to_string(&config).unwrap();
    let again: ScoringRuleNetwork = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
    assert_eq!(format!("{again:?}"), format!("{config:?}"));
    let given = r#"{"scoring_rules": {"q": {"kind": "quantile"}, "m": {"kind": "mean"}}, "subnet": {"widths": [8]}}"#;
    let given: ScoringRuleNetwork = serde_json::from_str(given).unwrap();
    assert_eq!(format!("{:?}", given.scoring_rules["q"]), "quantile [0.1, 0.5, 0.9]");
    assert!(serde_json::from_str::<ScoringRule>(r#"{"kind": "quantile", "p": [0.5]}"#).is_err());
}

#[test]
fn faults_are_named() {
    let build = |rule: ScoringRule| built_error(small([("r", rule)]));
    fn built_error(config: ScoringRuleNetwork) -> String {
        config.build(&Builder::new(), 2, 1).err().map_or("nothing".into(), |error| error.to_string())
    }
    assert!(build(ScoringRule::quantiles([0.5, 0.1])).contains("ascending"));
    assert!(build(ScoringRule::quantiles([0.0, 0.1])).contains("between 0 and 1"));
    assert!(build(ScoringRule::NormedDifference { k: 0.0 }).contains("positive exponent"));
    assert!(build(ScoringRule::normal_mixture(1)).contains("at least two"));
    let components =
        [("a".to_owned(), ScoringRule::MvNormal), ("b".to_owned(), ScoringRule::Mean)].into_iter().collect();
    assert!(
        build(ScoringRule::Mixture { components, temperature: 1.0 })
            .contains("key 'b': is a component with the rule mean")
    );
    assert!(built_error(ScoringRuleNetwork::of::<String>([])).contains("name at least one rule"));
    let (network, parameters) = built(&ScoringRuleNetwork::default(), 2, 1);
    assert!(network.given(&parameters, &[0.0], 2).is_err_and(|e| e.to_string().contains("1 numbers for 2 data sets")));
    let estimates = network.given(&parameters, &[0.0], 1).unwrap();
    assert!(estimates.head("mean", "values").unwrap_err().to_string().contains("mean.value, quantiles.value"));
    let tape = Tape::new(parameters.device());
    let pass = Pass::inference(&tape, &parameters);
    let loss = network.loss(&pass, tape.values([1, 3], &[0.0; 3]), None, None).loss;
    assert!(loss.value().unwrap_err().to_string().contains("targets of shape [1, 3]"));
}
