// with: functions
//
// V = W⁻¹ and ℓ = ln |det W|; backward dW = -(Vᵀ dV) Vᵀ + dℓ Vᵀ, in two programs: left_product Vᵀ dV, then the rest.
//
// Arguments: `dimensions` d, whether there is a gradient of V and of ℓ, `accumulate`; `hidden`, which is 0. All matrices `[d, d]`,
// sides `[d, 2d]`.
// Launch: forward one group: Gauss-Jordan elimination with partial pivoting in `sides`, W beside the identity, and two steps of
// X ← X + X (I - W X). left_product and backward a thread an element. Shared memory: 2.5 KiB.
// Every pair of numbers (x, y) stands for x + y: sums of products carry what rounding takes from them, so that the residual I - W X
// is right although W X is near I. Without it the inverse has the error of f32 times the condition of W; with it that of rounding.
// The compiler must not see that a + b - a is b: `opaque` hides it by a word that is 0.
// A singular matrix has ℓ = -∞ and V of NaN; a number in W that is not finite makes everything NaN.

struct Call {
    dimensions: u32,
    from_inverse: u32,
    from_log_det: u32,
    accumulate: u32,
    hidden: u32,
    // forward: W, V, ℓ, sides; left_product: V, dV, Vᵀ dV; backward: V, Vᵀ dV, dℓ, dW.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> inverse: array<f32>;
@group(0) @binding(3) var<storage, read_write> log_det: array<f32>;
@group(0) @binding(4) var<storage, read_write> sides: array<f32>;

@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> dv: array<f32>;
@group(0) @binding(3) var<storage, read_write> left_out: array<f32>;
@group(0) @binding(2) var<storage, read> left: array<f32>;
@group(0) @binding(3) var<storage, read> dlog_det: array<f32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

var<workgroup> sizes: array<f32, 256>;
var<workgroup> places: array<u32, 256>;
var<workgroup> factors: array<f32, 128>;

fn opaque(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | call.hidden);
}

/// a + b and what rounding took (Knuth 1969).
fn two_sum(a: f32, b: f32) -> vec2<f32> {
    let sum = opaque(a + b);
    let of_b = opaque(sum - a);
    let of_a = opaque(sum - of_b);
    return vec2<f32>(sum, opaque(a - of_a) + opaque(b - of_b));
}

/// a b and what rounding took, by halves of a and b whose products are exact (Dekker 1971).
fn two_product(a: f32, b: f32) -> vec2<f32> {
    let a_front = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
    let b_front = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
    let a_rest = opaque(a - a_front);
    let b_rest = opaque(b - b_front);
    let product = opaque(a * b);
    let rest = opaque(a_front * b_front - product);
    return vec2<f32>(product, ((rest + a_front * b_rest) + a_rest * b_front) + a_rest * b_rest);
}

/// sum + a b.
fn add_product(sum: vec2<f32>, a: f32, b: f32) -> vec2<f32> {
    let product = two_product(a, b);
    let total = two_sum(sum.x, product.x);
    return vec2<f32>(total.x, sum.y + (total.y + product.y));
}

/// Every element of W finite; the same for all threads.
fn all_finite(thread: u32) -> bool {
    let d = call.dimensions;
    places[thread] = 0u;
    for (var i = thread; i < d * d; i += 256u) {
        if !is_finite(w[call.first + i]) {
            places[thread] = 1u;
        }
    }
    workgroupBarrier();
    for (var width = 128u; width > 0u; width /= 2u) {
        if thread < width {
            places[thread] |= places[thread + width];
        }
        workgroupBarrier();
    }
    let faulty = workgroupUniformLoad(&places[0]);
    return faulty == 0u;
}

/// The first of the largest elements of column k from row k on.
fn pivot_of(thread: u32, k: u32) -> u32 {
    let d = call.dimensions;
    sizes[thread] = -1.0;
    places[thread] = thread;
    if thread >= k && thread < d {
        sizes[thread] = abs(sides[call.fourth + thread * 2u * d + k]);
    }
    workgroupBarrier();
    for (var width = 128u; width > 0u; width /= 2u) {
        if thread < width {
            let other = thread + width;
            let farther = places[other] > places[thread];
            if sizes[other] > sizes[thread] || (sizes[other] == sizes[thread] && !farther) {
                sizes[thread] = sizes[other];
                places[thread] = places[other];
            }
        }
        workgroupBarrier();
    }
    return workgroupUniformLoad(&places[0]);
}

