//! `mma.sync` and `ldmatrix`, with the layouts of fragments that the PTX reference gives.
//!
//! Lane `l` belongs to group `g = l / 4` and is number `t = l % 4` there. Products are exact; they are added in f32 in
//! ascending order, which is one of the orders that a device may take.

use super::execute::Machine;
use super::instruction::{Address, Register, Space, Tile};
use super::warp::Warp;

/// The rows and columns of a result's fragment: register `i` of a lane is here.
fn result_place(lane: usize, register: usize) -> (usize, usize) {
    (lane / 4 + register / 2 * 8, lane % 4 * 2 + register % 2)
}

impl Tile {
    fn depth(self) -> usize {
        match self {
            Tile::Tf32x4 => 4,
            Tile::Tf32x8 | Tile::Bf16x8 => 8,
            Tile::Bf16x16 => 16,
        }
    }

    fn bf16(self) -> bool {
        matches!(self, Tile::Bf16x8 | Tile::Bf16x16)
    }

    /// The element of a 32-bit register: the second half of bf16 pairs has its own.
    fn element(self, bits: u32, half: usize) -> f32 {
        match (self.bf16(), half) {
            (true, 0) => f32::from_bits(bits << 16),
            (true, _) => f32::from_bits(bits & 0xffff_0000),
            // The low bits of a tf32 number are ignored.
            (false, _) => f32::from_bits(bits & !0x1fff),
        }
    }

    /// How many elements a register holds.
    fn halves(self) -> usize {
        if self.bf16() { 2 } else { 1 }
    }

    /// Row and column in the left factor: the registers go down by 8 rows first, then right.
    fn left_place(self, lane: usize, register: usize, half: usize) -> (usize, usize) {
        let width = 4 * self.halves();
        (lane / 4 + register % 2 * 8, lane % 4 * self.halves() + half + register / 2 * width)
    }

    /// Row and column in the right factor, of which each lane holds one column.
    fn right_place(self, lane: usize, register: usize, half: usize) -> (usize, usize) {
        let width = 4 * self.halves();
        (lane % 4 * self.halves() + half + register * width, lane / 4)
    }
}

/// `d = a b + c` of one warp; the registers are those of `d`, `a`, `b` and `c`.
pub fn multiply(warp: &mut Warp, tile: Tile, registers: &[Register]) {
    let (left_count, right_count) = tile.registers();
    let (to, rest) = registers.split_at(4);
    let (left, rest) = rest.split_at(left_count);
    let (right, summand) = rest.split_at(right_count);
    let mut a = [[0f32; 16]; 16];
    let mut b = [[0f32; 8]; 16];
    for lane in 0..32 {
        for half in 0..tile.halves() {
            for (number, register) in left.iter().enumerate() {
                let (row, column) = tile.left_place(lane, number, half);
                a[row][column] = tile.element(warp.narrow[register.index][lane], half);
            }
            for (number, register) in right.iter().enumerate() {
                let (row, column) = tile.right_place(lane, number, half);
                b[row][column] = tile.element(warp.narrow[register.index][lane], half);
            }
        }
    }
    let mut results = [[0; 32]; 4];
    for (number, register) in summand.iter().enumerate() {
        for lane in 0..32 {
            let (row, column) = result_place(lane, number);
            let start = f32::from_bits(warp.narrow[register.index][lane]);
            let sum = (0..tile.depth()).fold(start, |sum, k| sum + a[row][k] * b[k][column]);
            results[number][lane] = sum.to_bits();
        }
    }
    for (register, result) in to.iter().zip(results) {
        warp.narrow[register.index] = result;
    }
}

/// Loads 8 × 8 matrices of 16-bit elements; lanes 8 i to 8 i + 7 give the addresses of the rows of matrix `i`.
pub fn load(
    machine: &mut Machine,
    warp: &mut Warp,
    address: Address,
    to: &[Register],
    transposed: bool,
) -> Result<(), String> {
    let addresses = warp.numbers(address.base, address.offset);
    for (number, register) in to.iter().enumerate() {
        let mut rows = [[0u8; 16]; 8];
        for (row, content) in rows.iter_mut().enumerate() {
            let lane = number * 8 + row;
            let by = machine.thread(warp, lane);
            content.copy_from_slice(machine.load(Space::Shared, addresses[lane], 16, by)?);
        }
        let element = |row: usize, column: usize| {
            let (row, column) = if transposed { (column, row) } else { (row, column) };
            u32::from(rows[row][2 * column + 1]) << 8 | u32::from(rows[row][2 * column])
        };
        warp.narrow[register.index] = std::array::from_fn(|lane| {
            let (row, column) = (lane / 4, lane % 4 * 2);
            element(row, column + 1) << 16 | element(row, column)
        });
        let lanes = u32::MAX >> (32 - 8) << (8 * number);
        machine.count(Space::Shared, &addresses, 16, lanes);
    }
    Ok(())
}
