//! What a flow is: an invertible map with the log-determinant it states, and a density that integrates to one. The suites run
//! over a table of flows with weights that are far from where they start.

use ferroflow::autodiff::{Tape, Var};
use ferroflow::bijections::{Affine, Permutation, Spline, Transform};
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::distributions::{DiagonalNormal, DiagonalStudentT, Mixture};
use ferroflow::math::Function;
use ferroflow::networks::CouplingFlow;
use ferroflow::networks::inference::{BuiltCouplingFlow, BuiltInferenceNetwork};
use ferroflow::nn::{Mlp, Pass, Stage};
use ferroflow::ops::Direction;
use ferroflow::ops::fused_flow::{FusedFlow, RowConditions};
use ferroflow::parameters::{Builder, Parameters, Role};
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;
use rand_distr::{Distribution, StandardNormal};

struct Flow {
    name: &'static str,
    config: CouplingFlow,
    dimension: usize,
    condition: usize,
}

/// One of each part that a coupling flow can be made of.
fn table() -> Vec<Flow> {
    let config = CouplingFlow {
        depth: 2,
        subnet: Mlp { widths: vec![16, 16], activation: Function::Mish, dropout: 0.1, ..Mlp::for_couplings() },
        ..CouplingFlow::default()
    };
    let flow = |name, dimension, condition, config| Flow { name, config, dimension, condition };
    let spline = |bins| Transform::from(Spline { bins, ..Spline::default() });
    let narrow = Spline { bins: 5, default_domain: [-2.0, 1.5, -1.0, 2.0], min_bin_width: 0.05, ..Spline::default() };
    let with = |transform: Transform, permutation| CouplingFlow { transform, permutation, ..config.clone() };
    let affine = Transform::default();
    let mixture = Mixture {
        trainable_mixture: true,
        ..Mixture::of([
            DiagonalNormal { mean: (-1.0).into(), trainable_parameters: true, ..Default::default() }.into(),
            DiagonalStudentT { df: 5.0, trainable_parameters: true, ..Default::default() }.into(),
        ])
    };
    vec![
        flow("affine, one variable", 1, 2, with(affine, Permutation::Random)),
        flow("affine, one variable, no condition", 1, 0, with(affine, Permutation::Swap)),
        flow("affine", 2, 3, with(affine, Permutation::Random)),
        flow(
            "affine, no condition, no actnorm",
            2,
            0,
            CouplingFlow { actnorm: false, ..with(affine, Permutation::Swap) },
        ),
        flow("affine without clamp", 3, 1, with(Affine { clamp: false }.into(), Permutation::None)),
        flow("affine, orthogonal", 5, 2, with(affine, Permutation::Orthogonal)),
        flow("spline, one variable", 1, 2, with(spline(6), Permutation::Random)),
        flow("spline, one variable, orthogonal", 1, 0, with(spline(3), Permutation::Orthogonal)),
        flow("spline", 2, 2, with(spline(4), Permutation::Swap)),
        flow("spline, narrow", 2, 0, with(narrow.into(), Permutation::Random)),
        flow("spline, sixteen bins", 4, 1, with(spline(16), Permutation::Orthogonal)),
        flow(
            "student base",
            2,
            0,
            CouplingFlow {
                base_distribution: DiagonalStudentT { df: 6.0, ..Default::default() }.into(),
                ..with(affine, Permutation::Random)
            },
        ),
        flow(
            "mixture base",
            1,
            1,
            CouplingFlow { base_distribution: mixture.into(), ..with(spline(4), Permutation::None) },
        ),
        flow(
            "residual subnet with norm",
            2,
            1,
            CouplingFlow {
                subnet: Mlp {
                    widths: vec![16, 16],
                    residual: true,
                    norm: Some(ferroflow::nn::Norm::Layer),
                    ..config.subnet.clone()
                },
                ..with(affine, Permutation::Random)
            },
        ),
    ]
}

/// A flow with disturbed weights: actnorms are not the identity, projectors are not zero.
fn build(flow: &Flow) -> (BuiltCouplingFlow, Parameters) {
    build_on(flow, &Device::cpu())
}

