//! The next batches are made while the present one trains.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::data::{Dataset, Record};
use crate::error::{Error, Result};

type Produce<T> = Box<dyn FnMut(u64) -> Result<T> + Send>;

/// An iterator over the products of a range of steps, in order, made by one background thread or, with depth 0, when
/// they are asked for. The products are the same either way.
///
/// An error ends the iteration; a panic of the producer becomes an error. Dropping the iterator stops the thread after
/// the product that it is making.
pub struct Prefetch<T> {
    source: Source<T>,
}

enum Source<T> {
    Inline { steps: Range<u64>, produce: Produce<T> },
    Thread { receiver: Receiver<Result<T>>, worker: JoinHandle<()> },
    Done,
}

impl<T: Send + 'static> Prefetch<T> {
    /// `produce` for each step, at most `depth` finished products waiting (besides the one that is being made).
    pub fn new(
        steps: Range<u64>,
        depth: usize,
        produce: impl FnMut(u64) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let mut produce: Produce<T> = Box::new(produce);
        if depth == 0 {
            return Ok(Prefetch { source: Source::Inline { steps, produce } });
        }
        let (sender, receiver) = sync_channel(depth);
        let work = move || {
            for step in steps {
                let product = guarded(&mut produce, step);
                let failed = product.is_err();
                // The receiver is gone when the consumer has enough.
                if sender.send(product).is_err() || failed {
                    return;
                }
            }
        };
        let worker = std::thread::Builder::new().name("prefetch".into()).spawn(work).map_err(|e| {
            Error::argument("threads", format!("the thread for the next batch did not start ({e}); use 1 thread"))
        })?;
        Ok(Prefetch { source: Source::Thread { receiver, worker } })
    }

    /// The batches of a data set, each passed through `map`, which runs in the background too (the adapter's place).
    pub fn batches(
        dataset: impl Dataset + 'static,
        steps: Range<u64>,
        depth: usize,
        mut map: impl FnMut(Record) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        Prefetch::new(steps, depth, move |step| map(dataset.batch(step)?))
    }
}

fn guarded<T>(produce: &mut Produce<T>, step: u64) -> Result<T> {
    Error::catch(|| format!("batch of step {step}"), || produce(step))
}

impl<T> Iterator for Prefetch<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let product = match &mut self.source {
            Source::Inline { steps, produce } => steps.next().map(|step| guarded(produce, step)),
            Source::Thread { receiver, .. } => receiver.recv().ok(),
            Source::Done => None,
        };
        if !matches!(product, Some(Ok(_))) {
            self.stop();
        }
        product
    }
}

impl<T> Prefetch<T> {
    fn stop(&mut self) {
        if let Source::Thread { receiver, worker } = std::mem::replace(&mut self.source, Source::Done) {
            // Without a receiver the thread ends at its next product; its panics were turned into errors.
            drop(receiver);
            let _ = worker.join();
        }
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.stop();
    }
}
