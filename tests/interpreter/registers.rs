//! Gives out registers: those that a program declares, and those that hold constants and special values.

use super::instruction::Register;
use super::types::Bank;
use std::collections::HashMap;

/// A value that a warp knows when it starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Special {
    Constant(u64),
    /// `%tid`, by axis.
    Thread(usize),
    /// `%ntid`, by axis.
    Threads(usize),
    /// `%ctaid`, by axis.
    Block(usize),
    /// `%nctaid`, by axis.
    Blocks(usize),
    Lane,
    /// `%lanemask_eq`, `lt`, `le`, `gt`, `ge`: the lanes before, after and at the own one.
    LaneMask {
        before: bool,
        own: bool,
        after: bool,
    },
    Warp,
    /// The byte `1` of the module's global array number `0`.
    GlobalArray(usize, i64),
    /// This byte of the dynamic shared memory.
    DynamicShared(i64),
}

/// The registers of a program.
#[derive(Clone, Debug)]
pub struct Registers {
    pub narrow: usize,
    pub wide: usize,
    pub predicates: usize,
    /// The number of all registers, which is the next id.
    pub count: usize,
    specials: HashMap<(Bank, Special), Register>,
    /// The declared names, by id, for messages.
    names: HashMap<usize, String>,
}

impl Registers {
    /// Only the constants that stand in for operands that an instruction lacks. They are the first of their bank.
    pub fn new() -> Registers {
        let mut registers =
            Registers { narrow: 0, wide: 0, predicates: 0, count: 0, specials: HashMap::new(), names: HashMap::new() };
        registers.special(Bank::Narrow, Special::Constant(0));
        registers.special(Bank::Wide, Special::Constant(0));
        registers.special(Bank::Predicate, Special::Constant(1));
        registers
    }

    /// A fresh register.
    pub fn allocate(&mut self, bank: Bank) -> Register {
        let counter = match bank {
            Bank::Narrow => &mut self.narrow,
            Bank::Wide => &mut self.wide,
            Bank::Predicate => &mut self.predicates,
        };
        let register = Register { bank, index: *counter, id: self.count };
        *counter += 1;
        self.count += 1;
        register
    }

    /// A fresh register with a name.
    pub fn declare(&mut self, bank: Bank, name: &str) -> Register {
        let register = self.allocate(bank);
        self.names.insert(register.id, name.to_owned());
        register
    }

    /// The name of a register in a message.
    pub fn name(&self, id: usize) -> String {
        self.names.get(&id).map_or("a result of the called function".to_owned(), |name| format!("`{name}`"))
    }

    /// The register that holds this value.
    pub fn special(&mut self, bank: Bank, special: Special) -> Register {
        if let Some(register) = self.specials.get(&(bank, special)) {
            return *register;
        }
        let register = self.allocate(bank);
        self.specials.insert((bank, special), register);
        register
    }

    /// All registers with values to be filled in.
    pub fn specials(&self) -> impl Iterator<Item = (Special, Register)> + '_ {
        self.specials.iter().map(|((_, special), register)| (*special, *register))
    }

    /// The predicate of instructions without a guard.
    pub fn always() -> Register {
        Register { bank: Bank::Predicate, index: 0, id: 2 }
    }
}
