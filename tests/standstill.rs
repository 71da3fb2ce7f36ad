//! A fit whose validation loss stands still goes back to its best weights with a smaller rate, a given number of times.

use ferroflow::codecs::Array;
use ferroflow::data::Record;
use ferroflow::prelude::*;
use ferroflow::random::Key;
use ferroflow::workflow::{Checkpoint, Validation};
use rand::RngExt;

/// Noise: what is learned on these few data sets is wrong on others.
fn noise(count: usize, seed: u64) -> Record {
    let mut stream = Key::new(seed).stream();
    let mut numbers = |columns: usize| -> Array {
        let values = (0..count * columns).map(|_| stream.random::<f64>()).collect();
        Array::f64([count, columns], values).unwrap()
    };
    let a = numbers(1);
    Record::new().with("a", a).with("x", numbers(6))
}

fn workflow(folder: &std::path::Path) -> BasicWorkflow {
    BasicWorkflow::from_simulations()
        .adapter(Adapter::new().rename("a", "inference_variables").rename("x", "inference_conditions"))
        .inference_network(CouplingFlow {
            depth: 1,
            subnet: Mlp { widths: vec![32], dropout: 0.0, ..Mlp::for_couplings() },
            ..CouplingFlow::default()
        })
        .seed(3)
        .checkpoints(folder)
        .build()
        .unwrap()
}

fn fit() -> Fit {
    Fit { epochs: 60, learning_rate: 1e-2, patience: Some(3), reductions: 2, average: None, ..Fit::default() }
}

#[test]
fn the_rate_falls_and_then_training_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut workflow = workflow(folder.path());
    let validation = || Validation::Data(noise(200, 2));
    let history = workflow.fit_offline_with(noise(64, 1), fit(), validation(), &mut [], None).unwrap();
    let events: Vec<&str> = history.events().iter().map(|event| event.message.as_str()).collect();
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events[..2].iter().all(|event| event.contains("went back to the best weights")), "{events:?}");
    assert!(events[2].contains("stopped after epoch"), "{events:?}");
    let losses: Vec<f64> = history.validation_losses().iter().flatten().copied().collect();
    assert!(losses.len() < 60);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    // The epoch after a return begins at the best weights: it cannot be far above them.
    let returned: Vec<usize> = events[..2]
        .iter()
        .map(|event| event.split(&[' ', ':'][..]).find_map(|word| word.parse().ok()).unwrap())
        .collect();
    for epoch in returned {
        assert!(losses[epoch + 1] < losses[epoch], "{losses:?} after {epoch}");
    }
    let data = noise(200, 2);
    let deployed = -workflow.log_prob(&data).unwrap().iter().sum::<f64>() / 200.0;
    // The loss is that of standardised variables: it lacks the logarithm of their deviation.
    let deviation = (1.0f64 / 12.0).sqrt();
    assert!((deployed - (best + deviation.ln())).abs() < 0.1, "{deployed} for {best}");
}

#[test]
fn resuming_changes_no_bit() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let validation = || Validation::Data(noise(200, 2));
    let mut whole = workflow(folders[0].path());
    let history = whole.fit_offline_with(noise(64, 1), fit(), validation(), &mut [], None).unwrap();

    /// Stops after a number of epochs, as a kill would.
    struct Stop(usize);
    impl ferroflow::workflow::Callback for Stop {
        fn on_epoch(&mut self, epoch: &ferroflow::workflow::EpochRecord) -> Result<ferroflow::workflow::Control> {
            match epoch.epoch + 1 == self.0 {
                true => Err(Error::argument("stop", "for this test")),
                false => Ok(ferroflow::workflow::Control::Continue),
            }
        }
    }
    let epochs = history.validation_losses().len();
    assert!(epochs > 6);
    let mut broken = workflow(folders[1].path());
    broken.fit_offline_with(noise(64, 1), fit(), validation(), &mut [&mut Stop(epochs - 3)], None).unwrap_err();
    let file: ferroflow::io::ModelFile =
        ferroflow::io::ModelFile::load(&folders[1].path().join("model.safetensors")).unwrap();
    let checkpoint = Checkpoint::from_file(&file).unwrap();
    let mut resumed = workflow(folders[1].path());
    let again = resumed.fit_offline_with(noise(64, 1), fit(), validation(), &mut [], Some(&checkpoint)).unwrap();
    assert_eq!(again.validation_losses(), history.validation_losses());
    let data = noise(50, 5);
    assert_eq!(resumed.log_prob(&data).unwrap(), whole.log_prob(&data).unwrap());
}