/// Makes column k of the left side that of the identity, up to the pivot, which is returned; leaves it if that is 0.
fn eliminate(thread: u32, k: u32) -> f32 {
    let d = call.dimensions;
    let n = 2u * d;
    let row = call.fourth + k * n;
    let other = call.fourth + pivot_of(thread, k) * n;
    for (var j = thread; j < n; j += 256u) {
        let value = sides[other + j];
        sides[other + j] = sides[row + j];
        sides[row + j] = value;
    }
    storageBarrier();
    workgroupBarrier();
    let pivot = sides[row + k];
    if thread < d {
        factors[thread] = select(sides[call.fourth + thread * n + k] / pivot, 0.0, pivot == 0.0);
    }
    workgroupBarrier();
    storageBarrier();
    // Columns up to k are not read again.
    let width = n - k - 1u;
    for (var i = thread; i < d * width; i += 256u) {
        let to = i / width;
        let j = k + 1u + i % width;
        if to != k {
            sides[call.fourth + to * n + j] -= factors[to] * sides[row + j];
        }
    }
    storageBarrier();
    workgroupBarrier();
    return pivot;
}

@compute @workgroup_size(256)
fn forward(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let d = call.dimensions;
    let n = 2u * d;
    if group.x > 0u {
        return;
    }
    let finite = all_finite(thread);
    // 1. W beside the identity.
    for (var i = thread; i < d * n; i += 256u) {
        var value = select(0.0, 1.0, i / n + d == i % n);
        if i % n < d {
            value = w[call.first + i / n * d + i % n];
        }
        sides[call.fourth + i] = value;
    }
    storageBarrier();
    workgroupBarrier();
    // 2. Elimination.
    var log = 0.0;
    var rest = 0.0;
    for (var k = 0u; k < d; k++) {
        let both = two_sum(log, log_of(abs(eliminate(thread, k))));
        log = both.x;
        rest += both.y;
    }
    if thread == 0u {
        log_det[call.third] = select(nan(), select(log, log + rest, is_finite(log)), finite);
    }
    let regular = finite && is_finite(log);
    // 3. The inverse: rows of the right side by their pivots.
    for (var i = thread; i < d * d; i += 256u) {
        let row = call.fourth + i / d * n;
        sides[row + d + i % d] /= sides[row + i / d];
    }
    storageBarrier();
    workgroupBarrier();
    // 4. Corrections.
    for (var step = 0u; step < 2u; step++) {
        for (var i = thread; i < d * d; i += 256u) {
            var sum = vec2<f32>(0.0, 0.0);
            sum.x = select(0.0, 1.0, i / d == i % d);
            for (var k = 0u; k < d; k++) {
                sum = add_product(sum, -w[call.first + i / d * d + k], sides[call.fourth + k * n + d + i % d]);
            }
            sides[call.fourth + i / d * n + i % d] = sum.x + sum.y;
        }
        storageBarrier();
        workgroupBarrier();
        for (var i = thread; i < d * d; i += 256u) {
            let row = call.fourth + i / d * n;
            var sum = 0.0;
            for (var k = 0u; k < d; k++) {
                sum += sides[row + d + k] * sides[call.fourth + k * n + i % d];
            }
            inverse[call.second + i] = sides[row + d + i % d] + sum;
        }
        storageBarrier();
        workgroupBarrier();
        for (var i = thread; i < d * d; i += 256u) {
            sides[call.fourth + i / d * n + d + i % d] = inverse[call.second + i];
        }
        storageBarrier();
        workgroupBarrier();
    }
    if !regular {
        for (var i = thread; i < d * d; i += 256u) {
            inverse[call.second + i] = nan();
        }
    }
}

@compute @workgroup_size(256)
fn left_product(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let d = call.dimensions;
    for (var i = thread.x; i < d * d; i += 256u * groups.x) {
        var sum = vec2<f32>(0.0, 0.0);
        for (var row = 0u; row < d; row++) {
            sum = add_product(sum, v[call.first + row * d + i / d], dv[call.second + row * d + i % d]);
        }
        left_out[call.third + i] = sum.x + sum.y;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let d = call.dimensions;
    for (var i = thread.x; i < d * d; i += 256u * groups.x) {
        let row = i / d;
        let column = i % d;
        var sum = vec2<f32>(0.0, 0.0);
        if call.from_log_det == 1u {
            sum = two_product(dlog_det[call.third], v[call.first + column * d + row]);
        }
        if call.from_inverse == 1u {
            for (var k = 0u; k < d; k++) {
                sum = add_product(sum, -left[call.second + row * d + k], v[call.first + column * d + k]);
            }
        }
        let value = sum.x + sum.y;
        let at = call.fourth + i;
        dw[at] = select(value, dw[at] + value, call.accumulate == 1u);
    }
}
