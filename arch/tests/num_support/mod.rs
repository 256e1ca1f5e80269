//! Exact references for the tests of the numbers, written without a line of the code under test, and the random source.
#![allow(dead_code)] // every test binary uses its own part

use std::sync::OnceLock;

/// SplitMix64 with helpers to hit borders.
pub struct Random(u64);

impl Random {
    /// Prints the seed, so that a failure can be repeated with `BACKSPIKE_SEED=<seed>`.
    pub fn new(test: &str) -> Random {
        let seed = std::env::var("BACKSPIKE_SEED")
            .ok()
            .map(|text| text.parse().expect("BACKSPIKE_SEED is an unsigned 64-bit number"))
            .unwrap_or(0x5eed_0000_0000_0001);
        println!("{test}: BACKSPIKE_SEED={seed}");
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn flip(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// A signed number of at most `bits` bits, of any magnitude with equal probability per leading bit; borders are common.
    pub fn signed(&mut self, bits: u32) -> i64 {
        let size = self.below(u64::from(bits)) as u32;
        let magnitude = match self.below(8) {
            0 => 0,
            1 => (1u64 << size) - 1,
            _ => self.next() & ((1 << size) - 1),
        } as i64;
        if self.flip() { -magnitude - 1 } else { magnitude }
    }

    /// Any finite binary16 pattern, all exponents alike.
    pub fn finite(&mut self) -> u16 {
        loop {
            let bits = self.next() as u16;
            if bits >> 10 & 31 != 31 {
                return bits;
            }
        }
    }

    /// Finite, with the exponent field at most `largest`: 17 is below 8, 18 below 16.
    pub fn finite_up_to(&mut self, largest: u16) -> u16 {
        let exponent = self.below(u64::from(largest) + 1) as u16;
        (self.next() as u16) & 0x83ff | exponent << 10
    }
}

/// The value of a pattern in units of 2^-24, read as the machine does: exponent fields above `largest` are read as `largest`.
pub fn units24(bits: u16, largest: u32) -> i128 {
    let exponent = u32::from(bits >> 10 & 31);
    let mantissa = i128::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa,
        e => (1024 + mantissa) * 2i128.pow(e.min(largest) - 1),
    };
    if bits >= 0x8000 { -magnitude } else { magnitude }
}

/// All magnitudes 0, 1, .. 0x7bff, and 65536 in place of infinity, in units of 2^-24, ascending.
pub fn magnitudes() -> &'static [i128] {
    static TABLE: OnceLock<Vec<i128>> = OnceLock::new();
    TABLE.get_or_init(|| (0..=0x7c00).map(|bits| units24(bits, 31)).collect())
}

/// The pattern nearest to `value * 2^lsb` (`lsb >= -60`), ties to the even pattern, found by search among all of them.
/// Overflow gives 0x7c00; zero is +0.
pub fn nearest(value: i128, lsb: i32) -> u16 {
    assert!(lsb >= -60);
    let table = magnitudes();
    // Everything in units of 2^-60: numbers below 2^17 need 77 bits.
    let magnitude = value.unsigned_abs() as i128;
    let bits = 128 - magnitude.leading_zeros() as i32;
    let pattern = if value == 0 {
        0
    } else if bits + lsb > 17 {
        0x7c00
    } else {
        let x = magnitude << (lsb + 60);
        let above = table.partition_point(|&m| m << 36 < x);
        if above > 0x7c00 {
            0x7c00
        } else if table[above] << 36 == x {
            above
        } else {
            let (up, down) = ((table[above] << 36) - x, x - (table[above - 1] << 36));
            match up.cmp(&down) {
                std::cmp::Ordering::Less => above,
                std::cmp::Ordering::Greater => above - 1,
                std::cmp::Ordering::Equal => above & !1,
            }
        }
    };
    if pattern == 0 || value > 0 { pattern as u16 } else { 0x8000 | pattern as u16 }
}

/// floor(value * 2^-shift) by division.
pub fn floor_div(value: i128, shift: u32) -> i128 {
    value.div_euclid(2i128.pow(shift.min(100)))
}

/// Clamp to a signed number of `bits` bits.
pub fn saturate(value: i128, bits: u32) -> i128 {
    value.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
}
