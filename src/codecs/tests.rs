use std::collections::BTreeMap;

use indexmap::IndexMap;
use proptest::prelude::*;

use super::*;

fn borrowed(arrays: &IndexMap<String, Array>) -> impl Iterator<Item = (&str, &Array)> {
    arrays.iter().map(|(name, array)| (name.as_str(), array))
}

/// What `testdata/write_archives.py` stores.
fn numpy_arrays() -> IndexMap<String, Array> {
    let integers = |shape: &[usize], values: &[i64]| Array::i64(shape, values.to_vec()).unwrap();
    [
        ("f8", Array::f64([2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()),
        ("f4_big_endian", Array::f32([2], vec![1.5, -2.5]).unwrap()),
        ("f2", Array::f32([2], vec![0.5, f32::INFINITY]).unwrap()),
        ("i4_fortran", integers(&[2, 3], &[0, 1, 2, 3, 4, 5])),
        ("i2", integers(&[1], &[-3])),
        ("i1", integers(&[2], &[-128, 127])),
        ("u1", integers(&[1], &[255])),
        ("u2", integers(&[1], &[65535])),
        ("u4", integers(&[1], &[4_294_967_295])),
        ("u8", integers(&[1], &[i64::MAX])),
        ("i8", integers(&[1], &[i64::MIN])),
        ("bool", Array::bool([2, 1], vec![true, false]).unwrap()),
        ("scalar", Array::scalar(3.25)),
        ("empty", Array::f64([0, 4], vec![]).unwrap()),
        ("größe/σ", integers(&[1], &[1])),
    ]
    .into_iter()
    .map(|(name, array)| (name.to_owned(), array))
    .collect()
}

const STORED: &[u8] = include_bytes!("testdata/numpy.npz");
const COMPRESSED: &[u8] = include_bytes!("testdata/numpy_compressed.npz");

fn small() -> IndexMap<String, Array> {
    [
        ("x".to_owned(), Array::f64([2, 2], vec![1.0, -0.0, f64::INFINITY, 4.0]).unwrap()),
        ("n".to_owned(), Array::i64([1], vec![7]).unwrap()),
        ("mask".to_owned(), Array::bool([3], vec![true, false, true]).unwrap()),
    ]
    .into_iter()
    .collect()
}

fn texts() -> BTreeMap<String, String> {
    [("format", "1"), ("config", "{\"depth\": 6}"), ("σ", "")].map(|(a, b)| (a.into(), b.into())).into()
}

#[test]
fn archives_of_numpy_are_read() {
    assert_eq!(npz::from_bytes(STORED).unwrap(), numpy_arrays());
    assert_eq!(npz::from_bytes(COMPRESSED).unwrap(), numpy_arrays());
}

#[test]
fn files_round_trip_and_equal_content_gives_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let arrays = small();

    let path = folder.path().join("a.npz");
    npz::write(&path, borrowed(&arrays)).unwrap();
    assert_eq!(npz::read(&path).unwrap(), arrays);
    assert_eq!(std::fs::read(&path).unwrap(), npz::to_bytes(borrowed(&arrays)).unwrap());

    let path = folder.path().join("a.safetensors");
    safetensors::write(&path, borrowed(&arrays), &texts()).unwrap();
    let file = safetensors::read(&path).unwrap();
    assert_eq!((&file.arrays, &file.metadata), (&arrays, &texts()));
    assert_eq!(std::fs::read(&path).unwrap(), safetensors::to_bytes(borrowed(&arrays), &texts()).unwrap());
}

#[test]
fn the_headers_of_safetensors_are_those_of_the_format() {
    let arrays = [("b", Array::bool([1], vec![true]).unwrap()), ("x", Array::f32([], vec![2.0]).unwrap())];
    let bytes = safetensors::to_bytes(arrays.iter().map(|(n, a)| (*n, a)), &texts()).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    let expected = concat!(
        r#"{"__metadata__":{"config":"{\"depth\": 6}","format":"1","σ":""},"#,
        r#""x":{"data_offsets":[0,4],"dtype":"F32","shape":[]},"b":{"data_offsets":[4,5],"dtype":"BOOL","shape":[1]}}"#
    );
    assert_eq!(header.trim_end(), expected);
    assert_eq!(length % 8, 0);
    assert_eq!(bytes[8 + length..], [0, 0, 0, 64, 1]);
}

#[test]
fn names_are_used_once() {
    let array = Array::scalar(1.0);
    let twice = [("a", &array), ("a", &array)];
    assert!(npz::to_bytes(twice).unwrap_err().to_string().contains("'a'"));
    assert!(safetensors::to_bytes(twice, &BTreeMap::new()).unwrap_err().to_string().contains("'a'"));
    assert!(safetensors::to_bytes([("__metadata__", &array)], &BTreeMap::new()).is_err());
}

#[test]
fn a_name_that_stands_twice_in_an_archive_is_refused() {
    let array = Array::scalar(1.0);
    let mut bytes = npz::to_bytes([("aaa", &array), ("bbb", &array)]).unwrap();
    for at in 0..bytes.len() - 3 {
        if &bytes[at..at + 3] == b"bbb" {
            bytes[at..at + 3].copy_from_slice(b"aaa");
        }
    }
    let message = npz::from_bytes(&bytes).unwrap_err().to_string();
    assert!(message.contains("same name"), "{message}");
}

/// A file of the safetensors format with this header and this many zero bytes of data.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn hostile_safetensors_get_a_sentence() {
    for (bytes, expected) in [
        (vec![], "shorter"),
        (vec![255; 8], "longer than the file"),
        (with_header("{", 0), "cannot be understood"),
        (with_header("[]", 0), "cannot be understood"),
        (with_header("\u{0}", 0), "cannot be understood"),
        (with_header(&"[".repeat(100_000), 0), "cannot be understood"),
        (with_header("{}", 4), "left over"),
        (with_header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3), "missing"),
        (with_header(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4), "does not fit"),
        (with_header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8), "does not fit"),
        (with_header(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4), "cannot be understood"),
        (with_header(r#"{"a":{"dtype":"F8","shape":[4],"data_offsets":[0,4]}}"#, 4), "cannot be understood"),
        (with_header(r#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#, 4), "array 'a'"),
        (
            with_header(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, 4),
            "does not fit",
        ),
        (
            with_header(r#"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#, 4),
            "missing",
        ),
        (
            with_header(
                r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                4,
            ),
            "'a' stands twice",
        ),
        (with_header(r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0), "'k' stands twice"),
        (with_header(r#"{"__metadata__":{"k":1}}"#, 0), "cannot be understood"),
    ] {
        let message = safetensors::from_bytes(&bytes).unwrap_err().to_string();
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        assert!(message.contains(expected), "{start}: {message}");
    }
    let halves = [with_header(r#"{"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#, 0), vec![0, 0x3c]].concat();
    assert_eq!(safetensors::from_bytes(&halves).unwrap().arrays["h"], Array::f32([1], vec![1.0]).unwrap());
}

#[test]
fn other_files_are_not_archives() {
    for bytes in [&b""[..], b"PK", b"\x93NUMPY", &[0; 1000]] {
        let message = npz::from_bytes(bytes).unwrap_err().to_string();
        assert!(message.contains("numpy.savez"), "{message}");
    }
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("readme.txt", zip::write::SimpleFileOptions::default()).unwrap();
    let message = npz::from_bytes(&archive.finish().unwrap().into_inner()).unwrap_err().to_string();
    assert!(message.contains("readme.txt"), "{message}");
    assert!(npz::read("no such file").unwrap_err().to_string().contains("no such file"));
    assert!(safetensors::read("no such file").unwrap_err().to_string().contains("no such file"));
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let archive = npz::to_bytes(borrowed(&small())).unwrap();
    let weights = safetensors::to_bytes(borrowed(&small()), &texts()).unwrap();
    for length in 0..archive.len() {
        assert!(npz::from_bytes(&archive[..length]).is_err(), "archive of {length} bytes");
    }
    for length in 0..COMPRESSED.len() {
        assert!(npz::from_bytes(&COMPRESSED[..length]).is_err(), "compressed archive of {length} bytes");
    }
    for length in 0..weights.len() {
        assert!(safetensors::from_bytes(&weights[..length]).is_err(), "weights of {length} bytes");
    }
}

/// A changed byte is an error or, where the format has no checksum, changes names or values; it never changes an
/// archive's values.
#[test]
fn changed_bytes_never_panic() {
    let arrays = small();
    let archives = [npz::to_bytes(borrowed(&arrays)).unwrap(), COMPRESSED.to_vec()];
    for (archive, original) in archives.iter().zip([&arrays, &numpy_arrays()]) {
        let mut bytes = archive.clone();
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                bytes[at] ^= change;
                if let Ok(read) = npz::from_bytes(&bytes) {
                    for array in read.values() {
                        assert!(original.values().any(|known| known == array), "byte {at} changed a value unnoticed");
                    }
                }
                bytes[at] ^= change;
            }
        }
    }
    let mut weights = safetensors::to_bytes(borrowed(&arrays), &texts()).unwrap();
    for at in 0..weights.len() {
        for change in [0x01, 0x80, 0xff] {
            weights[at] ^= change;
            let _ = safetensors::from_bytes(&weights);
            weights[at] ^= change;
        }
    }
}

fn any_array() -> impl Strategy<Value = Array> {
    proptest::collection::vec(0..4usize, 0..4).prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        let of = |shape: &[usize], values| Array::new(shape.to_vec(), values).unwrap();
        let shapes = [shape.clone(), shape.clone(), shape.clone(), shape];
        let [a, b, c, d] = shapes;
        prop_oneof![
            proptest::collection::vec(-1e300..1e300f64, count).prop_map(move |v| of(&a, Values::F64(v))),
            proptest::collection::vec(-1e30..1e30f32, count).prop_map(move |v| of(&b, Values::F32(v))),
            proptest::collection::vec(any::<i64>(), count).prop_map(move |v| of(&c, Values::I64(v))),
            proptest::collection::vec(any::<bool>(), count).prop_map(move |v| of(&d, Values::Bool(v))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_arrays_round_trip(
        arrays in proptest::collection::vec(("[a-zσ._/ ]{1,8}", any_array()), 0..5),
        metadata in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4),
    ) {
        let arrays: IndexMap<String, Array> = arrays.into_iter().collect();
        let archive = npz::to_bytes(borrowed(&arrays)).unwrap();
        prop_assert!(npz::from_bytes(&archive).unwrap().iter().eq(arrays.iter()));
        let weights = safetensors::to_bytes(borrowed(&arrays), &metadata).unwrap();
        prop_assert_eq!(safetensors::from_bytes(&weights).unwrap(), safetensors::SafeFile { arrays, metadata });
    }

    #[test]
    fn any_bytes_are_an_error_or_arrays(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = npz::from_bytes(&bytes);
        let _ = safetensors::from_bytes(&bytes);
    }
}
