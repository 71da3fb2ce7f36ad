//! The files of a report.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Report;
use crate::codecs::atomic_write;
use crate::error::{Error, Result};

impl Report {
    /// Writes each picture as `NAME.svg` and the page as `report.html` into `folder`, which is made if it is missing; gives
    /// the paths, the page last.
    ///
    /// Every file is written completely or not at all, and the page comes after the pictures.
    ///
    /// # Errors
    /// A folder that cannot be made or written, or names of pictures that are no file names.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        let page = self.to_html()?;
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::file(folder, format!("the folder cannot be made ({error}); choose a folder that you may write to"))
        })?;
        let pictures = self.figures.iter().map(|figure| (format!("{}.svg", figure.name), figure.svg.as_str()));
        let mut paths = Vec::with_capacity(self.figures.len() + 1);
        for (name, content) in pictures.chain([("report.html".to_owned(), page.as_str())]) {
            let path = folder.join(name);
            atomic_write(&path, |file| file.write_all(content.as_bytes()))?;
            paths.push(path);
        }
        Ok(paths)
    }
}