fn build_on(flow: &Flow, device: &Device) -> (BuiltCouplingFlow, Parameters) {
    let builder = Builder::new();
    let built = flow.config.build(&builder, flow.dimension, flow.condition, Key::new(1)).unwrap();
    let mut parameters = builder.finish(device, Key::new(2)).unwrap();
    let layout = parameters.layout().clone();
    for entry in layout.entries().iter().filter(|entry| entry.role == Role::Trainable) {
        let mut stream = Key::new(3).fork(&entry.name).stream();
        let mut noise = || -> f64 { StandardNormal.sample(&mut stream) };
        let values = parameters.get(&entry.name).unwrap().to_f64();
        let values = values.into_iter().map(|value| value + 0.2 * noise()).collect();
        parameters.set(&entry.name, &Array::f64(entry.shape.axes(), values).unwrap()).unwrap();
    }
    (built, parameters)
}

fn normal(count: usize, key: Key) -> Vec<f32> {
    let mut stream = key.stream();
    (0..count).map(|_| StandardNormal.sample(&mut stream)).collect()
}

fn condition<'t>(tape: &'t Tape, flow: &Flow, rows: usize) -> Option<Var<'t>> {
    let values = normal(rows * flow.condition, Key::new(5));
    (flow.condition > 0).then(|| tape.values([rows, flow.condition], &values))
}

fn values(var: Var) -> Vec<f32> {
    var.value().unwrap().values().unwrap()
}

#[test]
fn the_inverse_takes_back() {
    for flow in table() {
        let (built, parameters) = build(&flow);
        let (rows, d) = (257, flow.dimension);
        let given: Vec<f32> = normal(rows * d, Key::new(4)).iter().map(|x| 2.0 * x).collect();
        for from_data in [true, false] {
            let tape = Tape::new(parameters.device());
            let pass = Pass::inference(&tape, &parameters);
            let c = condition(&tape, &flow, rows);
            let start = tape.values([rows, d], &given);
            let ((there, log_det), (back, log_det_back)) = if from_data {
                let there = built.forward(&pass, start, c);
                (there, built.inverse(&pass, there.0, c))
            } else {
                let there = built.inverse(&pass, start, c);
                (there, built.forward(&pass, there.0, c))
            };
            assert_eq!(there.shape(), start.shape());
            assert_eq!(log_det.shape().axes(), [rows]);
            // What a change of the point between by a few roundings does to the way back.
            let moved = there.affine(1.0 + 1e-6, 0.0);
            let (other, log_det_other) =
                if from_data { built.inverse(&pass, moved, c) } else { built.forward(&pass, moved, c) };
            let (back, other) = (values(back), values(other));
            let sensitivity = |row: usize| {
                let differences = back[row * d..].iter().zip(&other[row * d..]).take(d);
                differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
            };
            for (i, (&a, &b)) in given.iter().zip(&back).enumerate() {
                let bound = 5e-5 * (1.0 + a.abs()) + 4.0 * sensitivity(i / d);
                assert!((a - b).abs() < bound, "{}, element {i}: {b} for {a}", flow.name);
            }
            let log_dets = values(log_det).into_iter().zip(values(log_det_back)).zip(values(log_det_other));
            for ((there, back), other) in log_dets {
                let bound = 1e-4 * (1.0 + there.abs()) + 4.0 * (back - other).abs();
                assert!((there + back).abs() < bound, "{}: log-determinants {there} and {back}", flow.name);
            }
        }
    }
}

/// `ln |det J|` of a row-major matrix by elimination.
fn log_abs_det(mut matrix: Vec<f64>, d: usize) -> f64 {
    let mut sum = 0.0;
    for k in 0..d {
        let pivot = (k..d).max_by(|&a, &b| matrix[a * d + k].abs().total_cmp(&matrix[b * d + k].abs())).unwrap();
        for j in 0..d {
            matrix.swap(k * d + j, pivot * d + j);
        }
        sum += matrix[k * d + k].abs().ln();
        for i in k + 1..d {
            let factor = matrix[i * d + k] / matrix[k * d + k];
            for j in k..d {
                matrix[i * d + j] -= factor * matrix[k * d + j];
            }
        }
    }
    sum
}

