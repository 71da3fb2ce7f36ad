// Sums over all threads of a group.
//
// Shared memory: 1 KiB, a number for each thread. All threads of the group call this function together.

var<workgroup> thread_values: array<f32, 256>;

/// The sum over the threads of a group: halves are added to halves, always in the same order.
fn sum_over_group(thread: u32, value: f32) -> f32 {
    thread_values[thread] = value;
    workgroupBarrier();
    for (var width = 128u; width > 0u; width /= 2u) {
        if thread < width {
            thread_values[thread] += thread_values[thread + width];
        }
        workgroupBarrier();
    }
    let sum = thread_values[0];
    workgroupBarrier();
    return sum;
}
