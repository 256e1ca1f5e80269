//! Alignment, product and sums, against exact integers.

mod num_support;

use backspike_arch::num::*;
use num_support::{Random, floor_div, nearest, units24};

fn fits(value: i128, bits: u32) -> bool {
    (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&value)
}

#[test]
fn every_pattern_aligns() {
    for bits in 0..=u16::MAX {
        let x = F16::from_bits(bits);
        let (weight, error, full) = (align_weight(x).0, align_error(x).0, align_full(x).0);
        assert_eq!(i128::from(weight), units24(bits, 18), "{bits:04x}");
        assert_eq!(i128::from(error), units24(bits, 19), "{bits:04x}");
        assert_eq!(i128::from(full), units24(bits, 31), "{bits:04x}");
        assert!(fits(weight.into(), 29) && fits(error.into(), 30) && fits(full.into(), 42));
        if x.is_finite() {
            assert_eq!(align_full(x).to_f64(), x.to_f64());
            if x.to_f64().abs() <= 8.0 {
                assert_eq!(align_weight(x).to_f64(), x.to_f64(), "exact up to weight_max");
            }
            if x.to_f64().abs() <= 16.0 {
                assert_eq!(align_error(x).to_f64(), x.to_f64(), "exact up to error_max");
                assert_eq!(error_sum(x).to_f64(), x.to_f64());
            }
        }
    }
}

#[test]
fn every_pattern_adds_to_the_gradient() {
    for bits in 0..=u16::MAX {
        for shift in 0..16 {
            let expected = floor_div(units24(bits, 19), 6 + u32::from(shift));
            let increment = gradient_increment(F16::from_bits(bits), shift);
            assert_eq!(i128::from(increment.0), expected, "{bits:04x} >>> {}", 6 + shift);
            assert!(fits(expected, 24));
            let mut gradient = Gradient(-7);
            accumulate_gradient(&mut gradient, F16::from_bits(bits), shift);
            assert_eq!(i128::from(gradient.0), expected - 7);
        }
    }
    assert_eq!(
        gradient_increment(F16::from_bits(0x8001), 0).0,
        -1,
        "the smallest negative error floors to -1"
    );
    assert_eq!(gradient_increment(F16::ONE, 0).to_f64(0), 1.0);
    assert_eq!(gradient_increment(F16::ONE, 3).to_f64(3), 1.0);
}

