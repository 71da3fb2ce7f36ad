// with: activations
// with: affine
// with: philox
// with: product
// with: spline
//
// A whole coupling flow forward, z, ℓ = scales, permutations and couplings one after the other, what backward needs of it, and its
// backward: src/ops/coupling_flow has the formulas, program.rs there the words of the program.
//
// Arguments: those of the operation: the sizes of the flow, `rows`, `keep`, whether there is a gradient of z and of ℓ, bits of the
// gradients (x, c, w) that are `wanted` and of those that are `added` to, the mask of dropout, the spline; the first row of a launch,
// how many rows, and the row with which the memory of the states begins; for forward that with which z and ℓ begin.
// x, z, dz, dx `[rows, D]`, c, dc `[rows, C]`, log_det, dlog_det `[rows]`, w, dw: all weights; states `[rows, states]`: the variables
// before each scale and coupling, and of each layer its result and slope; sums `[count, sums + 2 D + C]`: of each scale the gradient of
// its result, of each layer that of the sum in its activation, then the gradient of the variables, room to permute it, that of c.
//
// Launch of forward and backward: a group a tile of 32 rows. Products of a layer: 32 × 128 elements at a time, thread t owns rows
// 4⌊t/32⌋ + 0 … 3 and columns t mod 32 + 32 j; 16 of the summed index lie in shared memory, the next 16 are on their way meanwhile.
// Everything by variables: eight threads a row.
// Forward a step writes the variables where the next one keeps them, in the order that the permutations between them give; only the
// last one writes z.
// Launch of weights: a group a part of the list in the program, 64 × 64 of a layer's kernel (common/product.wgsl) with the bias beside
// its first row, or a scale. It always adds to dw; each number belongs to one part.
// Shared memory: forward 13.5 KiB, backward 10.5 KiB, weights 9.1 KiB.
// Every element of a product is one chain in ascending order; nothing depends on the number of groups.

