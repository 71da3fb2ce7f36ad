// with: rows
// with: philox
// with: sets
//
// Scaled dot-product attention per set and head, out_i = Σ_j p_ij m_ij v_j with p the softmax of s_ij = q_i·k_j/√h, and its
// backward from L_i = log Σ_j exp s_ij and δ_i = dout_i·out_i: ds_ij = p_ij (m_ij dout_i·v_j - δ_i)/√h, dq_i = Σ_j ds_ij k_j,
// dk_j = Σ_i ds_ij q_i, dv_j = Σ_i p_ij m_ij dout_i. src/ops/attention/mod.rs has the masks and the dropout m.
//
// Arguments: those of the operation: `heads`, `head_width` h, rows of `queries` and `keys`, `sets`, `masked`, `mask_width`, `scale`
// 1/√h, the dropout, three flags of addition; `extra`: for ranges the number of rows, for backward where L and δ start in the table.
// q, out `[queries, heads h]`, k, v `[keys, heads h]`, mask `[queries, mask_width]`, L `[queries, heads]`, offsets `[sets + 1]`.
// The table holds for each query where the keys of its set start and end; then, for backward, for each key where the queries of its
// set start and end and where its own set starts, and L and δ, as bits, for each query and head.
// Launch: ranges a thread a row. All others 32 threads for a query, or for backward_keys a key, in one head, eight of them a group,
// neighbours side by side. Each thread makes the weights of some of the rows of the other side; then each sums over all of them for
// its columns of the head, 128 columns at a time, for more of which the weights are made again. Shared memory: 5 KiB.
// No matrix of scores is stored: forward goes through blocks of 128 keys with a running maximum. Sums over rows in ascending order.
// What has weight 0 contributes nothing even if it is not finite.

struct Call {
    heads: u32,
    head_width: u32,
    queries: u32,
    keys: u32,
    sets: u32,
    masked: u32,
    mask_width: u32,
    scale: f32,
    threshold: u32,
    drop_scale: f32,
    key_low: u32,
    key_high: u32,
    add_q: u32,
    add_k: u32,
    add_v: u32,
    extra: u32,
    // ranges: offsets of queries, of keys, table; statistics: out, L, dout, table; all others: q, k, v, mask, table, then forward:
    // out, L; backward: dout, dq or dk and dv.
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

// forward, backward_queries, backward_keys
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> k: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<f32>;
@group(0) @binding(5) var<storage, read> table: array<u32>;

// forward
@group(0) @binding(6) var<storage, read_write> out_out: array<f32>;
@group(0) @binding(7) var<storage, read_write> log_sums_out: array<f32>;

// backward_queries, backward_keys
@group(0) @binding(6) var<storage, read> dout: array<f32>;
@group(0) @binding(7) var<storage, read_write> dq: array<f32>;
@group(0) @binding(7) var<storage, read_write> dk: array<f32>;
@group(0) @binding(8) var<storage, read_write> dv: array<f32>;

// ranges
@group(0) @binding(1) var<storage, read> query_offsets: array<u32>;
@group(0) @binding(2) var<storage, read> key_offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> ranges_out: array<u32>;

// statistics
@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read> log_sums: array<f32>;
@group(0) @binding(3) var<storage, read> slope: array<f32>;
@group(0) @binding(4) var<storage, read_write> statistics_out: array<u32>;

/// Keys whose weights a thread makes together, and 32 threads.
const TOGETHER: u32 = 4u;
const BLOCK: u32 = 128u;
/// Columns of the head that 32 threads sum up at a time.
const PASS: u32 = 128u;

/// Of each of the eight queries 128, or of each of the eight keys twice 32.
var<workgroup> weights: array<f32, 1024>;

/// A row in one head, and the rows of the other side that belong to its set.
struct Place {
    present: bool,
    row: u32,
    head: u32,
    start: u32,
    count: u32,
}

/// Offsets of queries, or of keys.
const OF_QUERIES: u32 = 0u;
const OF_KEYS: u32 = 1u;

fn offset_of(kind: u32, number: u32) -> u32 {
    if kind == OF_QUERIES {
        return query_offsets[call.first + number];
    }
    return key_offsets[call.second + number];
}

@compute @workgroup_size(256)
fn ranges(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.extra; i += 256u * groups.x) {
        if i < call.queries {
            let keys = rows_of(OF_KEYS, set_of(OF_QUERIES, i, call.sets), call.keys);
            let to = call.third + 2u * i;
            ranges_out[to] = keys.x;
            ranges_out[to + 1u] = keys.y;
        } else {
            let key = i - call.queries;
            let owner = set_of(OF_KEYS, key, call.sets);
            let queries = rows_of(OF_QUERIES, owner, call.queries);
            let to = call.third + 2u * call.queries + 3u * key;
            ranges_out[to] = queries.x;
            ranges_out[to + 1u] = queries.y;
            ranges_out[to + 2u] = min(offset_of(OF_KEYS, owner), key);
        }
    }
}

