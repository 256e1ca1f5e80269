//! The optimizer step and stochastic rounding, against exact integers.

mod num_support;

use backspike_arch::num::*;
use num_support::{Random, floor_div, magnitudes, nearest, saturate, units24};

/// |value| (LSB 2^-36) lies in [below, above): the patterns, and where between them, in units of 2^-36.
fn neighbours(magnitude: i128) -> (u16, i128, i128) {
    let above = magnitudes().partition_point(|&m| m << 12 <= magnitude);
    let below = magnitudes()[above - 1] << 12;
    ((above - 1) as u16, magnitude - below, (magnitudes()[above] << 12) - below)
}

/// The pattern with a sign, +0 for zero.
fn signed(magnitude: u16, negative: bool) -> u16 {
    if negative && magnitude != 0 { magnitude | 0x8000 } else { magnitude }
}

#[test]
fn rounding_is_unbiased_exactly() {
    // For every dropped width the count of upward results over all random values is the dropped part: enumerated up to 18
    // bits, and by the one threshold of `r` above it.
    let mut random = Random::new("rounding_is_unbiased_exactly");
    for leading in 0..42u32 {
        for _ in 0..4 {
            let magnitude = 1i64 << leading | (random.next() as i64 & ((1 << leading) - 1));
            let negative = random.flip();
            let sum = Fixed(if negative { -magnitude } else { magnitude });
            let (below, part, gap) = neighbours(magnitude.into());
            assert!(gap.count_ones() == 1 && gap <= 1 << 31);
            let up = signed(below + 1, negative);
            let down = signed(below, negative);
            if gap <= 1 << 18 {
                let count = (0..gap as u32).filter(|&r| stochastic(sum, r).to_bits() == up).count();
                assert_eq!(count as i128, part, "{sum:?}: up {part} times of {gap}");
                let count =
                    (0..gap as u32).filter(|&r| stochastic(sum, r).to_bits() == down).count();
                assert_eq!(count as i128, gap - part);
            }
            // r carries from gap - part on; bits of r above the gap do not matter.
            let threshold = (gap - part) as u32;
            let high = if gap < 1 << 31 { random.next() as u32 & !(2 * gap as u32 - 1) } else { 0 };
            assert_eq!(stochastic(sum, high | (threshold - 1)).to_bits(), down, "{sum:?}");
            if part > 0 {
                assert_eq!(stochastic(sum, high | threshold).to_bits(), up, "{sum:?}");
                assert_eq!(stochastic(sum, high | (gap - 1) as u32).to_bits(), up, "{sum:?}");
            }
        }
    }
}

#[test]
fn every_weight_is_a_fixed_point_of_rounding() {
    let mut random = Random::new("every_weight_is_a_fixed_point_of_rounding");
    for bits in 0..=u16::MAX {
        let w = F16::from_bits(bits);
        if w.to_f64().abs() < 16.0 {
            let sum = Fixed(i64::from(align_weight(w).0) << 12);
            for r in [0, u32::MAX, random.next() as u32] {
                assert_eq!(stochastic(sum, r), w.canonical(), "{bits:04x}");
            }
        }
    }
}

#[test]
fn rounding_never_leaves_the_neighbours() {
    let mut random = Random::new("rounding_never_leaves_the_neighbours");
    for _ in 0..1_000_000 {
        let value = random.signed(43).clamp(1 - (1 << 42), (1 << 42) - 1);
        let got = stochastic(Fixed(value), random.next() as u32).to_bits();
        let (below, part, _) = neighbours(value.unsigned_abs().into());
        let up = if part == 0 { below } else { below + 1 };
        assert!(
            [signed(below, value < 0), signed(up, value < 0)].contains(&got),
            "{value}: {got:04x}"
        );
        assert!(F16(got).is_finite() && got != 0x8000);
    }
}

#[test]
fn every_pattern_is_clipped() {
    for bits in 0..=u16::MAX {
        for exp in 0..4u8 {
            let limit = 1i128 << (24 + exp);
            let value = units24(bits, 31).clamp(-limit, limit);
            let got = clamp_weight(F16(bits), exp);
            assert_eq!(units24(got.to_bits(), 31), value, "{bits:04x} to 2^{exp}");
            assert_ne!(got.to_bits(), 0x8000);
        }
    }
}

