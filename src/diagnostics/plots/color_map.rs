//! Colours for numbers: viridis (Smith and van der Walt 2015), even in brightness and told apart with any colour vision.

use plotters::style::RGBAColor;

use super::axis::{Limits, Ticks};
use super::canvas::{Align, Canvas, Text};
use super::geometry::Rectangle;
use super::style;

/// Equally spaced colours of viridis; between them the channels are interpolated linearly.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// Patches of a colour bar.
const PATCHES: usize = 64;
/// Height of a colour bar that lies, width of one that stands.
pub const BAR: f64 = 12.0;
/// Height of a colour bar with its numbers and its label.
pub const BAR_ROOM: f64 = BAR + style::TICK_ROOM + style::LABEL_ROOM;

/// The colour at `share` of the way from dark violet (0) to yellow (1).
pub fn viridis(share: f64, opacity: f64) -> RGBAColor {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place as usize).min(VIRIDIS.len() - 2);
    let weight = place - below as f64;
    let mix = |c: usize| (VIRIDIS[below][c] + weight * (VIRIDIS[below + 1][c] - VIRIDIS[below][c])).round() as u8;
    RGBAColor(mix(0), mix(1), mix(2), opacity)
}

/// Draws a horizontal colour bar for `limits`, with numbers and a label below.
pub fn draw_bar(canvas: &mut Canvas, limits: Limits, label: &str, left: f64, top: f64, width: f64) {
    for patch in 0..PATCHES {
        let at = |patch: usize| left + width * patch as f64 / PATCHES as f64;
        let color = viridis((patch as f64 + 0.5) / PATCHES as f64, 1.0);
        // Each reaches under the next, so that no seams show.
        canvas.rectangle((at(patch), top), ((at(patch + 1) + 1.0).min(left + width), top + BAR), color);
    }
    let ticks = Ticks::new(limits, 5);
    let below = top + BAR + style::TICK_PAD + style::TICK_SIZE / 2.0;
    for (&value, number) in ticks.values.iter().zip(&ticks.labels) {
        let at = (left + limits.share(value) * width, below);
        let content = number.clone();
        canvas.text(Text { at, content, size: style::TICK_SIZE, align: Align::Middle, bold: false, upright: false });
    }
    let label = ticks.note.map_or(label.to_owned(), |note| format!("{label} ({note})"));
    let frame = Rectangle { left, top, width, height: BAR };
    super::grid::draw_x_label(canvas, &frame, &label);
}

/// Draws an upright colour bar for `limits`, low values below, with `ticks` right of it; a power of ten that they share stands below.
/// `color` gives the colour at a share of the way from the lower end (0) to the upper one (1).
pub fn draw_upright_bar(
    canvas: &mut Canvas,
    limits: Limits,
    ticks: &Ticks,
    frame: Rectangle,
    color: impl Fn(f64) -> RGBAColor,
) {
    for patch in 0..PATCHES {
        let at = |patch: usize| frame.bottom() - frame.height * patch as f64 / PATCHES as f64;
        // Each reaches under the next, so that no seams show.
        let above = (at(patch + 1) - 1.0).max(frame.top);
        let color = color((patch as f64 + 0.5) / PATCHES as f64);
        canvas.rectangle((frame.left, above), (frame.right(), at(patch)), color);
    }
    let mut text = |at, content: &str, align| {
        let content = content.to_owned();
        canvas.text(Text { at, content, size: style::TICK_SIZE, align, bold: false, upright: false });
    };
    for (&value, number) in ticks.values.iter().zip(&ticks.labels) {
        let at = (frame.right() + style::TICK_PAD, frame.bottom() - limits.share(value) * frame.height);
        text(at, number, Align::Start);
    }
    if let Some(note) = &ticks.note {
        text((frame.left, frame.bottom() + style::TICK_SIZE), note, Align::Start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_are_those_of_the_map() {
        assert_eq!(viridis(0.0, 1.0), RGBAColor(68, 1, 84, 1.0));
        assert_eq!(viridis(0.5, 1.0), RGBAColor(33, 144, 141, 1.0));
        assert_eq!(viridis(1.7, 0.5), RGBAColor(253, 231, 37, 0.5));
        assert_eq!(viridis(f64::NAN, 1.0).3, 1.0);
    }
}
