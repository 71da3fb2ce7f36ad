//! A sheet of paper: a list of marks in pixels, drawn by plotters' SVG backend at the end.
//!
//! The backend's coordinates are integers. The sheet is therefore drawn ten times as large as it is shown, which gives
//! tenths of a pixel; [`super::markup`] sets the shown size and adds what the backend has no words for.

use plotters::prelude::{DrawingBackend, IntoFont, SVGBackend, ShapeStyle, TextStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, RGBAColor, RGBColor};

use super::{markup, style};
use crate::error::{Error, Result};

/// Units of the backend in one pixel.
pub const UNITS: f64 = 10.0;

/// A point in pixels, from the upper left corner, downwards.
pub type Pixel = (f64, f64);

/// Colour, width and dashes of a line.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    pub color: RGBAColor,
    pub width: f64,
    pub dash: Option<(f64, f64)>,
}

impl Stroke {
    pub fn new(color: RGBAColor, width: f64) -> Self {
        Stroke { color, width, dash: None }
    }

    pub fn dashed(self) -> Self {
        Stroke { dash: Some(style::DASH), ..self }
    }
}

/// Where a text's anchor lies on its baseline's direction.
#[derive(Clone, Copy, Debug)]
pub enum Align {
    Start,
    Middle,
    End,
}

/// A text, vertically centred on its position.
#[derive(Clone, Debug)]
pub struct Text {
    pub at: Pixel,
    pub content: String,
    pub size: f64,
    pub align: Align,
    pub bold: bool,
    /// Reads from bottom to top.
    pub upright: bool,
}

#[derive(Debug)]
enum Mark {
    Line { from: Pixel, to: Pixel, stroke: Stroke },
    Path { points: Vec<Pixel>, stroke: Stroke },
    Polygon { points: Vec<Pixel>, color: RGBAColor },
    Rectangle { corner: Pixel, opposite: Pixel, color: RGBAColor },
    Disc { center: Pixel, radius: f64, color: RGBAColor },
    Text(Text, RGBColor),
}

/// The sheet.
#[derive(Debug)]
pub struct Canvas {
    width: f64,
    height: f64,
    marks: Vec<Mark>,
}

impl Canvas {
    /// White paper of the given size in pixels.
    pub fn new(width: f64, height: f64) -> Self {
        let (width, height) = (width.ceil(), height.ceil());
        let paper =
            Mark::Rectangle { corner: (0.0, 0.0), opposite: (width, height), color: style::solid(style::PAPER) };
        Canvas { width, height, marks: vec![paper] }
    }

    pub fn line(&mut self, from: Pixel, to: Pixel, stroke: Stroke) {
        if stroke.dash.is_some() {
            self.path(vec![from, to], stroke);
        } else {
            self.marks.push(Mark::Line { from, to, stroke });
        }
    }

    pub fn path(&mut self, points: Vec<Pixel>, stroke: Stroke) {
        if points.len() > 1 {
            self.marks.push(Mark::Path { points, stroke });
        }
    }

    pub fn polygon(&mut self, points: Vec<Pixel>, color: RGBAColor) {
        if points.len() > 2 {
            self.marks.push(Mark::Polygon { points, color });
        }
    }

    pub fn rectangle(&mut self, corner: Pixel, opposite: Pixel, color: RGBAColor) {
        self.marks.push(Mark::Rectangle { corner, opposite, color });
    }

    pub fn disc(&mut self, center: Pixel, radius: f64, color: RGBAColor) {
        self.marks.push(Mark::Disc { center, radius, color });
    }

    pub fn text(&mut self, text: Text) {
        self.text_in(text, style::TEXT);
    }

    /// A text in another colour than that of all others.
    pub fn text_in(&mut self, text: Text, color: RGBColor) {
        self.marks.push(Mark::Text(text, color));
    }

    /// The SVG document, labelled with `title` and `description` for readers that do not see it.
    pub fn finish(self, title: &str, description: &str) -> Result<String> {
        let mut drawn = String::new();
        let mut dashes = Vec::new();
        {
            let size = ((self.width * UNITS) as u32, (self.height * UNITS) as u32);
            let mut backend = SVGBackend::with_string(&mut drawn, size);
            for mark in &self.marks {
                draw(&mut backend, mark, &mut dashes)?;
            }
            backend.present().map_err(refused)?;
        }
        Ok(markup::complete(&drawn, (self.width, self.height), &dashes, title, description))
    }
}

fn refused(problem: impl std::fmt::Display) -> Error {
    Error::argument("figure", format!("the SVG backend refused to draw ({problem}); draw fewer variables"))
}

fn units((x, y): Pixel) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

fn shape(stroke: &Stroke) -> ShapeStyle {
    ShapeStyle { color: stroke.color, filled: false, stroke_width: (stroke.width * UNITS).round() as u32 }
}

fn fill(color: RGBAColor) -> ShapeStyle {
    ShapeStyle { color, filled: true, stroke_width: 0 }
}

/// Draws one mark; `dashes` collects the dashes of each path in order, for [`markup::complete`].
fn draw(backend: &mut SVGBackend, mark: &Mark, dashes: &mut Vec<Option<(f64, f64)>>) -> Result<()> {
    match mark {
        Mark::Line { from, to, stroke } => backend.draw_line(units(*from), units(*to), &shape(stroke)),
        Mark::Path { points, stroke } => {
            dashes.push(stroke.dash);
            backend.draw_path(points.iter().copied().map(units), &shape(stroke))
        }
        Mark::Polygon { points, color } => backend.fill_polygon(points.iter().copied().map(units), &fill(*color)),
        Mark::Rectangle { corner, opposite, color } => {
            backend.draw_rect(units(*corner), units(*opposite), &fill(*color), true)
        }
        Mark::Disc { center, radius, color } => {
            backend.draw_circle(units(*center), (radius * UNITS).round() as u32, &fill(*color), true)
        }
        Mark::Text(text, color) => {
            // The backend divides sizes by 1.24 (the line height that plotters assumes).
            let font = ("sans-serif", text.size * UNITS * 1.24).into_font();
            let font = if text.bold { font.style(FontStyle::Bold) } else { font };
            let font = if text.upright { font.transform(FontTransform::Rotate270) } else { font };
            let along = match text.align {
                Align::Start => HPos::Left,
                Align::Middle => HPos::Center,
                Align::End => HPos::Right,
            };
            let look = TextStyle::from(font).color(color).pos(Pos::new(along, VPos::Center));
            backend.draw_text(&markup::printable(&text.content), &look, units(text.at))
        }
    }
    .map_err(refused)
}
