// Sets of a ragged batch: the rows of set s are those from offset s to offset s + 1.
//
// A shader that takes this in says where a set starts: `fn offset_of(kind: u32, number: u32) -> u32`, where `kind` tells apart the offsets
// that it has.

/// The first set that ends behind a row.
fn set_of(kind: u32, row: u32, sets: u32) -> u32 {
    var low = 0u;
    var high = max(sets, 1u) - 1u;
    while low < high {
        let middle = (low + high) / 2u;
        if offset_of(kind, middle + 1u) <= row {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The first row of a set and the first one behind it, cut to the rows that exist.
fn rows_of(kind: u32, number: u32, rows: u32) -> vec2<u32> {
    let end = min(offset_of(kind, number + 1u), rows);
    return vec2<u32>(min(offset_of(kind, number), end), end);
}
