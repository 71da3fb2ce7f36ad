//! Calls between device functions.

use super::instruction::Operation;
use super::parse::{Function, Program};

/// A function has one set of registers, so it cannot be active twice in one lane.
pub fn refuse_recursion(library: &Program, functions: &[Function]) -> Result<(), String> {
    let starts: Vec<usize> = functions.iter().filter_map(|function| function.start).collect();
    let owner = |at: usize| starts.iter().rposition(|start| *start <= at).unwrap_or(0);
    let mut callees = vec![Vec::new(); functions.len()];
    for (at, instruction) in library.instructions.iter().enumerate() {
        if let Operation::Call { target, .. } = instruction.operation {
            callees[owner(at)].push(owner(target));
        }
    }
    // Whoever only calls finished functions is finished; what remains calls itself.
    let mut finished = vec![false; functions.len()];
    for _ in functions {
        for number in 0..functions.len() {
            finished[number] = callees[number].iter().all(|callee| finished[*callee]);
        }
    }
    match finished.iter().position(|finished| !finished) {
        Some(number) => Err(format!("the function `{}` calls itself, perhaps through others", functions[number].name)),
        None => Ok(()),
    }
}
