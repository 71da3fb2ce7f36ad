//! Simulators: the same bits however the work is cut, overrides, errors, moments.

use ferroflow::codecs::{Array, Values};
use ferroflow::data::{Column, Record};
use ferroflow::random::{Key, Stream};
use ferroflow::simulators::{
    Composition, Draw, GaussianLinear, Hierarchical, InverseKinematics, KeyConflicts, LinearRegression, LotkaVolterra,
    ModelComparison, Pool, Rejection, Request, SimpleLikelihood, SimpleLikelihoodDistractors, Simulator, Sir,
    Subsample, Value, View, find, list, rejection_sample, sample_batched, set,
};
use ferroflow::{Error, Result, make_simulator};
use rand::RngExt;

fn request(count: usize) -> Request {
    Request::new(count, Key::new(4).fork("simulate"))
}

fn f64s(record: &Record, key: &str) -> Vec<f64> {
    record.column(key).unwrap().array.to_f64()
}

fn message<T>(result: Result<T>) -> String {
    result.err().map(|e| e.to_string()).expect("an error was expected")
}

fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
}

#[test]
fn same_bits_for_any_number_of_threads_and_any_cut() {
    for (name, _) in list() {
        let simulator = find(&name).unwrap();
        let whole = simulator.sample(&request(37)).unwrap();
        for threads in [1, 2, 3, 8] {
            let pool = Pool::new(threads).unwrap();
            assert_eq!(simulator.sample(&request(37).pool(&pool)).unwrap(), whole, "{name}, {threads} threads");
        }
        for size in [1, 2, 16, 37, 100] {
            assert_eq!(sample_batched(&simulator, &request(37), size).unwrap(), whole, "{name}, {size} at a time");
        }
        let single = simulator.sample(&request(1).first(17)).unwrap();
        assert_eq!(single, whole.select(&[17]).unwrap(), "{name}");
        assert_ne!(simulator.simulate(1, 1).unwrap(), simulator.simulate(1, 2).unwrap(), "{name} ignores the seed");
    }
}

#[test]
fn declared_variables_are_those_of_the_record() {
    for (name, _) in list() {
        let simulator = find(&name).unwrap();
        let record = simulator.simulate(3, 1).unwrap();
        let variables = simulator.variables();
        assert_eq!(variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), record.keys().collect::<Vec<_>>());
        for variable in variables {
            let column = record.column(&variable.name).unwrap();
            let axes = column.array.shape().len() + usize::from(column.offsets.is_some());
            assert_eq!(axes, variable.axes, "{name}, {}", variable.name);
        }
        let log_prior = simulator.log_prior(&record).unwrap().unwrap();
        assert!(log_prior.len() == 3 && log_prior.iter().all(|l| l.is_finite()), "{name}: {log_prior:?}");
    }
}

/// Means are zero; standard deviations by hand, five standard errors wide.
#[test]
fn moments_of_the_benchmarks() {
    let count = 20_000;
    let uniform_sd = |width: f64| width / 12f64.sqrt();
    for (name, prior_sd, data_sd) in [
        ("gaussian-linear", 0.1, Some(0.02f64.sqrt())),
        ("gaussian-linear-uniform", uniform_sd(2.0), Some((1.0 / 3.0 + 0.01f64).sqrt())),
        ("gaussian-mixture", uniform_sd(20.0), Some((100.0 / 3.0 + 0.505f64).sqrt())),
        ("two-moons", uniform_sd(2.0), None),
        ("slcp", uniform_sd(6.0), None),
    ] {
        let record = find(name).unwrap().simulate(count, 3).unwrap();
        let (mean, sd) = mean_and_sd(&f64s(&record, "parameters"));
        let bound = 5.0 * prior_sd / (count as f64).sqrt();
        assert!(mean.abs() < bound && (sd - prior_sd).abs() < bound, "{name}: parameters {mean} {sd}");
        if let Some(data_sd) = data_sd {
            let (mean, sd) = mean_and_sd(&f64s(&record, "observables"));
            assert!(
                mean.abs() < 0.05 * data_sd && (sd / data_sd - 1.0).abs() < 0.02,
                "{name}: observables {mean} {sd}"
            );
        }
    }
}

