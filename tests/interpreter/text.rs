//! Cuts PTX text into pieces: statements, labels and braces, each with its line.
//!
//! Braces mean three things in PTX (a body, a vector operand, an initialiser). A brace at the start of a statement or
//! after a function's header is a body; any other belongs to its statement.

/// One piece of a module.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The line on which the piece starts, from 1.
    pub line: usize,
    pub kind: Kind<'a>,
}

/// What a piece is.
#[derive(Debug, PartialEq)]
pub enum Kind<'a> {
    Open,
    Close,
    Label(&'a str),
    Statement(&'a str),
    /// The text before the body of an `.entry` or a `.func`.
    Header(&'a str),
}

/// Replaces comments by spaces, so that every line keeps its number.
pub fn without_comments(text: &str) -> Result<String, String> {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(slash) = rest.find('/') {
        let (before, comment) = rest.split_at(slash);
        clean.push_str(before);
        let length = if comment.starts_with("//") {
            comment.find('\n').unwrap_or(comment.len())
        } else if comment.starts_with("/*") {
            let line = clean.matches('\n').count() + 1;
            comment.find("*/").ok_or(format!("line {line}: this comment does not end"))? + 2
        } else {
            return Err(format!("line {}: a `/` outside a comment", clean.matches('\n').count() + 1));
        };
        clean.extend(comment[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &comment[length..];
    }
    clean.push_str(rest);
    Ok(clean)
}

/// Directives that end with their line, not with a semicolon.
const LINE_DIRECTIVES: [&str; 5] = [".version", ".target", ".address_size", ".loc", ".file"];

/// The pieces of a text without comments.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut start = 0;
    let mut start_line = 1;
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        let pending = text[start..at].trim();
        if pending.is_empty() {
            start_line = line;
        }
        let mut push = |kind, next| {
            found.push(Piece { line: start_line, kind });
            start = next;
        };
        match character {
            '\n' => {
                line += 1;
                let directive = pending.split_whitespace().next().unwrap_or("");
                if LINE_DIRECTIVES.contains(&directive) {
                    push(Kind::Statement(pending), at + 1);
                }
            }
            '{' if depth == 0 && pending.is_empty() => push(Kind::Open, at + 1),
            '{' if depth == 0 && is_header(pending) => {
                push(Kind::Header(pending), at + 1);
                found.push(Piece { line, kind: Kind::Open });
            }
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' if pending.is_empty() => push(Kind::Close, at + 1),
            '}' => return Err(format!("line {start_line}: `{pending}` has no semicolon")),
            ':' if depth == 0 && is_name(pending) => push(Kind::Label(pending), at + 1),
            ';' if depth == 0 => push(Kind::Statement(pending), at + 1),
            _ => {}
        }
    }
    let rest = text[start..].trim();
    match rest.is_empty() {
        true => Ok(found),
        false => Err(format!("line {start_line}: `{rest}` does not end")),
    }
}

fn is_header(text: &str) -> bool {
    text.starts_with('.') && text.split_whitespace().any(|word| word == ".entry" || word == ".func")
}

/// Whether the text is one identifier.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_$%".contains(c))
}

/// The parts of a list between commas, where braces, brackets and parentheses hold together.
pub fn list(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() || !parts.is_empty() {
        parts.push(last);
    }
    parts
}

/// The text between an opening and a closing mark around the whole.
pub fn between(text: &str, open: char, close: char) -> Option<&str> {
    Some(text.trim().strip_prefix(open)?.strip_suffix(close)?.trim())
}
