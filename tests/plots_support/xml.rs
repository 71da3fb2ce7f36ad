//! Whether a text is well-formed XML, of the kind that the pictures use: elements, attributes, text, the five entities.

/// Says what is wrong first.
pub fn check_well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut roots = 0;
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("a tag that does not end")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let expected = open.pop().ok_or_else(|| format!("</{name}> without a start"))?;
            if name != expected {
                return Err(format!("</{name}> where </{expected}> was expected"));
            }
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        check_attributes(attributes)?;
        if open.is_empty() {
            roots += 1;
        }
        if !closed {
            open.push(name);
        }
    }
    check_text(rest)?;
    match (open.is_empty(), roots) {
        (true, 1) => Ok(()),
        (true, _) => Err(format!("{roots} roots")),
        (false, _) => Err(format!("{open:?} are not closed")),
    }
}

fn check_attributes(mut rest: &str) -> Result<(), String> {
    let mut names: Vec<&str> = Vec::new();
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once("=\"").ok_or_else(|| format!("no value in: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or_else(|| format!("a value that does not end: {after}"))?;
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || names.contains(&name) {
            return Err(format!("the attribute '{name}'"));
        }
        check_text(value)?;
        names.push(name);
        rest = after;
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), String> {
    if let Some(letter) = text.chars().find(|letter| letter.is_control() && !"\n\t".contains(*letter)) {
        return Err(format!("the control character {letter:?}"));
    }
    for piece in text.split('&').skip(1) {
        let entity = piece.split_once(';').map_or("", |(entity, _)| entity);
        if !["lt", "gt", "amp", "quot", "apos", "#39"].contains(&entity) {
            return Err(format!("a bare & in: {text}"));
        }
    }
    Ok(())
}
