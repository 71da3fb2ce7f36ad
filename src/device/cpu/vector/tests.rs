use super::*;
use crate::device::cpu::lanes::{self, Isa};
use crate::math::Function;

/// Numbers at which functions change their branch, and the ends of ranges.
fn special() -> Vec<f32> {
    let edges = [
        0.0,
        1.0,
        0.5,
        0.75,
        1.5,
        3.0,
        6.0,
        0.2,
        0.25,
        10.0,
        9.01,
        20.0,
        88.7228,
        88.72284,
        88.3762,
        89.0,
        90.0,
        87.33,
        103.97,
        103.9721,
        104.0,
        105.0,
        15.0,
        14.5,
        14.2,
        150.0,
        0.927_734_4,
        3.9,
        4.0,
        0.346_573_6,
        std::f32::consts::LN_2,
        1e10,
        1e-30,
        1e30,
        f32::MIN_POSITIVE,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
        1.2e19,
        1.9e19,
        0.999_999_94,
        1e-45,
        1.1e-38,
        2.9e38,
    ];
    let around = |x: f32| [-2, -1, 0, 1, 2].map(|step| f32::from_bits(x.to_bits().wrapping_add_signed(step)));
    edges.iter().flat_map(|&x| around(x)).flat_map(|x| [x, -x]).collect()
}

/// The special numbers, then every `step`-th bit pattern.
fn sample(step: usize) -> Vec<f32> {
    let mut all = special();
    all.extend((0..=u32::MAX).step_by(step).map(f32::from_bits));
    all
}

fn values(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    apply(isa, function, x, &mut y);
    y
}

fn derivatives(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    derivative(isa, function, x, &vec![1.0; x.len()], &mut y, false);
    y
}

/// The argument with the largest error, and that error.
fn worst(x: &[f32], y: &[f32], accuracy: Accuracy, exact: impl Fn(f64) -> f64) -> (f32, f64) {
    let errors = x.iter().zip(y).map(|(&x, &y)| (x, accuracy.error(y, exact(f64::from(x)))));
    errors.fold((0.0, 0.0), |worst, next| if next.1 > worst.1 { next } else { worst })
}

/// Outside of the closed domain the reference promises nothing.
fn inside(function: Function, x: &[f32]) -> Vec<f32> {
    let (lower, upper) = function.domain();
    x.iter().copied().filter(|&x| x.is_nan() || (f64::from(x) >= lower && f64::from(x) <= upper)).collect()
}

const CORE: [Function; 9] = [
    Function::Exp,
    Function::Expm1,
    Function::Log,
    Function::Log1p,
    Function::Tanh,
    Function::Sigmoid,
    Function::Softplus,
    Function::Erf,
    Function::Asinh,
];

fn check(function: Function, step: usize) -> [(f32, f64); 2] {
    let x = inside(function, &sample(step));
    let isa = Isa::default();
    let value = worst(&x, &values(isa, function, &x), accuracy(function), |x| function.value(x));
    let slope = worst(&x, &derivatives(isa, function, &x), derivative_accuracy(function), |x| function.derivative(x));
    [value, slope]
}

fn assert_within(function: Function, step: usize) {
    let [value, slope] = check(function, step);
    let bounds = [accuracy(function).ulps, derivative_accuracy(function).ulps];
    println!(
        "{:16} {:.4} ulp at {:e}; derivative {:.4} ulp at {:e}",
        function.name(),
        value.1,
        value.0,
        slope.1,
        slope.0
    );
    assert!(value.1 <= bounds[0], "{function}: {} ulp at {:e}, stated {}", value.1, value.0, bounds[0]);
    assert!(slope.1 <= bounds[1], "{function}': {} ulp at {:e}, stated {}", slope.1, slope.0, bounds[1]);
}

#[test]
fn errors_are_within_the_stated_bounds() {
    for &function in Function::ALL {
        assert_within(function, if CORE.contains(&function) { 4099 } else { 16_411 });
    }
}

/// All 2³² arguments, or a part of the functions named in `FERROFLOW_SWEEP`; prints the measured maxima.
#[test]
#[ignore = "minutes per function; run in release"]
fn errors_of_all_arguments_are_within_the_stated_bounds() {
    let chosen = std::env::var("FERROFLOW_SWEEP").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split(',').filter(|name| !name.is_empty()).collect();
    let isa = Isa::default();
    for &function in CORE.iter().filter(|function| chosen.is_empty() || chosen.contains(&function.name())) {
        let worst_of = |range: std::ops::Range<u64>| {
            let mut most = (0.0, 0.0);
            for start in range.step_by(1 << 16) {
                let x: Vec<f32> = (start..start + (1 << 16)).map(|bits| f32::from_bits(bits as u32)).collect();
                let x = inside(function, &x);
                let next = worst(&x, &values(isa, function, &x), accuracy(function), |x| function.value(x));
                if next.1 > most.1 {
                    most = next;
                }
            }
            most
        };
        let (positive, negative) = std::thread::scope(|scope| {
            let half = scope.spawn(|| worst_of(0..1 << 31));
            (worst_of(1 << 31..1 << 32), half.join().unwrap())
        });
        let most = if positive.1 > negative.1 { positive } else { negative };
        println!("{:16} {:.4} ulp at {:e}", function.name(), most.1, most.0);
        assert!(most.1 <= accuracy(function).ulps, "{function}: {} ulp at {:e}", most.1, most.0);
    }
}

