//! Studies on a WebGPU device (Mesa's software Vulkan where there is no GPU): what is trained, drawn and scored there is what the CPU
//! gives, up to rounding; and what goes wrong is a sentence.

#![cfg(feature = "wgpu")]

use ferroflow::autodiff::Tape;
use ferroflow::data::Record;
use ferroflow::device::{self, Device};
use ferroflow::io::ModelFile;
use ferroflow::ops::Spline;
use ferroflow::prelude::*;
use ferroflow::simulators::Sir;
use ferroflow::tensor::Tensor;
use ferroflow::workflow::{Callback, Checkpoint, Control, StepRecord};

fn gpu() -> Device {
    Device::wgpu(0).expect("a Vulkan driver; Debian's package mesa-vulkan-drivers computes in software")
}

/// Stops a training behind a number of steps as if it had been killed.
struct Killer(u64);

impl Callback for Killer {
    fn on_step(&mut self, step: &StepRecord) -> ferroflow::Result<Control> {
        match step.step + 1 > self.0 {
            true => Err(Error::user("killer", "enough")),
            false => Ok(Control::Continue),
        }
    }
}

/// Steps of an epoch, and epochs before the state is saved.
const STEPS: usize = 50;
const BEFORE: usize = 3;

/// Losses of the last fifty steps of a training with a simulator's default networks, on both devices from the state that the CPU has
/// saved before. With a seed for which no unit comes to a kink of its activation so closely that rounding decides on its side:
/// from there on these are two trainings. (Of the epidemic's seeds 1 to 6 that happens with 5, at step 22; the others stay within 2e-5.)
fn losses(simulator: impl Simulator + Clone + 'static, batch_size: usize, seed: u64) -> [Vec<f64>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let fit = Fit { epochs: BEFORE + 1, batches_per_epoch: STEPS, batch_size, ..Fit::default() };
    let build = |device: Device| {
        BasicWorkflow::for_simulator(simulator.clone()).unwrap().seed(seed).device(device).checkpoints(folder.path())
    };
    let mut killer = Killer((BEFORE * STEPS) as u64);
    let mut workflow = build(Device::cpu()).build().unwrap();
    let killed = workflow.fit_online_with(fit.clone(), Validation::None, &mut [&mut killer], None);
    assert!(killed.unwrap_err().to_string().contains("enough"));
    let file: ModelFile = ModelFile::load(&folder.path().join("model.safetensors")).unwrap();
    let saved = Checkpoint::from_file(&file).unwrap();
    assert_eq!(saved.epochs(), BEFORE);
    [gpu(), Device::cpu()].map(|device| {
        let mut workflow = build(device).build().unwrap();
        let history = workflow.fit_online_with(fit.clone(), Validation::None, &mut [], Some(&saved)).unwrap();
        history.losses().skip(BEFORE * STEPS).collect()
    })
}

fn agree(ours: &[f64], cpu: &[f64]) {
    assert_eq!((ours.len(), cpu.len()), (STEPS, STEPS));
    for (step, (ours, cpu)) in ours.iter().zip(cpu).enumerate() {
        let bound = 1e-4 * cpu.abs().max(1.0);
        assert!((ours - cpu).abs() <= bound, "step {step}: {ours}, on the CPU {cpu}");
    }
}

#[test]
fn fifty_steps_of_the_regression_have_the_losses_of_the_cpu() {
    let [ours, cpu] = losses(LinearRegression::default(), 32, 5);
    agree(&ours, &cpu);
}

#[test]
fn fifty_steps_of_an_epidemic_have_the_losses_of_the_cpu() {
    let [ours, cpu] = losses(Sir::default(), 8, 6);
    agree(&ours, &cpu);
}

fn values(record: &Record, key: &str) -> Vec<f64> {
    record.column(key).unwrap().array.to_f64()
}

