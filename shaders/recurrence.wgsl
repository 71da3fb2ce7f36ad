// with: columns
// with: functions
// with: product
// with: sets
//
// A gated recurrent unit or long short-term memory over all steps of all series, and its backward through time:
// src/ops/recurrence/mod.rs has the formulas.
//
// Arguments: those of the operation: `cell` (1 for long short-term memory), `reversed`, `all`, `keep`, `elements`, `series`, `units`
// H, `accumulate`; `extra`: for forward bits of the outputs that are there, for backward_kernel the rows of a block.
// a, da `[elements, G H]`, offsets `[series + 1]`, recurrent kernel `[H, G H]`, G = 3 or 4; gates `[elements, 4 H]`, states, cells,
// du_g `[elements, H]`.
// Launch: forward and backward a group for each series, states and gates in shared memory (12 and 14 KiB, which is why H is at most
// 512): forward a thread for each column of the kernel, backward for each unit and part of the sum over the columns. before and
// transpose a thread an element. tile_sums a group for 32 columns of 16 series; backward_kernel a group for 64 × 64 results over a
// block of elements (common/product.wgsl). All sums in an order that does not depend on the number of groups.

struct Call {
    cell: u32,
    reversed: u32,
    all: u32,
    keep: u32,
    elements: u32,
    series: u32,
    units: u32,
    accumulate: u32,
    extra: u32,
    // forward: a, offsets, kernel, bias, states, gates, cells, final states; transpose: kernel, transposed kernel; backward: gradient
    // of the output, offsets, transposed kernel, states, gates, cells, da, du_g; before: offsets, states, states before; tile_sums:
    // offsets, da, du_g, sums; backward_kernel: states before, da, du_g, sums over blocks.
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> kernel: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> states_out: array<f32>;
@group(0) @binding(6) var<storage, read_write> gates_out: array<f32>;
@group(0) @binding(7) var<storage, read_write> cells_out: array<f32>;
@group(0) @binding(8) var<storage, read_write> finals_out: array<f32>;

// transpose
@group(0) @binding(1) var<storage, read> plain: array<f32>;
@group(0) @binding(2) var<storage, read_write> transposed_out: array<f32>;

// backward
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> transposed: array<f32>;
@group(0) @binding(4) var<storage, read> states: array<f32>;
@group(0) @binding(5) var<storage, read> gates: array<f32>;
@group(0) @binding(6) var<storage, read> cells: array<f32>;
@group(0) @binding(7) var<storage, read_write> da_out: array<f32>;
@group(0) @binding(8) var<storage, read_write> du_g_out: array<f32>;

// before, tile_sums
@group(0) @binding(1) var<storage, read> series_offsets: array<u32>;
@group(0) @binding(2) var<storage, read> states_2: array<f32>;
@group(0) @binding(3) var<storage, read_write> previous_out: array<f32>;

// tile_sums, backward_kernel
@group(0) @binding(1) var<storage, read> previous: array<f32>;
@group(0) @binding(2) var<storage, read> da: array<f32>;
@group(0) @binding(3) var<storage, read> du_g: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums_out: array<f32>;

/// Series of a tile, as in src/ops/recurrence/series.rs.
const SERIES: u32 = 16u;

/// The state, or its gradient; the cell, or its gradient; the state's share of the gates, or the gradient of that.
var<workgroup> h: array<f32, 512>;
var<workgroup> c: array<f32, 512>;
var<workgroup> u: array<f32, 2048>;
/// Parts of the sums of a step back.
var<workgroup> parts: array<f32, 512>;

fn gate_count() -> u32 {
    return select(3u, 4u, call.cell == 1u);
}

/// The first element of a series, and its length.
fn extent(number: u32) -> vec2<u32> {
    let end = min(offsets[call.second + number + 1u], call.elements);
    let start = min(offsets[call.second + number], end);
    return vec2<u32>(start, end - start);
}

/// The element of a series at a step.
fn element_at(extent: vec2<u32>, step: u32) -> u32 {
    return extent.x + select(step, extent.y - 1u - step, call.reversed == 1u);
}

fn is_present(output: u32) -> bool {
    return (call.extra >> output & 1u) == 1u;
}

/// The state after a step for unit j from the input's share; u has the state's.
fn step_forward(element: u32, j: u32) {
    let units = call.units;
    let own = call.first + element * gate_count() * units + j;
    let before = h[j];
    var kept = vec4<f32>(0.0);
    if call.cell == 0u {
        let z = sigmoid_of(a[own] + u[j]);
        let r = sigmoid_of(a[own + units] + u[units + j]);
        let g = tanh_of(a[own + 2u * units] + r * u[2u * units + j]);
        h[j] = z * (before - g) + g;
        kept = vec4<f32>(z, r, g, u[2u * units + j]);
    } else {
        let i = sigmoid_of(a[own] + u[j]);
        let f = sigmoid_of(a[own + units] + u[units + j]);
        let g = tanh_of(a[own + 2u * units] + u[2u * units + j]);
        let o = sigmoid_of(a[own + 3u * units] + u[3u * units + j]);
        c[j] = f * c[j] + i * g;
        h[j] = o * tanh_of(c[j]);
        kept = vec4<f32>(i, f, g, o);
    }
    if is_present(0u) {
        states_out[call.fifth + element * units + j] = h[j];
    }
    if is_present(1u) {
        for (var gate = 0u; gate < 4u; gate++) {
            gates_out[call.sixth + (element * 4u + gate) * units + j] = kept[gate];
        }
    }
    if is_present(2u) {
        cells_out[call.seventh + element * units + j] = c[j];
    }
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let units = call.units;
    let width = gate_count() * units;
    for (var number = group.x; number < call.series; number += groups.x) {
        let extent = extent(number);
        for (var j = thread; j < units; j += 256u) {
            h[j] = 0.0;
            c[j] = 0.0;
        }
        workgroupBarrier();
        for (var step = 0u; step < extent.y; step++) {
            for (var column = thread; column < width; column += 256u) {
                var sum = 0.0;
                if call.cell == 0u {
                    sum = bias[call.fourth + column];
                }
                for (var i = 0u; i < units; i++) {
                    sum += h[i] * kernel[call.third + i * width + column];
                }
                u[column] = sum;
            }
            workgroupBarrier();
            let element = element_at(extent, step);
            for (var j = thread; j < units; j += 256u) {
                step_forward(element, j);
            }
            workgroupBarrier();
        }
        if is_present(3u) {
            for (var j = thread; j < units; j += 256u) {
                finals_out[call.eighth + number * units + j] = h[j];
            }
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(256)
fn transpose(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let width = gate_count() * call.units;
    for (var i = thread.x; i < call.units * width; i += 256u * groups.x) {
        transposed_out[call.second + i] = plain[call.first + i % call.units * width + i / call.units];
    }
}

/// The gradients of a step for unit j: u gets those of the state's share, h the part of that of the state before which does not go
/// through the product, c that of the cell before.
fn step_back(number: u32, element: u32, has_before: bool, before: u32, j: u32) {
    let units = call.units;
    var d = h[j];
    if call.all == 1u {
        d += gradient[call.first + element * units + j];
    }
    let kept = call.fifth + element * 4u * units + j;
    let to = call.seventh + element * gate_count() * units + j;
    if call.cell == 0u {
        let z = gates[kept];
        let r = gates[kept + units];
        let g = gates[kept + 2u * units];
        var state_before = 0.0;
        if has_before {
            state_before = states[call.fourth + before * units + j];
        }
        let dz = d * (state_before - g) * z * (1.0 - z);
        let dg = d * (1.0 - z) * (1.0 - g * g);
        let dr = dg * gates[kept + 3u * units] * r * (1.0 - r);
        h[j] = d * z;
        u[j] = dz;
        u[units + j] = dr;
        u[2u * units + j] = dg * r;
        da_out[to] = dz;
        da_out[to + units] = dr;
        da_out[to + 2u * units] = dg;
        du_g_out[call.eighth + element * units + j] = dg * r;
    } else {
        let i = gates[kept];
        let f = gates[kept + units];
        let g = gates[kept + 2u * units];
        let o = gates[kept + 3u * units];
        var cell_before = 0.0;
        if has_before {
            cell_before = cells[call.sixth + before * units + j];
        }
        let t = tanh_of(cells[call.sixth + element * units + j]);
        let dcell = c[j] + d * o * (1.0 - t * t);
        let slopes = vec4<f32>(
            dcell * g * i * (1.0 - i), dcell * cell_before * f * (1.0 - f), dcell * i * (1.0 - g * g), d * t * o * (1.0 - o),
        );
        h[j] = 0.0;
        c[j] = dcell * f;
        for (var gate = 0u; gate < 4u; gate++) {
            u[gate * units + j] = slopes[gate];
            da_out[to + gate * units] = slopes[gate];
        }
    }
}

@compute @workgroup_size(256)
fn backward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let units = call.units;
    let width = gate_count() * units;
    // Parts that a sum over the columns is cut into, so that few units keep all threads busy.
    let count = max(256u / units, 1u);
    let each = (width + count - 1u) / count;
    for (var number = group.x; number < call.series; number += groups.x) {
        let extent = extent(number);
        for (var j = thread; j < units; j += 256u) {
            h[j] = 0.0;
            if call.all == 0u {
                h[j] = gradient[call.first + number * units + j];
            }
            c[j] = 0.0;
        }
        workgroupBarrier();
        for (var step = extent.y; step > 0u; step--) {
            let element = element_at(extent, step - 1u);
            let before = element_at(extent, max(step, 2u) - 2u);
            for (var j = thread; j < units; j += 256u) {
                step_back(number, element, step > 1u, before, j);
            }
            workgroupBarrier();
            for (var i = thread; i < units * count; i += 256u) {
                let end = min(width, (i / units + 1u) * each);
                var sum = 0.0;
                for (var column = i / units * each; column < end; column++) {
                    sum += u[column] * transposed[call.third + column * units + i % units];
                }
                parts[i] = sum;
            }
            workgroupBarrier();
            for (var j = thread; j < units; j += 256u) {
                var sum = h[j];
                for (var part = 0u; part < count; part++) {
                    sum += parts[part * units + j];
                }
                h[j] = sum;
            }
            workgroupBarrier();
        }
    }
}

fn offset_of(kind: u32, number: u32) -> u32 {
    return series_offsets[call.first + number];
}

/// The state before each element, 0 at the first step.
@compute @workgroup_size(256)
fn before(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.elements * call.units; i += 256u * groups.x) {
        let element = i / call.units;
        let number = set_of(0u, element, call.series);
        var value = 0.0;
        if call.reversed == 1u {
            if element + 1u < rows_of(0u, number, call.elements).y {
                value = states_2[call.second + i + call.units];
            }
        } else if element > offset_of(0u, number) {
            value = states_2[call.second + i - call.units];
        }
        previous_out[call.third + i] = value;
    }
}

/// The gradient of the state's share of the gates; it differs from da in the last gate of a gated recurrent unit.
fn share_gradient(element: u32, column: u32) -> f32 {
    let units = call.units;
    if call.cell == 0u && column >= 2u * units {
        return du_g[call.third + element * units + column - 2u * units];
    }
    return da[call.second + element * gate_count() * units + column];
}

/// Σ du over the elements of each tile of series.
@compute @workgroup_size(256)
fn tile_sums(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let width = gate_count() * call.units;
    let tiles = (width + COLUMNS - 1u) / COLUMNS;
    let count = (call.series + SERIES - 1u) / SERIES;
    for (var work = group.x; work < count * tiles; work += groups.x) {
        let tile = work / tiles;
        let column = work % tiles * COLUMNS + thread % COLUMNS;
        let last = min((tile + 1u) * SERIES, call.series);
        let end = min(series_offsets[call.first + last], call.elements);
        var sum = 0.0;
        if column < width {
            for (var element = series_offsets[call.first + tile * SERIES] + thread / COLUMNS; element < end; element += STRIDE) {
                sum += share_gradient(element, column);
            }
        }
        let total = sum_over_column(thread, sum);
        if column < width && thread < COLUMNS {
            sums_out[call.fourth + tile * width + column] = total;
        }
    }
}

fn left_of(unit: u32, element: u32) -> f32 {
    if unit >= call.units {
        return 0.0;
    }
    return previous[call.first + element * call.units + unit];
}

fn right_of(element: u32, column: u32) -> f32 {
    if column >= gate_count() * call.units {
        return 0.0;
    }
    return share_gradient(element, column);
}

fn left_by_rows() -> bool {
    return true;
}

fn right_by_depth() -> bool {
    return false;
}

/// Σ hᵀ du over blocks of elements.
@compute @workgroup_size(256)
fn backward_kernel(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let units = call.units;
    let width = gate_count() * units;
    let across = (width + TILE - 1u) / TILE;
    let tiles = (units + TILE - 1u) / TILE * across;
    let blocks = (call.elements + call.extra - 1u) / call.extra;
    for (var work = group.x; work < blocks * tiles; work += groups.x) {
        let block = work / tiles;
        let unit = work % tiles / across * TILE;
        let column = work % tiles % across * TILE;
        var start: Products;
        let end = min((block + 1u) * call.extra, call.elements);
        var products = add_products(start, thread, unit, column, block * call.extra, end);
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                let to = vec2<u32>(unit + row_of_thread(thread, i), column + column_of_thread(thread, j));
                if to.x < units && to.y < width {
                    sums_out[call.fourth + (block * units + to.x) * width + to.y] = products.rows[i][j];
                }
            }
        }
    }
}
