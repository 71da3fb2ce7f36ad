//! Bounded numbers and numbers of the whole line.

use serde::{Deserialize, Serialize};

use crate::data::Record;
use crate::error::{Error, Result};

use super::constant::{Constant, spread};
use super::elementwise::Elementwise;
use super::keys::{Keys, present};
use super::scalar_map::{Link, ScalarMap};

/// `ε`: how far an inclusive bound moves outwards when nothing else is asked for.
pub const DEFAULT_EPSILON: f64 = 1e-15;

/// Maps numbers with one or two bounds to the whole line, so that a network may give any number for them.
///
/// With `L`, `U` the bounds, moved outwards by `epsilon` where they are inclusive:
///
/// | bounds | method | `u(x)` | `x(u)` | `ln u′(x)` |
/// |---|---|---|---|---|
/// | both | default, sigmoid, expit, logit | `ln(x − L) − ln(U − x)` | `L + (U − L) σ(u)` | `ln(U − L) − ln(x − L) − ln(U − x)` |
/// | lower | default, softplus | `ln(e^(x−L) − 1)` | `L + ln(1 + eᵘ)` | `−ln(1 − e^(L−x))` |
/// | lower | exp, log | `ln(x − L)` | `L + eᵘ` | `−ln(x − L)` |
/// | upper | default, softplus | `−ln(e^(U−x) − 1)` | `U − ln(1 + e^(−u))` | `−ln(1 − e^(x−U))` |
/// | upper | exp, log | `−ln(U − x)` | `U − e^(−u)` | `−ln(U − x)` |
///
/// Bounds are numbers or arrays that spread over the trailing axes. All of it is computed in f64 whatever the type of the
/// column, so that `epsilon` is not lost. A value outside of the bounds is an error. A value on a bound that is not
/// inclusive becomes infinite, as does its log-determinant; networks refuse it with a sentence. The way back never leaves
/// `[lower, upper]`.
///
/// Differences to the peer (all gone with `peer_compatible`): it gives NaN instead of the error, its
/// log-determinant of softplus overflows for large distances and is inaccurate for small ones, softplus is the
/// identity beyond 20, and draws may exceed an inclusive bound by `epsilon`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constrain {
    /// The columns.
    pub keys: Keys,
    /// The lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<Constant>,
    /// The upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<Constant>,
    /// The map.
    #[serde(default)]
    pub method: Method,
    /// Which bounds are attainable.
    #[serde(default)]
    pub inclusive: Inclusive,
    /// How far inclusive bounds move outwards.
    #[serde(default = "default_epsilon")]
    pub epsilon: f64,
}

fn default_epsilon() -> f64 {
    DEFAULT_EPSILON
}

/// The map of [`Constrain`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Sigmoid for two bounds, softplus for one.
    #[default]
    Default,
    /// Two bounds.
    Sigmoid,
    /// Two bounds; the same as sigmoid.
    Expit,
    /// Two bounds; the same as sigmoid.
    Logit,
    /// One bound.
    Softplus,
    /// One bound.
    Exp,
    /// One bound; the same as exp.
    Log,
}

/// Which bounds of [`Constrain`] are attainable and therefore moved outwards by `epsilon`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inclusive {
    /// Both.
    #[default]
    Both,
    /// The lower one.
    Lower,
    /// The upper one.
    Upper,
    /// None.
    None,
}

/// The bounds of [`Constrain`] with its options; made by [`lower`], [`upper`] and [`between`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    lower: Option<Constant>,
    upper: Option<Constant>,
    method: Method,
    inclusive: Inclusive,
    epsilon: f64,
}

/// Numbers from a bound on.
pub fn lower(bound: impl Into<Constant>) -> Bounds {
    Bounds { lower: Some(bound.into()), ..Bounds::none() }
}

/// Numbers up to a bound.
pub fn upper(bound: impl Into<Constant>) -> Bounds {
    Bounds { upper: Some(bound.into()), ..Bounds::none() }
}

/// Numbers between two bounds.
pub fn between(lower: impl Into<Constant>, upper: impl Into<Constant>) -> Bounds {
    Bounds { lower: Some(lower.into()), upper: Some(upper.into()), ..Bounds::none() }
}

impl Bounds {
    fn none() -> Self {
        Bounds {
            lower: None,
            upper: None,
            method: Method::default(),
            inclusive: Inclusive::default(),
            epsilon: DEFAULT_EPSILON,
        }
    }

    /// Another map than the default one.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Which bounds are attainable; both by default.
    pub fn inclusive(mut self, inclusive: Inclusive) -> Self {
        self.inclusive = inclusive;
        self
    }

