//! What the names in a body mean: registers, arrays and parameters, in nested scopes.

use super::instruction::{Address, Register, Space};
use super::registers::{Registers, Special};
use super::text::{between, is_name};
use super::types::{Bank, Type};
use std::collections::HashMap;

/// A declared name.
#[derive(Clone, Debug)]
pub enum Name {
    /// A register, which exists once an instruction uses it: `.reg .b32 %r<100>` costs nothing by itself.
    Variable(Type, Option<Register>),
    /// An array at this byte of shared or constant memory.
    Array(Space, i64),
    /// The array of the dynamic shared memory.
    Dynamic,
    /// A global array of the module, by number.
    Global(usize),
    /// A parameter of an entry, by its byte in the block of parameters.
    Parameter(i64),
}

/// The scopes that are open at a place, each with a number of its own.
pub struct Names {
    scopes: Vec<(usize, HashMap<String, Name>)>,
    opened: usize,
}

impl Names {
    /// Names of the whole module, and an empty scope for a function.
    pub fn new(module: HashMap<String, Name>) -> Names {
        Names { scopes: vec![(0, module), (1, HashMap::new())], opened: 1 }
    }

    pub fn open(&mut self) {
        self.opened += 1;
        self.scopes.push((self.opened, HashMap::new()));
    }

    /// Closes the innermost scope; false if it is the function's own.
    pub fn close(&mut self) -> bool {
        self.scopes.len() > 2 && self.scopes.pop().is_some()
    }

    /// The numbers of the open scopes, innermost first.
    pub fn open_scopes(&self) -> Vec<usize> {
        self.scopes.iter().rev().map(|(number, _)| *number).collect()
    }

    pub fn declare(&mut self, name: &str, meaning: Name) -> Result<(), String> {
        if !is_name(name) {
            return Err(format!("`{name}` cannot be a name"));
        }
        match self.scopes.last_mut() {
            Some((_, scope)) if !scope.contains_key(name) => {
                scope.insert(name.to_owned(), meaning);
                Ok(())
            }
            _ => Err(format!("`{name}` is declared twice in one scope")),
        }
    }

    fn meaning(&mut self, name: &str) -> Option<&mut Name> {
        self.scopes.iter_mut().rev().find_map(|(_, scope)| scope.get_mut(name))
    }

    /// A declared register and its type.
    pub fn variable(&mut self, name: &str, registers: &mut Registers) -> Option<(Type, Register)> {
        match self.meaning(name)? {
            Name::Variable(kind, register) => {
                Some((*kind, *register.get_or_insert_with(|| registers.declare(kind.bank(), name))))
            }
            _ => None,
        }
    }

    /// The register that an instruction of this type reads.
    pub fn source(&mut self, text: &str, kind: Type, registers: &mut Registers) -> Result<Register, String> {
        if let Some((declared, register)) = self.variable(text, registers) {
            return fits(text, declared, kind).map(|()| register);
        }
        if let Some(special) = special(text) {
            return match kind.bank() {
                Bank::Narrow => Ok(registers.special(Bank::Narrow, special)),
                _ => Err(format!("`{text}` has 32 bits")),
            };
        }
        let (base, offset) = split(text)?;
        let value = match self.meaning(base) {
            Some(Name::Array(_, start)) => Special::Constant(*start as u64).shifted(offset),
            Some(Name::Dynamic) => Special::DynamicShared(offset),
            Some(Name::Global(number)) => Special::GlobalArray(*number, offset),
            Some(Name::Parameter(_)) => return Err(format!("the parameter `{base}` needs `ld.param`")),
            _ => Special::Constant(kind.literal(text)?),
        };
        Ok(registers.special(kind.bank(), value))
    }

    /// The register that an instruction of this type writes.
    pub fn target(&mut self, text: &str, kind: Type, registers: &mut Registers) -> Result<Register, String> {
        if text == "_" {
            return Ok(registers.allocate(kind.bank()));
        }
        match self.variable(text, registers) {
            Some((declared, register)) => fits(text, declared, kind).map(|()| register),
            None => Err(format!("`{text}` is not a declared register")),
        }
    }

