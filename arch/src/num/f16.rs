//! IEEE binary16 as a bit pattern: 1 sign bit, 5 exponent bits (bias 15), 10 mantissa bits.

use std::fmt;

/// A binary16 number, held as its bit pattern. `==` compares patterns: `+0 != -0`, and a NaN equals itself.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct F16(pub u16);

const EXPONENT_BIAS: i32 = 15;
const MANTISSA_BITS: u32 = 10;
const SIGN: u16 = 0x8000;
const INFINITY_BITS: u32 = 0x7c00;
/// Exponent of the smallest step, the ulp of all subnormal numbers: 2^-24.
const SUBNORMAL_ULP: i32 = 1 - EXPONENT_BIAS - MANTISSA_BITS as i32;

impl F16 {
    /// +0, the only zero the machine writes.
    pub const ZERO: F16 = F16(0);
    pub const ONE: F16 = F16(0x3c00);
    /// The largest finite number, 65504.
    pub const MAX: F16 = F16(0x7bff);
    pub const INFINITY: F16 = F16(INFINITY_BITS as u16);
    pub const NAN: F16 = F16(0x7e00);

    #[inline]
    pub const fn from_bits(bits: u16) -> F16 {
        F16(bits)
    }

    #[inline]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// 2^`exponent`, `exponent` in -14..=15 (the normal powers of two); outside, the nearest of them.
    #[inline]
    pub const fn power_of_two(exponent: i32) -> F16 {
        let field = exponent + EXPONENT_BIAS;
        F16(if field < 1 {
            1 << MANTISSA_BITS
        } else if field > 30 {
            30 << MANTISSA_BITS
        } else {
            (field as u16) << MANTISSA_BITS
        })
    }

    /// True for -0 and negative numbers.
    #[inline]
    pub const fn is_negative(self) -> bool {
        self.0 & SIGN != 0
    }

    /// The exponent field, 0..=31; 0 is zero and subnormal, 31 infinity and NaN.
    #[inline]
    pub const fn exponent(self) -> u32 {
        (self.0 >> MANTISSA_BITS) as u32 & 31
    }

    /// The significand with its hidden bit, 0..=2047: the value is `significand * 2^(max(exponent, 1) - 25)`.
    #[inline]
    pub const fn significand(self) -> u32 {
        let hidden = if self.exponent() == 0 { 0 } else { 1 << MANTISSA_BITS };
        hidden + (self.0 & 0x3ff) as u32
    }

    /// The significand with the sign of the number: -2047..=2047.
    #[inline]
    pub const fn signed_significand(self) -> i32 {
        let sign = -((self.0 >> 15) as i32); // 0 or -1
        (self.significand() as i32 ^ sign) - sign
    }

    #[inline]
    pub const fn is_finite(self) -> bool {
        self.exponent() != 31
    }

    #[inline]
    pub const fn is_nan(self) -> bool {
        (self.0 & !SIGN) as u32 > INFINITY_BITS
    }

    /// True for +0 and -0.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 & !SIGN == 0
    }

    #[inline]
    pub const fn abs(self) -> F16 {
        F16(self.0 & !SIGN)
    }

    /// -0 becomes +0, all else stays: the form in which the machine writes zero.
    #[inline]
    pub const fn canonical(self) -> F16 {
        if self.is_zero() { F16::ZERO } else { self }
    }

    /// The value; exact.
    #[inline]
    pub fn to_f64(self) -> f64 {
        f64::from(self.to_f32())
    }

    /// The value; exact, as every binary16 number is a binary32 number.
    #[inline]
    pub fn to_f32(self) -> f32 {
        let sign = u32::from(self.0 & SIGN) << 16;
        let magnitude = if self.is_finite() {
            let scale = f32::from_bits((self.exponent().max(1) + 127 - 25) << 23); // 2^(e' - 25), a normal binary32
            (self.significand() as f32 * scale).to_bits()
        } else {
            0x7f80_0000 | u32::from(self.0 & 0x3ff) << 13
        };
        f32::from_bits(sign | magnitude)
    }

    /// IEEE conversion: nearest, ties to even, one rounding. Overflow gives an infinity, NaN a NaN, and the sign of zero stays.
    #[inline]
    pub fn from_f64(x: f64) -> F16 {
        let sign = ((x.to_bits() >> 48) as u16) & SIGN;
        if x.is_nan() {
            return F16(sign | F16::NAN.0);
        }
        F16(sign | magnitude_of_f64(x).min(INFINITY_BITS) as u16)
    }

    /// As [`F16::from_f64`], but what is beyond the largest finite number becomes +-65504. NaN stays NaN: refuse it before.
    #[inline]
    pub fn from_f64_sat(x: f64) -> F16 {
        let sign = ((x.to_bits() >> 48) as u16) & SIGN;
        if x.is_nan() {
            return F16(sign | F16::NAN.0);
        }
        F16(sign | magnitude_of_f64(x).min(u32::from(F16::MAX.0)) as u16)
    }

    /// As [`F16::from_f64`]: binary32 widens exactly, so there is still one rounding.
    #[inline]
    pub fn from_f32(x: f32) -> F16 {
        F16::from_f64(f64::from(x))
    }
}