fn same_bits(a: &[f32], b: &[f32]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()))
}

#[test]
fn instruction_sets_agree_bit_by_bit() {
    let x = sample(40_009);
    for &function in Function::ALL {
        let expected = (values(Isa::default(), function, &x), derivatives(Isa::default(), function, &x));
        for &isa in &Isa::available()[1..] {
            let at = same_bits(&values(isa, function, &x), &expected.0);
            assert_eq!(at, None, "{isa} {function} at {:e}", x[at.unwrap_or(0)]);
            let at = same_bits(&derivatives(isa, function, &x), &expected.1);
            assert_eq!(at, None, "{isa} derivative of {function} at {:e}", x[at.unwrap_or(0)]);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_place_in_the_slice() {
    let x: Vec<f32> = (0..67).map(|i| (i as f32 - 33.0) * 0.31).collect();
    for &isa in Isa::available() {
        for &function in Function::ALL {
            let (whole, slopes) = (values(isa, function, &x), derivatives(isa, function, &x));
            for start in [0, 1, 5, 30, 66, 67] {
                for end in [start, 67.min(start + 1), 67.min(start + 13), 67] {
                    assert_eq!(same_bits(&values(isa, function, &x[start..end]), &whole[start..end]), None);
                    assert_eq!(same_bits(&derivatives(isa, function, &x[start..end]), &slopes[start..end]), None);
                }
            }
            let mut in_place = x.clone();
            apply_in_place(isa, function, &mut in_place);
            assert_eq!(same_bits(&in_place, &whole), None, "{function}");
        }
    }
}

#[test]
fn derivatives_are_multiplied_and_accumulated() {
    let x = [-1.5, -0.25, 0.0, 0.75, 2.0];
    let g = [2.0, -1.0, 0.5, 3.0, -0.25];
    for function in [Function::Tanh, Function::Sin, Function::Mish] {
        let slopes = derivatives(Isa::default(), function, &x);
        let mut once = [0.0; 5];
        derivative(Isa::default(), function, &x, &g, &mut once, false);
        let mut twice = once;
        derivative(Isa::default(), function, &x, &g, &mut twice, true);
        for i in 0..5 {
            assert_eq!(once[i], g[i] * slopes[i], "{function}");
            assert_eq!(twice[i], once[i] + once[i], "{function}");
        }
    }
}

#[test]
fn values_and_derivatives_together() {
    let x = sample(1 << 24);
    for &isa in Isa::available() {
        for &function in Function::ALL {
            let (mut y, mut slope) = (x.clone(), vec![0.0; x.len()]);
            with_derivative(isa, function, &mut y, &mut slope);
            assert_eq!(same_bits(&y, &values(isa, function, &x)), None, "{}", function.name());
            assert_eq!(same_bits(&slope, &derivatives(isa, function, &x)), None, "{}", function.name());
        }
    }
}

#[test]
fn zero_keeps_its_sign_where_the_function_is_odd() {
    use Function::{Asinh, Erf, Expm1, Log1p, Softsign, Tanh};
    for function in [Asinh, Erf, Expm1, Log1p, Softsign, Tanh] {
        let y = values(Isa::default(), function, &[0.0, -0.0]);
        assert_eq!(y.iter().map(|y| y.to_bits()).collect::<Vec<_>>(), [0, 0x8000_0000], "{function}");
    }
}

/// The shorter exponential function has the error of the longer one, and zeros instead of its smallest results.
#[test]
fn the_exponential_of_numbers_that_are_not_positive() {
    struct Each<'a>(&'a mut [f32]);
    impl lanes::Kernel for Each<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            self.0.chunks_mut(L::WIDTH).for_each(|x| l.write(x, exp_not_positive(l, l.read(x))));
        }
    }
    let x: Vec<f32> = sample(4099).into_iter().filter(|x| x.is_nan() || *x <= 0.0).collect();
    for &isa in Isa::available() {
        let mut y = x.clone();
        isa.run(Each(&mut y));
        let accuracy = accuracy(Function::Exp);
        for (&x, &y) in x.iter().zip(&y) {
            if x < -87.0 {
                assert_eq!(y, 0.0, "{x:e}");
            } else {
                let error = accuracy.error(y, f64::from(x).exp());
                assert!(error <= accuracy.ulps, "{error} ulp at {x:e}");
            }
        }
    }
}