/// A training that diverges goes back to good weights with a smaller rate, and in the end says what to do.
#[test]
fn a_training_that_diverges_is_a_sentence() {
    let [ours, cpu] = [gpu(), Device::cpu()].map(|device| {
        let simulator = LinearRegression::default();
        let subnet = Mlp { widths: vec![16], ..Mlp::for_couplings() };
        let mut workflow = BasicWorkflow::for_simulator(simulator)
            .unwrap()
            .inference_network(CouplingFlow { depth: 2, subnet, ..CouplingFlow::default() })
            .summary_network(DeepSet { summary_dim: 4, embed_dim: 8, mlp_widths: vec![16], ..DeepSet::default() })
            .seed(5)
            .device(device)
            .build()
            .unwrap();
        let fit = Fit { epochs: 12, batches_per_epoch: 16, batch_size: 4, learning_rate: 1e12, ..Fit::default() };
        workflow.fit_online(fit).unwrap_err().to_string()
    });
    for message in [ours, cpu] {
        assert!(message.contains("not finite came up 6 times"), "{message}");
    }
}

/// A model trained on the CPU gives the same densities and draws elsewhere, and goes back as it came.
#[test]
fn models_move_between_devices() {
    models_move(CouplingFlow { depth: 2, ..CouplingFlow::default() });
    models_move(CouplingFlow { depth: 2, transform: Spline::default().into(), ..CouplingFlow::default() });
}

fn models_move(network: CouplingFlow) {
    let folder = tempfile::tempdir().unwrap();
    let [there, back] = ["there", "back"].map(|name| folder.path().join(name).with_extension("safetensors"));
    let builder = BasicWorkflow::for_simulator(LinearRegression::default()).unwrap().inference_network(network);
    let mut trained = builder.seed(2).build().unwrap();
    trained.fit_online(Fit { epochs: 1, batches_per_epoch: 50, ..Fit::default() }).unwrap();
    trained.save(&there).unwrap();
    let moved = BasicWorkflow::load(&there, None, gpu()).unwrap();
    let data = LinearRegression::default().simulate(20, 9).unwrap();
    let (ours, cpu) = (moved.log_prob(&data).unwrap(), trained.log_prob(&data).unwrap());
    for (ours, cpu) in ours.iter().zip(&cpu) {
        assert!((ours - cpu).abs() < 1e-4 * cpu.abs().max(1.0), "{ours}, on the CPU {cpu}");
    }
    // Enough for a GPU to make the base draws itself.
    let draws = |workflow: &BasicWorkflow| workflow.sample(&data, 300).unwrap();
    let (ours, cpu) = (draws(&moved), draws(&trained));
    for key in ["beta", "sigma"] {
        for (ours, cpu) in values(&ours, key).iter().zip(values(&cpu, key)) {
            assert!((ours - cpu).abs() < 1e-3 * cpu.abs().max(1.0), "{key}: {ours}, on the CPU {cpu}");
        }
    }
    moved.save(&back).unwrap();
    let again = [BasicWorkflow::load(&back, None, Device::cpu()).unwrap(), moved.move_to(Device::cpu()).unwrap()];
    for again in again {
        assert_eq!(values(&draws(&again), "beta"), values(&cpu, "beta"), "the weights came back bit by bit");
    }
}

#[test]
fn devices_are_listed_with_their_limits() {
    let all = device::devices(1).unwrap();
    assert_eq!(all[0].name, "cpu");
    assert!(all[1].name == "wgpu" && all[1].limits.contains("largest tensor"), "{:?}", all[1]);
    assert!(Device::named("wgpu", 1).is_ok() && Device::named("wgpu:0", 1).is_ok());
}

#[test]
fn what_goes_wrong_is_a_sentence() {
    let message = |result: ferroflow::Result<Tensor>| result.err().unwrap().to_string();
    let missing = Device::wgpu(99).err().unwrap().to_string();
    assert!(missing.contains("there is no GPU 99"), "{missing}");
    assert!(Device::named("wgpu:x", 1).err().unwrap().to_string().contains("'wgpu:x' is not a device"));

    let gpu = gpu();
    let too_large = message(Tensor::zeros(&gpu, [1 << 20, 1 << 14].into()));
    assert!(too_large.contains("65536 MiB") && too_large.contains("smaller batches"), "{too_large}");

    let tape = Tape::new(&gpu);
    let (here, there) = (Tensor::zeros(&gpu, [3].into()).unwrap(), Tensor::zeros(&Device::cpu(), [3].into()).unwrap());
    let sum = tape.constant(here) + tape.constant(there);
    let mixed = message(sum.value());
    assert!(mixed.contains("another device"), "{mixed}");
}
