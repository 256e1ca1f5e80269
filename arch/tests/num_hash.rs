//! The coordinate hash: known values, bijection, avalanche, no bias over coordinates.

mod num_support;

use backspike_arch::num::*;
use num_support::Random;

/// Undoes [`mix`] step by step; exists only if each step is a bijection.
fn unmix(x: u32) -> u32 {
    let inverse_of_odd =
        |n: u32| (0..5).fold(n, |i, _| i.wrapping_mul(2u32.wrapping_sub(n.wrapping_mul(i))));
    let unshift = |x: u32, shift: u32| (0..32 / shift + 1).fold(x, |y, _| x ^ y >> shift);
    let x = unshift(x, 16).wrapping_mul(inverse_of_odd(1 + (1 << 3) + (1 << 11)));
    let x = unshift(x, 4).wrapping_mul(inverse_of_odd(1 + (1 << 2)));
    // !x + (x << 15) = x * (2^15 - 1) - 1
    unshift(x, 12).wrapping_add(1).wrapping_mul(inverse_of_odd((1 << 15) - 1))
}

#[test]
fn is_a_bijection() {
    let mut random = Random::new("is_a_bijection");
    for i in 0..1u32 << 20 {
        for x in [i, !i, i.reverse_bits(), random.next() as u32] {
            assert_eq!(unmix(mix(x)), x);
            assert_eq!(mix(unmix(x)), x);
        }
    }
}

#[test]
fn one_flipped_bit_flips_half() {
    let mut random = Random::new("one_flipped_bit_flips_half");
    const SAMPLES: u32 = 20_000;
    let mut flips = [[0u32; 32]; 32];
    for _ in 0..SAMPLES {
        let x = random.next() as u32;
        for (input, row) in flips.iter_mut().enumerate() {
            let changed = mix(x) ^ mix(x ^ 1 << input);
            for (output, count) in row.iter_mut().enumerate() {
                *count += changed >> output & 1;
            }
        }
    }
    let total: u32 = flips.iter().flatten().sum();
    let mean = f64::from(total) / f64::from(SAMPLES * 32 * 32);
    assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
    for (input, row) in flips.iter().enumerate() {
        let mean = f64::from(row.iter().sum::<u32>()) / f64::from(SAMPLES * 32);
        assert!((mean - 0.5).abs() < 0.06, "input bit {input} flips {mean} of the outputs");
    }
}

#[test]
fn is_the_composition_the_machine_defines() {
    for (seed, step, layer) in [(0, 0, 0), (1, 2, 3), (u32::MAX, 1 << 31, 255)] {
        assert_eq!(update_key(seed, step, layer), mix(mix(mix(seed) ^ step) ^ layer));
    }
    assert_eq!(coordinate_hash(0x1234_5678, 0xabcd, 0xef01), mix(0x1234_5678 ^ 0xabcd_ef01));
    // Computed by hand-written Python integers from the definition.
    for (x, expected) in KNOWN {
        assert_eq!(mix(x), expected, "mix({x:#x})");
    }
}

const KNOWN: [(u32, u32); 6] = [
    (0x0, 0xcaa3caa3),
    (0x1, 0x12d60bf6),
    (0x2, 0x25ac1fe5),
    (0x80000000, 0x6551e551),
    (0xffffffff, 0xbd55fc18),
    (0xdeadbeef, 0x92da7565),
];

fn count_bits(hashes: impl Iterator<Item = u32>) -> ([f64; 32], f64) {
    let mut set = [0u32; 32];
    let mut n = 0u32;
    for r in hashes {
        set.iter_mut().enumerate().for_each(|(bit, count)| *count += r >> bit & 1);
        n += 1;
    }
    (set.map(f64::from), f64::from(n))
}

#[test]
fn has_no_bias_over_a_weight_matrix() {
    // The rounding of a weight below 0.06 drops at most 20 bits: these must be fair in every single step. The higher bits
    // serve larger weights; over the regular grid of one step they may lean by some percent.
    for step in 0..4 {
        let key = update_key(7, step, 1);
        let grid = (0..784u16).flat_map(|row| (0..512u16).map(move |column| (row, column)));
        let (set, n) =
            count_bits(grid.clone().map(|(row, column)| coordinate_hash(key, row, column)));
        for (bit, &count) in set.iter().enumerate() {
            let limit = if bit < 20 { 5.0 * (n / 4.0).sqrt() } else { 0.05 * n };
            assert!((count - n / 2.0).abs() < limit, "step {step}, bit {bit}: {count} of {n}");
        }
        let differs = |(row, column)| {
            coordinate_hash(key, row, column) ^ coordinate_hash(key, row, column + 1)
        };
        let (set, n) = count_bits(grid.map(differs));
        for (bit, &count) in set[..12].iter().enumerate() {
            assert!(
                (count - n / 2.0).abs() < 0.03 * n,
                "neighbours are correlated in bit {bit}: {count} of {n}"
            );
        }
    }
}

#[test]
fn has_no_bias_over_the_steps_of_a_training() {
    for (row, column) in [(0, 0), (5, 9), (783, 511), (u16::MAX, u16::MAX)] {
        let (set, n) = count_bits(
            (0..200_000).map(|step| coordinate_hash(update_key(7, step, 1), row, column)),
        );
        for (bit, &count) in set.iter().enumerate() {
            assert!(
                (count - n / 2.0).abs() < 5.0 * (n / 4.0).sqrt(),
                "({row}, {column}) bit {bit}: {count} of {n}"
            );
        }
    }
}
