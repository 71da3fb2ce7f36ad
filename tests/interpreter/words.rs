//! The words of an opcode: `ld.global.v4.f32` is a name with three modifiers.

use super::types::Type;
use std::cell::Cell;

/// An opcode of which every modifier must be understood by someone.
pub struct Words<'a> {
    pub name: &'a str,
    /// The modifiers, each with whether it was understood.
    modifiers: Vec<(&'a str, Cell<bool>)>,
}

impl<'a> Words<'a> {
    pub fn new(opcode: &'a str) -> Words<'a> {
        let mut parts = opcode.split('.');
        let name = parts.next().unwrap_or("");
        // `::` joins words of one modifier, as in `shared::cta`, and holds no dot.
        Words { name, modifiers: parts.map(|part| (part, Cell::new(false))).collect() }
    }

    /// Whether the modifier is there; it counts as understood then.
    pub fn take(&self, modifier: &str) -> bool {
        let found = self.modifiers.iter().find(|(word, _)| *word == modifier);
        found.inspect(|(_, understood)| understood.set(true)).is_some()
    }

    /// The first of these choices that is there.
    pub fn choose<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        choices.iter().find(|(word, _)| self.take(word)).map(|(_, choice)| *choice)
    }

    /// Marks modifiers that change nothing here.
    pub fn ignore(&self, modifiers: &[&str]) {
        for modifier in modifiers {
            self.take(modifier);
        }
    }

    /// All types among the modifiers, in order.
    pub fn types(&self) -> Vec<Type> {
        let mut types = Vec::new();
        for (word, understood) in &self.modifiers {
            if let Some(kind) = Type::named(word) {
                understood.set(true);
                types.push(kind);
            }
        }
        types
    }

    /// The one type of an instruction.
    pub fn kind(&self) -> Result<Type, String> {
        match self.types()[..] {
            [kind] => Ok(kind),
            [] => Err(format!("`{}` needs a type", self.name)),
            _ => Err(format!("`{}` has one type, not several", self.name)),
        }
    }

    /// An error if a modifier was not understood.
    pub fn finish(&self) -> Result<(), String> {
        match self.modifiers.iter().find(|(_, understood)| !understood.get()) {
            Some((word, _)) => {
                Err(format!("the interpreter knows no `.{word}` for `{}`; add it to {}", self.name, self.home()))
            }
            None => Ok(()),
        }
    }

    /// The file that knows or should know this instruction.
    fn home(&self) -> &'static str {
        match self.name {
            "ld" | "st" | "atom" | "red" | "cp" | "ldu" => "decode_memory.rs",
            "bar" | "barrier" | "shfl" | "vote" | "match" | "mma" | "ldmatrix" | "call" | "bra" => "decode_control.rs",
            "cvt" => "convert.rs",
            "setp" | "set" | "selp" | "slct" | "testp" => "compare.rs",
            _ => "integer.rs or float.rs",
        }
    }
}