struct Call {
    dimension: u32,
    condition: u32,
    steps: u32,
    weights: u32,
    states: u32,
    sums: u32,
    widest: u32,
    most_given: u32,
    gaps_at: u32,
    gaps: u32,
    parts_at: u32,
    parts: u32,
    rows: u32,
    keep: u32,
    from_z: u32,
    from_log_det: u32,
    wanted: u32,
    added: u32,
    threshold: u32,
    scale: f32,
    key_low: u32,
    key_high: u32,
    spline_inverse: u32,
    bins: u32,
    spline_rows: u32,
    spline_n: u32,
    spline_from_y: u32,
    spline_from_log_det: u32,
    add_x: u32,
    add_raw: u32,
    left: f32,
    bottom: f32,
    least_width: f32,
    least_height: f32,
    width_span: f32,
    height_span: f32,
    least_bin_width: f32,
    least_bin_height: f32,
    first_row: u32,
    count: u32,
    states_row: u32,
    // forward: the row with which z begins, then x, c, w, program, z, log_det, states; backward: dz, dlog_det, states, w, program, dx,
    // dc, sums; weights: dlog_det, states, c, w, program, sums, dw.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
    seventh: u32,
    eighth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;

// forward
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> c: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> program: array<u32>;
@group(0) @binding(5) var<storage, read_write> z: array<f32>;
@group(0) @binding(6) var<storage, read_write> log_det: array<f32>;
@group(0) @binding(7) var<storage, read_write> states_out: array<f32>;

// backward, weights
@group(0) @binding(4) var<storage, read> w_2: array<f32>;
@group(0) @binding(5) var<storage, read> program_2: array<u32>;

// backward
@group(0) @binding(1) var<storage, read> dz: array<f32>;
@group(0) @binding(2) var<storage, read> dlog_det: array<f32>;
@group(0) @binding(3) var<storage, read> states: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dc: array<f32>;
@group(0) @binding(8) var<storage, read_write> sums_out: array<f32>;

// weights
@group(0) @binding(1) var<storage, read> dlog_det_2: array<f32>;
@group(0) @binding(2) var<storage, read> states_2: array<f32>;
@group(0) @binding(3) var<storage, read> c_2: array<f32>;
@group(0) @binding(6) var<storage, read> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;

/// Rows of a tile, and threads of a row where variables are gone through.
const ROWS: u32 = 32u;
const LANES: u32 = 8u;
/// Columns of a product that are summed at a time, threads beside each other, and how much of the summed index lies in shared memory.
const COLUMNS: u32 = 128u;
const ACROSS: u32 = 32u;
const CHUNK: u32 = 16u;
/// Vectors of a row of each tile: with one to spare, so that writing it transposed meets no bank twice.
const INPUT_ROW: u32 = 9u;
const KERNEL_ROW: u32 = 33u;
/// Features that share the words of one counter of Philox, and counters of a row of a tile.
const SHARING: u32 = 8u;
const COUNTERS: u32 = 16u;

/// Words of the program.
const SCALE: u32 = 0u;
const PERMUTE: u32 = 1u;
const COUPLING_WORDS: u32 = 8u;
const LAYER_WORDS: u32 = 8u;
const SPLINE: u32 = 2u;
const PART_WORDS: u32 = 4u;

/// By the summed index: the left factor by rows, four in a vector; the right one by columns, t + 32 j in vector t.
var<workgroup> input_tile: array<vec4<f32>, 144>;
var<workgroup> kernel_tile: array<vec4<f32>, 528>;
/// Of each row and counter a bit for each feature that stays.
var<workgroup> kept: array<u32, 512>;
var<workgroup> thread_values: array<f32, 256>;

/// The raw parameters of a spline: 3 K + 3 for at most 64 bins.
var<private> raw: array<f32, 195>;

struct Coupling {
    given_first: u32,
    given: u32,
    target_first: u32,
    targets: u32,
    kind: u32,
    layers: u32,
    state: u32,
}

struct Layer {
    inputs: u32,
    outputs: u32,
    function: u32,
    kernel: u32,
    bias: u32,
    state: u32,
    sum: u32,
    number: u32,
}

/// What a thread brings into shared memory at a time: a vector of the left factor, if it is one of the first 128, two of the right one.
struct Chunk {
    input: vec4<f32>,
    first: vec4<f32>,
    second: vec4<f32>,
}

/// The elements of a thread: four rows in each vector, a vector for each of its columns.
struct Elements {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

fn parameter(start: u32, p: u32) -> f32 {
    return raw[start + p];
}

fn spline_of_call() -> Spline {
    return Spline(
        0u, call.bins, call.left, call.bottom, call.least_width, call.least_height, call.width_span, call.height_span,
        call.least_bin_width, call.least_bin_height,
    );
}

/// Where the states of a row of the launch begin, and its sums.
fn states_of(start: u32, row: u32) -> u32 {
    return start + (call.first_row + row - call.states_row) * call.states;
}

fn sums_of(start: u32, row: u32) -> u32 {
    return start + row * (call.sums + 2u * call.dimension + call.condition);
}

/// The sum over all threads whose places are the same modulo `columns`, a power of two; halves are added to halves. The whole group
/// calls it.
fn sum_over_lanes(place: u32, columns: u32, value: f32) -> f32 {
    thread_values[place] = value;
    workgroupBarrier();
    for (var width = 128u; width >= columns; width /= 2u) {
        if place < width {
            thread_values[place] += thread_values[place + width];
        }
        workgroupBarrier();
    }
    let sum = thread_values[place % columns];
    workgroupBarrier();
    return sum;
}

/// Puts what the threads brought where all see it.
fn put_chunk(chunk: Chunk, thread: u32, transposed: bool) {
    if thread < 128u {
        input_tile[thread % CHUNK * INPUT_ROW + thread / CHUNK] = chunk.input;
    }
    let at = select(thread / ACROSS * KERNEL_ROW + thread % ACROSS, thread % CHUNK * KERNEL_ROW + thread / CHUNK, transposed);
    kernel_tile[at] = chunk.first;
    kernel_tile[at + select(8u * KERNEL_ROW, 16u, transposed)] = chunk.second;
    workgroupBarrier();
}

fn add_product(sums: Elements, input: vec4<f32>, kernel: vec4<f32>) -> Elements {
    return Elements(
        sums.a + input * kernel.x, sums.b + input * kernel.y, sums.c + input * kernel.z, sums.d + input * kernel.w,
    );
}

/// Adds the products of a chunk, of which `depth` are not zero; of a narrow one with the first column of each thread alone.
fn add_chunk(start: Elements, thread: u32, depth: u32, narrow: bool) -> Elements {
    var sums = start;
    var left = thread / ACROSS;
    var right = thread % ACROSS;
    let end = min(depth, CHUNK);
    if narrow {
        for (var k = 0u; k < end; k += 4u) {
            sums.a += input_tile[left] * kernel_tile[right].x;
            sums.a += input_tile[left + INPUT_ROW] * kernel_tile[right + KERNEL_ROW].x;
            sums.a += input_tile[left + 2u * INPUT_ROW] * kernel_tile[right + 2u * KERNEL_ROW].x;
            sums.a += input_tile[left + 3u * INPUT_ROW] * kernel_tile[right + 3u * KERNEL_ROW].x;
            left += 4u * INPUT_ROW;
            right += 4u * KERNEL_ROW;
        }
    } else {
        for (var k = 0u; k < end; k += 4u) {
            sums = add_product(sums, input_tile[left], kernel_tile[right]);
            sums = add_product(sums, input_tile[left + INPUT_ROW], kernel_tile[right + KERNEL_ROW]);
            sums = add_product(sums, input_tile[left + 2u * INPUT_ROW], kernel_tile[right + 2u * KERNEL_ROW]);
            sums = add_product(sums, input_tile[left + 3u * INPUT_ROW], kernel_tile[right + 3u * KERNEL_ROW]);
            left += 4u * INPUT_ROW;
            right += 4u * KERNEL_ROW;
        }
    }
    workgroupBarrier();
    return sums;
}

/// How many of the four columns of a thread there are for some thread.
fn columns_beside(column: u32, columns: u32) -> u32 {
    return min((columns - column + ACROSS - 1u) / ACROSS, 4u);
}

// Forward.

fn step_at(number: u32) -> u32 {
    return call.fifth + program[call.fifth + number];
}

/// The first step from a number on that is no permutation.
fn step_from(start: u32) -> u32 {
    var number = start;
    while number < call.steps && program[step_at(number)] == PERMUTE {
        number++;
    }
    return number;
}

/// Which variable the permutations from one step to before another bring to place i.
fn source_of(i: u32, start: u32, end: u32) -> u32 {
    var source = i;
    for (var number = end; number > start; number--) {
        source = program[step_at(number - 1u) + 1u + source];
    }
    return source;
}

/// Writes variable i where a step keeps what it begins with, or behind all steps the result.
fn put_variable(row: u32, number: u32, i: u32, value: f32) {
    if number == call.steps {
        z[call.sixth + (call.first_row + row - call.first) * call.dimension + i] = value;
    } else {
        let step = step_at(number);
        let state = program[select(step + 7u, step + 3u, program[step] == SCALE)];
        states_out[states_of(call.eighth, row) + state + i] = value;
    }
}

fn coupling_at(at: u32) -> Coupling {
    return Coupling(
        program[at + 1u], program[at + 2u], program[at + 3u], program[at + 4u], program[at + 5u], program[at + 6u],
        program[at + 7u],
    );
}

fn layer_at(at: u32) -> Layer {
    return Layer(
        program[at], program[at + 1u], program[at + 2u], program[at + 3u], program[at + 4u], program[at + 5u], program[at + 6u],
        program[at + 7u],
    );
}

/// Input k of a layer: numbers of a row that lie side by side, then the condition from `given` on.
fn input_of(row: u32, source: u32, given: u32, k: u32) -> f32 {
    if row >= call.count {
        return 0.0;
    }
    if k < given {
        return states_out[states_of(call.eighth, row) + source + k];
    }
    return c[call.third + (call.first_row + row) * call.condition + k - given];
}

/// Weight [k, column] of a layer.
fn weight_of(layer: Layer, k: u32, column: u32) -> f32 {
    if k >= layer.inputs || column >= layer.outputs {
        return 0.0;
    }
    return w[call.fourth + layer.kernel + k * layer.outputs + column];
}

/// Weights [k, column + 32 j].
fn weights_of(layer: Layer, k: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        weight_of(layer, k, column), weight_of(layer, k, column + ACROSS), weight_of(layer, k, column + 2u * ACROSS),
        weight_of(layer, k, column + 3u * ACROSS),
    );
}

fn chunk_of(layer: Layer, tile: u32, source: u32, given: u32, column: u32, k: u32, thread: u32) -> Chunk {
    var chunk = Chunk();
    let own = k + thread % CHUNK;
    if thread < 128u && own < layer.inputs {
        let row = tile * ROWS + thread / CHUNK * 4u;
        chunk.input = vec4<f32>(
            input_of(row, source, given, own), input_of(row + 1u, source, given, own), input_of(row + 2u, source, given, own),
            input_of(row + 3u, source, given, own),
        );
    }
    chunk.first = weights_of(layer, k + thread / ACROSS, column + thread % ACROSS);
    chunk.second = weights_of(layer, k + 8u + thread / ACROSS, column + thread % ACROSS);
    return chunk;
}

fn bias_of(layer: Layer, column: u32) -> vec4<f32> {
    var bias = 0.0;
    if column < layer.outputs {
        bias = w[call.fourth + layer.bias + column];
    }
    return vec4<f32>(bias);
}

/// Which of 128 features from `column` on stay in the rows of a tile.
fn draw_mask(layer: Layer, tile: u32, column: u32, thread: u32) {
    for (var i = thread; i < ROWS * COUNTERS; i += 256u) {
        let block = column / SHARING + i % COUNTERS;
        if block * SHARING < layer.outputs {
            let row = call.first_row + tile * ROWS + i / COUNTERS;
            let words = philox(vec2<u32>(call.key_low, call.key_high), vec4<u32>(row, block, layer.number, 4u));
            let low = vec4<u32>((words & vec4<u32>(0xffffu)) >= vec4<u32>(call.threshold));
            let high = vec4<u32>((words >> vec4<u32>(16u)) >= vec4<u32>(call.threshold));
            let pairs = low | (high << vec4<u32>(1u));
            kept[i] = pairs.x | (pairs.y << 2u) | (pairs.z << 4u) | (pairs.w << 6u);
        }
    }
    workgroupBarrier();
}

/// The result of a layer for a tile: what it reads begins at state `source`. Of a hidden one the slopes as well.
fn run_layer(layer: Layer, tile: u32, source: u32, given: u32, hidden: bool, thread: u32) {
    let drops = hidden && layer.number > 0u && call.threshold > 0u;
    for (var column = 0u; column < layer.outputs; column += COLUMNS) {
        // 1. Products.
        if drops {
            draw_mask(layer, tile, column, thread);
        }
        let own = column + thread % ACROSS;
        let beside = columns_beside(column, layer.outputs);
        var sums = Elements(
            bias_of(layer, own), bias_of(layer, own + ACROSS), bias_of(layer, own + 2u * ACROSS), bias_of(layer, own + 3u * ACROSS),
        );
        var chunk = chunk_of(layer, tile, source, given, column, 0u, thread);
        for (var k = 0u; k < layer.inputs; k += CHUNK) {
            put_chunk(chunk, thread, false);
            chunk = chunk_of(layer, tile, source, given, column, k + CHUNK, thread);
            sums = add_chunk(sums, thread, layer.inputs - k, beside == 1u);
        }
        // 2. What follows them. The vectors turn, because an array with an index would not stay in registers.
        for (var j = 0u; j < beside; j++) {
            var values = sums.a;
            for (var i = 0u; i < 4u; i++) {
                let own_row = thread / ACROSS * 4u + i;
                let row = tile * ROWS + own_row;
                let feature = own + j * ACROSS;
                if row < call.count && feature < layer.outputs {
                    let at = states_of(call.eighth, row) + layer.state + feature;
                    if hidden {
                        var value = 0.0;
                        var slope = 0.0;
                        let stays = kept[own_row * COUNTERS + (feature - column) / SHARING] >> (feature % SHARING) & 1u;
                        if !drops || stays == 1u {
                            let factor = select(1.0, call.scale, drops);
                            value = factor * value_of(layer.function, values.x);
                            slope = factor * derivative_of(layer.function, values.x);
                        }
                        states_out[at] = value;
                        states_out[at + layer.outputs] = slope;
                    } else {
                        states_out[at] = values.x;
                    }
                }
                values = values.yzwx;
            }
            sums = Elements(sums.b, sums.c, sums.d, sums.a);
        }
        workgroupBarrier();
    }
    storageBarrier();
}

/// Target j of a coupling in x, and the logarithm of its slope in y: its parameters begin at `start`.
fn mapped(spline: Spline, coupling: Coupling, start: u32, j: u32, value: f32) -> vec2<f32> {
    if coupling.kind == SPLINE {
        let count = 3u * call.bins + 3u;
        for (var p = 0u; p < count; p++) {
            raw[p] = states_out[start + j * count + p];
        }
        return spline_value(point_of(spline, 0u, value), false);
    }
    let s = scale_of(states_out[start + j], coupling.kind == 1u).x;
    return vec2<f32>(s * value + states_out[start + coupling.targets + j], log_of(s));
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let spline = spline_of_call();
    let lane = thread % LANES;
    for (var tile = group.x; tile < (call.count + ROWS - 1u) / ROWS; tile += groups.x) {
        let row = tile * ROWS + thread / LANES;
        let end = select(0u, call.dimension, row < call.count);
        let state = states_of(call.eighth, row);
        var volume = 0.0;
        var number = step_from(0u);
        for (var i = lane; i < end; i += LANES) {
            let source = source_of(i, 0u, number);
            put_variable(row, number, i, x[call.second + (call.first_row + row) * call.dimension + source]);
        }
        storageBarrier();
        while number < call.steps {
            let step = step_at(number);
            let next = step_from(number + 1u);
            if program[step] == SCALE {
                let scales = call.fourth + program[step + 1u];
                let shifts = call.fourth + program[step + 2u];
                for (var i = lane; i < end; i += LANES) {
                    let source = source_of(i, number + 1u, next);
                    let s = w[scales + source];
                    put_variable(row, next, i, s * states_out[state + program[step + 3u] + source] + w[shifts + source]);
                    volume += log_of(abs(s));
                }
            } else {
                let coupling = coupling_at(step);
                var source = coupling.state + coupling.given_first;
                var given = coupling.given;
                for (var index = 0u; index < coupling.layers; index++) {
                    let layer = layer_at(step + COUPLING_WORDS + index * LAYER_WORDS);
                    run_layer(layer, tile, source, given, index + 1u < coupling.layers, thread);
                    source = layer.state;
                    given = layer.outputs;
                }
                // The targets first: neighbouring threads have one each.
                for (var q = lane; q < end; q += LANES) {
                    let i = (coupling.target_first + q) % call.dimension;
                    let variable = source_of(i, number + 1u, next);
                    var result = vec2<f32>(states_out[state + coupling.state + variable], 0.0);
                    let j = variable - coupling.target_first;
                    if variable >= coupling.target_first && j < coupling.targets {
                        result = mapped(spline, coupling, state + source, j, result.x);
                    }
                    put_variable(row, next, i, result.x);
                    volume += result.y;
                }
            }
            storageBarrier();
            number = next;
        }
        let total = sum_over_lanes(lane * ROWS + thread / LANES, ROWS, volume);
        if lane == 0u && row < call.count {
            log_det[call.seventh + call.first_row + row - call.first] = total;
        }
    }
}

// Backward.

fn step_2_at(number: u32) -> u32 {
    return call.fifth + program_2[call.fifth + number];
}

fn coupling_2_at(at: u32) -> Coupling {
    return Coupling(
        program_2[at + 1u], program_2[at + 2u], program_2[at + 3u], program_2[at + 4u], program_2[at + 5u], program_2[at + 6u],
        program_2[at + 7u],
    );
}

fn layer_2_at(at: u32) -> Layer {
    return Layer(
        program_2[at], program_2[at + 1u], program_2[at + 2u], program_2[at + 3u], program_2[at + 4u], program_2[at + 5u],
        program_2[at + 6u], program_2[at + 7u],
    );
}

/// The gradient of sum k of a layer.
fn gradient_of(row: u32, layer: Layer, k: u32) -> f32 {
    if row >= call.count {
        return 0.0;
    }
    return sums_out[sums_of(call.eighth, row) + layer.sum + k];
}

/// Weight [column, k] of a layer: its transposed kernel is the right factor.
fn transposed_of(layer: Layer, k: u32, column: u32) -> f32 {
    if k >= layer.outputs || column >= layer.inputs {
        return 0.0;
    }
    return w_2[call.fourth + layer.kernel + column * layer.outputs + k];
}

/// Weights [column + 32 j, k].
fn transposed_weights_of(layer: Layer, k: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        transposed_of(layer, k, column), transposed_of(layer, k, column + ACROSS), transposed_of(layer, k, column + 2u * ACROSS),
        transposed_of(layer, k, column + 3u * ACROSS),
    );
}

