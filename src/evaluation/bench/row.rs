//! A measured phase, as one JSON object.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::Times;
use crate::device::Device;

/// What was measured on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    /// Version of ferroflow.
    pub ferroflow: String,
    /// The processor.
    pub cpu: String,
    /// The instruction set of the kernels.
    pub kernels: String,
    /// Number of cores.
    pub cores: usize,
}

impl Versions {
    fn of(device: &Device) -> Self {
        let description = device.describe();
        Versions {
            ferroflow: env!("CARGO_PKG_VERSION").to_string(),
            cpu: description.hardware,
            kernels: description.kernels,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// One phase of one workload. Times in seconds, rates in 10⁹ floating point operations per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Who was measured.
    pub peer: String,
    /// On what.
    #[serde(default)]
    pub versions: Value,
    /// W1, W2, ….
    pub workload: String,
    /// Number of threads.
    pub threads: usize,
    /// Where it was computed, as the command line names it.
    #[serde(default = "cpu")]
    pub device: String,
    /// What was done.
    pub phase: String,
    /// Data sets, or draws.
    #[serde(default)]
    pub batch: Option<usize>,
    /// In which way.
    #[serde(default)]
    pub variant: Option<String>,
    /// Trainable parameters.
    #[serde(default)]
    pub params: Option<usize>,
    /// Median and smallest wall time.
    #[serde(default)]
    pub median_s: Option<f64>,
    /// Smallest wall time.
    #[serde(default)]
    pub min_s: Option<f64>,
    /// Median and smallest CPU time.
    #[serde(default)]
    pub cpu_s: Option<f64>,
    /// Smallest CPU time.
    #[serde(default)]
    pub cpu_min_s: Option<f64>,
    /// Wall time of the first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_call_s: Option<f64>,
    /// Number of repeats.
    #[serde(default)]
    pub n_repeats: Option<usize>,
    /// Floating point operations of a call.
    #[serde(default)]
    pub flops: Option<f64>,
    /// Bytes that a call has to move at the least: inputs, outputs and weights once; in a training step each weight and each
    /// number of the optimizer's state is read and written, each gradient written and read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<f64>,
    /// Steps of a fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// Rate of the median wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops: Option<f64>,
    /// Rate of the smallest wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops_best: Option<f64>,
    /// Rate of the smallest CPU time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflops_cpu: Option<f64>,
    /// Data sets or draws per second of median wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_per_s: Option<f64>,
    /// Largest resident memory of the process so far.
    #[serde(default)]
    pub peak_rss_mb: Option<f64>,
    /// Load of the machine over the last minute.
    #[serde(default)]
    pub load1: Option<f64>,
    /// Anything else that should be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a row is about.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub device: &'a Device,
    pub workload: &'a str,
    pub phase: &'a str,
    pub batch: usize,
    pub variant: &'a str,
    pub params: usize,
    /// Floating point operations of a call; 0 if they are not counted.
    pub flops: usize,
    /// Bytes that a call moves at the least; 0 if they are not counted.
    pub bytes: usize,
}

impl Row {
    pub(super) fn new(subject: &Subject, threads: usize, times: &Times) -> Self {
        let median = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted.len() / 2;
            match sorted.len() {
                0 => 0.0,
                even if even % 2 == 0 => 0.5 * (sorted[middle - 1] + sorted[middle]),
                _ => sorted[middle],
            }
        };
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let flops = (subject.flops > 0).then_some(subject.flops as f64);
        let rate = |seconds: f64| flops.map(|flops| flops / seconds.max(1e-9) / 1e9);
        let (wall, cpu) = (median(&times.wall), median(&times.cpu));
        Row {
            peer: "ferroflow".to_string(),
            versions: serde_json::to_value(Versions::of(subject.device)).unwrap_or_default(),
            workload: subject.workload.to_string(),
            threads,
            device: subject.device.describe().name,
            phase: subject.phase.to_string(),
            batch: Some(subject.batch),
            variant: Some(subject.variant.to_string()),
            params: Some(subject.params),
            median_s: Some(wall),
            min_s: Some(least(&times.wall)),
            cpu_s: Some(cpu),
            cpu_min_s: Some(least(&times.cpu)),
            first_call_s: Some(times.first),
            n_repeats: Some(times.wall.len()),
            flops,
            bytes: (subject.bytes > 0).then_some(subject.bytes as f64),
            steps: None,
            gflops: rate(wall),
            gflops_best: rate(least(&times.wall)),
            gflops_cpu: rate(least(&times.cpu)),
            items_per_s: Some(subject.batch as f64 / wall.max(1e-9)),
            peak_rss_mb: peak_memory(),
            load1: load(),
            note: None,
        }
    }

    /// What peers are ranked by: the smallest CPU time on one thread, the smallest wall time on several and on a GPU.
    pub fn best(&self) -> Option<f64> {
        if self.on_one_core() { self.cpu_min_s.or(self.cpu_s).or(self.min_s) } else { self.min_s.or(self.median_s) }
    }

    /// The rate that belongs to [`best`](Self::best).
    pub fn rate(&self) -> Option<f64> {
        self.gflops_cpu.filter(|_| self.on_one_core()).or(self.gflops_best)
    }

    fn on_one_core(&self) -> bool {
        self.threads == 1 && self.device == cpu()
    }
}

fn cpu() -> String {
    "cpu".to_string()
}

/// Largest resident memory of the process in 10⁶ bytes, where the system tells it.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}
