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

impl Times {
    /// Of a single call.
    pub(super) fn once((wall, cpu): (f64, f64)) -> Self {
        Times { first: wall, wall: vec![wall], cpu: vec![cpu] }
    }
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
pub fn process_seconds() -> f64 {
    ProcessTime::now().as_duration().max(Duration::ZERO).as_secs_f64()
}

const LEAST: usize = 5;
const MOST: usize = 300;

/// What is repeated.
pub(super) type Work<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// Calls each work a few times to warm up, then all of them in turns, 5 to 300 times each, as the budget of seconds for the
/// slowest allows.
pub(super) fn measure(budget: f64, works: &mut [Work]) -> Result<Vec<Times>> {
    let once = |work: &mut Work| -> Result<(f64, f64)> {
        let clock = Clock::start();
        work()?;
        Ok(clock.seconds())
    };
    let (mut all, mut longest) = (Vec::new(), 0.0_f64);
    for work in works.iter_mut() {
        let (first, _) = once(work)?;
        let second = once(work)?.0;
        let estimate = if second < 0.02 { once(work)?.0.min(second) } else { second };
        all.push(Times { first, wall: Vec::new(), cpu: Vec::new() });
        longest = longest.max(estimate);
    }
    let repeats = match longest {
        long if long > 4.0 => 1,
        long if long > 1.0 => 2,
        short => ((budget / short.max(1e-7)) as usize).clamp(LEAST, MOST),
    };
    for _ in 0..repeats {
        for (work, times) in works.iter_mut().zip(&mut all) {
            let (wall, cpu) = once(work)?;
            times.wall.push(wall);
            times.cpu.push(cpu);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn works_take_turns_after_their_warm_up() {
        let calls = RefCell::new(Vec::new());
        let work = |name: char| -> Work {
            let calls = &calls;
            Box::new(move || {
                calls.borrow_mut().push(name);
                Ok(())
            })
        };
        let times = measure(1e-9, &mut [work('a'), work('b')]).unwrap();
        assert_eq!(calls.borrow().iter().collect::<String>(), format!("aaabbb{}", "ab".repeat(LEAST)));
        assert!(times.iter().all(|times| times.wall.len() == LEAST && times.cpu.len() == LEAST));
    }
}
