//! The page.

use std::fmt::Write;

use super::Report;
use crate::diagnostics::metrics::{Status, Verdict, overall};
use crate::diagnostics::plots::Figure;
use crate::diagnostics::plots::markup::escape;
use crate::error::Result;

const STYLE: &str = include_str!("report.css");

/// Nothing is loaded and nothing runs, whatever the texts contain.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

impl Report {
    /// The page: a complete HTML document without scripts and without links to resources.
    ///
    /// # Errors
    /// Names of pictures that are no file names.
    pub fn to_html(&self) -> Result<String> {
        self.check()?;
        let title = escape(&self.title);
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n"
        );
        if !self.summary.is_empty() {
            let _ = writeln!(page, "<p class=\"lead\">{}</p>", escape(&self.summary));
        }
        page.push_str("</header>\n");
        if !self.verdicts.is_empty() {
            let sentence = escape(&overall(&self.verdicts));
            let _ = writeln!(
                page,
                "<section>\n<h2>Verdict</h2>\n<p class=\"overall\">{} {sentence}</p>\n<ul class=\"verdicts\">",
                badge(self.status())
            );
            let mut diagnostics: Vec<&str> = self.verdicts.iter().map(|verdict| verdict.diagnostic.as_str()).collect();
            diagnostics.dedup();
            let mut shown: Vec<&str> = Vec::new();
            for diagnostic in diagnostics {
                if !shown.contains(&diagnostic) {
                    verdict(&mut page, diagnostic, &self.verdicts);
                    shown.push(diagnostic);
                }
            }
            page.push_str("</ul>\n</section>\n");
        }
        if !self.metrics.is_empty() {
            metrics(&mut page, self);
        }
        if !self.figures.is_empty() {
            page.push_str("<section>\n<h2>Pictures</h2>\n");
            self.figures.iter().for_each(|one| figure(&mut page, one));
            page.push_str("</section>\n");
        }
        if !self.facts.is_empty() {
            page.push_str("<section>\n<h2>Run</h2>\n<dl>\n");
            for (name, value) in &self.facts {
                let _ = writeln!(page, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
            }
            page.push_str("</dl>\n</section>\n");
        }
        if !self.configuration.trim().is_empty() {
            let text = escape(self.configuration.trim_end());
            let _ = writeln!(page, "<section>\n<h2>Configuration</h2>\n<pre><code>{text}</code></pre>\n</section>");
        }
        page.push_str("</main>\n</body>\n</html>\n");
        Ok(page)
    }
}

fn badge(status: Status) -> String {
    let sign = match status {
        Status::Fine => "✓",
        Status::Warning => "!",
        Status::Bad => "✕",
    };
    let word = status.word();
    format!("<span class=\"badge {word}\"><span aria-hidden=\"true\">{sign}</span> {word}</span>")
}

/// One diagnostic: its worst status, and what it says of each variable, the worst first.
fn verdict(page: &mut String, diagnostic: &str, verdicts: &[Verdict]) {
    let mut of_it: Vec<&Verdict> = verdicts.iter().filter(|verdict| verdict.diagnostic == diagnostic).collect();
    of_it.sort_by_key(|verdict| std::cmp::Reverse(verdict.status));
    let worst = of_it.first().map_or(Status::Fine, |verdict| verdict.status);
    let _ = writeln!(page, "<li>{}<div><strong>{}</strong>", badge(worst), escape(diagnostic));
    for verdict in of_it {
        let mark = if verdict.status == Status::Fine { "" } else { " class=\"due\"" };
        let _ = writeln!(page, "<p{mark}>{}</p>", escape(&verdict.sentence));
    }
    page.push_str("</div></li>\n");
}

fn metrics(page: &mut String, report: &Report) {
    page.push_str(
        "<section>\n<h2>Metrics</h2>\n<div class=\"wide\">\n<table>\n<thead><tr><th scope=\"col\">Variable</th>",
    );
    let table = &report.metrics;
    for metric in table.metrics() {
        let _ = write!(page, "<th scope=\"col\">{}", escape(&metric.name));
        if !metric.meaning().is_empty() {
            let _ = write!(page, "<small>{}</small>", escape(metric.meaning()));
        }
        page.push_str("</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for variable in table.variable_names() {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", escape(variable));
        for metric in table.metrics() {
            let judged = report.verdicts.iter().find(|v| v.metric == metric.name && v.variable == *variable);
            let status = judged.map_or(Status::Fine, |verdict| verdict.status);
            cell(page, metric.value(variable).unwrap_or(f64::NAN), status);
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// A number; one that is not fine says so in words too, for readers who do not see its colour.
fn cell(page: &mut String, value: f64, status: Status) {
    let value = number(value);
    let _ = match status {
        Status::Fine => write!(page, "<td>{value}</td>"),
        Status::Warning | Status::Bad => {
            let word = status.word();
            write!(page, "<td class=\"{word}\">{value} <small>{word}</small></td>")
        }
    };
}

/// A number with three decimals, with four significant digits where those would not do; a dash for what is not finite.
fn number(value: f64) -> String {
    let text = match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        magnitude if magnitude == 0.0 || (1e-3..1e6).contains(&magnitude) => format!("{value:.3}"),
        _ => format!("{value:.3e}"),
    };
    text.replace('-', "−")
}

fn figure(page: &mut String, figure: &Figure) {
    // Inside of HTML the name space is implied; without it the page names no address at all.
    let svg = figure.svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    let _ = writeln!(
        page,
        "<figure id=\"{}\">\n<h3>{}</h3>\n<div class=\"wide paper\">\n{svg}</div>\n<figcaption>{}</figcaption>\n</figure>",
        escape(&figure.name),
        escape(&figure.title),
        escape(&figure.description)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_meaning() {
        let shown = [0.1234, -2.0, 0.0, 1.5e-7, 2.5e9, f64::NAN, f64::NEG_INFINITY].map(number);
        assert_eq!(shown, ["0.123", "−2.000", "0.000", "1.500e−7", "2.500e9", "–", "–"]);
    }
}