fn chunk_back(layer: Layer, tile: u32, column: u32, k: u32, thread: u32) -> Chunk {
    var chunk = Chunk();
    let own = k + thread % CHUNK;
    if thread < 128u && own < layer.outputs {
        let row = tile * ROWS + thread / CHUNK * 4u;
        chunk.input = vec4<f32>(
            gradient_of(row, layer, own), gradient_of(row + 1u, layer, own), gradient_of(row + 2u, layer, own),
            gradient_of(row + 3u, layer, own),
        );
    }
    chunk.first = transposed_weights_of(layer, own, column + thread / CHUNK);
    chunk.second = transposed_weights_of(layer, own, column + 16u + thread / CHUNK);
    return chunk;
}

/// The gradient of the first `columns` inputs of a layer for a tile. Of a layer with one behind it: times its slopes, that of its sums;
/// of the first: added to that of the given variables, which begins at `given_at` of the sums, and of the condition.
fn run_back(layer: Layer, before: Layer, is_first: bool, columns: u32, given: u32, given_at: u32, tile: u32, thread: u32) {
    for (var column = 0u; column < columns; column += COLUMNS) {
        let beside = columns_beside(column, columns);
        var sums = Elements();
        var chunk = chunk_back(layer, tile, column, 0u, thread);
        for (var k = 0u; k < layer.outputs; k += CHUNK) {
            put_chunk(chunk, thread, true);
            chunk = chunk_back(layer, tile, column, k + CHUNK, thread);
            sums = add_chunk(sums, thread, layer.outputs - k, beside == 1u);
        }
        for (var j = 0u; j < beside; j++) {
            var values = sums.a;
            for (var i = 0u; i < 4u; i++) {
                let row = tile * ROWS + thread / ACROSS * 4u + i;
                let feature = column + thread % ACROSS + j * ACROSS;
                if row < call.count && feature < columns {
                    let at = sums_of(call.eighth, row);
                    if !is_first {
                        let slope = states[states_of(call.third, row) + before.state + before.outputs + feature];
                        sums_out[at + before.sum + feature] = values.x * slope;
                    } else if feature < given {
                        sums_out[at + given_at + feature] += values.x;
                    } else {
                        sums_out[at + call.sums + 2u * call.dimension + feature - given] += values.x;
                    }
                }
                values = values.yzwx;
            }
            sums = Elements(sums.b, sums.c, sums.d, sums.a);
        }
    }
    storageBarrier();
}

