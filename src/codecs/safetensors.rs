//! `safetensors`: named arrays with a map of texts, the format of weights and of golden cases.
//!
//! Eight bytes with the header's length, a header in JSON, then the elements, little-endian and row-major. Nothing in such a file
//! can run code. Equal content gives equal bytes: texts are sorted by name, arrays lie in the given order, wider elements
//! first so that each is aligned. Floats of 16, 32 and 64 bits, integers (widened to 64 bits with a sign) and booleans
//! are read.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use ::safetensors::tensor::Metadata;
use ::safetensors::{Dtype as FileDtype, SafeTensorError, SafeTensors};
use indexmap::{IndexMap, IndexSet};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::elements::{Element, Endian, write_little_endian};
use super::{Array, Form, Values, atomic_write};
use crate::error::{Error, Result};

/// The content of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SafeFile {
    /// The arrays, in the order in which they lie in the file.
    pub arrays: IndexMap<String, Array>,
    /// The texts of the header.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a file.
///
/// # Errors
///
/// [`Error::File`] if the file is missing, damaged, cut off, or holds other elements than those named above.
pub fn read(path: impl AsRef<Path>) -> Result<SafeFile> {
    let path = path.as_ref();
    let bytes = std::fs::read(path)
        .map_err(|error| Error::file(path, format!("the file cannot be read ({error}); check the path")))?;
    parse(&bytes).map_err(|message| Error::file(path, message))
}

/// Types and shapes of all arrays of a file, in the order in which they lie in it. Only the header is read.
///
/// # Errors
///
/// As for [`read()`].
pub fn forms(path: impl AsRef<Path>) -> Result<IndexMap<String, Form>> {
    let path = path.as_ref();
    let fault = |message: String| Error::file(path, message);
    let (header, rest) =
        read_header(path).map_err(|error| fault(format!("the header cannot be read ({error}); check the file")))?;
    check_names(&header).map_err(fault)?;
    let damaged = |error: String| fault(format!("the header cannot be understood ({error}); the file is damaged"));
    let parsed: Metadata = serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
    let mut entries: Vec<(String, _)> = parsed.tensors().into_iter().collect();
    let end = entries.iter().map(|(_, info)| info.data_offsets.1).max().unwrap_or(0);
    if end as u64 != rest {
        return Err(fault(explain(&SafeTensorError::MetadataIncompleteBuffer)));
    }
    entries.sort_by(|(a_name, a), (b_name, b)| a.data_offsets.cmp(&b.data_offsets).then_with(|| a_name.cmp(b_name)));
    let form = |(name, info): (String, &::safetensors::tensor::TensorInfo)| {
        let element = element(info.dtype).ok_or_else(|| {
            fault(format!(
                "array '{name}': elements of type {:?} are not read; write floats, integers or booleans",
                info.dtype
            ))
        })?;
        Ok((name, Form { dtype: element.dtype(), shape: info.shape.clone() }))
    };
    entries.into_iter().map(form).collect()
}

/// The header, and how many bytes follow.
fn read_header(path: &Path) -> std::io::Result<(Vec<u8>, u64)> {
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length).min(LONGEST_HEADER);
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header)?;
    match size.checked_sub(8 + length) {
        Some(rest) => Ok((header, rest)),
        None => Err(std::io::Error::other("the header is longer than the file: it is cut off or no safetensors file")),
    }
}

/// Longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// Reads what lies in memory; otherwise as [`read()`].
pub fn from_bytes(bytes: &[u8]) -> Result<SafeFile> {
    parse(bytes).map_err(|message| Error::value("safetensors data", message))
}

/// Writes arrays and texts to a file, all or nothing.
///
/// # Errors
///
/// [`Error::Key`] if a name appears twice or is the reserved `__metadata__`, [`Error::File`] if the file cannot be written.
pub fn write<'a>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    let layout = layout(arrays, metadata)?;
    atomic_write(path, |file| layout.write(file))
}

/// The bytes of arrays and texts; otherwise as [`write()`].
pub fn to_bytes<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    layout(arrays, metadata)?.write(&mut bytes).map_err(|error| Error::value("safetensors data", error.to_string()))?;
    Ok(bytes)
}

/// Key of the header that holds the texts.
const METADATA: &str = "__metadata__";

/// What will be written: the header, padded, and the arrays in the order of their bytes.
///
/// The header is made here, not by the crate, whose writer takes the texts in the random order of a hash map.
struct Layout<'a> {
    header: Vec<u8>,
    arrays: Vec<&'a Array>,
}

impl Layout<'_> {
    fn write(&self, writer: &mut impl Write) -> std::io::Result<()> {
        writer.write_all(&(self.header.len() as u64).to_le_bytes())?;
        writer.write_all(&self.header)?;
        self.arrays.iter().try_for_each(|array| write_little_endian(array.values(), writer))
    }
}

