// with: activations
// with: product
// with: sets
//
// Convolution of series and of images, y = f(s) with s[p, o] = b_o + Σ_t,c x[e(p, t), c] K[t, c, o], t over the taps of the window of
// position p, e(p, t) the element under a tap, and its backward from da = f'(s) dy:
// dx[e, c] = Σ_p Σ_o da[p, o] K[t, c, o] over the positions with e(p, t) = e, dK[t, c, o] = Σ_p x[e(p, t), c] da[p, o], db = Σ_p da.
//
// Arguments: those of the operation: `function`, `stride`, `same`, `positions`, `ragged`, `sets`, `elements`, `height` and `width` of
// images, height and width of the kernel, channels `inputs` and `outputs`, `bias`, three flags of what is wanted and three of what is
// added to; `which` of the products it is; `each`: for backward_kernel the positions of a block. x `[elements, inputs]`, K `[taps, inputs, outputs]`, y, s, dy, da
// `[positions, outputs]`, offsets `[sets + 1]` of elements and of results for series.
// windows `[positions, 4]`: first element and width of the series or image, row and column of the window's first tap (perhaps below
// 0); owners `[elements, 4]`: first position of the series or image, positions in a row of it, row and column of the element in the
// frame of the windows.
// Launch: windows and owners a thread a position or an element; forward, backward_input and backward_kernel are products of gathered
// factors, a group for 64 × 64 results (common/product.wgsl), backward_kernel over a block of positions, which leaves sums over
// blocks.
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
    which: u32,
    each: u32,
    // windows: offsets of elements, of results, windows; owners: the same, owners; forward: x, K, windows, b, y, s; backward_input:
    // da, K, owners, dx; backward_kernel: x, da, windows, sums over blocks.
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

// The products: x or da; K or da; windows or owners.
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;

// forward
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;

// backward_input
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// backward_kernel
@group(0) @binding(4) var<storage, read_write> kernel_sums: array<f32>;

/// Which of the products it is.
const FORWARD: u32 = 0u;
const BACKWARD_INPUT: u32 = 1u;
const BACKWARD_KERNEL: u32 = 2u;

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

/// Offsets of elements, or of results.
const OF_ELEMENTS: u32 = 0u;
const OF_RESULTS: u32 = 1u;

fn offset_of(kind: u32, number: u32) -> u32 {
    if kind == OF_ELEMENTS {
        return of_elements[call.first + number];
    }
    return of_results[call.second + number];
}

