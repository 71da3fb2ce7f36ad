// Columns of which a group takes 32, each to eight threads that add up every eighth row: thread t has column t mod 32 and begins
// with row ⌊t/32⌋.
//
// Shared memory: 1 KiB, a number for each thread. All threads of the group call this function together.

const COLUMNS: u32 = 32u;
const STRIDE: u32 = 8u;

var<workgroup> column_values: array<f32, 256>;

/// The sum over the threads of a column: halves are added to halves, always in the same order.
fn sum_over_column(thread: u32, value: f32) -> f32 {
    column_values[thread] = value;
    workgroupBarrier();
    for (var width = 4u; width > 0u; width /= 2u) {
        if thread / COLUMNS < width {
            column_values[thread] += column_values[thread + width * COLUMNS];
        }
        workgroupBarrier();
    }
    let sum = column_values[thread % COLUMNS];
    workgroupBarrier();
    return sum;
}
