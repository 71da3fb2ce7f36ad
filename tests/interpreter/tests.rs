//! The interpreter against plain Rust, and every fault that it must find beside a kernel without it.

mod computing;
mod control;
mod faults;
mod races;
mod tiles;

use super::{Memory, Module, Slice, Statistics, launch};

/// A module with one entry `kernel(input, output)`. Its body finds its thread in `%t`, its lane's 32 bytes of input at
/// `%in` and its 16 bytes of output at `%out`.
fn kernel(body: &str) -> String {
    module("", body)
}

/// The same with something before the entry.
fn module(before: &str, body: &str) -> String {
    format!(
        ".version 7.8\n.target sm_80\n.address_size 64\n{before}\n\
         .visible .entry kernel(.param .u64 input, .param .u64 output)\n{{\n\
         .reg .b32 %a, %b, %c, %d, %e, %t, %r<16>;\n.reg .b64 %in, %out, %x, %y, %z, %w<8>;\n\
         .reg .b16 %h<4>;\n.reg .f32 %f<16>;\n.reg .pred %p, %q, %s;\n\
         ld.param.u64 %in, [input];\nld.param.u64 %out, [output];\nmov.u32 %t, %tid.x;\n\
         mul.wide.u32 %w0, %t, 32;\nadd.s64 %in, %in, %w0;\nmul.wide.u32 %w0, %t, 16;\nadd.s64 %out, %out, %w0;\n\
         {body}\nret;\n}}\n"
    )
}

/// A launch of `kernel`: its input and 16 bytes of output per thread, with these threads per block.
struct Case<'a> {
    text: &'a str,
    input: &'a [u8],
    blocks: u32,
    threads: u32,
    shared: u32,
}

impl Case<'_> {
    /// A block of 32 threads without input.
    fn of(text: &str) -> Case<'_> {
        Case { text, input: &[0; 32 * 1024], blocks: 1, threads: 32, shared: 0 }
    }

    fn threads(self, threads: u32) -> Self {
        Case { threads, ..self }
    }

    fn blocks(self, blocks: u32) -> Self {
        Case { blocks, ..self }
    }

    /// The statistics and the output as words, four per thread of one block.
    fn run(&self) -> Result<(Statistics, Vec<u32>), String> {
        let module = Module::parse(self.text)?;
        let mut memory = Memory::new();
        let input = memory.allocate(self.input.len());
        memory.write(input, self.input)?;
        let mut content = vec![0; self.threads as usize * 16];
        let output = memory.allocate(content.len());
        let slices: [Slice; 2] = [(input, self.input.len() as u64, false), (output, content.len() as u64, true)];
        let parameters: [&[u8]; 2] = [&input.to_le_bytes(), &output.to_le_bytes()];
        let (grid, block) = ([self.blocks, 1, 1], [self.threads, 1, 1]);
        let statistics = launch(&mut memory, &module, "kernel", grid, block, self.shared, &parameters, Some(&slices))?;
        memory.read(output, &mut content)?;
        let words = content.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        Ok((statistics, words.collect()))
    }

    /// The first output of every thread.
    fn words(&self) -> Vec<u32> {
        match self.run() {
            Ok((_, words)) => words.chunks_exact(4).map(|words| words[0]).collect(),
            Err(error) => panic!("{error}\n{}", self.text),
        }
    }

    /// Asserts that the case fails with a sentence that contains all these.
    fn fails(&self, parts: &[&str]) {
        match self.run() {
            Ok(_) => panic!("no fault was found in\n{}", self.text),
            Err(error) => assert!(parts.iter().all(|part| error.contains(part)), "{error}\n{}", self.text),
        }
    }
}

/// The number of the line that contains a text.
fn line_of(text: &str, part: &str) -> String {
    let line = text.lines().position(|line| line.contains(part)).map_or(0, |line| line + 1);
    format!("line {line}:")
}
