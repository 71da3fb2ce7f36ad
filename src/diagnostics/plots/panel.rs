//! One pair of axes: maps data to pixels, draws the frame, clips what is drawn inside.

use plotters::style::RGBAColor;

use super::axis::{Limits, Ticks, drawable};
use super::canvas::{Align, Canvas, Pixel, Stroke, Text};
use super::geometry::{Rectangle, simplify};
use super::marker::Marker;
use super::style;

/// Numbers at the ticks: shown, or left to the neighbouring panel that has the same axis.
#[derive(Clone, Debug)]
pub struct Axis {
    pub limits: Limits,
    pub ticks: Ticks,
    pub numbered: bool,
}

impl Axis {
    pub fn new(limits: Limits, count: usize) -> Self {
        Axis { limits, ticks: Ticks::new(limits, count), numbered: true }
    }

    /// An axis without ticks.
    pub fn bare(limits: Limits) -> Self {
        Axis { limits, ticks: Ticks { values: Vec::new(), labels: Vec::new(), note: None }, numbered: false }
    }

    /// Width of the widest number.
    pub fn label_width(&self) -> f64 {
        self.ticks.labels.iter().map(|label| style::text_width(label, style::TICK_SIZE)).fold(0.0, f64::max)
    }
}

/// A frame with its two axes.
#[derive(Clone, Debug)]
pub struct Panel {
    pub frame: Rectangle,
    pub x: Axis,
    pub y: Axis,
}

impl Panel {
    pub fn pixel(&self, x: f64, y: f64) -> Pixel {
        (
            self.frame.left + self.x.limits.share(x) * self.frame.width,
            self.frame.bottom() - self.y.limits.share(y) * self.frame.height,
        )
    }

    /// Grid lines, the left and the lower axis, ticks and numbers.
    pub fn draw_axes(&self, canvas: &mut Canvas) {
        let frame = self.frame;
        let grid = Stroke::new(style::faded(style::GRID, 0.6), style::GRID_WIDTH);
        let axis = Stroke::new(style::solid(style::TEXT), style::AXIS_WIDTH);
        let across: Vec<f64> = self.x.ticks.values.iter().map(|&value| self.pixel(value, 0.0).0).collect();
        let along: Vec<f64> = self.y.ticks.values.iter().map(|&value| self.pixel(0.0, value).1).collect();
        for &x in &across {
            canvas.line((x, frame.top), (x, frame.bottom()), grid);
        }
        for &y in &along {
            canvas.line((frame.left, y), (frame.right(), y), grid);
        }
        canvas.line((frame.left, frame.top), (frame.left, frame.bottom()), axis);
        canvas.line((frame.left, frame.bottom()), (frame.right(), frame.bottom()), axis);
        for &x in &across {
            canvas.line((x, frame.bottom()), (x, frame.bottom() + style::TICK_LENGTH), axis);
        }
        for &y in &along {
            canvas.line((frame.left - style::TICK_LENGTH, y), (frame.left, y), axis);
        }
        let label = |at: Pixel, content: &str, align: Align| Text {
            at,
            content: content.to_owned(),
            size: style::TICK_SIZE,
            align,
            bold: false,
            upright: false,
        };
        if self.x.numbered {
            let below = frame.bottom() + style::TICK_LENGTH + style::TICK_PAD + style::TICK_SIZE / 2.0;
            for (&x, number) in across.iter().zip(&self.x.ticks.labels) {
                canvas.text(label((x, below), number, Align::Middle));
            }
            if let Some(note) = &self.x.ticks.note {
                canvas.text(label((frame.right(), below + style::TICK_SIZE + 2.0), note, Align::End));
            }
        }
        if self.y.numbered {
            for (&y, number) in along.iter().zip(&self.y.ticks.labels) {
                canvas.text(label((frame.left - style::TICK_LENGTH - style::TICK_PAD, y), number, Align::End));
            }
            if let Some(note) = &self.y.ticks.note {
                canvas.text(label((frame.left, frame.top - style::TICK_SIZE / 2.0 - 2.0), note, Align::Start));
            }
        }
    }

    /// The panel's title, a variable's name, centred above.
    pub fn draw_title(&self, canvas: &mut Canvas, title: &str) {
        let (content, size) = style::fit_text(title, style::TITLE_SIZE, self.frame.width + style::GAP / 2.0);
        let at = (self.frame.left + self.frame.width / 2.0, self.frame.top - style::TITLE_ROOM * 0.66);
        canvas.text(Text { at, content, size, align: Align::Middle, bold: false, upright: false });
    }