/// The Jacobian is taken from the tape (whose gradients are checked against finite differences elsewhere), one row of it per
/// output variable.
#[test]
fn log_determinants_are_those_of_the_jacobian() {
    for flow in table() {
        let (built, parameters) = build(&flow);
        let (rows, d) = (40, flow.dimension);
        let given = normal(rows * d, Key::new(6));
        for from_data in [true, false] {
            let tape = Tape::new(parameters.device());
            let pass = Pass::inference(&tape, &parameters);
            let c = condition(&tape, &flow, rows);
            let start = tape.input(Tensor::from_values(parameters.device(), [rows, d], &given).unwrap());
            let (there, log_det) =
                if from_data { built.forward(&pass, start, c) } else { built.inverse(&pass, start, c) };
            let mut jacobian = vec![vec![0.0; d * d]; rows];
            for output in 0..d {
                let seed: Vec<f32> = (0..rows * d).map(|k| f32::from(u8::from(k % d == output))).collect();
                let seed = Tensor::from_values(parameters.device(), [rows, d], &seed).unwrap();
                tape.backward_from(&[(there, &seed)], None).unwrap();
                let gradient = tape.gradient(start).unwrap().values().unwrap();
                for (row, jacobian) in jacobian.iter_mut().enumerate() {
                    for input in 0..d {
                        jacobian[output * d + input] = f64::from(gradient[row * d + input]);
                    }
                }
            }
            for (row, (jacobian, stated)) in jacobian.into_iter().zip(values(log_det)).enumerate() {
                let expected = log_abs_det(jacobian, d);
                assert!(
                    (f64::from(stated) - expected).abs() < 2e-3,
                    "{}, row {row}: {stated} for {expected}",
                    flow.name
                );
            }
        }
    }
}

/// Nodes and weights of the midpoint rule on the line, through `u ↦ a u/(1 − u²)`.
fn line(nodes: usize) -> Vec<(f64, f64)> {
    let scale = 2.0;
    (0..nodes)
        .map(|i| {
            let u = (2.0 * i as f64 + 1.0) / nodes as f64 - 1.0;
            let derivative = (1.0 + u * u) / (1.0 - u * u).powi(2);
            (scale * u / (1.0 - u * u), scale * derivative * 2.0 / nodes as f64)
        })
        .collect()
}

#[test]
fn densities_integrate_to_one() {
    for flow in table().into_iter().filter(|flow| flow.dimension <= 2) {
        let (built, parameters) = build(&flow);
        let nodes = line(if flow.dimension == 1 { 4000 } else { 160 });
        let (points, weights): (Vec<f32>, Vec<f64>) = match flow.dimension {
            1 => nodes.iter().map(|&(x, w)| (x as f32, w)).unzip(),
            _ => {
                let pairs = nodes.iter().flat_map(|a| nodes.iter().map(move |b| (a, b)));
                let (points, weights): (Vec<_>, Vec<_>) =
                    pairs.map(|(a, b)| ([a.0 as f32, b.0 as f32], a.1 * b.1)).unzip();
                (points.concat(), weights)
            }
        };
        let given = normal(flow.condition, Key::new(7)).repeat(weights.len());
        let conditional = built.given(&parameters, &given, weights.len()).unwrap();
        let log_prob = conditional.log_prob(&points).unwrap();
        let integral: f64 = log_prob.iter().zip(&weights).map(|(&l, w)| f64::from(l).exp() * w).sum();
        assert!((integral - 1.0).abs() < 3e-3, "{}: {integral}", flow.name);
    }
}

#[test]
fn every_weight_gets_a_gradient() {
    for flow in table() {
        let (built, parameters) = build(&flow);
        let (rows, d) = (64, flow.dimension);
        let tape = Tape::new(parameters.device());
        let pass = Pass::training(&tape, &parameters, Key::new(8)).with(Stage::Validation, true);
        let x = tape.values([rows, d], &normal(rows * d, Key::new(9)));
        let loss = -built.log_prob(&pass, x, condition(&tape, &flow, rows)).mean();
        let gradients = pass.gradients(loss).unwrap();
        for entry in parameters.layout().entries().iter().filter(|entry| entry.role == Role::Trainable) {
            let gradient = gradients.get(&entry.name).unwrap().to_f64();
            assert!(gradient.iter().all(|g| g.is_finite()), "{}: {}", flow.name, entry.name);
            // Without inputs a kernel has no elements.
            let moved = gradient.is_empty() || gradient.iter().any(|&g| g != 0.0);
            assert!(moved, "{}: no gradient reaches {}", flow.name, entry.name);
        }
    }
}