#[test]
fn two_moons_are_two_thin_crescents() {
    let count = 20_000;
    let record = find("two-moons").unwrap().simulate(count, 3).unwrap();
    let (theta, x) = (f64s(&record, "parameters"), f64s(&record, "observables"));
    let radii: Vec<f64> = (0..count)
        .map(|i| {
            let (a, b) = (theta[2 * i], theta[2 * i + 1]);
            let across = x[2 * i] - 0.25 + (a + b).abs() / 2f64.sqrt();
            assert!(across > -1e-12, "the angle lies between -π/2 and π/2");
            across.hypot(x[2 * i + 1] - (b - a) / 2f64.sqrt())
        })
        .collect();
    let (mean, sd) = mean_and_sd(&radii);
    assert!((mean - 0.1).abs() < 5e-4 && (sd - 0.01).abs() < 5e-4, "radius {mean} {sd}");
}

#[test]
fn benchmarks_at_fixed_parameters() {
    let fixed = |theta: Vec<f64>| Record::new().with("parameters", Array::f64([1, theta.len()], theta).unwrap());
    let slcp = SimpleLikelihood { n_obs: 2, flatten: false, ..Default::default() };
    let record = slcp.sample(&request(20_000).given(fixed(vec![0.7, -2.9, -1.0, -0.9, 0.6]))).unwrap();
    assert_eq!(record.column("observables").unwrap().array.shape(), [20_000, 2, 2]);
    let x = f64s(&record, "observables");
    let n = x.len() as f64 / 2.0;
    let mean = [0, 1].map(|k| x.iter().skip(k).step_by(2).sum::<f64>() / n);
    let covariance = |j: usize, k: usize| x.chunks(2).map(|p| (p[j] - mean[j]) * (p[k] - mean[k])).sum::<f64>() / n;
    assert!((mean[0] - 0.7).abs() < 0.03 && (mean[1] + 2.9).abs() < 0.03, "{mean:?}");
    for (j, k, expected) in [(0, 0, 1.0), (1, 1, 0.6561), (0, 1, 0.6f64.tanh() * 0.81)] {
        assert!((covariance(j, k) - expected).abs() < 0.03, "{j} {k}: {}", covariance(j, k));
    }
    let arm = InverseKinematics::default().sample(&request(2).given(fixed(vec![0.0; 4]))).unwrap();
    assert_eq!(f64s(&arm, "observables"), [0.0, 2.0, 0.0, 2.0]);
    let arm = InverseKinematics::default().sample(&request(1).given(fixed(vec![0.5, 0.0, 90f64.to_radians(), 0.0])));
    let end = f64s(&arm.unwrap(), "observables");
    assert!((end[0] - 2.0).abs() < 1e-12 && (end[1] - 0.5).abs() < 1e-12, "{end:?}");
    let rows = GaussianLinear { n_obs: Some(3), dimension: 4, ..Default::default() }.simulate(5, 1).unwrap();
    assert_eq!(rows.column("observables").unwrap().array.shape(), [5, 3, 4]);
}

