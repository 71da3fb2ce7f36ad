// Philox 4×32 with ten rounds (Salmon et al. 2011): the same words as src/random/philox.rs gives.

/// The high half of a product of 32-bit words, which WGSL does not give.
fn high_product(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let cross = a_high * b_low + ((a_low * b_low) >> 16u);
    let carry = a_low * b_high + (cross & 0xffffu);
    return a_high * b_high + (cross >> 16u) + (carry >> 16u);
}

/// Four words of a key and a counter.
fn philox(key: vec2<u32>, counter: vec4<u32>) -> vec4<u32> {
    var k = key;
    var c = counter;
    for (var round = 0; round < 10; round++) {
        c = vec4<u32>(
            high_product(0xCD9E8D57u, c.z) ^ c.y ^ k.x,
            0xCD9E8D57u * c.z,
            high_product(0xD2511F53u, c.x) ^ c.w ^ k.y,
            0xD2511F53u * c.x,
        );
        k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

/// A number in the open interval (0, 1).
fn unit_of(word: u32) -> f32 {
    return (f32(word >> 9u) + 0.5) * (1.0 / 8388608.0);
}