/// Element `column` of a head of a row.
fn at(row: u32, head: u32, column: u32) -> u32 {
    return (row * call.heads + head) * call.head_width + column;
}

@compute @workgroup_size(256)
fn statistics(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let count = call.queries * call.heads;
    for (var first = group.x * ROWS; first < count; first += groups.x * ROWS) {
        let i = first + thread / LANES;
        let lane = select(call.head_width, thread % LANES, i < count);
        var sum = 0.0;
        for (var j = lane; j < call.head_width; j += LANES) {
            sum += slope[call.third + i * call.head_width + j] * out[call.first + i * call.head_width + j];
        }
        let delta = sum_over_row(thread, sum);
        if i < count && thread % LANES == 0u {
            let to = call.fourth + call.extra + 2u * i;
            statistics_out[to] = bitcast<u32>(log_sums[call.second + i]);
            statistics_out[to + 1u] = bitcast<u32>(delta);
        }
    }
}

/// The query of a number: neighbours in the same head.
fn query_of(number: u32) -> Place {
    let present = number < call.queries * call.heads;
    let row = select(0u, number % call.queries, present);
    let start = table[call.fifth + 2u * row];
    let end = table[call.fifth + 2u * row + 1u];
    return Place(present, row, select(0u, number / call.queries, present), start, select(0u, end - start, present));
}

/// The keys that the longest of eight queries has.
fn most_keys(first: u32) -> u32 {
    var most = 0u;
    for (var i = 0u; i < ROWS; i++) {
        most = max(most, query_of(first + i).count);
    }
    return most;
}

/// The key of a number: neighbours in the same head.
fn key_of(number: u32) -> Place {
    let present = number < call.keys * call.heads;
    let row = select(0u, number % call.keys, present);
    let source = call.fifth + 2u * call.queries + 3u * row;
    let count = table[source + 1u] - table[source];
    return Place(present, row, select(0u, number / call.keys, present), table[source], select(0u, count, present));
}

/// Whether a query attends to key j of its set.
fn attends(query: u32, j: u32) -> bool {
    if call.masked == 0u || j >= call.mask_width {
        return true;
    }
    let value = mask[call.fourth + query * call.mask_width + j];
    return !is_nan(value) && value > 0.5;
}

fn score(query: u32, key: u32, head: u32) -> f32 {
    let a = call.first + at(query, head, 0u);
    let b = call.second + at(key, head, 0u);
    var sum = 0.0;
    for (var c = 0u; c < call.head_width; c++) {
        sum += q[a + c] * k[b + c];
    }
    return sum * call.scale;
}

/// dout·v.
fn weighed_slope(query: u32, key: u32, head: u32) -> f32 {
    let a = call.sixth + at(query, head, 0u);
    let b = call.third + at(key, head, 0u);
    var sum = 0.0;
    for (var c = 0u; c < call.head_width; c++) {
        sum += dout[a + c] * v[b + c];
    }
    return sum;
}

