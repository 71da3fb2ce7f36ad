// with: activations
// with: affine
// with: spline
// with: columns
//
// A whole coupling flow for a tile of rows, forward or inverse: src/ops/fused_flow has the program's words. And the shares of
// conditions in the first layers.
//
// Arguments: numbers of variables (`dimension`) and condition features, `steps`, the widest layer, outputs of all first layers
// (`shares`), `shared` (1 when rows name data sets that have shares), `rows`, `inverse`, the spline; for run the words of working
// memory of a group.
// program: where steps begin, steps; numbers: weights `[inputs, outputs]`, biases, scales, shifts; x, z `[rows, dimension]`; conditions
// `[rows, condition]`, or shares `[datasets, shares]` with owners `[rows]`; log_det `[rows]`.
//
// Launch of run: a group a tile of 32 rows. Thread t belongs to row t mod 32 and takes every eighth feature, four at a time, from
// ⌊t/32⌋ on: a warp reads one word of the weights and 32 neighbouring activations.
// Working memory of a group, features of 32 rows each: the variables, those of a step that mixes them, two layers of activations. It
// stays in the second-level cache; between layers the group waits for its writes. Shared memory: 1 KiB for the log-determinant.
// Launch of shares: a thread an element.
// Every sum over a layer's inputs is one chain in ascending order from the bias: a row's result depends on nothing but the row.

