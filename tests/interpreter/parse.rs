//! Reads a module: its arrays, its device functions and its entries.
//!
//! Functions are decoded before entries, and the program of every entry starts with all of them; a call is a jump to a
//! lower place, so that lanes that diverge around a call meet again behind it.

use super::declaration::{Declaration, declarations};
use super::decode::Decoder;
use super::header::{Header, header, limits};
use super::instruction::{Instruction, Register, Space};
use super::names::Name;
use super::registers::Registers;
use super::text::{Kind, Piece, pieces, without_comments};
use super::types::Type;
use std::collections::HashMap;

/// Code with its registers and its shared memory.
#[derive(Clone, Debug)]
pub struct Program {
    pub instructions: Vec<Instruction>,
    pub registers: Registers,
    /// The bytes of the static shared arrays.
    pub shared: usize,
}

/// A parameter of an entry.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// As declared.
    pub name: String,
    /// Where it starts in the block of parameters.
    pub offset: usize,
    /// Its size.
    pub bytes: usize,
}

/// A kernel.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As declared.
    pub name: String,
    /// In order.
    pub parameters: Vec<Parameter>,
    /// The block that `.reqntid` demands.
    pub required_block: Option<[u32; 3]>,
    /// The largest number of threads that `.maxntid` allows.
    pub most_threads: Option<u32>,
    pub(super) program: Program,
    /// Where the entry's own code starts.
    pub(super) start: usize,
    /// The line of the header.
    pub line: usize,
    /// The smallest access to memory, at most 4 bytes, which decides how finely races are traced.
    pub(super) finest_access: usize,
}

/// A device function: where it starts and the registers through which it is called.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub inputs: Vec<(Type, Register)>,
    pub outputs: Vec<(Type, Register)>,
    pub link: Register,
    pub start: Option<usize>,
}

/// An array of the module in global memory.
#[derive(Clone, Debug)]
pub struct GlobalArray {
    pub bytes: Vec<u8>,
}

/// Everything that a PTX text defines.
#[derive(Clone, Debug, Default)]
pub struct Module {
    entries: Vec<Entry>,
    pub(super) constants: Vec<u8>,
    pub(super) globals: Vec<GlobalArray>,
}

/// The pieces of one function or entry.
struct Definition<'a> {
    line: usize,
    header: Header<'a>,
    body: &'a [Piece<'a>],
}

impl Module {
    /// Reads a PTX text. Errors are sentences that name the line.
    pub fn parse(text: &str) -> Result<Module, String> {
        let clean = without_comments(text)?;
        let pieces = pieces(&clean)?;
        let mut module = Module::default();
        let mut names = HashMap::new();
        let mut shared = 0;
        let mut definitions = Vec::new();
        let mut at = 0;
        while let Some(piece) = pieces.get(at) {
            let end = |error: String| format!("line {}: {error}", piece.line);
            at += 1;
            match &piece.kind {
                Kind::Header(text) => {
                    let length = body_length(&pieces[at..]).ok_or_else(|| end(format!("`{text}` does not end")))?;
                    let header = header(text).map_err(end)?;
                    definitions.push(Definition { line: piece.line, header, body: &pieces[at + 1..at + length] });
                    at += length + 1;
                }
                Kind::Statement(text) => {
                    module.statement(text, &mut names, &mut shared).map_err(|e| end(format!("{e} in `{text}`")))?;
                }
                _ => return Err(end("this stands outside all functions".to_owned())),
            }
        }
        module.decode(&definitions, &names, shared)?;
        Ok(module)
    }

    /// The entry of this name.
    pub fn entry(&self, name: &str) -> Result<&Entry, String> {
        let known = || self.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| format!("the module has no entry `{name}`; it has {}", known()))
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A statement outside functions.
    fn statement(&mut self, text: &str, names: &mut HashMap<String, Name>, shared: &mut usize) -> Result<(), String> {
        let first = text.split_whitespace().next().unwrap_or("");
        let prototype = text.split_whitespace().any(|word| word == ".func");
        if prototype || [".version", ".target", ".address_size", ".file", ".loc", ".pragma", ""].contains(&first) {
            return Ok(());
        }
        for declaration in declarations(text)? {
            let name = self.array(&declaration, shared)?;
            if names.insert(declaration.name.to_owned(), name).is_some() {
                return Err(format!("`{}` is declared twice", declaration.name));
            }
        }
        Ok(())
    }

    fn array(&mut self, declaration: &Declaration, shared: &mut usize) -> Result<Name, String> {
        let mut bytes = vec![0; declaration.bytes()];
        let size = declaration.kind.bytes();
        for (place, value) in bytes.chunks_exact_mut(size).zip(&declaration.values) {
            place.copy_from_slice(&value.to_le_bytes()[..size]);
        }
        match declaration.space {
            "shared" => place_shared(declaration, shared),
            "const" => {
                let start = self.constants.len().next_multiple_of(declaration.align);
                self.constants.resize(start, 0);
                self.constants.extend(bytes);
                Ok(Name::Array(Space::Constant, start as i64))
            }
            "global" => {
                self.globals.push(GlobalArray { bytes });
                Ok(Name::Global(self.globals.len() - 1))
            }
            other => Err(format!("a module cannot declare .{other} variables here")),
        }
    }

