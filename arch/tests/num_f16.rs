//! binary16: every pattern, every tie, exact conversions.

mod num_support;

use backspike_arch::num::*;
use num_support::{Random, magnitudes, nearest, units24};

const UNIT: f64 = 1.0 / (1u64 << 24) as f64;

#[test]
fn every_pattern_has_its_value() {
    for bits in 0..=u16::MAX {
        let x = F16::from_bits(bits);
        let (exponent, mantissa) = (u32::from(bits) >> 10 & 31, u32::from(bits) & 0x3ff);
        assert_eq!(x.exponent(), exponent);
        assert_eq!(x.significand(), mantissa + if exponent > 0 { 1024 } else { 0 });
        assert_eq!(x.is_negative(), bits >= 0x8000);
        assert_eq!(x.is_finite(), exponent < 31, "{bits:04x}");
        assert_eq!(x.is_nan(), exponent == 31 && mantissa != 0, "{bits:04x}");
        assert_eq!(x.is_zero(), bits == 0 || bits == 0x8000);
        assert_eq!(x.abs().to_bits(), bits % 0x8000);
        assert_eq!(x.canonical().to_bits(), if bits == 0x8000 { 0 } else { bits });
        if x.is_nan() {
            assert!(x.to_f64().is_nan() && x.to_f32().is_nan());
        } else if x.is_finite() {
            let value = units24(bits, 31) as f64 * UNIT;
            assert_eq!(x.to_f64(), value, "{bits:04x}");
            assert_eq!(
                x.to_f64().is_sign_negative(),
                bits >= 0x8000,
                "sign of zero too, {bits:04x}"
            );
            assert_eq!(f64::from(x.to_f32()), value);
        } else {
            assert_eq!(x.to_f64(), if bits == 0x7c00 { f64::INFINITY } else { f64::NEG_INFINITY });
        }
    }
}

#[test]
fn every_pattern_comes_back() {
    for bits in 0..=u16::MAX {
        let x = F16::from_bits(bits);
        if x.is_nan() {
            assert!(F16::from_f64(x.to_f64()).is_nan());
            assert!(F16::from_f64_sat(x.to_f64()).is_nan());
            continue;
        }
        assert_eq!(F16::from_f64(x.to_f64()), x);
        assert_eq!(F16::from_f32(x.to_f32()), x);
        let saturated = if x.is_finite() { bits } else { bits & 0x8000 | 0x7bff };
        assert_eq!(F16::from_f64_sat(x.to_f64()).to_bits(), saturated);
        if x.is_finite() {
            assert_eq!(f16_from_fixed_rne(units24(bits, 31) as i64, -24), x.canonical());
            assert_eq!(f16_from_fixed_sat((units24(bits, 31) << 6) as i64, -30), x.canonical());
        }
    }
}

#[test]
fn f64_rounds_once_at_every_tie() {
    let table = magnitudes();
    for below in 0u16..0x7c00 {
        let above = below + 1; // 0x7c00: infinity stands where 65536 would be
        let even = if below % 2 == 0 { below } else { above };
        let tie = (table[usize::from(below)] + table[usize::from(above)]) as f64 * (UNIT / 2.0);
        for (x, expected) in [(tie.next_down(), below), (tie, even), (tie.next_up(), above)] {
            assert_eq!(F16::from_f64(x).to_bits(), expected, "{x:e}");
            assert_eq!(F16::from_f64(-x).to_bits(), 0x8000 | expected, "-{x:e}");
            assert_eq!(F16::from_f64_sat(x).to_bits(), expected.min(0x7bff), "{x:e}");
            assert_eq!(F16::from_f64_sat(-x).to_bits(), 0x8000 | expected.min(0x7bff), "-{x:e}");
        }
        // The tie has 12 significant bits: binary32 and the fixed-point conversions see it too.
        assert_eq!(F16::from_f32(tie as f32).to_bits(), even);
        let fixed = (table[usize::from(below)] + table[usize::from(above)]) as i64;
        for (offset, expected) in [(-1, below), (0, even), (1, above)] {
            let value = (fixed << 20) + offset;
            assert_eq!(f16_from_fixed_rne(value, -45).to_bits(), expected, "{value} * 2^-45");
            let negative = if expected == 0 { 0 } else { 0x8000 | expected };
            assert_eq!(f16_from_fixed_rne(-value, -45).to_bits(), negative, "-{value} * 2^-45");
            assert_eq!(f16_from_fixed_sat(value, -45).to_bits(), expected.min(0x7bff));
        }
    }
}