/// All exponents and both signs, times mantissas at the borders of carries, alternating bits, and some at random.
fn stratified_operands(random: &mut Random) -> Vec<u16> {
    let mut mantissas =
        vec![0, 1, 2, 3, 0x0ff, 0x155, 0x1fe, 0x1ff, 0x200, 0x201, 0x2aa, 0x3fd, 0x3fe, 0x3ff];
    while mantissas.len() < 32 {
        let mantissa = random.below(1024) as u16;
        if !mantissas.contains(&mantissa) {
            mantissas.push(mantissa);
        }
    }
    let exponents = 0..32u16;
    exponents
        .flat_map(|e| {
            mantissas
                .iter()
                .flat_map(move |&m| [e << 10 | m, 0x8000 | e << 10 | m])
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn product_on_stratified_pairs() {
    let mut random = Random::new("product_on_stratified_pairs");
    let operands = stratified_operands(&mut random);
    for border in
        [0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x0401, 0x3c00, 0x4800, 0x4c00, 0x7bff, 0xfbff]
    {
        assert!(operands.contains(&border), "the set lacks {border:04x}");
    }
    let mut pairs = 0u64;
    for &w in &operands {
        for &d in &operands {
            // The exact product in units of 2^-48, floored to 2^-30.
            let expected = floor_div(units24(w, 18) * units24(d, 19), 18);
            let got = product_q30(F16(w), F16(d));
            assert!(
                i128::from(got) == expected,
                "{w:04x} * {d:04x}: got {got}, expected {expected}"
            );
            assert!(fits(expected, 41));
            pairs += 1;
        }
    }
    assert!(pairs >= 4_000_000, "only {pairs} pairs");
}

#[test]
fn product_on_random_pairs() {
    let mut random = Random::new("product_on_random_pairs");
    for _ in 0..2_000_000 {
        let bits = random.next();
        let (w, d) = (bits as u16, (bits >> 16) as u16);
        let expected = floor_div(units24(w, 18) * units24(d, 19), 18);
        assert_eq!(i128::from(product(F16(w), F16(d)).0), expected, "{w:04x} * {d:04x}");
    }
}

#[test]
fn named_edges_of_the_product() {
    for (name, w, d, expected) in [
        ("one times one", 0x3c00, 0x3c00, 1i64 << 30),
        ("smallest times smallest is dropped", 0x0001, 0x0001, 0),
        ("minus smallest times smallest floors to -1", 0x8001, 0x0001, -1),
        ("the same on the other operand", 0x0001, 0x8001, -1),
        ("minus zero times anything", 0x8000, 0x4c00, 0),
        ("largest subnormals", 0x03ff, 0x03ff, (1023 * 1023) >> 18),
        ("smallest normals", 0x0400, 0x0400, 4),
        ("subnormal times normal", 0x83ff, 0x0400, -4),
        ("weight_max times error_max", 0x4800, 0x4c00, 128 << 30),
        ("minus weight_max times error_max", 0xc800, 0x4c00, -(128 << 30)),
    ] {
        assert_eq!(product_q30(F16(w), F16(d)), expected, "{name}");
    }
}

#[test]
fn sums_are_exact_in_any_order() {
    let mut random = Random::new("sums_are_exact_in_any_order");
    for round in 0..200 {
        let n = 1usize << random.below(13);
        let weights: Vec<u16> = (0..n).map(|_| random.finite_up_to(18)).collect();
        let errors: Vec<u16> = (0..n).map(|_| random.finite_up_to(18)).collect();

        let forward: Sum24 =
            weights.iter().fold(Fixed(0), |sum, &w| sum + align_weight(F16(w)).into());
        let exact: i128 = weights.iter().map(|&w| units24(w, 31)).sum();
        assert_eq!(i128::from(forward.0), exact, "round {round}");
        assert!(fits(exact, 29 + n.ilog2()), "29 bits and log2(fan-in) more hold the sum of {n}");

        let pair = |i: usize| product(F16(weights[i]), F16(errors[i]));
        let ascending: Q30 = (0..n).fold(Fixed(0), |sum, i| sum + pair(i));
        let descending: Q30 = (0..n).rev().fold(Fixed(0), |sum, i| sum + pair(i));
        let lanes = 1usize << random.below(6);
        let interleaved: Q30 = (0..lanes)
            .map(|lane| (lane..n).step_by(lanes).fold(Fixed(0), |sum, i| sum + pair(i)))
            .fold(Fixed(0), |sum, part| sum + part);
        let floored: i128 =
            (0..n).map(|i| floor_div(units24(weights[i], 31) * units24(errors[i], 31), 18)).sum();
        assert_eq!(i128::from(ascending.0), floored);
        assert_eq!((descending, interleaved), (ascending, ascending));

        // Each product loses less than one unit of 2^-30 = 2^18 units of 2^-48, downward.
        let unfloored: i128 =
            (0..n).map(|i| units24(weights[i], 31) * units24(errors[i], 31)).sum();
        let lost = unfloored - (floored << 18);
        assert!((0..(n as i128) << 18).contains(&lost), "lost {lost} of {n} products");
    }
}

#[test]
fn stored_errors_come_back_as_sums() {
    for bits in 0..=u16::MAX {
        if units24(bits, 31).abs() <= 16 << 24 {
            assert_eq!(f16_from_fixed_rne(error_sum(F16(bits)).0, -30), F16(bits).canonical());
            assert_eq!(nearest(i128::from(error_sum(F16(bits)).0), -30), F16(bits).canonical().0);
        }
    }
}

#[test]
fn saturation_and_floor_at_their_edges() {
    let edge = 1i64 << 39;
    for (name, value, expected) in [
        ("largest", edge - 1, edge - 1),
        ("above", edge, edge - 1),
        ("smallest", -edge, -edge),
        ("below", -edge - 1, -edge),
    ] {
        assert_eq!(sat40(value), expected, "{name} of 40 bits");
    }
    let edge = 1i64 << 31;
    for (value, expected) in
        [(edge - 1, i32::MAX), (edge, i32::MAX), (-edge, i32::MIN), (-edge - 1, i32::MIN)]
    {
        assert_eq!(sat32(value), expected);
        assert_eq!(Sum24::sat32(Fixed(value)).0, expected);
    }
    assert_eq!((sat40(i64::MAX), sat40(i64::MIN)), ((1 << 39) - 1, -(1 << 39)));
    assert_eq!(
        (floor_shift(-1, 1), floor_shift(-1, 200), floor_shift(i64::MAX, 63), floor_shift(-5, 1)),
        (-1, -1, 0, -3)
    );
    assert_eq!(Q24::from_f64(1.5).0, 3 << 23);
    assert_eq!(Q24::from_f64(1e9).0, i32::MAX);
    assert_eq!(Q24::from_f64(f64::NAN).0, 0);
    assert_eq!(Q24::from_f64(2.5 / (1 << 24) as f64).0, 2, "tie to even");
}
