//! A team of threads that stays alive, for work in chunks.
//!
//! Work is cut into chunks whose size is chosen by the caller and never depends on the number of threads; a chunk is done
//! by one thread. So results are the same, bit for bit, for any number of threads.
//!
//! A call allocates nothing. Waiting threads look for work for some microseconds and then sleep.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::scratch::{Scratch, with_scratch};
use crate::error::{Error, Result};

/// A team of threads, the calling one included.
///
/// A call of [`Threads::run`] from inside of a task, or while another thread uses the team, runs on the calling thread
/// alone. Dropping the team ends its threads.
pub struct Threads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What a task is: a function of the chunk's index and of the thread's scratch memory.
type Task<'a> = dyn Fn(usize, &mut [f32]) + Sync + 'a;

/// The state that the threads share.
///
/// `state` counts the jobs (upper bits), says whether the present job may be joined ([`OPEN`]) and how many workers have
/// joined it (lower bits). The caller alone writes `job` and `scratch`'s sizes, and only while the job is closed and
/// nobody has joined; a worker reads them only between joining and leaving.
struct Shared {
    state: AtomicU64,
    next: AtomicUsize,
    job: UnsafeCell<Option<Job>>,
    scratch: Box<[UnsafeCell<Scratch>]>,
    busy: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    sleep: Mutex<()>,
    sleepers: AtomicUsize,
    work: Condvar,
    done: Condvar,
    shutdown: AtomicBool,
}

#[derive(Clone, Copy)]
struct Job {
    task: *const Task<'static>,
    chunks: usize,
    scratch: usize,
}

// SAFETY: `job` and `scratch` follow the protocol at `Shared`; slot `i` of `scratch` is used by thread `i` alone while a
// job runs. The task behind the pointer is `Sync`, and the caller keeps it alive until all who joined have left.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

