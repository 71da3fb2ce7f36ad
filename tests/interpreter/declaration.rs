//! Declarations of variables: registers, arrays and formal parameters.

use super::text::{between, list};
use super::types::Type;

/// `.align 16 .b8 name[64] = {…}`, or a register, or a parameter.
#[derive(Debug, PartialEq)]
pub struct Declaration<'a> {
    pub space: &'a str,
    pub align: usize,
    pub kind: Type,
    pub name: &'a str,
    /// The number of elements; `None` for `name[]`.
    pub count: Option<usize>,
    pub array: bool,
    pub values: Vec<u64>,
}

impl Declaration<'_> {
    pub fn bytes(&self) -> usize {
        self.kind.bytes() * self.count.unwrap_or(0)
    }
}

/// All variables of a statement such as `.reg .f32 a, b<4>`; attributes of linkage are skipped.
pub fn declarations(text: &str) -> Result<Vec<Declaration<'_>>, String> {
    let (head, values) = match text.split_once('=') {
        Some((head, values)) => (head.trim(), Some(values.trim())),
        None => (text, None),
    };
    let mut rest = head;
    let (mut space, mut align, mut kind) = ("", None, None);
    while rest.starts_with('.') {
        let (word, after) = rest.split_once(char::is_whitespace).ok_or("this declaration has no name")?;
        rest = after.trim_start();
        match word {
            ".visible" | ".extern" | ".weak" | ".common" | ".ptr" => {}
            ".align" => {
                let (number, after) = rest.split_once(char::is_whitespace).ok_or("`.align` needs a number")?;
                align = Some(number.parse().map_err(|_| format!("`{number}` is not an alignment"))?);
                rest = after.trim_start();
            }
            ".reg" | ".param" | ".shared" | ".const" | ".global" | ".local" => {
                if space.is_empty() {
                    space = &word[1..]
                }
            }
            _ => kind = Some(Type::named(&word[1..]).ok_or(format!("`{word}` is not a type"))?),
        }
    }
    let kind = kind.ok_or("this declaration has no type")?;
    let align = align.unwrap_or(kind.bytes());
    if !usize::is_power_of_two(align) {
        return Err(format!("{align} is not an alignment"));
    }
    let mut found = Vec::new();
    for variable in list(rest) {
        let (name, count, array) = sized(variable)?;
        let mut declaration = Declaration { space, align, kind, name, count, array, values: Vec::new() };
        if let Some(values) = values {
            declaration.values = match between(values, '{', '}') {
                Some(inner) => list(inner).into_iter().map(|value| kind.literal(value)).collect::<Result<_, _>>()?,
                None => vec![kind.literal(values)?],
            };
            let given = declaration.values.len();
            let room = *declaration.count.get_or_insert(given);
            if given > room {
                return Err(format!("`{name}` has {room} elements and {given} values"));
            }
        }
        found.push(declaration);
    }
    Ok(found)
}

/// The name, the number of elements and whether brackets stand there: `name`, `name[8]`, `name[]`.
fn sized(variable: &str) -> Result<(&str, Option<usize>, bool), String> {
    let Some((name, size)) = variable.split_once('[') else {
        return Ok((variable.trim(), Some(1), false));
    };
    let size = size.strip_suffix(']').ok_or(format!("`{variable}` has no closing bracket"))?.trim();
    if size.is_empty() {
        return Ok((name.trim(), None, true));
    }
    // Several dimensions are one long array.
    let mut count = 1usize;
    for dimension in size.split("][") {
        let number = Type::U64.literal(dimension.trim())? as usize;
        count = count.checked_mul(number).filter(|count| *count < 1 << 32).ok_or("this array is too large")?;
    }
    Ok((name.trim(), Some(count), true))
}

/// The names of a register declaration: `%f<3>` is `%f0`, `%f1` and `%f2`.
pub fn register_names(name: &str) -> Result<Vec<String>, String> {
    let Some((stem, count)) = name.split_once('<') else {
        return Ok(vec![name.to_owned()]);
    };
    let count: usize = count
        .strip_suffix('>')
        .and_then(|count| count.trim().parse().ok())
        .filter(|count| *count <= 100_000)
        .ok_or(format!("`{name}` has no count between the angle brackets"))?;
    Ok((0..count).map(|number| format!("{stem}{number}")).collect())
}
