//! Markers of points: forms that are told apart without their colour.

use std::str::FromStr;

use plotters::style::RGBAColor;

use super::canvas::{Canvas, Pixel, Stroke};
use super::style;
use crate::error::{Error, Result};

/// The form of a point. The text form is the letter that matplotlib uses: `"s".parse::<Marker>()` is a square.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marker {
    /// A disc, `o`.
    #[default]
    Disc,
    /// A square on its side, `s`.
    Square,
    /// A triangle that points up, `^`.
    Triangle,
    /// A triangle that points down, `v`.
    TriangleDown,
    /// A square on its corner, `D`.
    Diamond,
    /// A diagonal cross, `x`.
    Cross,
    /// An upright cross, `+`.
    Plus,
    /// A short horizontal line, `_`.
    Dash,
}

/// Half of the size of a line marker over the radius of a disc: lines look smaller than filled forms.
const ARM: f64 = 1.25;

impl Marker {
    /// All markers with their letters, in the order in which they are taken when none are chosen.
    pub const ALL: [(Marker, &'static str); 8] = [
        (Marker::Disc, "o"),
        (Marker::Dash, "_"),
        (Marker::Square, "s"),
        (Marker::Triangle, "^"),
        (Marker::Cross, "x"),
        (Marker::Diamond, "D"),
        (Marker::TriangleDown, "v"),
        (Marker::Plus, "+"),
    ];

    /// How much a marker adds to the size of a picture, in discs.
    pub(super) fn cost(self) -> usize {
        match self {
            Marker::Disc | Marker::Dash => 1,
            Marker::Cross | Marker::Plus => 2,
            Marker::Square | Marker::Triangle | Marker::TriangleDown | Marker::Diamond => 6,
        }
    }

    /// Draws the marker around a point; filled forms have the area of a disc of `radius`.
    pub(super) fn draw(self, canvas: &mut Canvas, (x, y): Pixel, radius: f64, color: RGBAColor) {
        let stroke = Stroke::new(color, style::THIN_WIDTH);
        let arm = ARM * radius;
        let mut form = |corners: &[(f64, f64)], size: f64| {
            canvas.polygon(corners.iter().map(|&(a, b)| (x + a * size, y + b * size)).collect(), color);
        };
        let half = std::f64::consts::PI.sqrt() / 2.0 * radius;
        // Of equal sides around the centre, with the corners at this distance.
        let corner = (4.0 * std::f64::consts::PI / 27f64.sqrt()).sqrt() * radius;
        let (side, low) = (0.75f64.sqrt(), 0.5);
        match self {
            Marker::Disc => canvas.disc((x, y), radius, color),
            Marker::Square => form(&[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)], half),
            Marker::Diamond => form(&[(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)], 2f64.sqrt() * half),
            Marker::Triangle => form(&[(0.0, -1.0), (side, low), (-side, low)], corner),
            Marker::TriangleDown => form(&[(0.0, 1.0), (side, -low), (-side, -low)], corner),
            Marker::Cross => {
                canvas.line((x - arm, y - arm), (x + arm, y + arm), stroke);
                canvas.line((x - arm, y + arm), (x + arm, y - arm), stroke);
            }
            Marker::Plus => {
                canvas.line((x - arm, y), (x + arm, y), stroke);
                canvas.line((x, y - arm), (x, y + arm), stroke);
            }
            Marker::Dash => canvas.line((x - 1.6 * arm, y), (x + 1.6 * arm, y), stroke),
        }
    }
}

impl FromStr for Marker {
    type Err = Error;

    fn from_str(letter: &str) -> Result<Self> {
        let found = Marker::ALL.iter().find(|(_, name)| *name == letter).map(|(marker, _)| *marker);
        found.ok_or_else(|| {
            let known: Vec<&str> = Marker::ALL.iter().map(|(_, name)| *name).collect();
            Error::argument("marker", format!("there is no '{letter}'; give one of {}", known.join(" ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_name_the_markers() {
        for (marker, letter) in Marker::ALL {
            assert_eq!(letter.parse::<Marker>().unwrap(), marker);
        }
        assert!("*".parse::<Marker>().unwrap_err().to_string().contains("there is no '*'; give one of o _ s"));
    }

    /// Each form is drawn around its point: as a disc, a polygon, or lines.
    #[test]
    fn every_form_leaves_marks() {
        for (marker, letter) in Marker::ALL {
            let mut canvas = Canvas::new(20.0, 20.0);
            marker.draw(&mut canvas, (10.0, 10.0), 3.0, style::solid(style::MAIN));
            let svg = canvas.finish("t", "d.").unwrap();
            let count = |element: &str| svg.matches(element).count();
            let drawn = (count("<circle"), count("<polygon"), count("<line "));
            let expected = match marker {
                Marker::Disc => (1, 0, 0),
                Marker::Dash => (0, 0, 1),
                Marker::Cross | Marker::Plus => (0, 0, 2),
                _ => (0, 1, 0),
            };
            assert_eq!(drawn, expected, "{letter}: {svg}");
        }
    }
}