    /// Decodes the bodies: first the functions', then those of the entries.
    fn decode(
        &mut self,
        definitions: &[Definition],
        names: &HashMap<String, Name>,
        shared: usize,
    ) -> Result<(), String> {
        let mut library = Program { instructions: Vec::new(), registers: Registers::new(), shared };
        let mut functions = Vec::new();
        for Definition { header, .. } in definitions.iter().filter(|definition| !definition.header.entry) {
            functions.push(Function::declare(header, &mut library.registers));
        }
        let mut calls = Vec::new();
        let bodies = definitions.iter().filter(|definition| !definition.header.entry);
        for (number, definition) in bodies.enumerate() {
            functions[number].start = Some(library.instructions.len());
            let mut decoder = Decoder::new(&mut library, names.clone(), &functions, Some(number));
            let formals = definition.header.inputs.iter().chain(&definition.header.outputs);
            let registers = functions[number].inputs.iter().chain(&functions[number].outputs);
            for (formal, (kind, register)) in formals.zip(registers) {
                let declared = decoder.names.declare(formal.name, Name::Variable(*kind, Some(*register)));
                declared.map_err(|error| format!("line {}: {error}", definition.line))?;
            }
            calls.extend(decoder.body(definition.body)?);
        }
        for (at, callee) in &calls {
            link(&mut library, &functions, *at, *callee);
        }
        super::calls::refuse_recursion(&library, &functions)?;
        for definition in definitions.iter().filter(|definition| definition.header.entry) {
            let mut program = library.clone();
            let start = program.instructions.len();
            let mut decoder = Decoder::new(&mut program, names.clone(), &functions, None);
            let mut parameters: Vec<Parameter> = Vec::new();
            for formal in &definition.header.inputs {
                let end = parameters.last().map_or(0, |last| last.offset + last.bytes);
                let offset = end.next_multiple_of(formal.align);
                let declared = decoder.names.declare(formal.name, Name::Parameter(offset as i64));
                declared.map_err(|error| format!("line {}: {error}", definition.line))?;
                parameters.push(Parameter { name: formal.name.to_owned(), offset, bytes: formal.bytes() });
            }
            let calls = decoder.body(definition.body)?;
            for (at, callee) in calls {
                link(&mut program, &functions, at, callee);
            }
            let limits = |word| limits(definition.header.directives, word);
            let required_block = limits(".reqntid").map_err(|error| format!("line {}: {error}", definition.line))?;
            let most = limits(".maxntid").map_err(|error| format!("line {}: {error}", definition.line))?;
            let finest_access = program.instructions.iter().filter_map(Instruction::element_bytes).min();
            self.entries.push(Entry {
                finest_access: finest_access.unwrap_or(4).min(4),
                name: definition.header.name.to_owned(),
                parameters,
                required_block,
                most_threads: most.map(|[x, y, z]| x.saturating_mul(y).saturating_mul(z)),
                program,
                start,
                line: definition.line,
            });
        }
        Ok(())
    }
}

impl Function {
    fn declare(header: &Header, registers: &mut Registers) -> Function {
        let mut formals = |declarations: &[Declaration]| {
            declarations.iter().map(|formal| (formal.kind, registers.allocate(formal.kind.bank()))).collect()
        };
        let (inputs, outputs) = (formals(&header.inputs), formals(&header.outputs));
        let link = registers.allocate(super::types::Bank::Narrow);
        Function { name: header.name.to_owned(), inputs, outputs, link, start: None }
    }
}

/// Fills in where a call jumps to.
fn link(program: &mut Program, functions: &[Function], at: usize, callee: usize) {
    use super::instruction::Operation;
    if let (Operation::Call { target, .. }, Some(start)) =
        (&mut program.instructions[at].operation, functions[callee].start)
    {
        *target = start;
    }
}

/// Gives a shared array its place.
pub fn place_shared(declaration: &Declaration, shared: &mut usize) -> Result<Name, String> {
    if declaration.count.is_none() {
        return Ok(Name::Dynamic);
    }
    if !declaration.values.is_empty() {
        return Err(format!("the shared array `{}` cannot have initial values", declaration.name));
    }
    let start = shared.next_multiple_of(declaration.align);
    *shared = start + declaration.bytes();
    Ok(Name::Array(Space::Shared, start as i64))
}

/// The number of pieces before the brace that closes the body; the first piece opens it.
fn body_length(pieces: &[Piece]) -> Option<usize> {
    let mut depth = 0;
    pieces.iter().position(|piece| {
        match piece.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}
