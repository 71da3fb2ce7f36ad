//! The table of unary functions.

use crate::error::{Error, Result};

use super::{elementary, gated, rectifiers, sigmoids};

/// All that is known of one function.
pub(super) struct Row {
    name: &'static str,
    value: fn(f64) -> f64,
    derivative: fn(f64) -> f64,
    inverse: Option<fn(f64) -> f64>,
    domain: (f64, f64),
    kinks: &'static [f64],
}

impl Row {
    /// A function that is smooth on the whole line and has no inverse in closed form.
    pub(super) const fn new(name: &'static str, value: fn(f64) -> f64, derivative: fn(f64) -> f64) -> Self {
        Row { name, value, derivative, inverse: None, domain: (f64::NEG_INFINITY, f64::INFINITY), kinks: &[] }
    }

    pub(super) const fn inverse(mut self, inverse: fn(f64) -> f64) -> Self {
        self.inverse = Some(inverse);
        self
    }

    pub(super) const fn domain(mut self, lower: f64, upper: f64) -> Self {
        self.domain = (lower, upper);
        self
    }

    pub(super) const fn kinks(mut self, kinks: &'static [f64]) -> Self {
        self.kinks = kinks;
        self
    }
}

/// Declares the enum, its list and the way from a member to its row, so that none of the three can be forgotten.
macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $row:path,)*) => {
        /// A unary function of real numbers, as elementwise operation or as activation.
        ///
        /// In text (configuration files, [`std::str::FromStr`]) a function is its kebab-case name; underscores are
        /// accepted for hyphens, and so are the usual second names (`swish`, `hard_swish`, `exponential`, …).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum Function {
            $($(#[$doc])* $variant,)*
        }

        impl Function {
            /// Every function.
            pub const ALL: &'static [Function] = &[$(Function::$variant,)*];

            const fn row(self) -> &'static Row {
                match self {
                    $(Function::$variant => &$row,)*
                }
            }
        }
    };
}

functions! {
    /// `eˣ`.
    Exp = elementary::EXP,
    /// `eˣ − 1` without cancellation at zero.
    Expm1 = elementary::EXPM1,
    /// `ln x` for `x > 0`.
    Log = elementary::LOG,
    /// `ln(1 + x)` for `x > −1`, without cancellation at zero.
    Log1p = elementary::LOG1P,
    /// `√x` for `x ≥ 0`.
    Sqrt = elementary::SQRT,
    /// `x²`. Its inverse is the root that is not negative.
    Square = elementary::SQUARE,
    /// `|x|`.
    Abs = elementary::ABS,
    /// `1/x` for `x ≠ 0`.
    Reciprocal = elementary::RECIPROCAL,
    /// `−x`.
    Neg = elementary::NEG,
    /// `sin x`; NaN at infinity.
    Sin = elementary::SIN,
    /// `cos x`; NaN at infinity.
    Cos = elementary::COS,
    /// `tan x` for `|x| < π/2`; NaN at infinity.
    Tan = elementary::TAN,
    /// `arctan x`.
    Arctan = elementary::ARCTAN,
    /// `arsinh x`.
    Asinh = elementary::ASINH,
    /// `2/√π ∫₀ˣ e^(−t²) dt`.
    Erf = elementary::ERF,
    /// `tanh x`.
    Tanh = sigmoids::TANH,
    /// `σ(x) = 1/(1 + e^(−x))`.
    Sigmoid = sigmoids::SIGMOID,
    /// `ln σ(x) = −softplus(−x)`.
    LogSigmoid = sigmoids::LOG_SIGMOID,
    /// `ln(1 + eˣ)`.
    Softplus = sigmoids::SOFTPLUS,
    /// `½(x + √(x² + 4))`.
    Squareplus = sigmoids::SQUAREPLUS,
    /// `x/(1 + |x|)`.
    Softsign = sigmoids::SOFTSIGN,
    /// `x − tanh x`.
    TanhShrink = sigmoids::TANH_SHRINK,
    /// `clip(x/6 + ½, 0, 1)`.
    HardSigmoid = rectifiers::HARD_SIGMOID,
    /// `clip(x, −1, 1)`.
    HardTanh = rectifiers::HARD_TANH,
    /// `clip((x + 1)/2, 0, 1)`.
    SparseSigmoid = rectifiers::SPARSE_SIGMOID,
    /// 0 for `x ≤ −1`, `(x + 1)²/4` between, `x` for `x ≥ 1`: the integral of [`Function::SparseSigmoid`].
    SparsePlus = rectifiers::SPARSE_PLUS,
    /// `x`.
    Linear = rectifiers::LINEAR,
    /// `max(x, 0)`.
    Relu = rectifiers::RELU,
    /// `clip(x, 0, 6)`.
    Relu6 = rectifiers::RELU6,
    /// `x` for `x ≥ 0`, else `0.2 x`.
    LeakyRelu = rectifiers::LEAKY_RELU,
    /// `x` for `x > 0`, else `eˣ − 1`.
    Elu = rectifiers::ELU,
    /// Equal to [`Function::Elu`] at the only `α` in use, 1.
    Celu = rectifiers::CELU,
    /// `λx` for `x > 0`, else `λα(eˣ − 1)`, self-normalising.
    Selu = rectifiers::SELU,
    /// `x` where `|x| > ½`, else 0.
    HardShrink = rectifiers::HARD_SHRINK,
    /// `sign(x) max(|x| − ½, 0)`.
    SoftShrink = rectifiers::SOFT_SHRINK,
    /// `xσ(x)`, also called swish.
    Silu = gated::SILU,
    /// `x clip(x + 3, 0, 6)/6`, also called hard swish.
    HardSilu = gated::HARD_SILU,
    /// `xΦ(x)` with the cumulative distribution of the standard normal, exact.
    Gelu = gated::GELU,
    /// `½x(1 + tanh(√(2/π)(x + 0.044715x³)))`, the approximation of [`Function::Gelu`].
    GeluTanh = gated::GELU_TANH,
    /// `x tanh(softplus(x))`.
    Mish = gated::MISH,
}

