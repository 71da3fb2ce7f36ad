//! What plotters' SVG backend has no words for: a size in fractions of units, dashes, a description, and many equal discs
//! or lines in few bytes.
//!
//! The backend writes one element per line. Runs of discs (100 bytes each) become a few paths of strokes with round ends
//! (14 bytes each), runs of straight lines likewise. A path is painted as one stroke, so that overlapping discs inside of
//! one path do not darken each other; a run is dealt out to [`LAYERS`] paths to keep dense regions dark.

use std::fmt::Write;

use super::canvas::UNITS;

/// Number of paths that a run of translucent discs is dealt out to.
const LAYERS: usize = 6;

/// Runs shorter than this stay as they are.
const SHORTEST_RUN: usize = 3;

/// Completes the backend's document: shown size, label and description, dashes of the paths in order, compact runs.
pub fn complete(
    drawn: &str,
    (width, height): (f64, f64),
    dashes: &[Option<(f64, f64)>],
    title: &str,
    description: &str,
) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         stroke-linejoin=\"round\" role=\"img\" aria-label=\"{}\">\n<desc>{}</desc>\n",
        width * UNITS,
        height * UNITS,
        escape(title),
        escape(description),
    );
    let mut dashes = dashes.iter();
    let mut run = Run::default();
    for line in drawn.lines().skip(1) {
        if run.takes(line) {
            continue;
        }
        run.write(&mut svg);
        run = Run::default();
        if run.takes(line) {
            continue;
        }
        match line.strip_prefix("<polyline ") {
            Some(rest) => match dashes.next() {
                Some(Some((on, off))) => {
                    let _ = write!(svg, "<polyline stroke-dasharray=\"{} {}\" {rest}", on * UNITS, off * UNITS);
                }
                _ => svg.push_str(line),
            },
            None => svg.push_str(line),
        }
        svg.push('\n');
    }
    run.write(&mut svg);
    svg
}

/// Neighbouring discs or lines of one style.
#[derive(Default)]
struct Run<'a> {
    lines: Vec<&'a str>,
    /// Everything but the position.
    style: Vec<(&'a str, &'a str)>,
    is_disc: bool,
    /// The path data of each element.
    strokes: Vec<String>,
}

impl<'a> Run<'a> {
    /// Takes the element of `line` if it is a disc or a line of the run's style.
    fn takes(&mut self, line: &'a str) -> bool {
        let (is_disc, body) = match (line.strip_prefix("<circle "), line.strip_prefix("<line ")) {
            (Some(body), _) => (true, body),
            (_, Some(body)) => (false, body),
            _ => return false,
        };
        let pairs = attributes(body);
        let position: &[&str] = if is_disc { &["cx", "cy"] } else { &["x1", "y1", "x2", "y2"] };
        let (places, style): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| position.contains(name));
        if places.len() != position.len()
            || !(self.lines.is_empty() || (self.is_disc, &self.style) == (is_disc, &style))
        {
            return false;
        }
        let stroke = if is_disc {
            // A stroke of a tenth of a pixel: some readers do not paint strokes of no length.
            format!("M{},{}h1", places[0].1, places[1].1)
        } else {
            format!("M{},{}L{},{}", places[0].1, places[1].1, places[2].1, places[3].1)
        };
        (self.is_disc, self.style) = (is_disc, style);
        self.lines.push(line);
        self.strokes.push(stroke);
        true
    }

    fn value(&self, name: &str) -> &'a str {
        self.style.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    fn write(&self, svg: &mut String) {
        if self.lines.len() < SHORTEST_RUN {
            for line in &self.lines {
                svg.push_str(line);
                svg.push('\n');
            }
            return;
        }
        let (color, width, cap) = if self.is_disc {
            let radius: u32 = self.value("r").parse().unwrap_or(1);
            (self.value("fill"), (2 * radius).to_string(), " stroke-linecap=\"round\"")
        } else {
            (self.value("stroke"), self.value("stroke-width").to_owned(), "")
        };
        let opacity = self.value("opacity");
        let layers = if opacity == "1" { 1 } else { LAYERS.min(self.strokes.len()) };
        for layer in 0..layers {
            let _ = write!(
                svg,
                "<path fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{cap} opacity=\"{opacity}\" d=\""
            );
            for stroke in self.strokes.iter().skip(layer).step_by(layers) {
                svg.push_str(stroke);
            }
            svg.push_str("\"/>\n");
        }
    }
}

/// The attributes of an element as the backend writes them: `name="value"`, quotes escaped inside of values.
fn attributes(body: &str) -> Vec<(&str, &str)> {
    let mut pieces = body.split('"');
    let mut found = Vec::new();
    while let (Some(name), Some(value)) = (pieces.next(), pieces.next()) {
        found.push((name.trim().trim_end_matches('='), value));
    }
    found
}

/// Text for an element or an attribute of XML and HTML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in printable(text).chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// The text without the characters that XML forbids; line breaks and tabs stay for those who want them.
pub fn printable(text: &str) -> String {
    let allowed = |letter: char| match letter {
        '\n' | '\t' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => !other.is_control(),
    };
    text.chars().map(|letter| if allowed(letter) { letter } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISC: &str =
        "<circle cx=\"1\" cy=\"2\" r=\"3\" opacity=\"0.5\" fill=\"#132A70\" stroke=\"none\" stroke-width=\"0\"/>";

    #[test]
    fn runs_of_discs_become_layers_of_strokes() {
        let drawn = format!("<svg>\n{}</svg>\n", format!("{DISC}\n").repeat(13));
        let svg = complete(&drawn, (10.0, 10.0), &[], "t", "d");
        assert!(!svg.contains("<circle"), "{svg}");
        assert_eq!(svg.matches("<path").count(), LAYERS);
        assert_eq!(svg.matches("M1,2h1").count(), 13);
        assert!(svg.contains("stroke-width=\"6\""), "the diameter is the width of the stroke: {svg}");
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn short_runs_and_other_elements_stay() {
        let drawn = format!("<svg>\n{DISC}\n<rect x=\"1\"/>\n{DISC}\n{DISC}\n</svg>\n");
        let svg = complete(&drawn, (10.0, 10.0), &[], "t", "d");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.find("<circle") < svg.find("<rect") && svg.find("<rect") < svg.rfind("<circle"));
    }

    #[test]
    fn dashes_go_to_their_paths() {
        let drawn = "<svg>\n<polyline points=\"0,0 1,1 \"/>\n<polyline points=\"2,2 3,3 \"/>\n</svg>\n";
        let svg = complete(drawn, (10.0, 10.0), &[None, Some((5.0, 4.0))], "t", "d");
        assert!(svg.contains("<polyline points=\"0,0"), "{svg}");
        assert!(svg.contains("<polyline stroke-dasharray=\"50 40\" points=\"2,2"), "{svg}");
    }

    #[test]
    fn text_is_escaped_and_control_characters_are_dropped() {
        assert_eq!(escape("a<b>&\"'\u{1}"), "a&lt;b&gt;&amp;&quot;&#39; ");
    }
}
