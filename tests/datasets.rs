//! Data sets and prefetching: batches are functions of the step, whoever makes them and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ferroflow::codecs::Array;
use ferroflow::data::{
    Augmentations, Column, Dataset, DiskDataset, OfflineDataset, OnlineDataset, Prefetch, Record, Shards,
};
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

/// A record of rows with sets of different sizes, in files of the given sizes; the first half as `.npz`, the others as
/// `.safetensors`.
fn folder_of(record: &Record, sizes: &[usize]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut start = 0;
    for (i, &size) in sizes.iter().enumerate() {
        let part = record.select(&(start..start + size).collect::<Vec<_>>()).unwrap();
        start += size;
        let path = folder.path().join(format!("shard-{i:03}"));
        match i < sizes.len() / 2 {
            true => ferroflow::data::io::write_npz(path.with_extension("npz"), &part).unwrap(),
            false => {
                let arrays = ferroflow::data::io::record_to_arrays(&part).unwrap();
                let named = arrays.iter().map(|(key, array)| (key.as_str(), array));
                ferroflow::codecs::safetensors::write(path.with_extension("safetensors"), named, &Default::default())
                    .unwrap();
            }
        }
    }
    folder
}

fn regressions(count: usize) -> Record {
    LinearRegression::default().simulate(count, 11).unwrap()
}

#[test]
fn a_folder_of_files_gives_the_batches_of_memory() {
    let sizes = [7, 3, 12, 1, 9, 5];
    let record = regressions(37);
    let folder = folder_of(&record, &sizes);
    std::fs::write(folder.path().join("notes.txt"), "no data").unwrap();
    let shards = || Shards::open(folder.path(), None).unwrap();
    let largest = shards().list().iter().map(|shard| shard.bytes).max().unwrap();
    for window in [1, 2, 4, 100] {
        let disk = || DiskDataset::new(shards(), 8, Key::new(5)).unwrap().memory(2 * window * largest);
        let memory = OfflineDataset::new(record.clone(), 8, Key::new(5)).unwrap().windows(disk().order()).unwrap();
        let dataset = disk();
        assert_eq!(dataset.batches_per_epoch(), 5);
        for step in 0..15 {
            let (from_disk, from_memory) = (dataset.batch(step).unwrap(), memory.batch(step).unwrap());
            for key in ["beta", "sigma", "N", "x", "y"] {
                assert_eq!(f64s(&from_disk, key), f64s(&from_memory, key), "window {window}, step {step}, {key}");
            }
            assert_eq!(disk().batch(step).unwrap(), from_disk, "not a function of the step");
        }
    }
}

#[test]
fn data_sets_at_the_front_of_a_folder_can_be_held_out() {
    let record = regressions(20);
    let folder = folder_of(&record, &[6, 6, 8]);
    let shards = Shards::open(folder.path(), Some(&["beta", "N"])).unwrap();
    assert_eq!(shards.first(9).unwrap().column("beta").unwrap().array.shape(), [9, 2]);
    let first = shards.first(9).unwrap();
    assert!(first.len() == 2 && first.contains("N"), "other keys are not read");
    let dataset = DiskDataset::new(shards, 5, Key::new(1)).unwrap().skip(9).unwrap();
    assert_eq!(dataset.rows(), 11);
    let mut seen: Vec<f64> = (0..3).flat_map(|step| f64s(&dataset.batch(step).unwrap(), "beta")).collect();
    let mut expected = f64s(&record, "beta")[18..].to_vec();
    seen.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(seen, expected);
    assert!(message(dataset.skip(20)).contains("leave at least one"));
}

#[test]
fn a_folder_may_grow_while_it_is_trained_on() {
    let record = regressions(30);
    let folder = folder_of(&record, &[4, 6]);
    let shards = Shards::open(folder.path(), None).unwrap();
    let dataset = DiskDataset::new(shards, 8, Key::new(1)).unwrap().growing(4).unwrap();
    assert_eq!(dataset.batches_per_epoch(), 4);
    let known = |batch: Record| f64s(&batch, "beta");
    let first: Vec<f64> = (0..4).flat_map(|step| known(dataset.batch(step).unwrap())).collect();
    assert_eq!(first.len(), 64);
    assert!(first.iter().all(|value| f64s(&record, "beta")[..20].contains(value)));
    let late = record.select(&(10..30).collect::<Vec<_>>()).unwrap();
    ferroflow::data::io::write_npz(folder.path().join("late.npz"), &late).unwrap();
    assert!(known(dataset.batch(3).unwrap()).iter().all(|value| f64s(&record, "beta")[..20].contains(value)));
    let second: Vec<f64> = (4..8).flat_map(|step| known(dataset.batch(step).unwrap())).collect();
    assert!(second.iter().any(|value| f64s(&late, "beta").contains(value)));
}