/// A flow of one variable does not feed the variable to its networks, so it is defined on the whole line.
#[test]
fn splines_are_finite_on_the_whole_line() {
    let points: Vec<f32> = (-30..=30).flat_map(|e| [-(10f32.powi(e)), 10f32.powi(e)]).chain([0.0, -3.0, 3.0]).collect();
    for flow in table().into_iter().filter(|flow| flow.name.starts_with("spline, one variable")) {
        let (built, parameters) = build(&flow);
        for from_data in [true, false] {
            let tape = Tape::new(parameters.device());
            let pass = Pass::training(&tape, &parameters, Key::new(8)).with(Stage::Validation, true);
            let x = tape.input(Tensor::from_values(parameters.device(), [points.len(), 1], &points).unwrap());
            let c = condition(&tape, &flow, points.len());
            let (z, log_det) = if from_data { built.forward(&pass, x, c) } else { built.inverse(&pass, x, c) };
            assert!(values(z).iter().chain(&values(log_det)).all(|v| v.is_finite()), "{}", flow.name);
            let gradients = pass.gradients(log_det.mean()).unwrap();
            assert!(gradients.flat().values().unwrap().iter().all(|g| g.is_finite()), "{}", flow.name);
            assert!(tape.gradient(x).unwrap().values().unwrap().iter().all(|g| g.is_finite()), "{}", flow.name);
        }
    }
}

/// A draw depends on its number, not on how many are drawn with it; its density is that of `log_prob`; a row of a batch is what
/// it is alone.
#[test]
fn draws_are_functions_of_their_number() {
    for flow in table() {
        let (built, parameters) = build(&flow);
        let (d, datasets, draws) = (flow.dimension, 3, 300);
        let given = normal(datasets * flow.condition, Key::new(10));
        let conditional = built.given(&parameters, &given, datasets).unwrap();
        let (samples, log_prob) = conditional.sample_with_log_prob(Key::new(11), 0, draws).unwrap();
        assert_eq!((samples.len(), log_prob.len()), (datasets * draws * d, datasets * draws));
        let part = conditional.sample(Key::new(11), 100, 7).unwrap();
        for dataset in 0..datasets {
            let all = &samples[(dataset * draws + 100) * d..][..7 * d];
            assert_eq!(all, &part[dataset * 7 * d..][..7 * d], "{}", flow.name);
        }
        let repeated: Vec<f32> = given.chunks(flow.condition.max(1)).flat_map(|c| c.repeat(draws)).collect();
        let each = built.given(&parameters, &repeated, datasets * draws).unwrap();
        for (i, (a, b)) in each.log_prob(&samples).unwrap().iter().zip(&log_prob).enumerate() {
            assert!((a - b).abs() < 2e-3 * (1.0 + b.abs()), "{}, draw {i}: {a} for {b}", flow.name);
        }
    }
}

