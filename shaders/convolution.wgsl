// with: activations
// with: columns
// with: outer_products
//
// Convolution of series and of images, y = f(s) with s[p, o] = b_o + Σ_t,c x[e(p, t), c] K[t, c, o], t over the taps of the window of
// position p, e(p, t) the element under a tap, and its backward from da = f'(s) dy:
// dx[e, c] = Σ_p Σ_o da[p, o] K[t, c, o] over the positions with e(p, t) = e, dK[t, c, o] = Σ_p x[e(p, t), c] da[p, o], db = Σ_p da.
//
// Arguments: those of the operation: `function`, `stride`, `same`, `positions`, `ragged`, `sets`, `elements`, `height` and `width` of
// images, height and width of the kernel, channels `inputs` and `outputs`, `bias`, three flags of what is wanted and three of what is
// added to; `extra`: for backward_kernel the rows of a block. x `[elements, inputs]`, K `[taps, inputs, outputs]`, y, s, dy, da
// `[positions, outputs]`, offsets `[sets + 1]` of elements and of results for series.
// windows `[positions, 4]`: first element and width of the series or image, row and column of the window's first tap (perhaps below
// 0); owners `[elements, 4]`: first position of the series or image, positions in a row of it, row and column of the element in the
// frame of the windows.
// Launch: windows and owners a thread a position or an element; forward and backward_input a group for 32 × 32 results;
// backward_kernel the same over a block of positions, backward_bias a group for 32 columns of a block of 256 positions, which leave
// sums over blocks. Shared memory: 4.1 KiB.
// All sums in a fixed order. A zero outside counts as a factor: an infinite weight makes NaN of it.

