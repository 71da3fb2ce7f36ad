//! Decodes branches, calls, barriers and the instructions that join the lanes of a warp.

use super::decode::Decoder;
use super::instruction::{Direction, Operation, Register, Tile, Vote};
use super::text::{between, list};
use super::types::Type;
use super::words::Words;

impl<'a> Decoder<'a> {
    pub(super) fn control(&mut self, words: &Words, arguments: &[&'a str]) -> Result<(), String> {
        match (words.name, arguments) {
            ("bra", [label]) => {
                words.take("uni");
                self.jump(label);
                Ok(())
            }
            ("call", _) => self.call(words, arguments),
            ("ret", []) => {
                words.take("uni");
                self.leave()
            }
            ("exit", []) => {
                self.emit(Operation::Exit, &[], &[]);
                Ok(())
            }
            ("trap", []) => {
                self.emit(Operation::Trap, &[], &[]);
                Ok(())
            }
            ("bar" | "barrier", _) => self.barrier(words, arguments),
            ("membar" | "fence" | "nanosleep", _) => {
                words.ignore(&["gl", "cta", "sys", "gpu", "acq_rel", "sc", "u32"]);
                self.emit(Operation::Nothing, &[], &[]);
                Ok(())
            }
            ("shfl", _) => self.shuffle(words, arguments),
            ("vote", [to, from, members]) => self.vote(words, [to, from, members]),
            ("match", [to, from, members]) => {
                if !words.take("any") || !words.take("sync") || words.kind()?.bytes() != 4 {
                    return Err("of `match` only `match.any.sync.b32` is known".to_owned());
                }
                let (from, members) = (self.source(from, Type::B32)?, self.source(members, Type::B32)?);
                let to = self.target(to, Type::B32)?;
                self.emit(Operation::Match { to, from, members }, &[from, members], &[to]);
                Ok(())
            }
            ("activemask", [to]) => {
                let to = self.target(to, words.kind()?)?;
                self.emit(Operation::ActiveMask { to: to.index }, &[], &[to]);
                Ok(())
            }
            ("mma", [to, a, b, c]) => self.multiply(words, [to, a, b, c]),
            (name, _) => Err(format!("`{name}` has other operands")),
        }
    }

    /// The return from a function or the end of a thread.
    pub(super) fn leave(&mut self) -> Result<(), String> {
        match self.own {
            Some(number) => {
                let link = self.functions[number].link;
                self.emit(Operation::Return { link: link.index }, &[link], &[]);
            }
            None => self.emit(Operation::Exit, &[], &[]),
        }
        Ok(())
    }

    /// Copies the inputs into the function's registers, jumps, and copies the outputs back.
    fn call(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        words.take("uni");
        let (outputs, name, inputs) = match *arguments {
            [name] => (None, name, None),
            [first, name] if first.starts_with('(') => (group(first), name, None),
            [name, inputs] => (None, name, group(inputs)),
            [outputs, name, inputs] => (group(outputs), name, group(inputs)),
            _ => return Err("a call has outputs, a name and inputs".to_owned()),
        };
        let (outputs, inputs) = (outputs.unwrap_or_default(), inputs.unwrap_or_default());
        let number = self.functions.iter().position(|function| function.name == name);
        let number = number.ok_or(format!("there is no function `{name}`"))?;
        let function = self.functions[number].clone();
        if inputs.len() != function.inputs.len() || outputs.len() != function.outputs.len() {
            let (takes, gives) = (function.inputs.len(), function.outputs.len());
            return Err(format!("`{name}` takes {takes} inputs and gives {gives} outputs"));
        }
        self.counted = false;
        for (input, (kind, formal)) in inputs.iter().zip(&function.inputs) {
            let from = self.source(input, *kind)?;
            self.copy_register(*formal, from);
        }
        self.counted = true;
        self.calls.push((self.program.instructions.len(), number));
        let results = function.outputs.iter().map(|(_, formal)| formal.id).collect();
        let operation = Operation::Call { target: 0, link: function.link.index, results };
        self.emit(operation, &[], &[function.link]);
        self.counted = false;
        for (output, (kind, formal)) in outputs.iter().zip(&function.outputs) {
            let to = self.target(output, *kind)?;
            self.copy_register(to, *formal);
        }
        self.counted = true;
        Ok(())
    }

    fn barrier(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        words.ignore(&["cta", "aligned"]);
        let warp = words.take("warp");
        if !words.take("sync") {
            return Err("only barriers with `.sync` are known".to_owned());
        }
        match arguments {
            [members] if warp => {
                let members = self.source(members, Type::B32)?;
                self.emit(Operation::WarpBarrier { members }, &[members], &[]);
            }
            [id] if !warp => {
                let id = self.source(id, Type::U32)?;
                self.emit(Operation::Barrier { id, threads: None }, &[id], &[]);
            }
            [id, threads] if !warp => {
                let (id, threads) = (self.source(id, Type::U32)?, self.source(threads, Type::U32)?);
                self.emit(Operation::Barrier { id, threads: Some(threads) }, &[id, threads], &[]);
            }
            _ => return Err("this barrier has other operands".to_owned()),
        }
        Ok(())
    }

    fn shuffle(&mut self, words: &Words, arguments: &[&str]) -> Result<(), String> {
        let direction = words.choose(&[
            ("up", Direction::Up),
            ("down", Direction::Down),
            ("bfly", Direction::Butterfly),
            ("idx", Direction::Index),
        ]);
        let synchronous = words.take("sync");
        let (Some(direction), Type::B32 | Type::U32 | Type::F32, true) = (direction, words.kind()?, synchronous) else {
            return Err("`shfl` is `.sync`, has a direction and moves 32 bits".to_owned());
        };
        let [to, from @ ..] = arguments else { return Err("operands are missing".to_owned()) };
        let [value, by, clamp, members] = from else { return Err("`shfl.sync` has five operands".to_owned()) };
        let (to, found) = match to.split_once('|') {
            Some((to, found)) => (to.trim(), Some(self.target(found.trim(), Type::Predicate)?)),
            None => (*to, None),
        };
        let from = [
            self.source(value, Type::B32)?,
            self.source(by, Type::B32)?,
            self.source(clamp, Type::B32)?,
            self.source(members, Type::B32)?,
        ];
        let to = self.target(to, Type::B32)?;
        let writes: Vec<Register> = [to].into_iter().chain(found).collect();
        self.emit(Operation::Shuffle { direction, to, found, from }, &from, &writes);
        Ok(())
    }

    fn vote(&mut self, words: &Words, [to, from, members]: [&str; 3]) -> Result<(), String> {
        let vote =
            words.choose(&[("all", Vote::All), ("any", Vote::Any), ("uni", Vote::Uniform), ("ballot", Vote::Ballot)]);
        let synchronous = words.take("sync");
        let (Some(vote), true) = (vote, synchronous) else {
            return Err("`vote` is `.sync` and has a mode".to_owned());
        };
        let (from, flip) = self.predicate(from)?;
        let members = self.source(members, Type::B32)?;
        let to = self.target(to, words.kind()?)?;
        self.emit(Operation::Vote { vote, to, from, flip, members }, &[from, members], &[to]);
        Ok(())
    }

    fn multiply(&mut self, words: &Words, operands: [&str; 4]) -> Result<(), String> {
        let form = [words.take("sync"), words.take("aligned"), words.take("row"), words.take("col")];
        let depth = words.choose(&[("m16n8k4", 4), ("m16n8k8", 8), ("m16n8k16", 16)]);
        let tile = match (depth, &words.types()[..]) {
            (Some(4), [Type::F32, Type::Tf32, Type::Tf32, Type::F32]) => Tile::Tf32x4,
            (Some(8), [Type::F32, Type::Tf32, Type::Tf32, Type::F32]) => Tile::Tf32x8,
            (Some(8), [Type::F32, Type::Bf16, Type::Bf16, Type::F32]) => Tile::Bf16x8,
            (Some(16), [Type::F32, Type::Bf16, Type::Bf16, Type::F32]) => Tile::Bf16x16,
            _ => return Err("the interpreter does not know this shape of `mma`; add it to matrix.rs".to_owned()),
        };
        if form.contains(&false) {
            return Err("`mma` is known as `.sync.aligned.….row.col`".to_owned());
        }
        let (a, b) = tile.registers();
        let mut registers = Vec::new();
        let kinds = [(4, Type::F32), (a, Type::B32), (b, Type::B32), (4, Type::F32)];
        for (number, (operand, (count, kind))) in operands.into_iter().zip(kinds).enumerate() {
            let names = between(operand, '{', '}').map_or(vec![operand], list);
            if names.len() != count {
                return Err(format!("operand {} of this `mma` has {count} registers", number + 1));
            }
            for name in names {
                let register = if number == 0 { self.target(name, kind)? } else { self.source(name, kind)? };
                registers.push(register);
            }
        }
        let (writes, reads) = registers.split_at(4);
        let (writes, reads) = (writes.to_vec(), reads.to_vec());
        self.emit(Operation::Multiply { tile, registers: registers.into() }, &reads, &writes);
        Ok(())
    }
}

/// The operands in parentheses.
fn group(text: &str) -> Option<Vec<&str>> {
    between(text, '(', ')').map(list)
}
