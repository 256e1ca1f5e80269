//! Binary16 to fixed point, and the one multiplication of the machine.

use super::{F16, Fixed, Gradient, Q24, Q30, Sum24, floor_shift};

/// Largest exponent field of a weight: that of 8, the largest `weight_max`.
const WEIGHT_EXPONENT: u32 = 18;
/// Largest exponent field of an error: that of 16, the largest `error_max`.
const ERROR_EXPONENT: u32 = 19;

#[inline]
fn clamped_exponent(x: F16, largest: u32) -> u32 {
    x.exponent().max(1).min(largest)
}

/// A weight as a multiple of 2^-24, 29 bit signed. Exact for |w| <= 8; above 16 the exponent field is read as 18.
#[inline]
pub fn align_weight(w: F16) -> Q24 {
    // sig * 2^(e' - 25) = sig * 2^(e' - 1) units of 2^-24
    Fixed(w.signed_significand() << (clamped_exponent(w, WEIGHT_EXPONENT) - 1))
}

/// An error as a multiple of 2^-24, 30 bit signed. Exact for |d| <= 16; above 32 the exponent field is read as 19.
#[inline]
pub fn align_error(d: F16) -> Q24 {
    Fixed(d.signed_significand() << (clamped_exponent(d, ERROR_EXPONENT) - 1))
}

/// Any finite number as a multiple of 2^-24, exact, 42 bit signed. Infinity and NaN are read as 2^(31 - 15) and above.
#[inline]
pub fn align_full(m: F16) -> Sum24 {
    Fixed(i64::from(m.signed_significand()) << (m.exponent().max(1) - 1))
}

/// One term of `e[t,j] = sum_o w[j,o] * d[t,o]`: the exact 22-bit product of the significands at LSB 2^-30, floored once
/// toward minus infinity; 41 bit signed. Each product is rounded on its own, so the order of the sum does not matter.
#[inline]
pub fn product(w: F16, d: F16) -> Q30 {
    let exact = i64::from(w.signed_significand() * d.signed_significand());
    // w * d = exact * 2^(ew' + ed' - 50) = exact * 2^(ew' + ed' - 20) units of 2^-30, an exponent of -18..=17: first up by
    // 18 more (22 + 35 bits, exact), then down by 18, which is the floor.
    let up = clamped_exponent(w, WEIGHT_EXPONENT) + clamped_exponent(d, ERROR_EXPONENT) - 2;
    Fixed((exact << up) >> 18)
}

/// [`product`] as a raw integer, LSB 2^-30.
#[inline]
pub fn product_q30(w: F16, d: F16) -> i64 {
    product(w, d).0
}

/// A stored error as an error sum: what NEURON_BACK takes as `e`. 36 bit signed, exact where [`align_error`] is.
#[inline]
pub fn error_sum(d: F16) -> Q30 {
    Fixed(i64::from(align_error(d).0) << 6) // LSB 2^-24 to 2^-30
}

/// What one error adds to the gradient: floored once to LSB 2^(-18 + gradient_shift); 24 bit signed.
#[inline]
pub fn gradient_increment(d: F16, gradient_shift: u8) -> Gradient {
    Gradient(floor_shift(align_error(d).0.into(), 6 + u32::from(gradient_shift)) as i32)
}

/// `G[j] += s_in[t,j] * d[t]` for a set spike: exact, the compiler proves from error_max, steps and batch that 32 bits suffice.
#[inline]
pub fn accumulate_gradient(gradient: &mut Gradient, d: F16, gradient_shift: u8) {
    // The hardware wraps; a program that the compiler did not prove must not panic the emulator.
    gradient.0 = gradient.0.wrapping_add(gradient_increment(d, gradient_shift).0);
}