    /// A sentence in the middle of a panel that has nothing to show.
    pub fn draw_notice(&self, canvas: &mut Canvas, notice: &str) {
        let (content, size) = style::fit_text(notice, style::LEGEND_SIZE, self.frame.width - 8.0);
        let at = (self.frame.left + self.frame.width / 2.0, self.frame.top + self.frame.height / 2.0);
        canvas.text(Text { at, content, size, align: Align::Middle, bold: false, upright: false });
    }

    /// A short text in the upper left corner, on paper that hides what is behind.
    pub fn draw_corner_note(&self, canvas: &mut Canvas, note: &str) {
        let (content, size) = style::fit_text(note, style::LEGEND_SIZE, self.frame.width - 16.0);
        let (left, middle) = (self.frame.left + 12.0, self.frame.top + 14.0);
        let corner = (left - 4.0, middle - size * 0.75);
        let opposite = (left + style::text_width(&content, size) + 2.0, middle + size * 0.75);
        canvas.rectangle(corner, opposite, style::faded(style::PAPER, 0.8));
        canvas.text(Text { at: (left, middle), content, size, align: Align::Start, bold: false, upright: false });
    }

    /// A curve; values that cannot be drawn interrupt it.
    pub fn curve(&self, canvas: &mut Canvas, points: impl IntoIterator<Item = (f64, f64)>, stroke: Stroke) {
        let mut piece: Vec<Pixel> = Vec::new();
        let flush = |canvas: &mut Canvas, piece: &mut Vec<Pixel>| {
            for inside in self.frame.clip_path(&simplify(piece, style::CURVE_TOLERANCE)) {
                canvas.path(inside, stroke);
            }
            piece.clear();
        };
        for (x, y) in points {
            if drawable(x) && drawable(y) {
                piece.push(self.pixel(x, y));
            } else {
                flush(canvas, &mut piece);
            }
        }
        flush(canvas, &mut piece);
    }

    /// The area between two curves over common positions; positions where a value cannot be drawn are left out.
    pub fn ribbon(&self, canvas: &mut Canvas, x: &[f64], lower: &[f64], upper: &[f64], color: RGBAColor) {
        let triples: Vec<(f64, f64, f64)> = x
            .iter()
            .zip(lower)
            .zip(upper)
            .map(|((&x, &lower), &upper)| (x, lower, upper))
            .filter(|&(x, lower, upper)| drawable(x) && drawable(lower) && drawable(upper))
            .collect();
        let above: Vec<Pixel> = triples.iter().map(|&(x, _, upper)| self.pixel(x, upper)).collect();
        let below: Vec<Pixel> = triples.iter().rev().map(|&(x, lower, _)| self.pixel(x, lower)).collect();
        let mut outline = simplify(&above, style::CURVE_TOLERANCE);
        outline.extend(simplify(&below, style::CURVE_TOLERANCE));
        canvas.polygon(self.frame.clip_polygon(&outline), color);
    }

    /// A filled polygon in data coordinates.
    pub fn area(&self, canvas: &mut Canvas, outline: impl IntoIterator<Item = (f64, f64)>, color: RGBAColor) {
        let outline: Vec<Pixel> = outline.into_iter().map(|(x, y)| self.pixel(x, y)).collect();
        canvas.polygon(self.frame.clip_polygon(&outline), color);
    }

    /// Discs; those outside of the frame are left out.
    pub fn discs(
        &self,
        canvas: &mut Canvas,
        points: impl IntoIterator<Item = (f64, f64)>,
        radius: f64,
        color: RGBAColor,
    ) {
        for (x, y) in points {
            if drawable(x) && drawable(y) && self.frame.contains(self.pixel(x, y)) {
                canvas.disc(self.pixel(x, y), radius, color);
            }
        }
    }

    /// Markers; those outside of the frame are left out.
    pub fn markers(
        &self,
        canvas: &mut Canvas,
        points: impl IntoIterator<Item = (f64, f64)>,
        marker: Marker,
        color: RGBAColor,
    ) {
        for (x, y) in points {
            if drawable(x) && drawable(y) && self.frame.contains(self.pixel(x, y)) {
                marker.draw(canvas, self.pixel(x, y), style::POINT_RADIUS, color);
            }
        }
    }

    /// A diagonal cross.
    pub fn cross(&self, canvas: &mut Canvas, x: f64, y: f64, arm: f64, stroke: Stroke) {
        if !(drawable(x) && drawable(y) && self.frame.contains(self.pixel(x, y))) {
            return;
        }
        let (x, y) = self.pixel(x, y);
        canvas.line((x - arm, y - arm), (x + arm, y + arm), stroke);
        canvas.line((x - arm, y + arm), (x + arm, y - arm), stroke);
    }
}
