//! Metrics of the validation data: what they compute, where they are written, and that training does not notice them.

use ferroflow::approximators::{Batch, Trainable};
use ferroflow::codecs::Array;
use ferroflow::data::Record;
use ferroflow::diagnostics::{
    LatestDiscrepancy, MaximumMeanDiscrepancy, MeanRootSquaredError, StreamingMetric, maximum_mean_discrepancy,
};
use ferroflow::io::ModelFile;
use ferroflow::prelude::*;
use ferroflow::workflow::{Callback, Checkpoint, Control, EpochRecord, History, Validation, WorkflowBuilder};
use rand::RngExt;

/// Data sets of one seed: x is a with noise, on a scale of its own.
fn data(count: usize, seed: u64) -> Record {
    let mut stream = Key::new(seed).stream();
    let a: Vec<f64> = (0..2 * count).map(|_| 10.0 * stream.random::<f64>()).collect();
    let x = a.iter().map(|a| a + stream.random::<f64>()).collect();
    Record::new().with("a", Array::f64([count, 2], a).unwrap()).with("x", Array::f64([count, 2], x).unwrap())
}

fn builder() -> WorkflowBuilder {
    let flow =
        CouplingFlow { depth: 1, subnet: Mlp { widths: vec![16], ..Mlp::for_couplings() }, ..CouplingFlow::default() };
    BasicWorkflow::from_simulations()
        .adapter(Adapter::new().rename("a", "inference_variables").rename("x", "inference_conditions"))
        .inference_network(flow)
        .seed(3)
}

fn measured() -> WorkflowBuilder {
    builder().metric(MeanRootSquaredError::new()).metric(LatestDiscrepancy::default())
}

/// The weights of the last epoch are those of the model.
fn fit() -> Fit {
    Fit { epochs: 3, batch_size: 16, learning_rate: 5e-3, average: None, keep_best: false, ..Fit::default() }
}

fn trained(builder: WorkflowBuilder, validation: Validation) -> ferroflow::Result<(BasicWorkflow, History)> {
    let mut workflow = builder.build()?;
    let history = workflow.fit_offline_with(data(64, 1), fit(), validation, &mut [], None)?;
    Ok((workflow, history))
}

fn columns(history: &History) -> Vec<(String, Vec<Option<f64>>)> {
    history.metrics().map(|(name, values)| (name.to_string(), values.to_vec())).collect()
}

#[test]
fn one_draw_of_each_data_set_is_compared_with_the_truth() {
    let held_out = data(40, 2);
    let (workflow, history) = trained(measured(), Validation::Data(held_out.clone())).unwrap();
    let columns = columns(&history);
    assert_eq!(
        columns.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(),
        ["root_mean_squared_error", "maximum_mean_discrepancy"]
    );
    assert!(columns.iter().all(|(_, values)| values.len() == 3 && values.iter().all(Option::is_some)), "{columns:?}");

    // The last epoch by hand, in parts of a batch's size.
    let built = workflow.approximator().unwrap();
    let adapted = workflow.adapter().forward(&held_out, Strictness::Strict).unwrap();
    let key = Key::new(3).fork("metrics");
    let (mut draws, mut truth) = (Vec::new(), Vec::new());
    for start in [0, 16, 32] {
        let rows: Vec<usize> = (start..40.min(start + 16)).collect();
        let batch = Batch::from_record(&adapted.select(&rows).unwrap()).unwrap();
        let drawn = built.sample(&batch, 1, 0, key.at(start as u64)).unwrap();
        let moments = built.standardizer().moments(Variable::InferenceVariables, "").unwrap();
        let known = batch.inference_variables.unwrap().values;
        for (values, out) in [(drawn, &mut draws), (known, &mut truth)] {
            let standardised =
                values.iter().enumerate().map(|(i, x)| (x - moments.inverse(i % 2, 0.0)) / moments.deviation(i % 2));
            out.extend(standardised.map(|x| f64::from(x as f32)));
        }
    }
    let [draws, truth] = [draws, truth].map(|values| Array::f64([40, 2], values).unwrap());
    let mut error = MeanRootSquaredError::new();
    error.update(&draws, &truth).unwrap();
    let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-12 * expected.abs();
    assert!(close(columns[0].1[2], error.result().unwrap()), "{columns:?} for {error:?}");
    let discrepancy = maximum_mean_discrepancy(&draws, &truth, &MaximumMeanDiscrepancy::default()).unwrap();
    assert!(close(columns[1].1[2], discrepancy), "{columns:?} for {discrepancy}");
}