#[test]
fn columns_take_their_shape_and_type_from_the_values() {
    let simulator = Composition::new().meta(|_, _| Ok([("N", 3i64.into())])).part("all", |rng, _| {
        Ok(Draw::new()
            .with("scalar", 1.5)
            .with("flag", true)
            .with("vector", [1i64, 2])
            .with("matrix", vec![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
            .with("varying", vec![0.0; rng.random_range(1..4)])
            .with("points", set(vec![[0.0, 1.0]; 2])))
    });
    let record = simulator.simulate(10, 1).unwrap();
    let shape = |key: &str| record.column(key).unwrap().array.shape().to_vec();
    assert_eq!(shape("N"), [10]);
    assert_eq!(shape("scalar"), [10, 1]);
    assert_eq!(record.column("flag").unwrap().array.values(), &Values::Bool(vec![true; 10]));
    assert_eq!(record.column("vector").unwrap().array.values(), &Values::I64([1, 2].repeat(10)));
    assert_eq!(shape("matrix"), [10, 3, 2]);
    assert!(record.column("varying").unwrap().offsets.is_some());
    assert_eq!(record.column("varying").unwrap().datasets(), Some(10));
    assert_eq!((shape("points"), record.column("points").unwrap().datasets()), (vec![20, 2], Some(10)));
}

#[test]
fn metadata_per_batch_is_shared() {
    let simulator = LinearRegression { size_per_batch: true, ..Default::default() };
    let record = simulator.simulate(6, 1).unwrap();
    let n = record.column("N").unwrap();
    assert!(n.shared && n.array.shape().is_empty());
    let size = n.array.to_f64()[0] as usize;
    let starts: Vec<usize> = (0..=6).map(|i| i * size).collect();
    assert_eq!(record.column("x").unwrap().offsets.as_deref(), Some(&starts[..]));
    let mut given = Record::new();
    given.insert("N", Column::shared(Array::new([], Values::I64(vec![20])).unwrap()));
    let fixed = simulator.sample(&request(2).given(given)).unwrap();
    assert_eq!(fixed.column("y").unwrap().array.len(), 40);
    let each = Record::new().with("N", Array::new([2], Values::I64(vec![5, 6])).unwrap());
    assert!(message(simulator.sample(&request(2).given(each))).contains("once for the batch"));
}

#[test]
fn fixed_quantities_replace_draws_and_are_seen_by_later_parts() {
    let simulator = LinearRegression::default();
    let free = simulator.sample(&request(3)).unwrap();
    let given = Record::new()
        .with("sigma", Array::f64([1, 1], vec![0.0]).unwrap())
        .with("beta", Array::f64([3, 2], vec![1.0, 2.0, 0.0, -1.0, 5.0, 0.0]).unwrap())
        .with("N", Array::new([3], Values::I64(vec![7, 1, 30])).unwrap());
    let fixed = simulator.sample(&request(3).given(given.clone())).unwrap();
    assert_eq!(f64s(&fixed, "N"), [7.0, 1.0, 30.0]);
    let (x, y) = (f64s(&fixed, "x"), f64s(&fixed, "y"));
    assert_eq!(y.len(), 38);
    for i in 0..38 {
        let (intercept, slope) = if i < 7 {
            (1.0, 2.0)
        } else if i < 8 {
            (0.0, -1.0)
        } else {
            (5.0, 0.0)
        };
        assert_eq!(y[i], intercept + slope * x[i]);
    }
    assert_eq!(x[0], f64s(&free, "x")[0], "a fixed quantity does not move the generator of the others");
    assert_eq!(sample_batched(&simulator, &request(3).given(given), 2).unwrap(), fixed);

    let mut design = Record::new();
    design.insert("x", Column::shared(Array::vector(vec![-1.0, 0.0, 1.0])));
    let both = request(200).given(design.clone());
    assert!(message(simulator.sample(&both)).contains("holds 3 elements, but N is"));
    design.insert("N", Column::shared(Array::scalar(3.0)));
    let fixed = simulator.sample(&request(2).given(design)).unwrap();
    assert_eq!(f64s(&fixed, "x"), [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]);
    assert_eq!(fixed.column("N").unwrap().array.values(), &Values::I64(vec![3, 3]));
}

#[test]
fn inputs_that_are_not_drawn_are_readable() {
    let prior = |rng: &mut Stream, given: &View| {
        let scale = given.scalar("scale")?;
        Ok([("p", (scale * rng.random::<f64>()).into())])
    };
    let simulator = make_simulator! { prior };
    let given = Record::new().with("scale", Array::vector(vec![0.0, 1.0]));
    let record = simulator.sample(&request(2).given(given)).unwrap();
    assert_eq!(record.keys().collect::<Vec<_>>(), ["p"]);
    assert!(f64s(&record, "p")[0] == 0.0 && f64s(&record, "p")[1] > 0.0);
    assert!(message(simulator.sample(&request(1))).starts_with("simulator, prior, data set 0: key 'scale'"));
}

/// One faulty closure a row, with parts of its sentence.
#[test]
fn errors_name_the_part_and_the_data_set() {
    type Faulty = fn(&mut Stream, &View) -> Result<Draw>;
    let cases: &[(Faulty, &[&str])] = &[
        (
            |_, given| given.scalar("beta").map(|b| Draw::new().with("b", b)),
            &["data set 0: key 'beta'", "is: a, minus"],
        ),
        (
            |_, given| given.integer("a").map(|b| Draw::new().with("b", b)),
            &["a: is one value of type F64", "one integer"],
        ),
        (|_, given| given.integers("a").map(|b| Draw::new().with("b", b)), &["integers"]),
        (|_, given| given.boolean("a").map(|b| Draw::new().with("b", b)), &["one boolean"]),
        (|_, given| given.vector("minus").map(|b| Draw::new().with("b", b)), &["64-bit floats"]),
        (|_, given| given.size("minus").map(|_| Draw::new()), &["minus: is -1, a count must be 0 or more"]),
        (
            |_, _| Err(Error::user("solver", "step 3 diverged")),
            &["simulator, faulty, data set 0: solver: step 3 diverged"],
        ),
        (|_, _| panic!("out of {}", "luck"), &["simulator, faulty, data set 0: panicked: out of luck"]),
        (|_, _| Ok(Draw::new().with("b", 1.0).with("b", 2.0)), &["key 'b': was returned twice"]),
        (|_, _| Ok(Draw::new().with("b", set(Vec::<f64>::new()))), &["b: data set 0 drew an empty set"]),
        (|rng, _| Ok(Draw::new().with(if rng.random() { "b" } else { "c" }, 1.0)), &["return the same names"]),
        (
            |rng, _| Ok(Draw::new().with("b", if rng.random() { Value::from(1.0) } else { 1i64.into() })),
            &["drew shape [] of type"],
        ),
        (
            |rng, _| {
                let columns = rng.random_range(1..9);
                Ok(Draw::new().with("b", Array::f64([2, columns], vec![0.0; 2 * columns])?))
            },
            &["only the first axis, that of a set, may differ"],
        ),
    ];
    for (faulty, expected) in cases {
        let simulator = Composition::new()
            .part("prior", |_, _| Ok([("a", 1.5.into()), ("minus", (-1i64).into())]))
            .part("faulty", faulty);
        let text = message(simulator.sample(&request(20)));
        assert!(expected.iter().all(|e| text.contains(e)), "'{text}' lacks one of {expected:?}");
    }
}

#[test]
fn the_first_failing_data_set_is_reported_whatever_the_threads_do() {
    let simulator = Composition::new().name("fragile").part("prior", |rng, _| match rng.random::<f64>() {
        p if p < 0.05 => Err(Error::user("prior", format!("p is {p}"))),
        p => Ok([("p", p.into())]),
    });
    let expected = message(simulator.sample(&request(500)));
    assert!(expected.starts_with("fragile, prior, data set"), "{expected}");
    for threads in [2, 8] {
        let pool = Pool::new(threads).unwrap();
        (0..5).for_each(|_| assert_eq!(message(simulator.sample(&request(500).pool(&pool))), expected));
    }
}

#[test]
fn requests_and_options_are_checked() {
    let regression = LinearRegression::default();
    let row = |key: &str, array: Array| regression.sample(&request(3).given(Record::new().with(key, array)));
    let mut group = Record::new();
    group.insert_group("g", Record::new());
    for (outcome, expected) in [
        (regression.sample(&request(0)), "0 data sets"),
        (regression.sample(&request(2).first(u64::MAX)), "exceed 2^64"),
        (regression.sample(&request(2).given(group)), "group of columns"),
        (row("sigm", Array::vector(vec![1.0])), "neither draws nor reads it"),
        (row("sigma", Array::vector(vec![1.0; 2])), "given for 2 data sets, but 3"),
        (row("beta", Array::f64([3, 3], vec![0.0; 9]).unwrap()), "is drawn with shape [2]"),
        (row("N", Array::vector(vec![7.5])), "give an integer"),
        (row("N", Array::new([1], Values::I64(vec![-3])).unwrap()), "a count must be 0 or more"),
        (row("N", Array::new([1], Values::I64(vec![0])).unwrap()), "empty set"),
        (LinearRegression { smallest: 0, ..regression.clone() }.simulate(1, 1), "smallest"),
        (LinearRegression { smallest: 9, largest: 8, ..regression.clone() }.simulate(1, 1), "largest"),
        (GaussianLinear { obs_scale: 0.0, ..Default::default() }.simulate(1, 1), "obs_scale"),
        (GaussianLinear { prior_scale: f64::NAN, ..Default::default() }.simulate(1, 1), "prior_scale"),
        (GaussianLinear { n_obs: Some(0), ..Default::default() }.simulate(1, 1), "n_obs"),
        (GaussianLinear { dimension: 0, ..Default::default() }.simulate(1, 1), "dimension"),
        (SimpleLikelihood { lower_bound: 3.0, ..Default::default() }.simulate(1, 1), "lower_bound"),
        (Composition::new().name("hollow").simulate(1, 1), "hollow: has no parts"),
    ] {
        let text = message(outcome);
        assert!(text.contains(expected), "'{text}' lacks '{expected}'");
    }
    assert!(message(Pool::new(0)).contains("threads"));
    let parameters = Record::new().with("parameters", Array::f64([2, 3], vec![0.0; 6]).unwrap());
    assert!(message(GaussianLinear::default().log_prior(&parameters)).contains("holds 3 numbers"));
    assert!(message(GaussianLinear::default().log_prior(&Record::new())).contains("'parameters'"));
}

#[test]
fn rejection_does_not_depend_on_chunks_and_ends() {
    let accept = |record: &Record| Ok(f64s(record, "sigma").iter().map(|s| *s < 0.2).collect());
    let regression = LinearRegression::default();
    let run = |chunk| rejection_sample(&regression, &request(25), Rejection { chunk, ..Default::default() }, accept);
    let first = run(1000).unwrap();
    assert_eq!(first.datasets().unwrap(), Some(25));
    assert!(f64s(&first, "sigma").iter().all(|s| *s < 0.2));
    for chunk in [1, 7, 64] {
        assert_eq!(run(chunk).unwrap(), first);
    }
    let capped = Rejection { chunk: 8, most_candidates: 20 };
    let never = |record: &Record| Ok(vec![false; record.datasets()?.unwrap_or(0)]);
    let text = message(rejection_sample(&regression, &request(1), capped, never));
    assert!(text.contains("0 of 20 candidates"), "{text}");
    assert!(
        message(rejection_sample(&regression, &request(1), capped, |_| Ok(vec![true]))).contains("1 answers for 8")
    );
}

fn shape(record: &Record, key: &str) -> Vec<usize> {
    record.column(key).unwrap().array.shape().to_vec()
}

#[test]
fn shapes_of_series_for_every_thinning() {
    for (subsample, sir, lotka) in [
        (Subsample::Original, vec![2, 10], vec![2, 20]),
        (Subsample::Points(7), vec![2, 7], vec![2, 14]),
        (Subsample::All, vec![2, 160, 1], vec![2, 402]),
    ] {
        let record = Sir { subsample, ..Default::default() }.simulate(2, 1).unwrap();
        assert_eq!(shape(&record, "observables"), sir, "{subsample:?}");
        let record = LotkaVolterra { subsample, ..Default::default() }.simulate(2, 1).unwrap();
        assert_eq!(shape(&record, "observables"), lotka, "{subsample:?}");
    }
    let pairs = LotkaVolterra { flatten: false, dt: None, ..Default::default() }.simulate(2, 1).unwrap();
    assert_eq!(shape(&pairs, "observables"), [2, 20, 2], "a step of 1/20 has 401 points");
    let points = SimpleLikelihoodDistractors { flatten: false, ..Default::default() }.simulate(3, 1).unwrap();
    assert_eq!(shape(&points, "observables"), [3, 50, 2]);
    for (outcome, expected) in [
        (Sir { subsample: Subsample::Points(161), ..Default::default() }.simulate(1, 1), "1 to 160"),
        (Sir { infected: 2e6, ..Default::default() }.simulate(1, 1), "population"),
        (Sir { total_count: 0, ..Default::default() }.simulate(1, 1), "total_count"),
        (LotkaVolterra { dt: Some(0.0), ..Default::default() }.simulate(1, 1), "dt"),
        (LotkaVolterra { prey: 0.0, ..Default::default() }.simulate(1, 1), "prey"),
    ] {
        let text = message(outcome);
        assert!(text.contains(expected), "'{text}' lacks '{expected}'");
    }
}

/// The mean of exp(log-likelihood at other parameters − at the true ones) over data sets is 1 for every density.
#[test]
fn likelihoods_are_densities() {
    for (name, shift) in [
        ("gaussian-linear", 0.01),
        ("gaussian-linear-uniform", 0.01),
        ("gaussian-mixture", 0.02),
        ("slcp", 0.02),
        ("bernoulli-glm-raw", 0.02),
        ("sir", 0.002),
        ("lotka-volterra", 0.0005),
    ] {
        let simulator = find(name).unwrap();
        let theta = match name {
            "slcp" => vec![0.7, -2.9, -1.0, -0.9, 0.6],
            _ => f64s(&simulator.simulate(1, 3).unwrap(), "parameters"),
        };
        let given = Record::new().with("parameters", Array::f64([1, theta.len()], theta).unwrap());
        let count = 4000;
        let record = simulator.sample(&request(count).given(given)).unwrap();
        let at = |shift: f64| {
            let moved: Vec<f64> = f64s(&record, "parameters").iter().map(|t| t + shift).collect();
            let mut joint = record.clone();
            let shape = shape(&record, "parameters");
            joint.insert("parameters", Column::dense(Array::f64(shape, moved).unwrap()));
            simulator.log_likelihood(&joint).unwrap().expect("a density")
        };
        let ratios: Vec<f64> = at(shift).iter().zip(at(0.0)).map(|(a, b)| (a - b).exp()).collect();
        let (mean, sd) = mean_and_sd(&ratios);
        assert!(sd > 1e-4, "{name} does not depend on its parameters");
        assert!((mean - 1.0).abs() < 5.0 * sd / (count as f64).sqrt(), "{name}: {mean} ± {sd}");
    }
}

#[test]
fn compositions_nest_and_expand_only_at_the_end() {
    let inner = || {
        Composition::new()
            .name("inner")
            .part("a", |rng, _| Ok([("a", rng.random::<f64>().into())]))
            .part("b", |_, given| Ok([("b", (given.scalar("a")? + given.scalar("start")?).into())]))
    };
    let outer = Composition::new()
        .part("start", |_, _| Ok([("start", 10.0.into())]))
        .then(inner())
        .part("c", |_, given| Ok([("c", given.scalar("b")?.into())]));
    let free = outer.simulate(4, 1).unwrap();
    assert_eq!(free.keys().collect::<Vec<_>>(), ["start", "a", "b", "c"]);
    assert_eq!(shape(&free, "c"), [4, 1]);
    assert!(f64s(&free, "c").iter().zip(f64s(&free, "a")).all(|(c, a)| *c == a + 10.0));
    assert_ne!(f64s(&free, "a")[0], f64s(&free, "a")[1]);
    let given = |name: &str| Record::new().with(name, Array::vector(vec![1.0, 2.0, 3.0, 4.0]));
    let fixed = outer.sample(&request(4).given(given("a"))).unwrap();
    assert_eq!(f64s(&fixed, "c"), [11.0, 12.0, 13.0, 14.0], "a fixed quantity is seen inside");
    assert!(message(outer.sample(&request(4).given(given("d")))).contains("neither draws nor reads"));
    let plain = Composition::new().expand(false).part("a", |_, _| Ok([("a", 1.0.into())])).simulate(4, 1).unwrap();
    assert_eq!(shape(&plain, "a"), [4]);
}

#[test]
fn hierarchies_have_an_axis_for_every_level() {
    let top = || {
        Composition::new().expand(false).part("group", |rng, _| {
            Ok([("mean", rng.random::<f64>().into()), ("weights", [rng.random::<f64>(), 1.0].into())])
        })
    };
    let member = || {
        Composition::new().expand(false).part("member", |rng, given| {
            Ok([("member", (given.scalar("mean")? + 10.0 * rng.random_range(1..9) as f64).into())])
        })
    };
    let trial = || {
        Composition::new().expand(false).part("trial", |rng, given| {
            let values = [given.scalar("member")?, given.scalar("mean")? + rng.random::<f64>()];
            Ok([("trial", values.into()), ("set", set(vec![given.vector("weights")?[1]; 4]))])
        })
    };
    let simulator = Hierarchical::new(top()).level(3, member()).level(5, trial());
    let whole = simulator.sample(&request(6)).unwrap();
    assert_eq!(shape(&whole, "mean"), [6]);
    assert_eq!(shape(&whole, "weights"), [6, 2]);
    assert_eq!(shape(&whole, "member"), [6, 3]);
    assert_eq!(shape(&whole, "trial"), [6, 3, 5, 2]);
    assert_eq!(shape(&whole, "set"), [6, 3, 5, 4]);
    let (mean, member_values, trials) = (f64s(&whole, "mean"), f64s(&whole, "member"), f64s(&whole, "trial"));
    for i in 0..6 {
        for j in 0..3 {
            let above = member_values[3 * i + j] - mean[i];
            assert!((above / 10.0 - (above / 10.0).round()).abs() < 1e-12);
            assert!((0..5).all(|k| trials[2 * (5 * (3 * i + j) + k)] == member_values[3 * i + j]));
        }
    }
    for size in [1, 4] {
        assert_eq!(sample_batched(&simulator, &request(6), size).unwrap(), whole, "{size} at a time");
    }
    let given = Record::new().with("mean", Array::vector(vec![1.0, 2.0]));
    let fixed = simulator.sample(&request(2).given(given)).unwrap();
    assert_eq!(f64s(&fixed, "mean"), [1.0, 2.0]);
    assert!(f64s(&fixed, "member")[3..].iter().all(|m| m % 10.0 == 2.0));
    let unknown = Record::new().with("meen", Array::vector(vec![1.0, 2.0]));
    assert!(message(simulator.sample(&request(2).given(unknown))).contains("neither draws nor reads"));
    assert!(message(Hierarchical::new(top()).level(0, member()).simulate(1, 1)).contains("level 1 has 0"));
    let ragged = Composition::new().part("r", |rng, _| Ok([("r", vec![0.0; rng.random_range(1..9)].into())]));
    assert!(message(Hierarchical::new(top()).level(9, ragged).simulate(9, 1)).contains("differs in size"));
}

#[test]
fn models_are_compared() {
    let model = |shift: f64, extra: &'static str| {
        Composition::new().name("model").part("model", move |rng, given| {
            let scale = given.scalar("scale").unwrap_or(1.0);
            let x = shift + scale * rng.random::<f64>();
            Ok(Draw::new().with("x", x).with(extra, [x, 1.0]).with("n", 2i64))
        })
    };
    let pair = || ModelComparison::new([model(0.0, "left"), model(10.0, "right")]);
    let indices = |record: &Record| f64s(record, "model_indices").chunks(2).map(|row| row[1]).collect::<Vec<_>>();
    // A probability means what it says: the frequency of 4000 data sets within five standard errors.
    for (simulator, p) in [
        (pair(), 0.5),
        (pair().probabilities([0.9, 0.1]), 0.1),
        (pair().logits([0.0, 2.0]), 1.0 / (1.0 + (-2f64).exp())),
        (pair().probabilities([1.0, 0.0]), 0.0),
    ] {
        let record = simulator.simulate(4000, 1).unwrap();
        let second = indices(&record).iter().sum::<f64>() / 4000.0;
        assert!((second - p).abs() <= 5.0 * (p * (1.0 - p) / 4000.0).sqrt(), "{second} for {p}");
        let agrees = |(x, i): (&f64, f64)| (*x >= 10.0) == (i == 1.0);
        assert!(f64s(&record, "x").iter().zip(indices(&record)).all(agrees));
        assert_eq!(record.keys().collect::<Vec<_>>(), ["x", "n", "model_indices"]);
    }
    let simulator = pair().shared(Composition::new().part("scale", |_, _| Ok([("scale", 0.5.into())])));
    let whole = simulator.sample(&request(50)).unwrap();
    assert!(f64s(&whole, "x").iter().all(|x| x % 10.0 < 0.5) && f64s(&whole, "scale") == [0.5; 50]);
    for size in [1, 7] {
        assert_eq!(sample_batched(&simulator, &request(50), size).unwrap(), whole, "{size} at a time");
    }
    let pool = Pool::new(3).unwrap();
    assert_eq!(simulator.sample(&request(50).pool(&pool)).unwrap(), whole);

    let filled = pair().key_conflicts(KeyConflicts::Fill).fill_value(-1.0).simulate(20, 1).unwrap();
    for (left, second) in f64s(&filled, "left").chunks(2).zip(indices(&filled)) {
        assert_eq!(left == [-1.0, -1.0], second == 1.0);
    }
    assert!(message(pair().key_conflicts(KeyConflicts::Error).simulate(1, 1)).contains("left, right"));
    let single = pair().single_model_batches();
    let models: Vec<f64> = (0..40)
        .map(|seed| indices(&single.simulate(3, seed).unwrap()))
        .map(|i| {
            assert!(i.iter().all(|one| *one == i[0]));
            i[0]
        })
        .collect();
    assert!(models.contains(&0.0) && models.contains(&1.0));
    for (simulator, expected) in [
        (pair().probabilities([0.5, 0.5]).logits([0.0, 0.0]), "both were given"),
        (pair().probabilities([0.5, 0.6]), "sum to 1"),
        (pair().probabilities([1.0]), "one for each"),
        (pair().logits([f64::NAN, 0.0]), "finite"),
        (ModelComparison::new(Vec::<Composition>::new()), "at least one simulator"),
    ] {
        let text = message(simulator.simulate(1, 1));
        assert!(text.contains(expected), "'{text}' lacks '{expected}'");
    }
}
