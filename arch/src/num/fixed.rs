//! Fixed-point numbers whose LSB is part of the type, so that numbers of different scale cannot be added by mistake.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

/// An integer in units of 2^-`FRACTION`. The integer is public: loops that must vectorise work on slices of it.
///
/// `+`, `-` are exact; that they do not overflow is proved where the widths are chosen (see `docs/architecture/machine.md`).
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<I, const FRACTION: u32>(pub I);

/// Aligned weights (29 bit), aligned errors (30 bit), membranes and thresholds (32 bit): LSB 2^-24.
pub type Q24 = Fixed<i32, 24>;
/// FP accumulators (40 bit) and the optimizer's moment (42 bit): LSB 2^-24.
pub type Sum24 = Fixed<i64, 24>;
/// BP products (41 bit), BP sums (50 bit) and backward membranes (40 bit): LSB 2^-30.
pub type Q30 = Fixed<i64, 30>;
/// The weight sum of the optimizer, |W| < 2^42: LSB 2^-36.
pub type Q36 = Fixed<i64, 36>;

/// A batch gradient: signed 32 bit, LSB 2^(-18 + gradient_shift), where the shift belongs to the layer.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Gradient(pub i32);

impl Gradient {
    /// The value, for a layer with this `gradient_shift`; exact.
    #[inline]
    pub fn to_f64(self, gradient_shift: u8) -> f64 {
        f64::from(self.0) * power_of_two(i32::from(gradient_shift) - 18)
    }
}

impl<const F: u32> Fixed<i32, F> {
    #[inline]
    pub const fn widen(self) -> Fixed<i64, F> {
        Fixed(self.0 as i64)
    }

    /// The value; exact.
    #[inline]
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) * power_of_two(-(F as i32))
    }

    /// The nearest number, ties to even, saturating; NaN gives 0.
    #[inline]
    pub fn from_f64(x: f64) -> Self {
        // `as` saturates; the product by a power of two is exact, so there is one rounding.
        Fixed((x * power_of_two(F as i32)).round_ties_even() as i32)
    }
}

impl<const F: u32> Fixed<i64, F> {
    /// The value; exact below 53 significant bits.
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 * power_of_two(-(F as i32))
    }

    /// `self * 2^-shift`, floored to the LSB. Shifts of 63 and more give the sign: 0 or -1.
    #[inline]
    pub const fn floor_shift(self, shift: u32) -> Self {
        Fixed(floor_shift(self.0, shift))
    }

    /// Clamped to signed 40 bit.
    #[inline]
    pub const fn sat40(self) -> Self {
        Fixed(sat40(self.0))
    }

    /// Clamped to signed 32 bit.
    #[inline]
    pub const fn sat32(self) -> Fixed<i32, F> {
        Fixed(sat32(self.0))
    }
}

impl<const F: u32> From<Fixed<i32, F>> for Fixed<i64, F> {
    #[inline]
    fn from(narrow: Fixed<i32, F>) -> Self {
        narrow.widen()
    }
}

impl<I: Add<Output = I>, const F: u32> Add for Fixed<I, F> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Fixed(self.0 + other.0)
    }
}

impl<I: AddAssign, const F: u32> AddAssign for Fixed<I, F> {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl<I: Sub<Output = I>, const F: u32> Sub for Fixed<I, F> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Fixed(self.0 - other.0)
    }
}

impl<I: Neg<Output = I>, const F: u32> Neg for Fixed<I, F> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Fixed(-self.0)
    }
}

impl<I: fmt::Display, const F: u32> fmt::Debug for Fixed<I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*2^-{F}", self.0)
    }
}

/// Arithmetic shift right: floor(value * 2^-shift). Shifts of 63 and more give the sign: 0 or -1.
#[inline]
pub const fn floor_shift(value: i64, shift: u32) -> i64 {
    value >> if shift < 63 { shift } else { 63 }
}

/// Clamps to signed 32 bit.
#[inline]
pub const fn sat32(value: i64) -> i32 {
    if value > i32::MAX as i64 {
        i32::MAX
    } else if value < i32::MIN as i64 {
        i32::MIN
    } else {
        value as i32
    }
}

/// Clamps to signed 40 bit: -2^39 ..= 2^39 - 1.
#[inline]
pub const fn sat40(value: i64) -> i64 {
    const MAX: i64 = (1 << 39) - 1;
    const MIN: i64 = -(1 << 39);
    if value > MAX {
        MAX
    } else if value < MIN {
        MIN
    } else {
        value
    }
}

/// 2^exponent for the normal range of binary64.
#[inline]
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}