    /// How far inclusive bounds move outwards; [`DEFAULT_EPSILON`] by default.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Constrain {
    /// The transform of some columns.
    pub fn new(keys: impl Into<Keys>, bounds: Bounds) -> Self {
        let Bounds { lower, upper, method, inclusive, epsilon } = bounds;
        Constrain { keys: keys.into(), lower, upper, method, inclusive, epsilon }
    }

    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::argument(format!("constrain '{}'", self.keys), message));
        if !(self.epsilon >= 0.0 && self.epsilon.is_finite()) {
            return fault(format!("epsilon is {}; give a number from 0 on, such as 1e-15", self.epsilon));
        }
        let both = Constrain::both_bounds_method(self.method);
        match (&self.lower, &self.upper) {
            (None, None) => return fault("there is no bound; give lower, upper or both".into()),
            (Some(_), Some(_)) if both == Some(false) => {
                return fault(format!("the method {:?} is for one bound, but there are two; use sigmoid", self.method));
            }
            (None, _) | (_, None) if both == Some(true) => {
                return fault(format!("the method {:?} is for two bounds; use softplus or exp", self.method));
            }
            (Some(lower), Some(upper)) => {
                let shape = if lower.shape().len() > upper.shape().len() { lower.shape() } else { upper.shape() };
                let ordered = spread("constrain", &self.keys.to_string(), shape, [lower, upper], |[l, u]| (l, u))?;
                if let Some((l, u)) =
                    ordered.into_iter().find(|(l, u)| l.partial_cmp(u) != Some(std::cmp::Ordering::Less))
                {
                    return fault(format!("the lower bound {l} is not below the upper bound {u}"));
                }
            }
            _ => {}
        }
        match self.lower.iter().chain(&self.upper).flat_map(Constant::values).find(|bound| !bound.is_finite()) {
            Some(bound) => fault(format!("the bound {bound} is not finite; leave an infinite bound out")),
            None => Ok(()),
        }
    }

    /// Whether a method wants two bounds; `None` if it takes what there is.
    fn both_bounds_method(method: Method) -> Option<bool> {
        match method {
            Method::Default => None,
            Method::Sigmoid | Method::Expit | Method::Logit => Some(true),
            Method::Softplus | Method::Exp | Method::Log => Some(false),
        }
    }

    fn link(&self, peer: bool) -> Link {
        match (self.method, peer) {
            (Method::Exp | Method::Log, _) => Link::Log,
            (_, false) => Link::Softplus,
            (_, true) => Link::NaiveSoftplus,
        }
    }
}

impl Elementwise for Constrain {
    fn name(&self) -> &'static str {
        "constrain"
    }

    fn keys(&self, record: &Record, strict: bool, _inverse: bool) -> Result<Vec<String>> {
        present(&self.keys, record, strict)
    }

    fn maps(&self, key: &str, shape: &[usize], peer: bool) -> Result<Vec<ScalarMap>> {
        let below = matches!(self.inclusive, Inclusive::Both | Inclusive::Lower).then_some(self.epsilon);
        let above = matches!(self.inclusive, Inclusive::Both | Inclusive::Upper).then_some(self.epsilon);
        // The bound in effect, and the smallest or largest number of the way back: the bound itself where it is inclusive.
        // At least one unit in the last place: 1e-15 would vanish beside a bound of 10.
        let low = |bound: f64| match below {
            Some(epsilon) if peer => (bound - epsilon, f64::NEG_INFINITY),
            Some(epsilon) => (if epsilon > 0.0 { (bound - epsilon).min(bound.next_down()) } else { bound }, bound),
            None => (bound, f64::NEG_INFINITY),
        };
        let high = |bound: f64| match above {
            Some(epsilon) if peer => (bound + epsilon, f64::INFINITY),
            Some(epsilon) => (if epsilon > 0.0 { (bound + epsilon).max(bound.next_up()) } else { bound }, bound),
            None => (bound, f64::INFINITY),
        };
        let link = self.link(peer);
        match (&self.lower, &self.upper) {
            (Some(lower), Some(upper)) => spread("constrain", key, shape, [lower, upper], |[l, u]| {
                let ((lower, floor), (upper, ceiling)) = (low(l), high(u));
                match peer {
                    true => ScalarMap::NaiveBetween { lower, upper },
                    false => ScalarMap::Between { lower, upper, floor, ceiling },
                }
            }),
            (Some(lower), None) => spread("constrain", key, shape, [lower], |[l]| {
                let (bound, floor) = low(l);
                ScalarMap::Above { bound, floor, link }
            }),
            (None, Some(upper)) => spread("constrain", key, shape, [upper], |[u]| {
                let (bound, ceiling) = high(u);
                ScalarMap::Below { bound, ceiling, link }
            }),
            (None, None) => self.check().map(|()| Vec::new()),
        }
    }

    fn remedy(&self) -> &'static str {
        "widen the bound, make it inclusive, or check the simulator or the observed data"
    }
}

impl std::fmt::Display for Constrain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "constrain {}", self.keys)?;
        if let Some(lower) = &self.lower {
            write!(f, ", lower {lower}")?;
        }
        if let Some(upper) = &self.upper {
            write!(f, ", upper {upper}")?;
        }
        let named = format!("{:?}, inclusive {:?}", self.method, self.inclusive).to_lowercase();
        write!(f, ", method {named}, epsilon {:e}", self.epsilon)
    }
}