/// What dropout multiplies the four keys by that share the words of key j of its set.
fn factors(query: u32, head: u32, j: u32) -> vec4<f32> {
    if call.threshold == 0u {
        return vec4<f32>(1.0);
    }
    let words = philox(vec2<u32>(call.key_low, call.key_high), vec4<u32>(query, j / 4u, head, 3u));
    return select(vec4<f32>(0.0), vec4<f32>(call.drop_scale), words >= vec4<u32>(call.threshold));
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let lane = thread % LANES;
    let own = thread / LANES * BLOCK;
    for (var first = group.x * ROWS; first < call.queries * call.heads; first += groups.x * ROWS) {
        let place = query_of(first + thread / LANES);
        let most = most_keys(first);
        for (var pass_start = 0u; pass_start < call.head_width; pass_start += PASS) {
            let column = pass_start + lane;
            var sums = vec4<f32>(0.0);
            var maximum = -infinity();
            var total = 0.0;
            var attended = 0.0;
            for (var block = 0u; block < most; block += BLOCK) {
                // 1. Scores: minus infinity for a key that is not attended.
                let j = block + lane * TOGETHER;
                var scores = vec4<f32>(-infinity());
                var attending = vec4<bool>(false);
                var best = -infinity();
                for (var i = 0u; i < TOGETHER; i++) {
                    if j + i < place.count && attends(place.row, j + i) {
                        scores[i] = score(place.row, place.start + j + i, place.head);
                        attending[i] = true;
                        attended = 1.0;
                        best = larger(best, scores[i]);
                    }
                }
                let reached = larger(maximum, largest_of_row(thread, best));
                let origin = select(reached, 0.0, reached == -infinity());
                let shrink = select(exp_of(maximum - origin), 1.0, maximum == reached);
                maximum = reached;
                // 2. Weights.
                let factor = factors(place.row, place.head, j);
                total *= shrink;
                for (var i = 0u; i < TOGETHER; i++) {
                    let weight = select(0.0, exp_of(scores[i] - origin), attending[i]);
                    total += weight;
                    weights[own + lane * TOGETHER + i] = select(weight * factor[i], 0.0, factor[i] == 0.0);
                }
                workgroupBarrier();
                // 3. Values.
                sums *= shrink;
                let end = min(BLOCK, place.count - min(block, place.count));
                for (var i = 0u; i < end; i++) {
                    let weight = weights[own + i];
                    if !(weight == 0.0) {
                        let source = call.third + at(place.start + block + i, place.head, 0u);
                        for (var c = 0u; c < 4u && column + c * LANES < call.head_width; c++) {
                            sums[c] += weight * v[source + column + c * LANES];
                        }
                    }
                }
                workgroupBarrier();
            }
            let all = sum_over_row(thread, total);
            let any = largest_of_row(thread, attended) > 0.0;
            if place.present {
                let to = call.sixth + at(place.row, place.head, 0u);
                for (var c = 0u; c < 4u && column + c * LANES < call.head_width; c++) {
                    out_out[to + column + c * LANES] = select(0.0, sums[c] / all, any);
                }
                if column == 0u {
                    let log_sum = maximum + log_of(all);
                    log_sums_out[call.seventh + place.row * call.heads + place.head] = select(-infinity(), log_sum, any);
                }
            }
        }
    }
}

/// p_ij: 0 for a query that attends to nothing.
fn probability(value: f32, log_sum: f32) -> f32 {
    return select(exp_of(value - log_sum), 0.0, log_sum == -infinity());
}

/// p m and p (m dout·v - δ); the latter is 0 where p is, even if the rest is not finite.
fn weight_and_slope(query: u32, key: u32, head: u32, factor: f32) -> vec2<f32> {
    let statistics = call.fifth + call.extra + 2u * (query * call.heads + head);
    let p = probability(score(query, key, head), bitcast<f32>(table[statistics]));
    var dp = 0.0;
    var weight = 0.0;
    if factor > 0.0 {
        dp = factor * weighed_slope(query, key, head);
        weight = p * factor;
    }
    let slope = p * (dp - bitcast<f32>(table[statistics + 1u]));
    return vec2<f32>(weight, select(slope, 0.0, p == 0.0));
}