/// The gradient of the size of bin i: `corner` below the bin of the point, `own` at it, zero above.
fn of_bin(i: u32, bin: u32, corner: f32, own: f32) -> f32 {
    return select(select(0.0, own, i == bin), corner, i < bin);
}

/// Gradients of the raw bins of a side; returns that of the total.
fn through_softmax(to: u32, first: u32, side: Side, bin: u32, corner: f32, own: f32) -> f32 {
    var mean = 0.0;
    for (var i = 0u; i < call.bins; i++) {
        mean += of_bin(i, bin, corner, own) * share_of(0u, first + i, side);
    }
    for (var i = 0u; i < call.bins; i++) {
        let share = share_of(0u, first + i, side);
        sums_out[to + first + i] = side.surplus * share * (of_bin(i, bin, corner, own) - mean);
    }
    return mean;
}

/// The gradient of what a spline maps, from those of its value and of its log-determinant; writes that of `raw` from `to` on. The same
/// as in coupling_spline.wgsl.
fn spline_gradient(spline: Spline, value: f32, of_value: f32, of_log: f32, to: u32) -> f32 {
    let bins = spline.bins;
    let p = point_of(spline, 0u, value);

    // 1. The logarithm of the slope by the coordinate: L'/L - 2 D'/D.
    let slope = slope_at(p);
    let per_numerator = 1.0 / p.numerator;
    let per_width = 1.0 / p.dx;
    let xi2 = p.xi * p.xi;
    let zeta2 = p.zeta * p.zeta;
    let twice_theta = 2.0 * p.theta * p.reciprocal;
    let turn = p.zeta - p.xi;
    let bend = p.d0 + p.d1 - 2.0 * p.s;
    let numerator_by_xi = 2.0 * (p.d1 * p.xi + (p.s * turn - p.d0 * p.zeta));
    let log_by_xi = numerator_by_xi * per_numerator - 2.0 * bend * (turn * p.reciprocal);
    let log_by_x = select(log_by_xi * per_width, 0.0, p.outside);

    // 2. Within the bin: by s and the two derivatives, then by the corners.
    let scaled = of_value * p.dy * (p.reciprocal * p.reciprocal);
    var ds = scaled * p.theta * (p.d1 * xi2 - p.d0 * zeta2)
        + of_log * (2.0 * ((p.theta * per_numerator + 1.0 / p.s) - p.squares * p.reciprocal));
    var dd0 = scaled * p.theta * (p.s * zeta2 + p.d1 * p.theta) + of_log * (zeta2 * per_numerator - twice_theta);
    var dd1 = of_log * (xi2 * per_numerator - twice_theta) - scaled * p.theta * (p.s * xi2 + p.d0 * p.theta);
    var dxi_per_width = of_value * slope + of_log * log_by_x;
    if p.outside {
        ds = 0.0;
        dd0 = 0.0;
        dd1 = 0.0;
        dxi_per_width = 0.0;
    }
    let corner = -dxi_per_width;
    let dwidth = -(ds * p.s * per_width + dxi_per_width * p.xi);
    let dheight = select(of_value * rise_of(p) + ds * per_width, 0.0, p.outside);

    // 3. The slope of the tails: outside, and as the derivative at the outermost knots.
    var dtail = select(0.0, of_value * p.relative + of_log / p.tail, p.outside);
    dtail += select(0.0, dd0, p.bin == 0u);
    dtail += select(0.0, dd1, p.last);

    // 4. The raw parameters.
    sums_out[to] = select(corner, -(of_value * slope), p.outside);
    sums_out[to + 1u] = of_value;
    var dtotal_width = -(dtail * p.tail / p.width.total);
    var dtotal_height = dtail / p.width.total;
    dtotal_width += through_softmax(to, 4u, p.width, p.bin, corner, dwidth);
    let corner_height = select(of_value, 0.0, p.outside);
    dtotal_height += through_softmax(to, 4u + bins, p.height, p.bin, corner_height, dheight);
    sums_out[to + 2u] = dtotal_width * p.width.slope;
    sums_out[to + 3u] = dtotal_height * p.height.slope;
    for (var i = 0u; i + 1u < bins; i++) {
        let from_above = select(0.0, dd0 * p.d0_slope, p.bin == i + 1u);
        sums_out[to + 4u + 2u * bins + i] = select(from_above, dd1 * p.d1_slope, p.bin == i);
    }
    return of_value * slope + of_log * log_by_x;
}

