//! Records to arrays and back, and arrays that are no record.

use super::*;

fn integers(values: &[i64]) -> Array {
    Array::new([values.len()], Values::I64(values.to_vec())).unwrap()
}

fn floats(shape: &[usize]) -> Array {
    Array::f64(shape, (0..shape.iter().product()).map(|i| i as f64).collect()).unwrap()
}

fn read(arrays: &[(&str, Array)], axes: &[(&str, usize)]) -> Result<Record> {
    record_from_arrays(arrays.iter().map(|(k, a)| (k.to_string(), a.clone())).collect(), axes)
}

fn sample() -> Record {
    let mut record = Record::new().with("beta", floats(&[3, 2])).with("N", integers(&[1, 2, 3]));
    record.insert("x", Column::ragged(floats(&[6]), vec![0, 1, 3, 6]).unwrap());
    record
        .insert("ok", Column::ragged(Array::new([6], Values::Bool(vec![true; 6])).unwrap(), vec![0, 1, 3, 6]).unwrap());
    record.insert("frames", Column::ragged(floats(&[4, 2]), vec![0, 1, 2, 4]).unwrap());
    record
}

#[test]
fn a_record_comes_back_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sims.npz");
    write_npz(&path, &sample()).unwrap();
    assert_eq!(read_npz(&path, &[]).unwrap(), sample());
    assert_eq!(read_npz(&path, &[("beta", 2), ("N", 1), ("x", 2)]).unwrap(), sample());
    let keys: Vec<String> = record_to_arrays(&sample()).unwrap().into_keys().collect();
    assert_eq!(keys, ["beta", "N", "x", "x.offsets", "ok", "ok.offsets", "frames", "frames.offsets"]);
    let message = read_npz(folder.path().join("none.npz"), &[]).unwrap_err().to_string();
    assert!(message.contains("none.npz"), "{message}");
}

#[test]
fn shared_metadata_is_repeated_and_groups_are_named_by_their_path() {
    let mut record = Record::new().with("beta", floats(&[2, 1]));
    record.insert("N", Column::shared(Array::new([], Values::I64(vec![7])).unwrap()));
    record.insert_group("views", Record::new().with("left", floats(&[2, 3])));
    let arrays = record_to_arrays(&record).unwrap();
    assert_eq!(arrays["N"], integers(&[7, 7]));
    assert_eq!(arrays["views/left"], floats(&[2, 3]));
    let clash = record.with("x.offsets", floats(&[2]));
    let mut clash = clash;
    clash.insert("x", Column::ragged(floats(&[2]), vec![0, 1, 2]).unwrap());
    assert!(record_to_arrays(&clash).unwrap_err().to_string().contains("twice"));
}

#[test]
fn padded_sets_become_ragged() {
    let mask = Array::new([2, 3], Values::Bool(vec![true, true, false, false, true, true])).unwrap();
    let record = read(&[("x", floats(&[2, 3, 2])), ("x_mask", mask)], &[]).unwrap();
    let x = record.column("x").unwrap();
    assert_eq!(x.array, Array::f64([4, 2], vec![0., 1., 2., 3., 8., 9., 10., 11.]).unwrap());
    assert_eq!(x.offsets.as_deref(), Some(&[0, 2, 4][..]));
    assert!(!record.contains("x_mask"));
    let alone = read(&[("x_mask", floats(&[2, 3]))], &[]).unwrap();
    assert!(alone.contains("x_mask"));
}

#[test]
fn one_observation_gets_the_axis_of_the_data_set() {
    let axes = [("N", 1), ("x", 2), ("y", 2)];
    let count = Array::new([], Values::I64(vec![5])).unwrap();
    let one = read(&[("x", floats(&[5])), ("y", floats(&[5])), ("N", count.clone())], &axes).unwrap();
    assert_eq!(one.column("x").unwrap().array.shape(), [1, 5]);
    assert_eq!(one.column("N").unwrap().array, integers(&[5]));
    let many = read(&[("x", floats(&[3, 5])), ("y", floats(&[3, 5])), ("N", count)], &axes).unwrap();
    assert_eq!(many.datasets().unwrap(), Some(3));
    assert!(many.column("N").unwrap().shared);
    let wide = read(&[("x", floats(&[3, 5, 1])), ("y", floats(&[3, 5]))], &axes).unwrap();
    assert_eq!(wide.datasets().unwrap(), Some(3));
}