/// `value * 2^lsb` to binary16: nearest, ties to even, one rounding; overflow gives an infinity. Zero results are +0.
#[inline]
pub fn f16_from_fixed_rne(value: i64, lsb: i32) -> F16 {
    with_sign(value < 0, round_magnitude(value.unsigned_abs(), lsb).min(INFINITY_BITS))
}

/// As [`f16_from_fixed_rne`], saturating at +-65504 instead of overflowing.
#[inline]
pub fn f16_from_fixed_sat(value: i64, lsb: i32) -> F16 {
    with_sign(value < 0, round_magnitude(value.unsigned_abs(), lsb).min(u32::from(F16::MAX.0)))
}

/// Magnitude bits with a sign; a zero is always +0.
#[inline]
pub(super) fn with_sign(negative: bool, magnitude: u32) -> F16 {
    F16(magnitude as u16 | if negative && magnitude != 0 { SIGN } else { 0 })
}

/// Magnitude bits of |x|, x not NaN; 0x7c00 or more when it overflows.
#[inline]
fn magnitude_of_f64(x: f64) -> u32 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i32 & 0x7ff;
    let hidden = u64::from(exponent != 0) << 52;
    // Infinity (exponent 2047) reads as 2^1024 and overflows below like any other large number.
    round_magnitude(bits & ((1 << 52) - 1) | hidden, exponent.max(1) - 1075)
}

/// Rounds `a * 2^lsb` (`a <= 2^63`) to the nearest binary16, ties to even, and returns its magnitude bits: 0x7c00 or more
/// when it overflows.
#[inline]
fn round_magnitude(a: u64, lsb: i32) -> u32 {
    if a == 0 {
        return 0;
    }
    // Beyond +-1100 every non-zero `a` underflows to zero or overflows; the clamp keeps the sums below in range.
    let lsb = lsb.clamp(-1100, 1100);
    let leading = 63 - a.leading_zeros() as i32;
    // The last kept bit is ten below the leading one, and never below the subnormal ulp.
    let ulp = (leading + lsb - MANTISSA_BITS as i32).max(SUBNORMAL_ULP);
    let dropped = ulp - lsb;
    let kept = if dropped <= 0 {
        a << -dropped // at most 11 significant bits: exact
    } else if dropped < 64 {
        // Half an ulp less one, plus the last kept bit: carries from just above half, and from half itself only if odd.
        (a + ((1 << (dropped - 1)) - 1) + (a >> dropped & 1)) >> dropped
    } else {
        0 // a <= 2^63 is at most half of 2^64, and the tie goes to 0, which is even
    };
    // The hidden bit of `kept` adds one to the exponent field, and so does a carry out of the mantissa. 40 is beyond infinity.
    (((ulp - SUBNORMAL_ULP).min(40) as u32) << MANTISSA_BITS) + kept as u32
}

impl fmt::Debug for F16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(0x{:04x})", self.to_f32(), self.0)
    }
}

impl fmt::Display for F16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(f)
    }
}