/// The gradient of target j, from that of its value and of the log-determinant; writes that of its parameters, which begin at `start`
/// of the states, from `to` on.
fn map_gradient(
    spline: Spline, coupling: Coupling, start: u32, to: u32, j: u32, value: f32, of_value: f32, of_log: f32,
) -> f32 {
    if coupling.kind == SPLINE {
        let count = 3u * call.bins + 3u;
        for (var p = 0u; p < count; p++) {
            raw[p] = states[start + j * count + p];
        }
        return spline_gradient(spline, value, of_value, of_log, to + j * count);
    }
    let both = scale_of(states[start + j], coupling.kind == 1u);
    let reciprocal = 1.0 / both.x;
    sums_out[to + j] = of_log * (reciprocal * both.y) + value * of_value * both.y;
    sums_out[to + coupling.targets + j] = of_value;
    return both.x * of_value;
}

@compute @workgroup_size(256)
fn backward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let spline = spline_of_call();
    let lane = thread % LANES;
    let wants_condition = (call.wanted & 2u) != 0u;
    for (var tile = group.x; tile < (call.count + ROWS - 1u) / ROWS; tile += groups.x) {
        let row = tile * ROWS + thread / LANES;
        let is_row = row < call.count;
        let end = select(0u, call.dimension, is_row);
        let condition_end = select(0u, call.condition, is_row && wants_condition);
        let state = states_of(call.third, row);
        let sum = sums_of(call.eighth, row);
        let of_condition = sum + call.sums + 2u * call.dimension;
        // Where among the sums the gradient of the variables lies, and where a permutation writes it.
        var here = call.sums;
        var there = call.sums + call.dimension;
        for (var i = lane; i < end; i += LANES) {
            var gradient = 0.0;
            if call.from_z == 1u {
                gradient = dz[call.first + (call.first_row + row) * call.dimension + i];
            }
            sums_out[sum + here + i] = gradient;
        }
        for (var k = lane; k < condition_end; k += LANES) {
            sums_out[of_condition + k] = 0.0;
        }
        var of_log = 0.0;
        if is_row && call.from_log_det == 1u {
            of_log = dlog_det[call.second + call.first_row + row];
        }
        storageBarrier();
        for (var number = call.steps; number > 0u; number--) {
            let step = step_2_at(number - 1u);
            if program_2[step] == SCALE {
                for (var i = lane; i < end; i += LANES) {
                    let gradient = sums_out[sum + here + i];
                    sums_out[sum + program_2[step + 4u] + i] = gradient;
                    sums_out[sum + here + i] = w_2[call.fourth + program_2[step + 1u] + i] * gradient;
                }
            } else if program_2[step] == PERMUTE {
                for (var i = lane; i < end; i += LANES) {
                    sums_out[sum + there + program_2[step + 1u + i]] = sums_out[sum + here + i];
                }
                let kept_place = here;
                here = there;
                there = kept_place;
            } else {
                let coupling = coupling_2_at(step);
                let layers = step + COUPLING_WORDS;
                var layer = layer_2_at(layers + (coupling.layers - 1u) * LAYER_WORDS);
                for (var j = lane; j < select(0u, coupling.targets, is_row); j += LANES) {
                    let at = sum + here + coupling.target_first + j;
                    let value = states[state + coupling.state + coupling.target_first + j];
                    let gradient = sums_out[at];
                    sums_out[at] =
                        map_gradient(spline, coupling, state + layer.state, sum + layer.sum, j, value, gradient, of_log);
                }
                storageBarrier();
                for (var index = coupling.layers; index > 0u; index--) {
                    let is_first = index == 1u;
                    let before = layer_2_at(layers + (max(index, 2u) - 2u) * LAYER_WORDS);
                    let columns = select(layer.inputs, coupling.given, is_first && !wants_condition);
                    run_back(layer, before, is_first, columns, coupling.given, here + coupling.given_first, tile, thread);
                    layer = before;
                }
            }
            storageBarrier();
        }
        if (call.wanted & 1u) != 0u {
            for (var i = lane; i < end; i += LANES) {
                let at = call.sixth + (call.first_row + row) * call.dimension + i;
                let gradient = sums_out[sum + here + i];
                dx[at] = select(gradient, dx[at] + gradient, (call.added & 1u) != 0u);
            }
        }
        for (var k = lane; k < condition_end; k += LANES) {
            let at = call.seventh + (call.first_row + row) * call.condition + k;
            let gradient = sums_out[of_condition + k];
            dc[at] = select(gradient, dc[at] + gradient, (call.added & 2u) != 0u);
        }
    }
}

