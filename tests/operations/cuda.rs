//! The table on a CUDA device: the interpreter of the tests, or a GPU where `FERROFLOW_CUDA` names its number.

use std::collections::HashMap;
use std::sync::Arc;

use ferroflow::device::cuda::{Driver, Launch};
use ferroflow::device::{Description, Device, Precision};
use ferroflow::optim::MOST_STARTED;
use ferroflow::prelude::*;
use ferroflow::tensor::Tensor;
use ferroflow::workflow::{Callback, Control, StepRecord, Validation};

use crate::interpreted::Interpreted;
use crate::{Check, check_outputs, for_each_case, gpu};

/// The interpreter, or the GPU of the number that `FERROFLOW_CUDA` names, with no more than so many groups at a time.
fn device_of(groups: Option<usize>) -> Device {
    match std::env::var("FERROFLOW_CUDA") {
        Ok(index) => Device::cuda_with_groups(index.parse().unwrap(), groups.unwrap_or(usize::MAX)).unwrap(),
        Err(_) => Device::cuda_with(Arc::new(Interpreted::default()), groups),
    }
}

fn device() -> Device {
    device_of(None)
}

fn device_of_three_groups() -> Device {
    device_of(Some(3))
}

gpu::suites!(device(), device_of_three_groups());

/// Every program that the table launches is an entry point of a file of `kernels/` and of one of `shaders/`.
#[test]
fn every_program_has_ptx_and_a_shader() {
    let driver = Arc::new(Interpreted::default());
    gpu::outputs_and_gradients_agree_with_the_cpu(&Device::cuda_with(driver.clone(), None));
    let started = driver.programs();
    assert!(started.len() > 60, "only {} programs", started.len());
    for program in started {
        let shader = std::fs::read_to_string(format!("shaders/{}.wgsl", program.file)).unwrap();
        assert!(shader.contains(&format!("fn {}(", program.entry)), "{program:?} has no shader");
    }
}

/// A check of all cases of the operations that are products, with a bound for all of them.
fn check_products(device: &Device, bound: f64, check: Check) {
    for_each_case(|operation, case, inputs, key| {
        if ["linear", "mlp"].contains(&operation.row().name) {
            let case = case.clone().bound(bound);
            check(device, operation, &case, inputs, key).unwrap_or_else(|message| panic!("{message}"));
        }
    });
}

/// On tensor cores: as good as f32, and with ten bits behind the point (where a derivative may be that beyond a kink).
#[test]
fn products_on_tensor_cores() {
    check_products(&device().with_precision(Precision::Tf32x3).unwrap(), 1e-4, gpu::agrees_with_the_cpu);
    let rough = device().with_precision(Precision::Tf32).unwrap();
    check_products(&rough, 1e-2, check_outputs);
    assert!(Device::cpu().with_precision(Precision::Tf32).unwrap_err().to_string().contains("leave the precision out"));
    let message = rough.clone().with_precision(Precision::F32).unwrap_err().to_string();
    assert!(message.contains("is in use"), "{message}");
    let message = Device::named("cpu@f16", 1).unwrap_err().to_string();
    assert!(message.contains("choose f32"), "{message}");
}

/// Notes how often something was read back at each step that the training knows of.
struct Watch(Arc<Interpreted>, Vec<usize>);

impl Callback for Watch {
    fn on_step(&mut self, _: &StepRecord) -> ferroflow::Result<Control> {
        self.1.push(self.0.downloads());
        Ok(Control::Continue)
    }
}

/// A small study: losses of its training steps.
fn losses(device: Device, steps: usize, callback: &mut dyn Callback) -> Vec<f64> {
    let subnet = Mlp { widths: vec![16], dropout: 0.05, ..Mlp::for_couplings() };
    let summary = DeepSet { summary_dim: 4, embed_dim: 8, mlp_widths: vec![16], ..DeepSet::default() };
    let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default())
        .unwrap()
        .inference_network(CouplingFlow { depth: 2, subnet, ..CouplingFlow::default() })
        .summary_network(summary)
        .seed(5)
        .device(device)
        .build()
        .unwrap();
    let fit = Fit { epochs: 1, batches_per_epoch: steps, batch_size: 4, ..Fit::default() };
    workflow.fit_online_with(fit, Validation::None, &mut [callback], None).unwrap().losses().collect()
}

/// A training has the losses of the CPU, is asked for them once in sixteen steps, and hands over the same programs for every step,
/// though its sets differ in size, so that the driver can keep them as a graph.
#[test]
fn training_steps_are_one_plan() {
    const STEPS: usize = 2 * MOST_STARTED;
    let driver = Arc::new(Interpreted::default());
    let mut watch = Watch(driver.clone(), Vec::new());
    let ours = losses(Device::cuda_with(driver.clone(), None), STEPS, &mut watch);
    let mut nothing = Watch(Arc::default(), Vec::new());
    for (ours, cpu) in ours.iter().zip(losses(Device::cpu(), STEPS, &mut nothing)) {
        assert!((ours - cpu).abs() < 1e-4 * cpu.abs().max(1.0), "{ours}, on the CPU {cpu}");
    }
    let read = &watch.1;
    assert_eq!((read.len(), read[STEPS - 1] - read[MOST_STARTED - 1]), (STEPS, 1), "{read:?}");
    let mut counts = HashMap::new();
    driver.plans().into_iter().for_each(|plan| *counts.entry(plan).or_insert(0) += 1);
    let most = counts.values().max().unwrap();
    assert!(*most >= STEPS - 2, "the same programs came {most} times in {STEPS} steps");
}

/// A driver with nothing behind it.
struct Lost;

impl Driver for Lost {
    fn describe(&self) -> Description {
        let (name, nothing) = ("cuda".to_string(), String::new());
        Description { name, hardware: nothing.clone(), kernels: nothing.clone(), threads: 0, limits: nothing }
    }
    fn allocate(&self, bytes: usize) -> ferroflow::Result<u64> {
        if bytes < 1 << 20 { Ok(256) } else { Err(Error::device("cuda", "its memory has no room")) }
    }
    fn free(&self, _: u64) {}
    fn upload(&self, _: &[u8], _: u64) -> ferroflow::Result<()> {
        Ok(())
    }
    fn download(&self, _: u64, _: &mut [u8]) -> ferroflow::Result<()> {
        Ok(())
    }
    fn copy(&self, _: u64, _: u64, _: usize) -> ferroflow::Result<()> {
        Ok(())
    }
    fn run(&self, _: &[Launch]) -> ferroflow::Result<()> {
        Err(Error::device("cuda", "the GPU failed (unspecified launch failure); start again, or choose cpu"))
    }
    fn synchronise(&self) -> ferroflow::Result<()> {
        Ok(())
    }
}

#[test]
fn what_goes_wrong_is_a_sentence() {
    let device = Device::cuda_with(Arc::new(Lost), None);
    let message = Tensor::zeros(&device, [1 << 20].into()).unwrap_err().to_string();
    assert!(message.contains("no room"), "{message}");
    // The launch is only collected; reading waits for it.
    let tensor = Tensor::full(&device, [4].into(), 1.0).unwrap();
    let message = tensor.values().unwrap_err().to_string();
    assert!(message.contains("start again"), "{message}");
    if let Err(error) = Device::cuda(0) {
        let message = error.to_string();
        assert!(message.contains("choose wgpu or cpu"), "{message}");
    }
}
