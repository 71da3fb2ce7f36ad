//! Data sets and prefetching: batches are functions of the step, whoever makes them and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ferroflow::codecs::Array;
use ferroflow::data::{Augmentations, Column, Dataset, OfflineDataset, OnlineDataset, Prefetch, Record};
use ferroflow::random::Key;
use ferroflow::simulators::{LinearRegression, Pool, Simulator};
use ferroflow::{Error, Result};
use rand::RngExt;

fn f64s(record: &Record, key: &str) -> Vec<f64> {
    record.column(key).unwrap().array.to_f64()
}

fn message<T>(result: Result<T>) -> String {
    result.err().map(|e| e.to_string()).expect("an error was expected")
}

fn online() -> OnlineDataset {
    OnlineDataset::new(Arc::new(LinearRegression::default()), 4, 3, Key::new(9)).unwrap()
}

#[test]
fn online_batches_are_functions_of_the_step() {
    let whole = LinearRegression::default().simulate(16, 9).unwrap();
    let data = online().pool(&Pool::new(2).unwrap());
    for step in [3u64, 0, 2, 3] {
        let rows: Vec<usize> = (0..4).map(|r| step as usize * 4 + r).collect();
        assert_eq!(data.batch(step).unwrap(), whole.select(&rows).unwrap());
    }
    assert!(message(data.batch(u64::MAX)).contains("exceed 2^64"));
}

#[test]
fn offline_epochs_cover_every_row_in_another_order() {
    let rows: Vec<f64> = (0..10).map(f64::from).collect();
    let record = Record::new().with("i", Array::vector(rows.clone()));
    let data = OfflineDataset::new(record.clone(), 4, Key::new(1)).unwrap();
    assert_eq!(data.batches_per_epoch(), 3);
    let epoch = |data: &OfflineDataset, e: u64| -> Vec<Vec<f64>> {
        (0..3).map(|b| f64s(&data.batch(3 * e + b).unwrap(), "i")).collect()
    };
    let orders: Vec<_> = (0..5).map(|e| epoch(&data, e)).collect();
    for order in &orders {
        assert_eq!(order.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut seen = order.concat();
        seen.sort_by(f64::total_cmp);
        assert_eq!(seen, rows);
    }
    assert!((1..5).all(|e| orders[e] != orders[0]));
    let resumed = OfflineDataset::new(record.clone(), 4, Key::new(1)).unwrap();
    assert_eq!(f64s(&resumed.batch(3 * 4 + 1).unwrap(), "i"), orders[4][1]);
    let plain = OfflineDataset::new(record, 4, Key::new(1)).unwrap().shuffle(false);
    assert_eq!(epoch(&plain, 2).concat(), rows);
    assert!(message(OfflineDataset::new(Record::new(), 4, Key::new(1))).contains("first axis is the data set"));
    assert!(message(OfflineDataset::new(Record::new(), 0, Key::new(1))).contains("batch_size"));
}

#[test]
fn augmentations_are_functions_of_the_step() {
    let jitter = Augmentations::new().of("sigma", |column, rng| {
        let moved = column.array.to_f64().iter().map(|s| s + rng.random::<f64>()).collect();
        Ok(Column::dense(Array::f64(column.array.shape(), moved)?))
    });
    let (plain, noisy) = (online(), online().augment(jitter));
    assert_eq!(noisy.batch(5).unwrap(), noisy.batch(5).unwrap());
    let shift = |step| f64s(&noisy.batch(step).unwrap(), "sigma")[0] - f64s(&plain.batch(step).unwrap(), "sigma")[0];
    assert!(shift(5) > 0.0 && shift(5) != shift(6));
    assert_eq!(noisy.batch(5).unwrap().column("x").unwrap(), plain.batch(5).unwrap().column("x").unwrap());
    let missing = online().augment(Augmentations::new().of("sigm", |column, _| Ok(column)));
    assert!(message(missing.batch(0)).contains("the keys are: N, beta, sigma"));
    let fewer = online().augment(Augmentations::new().of("sigma", |column, _| column.select(&[0])));
    assert!(message(fewer.batch(0)).contains("keep their number"));
    let panics = online().augment(Augmentations::new().whole(|_, _| panic!("no")));
    assert_eq!(message(panics.batch(2)), "augmentation 0, step 2: panicked: no");
}

#[test]
fn prefetch_changes_nothing() {
    let run = |depth| -> Vec<Vec<f64>> {
        let batches = Prefetch::batches(online(), 2..9, depth, |batch| Ok(f64s(&batch, "y"))).unwrap();
        batches.collect::<Result<_>>().unwrap()
    };
    assert_eq!(run(0).len(), 7);
    assert_eq!(run(1), run(0));
    assert_eq!(run(4), run(0));
}

#[test]
fn prefetch_works_ahead_by_its_depth_only() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let mut products = Prefetch::new(0..100, 2, move |step| {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(step)
    })
    .unwrap();
    assert!(matches!(products.next(), Some(Ok(0))));
    let patience = Instant::now() + Duration::from_secs(10);
    while made.load(Ordering::SeqCst) < 4 && Instant::now() < patience {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(made.load(Ordering::SeqCst), 4, "one taken, two waiting, one at the door");
}

#[test]
fn errors_and_panics_travel_to_the_consumer_and_end_the_stream() {
    for depth in [0, 1, 3] {
        let mut failing = Prefetch::new(0..9, depth, |step| match step {
            2 => Err(Error::user("simulator", "broke")),
            _ => Ok(step),
        })
        .unwrap();
        assert!(matches!((failing.next(), failing.next()), (Some(Ok(0)), Some(Ok(1)))));
        assert_eq!(failing.next().map(message).as_deref(), Some("simulator: broke"));
        assert!(failing.next().is_none() && failing.next().is_none());
        let mut panicking = Prefetch::new(7..9, depth, |_| -> Result<u64> { panic!("oh") }).unwrap();
        assert_eq!(panicking.next().map(message).as_deref(), Some("batch of step 7: panicked: oh"));
        assert!(panicking.next().is_none());
    }
}

#[test]
fn dropping_ends_the_thread() {
    let owned = Arc::new(());
    let inside = owned.clone();
    let mut endless = Prefetch::new(0..u64::MAX, 1, move |step| {
        let _ = &inside;
        Ok(step)
    })
    .unwrap();
    assert!(endless.next().is_some());
    drop(endless);
    assert_eq!(Arc::strong_count(&owned), 1, "the producer is gone when drop returns");
}
