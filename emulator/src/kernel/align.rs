//! Binary16 to fixed point, many at once.

use super::simd::vectorised;

/// Largest exponent field of an aligned weight, that of 8.
pub const WEIGHT_EXPONENT: i32 = 18;
/// Largest exponent field of an aligned error, that of 16.
pub const ERROR_EXPONENT: i32 = 19;

/// A binary16 pattern as a multiple of 2^-24, its exponent field read as at most `largest`.
#[inline(always)]
pub fn aligned(half: u16, largest: i32) -> i32 {
    let exponent = i32::from(half >> 10) & 31;
    let hidden = if exponent == 0 { 0 } else { 1024 };
    let significand = i32::from(half & 0x3ff) + hidden;
    let sign = -i32::from(half >> 15);
    ((significand ^ sign) - sign) << (exponent.clamp(1, largest) - 1)
}

/// Any binary16 pattern as a multiple of 2^-24, exact where finite.
#[inline(always)]
pub fn aligned_full(half: u16) -> i64 {
    let exponent = i64::from(half >> 10) & 31;
    let hidden = if exponent == 0 { 0 } else { 1024 };
    let significand = i64::from(half & 0x3ff) + hidden;
    let sign = -i64::from(half >> 15);
    ((significand ^ sign) - sign) << (exponent.max(1) - 1)
}

/// Error rows `[tile][step in block][lane]` to `[step][width]`: aligned, shifted right by `shift` (floor), zero where the tile's
/// `nonzero` bit of the step is clear.
#[inline(always)]
fn tiles_to_steps<const LANES: usize>(
    rows: &[u16],
    nonzero: &[u8],
    steps: usize,
    shift: u32,
    width: usize,
    out: &mut [i32],
) {
    for (tile, (rows, nonzero)) in rows.chunks_exact(4 * LANES).zip(nonzero).enumerate() {
        for step in 0..steps {
            let mask = -(i32::from(nonzero >> step) & 1);
            let row = &rows[step * LANES..][..LANES];
            let out = &mut out[step * width + tile * LANES..][..LANES];
            for (out, half) in out.iter_mut().zip(row) {
                *out = (aligned(*half, ERROR_EXPONENT) >> shift) & mask;
            }
        }
    }
}

vectorised! {
    /// Weights as multiples of 2^-24.
    pub fn weights(simd, half: &[u16], out: &mut [i32]) {
        for (out, half) in out.iter_mut().zip(half) {
            *out = aligned(*half, WEIGHT_EXPONENT);
        }
    }

    /// The largest magnitude of a row.
    pub fn largest(simd, row: &[i32]) -> u32 {
        row.iter().fold(0, |largest, w| largest.max(w.unsigned_abs()))
    }

    /// The error rows of a block, `[tile][4][lanes]`, to `[step][width]`; see `nonzero` and `shift` there.
    pub fn errors(
        simd,
        lanes: usize,
        rows: &[u16],
        nonzero: &[u8],
        steps: usize,
        shift: u32,
        width: usize,
        out: &mut [i32],
    ) {
        match lanes {
            4 => tiles_to_steps::<4>(rows, nonzero, steps, shift, width, out),
            8 => tiles_to_steps::<8>(rows, nonzero, steps, shift, width, out),
            16 => tiles_to_steps::<16>(rows, nonzero, steps, shift, width, out),
            _ => tiles_to_steps::<32>(rows, nonzero, steps, shift, width, out),
        }
    }
}
