//! Simple priors from a text: `a=normal(0,1)`.

use rand::RngExt;
use rand_distr::{Beta, Distribution, Exp1, Gamma, StandardNormal};
use statrs::distribution::{self, Continuous};

use crate::data::Record;
use crate::error::{Error, Result, nearest};
use crate::random::Stream;
use crate::simulators::{Composition, Request, Simulator, Variable, View};

/// Independent parameters, each with a distribution of its own.
///
/// One text for each parameter: `name=family(numbers)`, or `name[size]=family(numbers)` for a vector of independent numbers.
///
/// | family | density on | numbers |
/// |---|---|---|
/// | `normal(mean, sd)` | the line | `sd > 0` |
/// | `uniform(lower, upper)` | the interval | `lower < upper` |
/// | `lognormal(mean, sd)` | positive numbers | mean and standard deviation of the logarithm |
/// | `gamma(shape, scale)` | positive numbers | both positive; the mean is `shape × scale` |
/// | `beta(a, b)` | 0 to 1 | both positive; the mean is `a/(a + b)` |
/// | `exponential(rate)` | positive numbers | positive; the mean is `1/rate` |
///
/// ```
/// use ferroflow::simulators::{Prior, Simulator};
/// let prior = Prior::parse(["a=normal(0, 1)", "b[3]=uniform(0, 2)"])?;
/// assert_eq!(prior.simulate(10, 1)?.column("b")?.array.shape(), [10, 3]);
/// # Ok::<(), ferroflow::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    name: String,
    size: Option<usize>,
    family: Family,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Family {
    Normal(f64, f64),
    Uniform(f64, f64),
    LogNormal(f64, f64),
    Gamma(f64, f64),
    Beta(f64, f64),
    Exponential(f64),
}

/// Names of the families and how they are called.
const FAMILIES: [(&str, &str); 6] = [
    ("normal", "normal(mean, sd)"),
    ("uniform", "uniform(lower, upper)"),
    ("lognormal", "lognormal(mean, sd)"),
    ("gamma", "gamma(shape, scale)"),
    ("beta", "beta(a, b)"),
    ("exponential", "exponential(rate)"),
];
/// Longer vectors are mistakes.
const LARGEST_SIZE: usize = 1_000_000;

impl Prior {
    /// One text for each parameter.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        let parameters = texts.into_iter().map(|text| Parameter::parse(text.as_ref())).collect::<Result<Vec<_>>>()?;
        for (i, parameter) in parameters.iter().enumerate() {
            if parameters[..i].iter().any(|other| other.name == parameter.name) {
                return Err(Error::key(&parameter.name, "has two priors; give each parameter one"));
            }
        }
        match parameters.is_empty() {
            true => Err(Error::argument("prior", "has no parameter; give one such as a=normal(0,1)")),
            false => Ok(Prior { parameters }),
        }
    }
}