const JOINED: u64 = 0xffff;
const OPEN: u64 = 1 << 16;
const JOB: u64 = 1 << 17;
const SPINS: usize = 600;
/// The largest team.
const MOST_THREADS: usize = 1024;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Locks; a panic while the lock was held left nothing half-done behind any of our locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn new(threads: usize) -> Self {
        Shared {
            state: AtomicU64::new(0),
            next: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            scratch: (0..threads).map(|_| UnsafeCell::new(Scratch::default())).collect(),
            busy: AtomicBool::new(false),
            panic: Mutex::new(None),
            sleep: Mutex::new(()),
            sleepers: AtomicUsize::new(0),
            work: Condvar::new(),
            done: Condvar::new(),
            shutdown: AtomicBool::new(false),
        }
    }

    /// Takes chunks of the job until none is left; keeps the first panic and stops the others from taking more.
    ///
    /// # Safety
    /// The caller has joined the job (or started it), and is the only one that uses scratch slot `thread`.
    unsafe fn work(&self, job: Job, thread: usize) {
        // SAFETY: the slot is ours, and large enough since the job was started; the task lives until we leave.
        let (scratch, task) = unsafe { ((*self.scratch[thread].get()).get(job.scratch), &*job.task) };
        INSIDE.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let chunk = self.next.fetch_add(1, Ordering::Relaxed);
                if chunk >= job.chunks {
                    break;
                }
                task(chunk, scratch);
            }
        }));
        INSIDE.set(false);
        if let Err(payload) = outcome {
            self.next.store(job.chunks, Ordering::Relaxed);
            lock(&self.panic).get_or_insert(payload);
        }
    }

    /// The life of a worker: wait for a job, join it if it is still open, work, leave.
    fn serve(&self, thread: usize) {
        let mut seen = 0;
        while let Some(state) = self.wait_for_job(seen) {
            seen = state / JOB;
            let joined = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
                (now & OPEN != 0 && now / JOB == seen).then_some(now + 1)
            });
            if joined.is_err() {
                continue;
            }
            // SAFETY: we have joined, so the job stays as it is until we leave; the slot is this worker's.
            unsafe {
                if let Some(job) = *self.job.get() {
                    self.work(job, thread);
                }
            }
            let before = self.state.fetch_sub(1, Ordering::AcqRel);
            if before & OPEN == 0 && before & JOINED == 1 {
                drop(lock(&self.sleep));
                self.done.notify_one();
            }
        }
    }

    /// The state with an open job that this worker has not seen, or nothing at the end of the team.
    fn wait_for_job(&self, seen: u64) -> Option<u64> {
        let fresh = || {
            let state = self.state.load(Ordering::SeqCst);
            (state & OPEN != 0 && state / JOB != seen).then_some(state)
        };
        let ended = || self.shutdown.load(Ordering::SeqCst);
        for _ in 0..SPINS {
            if ended() {
                return None;
            }
            if let Some(state) = fresh() {
                return Some(state);
            }
            std::hint::spin_loop();
        }
        let mut guard = lock(&self.sleep);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let found = loop {
            if ended() {
                break None;
            }
            if let Some(state) = fresh() {
                break Some(state);
            }
            guard = self.work.wait(guard).unwrap_or_else(PoisonError::into_inner);
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        found
    }

    /// Wakes as many sleeping workers as there is work for.
    fn wake(&self, wanted: usize) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.sleep));
            if wanted < self.sleepers.load(Ordering::SeqCst) {
                (0..wanted).for_each(|_| self.work.notify_one());
            } else {
                self.work.notify_all();
            }
        }
    }

    /// Closes the job to newcomers and waits until everyone who joined has left.
    fn finish(&self) {
        self.state.fetch_and(!OPEN, Ordering::AcqRel);
        let joined = || self.state.load(Ordering::Acquire) & JOINED != 0;
        for _ in 0..SPINS {
            if !joined() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = lock(&self.sleep);
        while joined() {
            guard = self.done.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Threads {
    /// A team of `count` threads, the calling one included: `count` − 1 threads are started.
    ///
    /// # Errors
    /// For zero or more than 1024 threads, or when the system refuses to start one.
    pub fn new(count: usize) -> Result<Self> {
        if count == 0 || count > MOST_THREADS {
            return Err(Error::argument("threads", format!("got {count}; give a number from 1 to {MOST_THREADS}")));
        }
        let mut team = Threads { shared: Arc::new(Shared::new(count)), workers: Vec::with_capacity(count - 1) };
        for thread in 1..count {
            let shared = Arc::clone(&team.shared);
            let worker = std::thread::Builder::new()
                .name(format!("ferroflow-{thread}"))
                .spawn(move || shared.serve(thread))
                .map_err(|cause| {
                    let message = format!("the system started {thread} of {count} threads ({cause}); ask for fewer");
                    Error::device("cpu", message)
                })?;
            team.workers.push(worker);
        }
        Ok(team)
    }

    /// The calling thread alone; nothing is started.
    pub fn single() -> Self {
        Threads { shared: Arc::new(Shared::new(1)), workers: Vec::new() }
    }

    /// The number of threads, the calling one included.
    pub fn count(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task` once for each index below `chunks`, on all threads, and returns when all calls have returned.
    ///
    /// # Panics
    /// When a task panics: the chunks not yet begun are dropped, and the first panic goes on in the caller. The team
    /// stays usable.
    pub fn run(&self, chunks: usize, task: &(dyn Fn(usize) + Sync)) {
        self.run_with_scratch(chunks, 0, &|chunk, _| task(chunk));
    }

    /// As [`Threads::run`]; each call also gets `length` numbers of its thread's scratch memory, aligned to 64 bytes,
    /// holding whatever was left there.
    ///
    /// The memory of all threads is taken before the work starts and kept, so after the largest length was seen no call
    /// allocates.
    ///
    /// # Panics
    /// As [`Threads::run`].
    pub fn run_with_scratch(&self, chunks: usize, length: usize, task: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        let alone = self.workers.is_empty() || chunks < 2 || INSIDE.get();
        if alone || self.shared.busy.swap(true, Ordering::Acquire) {
            if chunks > 0 {
                with_scratch(length, |scratch| (0..chunks).for_each(|chunk| task(chunk, scratch)));
            }
            return;
        }
        let shared = &*self.shared;
        // SAFETY: the lifetime is erased; `finish` returns only when nobody can use the task any more, and nothing
        // between here and there unwinds.
        let task = unsafe { std::mem::transmute::<*const Task<'_>, *const Task<'static>>(task) };
        let job = Job { task, chunks, scratch: length };
        // SAFETY: `busy` makes us the only caller, and the previous one left with the job closed and nobody joined.
        unsafe {
            for slot in &shared.scratch {
                (*slot.get()).reserve(length);
            }
            *shared.job.get() = Some(job);
        }
        shared.next.store(0, Ordering::Relaxed);
        let before = shared.state.load(Ordering::Relaxed);
        shared.state.store(((before / JOB).wrapping_add(1) * JOB) | OPEN, Ordering::SeqCst);
        shared.wake(chunks - 1);
        // SAFETY: we started the job; slot 0 is the caller's.
        unsafe { shared.work(job, 0) };
        shared.finish();
        let panic = lock(&shared.panic).take();
        shared.busy.store(false, Ordering::Release);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.shutdown.store(true, Ordering::SeqCst);
        drop(lock(&self.shared.sleep));
        self.shared.work.notify_all();
        for worker in self.workers.drain(..) {
            // A worker carries panics of tasks to the caller; it cannot panic itself.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Threads({})", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::time::Duration;

    #[test]
    fn every_chunk_runs_exactly_once() {
        for count in [1, 2, 3, 8] {
            let threads = Threads::new(count).unwrap();
            for chunks in [0, 1, 2, 7, 100, 1000] {
                let counters: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                for _ in 0..20 {
                    threads.run(chunks, &|i| {
                        counters[i].fetch_add(1, Ordering::Relaxed);
                    });
                }
                assert!(counters.iter().all(|c| c.load(Ordering::Relaxed) == 20), "{count} threads, {chunks} chunks");
            }
        }
    }

    #[test]
    fn all_threads_take_part_after_sleeping() {
        let threads = Threads::new(3).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let names = Mutex::new(HashSet::new());
        threads.run(6, &|_| {
            names.lock().unwrap().insert(std::thread::current().id());
            std::thread::sleep(Duration::from_millis(20));
        });
        assert_eq!(names.into_inner().unwrap().len(), 3);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_lives_on() {
        for count in [1, 2, 4] {
            let threads = Threads::new(count).unwrap();
            for bad in [0, 3, 49] {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    threads.run(50, &|i| {
                        if i == bad {
                            std::panic::panic_any(bad);
                        }
                    });
                }));
                assert_eq!(outcome.unwrap_err().downcast_ref::<usize>(), Some(&bad));
                let total = AtomicUsize::new(0);
                threads.run(10, &|i| {
                    total.fetch_add(i, Ordering::Relaxed);
                });
                assert_eq!(total.into_inner(), 45);
            }
        }
    }

    #[test]
    fn nested_and_concurrent_calls_finish() {
        let threads = Threads::new(3).unwrap();
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        threads.run(5, &|_| {
                            threads.run(4, &|_| {
                                total.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 3 * 50 * 20);
    }

    #[test]
    fn scratch_is_private_to_a_thread() {
        let threads = Threads::new(4).unwrap();
        threads.run_with_scratch(64, 100, &|index, scratch| {
            assert_eq!((scratch.len(), scratch.as_ptr() as usize % 64), (100, 0));
            scratch.fill(index as f32);
            std::thread::yield_now();
            assert!(scratch.iter().all(|&x| x == index as f32));
        });
    }

    #[test]
    fn zero_threads_are_refused() {
        assert!(Threads::new(0).unwrap_err().to_string().contains("from 1 to"));
    }
}
