//! Decodes what computes within a lane.

use super::compare;
use super::convert;
use super::decode::Decoder;
use super::float;
use super::instruction::{Carry, Combination, Formula, Operation, Register};
use super::integer;
use super::text::{between, list};
use super::types::{Bank, Type};
use super::words::Words;

impl Decoder<'_> {
    pub(super) fn arithmetic(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        words.ignore(if words.name == "cvta" { &["to", "global", "shared", "const"] } else { &[] });
        let name = words.name;
        let unknown = || {
            format!(
                "`{name}` is not an instruction that the interpreter knows in this form; add it to integer.rs or float.rs"
            )
        };
        let types = words.types();
        let [kind] = types[..] else { return Err(unknown()) };
        let formula = integer::select(words, kind).or_else(|| float::select(words, kind)).ok_or_else(unknown)?;
        self.apply(formula, kind, kind, arguments)
    }

    /// Adds a computation with these operands.
    fn apply(&mut self, formula: Formula, to: Type, from: Type, arguments: &[&str]) -> Result<(), String> {
        let (to, sources) = match formula {
            Formula::Narrow(count, _) => (if to.bank() == Bank::Narrow { to } else { Type::B32 }, vec![from; count]),
            Formula::Wide(count, _) => (to, vec![from; count]),
            Formula::Shift(_) => (to, vec![from, Type::U32]),
            Formula::Widen(count, _) => {
                let mut sources = vec![from; count];
                if let Some(summand) = sources.get_mut(2) {
                    *summand = Type::B64;
                }
                (Type::B64, sources)
            }
            Formula::Shrink(_) => (if to.bank() == Bank::Narrow { to } else { Type::B32 }, vec![from]),
        };
        if arguments.len() != sources.len() + 1 {
            return Err(format!("this instruction has {} operands, not {}", sources.len() + 1, arguments.len()));
        }
        let mut from = Vec::new();
        for (argument, kind) in arguments[1..].iter().zip(&sources) {
            from.push(self.source(argument, *kind)?);
        }
        let to = self.target(arguments[0], to)?;
        self.compute(formula, to, &from);
        Ok(())
    }

    pub(super) fn convert(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let [to, from] = words.types()[..] else { return Err("`cvt` has two types".to_owned()) };
        let formula = convert::select(words, to, from).ok_or(
            "the interpreter does not know this conversion (or its rounding is missing); add it to convert.rs",
        )?;
        self.apply(formula, to, from, arguments)
    }

    /// `mov` between a register and a list of halves.
    pub(super) fn pack(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        use super::formula::{Lane, U16, U32, U64, narrow, shrink, widen};
        let kind = words.kind()?;
        let [to, from] = arguments else { return Err("`mov` has two operands".to_owned()) };
        let half = match kind.bytes() {
            8 => Type::B32,
            4 => Type::B16,
            _ => return Err("only 32 and 64 bits are packed".to_owned()),
        };
        if let Some(parts) = between(from, '{', '}') {
            let [low, high] = list(parts)[..] else { return Err("only pairs are packed".to_owned()) };
            let from = [self.source(low, half)?, self.source(high, half)?];
            let to = self.target(to, kind)?;
            let formula = match kind.bytes() {
                8 => widen!(U32 => U64, |a, b| u64::from(b) << 32 | u64::from(a)),
                _ => narrow!(U16 => U32, |a, b| u32::from(b) << 16 | u32::from(a)),
            };
            self.compute(formula, to, &from);
            return Ok(());
        }
        let parts = between(to, '{', '}').ok_or("the list of halves has no end")?;
        let [low, high] = list(parts)[..] else { return Err("only pairs are unpacked".to_owned()) };
        let from = self.source(from, kind)?;
        let formulas = match kind.bytes() {
            8 => [shrink!(U64 => U32, |a| a as u32), shrink!(U64 => U32, |a| (a >> 32) as u32)],
            _ => [narrow!(U32 => U32, |a| a & 0xffff), narrow!(U32 => U32, |a| a >> 16)],
        };
        for (part, formula) in [low, high].iter().zip(formulas) {
            let to = self.target(part, half)?;
            self.compute(formula, to, &[from]);
            self.counted = false;
        }
        self.counted = true;
        Ok(())
    }

    pub(super) fn logic(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let function: fn(u32, u32) -> u32 = match words.name {
            "mov" => |a, _| a,
            "and" => |a, b| a & b,
            "or" => |a, b| a | b,
            "xor" => |a, b| a ^ b,
            _ => |a, _| !a,
        };
        let (to, from) = arguments.split_first().ok_or("operands are missing")?;
        let expected = if ["mov", "not"].contains(&words.name) { 1 } else { 2 };
        if from.len() != expected {
            return Err(format!("`{}.pred` has {} operands", words.name, expected + 1));
        }
        let first = self.source(from[0], Type::Predicate)?;
        let second = self.source(from[expected - 1], Type::Predicate)?;
        let to = self.target(to, Type::Predicate)?;
        let operation = Operation::Logic { function, to: to.index, from: [first.index, second.index] };
        self.emit(operation, &[first, second], &[to]);
        Ok(())
    }

    /// `setp` with one or two results, or `set`, which writes a number.
    pub(super) fn set(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let types = words.types();
        let kind = *types.last().ok_or("the type is missing")?;
        let test = compare::comparison(words, kind).ok_or("the comparison is missing or unknown")?;
        let function: Option<fn(u32, u32) -> u32> = words.choose(&[
            ("and", (|a, b| a & b) as fn(u32, u32) -> u32),
            ("or", |a, b| a | b),
            ("xor", |a, b| a ^ b),
        ]);
        if arguments.len() != 3 + usize::from(function.is_some()) {
            return Err(format!("`{}` has {} operands here", words.name, 3 + usize::from(function.is_some())));
        }
        let from = [self.source(arguments[1], kind)?, self.source(arguments[2], kind)?];
        let mut reads = from.to_vec();
        let combine = match function {
            Some(function) => {
                let (with, flip) = self.predicate(arguments[3])?;
                reads.push(with);
                Some(Combination { function, with: with.index, flip })
            }
            None => None,
        };
        let (to, complement) = if words.name == "setp" {
            match arguments[0].split_once('|') {
                Some((to, complement)) => {
                    (self.target(to.trim(), Type::Predicate)?, self.target(complement.trim(), Type::Predicate)?)
                }
                None => (self.target(arguments[0], Type::Predicate)?, self.program.registers.allocate(Bank::Predicate)),
            }
        } else {
            let registers = &mut self.program.registers;
            (registers.allocate(Bank::Predicate), registers.allocate(Bank::Predicate))
        };
        let from = [from[0].index, from[1].index];
        let operation = Operation::Compare { test, from, to: to.index, complement: complement.index, combine };
        self.emit(operation, &reads, &[to, complement]);
        if words.name == "set" {
            let [result, _] = types[..] else { return Err("`set` has two types".to_owned()) };
            let yes = if result == Type::F32 { "0f3F800000" } else { "-1" };
            let choices = [self.source(yes, result)?, self.source("0", result)?];
            let number = self.target(arguments[0], result)?;
            self.counted = false;
            self.choose(number, choices, to);
            self.counted = true;
        }
        Ok(())
    }

    pub(super) fn class(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let kind = words.kind()?;
        let test = compare::class(words).filter(|_| kind == Type::F32).ok_or("`testp` knows f32 and six classes")?;
        let [to, from] = arguments else { return Err("`testp` has two operands".to_owned()) };
        let (from, to) = (self.source(from, kind)?, self.target(to, Type::Predicate)?);
        let complement = self.program.registers.allocate(Bank::Predicate);
        let places = [from.index; 2];
        let operation =
            Operation::Compare { test, from: places, to: to.index, complement: complement.index, combine: None };
        self.emit(operation, &[from], &[to, complement]);
        Ok(())
    }

    pub(super) fn select(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let kind = words.kind()?;
        let [to, first, second, by] = arguments else { return Err("`selp` has four operands".to_owned()) };
        let choices = [self.source(first, kind)?, self.source(second, kind)?];
        let (by, to) = (self.source(by, Type::Predicate)?, self.target(to, kind)?);
        self.choose(to, choices, by);
        Ok(())
    }

    fn choose(&mut self, to: Register, choices: [Register; 2], by: Register) {
        let from = [choices[0].index, choices[1].index];
        let operation = Operation::Select { bank: to.bank, to: to.index, from, by: by.index };
        self.emit(operation, &[choices[0], choices[1], by], &[to]);
    }

    pub(super) fn select_by_sign(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let types = words.types();
        words.ignore(&["ftz"]);
        let [kind, by] = types[..] else { return Err("`slct` has two types".to_owned()) };
        let test = compare::at_least_zero(by).ok_or("`slct` selects by s32 or f32")?;
        let [to, first, second, sign] = arguments else { return Err("`slct` has four operands".to_owned()) };
        let choices = [self.source(first, kind)?, self.source(second, kind)?];
        let (sign, zero) = (self.source(sign, by)?, self.source("0", Type::B32)?);
        let to = self.target(to, kind)?;
        let registers = &mut self.program.registers;
        let (yes, no) = (registers.allocate(Bank::Predicate), registers.allocate(Bank::Predicate));
        let from = [sign.index, zero.index];
        let operation = Operation::Compare { test, from, to: yes.index, complement: no.index, combine: None };
        self.emit(operation, &[sign], &[yes, no]);
        self.counted = false;
        self.choose(to, choices, yes);
        self.counted = true;
        Ok(())
    }

    /// `lop3` and `bfi`, whose fourth operand is a part of the computation that no other instruction has.
    pub(super) fn of_four(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let kind = words.kind()?;
        if kind != Type::B32 || arguments.len() != 5 {
            return Err(format!("`{}` has five operands of 32 bits here", words.name));
        }
        let mut from = Vec::new();
        for argument in &arguments[1..] {
            from.push(self.source(argument, kind)?);
        }
        let to = self.target(arguments[0], kind)?;
        let function = if words.name == "bfi" { integer::insert } else { integer::logic3 };
        let places = [from[0].index, from[1].index, from[2].index, from[3].index];
        self.emit(Operation::OfFour { function, to: to.index, from: places }, &from, &[to]);
        Ok(())
    }

    pub(super) fn carry_out(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        self.with_carry(words, arguments, false, true)
    }

    pub(super) fn carry(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let writes = words.take("cc");
        self.with_carry(words, arguments, true, writes)
    }

    fn with_carry(&mut self, words: &Words, arguments: &[&str], reads: bool, writes: bool) -> Result<(), String> {
        let kind = words.kind()?;
        if kind.bank() != Bank::Narrow {
            return Err("carries are known between 32-bit words only".to_owned());
        }
        let mut from = Vec::new();
        for argument in &arguments[1.min(arguments.len())..] {
            from.push(self.source(argument, kind)?);
        }
        let product = match (words.name, words.take("hi") || !words.take("lo")) {
            ("mad" | "madc", high) => Some(integer::half_product(high, kind.signed())),
            _ => None,
        };
        if from.len() != 2 + usize::from(product.is_some()) {
            return Err(format!("`{}` has the wrong number of operands", words.name));
        }
        let to = self.target(arguments[0], kind)?;
        let carry = Carry {
            subtract: words.name.starts_with("sub"),
            reads_flag: reads,
            writes_flag: writes,
            product: product.map(|function| (from[0], from[1], function)),
        };
        let summands = [from[from.len() - 2].index, from[from.len() - 1].index];
        self.emit(Operation::Carry { carry, to: to.index, from: summands }, &from, &[to]);
        Ok(())
    }
}
