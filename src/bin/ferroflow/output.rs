//! What is printed, and how a command fails.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use ferroflow::Error;

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that does not exist or fit together: status 2.
    Usage(String),
    /// Everything else: status 1.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Error(error)
    }
}

/// The result of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

/// A failure of usage.
pub fn usage(message: impl Into<String>) -> Failure {
    Failure::Usage(message.into())
}

/// Prints an error.
pub fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

/// Prints a warning.
pub fn warn(message: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {message}");
}

/// Standard output, for people or as one JSON object per line. When its reader has gone away (`| head`), the command goes
/// on silently: its files matter more than its words.
#[derive(Debug, Clone, Copy, Default)]
pub struct Output {
    /// One JSON object per line instead of text.
    pub json: bool,
    closed: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Output { json, closed: false }
    }

    /// A line for people; nothing with JSON.
    pub fn line(&mut self, text: impl Display) {
        if !self.json {
            self.write(text);
        }
    }

    /// An object for programs; nothing for people.
    pub fn event(&mut self, event: serde_json::Value) {
        if self.json {
            self.write(event);
        }
    }

    fn write(&mut self, text: impl Display) {
        if self.closed {
            return;
        }
        let mut out = std::io::stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            self.closed = true;
            if error.kind() != ErrorKind::BrokenPipe {
                complain(&format!("standard output cannot be written ({error}); going on without it"));
            }
        }
    }
}

/// A number with a thin grouping of its digits: `12 345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A duration for people: `4.2 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..120 => format!("{whole} s"),
        120..7200 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A number of bytes for people.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
