use super::*;
use crate::autodiff::Tape;
use crate::device::Device;
use crate::device::cpu::Isa;
use crate::random::Key;
use rand::RngExt;

const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Inverse];

struct Outcome {
    y: Vec<f32>,
    log_det: Vec<f32>,
    dx: Vec<f32>,
    draw: Vec<f32>,
}

/// Applies the spline to one element per row and takes the gradient of `Σ y + Σ ℓ`.
fn apply(device: &Device, spline: &Spline, direction: Direction, x: &[f32], raw: &[f32]) -> Outcome {
    let tape = Tape::new(device);
    let x = tape.input(Tensor::from_values(device, [x.len(), 1], x).unwrap());
    let rows = x.shape().rows();
    let raw = tape.input(Tensor::from_values(device, [rows, spline.parameters()], raw).unwrap());
    let y = tape.apply(&CouplingSpline, &[x, raw], CouplingSpline::attributes(direction, spline));
    tape.backward(y.sum() + y.output(1).sum()).unwrap();
    let [y, log_det] = [y, y.output(1)].map(|v| v.value().unwrap().values().unwrap());
    let [dx, draw] = [x, raw].map(|v| tape.gradient(v).unwrap().values().unwrap());
    Outcome { y, log_det, dx, draw }
}

fn raw_of(rows: usize, spline: &Spline, scale: f32, key: Key) -> Vec<f32> {
    let mut stream = key.stream();
    (0..rows * spline.parameters()).map(|_| scale * (2.0 * stream.random::<f32>() - 1.0)).collect()
}