// Weights.

/// The layer of a part, where among the states its input begins, and from which input on it is the condition.
struct Part {
    layer: Layer,
    source: u32,
    given: u32,
}

var<private> part: Part;
/// What a thread has read of the right factor, all of one column.
var<private> column_sum: f32;

/// The left factor: an input of the layer in a row.
fn left_of(i: u32, row: u32) -> f32 {
    if i >= part.layer.inputs {
        return 0.0;
    }
    if i < part.given {
        return states_2[states_of(call.second, row) + part.source + i];
    }
    return c_2[call.third + (call.first_row + row) * call.condition + i - part.given];
}

/// The right one: the gradient of a sum in a row. Each is read once, by a thread that has its column throughout.
fn right_of(row: u32, column: u32) -> f32 {
    if column >= part.layer.outputs {
        return 0.0;
    }
    let gradient = sums[sums_of(call.sixth, row) + part.layer.sum + column];
    column_sum += gradient;
    return gradient;
}

fn left_by_rows() -> bool {
    return true;
}

fn right_by_depth() -> bool {
    return false;
}

/// The gradients of a scale and its shift, sixteen variables at a time.
fn add_scale(step: u32, thread: u32) {
    for (var first = 0u; first < call.dimension; first += 16u) {
        let i = first + thread % 16u;
        var of_scale = 0.0;
        var of_shift = 0.0;
        var of_log = 0.0;
        for (var row = thread / 16u; row < select(0u, call.count, i < call.dimension); row += 16u) {
            let gradient = sums[sums_of(call.sixth, row) + program_2[step + 4u] + i];
            of_scale += gradient * states_2[states_of(call.second, row) + program_2[step + 3u] + i];
            of_shift += gradient;
            if call.from_log_det == 1u {
                of_log += dlog_det_2[call.first + call.first_row + row];
            }
        }
        of_scale = sum_over_lanes(thread, 16u, of_scale);
        of_shift = sum_over_lanes(thread, 16u, of_shift);
        of_log = sum_over_lanes(thread, 16u, of_log);
        if thread < 16u && i < call.dimension {
            let at = program_2[step + 1u] + i;
            dw[call.seventh + at] += select(of_scale, of_scale + of_log / w_2[call.fourth + at], call.from_log_det == 1u);
            dw[call.seventh + program_2[step + 2u] + i] += of_shift;
        }
    }
}