/// The flow in one kernel against the flow on the tape: both directions, few and many rows, with conditions of each row and
/// of data sets; a row alone gives the bits that it gives among others, for any number of threads.
#[test]
fn the_fused_flow_is_the_flow() {
    let mut fused_flows = 0;
    for flow in &table() {
        let (built, parameters) = build(flow);
        let Some(fused) = built.fuse(&parameters).unwrap() else {
            let orthogonal = flow.config.permutation == Permutation::Orthogonal;
            assert!(orthogonal || flow.config.subnet.residual, "{}", flow.name);
            continue;
        };
        fused_flows += 1;
        let (d, c) = (flow.dimension, flow.condition);
        for rows in [0, 1, 5, 48, 49, 201] {
            let x = normal(rows * d, Key::new(1));
            let conditions = normal(rows * c, Key::new(2));
            let compare = |device: &Device, fused: &FusedFlow, direction: Direction| {
                let x = Tensor::from_values(device, [rows, d], &x).unwrap();
                let conditions = Tensor::from_values(device, [rows, c], &conditions).unwrap();
                let given = if c == 0 { RowConditions::None } else { RowConditions::Each(&conditions) };
                let (y, log_det) = fused.apply(direction, &x, given).unwrap();
                let bits =
                    |tensor: &Tensor| -> Vec<u32> { tensor.values().unwrap().iter().map(|v| v.to_bits()).collect() };
                let of_rows = (bits(&y), bits(&log_det));
                if c > 0 {
                    let owners = Tensor::indices_from(device, rows, |row| (rows - 1 - row) as u32).unwrap();
                    let reversed: Vec<f32> = conditions.values().unwrap().chunks(c).rev().flatten().copied().collect();
                    let reversed = Tensor::from_values(device, [rows, c], &reversed).unwrap();
                    let shares = &fused.shares(&reversed).unwrap();
                    let (y, log_det) =
                        fused.apply(direction, &x, RowConditions::Shared { shares, owners: &owners }).unwrap();
                    assert_eq!((bits(&y), bits(&log_det)), of_rows, "{}: {rows} rows, shared conditions", flow.name);
                }
                of_rows
            };
            for direction in [Direction::Forward, Direction::Inverse] {
                let (y, log_det) = compare(parameters.device(), &fused, direction);
                let tape = Tape::new(parameters.device());
                let pass = Pass::inference(&tape, &parameters);
                let condition = (c > 0).then(|| tape.values([rows, c], &conditions));
                let input = tape.values([rows, d], &x);
                let (expected, expected_log_det) = match direction {
                    Direction::Forward => built.forward(&pass, input, condition),
                    Direction::Inverse => built.inverse(&pass, input, condition),
                };
                for (got, expected) in [(&y, values(expected)), (&log_det, values(expected_log_det))] {
                    for (i, (got, expected)) in got.iter().map(|&v| f32::from_bits(v)).zip(expected).enumerate() {
                        let bound = 2e-4 * (1.0 + expected.abs());
                        assert!(
                            (got - expected).abs() <= bound,
                            "{}, {direction:?}, {rows} rows: {got} and {expected} at {i}",
                            flow.name
                        );
                    }
                }
                if rows == 201 {
                    let row = 77;
                    let device = Device::cpu_with_threads(3).unwrap();
                    let (other, parameters) = build_on(flow, &device);
                    let on_threads = other.fuse(&parameters).unwrap().unwrap();
                    assert_eq!(compare(&device, &on_threads, direction), (y.clone(), log_det.clone()), "{}", flow.name);
                    let one = Tensor::from_values(&device, [1, d], &x[row * d..][..d]).unwrap();
                    let condition = Tensor::from_values(&device, [1, c], &conditions[row * c..][..c]).unwrap();
                    let given = if c == 0 { RowConditions::None } else { RowConditions::Each(&condition) };
                    let (alone, _) = on_threads.apply(direction, &one, given).unwrap();
                    let alone: Vec<u32> = alone.values().unwrap().iter().map(|v| v.to_bits()).collect();
                    assert_eq!(alone, y[row * d..][..d], "{}: a row alone", flow.name);
                }
            }
        }
    }
    assert!(fused_flows >= 8, "{fused_flows} flows of the table can be fused");
}

#[test]
fn axes_between_batch_and_variables() {
    for (permutation, peer_compatible) in
        [(Permutation::Random, false), (Permutation::Orthogonal, false), (Permutation::Orthogonal, true)]
    {
        let small = CouplingFlow { depth: 2, permutation, peer_compatible, ..CouplingFlow::default() };
        let flow = Flow { name: "structured", config: small, dimension: 3, condition: 2 };
        let (built, parameters) = build(&flow);
        let (x, c) = (normal(2 * 5 * 3, Key::new(12)), normal(2 * 5 * 2, Key::new(13)));
        let log_prob = |x_axes: &[usize], c_axes: &[usize]| {
            let tape = Tape::new(parameters.device());
            let pass = Pass::inference(&tape, &parameters);
            let [x_axes, c_axes] = [x_axes, c_axes].map(|axes| ferroflow::tensor::Shape::new(axes).unwrap());
            let log_prob = built.log_prob(&pass, tape.values(x_axes, &x), Some(tape.values(c_axes, &c)));
            (log_prob.shape(), values(log_prob))
        };
        let (flat_shape, flat) = log_prob(&[10, 3], &[10, 2]);
        let (shape, structured) = log_prob(&[2, 5, 3], &[2, 5, 2]);
        assert_eq!((flat_shape.axes(), shape.axes()), (&[10][..], &[2, 5][..]));
        assert_eq!(flat == structured, !peer_compatible, "{permutation:?}");
    }
}

