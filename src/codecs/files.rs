//! Named arrays in files of every format that is known; the ending of the name tells which it is.

use std::path::Path;

use indexmap::IndexMap;

use super::{Array, Form, npz, safetensors};
use crate::error::Result;

/// A format of files that hold named arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Npz,
    Safetensors,
    #[cfg(feature = "hdf5")]
    Hdf5,
}

impl Format {
    fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "npz" => Some(Format::Npz),
            "safetensors" => Some(Format::Safetensors),
            #[cfg(feature = "hdf5")]
            "h5" | "hdf5" => Some(Format::Hdf5),
            _ => None,
        }
    }
}

/// The endings of files that hold named arrays, for messages.
#[cfg(feature = "hdf5")]
pub const KNOWN_FORMATS: &str = ".npz, .safetensors or .h5";
/// The endings of files that hold named arrays, for messages.
#[cfg(not(feature = "hdf5"))]
pub const KNOWN_FORMATS: &str = ".npz or .safetensors";

/// True when the name of a file ends like one that holds named arrays.
pub fn holds_arrays(path: &Path) -> bool {
    Format::of(path).is_some()
}

/// Reads the arrays of a file whose names are wanted: `.npz`, `.safetensors` and, with the feature `hdf5`, `.h5` and `.hdf5`.
/// A file with another ending is taken for `.npz`.
///
/// # Errors
///
/// [`Error::File`](crate::Error::File) as for [`npz::read()`].
pub fn read_arrays(path: impl AsRef<Path>, wanted: impl Fn(&str) -> bool) -> Result<IndexMap<String, Array>> {
    let path = path.as_ref();
    match Format::of(path) {
        Some(Format::Safetensors) => {
            let mut arrays = safetensors::read(path)?.arrays;
            arrays.retain(|key, _| wanted(key));
            Ok(arrays)
        }
        #[cfg(feature = "hdf5")]
        Some(Format::Hdf5) => super::hdf5::read_where(path, wanted),
        Some(Format::Npz) | None => npz::read_where(path, wanted),
    }
}

/// Types and shapes of all arrays of a file; otherwise as [`read_arrays`]. Only headers are read.
pub fn array_forms(path: impl AsRef<Path>) -> Result<IndexMap<String, Form>> {
    let path = path.as_ref();
    match Format::of(path) {
        Some(Format::Safetensors) => safetensors::forms(path),
        #[cfg(feature = "hdf5")]
        Some(Format::Hdf5) => super::hdf5::forms(path),
        Some(Format::Npz) | None => npz::forms(path),
    }
}