/// The whole line and raw values far beyond what a network gives: nothing is NaN or infinite.
#[test]
fn everything_is_finite_on_the_whole_line() {
    let line = [
        -1e30, -1e10, -1e4, -20.0, -3.0, -1.0, -1e-3, -1e-30, 0.0, 1e-30, 1e-3, 0.5, 2.999, 3.0, 3.001, 50.0, 1e4,
        1e10, 1e30,
    ];
    for &isa in Isa::available() {
        let device = Device::cpu_with(1, isa).unwrap();
        for bins in [1, 2, 16, 64] {
            let domain = if bins > 50 { [-5.0, 5.0, -5.0, 5.0] } else { [-3.0, 3.0, -3.0, 3.0] };
            let spline = Spline { bins, default_domain: domain, ..Spline::default() };
            for direction in DIRECTIONS {
                for scale in [0.0, 1.0, 30.0, 1e4] {
                    let raw = raw_of(line.len(), &spline, scale, Key::new(3).at(bins as u64));
                    let mut outcome = apply(&device, &spline, direction, &line, &raw);
                    // Each parameter in turn at both ends.
                    for p in 0..spline.parameters() {
                        for extreme in [-1e4, 1e4] {
                            let mut raw = raw.clone();
                            raw.chunks_mut(spline.parameters()).for_each(|raw| raw[p] = extreme);
                            let more = apply(&device, &spline, direction, &line, &raw);
                            outcome.y.extend(more.y);
                            outcome.log_det.extend(more.log_det);
                            outcome.dx.extend(more.dx);
                            outcome.draw.extend(more.draw);
                        }
                    }
                    let Outcome { y, log_det, dx, draw } = outcome;
                    for (name, values) in [("y", y), ("log-determinant", log_det), ("dx", dx), ("draw", draw)] {
                        let bad = values.iter().position(|v| !v.is_finite());
                        assert_eq!(bad, None, "{name}, {isa}, {bins} bins, {direction:?}, raw within {scale}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_inverse_takes_back() {
    let device = Device::cpu();
    let spline = Spline::default();
    let x: Vec<f32> = (0..2001).map(|i| -5.0 + 0.005 * i as f32).collect();
    for scale in [0.0, 1.0, 5.0] {
        let raw = raw_of(x.len(), &spline, scale, Key::new(4));
        let there = apply(&device, &spline, Direction::Forward, &x, &raw);
        let back = apply(&device, &spline, Direction::Inverse, &there.y, &raw);
        for i in 0..x.len() {
            // An error of one rounding in y is an error in x of that divided by the slope.
            let slope = there.log_det[i].exp();
            let bound = 1e-5 * (1.0 + x[i].abs() + (1.0 + there.y[i].abs()) / slope);
            assert!((back.y[i] - x[i]).abs() < bound, "scale {scale}: {} for {}, slope {slope}", back.y[i], x[i]);
        }
    }
}

#[test]
fn special_coordinates() {
    let device = Device::cpu();
    let spline = Spline { bins: 4, ..Spline::default() };
    let raw = vec![0.1; 3 * spline.parameters()];
    for direction in DIRECTIONS {
        let x = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN];
        let Outcome { y, log_det, .. } = apply(&device, &spline, direction, &x, &raw);
        assert_eq!(y[..2], x[..2]);
        assert!(log_det[..2].iter().all(|l| l.is_finite()));
        assert!(y[2].is_nan() && log_det[2].is_nan());
    }
}

/// NaN in each parameter turns up in the result of every element it can move.
#[test]
fn parameters_that_are_not_numbers_are_seen() {
    let device = Device::cpu();
    let spline = Spline { bins: 3, ..Spline::default() };
    let x = [-2.0, 0.0, 2.0];
    for p in 0..4 + 2 * spline.bins {
        let mut raw = vec![0.1; 3 * spline.parameters()];
        raw.chunks_mut(spline.parameters()).for_each(|raw| raw[p] = f32::NAN);
        let y = apply(&device, &spline, Direction::Forward, &x, &raw).y;
        assert!(y.iter().all(|y| y.is_nan()), "parameter {p}: {y:?}");
    }
}

/// The vectors of the specification: four bins, domain ±2, raw parameters `sin 1 … sin 30`.
#[test]
fn conformance() {
    let spline = Spline { bins: 4, default_domain: [-2.0, 2.0, -2.0, 2.0], ..Spline::default() };
    let raw: Vec<f64> = (1..=30).map(|i| f64::from(i).sin()).collect();
    let knots = spline.knots(&raw[..15]);
    let expected = [-1.158529, -0.821445, -0.253700, 1.039419, 2.802950];
    assert!(knots.horizontal.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{knots:?}");
    let raw: Vec<f32> = raw.iter().map(|&u| u as f32).collect();
    let device = Device::cpu();
    for (x, expected) in
        [([0.3, -0.7], [0.954054, -2.241568, -2.976243]), ([-5.0, 1.2], [-3.800953, 1.984745, 0.000493])]
    {
        let Outcome { y, log_det, .. } = apply(&device, &spline, Direction::Forward, &x, &raw);
        let got = [y[0], y[1], log_det[0] + log_det[1]];
        assert!(got.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 5e-6), "{got:?} for {expected:?}");
        let back = apply(&device, &spline, Direction::Inverse, &y, &raw);
        assert!(back.y.iter().zip(x).all(|(a, b)| (a - b).abs() < 5e-6));
        assert!((back.log_det[0] + back.log_det[1] + got[2]).abs() < 5e-6);
    }
}

#[test]
fn configurations_out_of_range_are_named() {
    let default = Spline::default();
    let message = |spline: Spline| spline.check().unwrap_err().to_string();
    assert!(default.check().is_ok());
    assert!(message(Spline { bins: 0, ..default }).starts_with("bins"));
    assert!(message(Spline { bins: 65, ..default }).starts_with("bins"));
    assert!(message(Spline { bins: 61, ..default }).starts_with("default_domain"));
    assert!(message(Spline { min_bin_height: 0.0, ..default }).starts_with("min_bin_height"));
    assert!(message(Spline { min_width: f64::NAN, ..default }).starts_with("min_width"));
}