struct Call {
    dimension: u32,
    condition: u32,
    steps: u32,
    widest: u32,
    most_outputs: u32,
    shares: u32,
    shared_conditions: u32,
    rows: u32,
    inverse: u32,
    spline_inverse: u32,
    bins: u32,
    spline_rows: u32,
    spline_n: u32,
    from_y: u32,
    from_log_det: u32,
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
    // run: the room of a group, then program, numbers, x, conditions, owners, z, log_det, room;
    // shares: program, numbers, conditions, shares.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
    seventh: u32,
    eighth: u32,
    ninth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> program: array<u32>;
@group(0) @binding(2) var<storage, read> numbers: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> conditions: array<f32>;
@group(0) @binding(5) var<storage, read> owners: array<u32>;
@group(0) @binding(6) var<storage, read_write> z: array<f32>;
@group(0) @binding(7) var<storage, read_write> log_det: array<f32>;
@group(0) @binding(8) var<storage, read_write> room: array<f32>;
@group(0) @binding(4) var<storage, read_write> shares_out: array<f32>;

/// Rows of a tile.
const ROWS: u32 = 32u;
/// Threads of a row.
const PARTS: u32 = 8u;
const MIX: u32 = 0u;
const COUPLING_WORDS: u32 = 7u;
const LAYER_WORDS: u32 = 5u;
const SPLINE: u32 = 2u;

/// Parameter p of the spline whose parameters begin at `start` of the working memory.
fn parameter(start: u32, p: u32) -> f32 {
    return room[start + p * ROWS];
}

/// What four neighbouring outputs of a first layer begin with: their biases or the shares of the row's data set, and what its own
/// condition adds.
fn beginning(numbers_at: u32, row: u32, layer: u32, given: u32, share: u32, column: u32) -> vec4<f32> {
    let outputs = program[layer + 1u];
    let kernel = numbers_at + program[layer + 3u];
    var sum = vec4<f32>(0.0, 0.0, 0.0, 0.0);
    for (var c = 0u; c < 4u; c++) {
        if column + c < outputs {
            if call.shared_conditions == 1u {
                sum[c] = conditions[call.fifth + owners[call.sixth + row] * call.shares + share + column + c];
            } else {
                var own = numbers[kernel + program[layer] * outputs + column + c];
                for (var k = 0u; k < call.condition; k++) {
                    let weight = numbers[kernel + (given + k) * outputs + column + c];
                    own += conditions[call.fifth + row * call.condition + k] * weight;
                }
                sum[c] = own;
            }
        }
    }
    return sum;
}

@compute @workgroup_size(256)
fn run(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let numbers_at = call.third;
    let lane = thread % ROWS;
    let part = thread / ROWS;
    let start = call.ninth + group.x * call.first;
    let other = start + call.dimension * ROWS;
    let hidden = other + call.dimension * ROWS;
    let spline = Spline(
        call.inverse, call.bins, call.left, call.bottom, call.least_width, call.least_height, call.width_span, call.height_span,
        call.least_bin_width, call.least_bin_height,
    );
    for (var tile = group.x; tile < (call.rows + ROWS - 1u) / ROWS; tile += groups.x) {
        // Threads beyond the last row compute it once more and write nothing.
        let is_row = tile * ROWS + lane < call.rows;
        let row = min(tile * ROWS + lane, call.rows - 1u);
        // Where the variables lie, and where a mix writes them.
        var here = start;
        var there = other;
        for (var j = part; j < call.dimension; j += PARTS) {
            room[here + j * ROWS + lane] = x[call.fourth + row * call.dimension + j];
        }
        storageBarrier();
        var volume = 0.0;
        var share = select(0u, call.shares, call.inverse == 1u);
        for (var number = 0u; number < call.steps; number++) {
            let step = call.second + program[call.second + select(number, call.steps - 1u - number, call.inverse == 1u)];
            if program[step] == MIX {
                // 1. Scale, shift and permutation.
                let at = numbers_at + program[step + 1u];
                for (var i = part; i < call.dimension; i += PARTS) {
                    let j = program[step + 2u + i];
                    let scale = numbers[at + i];
                    let shift = numbers[at + call.dimension + i];
                    if call.inverse == 1u {
                        room[there + j * ROWS + lane] = (room[here + i * ROWS + lane] - shift) / scale;
                    } else {
                        room[there + i * ROWS + lane] = scale * room[here + j * ROWS + lane] + shift;
                    }
                }
                let kept = here;
                here = there;
                there = kept;
                if part == 0u {
                    let total = numbers[at + 2u * call.dimension];
                    volume += select(total, -total, call.inverse == 1u);
                }
            } else {
                // 2. The network of a coupling: its layers from one half of the activations to the other.
                let given_first = program[step + 1u];
                let given = program[step + 2u];
                let target_first = program[step + 3u];
                let targets = program[step + 4u];
                let kind = program[step + 5u];
                let layers = program[step + 6u];
                if call.inverse == 1u {
                    share -= program[step + COUPLING_WORDS + 1u];
                }
                var source = here + given_first * ROWS;
                var to = hidden;
                for (var index = 0u; index < layers; index++) {
                    let layer = step + COUPLING_WORDS + index * LAYER_WORDS;
                    let outputs = program[layer + 1u];
                    let kernel = numbers_at + program[layer + 3u];
                    let depth = select(program[layer], given, index == 0u);
                    for (var column = 4u * part; column < outputs; column += 4u * PARTS) {
                        // Columns beyond the last are computed as the last and not written.
                        let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(outputs - 1u));
                        var sum = vec4<f32>(0.0, 0.0, 0.0, 0.0);
                        if index == 0u {
                            sum = beginning(numbers_at, row, layer, given, share, column);
                        } else {
                            let bias = kernel + depth * outputs;
                            sum = vec4<f32>(
                                numbers[bias + columns.x], numbers[bias + columns.y], numbers[bias + columns.z],
                                numbers[bias + columns.w],
                            );
                        }
                        for (var k = 0u; k < depth; k++) {
                            let weights = kernel + k * outputs;
                            let own = vec4<f32>(
                                numbers[weights + columns.x], numbers[weights + columns.y], numbers[weights + columns.z],
                                numbers[weights + columns.w],
                            );
                            sum += room[source + k * ROWS + lane] * own;
                        }
                        for (var c = 0u; c < 4u; c++) {
                            if column + c < outputs {
                                room[to + (column + c) * ROWS + lane] = value_of(program[layer + 2u], sum[c]);
                            }
                        }
                    }
                    storageBarrier();
                    source = to;
                    to = select(hidden, hidden + call.widest * ROWS, index % 2u == 0u);
                }
                if call.inverse == 0u {
                    share += program[step + COUPLING_WORDS + 1u];
                }
                // 3. The map of its targets.
                for (var j = part; j < targets; j += PARTS) {
                    let at = here + (target_first + j) * ROWS + lane;
                    var result = vec2<f32>(0.0, 0.0);
                    if kind == SPLINE {
                        let point = point_of(spline, source + j * (3u * call.bins + 3u) * ROWS + lane, room[at]);
                        result = spline_value(point, call.inverse == 1u);
                    } else {
                        let s = scale_of(room[source + j * ROWS + lane], kind == 1u).x;
                        let b = room[source + (targets + j) * ROWS + lane];
                        result = vec2<f32>(s * room[at] + b, log_of(s));
                        if call.inverse == 1u {
                            result = vec2<f32>((room[at] - b) / s, -result.y);
                        }
                    }
                    room[at] = result.x;
                    volume += result.y;
                }
            }
            storageBarrier();
        }
        // 4. Results.
        let total = sum_over_column(thread, volume);
        if is_row {
            for (var j = part; j < call.dimension; j += PARTS) {
                z[call.seventh + row * call.dimension + j] = room[here + j * ROWS + lane];
            }
            if part == 0u {
                log_det[call.eighth + row] = total;
            }
        }
        storageBarrier();
    }
}

/// Element [dataset, j] of the shares: the bias of a first layer and what the condition adds.
@compute @workgroup_size(256)
fn shares(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.rows * call.shares; i += 256u * groups.x) {
        let dataset = i / call.shares;
        var column = i % call.shares;
        for (var number = 0u; number < call.steps; number++) {
            let step = call.first + program[call.first + number];
            if program[step] == MIX {
                continue;
            }
            let layer = step + COUPLING_WORDS;
            let outputs = program[layer + 1u];
            if column >= outputs {
                column -= outputs;
                continue;
            }
            let kernel = call.second + program[layer + 3u];
            var sum = numbers[kernel + program[layer] * outputs + column];
            for (var k = 0u; k < call.condition; k++) {
                let weight = numbers[kernel + (program[step + 2u] + k) * outputs + column];
                sum += x[call.third + dataset * call.condition + k] * weight;
            }
            shares_out[call.fourth + i] = sum;
            break;
        }
    }
}