#[test]
fn training_is_the_same_with_and_without_them() {
    let weights = |builder: WorkflowBuilder| {
        let (workflow, history) = trained(builder, Validation::Data(data(40, 2))).unwrap();
        let losses: Vec<f64> = history.losses().collect();
        (workflow.approximator().unwrap().parameters().export().unwrap(), losses, history.validation_losses().to_vec())
    };
    assert!(weights(builder()) == weights(measured()));
}

/// Fails after so many epochs.
struct Interruption(usize);

impl Callback for Interruption {
    fn on_epoch(&mut self, epoch: &EpochRecord) -> ferroflow::Result<Control> {
        assert_eq!(epoch.metrics.len(), 2);
        match epoch.epoch >= self.0 {
            true => Err(Error::argument("interruption", "as was wished")),
            false => Ok(Control::Continue),
        }
    }
}

#[test]
fn they_are_written_and_survive_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let held_out = || Validation::Data(data(40, 2));
    let (_, whole) = trained(measured().checkpoints(folder.path().join("whole")), held_out()).unwrap();
    let read = History::read_csv(&folder.path().join("whole/history.csv")).unwrap();
    assert_eq!(columns(&read), columns(&whole));

    let part = folder.path().join("part");
    let mut workflow = measured().checkpoints(&part).build().unwrap();
    let mut interruption = Interruption(1);
    let outcome = workflow.fit_offline_with(data(64, 1), fit(), held_out(), &mut [&mut interruption], None);
    assert!(outcome.unwrap_err().to_string().contains("as was wished"));
    let file: ModelFile = ModelFile::load(&part.join("model.safetensors")).unwrap();
    let checkpoint = Checkpoint::from_file(&file).unwrap();
    assert_eq!((checkpoint.epochs(), checkpoint.is_complete()), (1, false));
    let mut workflow = measured().build().unwrap();
    let resumed = workflow.fit_offline_with(data(64, 1), fit(), held_out(), &mut [], Some(&checkpoint)).unwrap();
    assert_eq!(columns(&resumed), columns(&whole));
    let mut other = builder().build().unwrap();
    let refused = other.fit_offline_with(data(64, 1), fit(), held_out(), &mut [], Some(&checkpoint));
    assert!(refused.unwrap_err().to_string().contains("resume with the same metrics"));
}

/// A metric that understands nothing.
#[derive(Clone)]
struct Stubborn;

impl StreamingMetric for Stubborn {
    fn name(&self) -> &'static str {
        "stubborn"
    }

    fn update(&mut self, _: &Array, _: &Array) -> ferroflow::Result<()> {
        Err(Error::value("stubborn", "refuses everything; leave it out"))
    }

    fn result(&self) -> Option<f64> {
        None
    }

    fn reset(&mut self) {}
}

#[test]
fn what_cannot_be_computed_is_said() {
    let (_, history) = trained(builder().metric(Stubborn), Validation::Data(data(10, 2))).unwrap();
    assert_eq!(columns(&history), [("stubborn".to_string(), vec![None; 3])]);
    let events: Vec<&str> = history.events().iter().map(|event| event.message.as_str()).collect();
    assert!(events.len() == 3 && events[0].contains("after epoch 0 stubborn could not be computed"), "{events:?}");

    let message = trained(measured(), Validation::None).map(drop).unwrap_err().to_string();
    assert!(message.contains("there are none; add --validation 300"), "{message}");
    let twice = measured().metric(LatestDiscrepancy::default());
    let message = trained(twice, Validation::Data(data(10, 2))).map(drop).unwrap_err().to_string();
    assert!(message.contains("two have the name 'maximum_mean_discrepancy'"), "{message}");
}