#[test]
fn sizes_of_the_specification() {
    let parameters = |config: CouplingFlow, dimension, condition| {
        let builder = Builder::new();
        let flow = config.build(&builder, dimension, condition, Key::new(1)).unwrap();
        assert_eq!(flow.parameter_count(), builder.trainable_count());
        (flow.parameter_count(), flow.to_string())
    };
    assert_eq!(parameters(CouplingFlow::default(), 4, 6).0, 218_208);
    let spline = CouplingFlow { transform: Spline::default().into(), ..CouplingFlow::default() };
    assert_eq!(parameters(spline, 4, 6).0, 369_912);
    let orthogonal = CouplingFlow { permutation: Permutation::Orthogonal, ..CouplingFlow::default() };
    let (count, text) = parameters(orthogonal, 5, 0);
    assert_eq!(count, 211_470);
    assert!(text.starts_with("coupling flow: 5 variables given 0, 211470 parameters"), "{text}");
    assert_eq!(text.lines().count(), 1 + 3 * 6);
}

#[test]
fn an_affine_flow_starts_as_a_permutation() {
    let builder = Builder::new();
    let flow = CouplingFlow::default().build(&builder, 3, 0, Key::new(1)).unwrap();
    let parameters = builder.finish(&Device::cpu(), Key::new(2)).unwrap();
    let tape = Tape::new(parameters.device());
    let x = [0.5, -1.0, 2.0];
    let (z, log_det) = flow.forward(&Pass::inference(&tape, &parameters), tape.values([1, 3], &x), None);
    let mut z = values(z);
    z.sort_by(f32::total_cmp);
    assert!(z.iter().zip([-1.0, 0.5, 2.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{z:?}");
    assert!(values(log_det)[0].abs() < 1e-5);
}

#[test]
fn files_keep_the_defaults_of_couplings() {
    let config: CouplingFlow = toml::from_str(
        "depth = 2\npermutation = 'orthogonal'\n[subnet]\nwidths = [8]\n[transform]\nkind = 'spline'\nbins = 4\n\
         [base_distribution]\nkind = 'student-t'\ndf = 5.0",
    )
    .unwrap();
    let expected = CouplingFlow {
        depth: 2,
        permutation: Permutation::Orthogonal,
        subnet: Mlp { widths: vec![8], ..Mlp::for_couplings() },
        transform: Spline { bins: 4, ..Spline::default() }.into(),
        base_distribution: DiagonalStudentT { df: 5.0, ..Default::default() }.into(),
        ..CouplingFlow::default()
    };
    assert_eq!(config, expected);
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<CouplingFlow>(&text).unwrap(), expected);
    for wrong in ["dept = 2", "[subnet]\nwidth = [8]", "[transform]\nkind = 'spline'\nbin = 4", "permutation = 'roll'"]
    {
        assert!(toml::from_str::<CouplingFlow>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let message = |config: CouplingFlow, dimension| {
        config.build(&Builder::new(), dimension, 0, Key::new(1)).map(|_| ()).unwrap_err().to_string()
    };
    assert!(message(CouplingFlow { depth: 0, ..CouplingFlow::default() }, 2).starts_with("depth: 0"));
    assert!(message(CouplingFlow::default(), 0).starts_with("dimension: 0"));
    let bins = CouplingFlow { transform: Spline { bins: 0, ..Spline::default() }.into(), ..CouplingFlow::default() };
    assert!(message(bins, 2).starts_with("bins: 0"));
    let large = CouplingFlow { permutation: Permutation::Orthogonal, ..CouplingFlow::default() };
    assert!(message(large, 129).starts_with("dimension: 129"));

    let flow = &table()[2];
    let (built, parameters) = build(flow);
    let tape = Tape::new(parameters.device());
    let pass = Pass::inference(&tape, &parameters);
    let x = tape.values([2, 3], &[0.0; 6]);
    let error = built.log_prob(&pass, x, None).value().unwrap_err().to_string();
    assert!(error.contains("2 variables and 3 condition features"), "{error}");
    assert!(built.given(&parameters, &[0.0; 4], 2).is_err());
    assert!(built.given(&parameters, &[0.0; 6], 2).unwrap().log_prob(&[0.0; 3]).is_err());
}