/// The optimizer step in exact integers; returns the new moment and the weight sum before rounding.
fn exact_step(p: &OptimizerParams, s: UpdateShifts, w: u16, m: u16, gradient: i32) -> (u16, i128) {
    let finite = |bits: u16| bits & 0x8000 | (bits & 0x7fff).min(0x7bff);
    let moment = units24(m, 31);
    let g = i128::from(gradient) * 64;
    let (b1, b2, n, gs) =
        (u32::from(p.b1), u32::from(p.b2), u32::from(s.rate), u32::from(s.gradient));
    let blend = |b: u32, shift: u32| moment - floor_div(moment, b) + floor_div(g, shift);
    let (m, delta) = match p.kind {
        Optimizer::Lion => {
            (blend(b2, gs + b2), blend(b1, gs + b1).signum() * floor_div(1 << 36, n))
        }
        Optimizer::Sgd => (blend(b1, gs), 0),
    };
    let m = finite(nearest(m, -24));
    let delta = match p.kind {
        Optimizer::Lion => delta,
        Optimizer::Sgd => floor_div(units24(m, 31) << 12, n).clamp(-(1 << 41), 1 << 41),
    };
    (m, (units24(w, 18) << 12) - delta)
}

#[test]
fn step_is_exact() {
    let mut random = Random::new("step_is_exact");
    let (mut clipped, mut saturated, mut moved) = (0, 0, 0);
    for _ in 0..1_000_000 {
        let p = OptimizerParams {
            kind: if random.flip() { Optimizer::Lion } else { Optimizer::Sgd },
            b1: random.below(16) as u8,
            b2: random.below(16) as u8,
            weight_max_exp: random.below(4) as u8,
            gradient_shift: random.below(16) as u8,
        };
        let s = UpdateShifts { rate: random.below(64) as u8, gradient: random.below(64) as u8 };
        // Weights above weight_max do not occur, but the page defines them too.
        let w = random.finite_up_to(18);
        let m = if random.below(8) == 0 {
            random.next() as u16 & 0x8000 | 0x7bff
        } else {
            random.finite()
        };
        let gradient = random.signed(32) as i32;
        let r = random.next() as u32;
        let (got_w, got_m) = optimizer_step(&p, s, F16(w), F16(m), Gradient(gradient), r);
        let (m, sum) = exact_step(&p, s, w, m, gradient);
        assert_eq!(got_m.to_bits(), m, "moment: {p:?} {s:?} w={w:04x} G={gradient}");
        assert!(saturate(sum, 43) == sum && sum.abs() < 1 << 42);
        let (below, part, gap) = neighbours(sum.abs());
        let up = i128::from(r) % gap + part >= gap;
        let rounded = signed(below + u16::from(up), sum < 0);
        let limit = 1i128 << (24 + p.weight_max_exp);
        let expected = nearest(units24(rounded, 31).clamp(-limit, limit), -24);
        assert_eq!(
            got_w.to_bits(),
            expected,
            "weight: {p:?} {s:?} w={w:04x} G={gradient} r={r:08x}"
        );
        clipped += u32::from(expected != rounded);
        saturated += u32::from(m & 0x7fff == 0x7bff);
        moved += u32::from(units24(expected, 31) != units24(w, 31));
    }
    assert!(
        clipped > 10_000 && saturated > 10_000 && moved > 100_000,
        "{clipped} {saturated} {moved}"
    );
}

#[test]
fn moment_follows_real_arithmetic() {
    let mut random = Random::new("moment_follows_real_arithmetic");
    for _ in 0..100_000 {
        let (b, gs) = (random.below(16) as u8, random.below(16) as u8);
        let (m, gradient) = (random.finite_up_to(24), random.signed(32) as i32);
        let p = OptimizerParams {
            kind: Optimizer::Sgd,
            b1: b,
            weight_max_exp: 3,
            ..Default::default()
        };
        let s = UpdateShifts { rate: 20, gradient: gs };
        let (_, got) = optimizer_step(&p, s, F16::ZERO, F16(m), Gradient(gradient), 0);
        let value = F16(m).to_f64() * (1.0 - 2f64.powi(-i32::from(b)))
            + f64::from(gradient) * 2f64.powi(-18 - i32::from(gs));
        let value = value.clamp(-65504.0, 65504.0);
        // Two floors at LSB 2^-24, then half an ulp.
        let bound = 2f64.powi(-23) + (value.abs() * 2f64.powi(-11)).max(2f64.powi(-25)) * 1.001;
        assert!((got.to_f64() - value).abs() <= bound, "{got:?} for {value}");
    }
}