@compute @workgroup_size(256)
fn backward_queries(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let lane = thread % LANES;
    let own = thread / LANES * BLOCK;
    for (var first = group.x * ROWS; first < call.queries * call.heads; first += groups.x * ROWS) {
        let place = query_of(first + thread / LANES);
        let most = most_keys(first);
        for (var pass_start = 0u; pass_start < call.head_width; pass_start += PASS) {
            let column = pass_start + lane;
            var sums = vec4<f32>(0.0);
            for (var block = 0u; block < most; block += BLOCK) {
                let j = block + lane * TOGETHER;
                let factor = factors(place.row, place.head, j);
                for (var i = 0u; i < TOGETHER; i++) {
                    var slope = 0.0;
                    if j + i < place.count && attends(place.row, j + i) {
                        slope = weight_and_slope(place.row, place.start + j + i, place.head, factor[i]).y;
                    }
                    weights[own + lane * TOGETHER + i] = slope;
                }
                workgroupBarrier();
                let end = min(BLOCK, place.count - min(block, place.count));
                for (var i = 0u; i < end; i++) {
                    let slope = weights[own + i];
                    if !(slope == 0.0) {
                        let source = call.second + at(place.start + block + i, place.head, 0u);
                        for (var c = 0u; c < 4u && column + c * LANES < call.head_width; c++) {
                            sums[c] += slope * k[source + column + c * LANES];
                        }
                    }
                }
                workgroupBarrier();
            }
            if place.present {
                let to = call.seventh + at(place.row, place.head, 0u);
                for (var c = 0u; c < 4u && column + c * LANES < call.head_width; c++) {
                    let i = to + column + c * LANES;
                    let value = sums[c] * call.scale;
                    dq[i] = select(value, dq[i] + value, call.add_q == 1u);
                }
            }
        }
    }
}

@compute @workgroup_size(256)
fn backward_keys(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let lane = thread % LANES;
    let own = thread / LANES * 2u * LANES;
    for (var first = group.x * ROWS; first < call.keys * call.heads; first += groups.x * ROWS) {
        let place = key_of(first + thread / LANES);
        let j = place.row - table[call.fifth + 2u * call.queries + 3u * place.row + 2u];
        var most = 0u;
        for (var i = 0u; i < ROWS; i++) {
            most = max(most, key_of(first + i).count);
        }
        for (var pass_start = 0u; pass_start < call.head_width; pass_start += PASS) {
            let column = pass_start + lane;
            var key_sums = vec4<f32>(0.0);
            var value_sums = vec4<f32>(0.0);
            for (var block = 0u; block < most; block += LANES) {
                let query = place.start + block + lane;
                var both = vec2<f32>(0.0);
                if block + lane < place.count && attends(query, j) {
                    let factor = factors(query, place.head, j)[j % 4u];
                    both = weight_and_slope(query, place.row, place.head, factor);
                }
                weights[own + lane] = both.x;
                weights[own + LANES + lane] = both.y;
                workgroupBarrier();
                let end = min(LANES, place.count - min(block, place.count));
                for (var i = 0u; i < end; i++) {
                    let weight = weights[own + i];
                    let slope = weights[own + LANES + i];
                    let source = at(place.start + block + i, place.head, 0u);
                    for (var c = 0u; c < 4u && column + c * LANES < call.head_width; c++) {
                        if !(slope == 0.0) {
                            key_sums[c] += slope * q[call.first + source + column + c * LANES];
                        }
                        if !(weight == 0.0) {
                            value_sums[c] += weight * dout[call.sixth + source + column + c * LANES];
                        }
                    }
                }
                workgroupBarrier();
            }
            if place.present {
                let to = at(place.row, place.head, 0u);
                for (var c = 0u; c < 4u && column + c * LANES < call.head_width; c++) {
                    let key_at = call.seventh + to + column + c * LANES;
                    let key_value = key_sums[c] * call.scale;
                    dk[key_at] = select(key_value, dk[key_at] + key_value, call.add_k == 1u);
                    let value_at = call.eighth + to + column + c * LANES;
                    dv[value_at] = select(value_sums[c], dv[value_at] + value_sums[c], call.add_v == 1u);
                }
            }
        }
    }
}
