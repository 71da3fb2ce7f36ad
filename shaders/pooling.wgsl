// with: functions
//
// Maximum or mean over 2 × 2 windows of images, y[b, i, j, c] of x[b, 2i + {0, 1}, 2j + {0, 1}, c], and its backward: the mean gives
// dy/4 to each element, the maximum dy to the first element, row by row, that attains it.
//
// Arguments: `mean` (1, else maximum), `zeros` (1 when zeros follow an odd row or column, which is left out otherwise), `height`,
// `width`, `channels` of x, `accumulate`, the length n of what is written. x `[batch, height, width, channels]`.
// Launch: forward a thread a result, backward a thread an element of x; threads stride over the rest.
// NaN in a window gives NaN, and no gradient of the maximum.

struct Call {
    mean: u32,
    zeros: u32,
    height: u32,
    width: u32,
    channels: u32,
    accumulate: u32,
    n: u32,
    // forward: x, y; backward: x, dy, dx.
    first: u32,
    second: u32,
    third: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

/// The elements of a window, row by row: zero beyond the edge.
fn window(image: u32, row: u32, column: u32, channel: u32) -> vec4<f32> {
    var elements = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let down = 2u * row + i / 2u;
        let along = 2u * column + i % 2u;
        if down < call.height && along < call.width {
            elements[i] = x[call.first + ((image * call.height + down) * call.width + along) * call.channels + channel];
        }
    }
    return elements;
}

/// The place of the first largest element, or of the first NaN.
fn largest(elements: vec4<f32>) -> u32 {
    var place = 0u;
    for (var i = 1u; i < 4u; i++) {
        let value = elements[i];
        let best = elements[place];
        if !is_nan(best) && (is_nan(value) || value > best) {
            place = i;
        }
    }
    return place;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = (call.height + call.zeros) / 2u;
    let columns = (call.width + call.zeros) / 2u;
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let place = i / call.channels;
        let image = place / columns / rows;
        let elements = window(image, place / columns % rows, place % columns, i % call.channels);
        var value = elements[largest(elements)];
        if call.mean == 1u {
            value = 0.25 * (elements.x + elements.y + elements.z + elements.w);
        }
        y[call.second + i] = value;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let rows = (call.height + call.zeros) / 2u;
    let columns = (call.width + call.zeros) / 2u;
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let channel = i % call.channels;
        let along = i / call.channels % call.width;
        let down = i / call.channels / call.width % call.height;
        let image = i / call.channels / call.width / call.height;
        let row = down / 2u;
        let column = along / 2u;
        var share = 0.0;
        if row < rows && column < columns {
            let slope = dy[call.second + ((image * rows + row) * columns + column) * call.channels + channel];
            if call.mean == 1u {
                share = 0.25 * slope;
            } else {
                let elements = window(image, row, column, channel);
                let own = down % 2u * 2u + along % 2u;
                share = select(0.0, slope, largest(elements) == own && !is_nan(elements[own]));
            }
        }
        let at = call.third + i;
        dx[at] = select(share, dx[at] + share, call.accumulate == 1u);
    }
}
