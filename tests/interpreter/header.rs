//! The header of an entry or a device function.

use super::declaration::{Declaration, declarations};
use super::text::list;

/// The parts of a header.
pub struct Header<'a> {
    pub entry: bool,
    pub name: &'a str,
    pub outputs: Vec<Declaration<'a>>,
    pub inputs: Vec<Declaration<'a>>,
    pub directives: &'a str,
}

/// `.visible .entry name (inputs) directives` or `.func (outputs) name (inputs)`.
pub fn header(text: &str) -> Result<Header<'_>, String> {
    let (entry, rest) = match (text.split_once(".entry"), text.split_once(".func")) {
        (Some((_, rest)), _) => (true, rest),
        (None, Some((_, rest))) => (false, rest),
        (None, None) => return Err(format!("`{text}` is no header")),
    };
    let rest = rest.trim_start();
    let (outputs, rest) = if rest.starts_with('(') { formals(rest)? } else { (Vec::new(), rest) };
    let end = rest.find(|c: char| c == '(' || c.is_whitespace()).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let rest = rest.trim_start();
    let (inputs, directives) = if rest.starts_with('(') { formals(rest)? } else { (Vec::new(), rest) };
    if !entry && inputs.iter().chain(&outputs).any(|formal| formal.array) {
        return Err(format!("the function `{name}` has an array among its formal parameters, which is not supported"));
    }
    Ok(Header { entry, name, outputs, inputs, directives })
}

/// The declarations in parentheses, and the text behind.
fn formals(text: &str) -> Result<(Vec<Declaration<'_>>, &str), String> {
    let end = text.find(')').ok_or("a list of parameters does not end")?;
    let mut found = Vec::new();
    for formal in list(text[1..end].trim()) {
        found.extend(declarations(formal)?);
    }
    Ok((found, text[end + 1..].trim_start()))
}

/// The numbers behind a directive such as `.maxntid 256, 1, 1`.
pub fn limits(directives: &str, word: &str) -> Result<Option<[u32; 3]>, String> {
    let Some((_, rest)) = directives.split_once(word) else {
        return Ok(None);
    };
    let numbers = rest.split('.').next().unwrap_or("");
    let mut limits = [1; 3];
    for (limit, number) in limits.iter_mut().zip(list(numbers)) {
        *limit = number.parse().map_err(|_| format!("`{number}` behind `{word}` is not a number"))?;
    }
    Ok(Some(limits))
}