/// Second names, in kebab-case, and the first name they stand for.
const ALIASES: &[(&str, Function)] = &[
    ("exponential", Function::Exp),
    ("swish", Function::Silu),
    ("hard-swish", Function::HardSilu),
    ("identity", Function::Linear),
    ("absolute", Function::Abs),
    ("negative", Function::Neg),
    ("arcsinh", Function::Asinh),
    ("expit", Function::Sigmoid),
];

impl Function {
    /// The number in [`Function::ALL`], by which kernels know the function.
    pub fn index(self) -> u32 {
        Function::ALL.iter().position(|&f| f == self).unwrap_or(0) as u32
    }

    /// The name in kebab-case, such as `hard-silu`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The value at `x`, without needless overflow and cancellation anywhere on the line; at an infinite `x` the limit.
    /// NaN gives NaN, and so does an `x` outside of the [domain](Function::domain).
    pub fn value(self, x: f64) -> f64 {
        if x.is_nan() { x } else { (self.row().value)(x) }
    }

    /// The derivative at `x`; at an infinite `x` the limit, NaN at NaN.
    ///
    /// At a [kink](Function::kinks) it is the subgradient of the peer: 0 for relu, relu6, hard-sigmoid and the shrinking
    /// functions; 1 for leaky-relu and hard-tanh; the left derivative `λα` for selu; 0 for abs; ¼, the mean of both
    /// sides, for sparse-sigmoid; for hard-silu 0 at −3 and 1 at 3.
    pub fn derivative(self, x: f64) -> f64 {
        if x.is_nan() { x } else { (self.row().derivative)(x) }
    }

    /// The inverse function, where one exists in closed form: `value(inverse(y)) = y` for every `y` in the image. It gives
    /// the root in the [domain](Function::domain), for [`Function::Square`] the one that is not negative. Outside
    /// of the image it is NaN or infinite.
    pub fn inverse(self) -> Option<fn(f64) -> f64> {
        self.row().inverse
    }

    /// The open interval on which the function is defined and one branch of it is meant. (For [`Function::Reciprocal`]
    /// the positive half of its two.)
    pub const fn domain(self) -> (f64, f64) {
        self.row().domain
    }

    /// The points of the domain at which the derivative jumps. Finite differences keep away from them.
    pub const fn kinks(self) -> &'static [f64] {
        self.row().kinks
    }
}

impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Function {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.replace('_', "-");
        let first = Function::ALL.iter().copied().find(|function| function.name() == name);
        let second = || ALIASES.iter().find(|(alias, _)| *alias == name).map(|&(_, function)| function);
        first.or_else(second).ok_or_else(|| {
            let known: Vec<&str> = Function::ALL.iter().map(|function| function.name()).collect();
            Error::argument(
                "function",
                format!("'{text}' is not the name of a function or activation; choose one of {}", known.join(", ")),
            )
        })
    }
}

impl From<Function> for String {
    fn from(function: Function) -> String {
        function.name().to_owned()
    }
}

impl TryFrom<String> for Function {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}
