//! Writing a file completely or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file so that its path holds, at every moment and after a crash, the old content or the new one, whole.
///
/// `write` receives a buffered temporary file in the folder of `path`. When it returns `Ok` the bytes are forced to the disk,
/// the temporary file takes the name `path`, and the folder's entry is forced to the disk. When anything fails the
/// temporary file is removed and `path` is as before.
///
/// # Errors
///
/// [`Error::File`] if the folder is missing or not writable, if `path` is something other than a regular file, if the
/// disk is full, or if `write` fails.
pub fn atomic_write(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let Some(name) = path.file_name() else {
        return Err(Error::file(path, "this is no file name; give the path of a file"));
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(Error::file(path, "this is a folder; give the path of a file"));
    }
    if path.exists() && !path.is_file() {
        return Err(Error::file(path, "this is a device or pipe, which cannot be replaced; give the path of a file"));
    }
    if !folder.is_dir() {
        let message = format!("the folder {} does not exist; create it or choose another", folder.display());
        return Err(Error::file(path, message));
    }
    let failed = |what: &str, error: std::io::Error| {
        Error::file(
            path,
            format!("{what} ({error}); nothing was written. Check the folder's permissions and free space"),
        )
    };

    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    {
        // What a plain `File::create` gives: read and write for all, less the umask.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(folder).map_err(|error| failed("no file can be created here", error))?;

    let mut writer = BufWriter::with_capacity(1 << 16, temporary.as_file_mut());
    write(&mut writer).and_then(|()| writer.flush()).map_err(|error| failed("writing failed", error))?;
    drop(writer);
    temporary.as_file().sync_all().map_err(|error| failed("the bytes could not be forced to the disk", error))?;
    temporary.persist(path).map_err(|error| failed("the finished file could not be renamed", error.error))?;
    sync_folder(folder).map_err(|error| {
        Error::file(path, format!("written, but the folder could not be forced to the disk ({error})"))
    })
}

/// Forces a folder's entries to the disk, where the system has such a call.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        // Some network file systems refuse to synchronise folders; the rename itself is done.
        Err(error) if matches!(error.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Unsupported) => {
            Ok(())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        atomic_write(&path, |w| w.write_all(b"first")).unwrap();
        atomic_write(&path, |w| w.write_all(b"second")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_failure_keeps_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        atomic_write(&path, |w| w.write_all(b"old")).unwrap();
        let error = atomic_write(&path, |w| {
            w.write_all(&[7; 1 << 20])?;
            Err(std::io::Error::other("the simulator stopped"))
        });
        assert!(error.unwrap_err().to_string().contains("the simulator stopped"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn the_target_is_untouched_while_the_writer_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        atomic_write(&path, |w| {
            w.write_all(b"half")?;
            w.flush()?;
            assert!(!path.exists());
            Ok(())
        })
        .unwrap();
        assert!(path.exists());
    }

    #[test]
    fn places_that_cannot_be_written_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let cases = [
            (folder.path().join("missing/a"), "does not exist"),
            (file.join("a"), "does not exist"),
            (folder.path().to_path_buf(), "is a folder"),
            (folder.path().join(".."), "no file name"),
            (folder.path().join("n".repeat(300)), "no file can be created"),
        ];
        for (path, expected) in cases {
            let message = atomic_write(&path, |_| Ok(())).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_not_replaced_and_permissions_are_ordinary() {
        use std::os::unix::fs::PermissionsExt;
        let message = atomic_write("/dev/null", |_| Ok(())).unwrap_err().to_string();
        assert!(message.contains("device"), "{message}");
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        atomic_write(&ours, |_| Ok(())).unwrap();
        File::create(&plain).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
