//! 6. Three models of the same data: which one made them?
//!
//! Ten numbers are normal around zero, normal around an unknown place, or have heavy tails.

use ferroflow::make_simulator;
use ferroflow::prelude::*;
use ferroflow::simulators::{Composition, Kind, Variable};
use rand_distr::{Distribution, StandardNormal, StudentT};

fn model(draw: impl Fn(f64, &mut Stream) -> f64 + Send + Sync + 'static) -> Composition<'static> {
    let prior = |rng: &mut Stream, _: &View| {
        let place: f64 = StandardNormal.sample(rng);
        Ok(Draw::new().with("place", place))
    };
    let data = move |rng: &mut Stream, given: &View| {
        let place = given.scalar("place")?;
        let values: Vec<f64> = (0..10).map(|_| draw(place, rng)).collect();
        Ok(Draw::new().with("x", ferroflow::simulators::set(values)))
    };
    make_simulator! { prior, data }.variable(Variable::parameter("place")).variable(Variable::data("x").kind(Kind::Set))
}

fn main() -> ferroflow::Result<()> {
    let normal = |rng: &mut Stream| -> f64 { StandardNormal.sample(rng) };
    let models = [
        ("centred", model(move |_, rng| normal(rng))),
        ("shifted", model(move |place, rng| place + normal(rng))),
        ("heavy tails", model(|_, rng| StudentT::new(2.0).map_or(f64::NAN, |law| law.sample(rng)))),
    ];
    let mut comparison = ComparisonWorkflow::for_simulators(models, 1)?;
    let small = DeepSet { summary_dim: 10, embed_dim: 32, mlp_widths: vec![32], dropout: 0.0, ..DeepSet::default() };
    comparison = comparison.configure(|builder| {
        let classifier = Mlp { widths: vec![64, 64], dropout: 0.0, ..Mlp::default() };
        builder.summary_network(small).classifier_network(classifier)
    })?;
    comparison.fit_online(Fit { epochs: 10, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() })?;

    let observed = comparison.simulate(5)?;
    let predictions = comparison.predict(&observed)?;
    println!("{predictions}");
    println!("ln Bayes factors of centred against shifted: {:.2?}", predictions.log_bayes_factors(0, 1)?);

    let diagnosis = comparison.diagnose(1000)?;
    println!("accuracy {:.3}", diagnosis.accuracy);
    for verdict in &diagnosis.verdicts {
        println!("{verdict}");
    }
    let folder = std::env::temp_dir().join("ferroflow-example-06");
    diagnosis.save(&folder)?;
    assert!(diagnosis.accuracy > 0.6 && diagnosis.calibration.metric.values.iter().all(|error| *error < 0.1));
    Ok(())
}
