// with: functions
//
// y = a ∘ b with axes of length 1 repeated, and the gradient of one operand.
//
// Arguments: `kind` (add, subtract, multiply, divide, maximum, minimum), `operand` whose gradient is computed, `accumulate`; six
// axes of y and the strides of a and b along them, 0 where repeated (src/ops/binary.rs); the length n of what is written.
// Launch: forward and backward a thread an element; backward_repeated a group an element of the operand, whose threads go through
// the elements of y that it is repeated to, in strides, and add up in shared memory (1 KiB): always in the same order.
// At ties, maximum and minimum give the whole gradient to a.

@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

const KIND: u32 = 0u;
const OPERAND: u32 = 1u;
const ACCUMULATE: u32 = 2u;
const AXES: u32 = 3u;
const STRIDES: u32 = 9u;
const N: u32 = 21u;
/// Where the operands start: a, b and y, or a, b, dy and dx.
const STARTS: u32 = 22u;

var<workgroup> sums: array<f32, 256>;

fn word(i: u32) -> u32 {
    return words[i / 4u][i % 4u];
}

/// Where the element of y lies in a and in b.
fn places(element: u32) -> vec2<u32> {
    var rest = element;
    var place = vec2<u32>(0u, 0u);
    for (var axis = 6u; axis > 0u; axis--) {
        let length = word(AXES + axis - 1u);
        let index = rest % length;
        rest /= length;
        place += index * vec2<u32>(word(STRIDES + axis - 1u), word(STRIDES + 6u + axis - 1u));
    }
    return place;
}

fn value(kind: u32, a: f32, b: f32) -> f32 {
    switch kind {
        case 0u: { return a + b; }
        case 1u: { return a - b; }
        case 2u: { return a * b; }
        case 3u: { return a / b; }
        case 4u: { return select(select(b, a, a >= b), select(b, a, is_nan(a)), is_nan(a) || is_nan(b)); }
        default: { return select(select(b, a, a <= b), select(b, a, is_nan(a)), is_nan(a) || is_nan(b)); }
    }
}

/// The derivative after one operand.
fn derivative(kind: u32, operand: u32, a: f32, b: f32) -> f32 {
    let of_a = operand == 0u;
    switch kind {
        case 0u: { return 1.0; }
        case 1u: { return select(-1.0, 1.0, of_a); }
        case 2u: { return select(a, b, of_a); }
        case 3u: { return select(-a / b / b, 1.0 / b, of_a); }
        case 4u: { return select(0.0, 1.0, (a >= b) == of_a); }
        default: { return select(0.0, 1.0, (a <= b) == of_a); }
    }
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < word(N); i += 256u * groups.x) {
        let place = places(i);
        y[word(STARTS + 2u) + i] = value(word(KIND), a[word(STARTS) + place.x], b[word(STARTS + 1u) + place.y]);
    }
}

/// What element i of y gives to the operand.
fn share(i: u32) -> f32 {
    let place = places(i);
    let slope = derivative(word(KIND), word(OPERAND), a[word(STARTS) + place.x], b[word(STARTS + 1u) + place.y]);
    return slope * dy[word(STARTS + 2u) + i];
}

fn put(i: u32, value: f32) {
    let at = word(STARTS + 3u) + i;
    dx[at] = select(value, dx[at] + value, word(ACCUMULATE) == 1u);
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < word(N); i += 256u * groups.x) {
        put(i, share(i));
    }
}

@compute @workgroup_size(256)
fn backward_repeated(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var element = group.x; element < word(N); element += groups.x) {
        // 1. The element's indices fix those of y along the axes that are not repeated; the others are gone through.
        var repeats = 1u;
        for (var axis = 0u; axis < 6u; axis++) {
            repeats *= select(1u, word(AXES + axis), word(STRIDES + 6u * word(OPERAND) + axis) == 0u);
        }
        // 2. Each thread adds up its share.
        var sum = 0.0;
        for (var repeat = thread; repeat < repeats; repeat += 256u) {
            var own = element;
            var other = repeat;
            var i = 0u;
            var stride = 1u;
            for (var axis = 6u; axis > 0u; axis--) {
                let length = word(AXES + axis - 1u);
                if word(STRIDES + 6u * word(OPERAND) + axis - 1u) == 0u {
                    i += other % length * stride;
                    other /= length;
                } else {
                    i += own % length * stride;
                    own /= length;
                }
                stride *= length;
            }
            sum += share(i);
        }
        // 3. Halves are added to halves.
        sums[thread] = sum;
        workgroupBarrier();
        for (var width = 128u; width > 0u; width /= 2u) {
            if thread < width {
                sums[thread] += sums[thread + width];
            }
            workgroupBarrier();
        }
        if thread == 0u {
            put(element, sums[0]);
        }
        workgroupBarrier();
    }
}
