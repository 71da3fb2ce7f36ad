//! Links, scoring rules, and networks of them.

use ferroflow::autodiff::{Tape, Var};
use ferroflow::device::Device;
use ferroflow::networks::scoring::{Link, Triangle, fill_triangle, weighted_mean};
use ferroflow::networks::{ScoringRule, ScoringRuleNetwork};
use ferroflow::nn::{Pass, Stage};
use ferroflow::parameters::Builder;
use ferroflow::random::Key;
use serde_json::Value;

use super::python::scoring_rule;
use super::{Fallible, array, config, hand_in_gradients, tensor, weights};
use crate::common::golden::{Check, Outcome};

fn quantiles(hyper: &Value) -> Fallible<Vec<f64>> {
    Ok(serde_json::from_value(hyper["q"].clone())?)
}

pub fn links(check: &mut Check) -> Outcome {
    let place = |key: &str| check.hyper()[key].as_u64().map(|v| v as usize).ok_or_else(|| format!("no {key}"));
    let ordered = Link::Ordered { axis: place("ordered_axis")?, anchor: place("anchor_index")? };
    let quantiles = Link::OrderedQuantiles { quantiles: quantiles(check.hyper())? };
    let device = Device::cpu();
    let tape = Tape::new(&device);
    let input = |name: &str| -> Fallible<Var<'_>> { Ok(tape.constant(tensor(&device, check.input(name)?)?)) };
    let (triangular, one, values) = (input("triangular")?, input("triangular_1d")?, input("values")?);
    let outputs = [
        ("cholesky_factor", Link::CholeskyFactor.apply(triangular)),
        ("cholesky_factor_1d", Link::CholeskyFactor.apply(one)),
        ("fill_triangular", fill_triangle(triangular, Triangle::Lower)),
        ("fill_triangular_upper", fill_triangle(triangular, Triangle::Upper)),
        ("ordered_quantiles", quantiles.apply(values)),
        ("ordered", ordered.apply(values)),
    ];
    for (name, var) in outputs {
        check.output(name, &array(var)?);
    }
    Ok(())
}

pub fn scoring_rules(check: &mut Check) -> Outcome {
    let hyper = check.hyper();
    let number = |key: &str| hyper[key].as_f64().ok_or_else(|| format!("no {key}"));
    let two = [("a", ScoringRule::MvNormal), ("b", ScoringRule::MvNormal)];
    let components = two.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect();
    let mixture = ScoringRule::Mixture { components, temperature: number("temperature")? };
    let normal = ["mean", "precision_cholesky"].as_slice();
    let both = ["mixture_logits", "mean", "precision_cholesky", "mean2", "precision_cholesky2"].as_slice();
    let weighted = Some("weights");
    let rows: [(&str, ScoringRule, &[&str], &str, Option<&str>); 10] = [
        ("mean", ScoringRule::Mean, &["estimates"], "targets", None),
        // The peer aligns weights with the rows of a score of two axes only when they have two axes as well.
        ("mean_weighted", ScoringRule::Mean, &["estimates"], "targets", Some("weights_col")),
        ("median", ScoringRule::Median, &["estimates"], "targets", None),
        ("normed_k3", ScoringRule::NormedDifference { k: number("k")? }, &["estimates"], "targets", None),
        ("quantile", ScoringRule::quantiles(quantiles(hyper)?), &["quantiles"], "targets", None),
        ("mv_normal", ScoringRule::MvNormal, normal, "targets", None),
        ("mv_normal_weighted", ScoringRule::MvNormal, normal, "targets", weighted),
        ("mixture", mixture, both, "targets", None),
        ("cross_entropy", ScoringRule::CrossEntropy { classes: None }, &["logits"], "onehot", None),
        ("cross_entropy_weighted", ScoringRule::CrossEntropy { classes: None }, &["logits"], "onehot", weighted),
    ];
    let device = Device::cpu();
    for (name, rule, estimates, targets, weight) in rows {
        let builder = Builder::new();
        let targets = tensor(&device, check.input(targets)?)?;
        let score = rule.build(&builder, targets.shape().last())?;
        let parameters = builder.finish(&device, Key::new(0))?;
        let tape = Tape::new(&device);
        let pass = Pass::inference(&tape, &parameters);
        let input = |name: &&str| -> Fallible<Var<'_>> { Ok(tape.constant(tensor(&device, check.input(name)?)?)) };
        let targets = tape.constant(targets);
        let estimates = estimates.iter().map(input).collect::<Fallible<Vec<_>>>()?;
        let weight = weight.map(|name| input(&name)).transpose()?;
        let mean = weighted_mean(score.scores(&pass, &estimates, targets), weight);
        check.output(name, &array(mean)?);
        if let (Some(density), None) = (score.density(), weight) {
            check.output(&format!("{name}_log_prob"), &array(density.log_prob(&pass, &estimates, targets))?);
        }
    }
    Ok(())
}

pub fn scoring_rule_network(check: &mut Check) -> Outcome {
    let hyper = check.hyper();
    if hyper["subnet"].as_str() != Some("mlp") {
        return Err(format!("the subnet {} is not known", hyper["subnet"]).into());
    }
    let width = |name: &str| check.input(name).ok().and_then(|array| array.shape().last().copied());
    let (dimension, condition_dimension) = (width("targets").ok_or("no targets")?, width("conditions").unwrap_or(0));
    let given = hyper["scoring_rules"].as_object().ok_or("no scoring rules")?;
    let mut rules = Vec::new();
    for (name, text) in given {
        rules.push((name.clone(), scoring_rule(text.as_str().ok_or("a rule is no text")?, hyper)?));
    }
    let network = ScoringRuleNetwork { subnet: config(&hyper["subnet_kwargs"])?, ..ScoringRuleNetwork::of(rules) };
    let (parameters, network) = weights(check, |builder| network.build(builder, dimension, condition_dimension))?;

    let device = parameters.device().clone();
    let tape = Tape::new(&device);
    let pass = Pass::inference(&tape, &parameters).with(Stage::Inference, true);
    let names: &[&str] = if condition_dimension > 0 { &["targets", "conditions"] } else { &["targets"] };
    let mut inputs = Vec::new();
    for name in names {
        inputs.push(tape.input(tensor(&device, check.input(name)?)?));
    }
    let (targets, condition) = (inputs[0], inputs.get(1).copied());
    let losses = network.loss(&pass, targets, condition, None);
    let heads = network.heads(&pass, condition, targets.shape().rows());
    for (((rule, score), heads), value) in network.rules().zip(heads).zip(&losses.scores) {
        for (head, var) in score.heads().iter().zip(heads) {
            check.output(&format!("head.{rule}.{}", head.name), &array(var)?);
        }
        check.output(&format!("score.{rule}"), &array(*value)?);
    }
    for rule in network.distributions() {
        check.output(&format!("log_prob.{rule}"), &array(network.log_prob(&pass, rule, targets, condition))?);
    }
    check.output("loss_value", &array(losses.loss)?);
    check.output("loss", &array(losses.loss)?);
    hand_in_gradients(check, &pass, losses.loss, names, &inputs)
}
