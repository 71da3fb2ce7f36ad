//! Simulations that exist already, in two lines; and measurements that are missing.

use ferroflow::Result;
use ferroflow::approximators::ContinuousApproximator;
use ferroflow::codecs::Array;
use ferroflow::data::{Record, io::write_npz};
use ferroflow::networks::{CouplingFlow, DeepSet};
use ferroflow::nn::Mlp;
use ferroflow::random::Key;
use ferroflow::simulators::Kind;
use ferroflow::workflow::{BasicWorkflow, Fit, Roles, Run, RunConfig};
use rand::RngExt;
use rand_distr::StandardNormal;

const MEASUREMENTS: usize = 10;

fn small() -> CouplingFlow {
    CouplingFlow {
        depth: 2,
        subnet: Mlp { widths: vec![32], dropout: 0.0, ..Mlp::for_couplings() },
        ..CouplingFlow::default()
    }
}

fn roles(kind: Kind) -> Roles {
    Roles {
        parameters: vec!["a".into()],
        data_variables: vec!["x".into()],
        missing: vec!["x".into()],
        kind: Some(kind),
        ..Roles::default()
    }
}

/// `a` from a standard normal distribution, and ten measurements of it with the noise 1. `missing(data set, number between 0 and
/// 1)` is the probability with which a measurement of a data set is missing; one of them never is.
fn measured(count: usize, seed: u64, missing: impl Fn(f64) -> f64) -> Record {
    let mut rng = Key::new(seed).stream();
    let (mut a, mut x) = (Vec::new(), Vec::new());
    for _ in 0..count {
        a.push(rng.sample::<f64, _>(StandardNormal));
        let share = missing(rng.random());
        for i in 0..MEASUREMENTS {
            let value = a[a.len() - 1] + rng.sample::<f64, _>(StandardNormal);
            x.push(if i > 0 && rng.random::<f64>() < share { f64::NAN } else { value });
        }
    }
    let shape = [count, MEASUREMENTS];
    Record::new().with("a", Array::f64([count, 1], a).unwrap()).with("x", Array::f64(shape, x).unwrap())
}

/// The first `count` measurements of each data set only.
fn first_measurements(data: &Record, count: usize) -> Record {
    let x = data.column("x").unwrap().array.to_f64();
    let x = x.iter().enumerate().map(|(i, &x)| if i % MEASUREMENTS < count { x } else { f64::NAN }).collect();
    data.clone().with("x", Array::f64(data.column("x").unwrap().array.shape(), x).unwrap())
}

/// Standard deviations of the posterior, averaged over data sets.
fn width(workflow: &BasicWorkflow, data: &Record) -> f64 {
    const DRAWS: usize = 200;
    let draws = workflow.sample(data, DRAWS).unwrap().column("a").unwrap().array.to_f64();
    let deviation = |draws: &[f64]| {
        let mean = draws.iter().sum::<f64>() / DRAWS as f64;
        (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (DRAWS - 1) as f64).sqrt()
    };
    let rows = draws.len() / DRAWS;
    draws.chunks(DRAWS).map(deviation).sum::<f64>() / rows as f64
}

#[test]
fn posteriors_are_wider_where_more_is_missing() {
    // Of each data set another share, half of all on average.
    let data = measured(3000, 1, |u| u);
    let x = data.column("x").unwrap().array.to_f64();
    let share = x.iter().filter(|x| x.is_nan()).count() as f64 / x.len() as f64;
    assert!((0.4..0.5).contains(&share), "{share}");
    let observed = measured(40, 2, |_| 0.0);
    for kind in [Kind::Vector, Kind::Set] {
        let mut builder =
            BasicWorkflow::for_simulations(&roles(kind), &data).unwrap().inference_network(small()).seed(1);
        if kind == Kind::Set {
            let reader = DeepSet {
                summary_dim: 4,
                embed_dim: 16,
                depth: 1,
                mlp_widths: vec![16],
                dropout: 0.0,
                ..DeepSet::default()
            };
            builder = builder.summary_network(reader);
        }
        let mut workflow = builder.build().unwrap();
        let notes = workflow.describe();
        let expected = if kind == Kind::Set { "are left out of the sets" } else { "a mask beside them" };
        assert!(notes.contains("NaN") && notes.contains(expected), "{notes}");
        let fit = Fit { epochs: 12, batch_size: 64, learning_rate: 3e-3, ..Fit::default() };
        workflow.fit_offline(data.clone(), fit).unwrap();
        let widths = [10, 3, 1].map(|count| width(&workflow, &first_measurements(&observed, count)));
        for (width, count) in widths.iter().zip([10.0f64, 3.0, 1.0]) {
            let exact = 1.0 / (1.0 + count).sqrt();
            assert!((width / exact - 1.0).abs() < 0.25, "{kind:?}: {widths:?}, with {count} measured it is {exact}");
        }
        assert!(widths[1] > 1.2 * widths[0] && widths[2] > 1.1 * widths[1], "{kind:?}: {widths:?}");
    }
}

#[test]
fn two_lines_train_what_the_command_trains() -> Result<()> {
    let data = measured(140, 3, |_| 0.2);
    let mut workflow =
        BasicWorkflow::for_simulations(&roles(Kind::Vector), &data)?.inference_network(small()).seed(4).build()?;
    let history = workflow.fit_simulations(&data)?;
    assert!(history.validation_losses().iter().all(Option::is_some), "a tenth is held out");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sims.npz");
    write_npz(&path, &data)?;
    let config = RunConfig {
        data: Some(path),
        roles: Some(roles(Kind::Vector)),
        seed: Some(4),
        threads: Some(1),
        inference_network: Some(small().into()),
        ..RunConfig::default()
    };
    let command = Run::<ContinuousApproximator>::prepare(config)?.train(&mut [], None)?;
    assert!(history.losses().eq(command.losses()), "the command trains as the library does");
    assert_eq!(history.validation_losses(), command.validation_losses());
    Ok(())
}

#[test]
fn a_parameter_that_does_not_vary_is_named() {
    let data = measured(20, 5, |_| 0.0).with("a", Array::f64([20, 1], vec![1.0; 20]).unwrap());
    let message = BasicWorkflow::for_simulations(&roles(Kind::Vector), &data).err().unwrap().to_string();
    assert!(message.contains("is 1 in all 20 data sets"), "{message}");
    let workflow = BasicWorkflow::from_simulations().build().unwrap().fit_simulations(&Record::new());
    assert!(workflow.unwrap_err().to_string().contains("first axis is the data set"));
}
