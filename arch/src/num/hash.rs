//! The hash that stands for randomness: a function of network coordinates only, hence independent of lanes, cores and order.

/// Thomas Wang's 32-bit integer hash: shifts, adds and exclusive ors, each step a bijection.
#[inline]
pub const fn mix(x: u32) -> u32 {
    let x = (!x).wrapping_add(x << 15);
    let x = x ^ (x >> 12);
    let x = x.wrapping_add(x << 2);
    let x = x ^ (x >> 4);
    let x = x.wrapping_add(x << 3).wrapping_add(x << 11);
    x ^ (x >> 16)
}

/// The immediate of UPDATE: `mix(mix(mix(seed) ^ step) ^ layer)`.
#[inline]
pub const fn update_key(seed: u32, step: u32, layer: u32) -> u32 {
    mix(mix(mix(seed) ^ step) ^ layer)
}

/// The random bits of one weight: `mix(key ^ (in << 16 | out))`, with the weight's coordinates in the *network*.
#[inline]
pub const fn coordinate_hash(key: u32, input: u16, output: u16) -> u32 {
    mix(key ^ ((input as u32) << 16 | output as u32))
}
