//! Base distributions and scoring rules as the cases write them: calls of constructors, such as
//! `Mixture([DiagonalNormal(-1.0, 0.5)])`.

use ferroflow::distributions::{BaseDistribution, DiagonalNormal, DiagonalStudentT, Mixture};

use ferroflow::networks::ScoringRule;
use serde_json::Value;

use super::Fallible;

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Number(f64),
    Name(String),
    List(Vec<Expression>),
    Call { name: String, arguments: Vec<(Option<String>, Expression)> },
}

/// The distribution of a name or a constructor call; a remark may follow after a semicolon.
pub fn base_distribution(text: &str) -> Fallible<BaseDistribution> {
    let code = text.split(';').next().unwrap_or(text).trim();
    if code == "normal" {
        return Ok(BaseDistribution::default());
    }
    distribution(&parse(code)?)
}

/// The scoring rule of a class or a constructor call; what the call leaves out is taken from the arguments of the case.
pub fn scoring_rule(text: &str, hyper: &Value) -> Fallible<ScoringRule> {
    rule(&parse(text)?, hyper)
}

fn rule(expression: &Expression, hyper: &Value) -> Fallible<ScoringRule> {
    let (name, arguments) = match expression {
        Expression::Name(name) => (name, [].as_slice()),
        Expression::Call { name, arguments } => (name, arguments.as_slice()),
        other => return Err(format!("{other:?} is no scoring rule").into()),
    };
    let by_name = |key: &str| arguments.iter().find(|(given, _)| given.as_deref() == Some(key)).map(|(_, value)| value);
    let number = |key: &str| match by_name(key) {
        Some(value) => as_number(value),
        None => hyper[key].as_f64().ok_or_else(|| format!("{name}: no {key}").into()),
    };
    Ok(match name.as_str() {
        "MeanScore" => ScoringRule::Mean,
        "MedianScore" => ScoringRule::Median,
        "NormedDifferenceScore" => ScoringRule::NormedDifference { k: number("k")? },
        "QuantileScore" => ScoringRule::quantiles(match by_name("q") {
            Some(Expression::List(q)) => q.iter().map(as_number).collect::<Fallible<Vec<f64>>>()?,
            _ => serde_json::from_value(hyper["q"].clone())?,
        }),
        "MvNormalScore" => ScoringRule::MvNormal,
        "CrossEntropyScore" => ScoringRule::CrossEntropy { classes: None },
        "MixtureScore" => {
            let mut components = indexmap::IndexMap::new();
            for (key, value) in arguments {
                match key {
                    Some(key) if key != "temperature" => components.insert(key.clone(), rule(value, hyper)?),
                    _ => continue,
                };
            }
            ScoringRule::Mixture { components, temperature: number("temperature")? }
        }
        _ => return Err(format!("the scoring rule {name} is not known").into()),
    })
}

fn parse(code: &str) -> Fallible<Expression> {
    let mut rest = code;
    let parsed = expression(&mut rest)?;
    if !rest.trim().is_empty() {
        return Err(format!("'{rest}' is left over of '{code}'").into());
    }
    Ok(parsed)
}

fn distribution(expression: &Expression) -> Fallible<BaseDistribution> {
    let Expression::Call { name, arguments } = expression else {
        return Err(format!("{expression:?} is no distribution").into());
    };
    let argument = |position: usize, name: &str| {
        let by_name = arguments.iter().find(|(given, _)| given.as_deref() == Some(name));
        let by_position = arguments.get(position).filter(|(given, _)| given.is_none());
        by_name.or(by_position).map(|(_, value)| value)
    };
    let number = |position: usize, name: &str, default: f64| match argument(position, name) {
        None => Ok(default),
        Some(Expression::Number(value)) => Ok(*value),
        Some(other) => Err(format!("{name} is {other:?}")),
    };
    let truth = |position: usize, name: &str| argument(position, name) == Some(&Expression::Name("True".into()));
    Ok(match name.as_str() {
        "DiagonalNormal" => DiagonalNormal {
            mean: number(0, "mean", 0.0)?.into(),
            std: number(1, "std", 1.0)?.into(),
            trainable_parameters: truth(2, "trainable_parameters"),
        }
        .into(),
        "DiagonalStudentT" => DiagonalStudentT {
            df: number(0, "df", 25.0)?,
            loc: number(1, "loc", 0.0)?.into(),
            scale: number(2, "scale", 1.0)?.into(),
            trainable_parameters: truth(3, "trainable_parameters"),
        }
        .into(),
        "Mixture" => {
            let Some(Expression::List(components)) = argument(0, "distributions") else {
                return Err("a mixture without a list of components".into());
            };
            let logits = match argument(1, "mixture_logits") {
                Some(Expression::List(logits)) => Some(logits.iter().map(as_number).collect::<Result<_, _>>()?),
                _ => None,
            };
            Mixture {
                components: components.iter().map(distribution).collect::<Result<_, _>>()?,
                mixture_logits: logits,
                trainable_mixture: truth(2, "trainable_mixture"),
            }
            .into()
        }
        _ => return Err(format!("the distribution {name} is not known").into()),
    })
}

fn as_number(expression: &Expression) -> Fallible<f64> {
    match expression {
        Expression::Number(value) => Ok(*value),
        other => Err(format!("{other:?} is no number").into()),
    }
}

fn expression(rest: &mut &str) -> Fallible<Expression> {
    *rest = rest.trim_start();
    if take(rest, '[') {
        return Ok(Expression::List(until(rest, ']', expression)?));
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c))).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    if let Ok(number) = word.parse() {
        return Ok(Expression::Number(number));
    }
    if word.is_empty() {
        return Err(format!("an expression is missing before '{rest}'").into());
    }
    let name = word.to_owned();
    if !take(rest, '(') {
        return Ok(Expression::Name(name));
    }
    let arguments = until(rest, ')', |rest| {
        let value = expression(rest)?;
        match value {
            Expression::Name(name) if take(rest, '=') => Ok((Some(name), expression(rest)?)),
            value => Ok((None, value)),
        }
    })?;
    Ok(Expression::Call { name, arguments })
}

/// Items separated by commas up to a closing bracket.
fn until<T>(rest: &mut &str, close: char, mut item: impl FnMut(&mut &str) -> Fallible<T>) -> Fallible<Vec<T>> {
    let mut items = Vec::new();
    while !take(rest, close) {
        items.push(item(rest)?);
        if !take(rest, ',') && !rest.trim_start().starts_with(close) {
            return Err(format!("'{close}' or ',' is missing before '{rest}'").into());
        }
    }
    Ok(items)
}

fn take(rest: &mut &str, token: char) -> bool {
    match rest.trim_start().strip_prefix(token) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}
