//! `ferroflow devices`.

use ferroflow::device::Device;
use ferroflow::workflow::available_threads;

use crate::output::{Outcome, Output};

pub fn run() -> Outcome {
    let devices = [Device::cpu_with_threads(available_threads())?];
    let mut output = Output::default();
    for device in devices {
        let description = device.describe();
        output.line(format!(
            "{}  {}, {} kernels, {} threads",
            description.name, description.hardware, description.kernels, description.threads
        ));
    }
    Ok(())
}
