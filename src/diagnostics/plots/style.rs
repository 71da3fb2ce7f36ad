//! Every colour, size and distance of the pictures, in CSS pixels at the picture's natural size.

use plotters::style::{RGBAColor, RGBColor};

/// The posterior, the loss, the empirical curve: whatever the picture is about.
pub const MAIN: RGBColor = RGBColor(0x13, 0x2a, 0x70);
/// The prior, which stands behind.
pub const PRIOR: RGBColor = RGBColor(0x80, 0x80, 0x80);
/// True values.
pub const TRUTH: RGBColor = RGBColor(0xc8, 0x10, 0x2e);
/// Bands of what chance alone allows.
pub const BAND: RGBColor = RGBColor(0x80, 0x80, 0x80);
/// Ideal lines and diagonals.
pub const IDEAL: RGBColor = RGBColor(0x20, 0x20, 0x20);
/// Validation curves: far from the main colour in hue and in brightness.
pub const SECOND: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
/// Axes and text.
pub const TEXT: RGBColor = RGBColor(0x26, 0x26, 0x26);
/// Grid and guide lines.
pub const GRID: RGBColor = RGBColor(0xcf, 0xcf, 0xcf);
/// Paper.
pub const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Curves of several variables in one panel: the palette of Okabe and Ito (2008), told apart with any colour vision;
/// its yellow is left out because it vanishes on white. The main colour comes first.
pub const SEVERAL: [RGBColor; 7] = [
    MAIN,
    SECOND,
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x00, 0x00),
];

/// Titles of panels, that is names of variables.
pub const TITLE_SIZE: f64 = 16.0;
/// Axis labels.
pub const LABEL_SIZE: f64 = 15.0;
/// Entries of the legend and notes inside of a panel.
pub const LEGEND_SIZE: f64 = 13.0;
/// Numbers at the ticks.
pub const TICK_SIZE: f64 = 12.0;
/// The smallest size that a text is shrunk to before it is shortened.
pub const SMALLEST_SIZE: f64 = 11.0;

/// Axis lines.
pub const AXIS_WIDTH: f64 = 1.0;
/// Grid and guide lines.
pub const GRID_WIDTH: f64 = 0.8;
/// Curves.
pub const CURVE_WIDTH: f64 = 2.0;
/// Thin curves and error bars.
pub const THIN_WIDTH: f64 = 1.2;
/// Radius of the points of a scatter.
pub const POINT_RADIUS: f64 = 2.6;
/// Opacity of the points of a scatter and of error bars.
pub const POINT_OPACITY: f64 = 0.5;
/// Opacity of bands.
pub const BAND_OPACITY: f64 = 0.25;
/// Dashes of ideal lines: drawn and left out.
pub const DASH: (f64, f64) = (5.0, 4.0);

/// Side of a panel in a grid of up to two columns; wider grids use [`SMALL_PANEL`].
pub const LARGE_PANEL: f64 = 300.0;
/// Side of a panel in a grid of three columns and more.
pub const SMALL_PANEL: f64 = 240.0;
/// Height of a panel over its width where the two axes have different units.
pub const LANDSCAPE: f64 = 0.78;
/// Free space around the whole picture.
pub const MARGIN: f64 = 12.0;
/// Free space between neighbouring panels.
pub const GAP: f64 = 22.0;
/// Length of a tick.
pub const TICK_LENGTH: f64 = 4.0;
/// Distance between a tick and its number.
pub const TICK_PAD: f64 = 4.0;
/// Room above a panel for its title and the note of the vertical axis.
pub const TITLE_ROOM: f64 = 34.0;
/// Room below a panel for the numbers at the ticks.
pub const TICK_ROOM: f64 = 24.0;
/// Room for an axis label.
pub const LABEL_ROOM: f64 = 26.0;

/// Largest number of discs and bars in one picture; more are thinned and the description says so. A disc takes about
/// 14 bytes, so this keeps a picture far below 500 kB.
pub const MARKS_PER_FIGURE: usize = 12_000;
/// Largest number of discs and bars in one panel: beyond it more points only make the panel darker.
pub const MARKS_PER_PANEL: usize = 1_500;
/// Largest deviation of a drawn curve from the given one.
pub const CURVE_TOLERANCE: f64 = 0.1;

/// A colour with opacity.
pub fn faded(color: RGBColor, opacity: f64) -> RGBAColor {
    RGBAColor(color.0, color.1, color.2, opacity)
}

/// A colour without transparency.
pub fn solid(color: RGBColor) -> RGBAColor {
    faded(color, 1.0)
}

/// The opaque colour that `color` at `share` of opacity has on white paper.
pub fn on_paper(color: RGBColor, share: f64) -> RGBAColor {
    let mix = |channel: u8| (255.0 - share * (255.0 - f64::from(channel))).round() as u8;
    RGBAColor(mix(color.0), mix(color.1), mix(color.2), 1.0)
}

/// An upper estimate of a text's width: the advance widths of DejaVu Sans, the widest of the usual sans-serif fonts, in
/// classes.
pub fn text_width(text: &str, size: f64) -> f64 {
    let advance = |letter: char| match letter {
        'i' | 'j' | 'l' | '\'' | '.' | ',' | ':' | ';' | '|' | '!' | ' ' | '(' | ')' | '[' | ']' => 0.36,
        'f' | 'r' | 't' | '-' | 'I' | 'J' | '⁰'..='⁹' | '¹' | '²' | '³' | '⁻' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.97,
        '−' | '×' | '±' | '+' | '=' | '<' | '>' => 0.84,
        'A'..='Z' => 0.72,
        letter if letter.is_ascii() => 0.63,
        _ => 0.75,
    };
    text.chars().map(advance).sum::<f64>() * size
}

/// The size and the wording with which `text` fits into `width`: shrunk down to [`SMALLEST_SIZE`], then shortened in the
/// middle with an ellipsis.
pub fn fit_text(text: &str, size: f64, width: f64) -> (String, f64) {
    let natural = text_width(text, size);
    if natural <= width {
        return (text.to_owned(), size);
    }
    let shrunk = (size * width / natural).max(SMALLEST_SIZE);
    if text_width(text, shrunk) <= width + 0.5 {
        return (text.to_owned(), shrunk);
    }
    let letters: Vec<char> = text.chars().collect();
    for kept in (2..letters.len()).rev() {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let short: String =
            letters[..head].iter().chain(['…'].iter()).chain(&letters[letters.len() - tail..]).collect();
        if text_width(&short, shrunk) <= width {
            return (short, shrunk);
        }
    }
    ("…".to_owned(), shrunk)
}
