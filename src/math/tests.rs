use super::*;

/// Points between −12 and 12 inside of the domain, none within 0.01 of a kink.
fn grid(function: Function) -> impl Iterator<Item = f64> {
    let (lower, upper) = function.domain();
    (0..=2400)
        .map(|i| f64::from(i) * 0.01 - 11.9973)
        .filter(move |&x| x > lower + 0.005 && x < upper - 0.02)
        .filter(move |&x| function.kinks().iter().all(|kink| (x - kink).abs() > 0.01))
}

/// Reference and result agree to `tolerance`, relative to the reference or, below one, to `scale`.
fn assert_near(what: &str, x: f64, result: f64, reference: f64, tolerance: f64) {
    let bound = tolerance * reference.abs().max(1.0);
    assert!((result - reference).abs() <= bound, "{what} at {x}: {result} instead of {reference}");
}

#[test]
fn derivatives_agree_with_central_differences() {
    for &function in Function::ALL {
        let mut points = 0;
        for x in grid(function) {
            let h = 1e-4 * x.abs().clamp(0.05, 1.0);
            let slope = |h: f64| (function.value(x + h) - function.value(x - h)) / (2.0 * h);
            let richardson = (4.0 * slope(0.5 * h) - slope(h)) / 3.0;
            assert_near(function.name(), x, function.derivative(x), richardson, 3e-8);
            points += 1;
        }
        assert!(points > 100, "{function} was tried at {points} points only");
    }
}

#[test]
fn inverses_undo_values() {
    let invertible = Function::ALL.iter().filter_map(|f| f.inverse().map(|inverse| (f, inverse)));
    let mut tried = 0;
    for (function, inverse) in invertible {
        tried += 1;
        for x in grid(*function) {
            let y = function.value(x);
            let back = function.value(inverse(y));
            let conditioning = if function.derivative(x).abs() < 1e-6 { 1e-9 } else { 1e-12 };
            assert_near(&format!("inverse of {function}"), x, back, y, conditioning);
        }
    }
    assert!(tried >= 18);
}

#[test]
fn extreme_arguments_give_limits() {
    for &function in Function::ALL {
        assert!(function.value(f64::NAN).is_nan(), "{function}(NaN)");
        assert!(function.derivative(f64::NAN).is_nan(), "{function}'(NaN)");
        let periodic = matches!(function, Function::Sin | Function::Cos | Function::Tan);
        for x in [1e30, -1e30, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            if periodic || (x < 0.0 && function.domain().0 > f64::NEG_INFINITY) {
                continue;
            }
            let (value, derivative) = (function.value(x), function.derivative(x));
            assert!(!value.is_nan(), "{function}({x})");
            assert!(!derivative.is_nan(), "{function}'({x})");
        }
    }
    let limits = [
        (Function::Silu, 0.0, f64::INFINITY),
        (Function::Gelu, 0.0, f64::INFINITY),
        (Function::GeluTanh, 0.0, f64::INFINITY),
        (Function::Mish, 0.0, f64::INFINITY),
        (Function::HardSilu, 0.0, f64::INFINITY),
        (Function::Softplus, 0.0, f64::INFINITY),
        (Function::Squareplus, 0.0, f64::INFINITY),
        (Function::LogSigmoid, f64::NEG_INFINITY, 0.0),
        (Function::Softsign, -1.0, 1.0),
        (Function::Sigmoid, 0.0, 1.0),
        (Function::Elu, -1.0, f64::INFINITY),
        (Function::Arctan, -std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2),
    ];
    for (function, lower, upper) in limits {
        assert_eq!(function.value(f64::NEG_INFINITY), lower, "{function}(−∞)");
        assert_eq!(function.value(f64::INFINITY), upper, "{function}(∞)");
        let slope_above = if upper.is_infinite() { 1.0 } else { 0.0 };
        let slope_below = if lower.is_infinite() { 1.0 } else { 0.0 };
        assert_eq!(function.derivative(f64::INFINITY), slope_above, "{function}'(∞)");
        assert_eq!(function.derivative(f64::NEG_INFINITY), slope_below, "{function}'(−∞)");
    }
}

#[test]
fn tails_keep_relative_accuracy() {
    let cases = [
        (Function::Tanh, 1.0, 0.761_594_155_955_764_9),
        (Function::Softplus, -40.0, 4.248354255291589e-18),
        (Function::Sigmoid, -700.0, 9.859_676_543_759_77e-305),
        (Function::LogSigmoid, 40.0, -4.248354255291589e-18),
        (Function::Gelu, -30.0, -1.472014178144372e-196),
        (Function::Squareplus, -1e9, 1e-9),
        (Function::TanhShrink, 1e-3, 3.333_332_000_000_54e-10),
        (Function::TanhShrink, 0.02, 2.666_240_069_068_17e-6),
        (Function::TanhShrink, 0.0200001, 2.666_280_058_605_381e-6),
    ];
    for (function, x, expected) in cases {
        let error = (function.value(x) / expected - 1.0).abs();
        assert!(error < 1e-12, "{function}({x}) = {} instead of {expected}", function.value(x));
    }
    assert!((Function::Tanh.derivative(18.0) / 9.278_091_320_974_273e-16 - 1.0).abs() < 1e-12);
}

