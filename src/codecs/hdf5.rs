//! HDF5: arrays at the root of a `.h5` file, under their names.
//!
//! Numbers and the booleans of h5py are read, whatever their order of bytes, in pieces or whole, compressed (deflate, shuffle) or
//! not. Groups are passed over. Nothing is written. Source: The HDF Group, HDF5 File Format Specification 3.0; the reader is the
//! crate `hdf5-pure`.

use std::path::Path;

use hdf5_pure::{DType, Dataset, File};
use indexmap::IndexMap;

use super::{Array, Dtype, Form, Values};
use crate::error::{Error, Result};

/// Reads the arrays at the root of a file whose names are wanted, in the order of their names.
///
/// # Errors
///
/// [`Error::File`] if the file is missing, damaged or cut off, or if an array that is wanted holds neither numbers nor booleans.
pub fn read_where(path: impl AsRef<Path>, wanted: impl Fn(&str) -> bool) -> Result<IndexMap<String, Array>> {
    each_dataset(path.as_ref(), wanted, array_of)
}

/// Types and shapes of the arrays of numbers and booleans at the root of a file; others are passed over. Only headers are read.
///
/// # Errors
///
/// [`Error::File`] if the file is missing, damaged or cut off.
pub fn forms(path: impl AsRef<Path>) -> Result<IndexMap<String, Form>> {
    let all = each_dataset(path.as_ref(), |_| true, |dataset| Ok(form_of(dataset).ok()))?;
    Ok(all.into_iter().filter_map(|(name, form)| Some((name, form?.0))).collect())
}

fn each_dataset<T>(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    read: impl Fn(&Dataset) -> std::result::Result<T, String>,
) -> Result<IndexMap<String, T>> {
    let damaged = |error: hdf5_pure::Error| {
        Error::file(path, format!("the file cannot be read as HDF5 ({error}); check the path, or write the file again"))
    };
    let file = File::open_streaming(path).map_err(damaged)?;
    let root = file.root();
    let mut names = root.datasets().map_err(damaged)?;
    names.retain(|name| wanted(name));
    names.sort();
    let mut found = IndexMap::new();
    for name in names {
        let dataset = root.dataset(&name).map_err(damaged)?;
        let content = read(&dataset).map_err(|message| Error::file(path, format!("array '{name}': {message}")))?;
        found.insert(name, content);
    }
    Ok(found)
}

fn unreadable(error: hdf5_pure::Error) -> String {
    format!("the data cannot be read ({error}); write the file again")
}

/// Type and shape of the values in memory, and the type in the file.
fn form_of(dataset: &Dataset) -> std::result::Result<(Form, DType), String> {
    let stored = dataset.dtype().map_err(unreadable)?;
    let dtype = match &stored {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::U8 | DType::U16 | DType::U32 | DType::U64 => {
            Dtype::I64
        }
        DType::Enum(names) if names.iter().map(String::as_str).eq(["FALSE", "TRUE"]) => Dtype::Bool,
        other => {
            return Err(format!("elements of the type {other} are no numbers; leave the array out, or convert it"));
        }
    };
    let axes = dataset.shape().map_err(unreadable)?;
    let shape = axes.iter().map(|&axis| usize::try_from(axis)).collect::<std::result::Result<Vec<_>, _>>();
    let too_large = || format!("the shape {axes:?} is larger than any memory; the file is damaged");
    let shape = shape.map_err(|_| too_large())?;
    let bytes = shape.iter().try_fold(8usize, |bytes, &axis| bytes.checked_mul(axis));
    bytes.filter(|&bytes| bytes <= isize::MAX as usize).ok_or_else(too_large)?;
    Ok((Form { dtype, shape }, stored))
}

fn array_of(dataset: &Dataset) -> std::result::Result<Array, String> {
    let (form, stored) = form_of(dataset)?;
    let values = match form.dtype {
        Dtype::F64 => Values::F64(dataset.read_f64().map_err(unreadable)?),
        Dtype::F32 => Values::F32(dataset.read_f32().map_err(unreadable)?),
        Dtype::Bool => {
            Values::Bool(dataset.read_raw().map_err(unreadable)?.into_iter().map(|byte| byte != 0).collect())
        }
        Dtype::I64 if stored == DType::U64 => {
            let numbers = dataset.read_u64().map_err(unreadable)?;
            let signed = numbers.into_iter().map(i64::try_from).collect::<std::result::Result<Vec<_>, _>>();
            Values::I64(
                signed
                    .map_err(|_| "an unsigned integer does not fit into 64 bits with a sign; store smaller numbers")?,
            )
        }
        Dtype::I64 => Values::I64(dataset.read_i64().map_err(unreadable)?),
    };
    Array::new(form.shape, values).map_err(|error| error.to_string())
}