/// Whatever the arrays, the answer is a record whose columns hold together, or a sentence.
#[test]
fn hostile_arrays_are_refused_with_a_sentence() {
    let mask = |shape: &[usize], flags: &[i64]| Array::new(shape, Values::I64(flags.to_vec())).unwrap();
    let x = ("x", floats(&[6]));
    let offsets = |values: &[i64]| vec![x.clone(), ("x.offsets", integers(values))];
    let axes: &[(&str, usize)] = &[("x", 2), ("y", 2)];
    let cases: Vec<(Vec<(&str, Array)>, &str)> = vec![
        (offsets(&[]), "at least 2"),
        (offsets(&[0]), "at least 2"),
        (offsets(&[1, 6]), "first offset is 1"),
        (offsets(&[0, 5]), "last offset is 5"),
        (offsets(&[0, 7]), "last offset is 7"),
        (offsets(&[0, 4, 2, 6]), "smaller than the one before"),
        (offsets(&[0, 9, 6]), "smaller than the one before"),
        (offsets(&[0, -1, 6]), "holds -1"),
        (offsets(&[i64::MIN, 6]), "offsets are 0 or more"),
        (offsets(&[0, i64::MAX, 6]), "smaller than the one before"),
        (offsets(&[0, 6, 6]), "empty set"),
        (offsets(&[0, 0, 6]), "data set 0 is an empty set"),
        (vec![x.clone(), ("x.offsets", floats(&[2]))], "datasets + 1 integers"),
        (vec![x.clone(), ("x.offsets", Array::new([2, 1], Values::I64(vec![0, 6])).unwrap())], "shape [2, 1]"),
        (vec![("x.offsets", integers(&[0, 6]))], "belongs to 'x', which is missing"),
        (vec![("x", Array::scalar(1.0)), ("x.offsets", integers(&[0, 1]))], "single number"),
        (vec![("x", floats(&[0])), ("x.offsets", integers(&[0, 0]))], "empty set"),
        (vec![x.clone(), ("x.offsets", integers(&[0, 6])), ("x_mask", floats(&[6]))], "offsets and a mask"),
        (vec![("x", floats(&[2, 3])), ("x_mask", mask(&[3, 2], &[1; 6]))], "give [2, 3]"),
        (vec![("x", floats(&[2, 3])), ("x_mask", mask(&[6], &[1; 6]))], "give [2, 3]"),
        (vec![x.clone(), ("x_mask", mask(&[6], &[1; 6]))], "leave them out"),
        (vec![("z", floats(&[6])), ("z_mask", mask(&[6], &[1; 6]))], "[datasets, longest"),
        (vec![("x", floats(&[1, 3])), ("x_mask", mask(&[1, 3], &[1, 0, 1]))], "gap at element 1"),
        (vec![("x", floats(&[2, 1])), ("x_mask", mask(&[2, 1], &[1, 0]))], "no element of data set 1"),
        (vec![("x", floats(&[1, 2])), ("x_mask", mask(&[1, 2], &[1, 2]))], "holds 2"),
        (vec![("x", floats(&[0, 2])), ("x_mask", mask(&[0, 2], &[]))], "no data set"),
        (vec![("x", floats(&[0]))], "empty set"),
        (vec![("z", floats(&[0]))], "no data set"),
        (vec![("x", floats(&[2, 0]))], "empty set"),
        (vec![("x", floats(&[2, 3])), ("y", floats(&[3, 3]))], "3 data sets, but 'x' has 2"),
        (vec![("x", floats(&[6])), ("y", floats(&[1, 6]))], "without an axis for the data set"),
        (vec![("x", floats(&[6])), ("z", floats(&[2])), ("z.offsets", integers(&[0, 2]))], "leave them out"),
    ];
    for (arrays, expected) in cases {
        let shapes: Vec<_> = arrays.iter().map(|(k, a)| format!("{k} {:?}", a.shape())).collect();
        match read(&arrays, axes) {
            Ok(record) => panic!("{shapes:?} was accepted as {record:?}"),
            Err(e) => assert!(e.to_string().contains(expected), "{shapes:?}: '{e}' lacks '{expected}'"),
        }
    }
}
