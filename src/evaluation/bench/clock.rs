//! Wall and CPU time of repeated calls.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::error::Result;

/// Times of a call that was repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// Seconds of the first call.
    pub first: f64,
    /// Wall seconds of the repeats.
    pub wall: Vec<f64>,
    /// Seconds of CPU time of the whole process, helper threads included.
    pub cpu: Vec<f64>,
}

/// Wall and CPU time since it was started.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: Instant,
    cpu: ProcessTime,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Clock { wall: Instant::now(), cpu: ProcessTime::now() }
    }

    /// Seconds of wall time and of CPU time.
    pub fn seconds(&self) -> (f64, f64) {
        (self.wall.elapsed().as_secs_f64(), self.cpu.elapsed().as_secs_f64())
    }
}

/// Seconds of CPU time that this process has used since it began.
pub(super) fn process_seconds() -> f64 {
    ProcessTime::now().as_duration().max(Duration::ZERO).as_secs_f64()
}

const LEAST: usize = 5;
const MOST: usize = 300;

/// Calls `work` a few times to warm up, then 5 to 300 times, as the budget of CPU seconds allows.
pub(super) fn measure(budget: f64, work: &mut dyn FnMut() -> Result<()>) -> Result<Times> {
    let once = |work: &mut dyn FnMut() -> Result<()>| -> Result<(f64, f64)> {
        let clock = Clock::start();
        work()?;
        Ok(clock.seconds())
    };
    let (first, _) = once(work)?;
    let (mut times, second) = (Times { first, wall: Vec::new(), cpu: Vec::new() }, once(work)?);
    let estimate = if second.0 < 0.02 { once(work)?.0.min(second.0) } else { second.0 };
    let repeats = match estimate {
        long if long > 4.0 => 1,
        long if long > 1.0 => 2,
        short => ((budget / short.max(1e-7)) as usize).clamp(LEAST, MOST),
    };
    for _ in 0..repeats {
        let (wall, cpu) = once(work)?;
        times.wall.push(wall);
        times.cpu.push(cpu);
    }
    Ok(times)
}