impl Parameter {
    fn parse(text: &str) -> Result<Self> {
        let fail = |what: String| {
            Err(Error::argument(
                "prior",
                format!("'{text}' cannot be understood, {what}; write it as a=normal(0,1) or a[3]=uniform(0,2)"),
            ))
        };
        let Some((left, right)) = text.split_once('=') else { return fail("there is no '='".to_string()) };
        let (name, size) = match left.trim().split_once('[') {
            None => (left.trim(), None),
            Some((name, rest)) => {
                let size = rest.strip_suffix(']').and_then(|size| size.trim().parse::<usize>().ok());
                match size.filter(|size| (1..=LARGEST_SIZE).contains(size)) {
                    Some(size) => (name.trim(), Some(size)),
                    None => return fail(format!("'[{rest}' is no size")),
                }
            }
        };
        let is_letter = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
        if name.is_empty() || !name.chars().all(is_letter) {
            return fail(format!("'{name}' is no name"));
        }
        let Some((family, numbers)) = right.trim().strip_suffix(')').and_then(|call| call.split_once('(')) else {
            return fail(format!("'{}' is no distribution with numbers in brackets", right.trim()));
        };
        let mut values = Vec::new();
        for number in numbers.split(',') {
            match number.trim().parse::<f64>() {
                Ok(value) if value.is_finite() => values.push(value),
                _ => return fail(format!("'{}' is no number", number.trim())),
            }
        }
        let family = family.trim();
        let Some((_, usage)) = FAMILIES.iter().find(|(known, _)| *known == family) else {
            let near = nearest(family, FAMILIES.map(|(known, _)| known));
            let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            let known = FAMILIES.map(|(_, usage)| usage).join(", ");
            return fail(format!("the distribution '{family}' is unknown{hint}, known are {known}"));
        };
        let family = match (family, values.as_slice()) {
            ("normal", &[mean, sd]) if sd > 0.0 => Family::Normal(mean, sd),
            ("uniform", &[lower, upper]) if lower < upper => Family::Uniform(lower, upper),
            ("lognormal", &[mean, sd]) if sd > 0.0 => Family::LogNormal(mean, sd),
            ("gamma", &[shape, scale]) if shape > 0.0 && scale > 0.0 => Family::Gamma(shape, scale),
            ("beta", &[a, b]) if a > 0.0 && b > 0.0 => Family::Beta(a, b),
            ("exponential", &[rate]) if rate > 0.0 => Family::Exponential(rate),
            _ => return fail(format!("{usage} takes other numbers: scales and shapes are positive, lower < upper")),
        };
        Ok(Parameter { name: name.to_string(), size, family })
    }
}

impl Family {
    fn draw(self, rng: &mut Stream) -> f64 {
        let normal = |rng: &mut Stream| -> f64 { StandardNormal.sample(rng) };
        match self {
            Family::Normal(mean, sd) => mean + sd * normal(rng),
            Family::Uniform(lower, upper) => lower + (upper - lower) * rng.random::<f64>(),
            Family::LogNormal(mean, sd) => libm::exp(mean + sd * normal(rng)),
            Family::Gamma(shape, scale) => Gamma::new(shape, scale).map_or(f64::NAN, |gamma| gamma.sample(rng)),
            Family::Beta(a, b) => Beta::new(a, b).map_or(f64::NAN, |beta| beta.sample(rng)),
            Family::Exponential(rate) => {
                let unit: f64 = Exp1.sample(rng);
                unit / rate
            }
        }
    }

    fn log_density(self, x: f64) -> f64 {
        let (lower, upper) = self.support();
        if x.is_nan() || lower.is_some_and(|lower| x < lower) || upper.is_some_and(|upper| x > upper) {
            return f64::NEG_INFINITY;
        }
        let none = f64::NAN;
        match self {
            Family::Normal(mean, sd) => distribution::Normal::new(mean, sd).map_or(none, |d| d.ln_pdf(x)),
            Family::Uniform(lower, upper) => -(upper - lower).ln(),
            Family::LogNormal(mean, sd) => distribution::LogNormal::new(mean, sd).map_or(none, |d| d.ln_pdf(x)),
            Family::Gamma(shape, scale) => distribution::Gamma::new(shape, 1.0 / scale).map_or(none, |d| d.ln_pdf(x)),
            Family::Beta(a, b) => distribution::Beta::new(a, b).map_or(none, |d| d.ln_pdf(x)),
            Family::Exponential(rate) => rate.ln() - rate * x,
        }
    }

    fn support(self) -> (Option<f64>, Option<f64>) {
        match self {
            Family::Normal(..) => (None, None),
            Family::Uniform(lower, upper) => (Some(lower), Some(upper)),
            Family::Beta(..) => (Some(0.0), Some(1.0)),
            Family::LogNormal(..) | Family::Gamma(..) | Family::Exponential(..) => (Some(0.0), None),
        }
    }
}

