//! `ferroflow devices`.

use ferroflow::device::devices;
use ferroflow::workflow::available_threads;

use crate::output::{Outcome, Output};

pub fn run() -> Outcome {
    let mut output = Output::default();
    for device in devices(available_threads())? {
        let details = match device.threads {
            0 => device.limits,
            threads => format!("{threads} threads"),
        };
        output.line(format!("{}  {}, {} kernels, {details}", device.name, device.hardware, device.kernels));
    }
    Ok(())
}