fn layout<'a>(
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<Layout<'a>> {
    let mut named = IndexMap::new();
    for (name, array) in arrays {
        if name == METADATA {
            return Err(Error::key(name, "this name is reserved by the file format; choose another"));
        }
        if named.insert(name, array).is_some() {
            return Err(Error::key(name, "two arrays have this name; give each a name of its own"));
        }
    }
    let element = |array: &Array| match array.values() {
        Values::F64(_) => ("F64", 8),
        Values::I64(_) => ("I64", 8),
        Values::F32(_) => ("F32", 4),
        Values::Bool(_) => ("BOOL", 1),
    };
    let mut ordered: Vec<(&str, &Array)> = named.into_iter().collect();
    ordered.sort_by_key(|(_, array)| std::cmp::Reverse(element(array).1));

    let mut header = IndexMap::new();
    if !metadata.is_empty() {
        header.insert(METADATA, serde_json::json!(metadata));
    }
    let mut start = 0;
    for (name, array) in &ordered {
        let (dtype, size) = element(array);
        let end = start + array.len() * size;
        let entry = serde_json::json!({ "dtype": dtype, "shape": array.shape(), "data_offsets": [start, end] });
        header.insert(name, entry);
        start = end;
    }
    let mut header =
        serde_json::to_vec(&header).map_err(|error| Error::value("safetensors header", error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(Layout { header, arrays: ordered.into_iter().map(|(_, array)| array).collect() })
}

fn parse(bytes: &[u8]) -> std::result::Result<SafeFile, String> {
    let (header_length, header) = SafeTensors::read_metadata(bytes).map_err(|error| explain(&error))?;
    let data_start = 8 + header_length;
    let damaged = || "the header points outside of the file; the file is damaged".to_owned();
    check_names(bytes.get(8..data_start).ok_or_else(damaged)?)?;

    let mut entries: Vec<(String, _)> = header.tensors().into_iter().collect();
    entries.sort_by(|(a_name, a), (b_name, b)| a.data_offsets.cmp(&b.data_offsets).then_with(|| a_name.cmp(b_name)));
    let mut arrays = IndexMap::with_capacity(entries.len());
    for (name, info) in entries {
        let in_array = |message: String| format!("array '{name}': {message}");
        let element = element(info.dtype).ok_or_else(|| {
            in_array(format!("elements of type {:?} are not read; store F32, F64, an integer type or BOOL", info.dtype))
        })?;
        let (start, end) = info.data_offsets;
        let data = bytes.get(data_start + start..data_start + end).ok_or_else(damaged)?;
        let values = element.decode(data, Endian::Little).map_err(in_array)?;
        let array = Array::new(info.shape.clone(), values).map_err(|error| in_array(error.to_string()))?;
        arrays.insert(name, array);
    }
    let metadata = header.metadata().iter().flatten().map(|(key, text)| (key.clone(), text.clone())).collect();
    Ok(SafeFile { arrays, metadata })
}

fn element(dtype: FileDtype) -> Option<Element> {
    Some(match dtype {
        FileDtype::F64 => Element::F64,
        FileDtype::F32 => Element::F32,
        FileDtype::F16 => Element::F16,
        FileDtype::BF16 => Element::Bf16,
        FileDtype::I64 => Element::I64,
        FileDtype::I32 => Element::I32,
        FileDtype::I16 => Element::I16,
        FileDtype::I8 => Element::I8,
        FileDtype::U64 => Element::U64,
        FileDtype::U32 => Element::U32,
        FileDtype::U16 => Element::U16,
        FileDtype::U8 => Element::U8,
        FileDtype::BOOL => Element::Bool,
        _ => return None,
    })
}

fn explain(error: &SafeTensorError) -> String {
    let what = match error {
        SafeTensorError::HeaderTooSmall => "the file is shorter than its header's length".to_owned(),
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => {
            "the header is longer than the file: it is cut off or no safetensors file".to_owned()
        }
        SafeTensorError::InvalidHeader(_) | SafeTensorError::InvalidHeaderDeserialization(_) => {
            format!("the header cannot be understood ({error})")
        }
        SafeTensorError::MetadataIncompleteBuffer => "data are missing at the end or left over".to_owned(),
        other => format!("the header does not fit the data ({other})"),
    };
    format!("{what}; the file is damaged or cut off, write it again")
}

/// Refuses a header in which a name stands twice; the crate would keep one of both.
fn check_names(header: &[u8]) -> std::result::Result<(), String> {
    struct Names;

    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
            deserializer.deserialize_map(Names)
        }
    }

    impl<'de> Visitor<'de> for Names {
        type Value = Names;

        fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
            formatter.write_str("a map of names")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Names, A::Error> {
            let mut seen = IndexSet::new();
            while let Some(name) = map.next_key::<String>()? {
                if name == METADATA {
                    map.next_value::<Option<Names>>()?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
                if !seen.insert(name.clone()) {
                    return Err(serde::de::Error::custom(format!("the name '{name}' stands twice")));
                }
            }
            Ok(Names)
        }
    }

    serde_json::from_slice::<Names>(header)
        .map(|_| ())
        .map_err(|error| format!("the header cannot be understood ({error}); the file is damaged, write it again"))
}
