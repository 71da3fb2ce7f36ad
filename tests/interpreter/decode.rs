//! Decodes the body of a function into instructions.

use super::declaration::{declarations, register_names};
use super::instruction::{Formula, Instruction, Operation, Register};
use super::names::{Name, Names};
use super::parse::{Function, Program, place_shared};
use super::registers::Registers;
use super::text::{Kind, Piece, list};
use super::types::Type;
use super::words::Words;
use std::collections::HashMap;
use std::sync::Arc;

/// A branch whose label is not placed yet.
struct Jump<'a> {
    at: usize,
    label: &'a str,
    scopes: Vec<usize>,
    line: usize,
}

/// What is known in the middle of a body.
pub struct Decoder<'a> {
    pub(super) program: &'a mut Program,
    pub(super) names: Names,
    pub(super) functions: &'a [Function],
    /// The function to which the body belongs; `None` for an entry.
    pub(super) own: Option<usize>,
    labels: HashMap<(usize, &'a str), usize>,
    jumps: Vec<Jump<'a>>,
    /// The calls, by place, and their callees.
    pub(super) calls: Vec<(usize, usize)>,
    pub(super) guard: (Register, u32),
    pub(super) counted: bool,
    line: usize,
    text: Arc<str>,
}

impl<'a> Decoder<'a> {
    pub fn new(
        program: &'a mut Program,
        module: HashMap<String, Name>,
        functions: &'a [Function],
        own: Option<usize>,
    ) -> Decoder<'a> {
        let (labels, jumps, calls) = Default::default();
        let guard = (Registers::always(), 0);
        let names = Names::new(module);
        Decoder {
            program,
            names,
            functions,
            own,
            labels,
            jumps,
            calls,
            guard,
            counted: true,
            line: 0,
            text: "}".into(),
        }
    }

    /// Decodes all pieces and gives back the calls, whose targets are still open.
    pub fn body(mut self, pieces: &[Piece<'a>]) -> Result<Vec<(usize, usize)>, String> {
        for piece in pieces {
            self.line = piece.line;
            let at = |error: String| format!("line {}: {error}", piece.line);
            match piece.kind {
                Kind::Open => self.names.open(),
                Kind::Close if self.names.close() => {}
                Kind::Close => return Err(at("this brace closes nothing".to_owned())),
                Kind::Header(text) => return Err(at(format!("`{text}` stands inside a function"))),
                Kind::Label(label) => {
                    let scope = self.names.open_scopes()[0];
                    if self.labels.insert((scope, label), self.program.instructions.len()).is_some() {
                        return Err(at(format!("the label `{label}` stands twice in one scope")));
                    }
                }
                Kind::Statement(text) => {
                    self.statement(text).map_err(|error| at(format!("{error} in `{text}`")))?;
                }
            }
        }
        self.guard = (Registers::always(), 0);
        self.counted = false;
        self.text = "}".into();
        self.leave()?;
        for jump in &self.jumps {
            let target = jump.scopes.iter().find_map(|scope| self.labels.get(&(*scope, jump.label)));
            let target = target.ok_or(format!("line {}: there is no label `{}`", jump.line, jump.label))?;
            self.program.instructions[jump.at].operation = Operation::Branch(*target);
        }
        Ok(self.calls)
    }

    fn statement(&mut self, text: &'a str) -> Result<(), String> {
        let first = text.split_whitespace().next().unwrap_or("");
        match first {
            "" | ".pragma" | ".loc" | ".file" => Ok(()),
            ".local" => Err("the interpreter refuses local memory: a kernel should not need a stack".to_owned()),
            _ if first.starts_with('.') => self.declaration(text),
            _ => self.instruction(text),
        }
    }

    fn declaration(&mut self, text: &str) -> Result<(), String> {
        for declaration in declarations(text)? {
            match declaration.space {
                "reg" => {
                    for name in register_names(declaration.name)? {
                        self.names.declare(&name, Name::Variable(declaration.kind, None))?;
                    }
                }
                "param" if !declaration.array => {
                    self.names.declare(declaration.name, Name::Variable(declaration.kind, None))?;
                }
                "shared" => {
                    let array = place_shared(&declaration, &mut self.program.shared)?;
                    self.names.declare(declaration.name, array)?;
                }
                "param" => return Err("arrays as parameters of functions are not supported".to_owned()),
                other => return Err(format!("a function cannot declare .{other} variables here")),
            }
        }
        Ok(())
    }

    fn instruction(&mut self, text: &'a str) -> Result<(), String> {
        let (guard, rest) = self.guarded(text)?;
        self.guard = guard;
        self.text = text.split_whitespace().collect::<Vec<_>>().join(" ").into();
        let (opcode, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let words = Words::new(opcode);
        let arguments = list(arguments);
        self.dispatch(&words, &arguments)?;
        words.finish()
    }

    /// The predicate in front of an instruction, and the rest.
    fn guarded(&mut self, text: &'a str) -> Result<((Register, u32), &'a str), String> {
        let Some(rest) = text.strip_prefix('@') else {
            return Ok(((Registers::always(), 0), text));
        };
        let (guard, rest) = rest.trim_start().split_once(char::is_whitespace).ok_or("nothing follows the predicate")?;
        Ok((self.predicate(guard)?, rest.trim_start()))
    }

    /// A predicate that may be negated by `!`.
    pub(super) fn predicate(&mut self, text: &str) -> Result<(Register, u32), String> {
        match text.strip_prefix('!') {
            Some(name) => Ok((self.source(name.trim(), Type::Predicate)?, u32::MAX)),
            None => Ok((self.source(text, Type::Predicate)?, 0)),
        }
    }

    pub(super) fn source(&mut self, text: &str, kind: Type) -> Result<Register, String> {
        self.names.source(text, kind, &mut self.program.registers)
    }

    pub(super) fn target(&mut self, text: &str, kind: Type) -> Result<Register, String> {
        self.names.target(text, kind, &mut self.program.registers)
    }

    /// Adds an instruction.
    pub(super) fn emit(&mut self, operation: Operation, reads: &[Register], writes: &[Register]) {
        let ids = |registers: &[Register]| registers.iter().map(|register| register.id).collect();
        self.program.instructions.push(Instruction {
            operation,
            guard: self.guard.0,
            flip: self.guard.1,
            reads: ids(reads),
            writes: ids(writes),
            line: self.line,
            text: self.text.clone(),
            counted: self.counted,
        });
    }

    /// Adds a branch whose label may come later.
    pub(super) fn jump(&mut self, label: &'a str) {
        let (at, scopes) = (self.program.instructions.len(), self.names.open_scopes());
        self.jumps.push(Jump { at, label, scopes, line: self.line });
        self.emit(Operation::Nothing, &[], &[]);
    }

    /// Adds a computation.
    pub(super) fn compute(&mut self, formula: Formula, to: Register, from: &[Register]) {
        let mut places = [0; 3];
        for (place, register) in places.iter_mut().zip(from) {
            *place = register.index;
        }
        // A `Widen` finds its wide summand third even if there is only one narrow source.
        self.emit(Operation::Compute { formula, to: to.index, from: places }, from, &[to]);
    }

    fn dispatch(&mut self, words: &Words, arguments: &[&'a str]) -> Result<(), String> {
        match words.name {
            "ld" | "ldu" | "st" | "atom" | "red" | "cp" | "ldmatrix" | "prefetch" => self.memory(words, arguments),
            "bra" | "call" | "ret" | "exit" | "trap" | "bar" | "barrier" | "membar" | "fence" | "shfl" | "vote"
            | "match" | "activemask" | "mma" | "nanosleep" => self.control(words, arguments),
            "mov" if arguments.iter().any(|argument| argument.starts_with('{')) => self.pack(words, arguments),
            "mov" | "and" | "or" | "xor" | "not" if words.take("pred") => self.logic(words, arguments),
            "setp" | "set" => self.set(words, arguments),
            "testp" => self.class(words, arguments),
            "selp" => self.select(words, arguments),
            "slct" => self.select_by_sign(words, arguments),
            "cvt" => self.convert(words, arguments),
            "lop3" | "bfi" => self.of_four(words, arguments),
            "addc" | "subc" | "madc" => self.carry(words, arguments),
            "add" | "sub" | "mad" if words.take("cc") => self.carry_out(words, arguments),
            _ => self.arithmetic(words, arguments),
        }
    }
}