#[test]
fn published_vectors() {
    let x = [-3.5, -2.0, -0.5, 0.0, 0.5, 2.0, 3.5];
    let rows = [
        (Function::Mish, [-0.104096, -0.252501, -0.220744, 0.0, 0.375245, 1.943959, 3.493991]),
        (Function::Silu, [-0.102593, -0.238406, -0.188770, 0.0, 0.311230, 1.761594, 3.397407]),
        (Function::Gelu, [-8.142018e-4, -0.0455003, -0.154269, 0.0, 0.345731, 1.954500, 3.499186]),
        (Function::HardSilu, [0.0, -0.333333, -0.208333, 0.0, 0.291667, 1.666667, 3.5]),
    ];
    for (function, expected) in rows {
        for (x, y) in x.into_iter().zip(expected) {
            assert_near(function.name(), x, function.value(x), y, 6e-7);
        }
    }
    // The affine map of the coupling layer: scale = shifted softplus of arsinh.
    let scale = |s: f64| shifted_softplus(Function::Asinh.value(s));
    assert_near("scale", 1.0, scale(1.0), 1.6386665, 5e-8);
    assert_near("scale", 2.0, scale(2.0), 2.113693, 5e-7);
}

#[test]
fn names_are_unique_parse_and_serialise() {
    for &function in Function::ALL {
        assert_eq!(function.name().parse::<Function>().unwrap(), function);
        assert_eq!(function.name().replace('-', "_").parse::<Function>().unwrap(), function);
        let json = serde_json::to_string(&function).unwrap();
        assert_eq!(json, format!("\"{}\"", function.name()));
        assert_eq!(serde_json::from_str::<Function>(&json).unwrap(), function);
    }
    let peer = [
        ("swish", Function::Silu),
        ("hard_swish", Function::HardSilu),
        ("exponential", Function::Exp),
        ("log_sigmoid", Function::LogSigmoid),
        ("gelu_tanh", Function::GeluTanh),
    ];
    for (name, function) in peer {
        assert_eq!(name.parse::<Function>().unwrap(), function);
    }
    let message = "swoosh".parse::<Function>().unwrap_err().to_string();
    assert!(message.contains("'swoosh'") && message.contains("hard-silu"), "{message}");
    assert!(serde_json::from_str::<Function>("\"swoosh\"").is_err());
}

#[test]
fn links_invert_each_other_over_the_line() {
    for y in [1e-300, 1e-10, 0.1, std::f64::consts::LN_2, 0.7, 1.0, 5.0, 20.0, 40.0, 700.0, 1e5, 1e300] {
        assert_near("softplus", y, softplus(inverse_softplus(y)) / y, 1.0, 1e-13);
        let shifted = shifted_softplus(inverse_shifted_softplus(y));
        assert_near("shifted softplus", y, shifted / y, 1.0, 1e-10);
    }
    assert_eq!(inverse_softplus(0.0), f64::NEG_INFINITY);
    assert!(inverse_softplus(-1e-9).is_nan());
    assert_near("shifted softplus", 0.0, shifted_softplus(0.0), 1.0, 1e-15);
    for p in [1e-300, 1e-12, 0.2, 0.5, 0.999] {
        assert_near("sigmoid", p, sigmoid(logit(p)) / p, 1.0, 1e-12);
    }
    assert_eq!((logit(0.0), logit(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(logit(1.1).is_nan() && logit(-0.1).is_nan());
    for x in [-1e-20_f64, -1e-5, -0.5, -0.7, -3.0, -40.0] {
        let reference = if x > -1e-4 { (-x).ln() + 0.5 * x } else { (1.0 - x.exp()).ln() };
        assert_near("ln(1 - e^x)", x, ln_one_minus_exp(x), reference, 1e-10);
    }
}

#[test]
fn log_sum_exp_shifts_by_the_largest_term() {
    assert_near("log-sum-exp", 0.0, log_sum_exp(&[1000.0, 1000.0]), 1000.0 + std::f64::consts::LN_2, 1e-15);
    assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    assert_eq!(log_sum_exp(&[f64::NEG_INFINITY; 3]), f64::NEG_INFINITY);
    assert_eq!(log_sum_exp(&[0.0, f64::INFINITY]), f64::INFINITY);
    assert!(log_sum_exp(&[0.0, f64::NAN, f64::INFINITY]).is_nan());
}

#[test]
fn special_functions_at_known_points() {
    assert_near("ln gamma", 0.5, ln_gamma(0.5), 0.572_364_942_924_700_1, 1e-15);
    assert_near("ln gamma", 171.0, ln_gamma(171.0), 706.573_062_245_787_4, 1e-15);
    assert_near("Φ", 1.96, normal_cdf(1.96), 0.975_002_104_851_780, 1e-14);
    assert_near("Φ", -10.0, normal_cdf(-10.0) / 7.619_853_024_160_527e-24, 1.0, 1e-12);
    assert_near("Φ⁻¹", 0.975, normal_quantile(0.975), 1.959_963_984_540_054, 1e-14);
    for i in 1..200 {
        let x = f64::from(i) * 0.1 - 12.0;
        assert_near("Φ⁻¹(Φ)", x, normal_quantile(normal_cdf(x)), x, if x > 4.0 { 1e-3 } else { 1e-11 });
    }
    assert_eq!((normal_quantile(0.0), normal_quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(normal_quantile(-0.1).is_nan() && normal_quantile(f64::NAN).is_nan());
}

#[test]
fn statistics_follow_numpy() {
    let sample = [1.0, 2.0, 4.0, 8.0];
    assert_eq!(mean(&sample), 3.75);
    assert_eq!(variance(&sample, 0), 7.1875);
    assert_near("variance", 1.0, variance(&sample, 1), 9.583333333333334, 1e-15);
    assert!(mean(&[]).is_nan() && variance(&[1.0], 1).is_nan());
    for (q, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (0.75, 5.0), (0.9, 6.8), (1.0, 8.0)] {
        assert_near("quantile", q, quantile(&sample, q), expected, 1e-15);
    }
    assert_eq!(quantile(&[0.1, 0.1, 0.1], 0.3), 0.1);
    assert!(quantile(&[], 0.5).is_nan() && quantile(&sample, 1.01).is_nan());
}
