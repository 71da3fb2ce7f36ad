//! The legend: a row of entries above the panels, where it hides nothing; it wraps when the picture is narrow.

use plotters::style::RGBAColor;

use super::canvas::{Align, Canvas, Stroke, Text};
use super::marker::Marker;
use super::style;

/// The small drawing beside an entry.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// A line, with a marker on it or without.
    Line { stroke: Stroke, marker: bool },
    /// A filled patch.
    Patch(RGBAColor),
    /// A disc.
    Disc(RGBAColor),
    /// A marker of any form.
    Point(Marker, RGBAColor),
    /// A diagonal cross.
    Cross(Stroke),
}

/// An entry: its drawing and its words.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Key,
    pub label: String,
}

impl Entry {
    pub fn new(key: Key, label: impl Into<String>) -> Self {
        Entry { key, label: label.into() }
    }

    fn width(&self) -> f64 {
        KEY_WIDTH + KEY_GAP + style::text_width(&self.label, style::LEGEND_SIZE) + ENTRY_GAP
    }
}

const KEY_WIDTH: f64 = 24.0;
const KEY_GAP: f64 = 6.0;
const ENTRY_GAP: f64 = 14.0;
const ROW_HEIGHT: f64 = 20.0;
const BELOW: f64 = 8.0;

/// The entries of each row when `width` pixels are there.
fn rows(entries: &[Entry], width: f64) -> Vec<&[Entry]> {
    let mut rows = Vec::new();
    let (mut first, mut used) = (0, 0.0);
    for (index, entry) in entries.iter().enumerate() {
        if index > first && used + entry.width() - ENTRY_GAP > width {
            rows.push(&entries[first..index]);
            (first, used) = (index, 0.0);
        }
        used += entry.width();
    }
    if first < entries.len() {
        rows.push(&entries[first..]);
    }
    rows
}

/// Height of the legend, with some room below it, when `width` pixels are there.
pub fn height(entries: &[Entry], width: f64) -> f64 {
    match rows(entries, width).len() {
        0 => 0.0,
        rows => ROW_HEIGHT * rows as f64 + BELOW,
    }
}

/// Draws the legend with its upper left corner at `(left, top)`.
pub fn draw(canvas: &mut Canvas, entries: &[Entry], left: f64, top: f64, width: f64) {
    for (row, entries) in rows(entries, width).into_iter().enumerate() {
        let middle = top + ROW_HEIGHT * (row as f64 + 0.5);
        let mut x = left;
        for entry in entries {
            let center = (x + KEY_WIDTH / 2.0, middle);
            match entry.key {
                Key::Line { stroke, marker } => {
                    canvas.line((x, middle), (x + KEY_WIDTH, middle), stroke);
                    if marker {
                        canvas.disc(center, style::POINT_RADIUS, stroke.color);
                    }
                }
                Key::Patch(color) => {
                    canvas.rectangle((x + 2.0, middle - 5.0), (x + KEY_WIDTH - 2.0, middle + 5.0), color)
                }
                Key::Point(marker, color) => marker.draw(canvas, center, style::POINT_RADIUS + 1.0, color),
                Key::Disc(color) => canvas.disc(center, style::POINT_RADIUS + 1.0, color),
                Key::Cross(stroke) => {
                    canvas.line((center.0 - 4.5, middle - 4.5), (center.0 + 4.5, middle + 4.5), stroke);
                    canvas.line((center.0 - 4.5, middle + 4.5), (center.0 + 4.5, middle - 4.5), stroke);
                }
            }
            let room = (width - KEY_WIDTH - KEY_GAP).max(40.0);
            let (content, size) = style::fit_text(&entry.label, style::LEGEND_SIZE, room);
            let at = (x + KEY_WIDTH + KEY_GAP, middle);
            canvas.text(Text { at, content, size, align: Align::Start, bold: false, upright: false });
            x += entry.width();
        }
    }
}
