// with: activations
// with: philox
//
// What a layer of a chain does behind its product: h = m f(a), plus what the input gives beside it, or times that; and back.
// m is dropout: feature j of row r is dropped if half word j mod 8 of Philox 4×32 for the counter [r, ⌊j/8⌋, 0, 4] lies below the
// threshold, else it counts `scale` times. A dropped activation is 0 even if it was NaN. src/ops/mlp has the formulas.
//
// Arguments: `function`; `branch` (0 none, 1 and 2 added, 3 times); `threshold`, `scale` and key of the mask; `columns`; the number n
// of elements. before (a), beside, h, dh, da, dbeside `[rows, columns]`.
// Launch: a thread an element; threads stride over the rest.

struct Call {
    function: u32,
    branch: u32,
    threshold: u32,
    scale: f32,
    key_low: u32,
    key_high: u32,
    columns: u32,
    n: u32,
    before: u32,
    beside: u32,
    // forward: h; backward: dh, da, dbeside.
    third: u32,
    fourth: u32,
    fifth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> before: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> h: array<f32>;
@group(0) @binding(3) var<storage, read> dh: array<f32>;
@group(0) @binding(4) var<storage, read_write> da: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbeside: array<f32>;

const GATE: u32 = 3u;

/// The factor of an element, 0 where it is dropped.
fn mask_of(i: u32) -> f32 {
    if call.threshold == 0u {
        return 1.0;
    }
    let feature = i % call.columns;
    let words = philox(vec2<u32>(call.key_low, call.key_high), vec4<u32>(i / call.columns, feature / 8u, 0u, 4u));
    let word = words[feature % 8u / 2u];
    let half = select(word >> 16u, word & 0xffffu, feature % 2u == 0u);
    return select(0.0, call.scale, half >= call.threshold);
}

/// m f(a), or m f'(a).
fn masked(mask: f32, value: f32) -> f32 {
    return select(mask * value, 0.0, mask == 0.0);
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        var value = masked(mask_of(i), value_of(call.function, before[call.before + i]));
        if call.branch == GATE {
            value *= beside[call.beside + i];
        } else if call.branch != 0u {
            value += beside[call.beside + i];
        }
        h[call.third + i] = value;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let mask = mask_of(i);
        let a = before[call.before + i];
        var slope = dh[call.third + i];
        if call.branch == GATE {
            dbeside[call.fifth + i] = slope * masked(mask, value_of(call.function, a));
            slope *= beside[call.beside + i];
        }
        da[call.fourth + i] = slope * masked(mask, derivative_of(call.function, a));
    }
}