    /// The address in `[base + offset]`.
    pub fn address(&mut self, text: &str, space: Space, registers: &mut Registers) -> Result<Address, String> {
        let inner = between(text, '[', ']').ok_or(format!("`{text}` is not an address in brackets"))?;
        let (base, offset) = split(inner)?;
        if let Some((kind, base_register)) = self.variable(base, registers) {
            return match kind.bytes() {
                8 => Ok(Address { base: base_register, offset }),
                4 if space != Space::Global && kind != Type::F32 => Ok(Address { base: base_register, offset }),
                _ => Err(format!("`{base}` has not the size of a .{} address", space.name())),
            };
        }
        let zero = registers.special(Bank::Narrow, Special::Constant(0));
        match self.meaning(base) {
            Some(Name::Array(home, start)) if *home == space => Ok(Address { base: zero, offset: *start + offset }),
            Some(Name::Dynamic) if space == Space::Shared => {
                Ok(Address { base: registers.special(Bank::Narrow, Special::DynamicShared(0)), offset })
            }
            Some(Name::Global(number)) if space == Space::Global => {
                Ok(Address { base: registers.special(Bank::Wide, Special::GlobalArray(*number, 0)), offset })
            }
            Some(Name::Parameter(start)) if space == Space::Parameter => {
                Ok(Address { base: zero, offset: *start + offset })
            }
            Some(_) => Err(format!("`{base}` is not in the .{} memory", space.name())),
            None => {
                let start = Type::U64.literal(base)?;
                Ok(Address { base: registers.special(Bank::Wide, Special::Constant(start)), offset })
            }
        }
    }
}

impl Special {
    fn shifted(self, by: i64) -> Special {
        match self {
            Special::Constant(start) => Special::Constant(start.wrapping_add_signed(by)),
            other => other,
        }
    }
}

/// Whether a register of this declaration may stand in an instruction of this type.
fn fits(text: &str, declared: Type, kind: Type) -> Result<(), String> {
    match declared.bank() == kind.bank() && (declared.bytes() >= kind.bytes()) {
        true => Ok(()),
        false => Err(format!("the register `{text}` has not the size of the instruction's type")),
    }
}

/// `base + offset`, `base - offset` or only `base`.
fn split(text: &str) -> Result<(&str, i64), String> {
    let Some(at) = text.get(1..).and_then(|rest| rest.find(['+', '-'])).map(|at| at + 1) else {
        return Ok((text, 0));
    };
    let (base, rest) = text.split_at(at);
    if base.contains('.') && !base.starts_with('%') {
        // A decimal number with an exponent.
        return Ok((text, 0));
    }
    let size = Type::S64.literal(rest[1..].trim())? as i64;
    Ok((base.trim(), if rest.starts_with('-') { size.wrapping_neg() } else { size }))
}

/// The special register of this name.
fn special(text: &str) -> Option<Special> {
    let axis = |letter: &str| ["x", "y", "z"].iter().position(|axis| *axis == letter);
    Some(match text.split_once('.') {
        Some(("%tid", letter)) => Special::Thread(axis(letter)?),
        Some(("%ntid", letter)) => Special::Threads(axis(letter)?),
        Some(("%ctaid", letter)) => Special::Block(axis(letter)?),
        Some(("%nctaid", letter)) => Special::Blocks(axis(letter)?),
        Some(_) => return None,
        None => match text {
            "%laneid" => Special::Lane,
            "%warpid" => Special::Warp,
            "WARP_SZ" => Special::Constant(32),
            "%lanemask_eq" => Special::LaneMask { before: false, own: true, after: false },
            "%lanemask_lt" => Special::LaneMask { before: true, own: false, after: false },
            "%lanemask_le" => Special::LaneMask { before: true, own: true, after: false },
            "%lanemask_gt" => Special::LaneMask { before: false, own: false, after: true },
            "%lanemask_ge" => Special::LaneMask { before: false, own: true, after: true },
            _ => return None,
        },
    })
}