struct Call {
    function: u32,
    stride: u32,
    same: u32,
    positions: u32,
    ragged: u32,
    sets: u32,
    elements: u32,
    height: u32,
    width: u32,
    kernel_height: u32,
    kernel_width: u32,
    inputs: u32,
    outputs: u32,
    bias: u32,
    wants_input: u32,
    wants_kernel: u32,
    wants_bias: u32,
    add_input: u32,
    add_kernel: u32,
    add_bias: u32,
    extra: u32,
    // windows: offsets of elements, of results, windows; owners: the same, owners; forward: x, K, windows, b, y, s; backward_input:
    // da, K, owners, dx; backward_kernel: x, da, windows, sums over blocks; backward_bias: da, sums over blocks.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;

// windows, owners
@group(0) @binding(1) var<storage, read> of_elements: array<u32>;
@group(0) @binding(2) var<storage, read> of_results: array<u32>;
@group(0) @binding(3) var<storage, read_write> places_out: array<u32>;

// forward
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> kernel: array<f32>;
@group(0) @binding(3) var<storage, read> windows_3: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

// backward_input
@group(0) @binding(1) var<storage, read> da: array<f32>;
@group(0) @binding(3) var<storage, read> owners_3: array<u32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// backward_kernel
@group(0) @binding(2) var<storage, read> da_2: array<f32>;
@group(0) @binding(4) var<storage, read_write> kernel_sums: array<f32>;

// backward_bias
@group(0) @binding(2) var<storage, read_write> bias_sums: array<f32>;

/// Windows on an axis.
fn positions_on(length: u32, size: u32) -> u32 {
    let room = select(length + 1u - min(size, length + 1u), length, call.same == 1u);
    return (room + call.stride - 1u) / call.stride;
}

/// Zeros in front of an axis.
fn zeros_before(length: u32, size: u32) -> u32 {
    let count = positions_on(length, size);
    if call.same == 0u || count == 0u {
        return 0u;
    }
    let reach = (count - 1u) * call.stride + size;
    return (reach - min(length, reach)) / 2u;
}

/// The series that a position belongs to: the first one whose results end behind it.
fn series_of_result(position: u32) -> u32 {
    var low = 0u;
    var high = max(call.sets, 1u) - 1u;
    while low < high {
        let middle = (low + high) / 2u;
        if of_results[call.second + middle + 1u] <= position {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The series that an element belongs to: the first one that ends behind it.
fn series_of_element(element: u32) -> u32 {
    var low = 0u;
    var high = max(call.sets, 1u) - 1u;
    while low < high {
        let middle = (low + high) / 2u;
        if of_elements[call.first + middle + 1u] <= element {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The first element of a series, cut to those that exist, and its length.
fn series(number: u32) -> vec2<u32> {
    let end = min(of_elements[call.first + number + 1u], call.elements);
    let start = min(of_elements[call.first + number], end);
    return vec2<u32>(start, end - start);
}

@compute @workgroup_size(256)
fn windows(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var position = thread.x; position < call.positions; position += 256u * groups.x) {
        var place = vec4<u32>(0u);
        if call.ragged == 1u {
            let number = series_of_result(position);
            let extent = series(number);
            let column = (position - of_results[call.second + number]) * call.stride;
            place = vec4<u32>(extent, 0u, column - zeros_before(extent.y, call.kernel_width));
        } else {
            let across = positions_on(call.width, call.kernel_width);
            let down = positions_on(call.height, call.kernel_height);
            let image = position / across / down;
            let row = position / across % down * call.stride - zeros_before(call.height, call.kernel_height);
            let column = position % across * call.stride - zeros_before(call.width, call.kernel_width);
            place = vec4<u32>(image * call.height * call.width, call.width, row, column);
        }
        for (var i = 0u; i < 4u; i++) {
            places_out[call.third + 4u * position + i] = place[i];
        }
    }
}

@compute @workgroup_size(256)
fn owners(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var element = thread.x; element < call.elements; element += 256u * groups.x) {
        var place = vec4<u32>(0u);
        if call.ragged == 1u {
            let number = series_of_element(element);
            let extent = series(number);
            let end = min(of_results[call.second + number + 1u], call.positions);
            let start = min(of_results[call.second + number], end);
            let column = element - extent.x + zeros_before(extent.y, call.kernel_width);
            place = vec4<u32>(start, end - start, 0u, column);
        } else {
            let across = positions_on(call.width, call.kernel_width);
            let down = positions_on(call.height, call.kernel_height);
            let image = element / call.width / call.height;
            let row = element / call.width % call.height + zeros_before(call.height, call.kernel_height);
            let column = element % call.width + zeros_before(call.width, call.kernel_width);
            place = vec4<u32>(image * across * down, across, row, column);
        }
        for (var i = 0u; i < 4u; i++) {
            places_out[call.third + 4u * element + i] = place[i];
        }
    }
}

/// Rows of a series, which is one, or of an image.
fn rows() -> u32 {
    return select(call.height, 1u, call.ragged == 1u);
}

/// The linear function's number in src/math/function.rs.
const LINEAR: u32 = 26u;

/// Number `part` of the patch of a position.
fn patch_element(position: u32, part: u32) -> f32 {
    let place = call.third + position * 4u;
    let tap = part / call.inputs;
    let width = windows_3[place + 1u];
    let row = windows_3[place + 2u] + tap / call.kernel_width;
    let column = windows_3[place + 3u] + tap % call.kernel_width;
    if row >= rows() || column >= width {
        return 0.0;
    }
    return x[call.first + (windows_3[place] + row * width + column) * call.inputs + part % call.inputs];
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let depth = call.kernel_height * call.kernel_width * call.inputs;
    let across = (call.outputs + TILE - 1u) / TILE;
    let tiles = (call.positions + TILE - 1u) / TILE * across;
    for (var work = group.x; work < tiles; work += groups.x) {
        let position = work / across * TILE;
        let output = work % across * TILE;
        var totals = vec4<f32>(0.0);
        for (var start = 0u; start < depth; start += DEPTH) {
            // Threads side by side read neighbours: parts of a patch, outputs of the kernel.
            for (var i = thread; i < TILE * DEPTH; i += 256u) {
                let part = i % DEPTH;
                let place = i / DEPTH;
                var value = 0.0;
                if start + part < depth && position + place < call.positions {
                    value = patch_element(position + place, start + part);
                }
                left_rows[slot(part, place)] = value;
            }
            for (var i = thread; i < TILE * DEPTH; i += 256u) {
                let part = start + i / TILE;
                let place = output + i % TILE;
                var value = 0.0;
                if part < depth && place < call.outputs {
                    value = kernel[call.second + part * call.outputs + place];
                }
                right_rows[slot(i / TILE, i % TILE)] = value;
            }
            totals = add_products(thread, totals);
        }
        for (var i = 0u; i < 4u; i++) {
            let row = position + tile_row(thread, i);
            let column = output + tile_column(thread, i);
            if row < call.positions && column < call.outputs {
                finish(row * call.outputs + column, column, totals[i]);
            }
        }
    }
}

/// Writes a result, and unless the activation is linear the sum in it.
fn finish(i: u32, output: u32, products: f32) {
    var sum = products;
    if call.bias == 1u {
        sum += bias[call.fourth + output];
    }
    if call.function == LINEAR {
        y[call.fifth + i] = sum;
    } else {
        sums[call.sixth + i] = sum;
        y[call.fifth + i] = value_of(call.function, sum);
    }
}

/// The gradient at the position whose window has an element under a tap; 0 if there is none.
fn gradient_under(element: u32, tap: u32, output: u32) -> f32 {
    let down = select(positions_on(call.height, call.kernel_height), 1u, call.ragged == 1u);
    let place = call.third + element * 4u;
    let across = owners_3[place + 1u];
    // Below 0 is beyond every size.
    let row = owners_3[place + 2u] - tap / call.kernel_width;
    let column = owners_3[place + 3u] - tap % call.kernel_width;
    if row % call.stride > 0u || column % call.stride > 0u || row / call.stride >= down || column / call.stride >= across {
        return 0.0;
    }
    let position = owners_3[place] + row / call.stride * across + column / call.stride;
    return da[call.first + position * call.outputs + output];
}

@compute @workgroup_size(256)
fn backward_input(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let taps = call.kernel_height * call.kernel_width;
    let depth = taps * call.outputs;
    let across = (call.inputs + TILE - 1u) / TILE;
    let tiles = (call.elements + TILE - 1u) / TILE * across;
    for (var work = group.x; work < tiles; work += groups.x) {
        let element = work / across * TILE;
        let channel = work % across * TILE;
        var totals = vec4<f32>(0.0);
        for (var start = 0u; start < depth; start += DEPTH) {
            for (var i = thread; i < TILE * DEPTH; i += 256u) {
                // The last tap comes first: it belongs to the first position.
                let part = i % DEPTH;
                let place = i / DEPTH;
                let tap = taps - 1u - min((start + part) / max(call.outputs, 1u), taps - 1u);
                let output = (start + part) % max(call.outputs, 1u);
                let inside = start + part < depth;
                var slope = 0.0;
                if inside && element + place < call.elements {
                    slope = gradient_under(element + place, tap, output);
                }
                left_rows[slot(part, place)] = slope;
                var weight = 0.0;
                if inside && channel + place < call.inputs {
                    weight = kernel[call.second + (tap * call.inputs + channel + place) * call.outputs + output];
                }
                right_rows[slot(part, place)] = weight;
            }
            totals = add_products(thread, totals);
        }
        for (var i = 0u; i < 4u; i++) {
            let row = element + tile_row(thread, i);
            let column = channel + tile_column(thread, i);
            if row < call.elements && column < call.inputs {
                let at = call.fourth + row * call.inputs + column;
                dx[at] = select(totals[i], dx[at] + totals[i], call.add_input == 1u);
            }
        }
    }
}

@compute @workgroup_size(256)
fn backward_kernel(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let depth = call.kernel_height * call.kernel_width * call.inputs;
    let across = (call.outputs + TILE - 1u) / TILE;
    let tiles = (depth + TILE - 1u) / TILE * across;
    let blocks = (call.positions + call.extra - 1u) / call.extra;
    for (var work = group.x; work < blocks * tiles; work += groups.x) {
        let block = work / tiles;
        let part = work % tiles / across * TILE;
        let output = work % tiles % across * TILE;
        let end = min((block + 1u) * call.extra, call.positions);
        var sums = vec4<f32>(0.0);
        for (var start = block * call.extra; start < end; start += DEPTH) {
            for (var i = thread; i < TILE * DEPTH; i += 256u) {
                let position = start + i / TILE;
                let place = i % TILE;
                var left = 0.0;
                var right = 0.0;
                if position < end && part + place < depth {
                    left = patch_element(position, part + place);
                }
                if position < end && output + place < call.outputs {
                    right = da_2[call.second + position * call.outputs + output + place];
                }
                left_rows[slot(i / TILE, place)] = left;
                right_rows[slot(i / TILE, place)] = right;
            }
            sums = add_products(thread, sums);
        }
        for (var i = 0u; i < 4u; i++) {
            let row = part + tile_row(thread, i);
            let column = output + tile_column(thread, i);
            if row < depth && column < call.outputs {
                kernel_sums[call.fourth + (block * depth + row) * call.outputs + column] = sums[i];
            }
        }
    }
}

@compute @workgroup_size(256)
fn backward_bias(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tiles = (call.outputs + COLUMNS - 1u) / COLUMNS;
    let blocks = (call.positions + BLOCK - 1u) / BLOCK;
    for (var work = group.x; work < blocks * tiles; work += groups.x) {
        let block = work / tiles;
        let output = work % tiles * COLUMNS + thread % COLUMNS;
        let end = select(0u, min(call.positions, block * BLOCK + BLOCK), output < call.outputs);
        var sum = 0.0;
        for (var position = block * BLOCK + thread / COLUMNS; position < end; position += STRIDE) {
            sum += da[call.first + position * call.outputs + output];
        }
        let total = sum_over_column(thread, sum);
        if output < call.outputs && thread < COLUMNS {
            bias_sums[call.second + block * call.outputs + output] = total;
        }
    }
}
