//! Decodes loads, stores, atomics and asynchronous copies.

use super::decode::Decoder;
use super::formula::{Lane, U32, U64, narrow, wide};
use super::instruction::{Access, Atomic, Formula, Operation, Register, Space, Update};
use super::registers::Registers;
use super::text::{between, list};
use super::types::{Bank, Type};
use super::words::Words;

const SPACES: [(&str, Option<Space>); 6] = [
    ("global", Some(Space::Global)),
    ("shared", Some(Space::Shared)),
    ("shared::cta", Some(Space::Shared)),
    ("const", Some(Space::Constant)),
    ("param", Some(Space::Parameter)),
    ("local", None),
];

impl<'a> Decoder<'a> {
    pub(super) fn memory(&mut self, words: &Words, arguments: &[&'a str]) -> Result<(), String> {
        match words.name {
            "ld" | "ldu" | "st" => self.access(words, arguments),
            "atom" | "red" => self.atomic(words, arguments),
            "cp" => self.copy(words, arguments),
            "ldmatrix" => self.load_matrix(words, arguments),
            // A prefetch changes no value.
            _ => {
                words.ignore(&["global", "L1", "L2"]);
                Ok(())
            }
        }
    }

    fn access(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        words.ignore(&["nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "weak", "volatile", "relaxed", "gpu", "cta"]);
        words.ignore(&["L1::no_allocate", "L1::evict_last", "L1::evict_first", "L2::64B", "L2::128B", "L2::256B"]);
        let store = words.name == "st";
        let space = space(words)?;
        let count = words.choose(&[("v2", 2), ("v4", 4)]).unwrap_or(1);
        let element = words.kind()?;
        let [first, second] = arguments else { return Err(format!("`{}` has two operands", words.name)) };
        let (value, place) = if store { (second, first) } else { (first, second) };
        if space == Space::Parameter && self.formal(value, place, element, store)? {
            return Ok(());
        }
        if store && matches!(space, Space::Constant | Space::Parameter) {
            return Err(format!("nothing can be stored in .{} memory", space.name()));
        }
        if element.bytes() * count > 16 || element.bank() == Bank::Predicate {
            return Err("an access has at most 16 bytes and is not of predicates".to_owned());
        }
        let address = self.names.address(place, space, &mut self.program.registers)?;
        let names = match between(value, '{', '}') {
            Some(inner) => list(inner),
            None => vec![*value],
        };
        if names.len() != count {
            return Err(format!("this access has {count} values, not {}", names.len()));
        }
        let mut registers = [Registers::always(); 4];
        for (register, name) in registers.iter_mut().zip(&names) {
            *register = if store { self.source(name, element)? } else { self.target(name, element)? };
        }
        let access = Box::new(Access { space, address, element, count, registers });
        let values = &registers[..count];
        let reads = if store { [&[address.base], values].concat() } else { vec![address.base] };
        self.emit(Operation::Access(access, store), &reads, if store { &[] } else { values });
        Ok(())
    }

    /// `ld.param` and `st.param` of a device function's formal parameters are moves between registers.
    fn formal(&mut self, value: &str, place: &str, element: Type, store: bool) -> Result<bool, String> {
        let inner = between(place, '[', ']').unwrap_or(place);
        let name =
            inner.split_once('+').filter(|(_, offset)| offset.trim() == "0").map_or(inner, |(name, _)| name).trim();
        let Some((kind, register)) = self.names.variable(name, &mut self.program.registers) else {
            return Ok(false);
        };
        if kind.bytes() != element.bytes() {
            return Err(format!("the parameter `{name}` has another size"));
        }
        let (to, from) =
            if store { (register, self.source(value, element)?) } else { (self.target(value, element)?, register) };
        self.copy_register(to, from);
        Ok(true)
    }

    /// A move between registers of one bank.
    pub(super) fn copy_register(&mut self, to: Register, from: Register) {
        match to.bank {
            Bank::Narrow => self.compute(narrow!(U32 => U32, |a| a), to, &[from]),
            Bank::Wide => self.compute(wide!(U64 => U64, |a| a), to, &[from]),
            Bank::Predicate => {
                let operation = Operation::Logic { function: |a, _| a, to: to.index, from: [from.index; 2] };
                self.emit(operation, &[from], &[to]);
            }
        }
    }

    fn atomic(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        words.ignore(&["relaxed", "acquire", "release", "acq_rel", "gpu", "cta", "sys"]);
        let space = space(words)?;
        let update = words
            .choose(&[
                ("add", Update::Add),
                ("min", Update::Min),
                ("max", Update::Max),
                ("and", Update::And),
                ("or", Update::Or),
                ("xor", Update::Xor),
                ("exch", Update::Exchange),
                ("cas", Update::CompareAndSwap),
            ])
            .ok_or(format!("the interpreter does not know this `{}`; add it to atomic.rs", words.name))?;
        let element = words.kind()?;
        let fits = match element {
            Type::F32 | Type::F64 => update == Update::Add,
            _ => element.bytes() >= 4,
        };
        if !fits || !matches!(space, Space::Global | Space::Shared) {
            return Err("there is no such atomic instruction".to_owned());
        }
        let (result, rest) = match (words.name, arguments.split_first()) {
            ("atom", Some((result, rest))) => (Some(self.target(result, element)?), rest),
            _ => (None, arguments),
        };
        let expected = 2 + usize::from(update == Update::CompareAndSwap);
        if rest.len() != expected {
            return Err(format!("`{}` has the wrong number of operands", words.name));
        }
        let address = self.names.address(rest[0], space, &mut self.program.registers)?;
        let operand = self.source(rest[1], element)?;
        let swap = self.source(rest[expected - 1], element)?;
        let writes: Vec<Register> = result.into_iter().collect();
        let atomic = Box::new(Atomic { space, address, element, update, result, operand, swap });
        self.emit(Operation::Atomic(atomic), &[address.base, operand, swap], &writes);
        Ok(())
    }

    fn copy(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        if !words.take("async") {
            return Err("of `cp` only `cp.async` is known".to_owned());
        }
        if words.take("commit_group") {
            self.emit(Operation::CommitCopies, &[], &[]);
            return Ok(());
        }
        if words.take("wait_all") {
            self.emit(Operation::CommitCopies, &[], &[]);
            self.counted = false;
            self.emit(Operation::WaitCopies(0), &[], &[]);
            self.counted = true;
            return Ok(());
        }
        if words.take("wait_group") {
            let pending = match arguments {
                [number] => Type::U32.literal(number)?,
                _ => return Err("`cp.async.wait_group` has one number".to_owned()),
            };
            self.emit(Operation::WaitCopies(pending as usize), &[], &[]);
            return Ok(());
        }
        words.ignore(&["L2::64B", "L2::128B", "L2::256B"]);
        let whole_lines = words.take("cg") & !words.take("ca");
        if !(words.take("shared") || words.take("shared::cta")) || !words.take("global") {
            return Err("`cp.async` copies from global to shared memory".to_owned());
        }
        let (to, from, size) = match arguments {
            [to, from, size] | [to, from, size, _] => (to, from, size),
            _ => return Err("`cp.async` has three or four operands".to_owned()),
        };
        let bytes = Type::U32.literal(size)? as usize;
        if ![4, 8, 16].contains(&bytes) || whole_lines && bytes != 16 {
            return Err("`cp.async.ca` copies 4, 8 or 16 bytes, and `cp.async.cg` copies 16".to_owned());
        }
        let registers = &mut self.program.registers;
        let to = self.names.address(to, Space::Shared, registers)?;
        let from = self.names.address(from, Space::Global, registers)?;
        let given = match arguments.get(3) {
            Some(given) => Some(self.source(given, Type::U32)?),
            None => None,
        };
        let reads: Vec<Register> = [to.base, from.base].into_iter().chain(given).collect();
        self.emit(Operation::CopyAsync { to, from, bytes, given }, &reads, &[]);
        Ok(())
    }

    fn load_matrix(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let form = [words.take("sync"), words.take("aligned"), words.take("m8n8"), words.take("shared")];
        let count = words.choose(&[("x1", 1), ("x2", 2), ("x4", 4)]).ok_or("`ldmatrix` loads x1, x2 or x4")?;
        let transposed = words.take("trans");
        let kind = words.kind()?;
        let [to, place] = arguments else { return Err("`ldmatrix` has two operands".to_owned()) };
        if form.contains(&false) || kind != Type::B16 {
            return Err("`ldmatrix` is known as `.sync.aligned.m8n8.x….shared.b16`".to_owned());
        }
        let names = between(to, '{', '}').map_or(vec![*to], list);
        if names.len() != count {
            return Err(format!("this `ldmatrix` has {count} results"));
        }
        let mut targets = Vec::new();
        for name in names {
            targets.push(self.target(name, Type::B32)?);
        }
        let address = self.names.address(place, Space::Shared, &mut self.program.registers)?;
        let operation = Operation::LoadMatrix { address, to: targets.clone().into(), transposed };
        self.emit(operation, &[address.base], &targets);
        Ok(())
    }
}

/// The memory that an instruction names.
fn space(words: &Words) -> Result<Space, String> {
    match words.choose(&SPACES) {
        Some(Some(space)) => Ok(space),
        Some(None) => Err("the interpreter refuses local memory: a kernel should not need a stack".to_owned()),
        None => Err(format!("`{}` must name its memory; the interpreter has no generic addresses", words.name)),
    }
}