#[test]
fn named_edges_of_the_step() {
    let lion = OptimizerParams {
        kind: Optimizer::Lion,
        b1: 3,
        b2: 7,
        weight_max_exp: 3,
        gradient_shift: 0,
    };
    let sgd = OptimizerParams { kind: Optimizer::Sgd, ..lion };
    let at = |rate, gradient| UpdateShifts { rate, gradient };
    let half = F16::from_f64(0.5);
    let step = |p: &OptimizerParams, s, w, m, g: i32| optimizer_step(p, s, w, m, Gradient(g), 0);

    assert_eq!(
        step(&lion, at(10, 0), half, F16::ZERO, 0),
        (half, F16::ZERO),
        "no gradient, no moment: no step"
    );
    assert_eq!(
        step(&lion, at(10, 0), half, F16::ZERO, 8).0.to_f64(),
        0.5 - 2f64.powi(-10),
        "against a positive gradient"
    );
    assert_eq!(
        step(&lion, at(10, 0), half, F16::ZERO, -1).0.to_f64(),
        0.5 + 2f64.powi(-10),
        "a floored -1 is negative"
    );
    assert_eq!(
        step(&lion, at(10, 8), half, F16::ZERO, 1).0,
        half,
        "a positive gradient below the LSB is zero"
    );
    assert_eq!(
        step(&lion, at(36, 0), F16::ZERO, F16::ZERO, 1 << 20).0,
        F16::ZERO,
        "one unit of 2^-36, rounded down by r = 0"
    );
    assert_eq!(
        step(&lion, at(37, 0), F16(0x3ff), F16::ZERO, 1 << 20).0,
        F16(0x3ff),
        "a rate below 2^-36 is no step"
    );
    assert_eq!(step(&lion, at(63, 63), half, F16::ONE, i32::MIN).0, half, "the largest shifts");
    assert_eq!(
        step(&lion, at(24, 0), F16(0x400), F16::ZERO, 64).0,
        F16(0x3ff),
        "smallest normal to largest subnormal"
    );
    assert_eq!(step(&lion, at(24, 0), F16(0x3ff), F16::ZERO, -64).0, F16(0x400), "and back");
    assert_eq!(
        step(&lion, at(0, 0), F16::from_f64(8.0), F16::ZERO, -64).0.to_f64(),
        8.0,
        "clipped at weight_max"
    );
    assert_eq!(step(&lion, at(0, 0), F16::from_f64(-8.0), F16::ZERO, 64).0.to_f64(), -8.0);

    assert_eq!(
        step(&sgd, at(2, 0), half, F16::ZERO, 1 << 18),
        (F16::from_f64(0.25), F16::ONE),
        "m = G = 1, w = 0.5 - 1/4"
    );
    assert_eq!(step(&sgd, at(0, 0), half, F16::MAX, i32::MAX).1, F16::MAX, "the moment saturates");
    assert_eq!(step(&sgd, at(0, 0), half, F16(0xfbff), i32::MIN).1, F16(0xfbff));
    assert_eq!(
        step(&sgd, at(0, 0), half, F16::MAX, 0).0.to_f64(),
        -8.0,
        "a step is clamped to 32, then the weight to 8"
    );
    let smallest = F16(0x8001);
    assert_eq!(
        step(&sgd, at(63, 63), F16::ZERO, F16::ZERO, -1).1,
        smallest,
        "a shifted-out -1 is -1"
    );
    assert_eq!(
        step(&sgd, at(63, 63), F16::ZERO, F16::ZERO, 1).1,
        F16::ZERO,
        "a shifted-out 1 is 0"
    );
}
