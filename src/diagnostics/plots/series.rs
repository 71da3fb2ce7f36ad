//! What all pictures ask of their numbers, and what they say when some are left out.

use super::axis::drawable;
use super::{Figure, style};
use crate::error::{Error, Result};

/// Refuses a picture of nothing.
pub fn require_some(picture: &str, count: usize) -> Result<()> {
    if count == 0 {
        return Err(Error::argument(picture, "no variables came; give at least one variable to draw"));
    }
    Ok(())
}

/// Refuses columns of different lengths.
pub fn require_equal(picture: &str, variable: &str, columns: &[(&str, usize)]) -> Result<()> {
    let Some(&(first, length)) = columns.first() else { return Ok(()) };
    match columns.iter().find(|(_, other)| *other != length) {
        None => Ok(()),
        Some((name, other)) => Err(Error::shape(
            picture,
            format!("variable '{variable}' has {length} values of {first} but {other} of {name}; give equally many"),
        )),
    }
}

/// The rows whose numbers can all be drawn.
pub fn drawable_rows(columns: &[&[f64]]) -> Vec<usize> {
    let rows = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    (0..rows).filter(|&row| columns.iter().all(|column| drawable(column[row]))).collect()
}

/// Discs or bars that each of `panels` panels may hold.
pub fn marks_per_panel(panels: usize) -> usize {
    (style::MARKS_PER_FIGURE / panels.max(1)).clamp(20, style::MARKS_PER_PANEL)
}

/// Counts what a picture does not show.
#[derive(Debug, Default)]
pub struct Omissions {
    not_finite: usize,
    /// Shown and present points of the panel that was thinned most.
    thinned: Option<(usize, usize)>,
}

impl Omissions {
    /// Notes that `count` numbers (or rows) cannot be drawn.
    pub fn not_finite(&mut self, count: usize) {
        self.not_finite += count;
    }

    /// Notes that a panel shows `shown` of `present` points.
    pub fn thinned(&mut self, shown: usize, present: usize) {
        let worse = |(s, p): (usize, usize)| (shown as u128 * p as u128) < (s as u128 * present as u128);
        if shown < present && self.thinned.is_none_or(worse) {
            self.thinned = Some((shown, present));
        }
    }

    /// The figure, with sentences about what it does not show added to its description.
    pub fn describe(&self, reading: &str) -> String {
        let mut description = reading.to_owned();
        if let Some((shown, present)) = self.thinned {
            description.push_str(&format!(" For legibility {shown} of {present} points are drawn, evenly chosen."));
        }
        match self.not_finite {
            0 => {}
            1 => description.push_str(" 1 value that is not finite is left out."),
            count => description.push_str(&format!(" {count} values that are not finite are left out.")),
        }
        description
    }
}

/// Completes a picture.
pub fn figure(canvas: super::canvas::Canvas, name: &str, title: &str, description: String) -> Result<Figure> {
    let svg = canvas.finish(title, &description)?;
    Ok(Figure { name: name.to_owned(), title: title.to_owned(), svg, description })
}
