// with: functions
// with: philox
//
// Standard normal numbers, or numbers from (0, 1): src/ops/random.rs has the formulas.
//
// Arguments: the words of the Philox key, the number of the first row, the width of a row, `normal` (1, else uniform), the number n
// of elements. out `[rows, width]`: the words behind column c of row r are those of the counter [r low, r high, ⌊c/4⌋, 4].
// Launch: a thread a block of four columns; threads stride over the rest. The integers are those of the CPU, bit for bit.

struct Call {
    key_low: u32,
    key_high: u32,
    row_low: u32,
    row_high: u32,
    width: u32,
    normal: u32,
    n: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

const UNIT: f32 = 2.3283064365386963e-10;

/// Two normal numbers by Box & Muller (1958).
fn normal_pair(radius: u32, angle: u32) -> vec2<f32> {
    // ln u from whichever end of (0, 1) is nearer, where a small number has all its digits.
    var log = 0.0;
    if radius < 0x80000000u {
        log = log_of((f32(radius) + 0.5) * UNIT);
    } else {
        log = log1p_of(-(f32(0xffffffffu - radius) + 0.5) * UNIT);
    }
    let turned = sine_and_cosine(f32(bitcast<i32>(angle)) * UNIT * 6.2831855);
    return sqrt(-2.0 * log) * vec2<f32>(turned.y, turned.x);
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let blocks = (call.width + 3u) / 4u;
    let rows = call.n / call.width;
    for (var i = thread.x; i < rows * blocks; i += 256u * groups.x) {
        let row = i / blocks;
        let block = i % blocks;
        let low = call.row_low + row;
        let high = call.row_high + select(0u, 1u, low < row);
        let words = philox(vec2<u32>(call.key_low, call.key_high), vec4<u32>(low, high, block, 4u));
        var numbers = vec4<f32>(unit_of(words.x), unit_of(words.y), unit_of(words.z), unit_of(words.w));
        if call.normal == 1u {
            numbers = vec4<f32>(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
        }
        for (var c = 0u; c < 4u && 4u * block + c < call.width; c++) {
            y[call.y + row * call.width + 4u * block + c] = numbers[c];
        }
    }
}