@compute @workgroup_size(256)
fn windows(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var position = thread.x; position < call.positions; position += 256u * groups.x) {
        var place = vec4<u32>(0u);
        if call.ragged == 1u {
            let number = set_of(OF_RESULTS, position, call.sets);
            let elements = rows_of(OF_ELEMENTS, number, call.elements);
            let length = elements.y - elements.x;
            let column = (position - offset_of(OF_RESULTS, number)) * call.stride;
            place = vec4<u32>(elements.x, length, 0u, column - zeros_before(length, call.kernel_width));
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
            let number = set_of(OF_ELEMENTS, element, call.sets);
            let elements = rows_of(OF_ELEMENTS, number, call.elements);
            let results = rows_of(OF_RESULTS, number, call.positions);
            let column = element - elements.x + zeros_before(elements.y - elements.x, call.kernel_width);
            place = vec4<u32>(results.x, results.y - results.x, 0u, column);
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
    let width = places[place + 1u];
    let row = places[place + 2u] + tap / call.kernel_width;
    let column = places[place + 3u] + tap % call.kernel_width;
    if row >= rows() || column >= width {
        return 0.0;
    }
    return left[call.first + (places[place] + row * width + column) * call.inputs + part % call.inputs];
}

/// The gradient at the position whose window has an element under a tap; 0 if there is none.
fn gradient_under(element: u32, tap: u32, output: u32) -> f32 {
    let down = select(positions_on(call.height, call.kernel_height), 1u, call.ragged == 1u);
    let place = call.third + element * 4u;
    let across = places[place + 1u];
    // Below 0 is beyond every size.
    let row = places[place + 2u] - tap / call.kernel_width;
    let column = places[place + 3u] - tap % call.kernel_width;
    if row % call.stride > 0u || column % call.stride > 0u || row / call.stride >= down || column / call.stride >= across {
        return 0.0;
    }
    let position = places[place] + row / call.stride * across + column / call.stride;
    return left[call.first + position * call.outputs + output];
}

/// Of number k of the taps and outputs the tap. The last one comes first: it belongs to the first position.
fn tap_of(k: u32) -> u32 {
    return call.kernel_height * call.kernel_width - 1u - k / call.outputs;
}

/// Elements of a patch.
fn patch_size() -> u32 {
    return call.kernel_height * call.kernel_width * call.inputs;
}

/// x of a patch `[positions, patch]`, da under the taps `[elements, taps outputs]`, or x of a patch `[patch, positions]`.
fn left_of(row: u32, k: u32) -> f32 {
    switch call.which {
        case FORWARD: {
            if row >= call.positions {
                return 0.0;
            }
            return patch_element(row, k);
        }
        case BACKWARD_INPUT: {
            if row >= call.elements {
                return 0.0;
            }
            return gradient_under(row, tap_of(k), k % call.outputs);
        }
        default: {
            if row >= patch_size() {
                return 0.0;
            }
            return patch_element(k, row);
        }
    }
}

/// K `[patch, outputs]`, K `[taps outputs, inputs]`, or da `[positions, outputs]`.
fn right_of(k: u32, column: u32) -> f32 {
    if call.which == BACKWARD_INPUT {
        if column >= call.inputs {
            return 0.0;
        }
        return right[call.second + (tap_of(k) * call.inputs + column) * call.outputs + k % call.outputs];
    }
    if column >= call.outputs {
        return 0.0;
    }
    return right[call.second + k * call.outputs + column];
}

fn left_by_rows() -> bool {
    return call.which == BACKWARD_KERNEL;
}

fn right_by_depth() -> bool {
    return call.which == BACKWARD_INPUT;
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let across = (call.outputs + TILE - 1u) / TILE;
    let tiles = (call.positions + TILE - 1u) / TILE * across;
    for (var work = group.x; work < tiles; work += groups.x) {
        let position = work / across * TILE;
        let output = work % across * TILE;
        var start: Products;
        var products = add_products(start, thread, position, output, 0u, patch_size());
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                let to = vec2<u32>(position + row_of_thread(thread, i), output + column_of_thread(thread, j));
                if to.x < call.positions && to.y < call.outputs {
                    finish(to.x * call.outputs + to.y, to.y, products.rows[i][j]);
                }
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

@compute @workgroup_size(256)
fn backward_input(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let depth = call.kernel_height * call.kernel_width * call.outputs;
    let across = (call.inputs + TILE - 1u) / TILE;
    let tiles = (call.elements + TILE - 1u) / TILE * across;
    for (var work = group.x; work < tiles; work += groups.x) {
        let element = work / across * TILE;
        let channel = work % across * TILE;
        var start: Products;
        var products = add_products(start, thread, element, channel, 0u, depth);
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                let to = vec2<u32>(element + row_of_thread(thread, i), channel + column_of_thread(thread, j));
                if to.x < call.elements && to.y < call.inputs {
                    let at = call.fourth + to.x * call.inputs + to.y;
                    let value = products.rows[i][j];
                    dx[at] = select(value, dx[at] + value, call.add_input == 1u);
                }
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
    let depth = patch_size();
    let across = (call.outputs + TILE - 1u) / TILE;
    let tiles = (depth + TILE - 1u) / TILE * across;
    let blocks = (call.positions + call.each - 1u) / call.each;
    for (var work = group.x; work < blocks * tiles; work += groups.x) {
        let block = work / tiles;
        let part = work % tiles / across * TILE;
        let output = work % tiles % across * TILE;
        var start: Products;
        let end = min((block + 1u) * call.each, call.positions);
        var products = add_products(start, thread, part, output, block * call.each, end);
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                let to = vec2<u32>(part + row_of_thread(thread, i), output + column_of_thread(thread, j));
                if to.x < depth && to.y < call.outputs {
                    kernel_sums[call.fourth + (block * depth + to.x) * call.outputs + to.y] = products.rows[i][j];
                }
            }
        }
    }
}
