//! The one error type of the library.
//!
//! Every message is a sentence that names the argument, key, operation or file, says what came and what was
//! expected, and ends with a remedy.

use std::path::PathBuf;

/// Shorthand for a result with the library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong, with a sentence for the person at the keyboard.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument or a field of a configuration is out of its range.
    #[error("{name}: {message}")]
    Argument {
        /// Name of the argument or field as the user wrote it.
        name: String,
        /// What came, what was expected, what to do.
        message: String,
    },
    /// Arrays whose shapes do not fit together.
    #[error("{operation}: {message}")]
    Shape {
        /// Name of the operation, layer or key.
        operation: String,
        /// The shapes that came, the shapes that were expected, what to do.
        message: String,
    },
    /// A key that is missing, unknown or given twice.
    #[error("key '{key}': {message}")]
    Key {
        /// The key in question.
        key: String,
        /// What is wrong with it, which keys exist, what to do.
        message: String,
    },
    /// Values that are not admissible: NaN in the data, an empty set, a number outside of the support.
    #[error("{name}: {message}")]
    Value {
        /// Name of the variable.
        name: String,
        /// What came, where, what was expected, what to do.
        message: String,
    },
    /// A file or folder that cannot be read, written or understood.
    #[error("{}: {message}", path.display())]
    File {
        /// The path as the user gave it.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// A device that is missing, lost or out of memory.
    #[error("device {device}: {message}")]
    Device {
        /// Name of the device, such as `cpu`.
        device: String,
        /// What happened and what to do.
        message: String,
    },
    /// A computation that produced NaN or infinity where it must not.
    #[error("{origin}: {message}")]
    NotFinite {
        /// The operation or quantity that was not finite first.
        origin: String,
        /// When it happened and what to do.
        message: String,
    },
    /// Code of the user (simulator, callback, transform) reported a failure.
    #[error("{origin}: {message}")]
    User {
        /// Name of the simulator, callback or transform.
        origin: String,
        /// The message of the user's code.
        message: String,
    },
}

impl Error {
    /// An [`Error::Argument`].
    pub fn argument(name: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Argument { name: name.into(), message: message.into() }
    }

    /// An [`Error::Shape`].
    pub fn shape(operation: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Shape { operation: operation.into(), message: message.into() }
    }

    /// An [`Error::Key`].
    pub fn key(key: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Key { key: key.into(), message: message.into() }
    }

    /// An [`Error::Value`].
    pub fn value(name: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Value { name: name.into(), message: message.into() }
    }

    /// An [`Error::File`].
    pub fn file(path: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Error::File { path: path.into(), message: message.into() }
    }

    /// An [`Error::Device`].
    pub fn device(device: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Device { device: device.into(), message: message.into() }
    }

    /// An [`Error::NotFinite`].
    pub fn not_finite(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Error::NotFinite { origin: origin.into(), message: message.into() }
    }

    /// An [`Error::User`].
    pub fn user(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Error::User { origin: origin.into(), message: message.into() }
    }

    /// Runs code of the user; a panic inside becomes an [`Error::User`] with the origin that `origin` names.
    pub fn catch<T>(origin: impl FnOnce() -> String, run: impl FnOnce() -> Result<T>) -> Result<T> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|payload| {
            let text = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_string())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "a value that is no text".to_string());
            Err(Error::user(origin(), format!("panicked: {text}")))
        })
    }
}

/// The candidate that is nearest to a name, if it is near enough to be what was meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = candidates.into_iter().map(|candidate| (edit_distance(candidate, name), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (candidate.chars().count() / 3).max(1)).then_some(candidate)
}

/// Number of letters to insert, delete or replace (Levenshtein 1966); letter case and `_` for `-` do not count.
fn edit_distance(a: &str, b: &str) -> usize {
    let letters = |s: &str| s.to_lowercase().replace('_', "-").chars().collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances() {
        for (a, b, distance) in [("kitten", "sitting", 3), ("", "abc", 3), ("two_moons", "Two-Moons", 0)] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

    #[test]
    fn far_names_are_not_suggested() {
        assert_eq!(nearest("betta", ["beta", "sigma"]), Some("beta"));
        assert_eq!(nearest("X", ["x", "y"]), Some("x"));
        assert_eq!(nearest("temperature", ["beta", "sigma"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