@compute @workgroup_size(256)
fn weights(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var number = group.x; number < call.parts; number += groups.x) {
        let at = call.fifth + call.parts_at + number * PART_WORDS;
        let step = call.fifth + program_2[at];
        if program_2[at + 1u] == 0u {
            add_scale(step, thread);
            continue;
        }
        // 1. Products over the rows.
        let layer = call.fifth + program_2[at + 1u];
        let first_row = program_2[at + 2u];
        let first_column = program_2[at + 3u];
        part.layer = layer_2_at(layer);
        if layer == step + COUPLING_WORDS {
            part.source = program_2[step + 7u] + program_2[step + 1u];
            part.given = program_2[step + 2u];
        } else {
            part.source = program_2[layer - LAYER_WORDS + 5u];
            part.given = part.layer.inputs;
        }
        column_sum = 0.0;
        var products = Products();
        products = add_products(products, thread, first_row, first_column, 0u, call.count);
        for (var i = 0u; i < 4u; i++) {
            let row = first_row + row_of_thread(thread, i);
            for (var j = 0u; j < 4u; j++) {
                let column = first_column + column_of_thread(thread, j);
                if row < part.layer.inputs && column < part.layer.outputs {
                    dw[call.seventh + part.layer.kernel + row * part.layer.outputs + column] += products.rows[i][j];
                }
            }
        }
        // 2. The bias.
        let total = sum_over_lanes(thread, 64u, column_sum);
        if first_row == 0u && thread < 64u && first_column + thread < part.layer.outputs {
            dw[call.seventh + part.layer.bias + first_column + thread] += total;
        }
    }
}