#[test]
fn files_that_do_not_fit_are_named() {
    let record = regressions(12);
    let broken = |spoil: &dyn Fn(&std::path::Path)| {
        let folder = folder_of(&record, &[6, 6]);
        spoil(folder.path());
        message(Shards::open(folder.path(), Some(&["beta", "x"])))
    };
    let write = |path: std::path::PathBuf, record: &Record| ferroflow::data::io::write_npz(path, record).unwrap();
    let lacking = |key: &str| {
        let mut record = record.clone();
        record.remove(key);
        record
    };
    let text = broken(&|path| write(path.join("z.npz"), &lacking("x")));
    assert!(text.contains("z.npz") && text.contains("'x' is missing"), "{text}");
    let wide = record.clone().with("beta", Array::f64([12, 3], vec![0.0; 36]).unwrap());
    let text = broken(&|path| write(path.join("z.npz"), &wide));
    assert!(text.contains("'beta'") && text.contains("shard-000.npz"), "{text}");
    let integers = record.clone().with("beta", Array::i64([12, 2], vec![0; 24]).unwrap());
    let text = broken(&|path| write(path.join("z.npz"), &integers));
    assert!(text.contains("I64"), "{text}");
    let short = record.clone().with("beta", Array::f64([11, 2], vec![0.0; 22]).unwrap());
    let text = broken(&|path| {
        let arrays = [("beta", short.column("beta").unwrap().array.clone()), ("x", Array::vector(vec![0.0; 4]))];
        ferroflow::codecs::npz::write(path.join("z.npz"), arrays.iter().map(|(k, a)| (*k, a))).unwrap();
    });
    assert!(text.contains("4 data sets"), "{text}");
    let text = broken(&|path| std::fs::write(path.join("z.npz"), "no archive").unwrap());
    assert!(text.contains("z.npz") && text.contains("archive"), "{text}");
    let text = broken(&|path| std::fs::write(path.join("z.safetensors"), "short").unwrap());
    assert!(text.contains("z.safetensors"), "{text}");
    assert!(message(Shards::open(tempfile::tempdir().unwrap().path(), None)).contains("holds no .npz"));
    assert!(message(Shards::open("/nowhere/at/all", None)).contains("cannot be read"));
    let folder = folder_of(&record, &[6, 6]);
    let shards = Shards::open(folder.path(), None).unwrap();
    write(folder.path().join("shard-000.npz"), &record);
    let dataset = DiskDataset::new(shards, 12, Key::new(1)).unwrap();
    let text = message(dataset.batch(0));
    assert!(text.contains("held 6 before"), "{text}");
}

/// `simulations.h5` was written by h5py 3.16: numbers of several types and orders of bytes, a compressed array in pieces, booleans,
/// texts, a group.
#[cfg(feature = "hdf5")]
mod hdf5 {
    use super::*;
    use ferroflow::codecs::{self, Dtype, Values};

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/simulations.h5");

    #[test]
    fn arrays_of_h5py_are_read() {
        let arrays = codecs::read_arrays(FILE, |key| key != "names").unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["a", "b", "flag", "n", "x", "x.offsets"]);
        let of = |key: &str| (arrays[key].shape().to_vec(), arrays[key].values().clone());
        assert_eq!(of("a"), (vec![3, 2], Values::F64(vec![0.0, 0.25, 0.5, 0.75, 1.0, 1.25])));
        assert_eq!(of("b"), (vec![3], Values::F32(vec![1.5, -2.5, 3.5])));
        assert_eq!(of("n"), (vec![3], Values::I64(vec![3, 200, 7])));
        assert_eq!(of("flag"), (vec![3], Values::Bool(vec![true, false, true])));
        assert_eq!(of("x"), (vec![7, 1], Values::F64((0..7).map(|i| f64::from(i * i)).collect())));
        assert!(message(codecs::read_arrays(FILE, |_| true)).contains("array 'names': elements of the type"));
    }

    #[test]
    fn shards_may_be_hdf5() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(FILE, folder.path().join("a.h5")).unwrap();
        std::fs::copy(FILE, folder.path().join("b.hdf5")).unwrap();
        let all = Shards::open(folder.path(), None).unwrap().first(1).unwrap();
        assert!(all.contains("a") && !all.contains("names"));
        let shards = Shards::open(folder.path(), Some(&["a", "x", "flag"])).unwrap();
        assert_eq!((shards.datasets(), shards.list()[0].bytes), (6, 6 * 8 + 3 + 7 * 8 + 4 * 8));
        let record = shards.first(5).unwrap();
        assert_eq!(record.column("x").unwrap().offsets.as_deref(), Some(&[0, 2, 3, 7, 9, 10][..]));
        assert_eq!(record.column("flag").unwrap().array.dtype(), Dtype::Bool);
        let dataset = DiskDataset::new(shards, 4, Key::new(1)).unwrap();
        let mut seen: Vec<f64> = (0..2).flat_map(|step| f64s(&dataset.batch(step).unwrap(), "a")).collect();
        seen.sort_by(f64::total_cmp);
        assert_eq!(seen, [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 1.25, 1.25]);
    }

    #[test]
    fn what_is_no_hdf5_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("z.h5");
        for content in [&b"no HDF5"[..], &std::fs::read(FILE).unwrap()[..900]] {
            std::fs::write(&path, content).unwrap();
            let text = message(codecs::read_arrays(&path, |key| key == "a"));
            assert!(text.contains("z.h5"), "{text}");
        }
        assert!(message(codecs::read_arrays(folder.path().join("absent.h5"), |_| true)).contains("absent.h5"));
    }
}