impl Simulator for Prior {
    fn name(&self) -> &str {
        "prior"
    }

    fn variables(&self) -> Vec<Variable> {
        let variable = |p: &Parameter| {
            let (lower, upper) = p.family.support();
            Variable { lower, upper, ..Variable::parameter(&p.name) }
        };
        self.parameters.iter().map(variable).collect()
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let parts = self.parameters.iter().fold(Composition::new().name("prior"), |composition, parameter| {
            composition.part(parameter.name.as_str(), move |rng, _| {
                let values: Vec<f64> = (0..parameter.size.unwrap_or(1)).map(|_| parameter.family.draw(rng)).collect();
                Ok(vec![(parameter.name.clone(), values.into())])
            })
        });
        parts.sample(request)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        View::each(parameters, |given| {
            let mut sum = 0.0;
            for parameter in &self.parameters {
                sum += given.vector(&parameter.name)?.iter().map(|&x| parameter.family.log_density(x)).sum::<f64>();
            }
            Ok(sum)
        })
        .map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation of each family, five standard errors wide.
    #[test]
    fn moments_and_densities() {
        let count = 40_000;
        for (text, mean, sd) in [
            ("x=normal(1, 2)", 1.0, 2.0),
            ("x = uniform( -1 ,3)", 1.0, 4.0 / 12f64.sqrt()),
            ("x=lognormal(0,0.5)", 0.125f64.exp(), ((0.25f64.exp() - 1.0) * 0.25f64.exp()).sqrt()),
            ("x=gamma(2,3)", 6.0, 18f64.sqrt()),
            ("x=beta(2,3)", 0.4, 0.2),
            ("x=exponential(4)", 0.25, 0.25),
        ] {
            let prior = Prior::parse([text]).unwrap();
            let record = prior.simulate(count, 2).unwrap();
            let x = record.column("x").unwrap().array.to_f64();
            let n = count as f64;
            let average = x.iter().sum::<f64>() / n;
            let spread = (x.iter().map(|x| (x - average).powi(2)).sum::<f64>() / n).sqrt();
            assert!((average - mean).abs() < 5.0 * sd / n.sqrt(), "{text}: {average}");
            assert!((spread / sd - 1.0).abs() < 0.05, "{text}: {spread}");
            // The mean of 1/(density × width) over draws in an interval is the probability of the interval.
            let density = prior.log_prior(&record).unwrap().unwrap();
            let (lower, upper) = (mean - 0.5 * sd, mean + 0.5 * sd);
            let inside = || x.iter().zip(&density).filter(|(x, _)| (lower..upper).contains(*x));
            let width = inside().map(|(_, d)| (-d).exp()).sum::<f64>() / n;
            assert!((width / sd - 1.0).abs() < 0.05, "{text}: {width} for {sd}");
        }
    }

    #[test]
    fn mistakes_get_a_sentence() {
        for (text, expected) in [
            ("a", "no '='"),
            ("a=3", "'3' is no distribution"),
            ("a=normal(0,1", "no distribution"),
            ("a=norml(0,1)", "did you mean normal?"),
            ("a=cauchy(0,1)", "known are normal(mean, sd)"),
            ("a=normal(0)", "normal(mean, sd) takes other numbers"),
            ("a=normal(0,-1)", "positive"),
            ("a=uniform(2,1)", "lower < upper"),
            ("a=normal(x,1)", "'x' is no number"),
            ("a=normal(inf,1)", "'inf' is no number"),
            ("a[0]=normal(0,1)", "no size"),
            ("=normal(0,1)", "'' is no name"),
            ("a b=normal(0,1)", "'a b' is no name"),
        ] {
            let message = Prior::parse([text]).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert!(Prior::parse(["a=normal(0,1)", "a=beta(1,1)"]).unwrap_err().to_string().contains("two priors"));
        assert!(Prior::parse(Vec::<&str>::new()).unwrap_err().to_string().contains("no parameter"));
    }
}