#[test]
fn named_edges_of_f64() {
    let p = |e: i32| 2f64.powi(e);
    for (name, x, bits) in [
        ("a second rounding at binary32 would lose the last bit", 1.0 + p(-11) + p(-30), 0x3c01),
        ("tie to even, down", 1.0 + p(-11), 0x3c00),
        ("tie to even, up", 1.0 + 3.0 * p(-11), 0x3c02),
        ("largest subnormal", 1023.0 * p(-24), 0x03ff),
        ("smallest normal", p(-14), 0x0400),
        ("between them: tie to the even smallest normal", 1023.5 * p(-24), 0x0400),
        ("smallest subnormal", p(-24), 0x0001),
        ("half of it: tie to zero", p(-25), 0x0000),
        ("just above half of it", p(-25) * (1.0 + f64::EPSILON), 0x0001),
        ("smallest f64", f64::from_bits(1), 0x0000),
        ("smallest normal f64", f64::MIN_POSITIVE, 0x0000),
        ("largest finite", 65504.0, 0x7bff),
        ("below the overflow tie", 65520f64.next_down(), 0x7bff),
        ("the overflow tie", 65520.0, 0x7c00),
        ("largest f64", f64::MAX, 0x7c00),
        ("infinity", f64::INFINITY, 0x7c00),
        ("minus zero", -0.0, 0x8000),
        ("minus nothing", -p(-30), 0x8000),
    ] {
        assert_eq!(F16::from_f64(x).to_bits(), bits, "{name}");
    }
    assert_eq!(F16::from_f64_sat(f64::NEG_INFINITY).to_bits(), 0xfbff);
    assert_eq!(F16::from_f64_sat(1e300), F16::MAX);
    for exponent in -14..=15 {
        assert_eq!(F16::power_of_two(exponent).to_f64(), p(exponent));
    }
    assert_eq!(F16::power_of_two(-15).to_f64(), p(-14), "the nearest normal power of two");
    assert_eq!(F16::power_of_two(16).to_f64(), p(15));
}

#[test]
fn named_edges_of_fixed() {
    for (name, value, lsb, bits) in [
        ("zero has no sign", 0, -24, 0x0000),
        ("zero at a large LSB", 0, 30, 0x0000),
        ("minus half the smallest number is +0", -1, -25, 0x0000),
        ("minus one and a half of it", -3, -25, 0x8002),
        ("i64::MIN is a tie of one half ulp", i64::MIN, -88, 0x0000),
        ("i64::MIN one binade up", i64::MIN, -87, 0x8001),
        ("i64::MIN, all bits dropped and more", i64::MIN, -200, 0x0000),
        ("i64::MIN overflows", i64::MIN, 0, 0xfc00),
        ("i64::MAX rounds up to 2^63", i64::MAX, -63, 0x3c00),
        ("LSB far below", i64::MAX, i32::MIN, 0x0000),
        ("LSB far above", 1, i32::MAX, 0x7c00),
        ("an exact left shift", 5, 3, 0x5100),
        ("a subnormal left shift", 3, -20, 0x0030),
    ] {
        assert_eq!(f16_from_fixed_rne(value, lsb).to_bits(), bits, "{name}");
    }
    assert_eq!(f16_from_fixed_sat(i64::MIN, 0).to_bits(), 0xfbff);
}

#[test]
fn fixed_agrees_with_a_search_among_all_numbers() {
    let mut random = Random::new("fixed_agrees_with_a_search_among_all_numbers");
    for _ in 0..1_000_000 {
        let value = random.signed(64);
        let lsb = random.below(81) as i32 - 60;
        let expected = nearest(value.into(), lsb);
        assert_eq!(f16_from_fixed_rne(value, lsb).to_bits(), expected, "{value} * 2^{lsb}");
        let saturated = expected & 0x8000 | (expected & 0x7fff).min(0x7bff);
        assert_eq!(f16_from_fixed_sat(value, lsb).to_bits(), saturated, "{value} * 2^{lsb}");
        // A 53-bit value goes through f64 with the same single rounding, except for the sign of zero.
        let short = value >> 11;
        let float = F16::from_f64(short as f64 * 2f64.powi(lsb)).canonical();
        assert_eq!(float, f16_from_fixed_rne(short, lsb), "{short} * 2^{lsb}");
    }
}
