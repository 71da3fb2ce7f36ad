// with: functions
//
// Rows of which a group takes eight, each to 32 threads: what the threads of a row add up or compare.
//
// Shared memory: 1 KiB, a number for each thread. All threads of the group call these functions together.

const ROWS: u32 = 8u;
const LANES: u32 = 32u;

var<workgroup> lane_values: array<f32, 256>;

/// The sum over the threads of a row: halves are added to halves, always in the same order.
fn sum_over_row(thread: u32, value: f32) -> f32 {
    lane_values[thread] = value;
    workgroupBarrier();
    for (var width = 16u; width > 0u; width /= 2u) {
        if (thread % LANES) < width {
            lane_values[thread] += lane_values[thread + width];
        }
        workgroupBarrier();
    }
    let sum = lane_values[thread / LANES * LANES];
    workgroupBarrier();
    return sum;
}

/// The larger one; NaN if one is NaN.
fn larger(a: f32, b: f32) -> f32 {
    return select(select(b, a, a > b), select(b, a, is_nan(a)), is_nan(a) || is_nan(b));
}

/// The largest value over the threads of a row; NaN if one is NaN.
fn largest_of_row(thread: u32, value: f32) -> f32 {
    lane_values[thread] = value;
    workgroupBarrier();
    for (var width = 16u; width > 0u; width /= 2u) {
        if (thread % LANES) < width {
            lane_values[thread] = larger(lane_values[thread], lane_values[thread + width]);
        }
        workgroupBarrier();
    }
    let largest = lane_values[thread / LANES * LANES];
    workgroupBarrier();
    return largest;
}
