//! `.npz`: NumPy's archive of named arrays, a zip file with one `.npy` file per name.
//!
//! Arrays are written uncompressed and little-endian, so that `numpy.load` opens them and equal arrays give equal bytes. What
//! `numpy.savez` and `numpy.savez_compressed` write is read, in either byte order and either order of axes: floats of
//! 16, 32 and 64 bits, integers (widened to 64 bits with a sign) and booleans.

use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use indexmap::IndexMap;

use super::{Array, Form, atomic_write, npy};
use crate::error::{Error, Result};

/// Reads all arrays of a file, in the file's order.
///
/// # Errors
///
/// [`Error::File`] if the file is missing, is not such an archive, is damaged or cut off, or holds something other than
/// arrays of numbers and booleans.
pub fn read(path: impl AsRef<Path>) -> Result<IndexMap<String, Array>> {
    read_where(path, |_| true)
}

/// Reads the arrays whose names are wanted and passes over the others; otherwise as [`read()`].
pub fn read_where(path: impl AsRef<Path>, wanted: impl Fn(&str) -> bool) -> Result<IndexMap<String, Array>> {
    let path = path.as_ref();
    let file = std::fs::File::open(path)
        .map_err(|error| Error::file(path, format!("the file cannot be opened ({error}); check the path")))?;
    each_entry(BufReader::new(file), wanted, |entry| npy::read(entry)).map_err(|message| Error::file(path, message))
}

/// Types and shapes of all arrays of a file, in the file's order. Only the headers are read.
///
/// # Errors
///
/// As for [`read()`].
pub fn forms(path: impl AsRef<Path>) -> Result<IndexMap<String, Form>> {
    let path = path.as_ref();
    let file = std::fs::File::open(path)
        .map_err(|error| Error::file(path, format!("the file cannot be opened ({error}); check the path")))?;
    each_entry(BufReader::new(file), |_| true, |entry| npy::read_form(entry))
        .map_err(|message| Error::file(path, message))
}

/// Reads all arrays of an archive that lies in memory; otherwise as [`read()`].
pub fn from_bytes(bytes: &[u8]) -> Result<IndexMap<String, Array>> {
    read_archive(Cursor::new(bytes)).map_err(|message| Error::value("npz archive", message))
}

/// Writes named arrays to a file, all or nothing, in the given order.
///
/// # Errors
///
/// [`Error::Key`] if a name appears twice, [`Error::File`] if the file cannot be written.
pub fn write<'a>(path: impl AsRef<Path>, arrays: impl IntoIterator<Item = (&'a str, &'a Array)>) -> Result<()> {
    let arrays = distinct(arrays)?;
    atomic_write(path, |file| write_archive(file, &arrays))
}

/// The archive of named arrays as bytes; otherwise as [`write()`].
pub fn to_bytes<'a>(arrays: impl IntoIterator<Item = (&'a str, &'a Array)>) -> Result<Vec<u8>> {
    let arrays = distinct(arrays)?;
    let mut bytes = Cursor::new(Vec::new());
    write_archive(&mut bytes, &arrays).map_err(|error| Error::value("npz archive", error.to_string()))?;
    Ok(bytes.into_inner())
}

fn distinct<'a>(arrays: impl IntoIterator<Item = (&'a str, &'a Array)>) -> Result<IndexMap<&'a str, &'a Array>> {
    let mut map = IndexMap::new();
    for (name, array) in arrays {
        if map.insert(name, array).is_some() {
            return Err(Error::key(name, "two arrays have this name; give each a name of its own"));
        }
    }
    Ok(map)
}

fn read_archive(reader: impl Read + Seek) -> std::result::Result<IndexMap<String, Array>, String> {
    each_entry(reader, |_| true, |entry| npy::read(entry))
}

/// What `read` makes of each array of an archive that is wanted.
fn each_entry<T>(
    reader: impl Read + Seek,
    wanted: impl Fn(&str) -> bool,
    read: impl Fn(&mut dyn Read) -> std::result::Result<T, String>,
) -> std::result::Result<IndexMap<String, T>, String> {
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| {
        format!("this is not a complete .npz archive ({error}); write it with numpy.savez or ferroflow simulate")
    })?;
    if archive.has_duplicate_names() {
        return Err("two arrays have the same name; write the file again with distinct names".into());
    }
    let mut arrays = IndexMap::new();
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| format!("entry {index} cannot be read ({error}); the file is damaged, write it again"))?;
        let file_name = String::from_utf8(entry.name_raw().to_vec())
            .map_err(|_| format!("the name of entry {index} is not UTF-8 text; write the file again"))?;
        let Some(name) = file_name.strip_suffix(".npy") else {
            return Err(format!("the entry '{file_name}' is no array; write the file with numpy.savez"));
        };
        if !wanted(name) {
            continue;
        }
        let array = read(&mut entry).map_err(|message| format!("array '{name}': {message}"))?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

fn write_archive(writer: impl Write + Seek, arrays: &IndexMap<&str, &Array>) -> std::io::Result<()> {
    let mut archive = zip::ZipWriter::new(writer);
    for (name, array) in arrays {
        // A fixed date, so that the bytes depend on the arrays alone.
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(npy::size_hint(array) > u64::from(u32::MAX));
        archive.start_file(format!("{name}.npy"), options)?;
        npy::write(array, &mut archive)?;
    }
    archive.finish()?.flush()
}
