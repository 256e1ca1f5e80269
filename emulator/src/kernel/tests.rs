//! Kernels against `backspike_arch::num`, lane by lane, over all bit patterns that can occur.

use super::backward::{BackwardLanes, Trace};
use super::neuron::{Lanes, NeuronLanes};
use super::optimizer::{Row, UpdateLanes};
use super::{Simd, align, backward, neuron, optimizer};
use backspike_arch::num::{
    BackwardParams, F16, Fixed, Gradient, NeuronParams, Optimizer, OptimizerParams, Reset,
    UpdateShifts, align_weight, backward_step, coordinate_hash, neuron_step, optimizer_step,
};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LANES: usize = 48;
const ROUNDS: u64 = 400;

fn seed() -> u64 {
    let seed = std::env::var("BACKSPIKE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("BACKSPIKE_SEED={seed}");
    seed
}

/// Signed numbers of all magnitudes up to `bits` bits, the extremes often.
fn signed(rng: &mut ChaCha8Rng, bits: u32) -> i64 {
    let largest = (1i64 << (bits - 1)) - 1;
    match rng.random_range(0..12) {
        0 => largest,
        1 => -largest - 1,
        2 => 0,
        _ => {
            let value = rng.random::<i64>() >> rng.random_range(0..64);
            value.clamp(-largest - 1, largest)
        }
    }
}

/// Finite patterns, the largest often.
fn half(rng: &mut ChaCha8Rng) -> F16 {
    let magnitude = match rng.random_range(0..6) {
        0 => 0x7bff,
        1 => rng.random_range(0..0x400),
        _ => rng.random_range(0..0x7c00),
    };
    F16(magnitude | u16::from(rng.random::<bool>()) << 15)
}

#[test]
fn every_weight_is_aligned_as_the_numbers_say() {
    let halves: Vec<u16> = (0..=u16::MAX).collect();
    for simd in Simd::available() {
        let mut out = vec![0; halves.len()];
        align::weights(simd, &halves, &mut out);
        for (half, aligned) in halves.iter().zip(out) {
            assert_eq!(aligned, align_weight(F16(*half)).0, "{simd:?}, {half:#06x}");
        }
    }
}

#[test]
fn neuron_steps() {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed());
    for round in 0..ROUNDS {
        let p = NeuronParams {
            leak: rng.random_bool(0.8).then(|| rng.random_range(0..32)),
            reset: *[Reset::None, Reset::Hard, Reset::Soft].choose(rng).expect("a reset"),
            reset_before_leak: rng.random(),
            fire_ge: rng.random(),
            readout: rng.random_bool(0.2),
            input_shift: rng.random_range(0..16),
            theta: signed(rng, 32) as i32,
            width: std::array::from_fn(|_| rng.random::<u32>() >> rng.random_range(0..32)),
        };
        let before: Vec<i32> = (0..LANES).map(|_| signed(rng, 32) as i32).collect();
        let fired: Vec<u8> = (0..LANES).map(|_| rng.random_range(0..2)).collect();
        let x: Vec<i64> = (0..LANES).map(|_| signed(rng, 40)).collect();
        let step = rng.random_range(0..4);
        for simd in Simd::available() {
            let (mut u, mut now) = (before.clone(), fired.clone());
            let mut planes = [[0u8; LANES]; 3];
            let [spikes, code0, code1] = &mut planes;
            let mut lanes = Lanes { u: &mut u, fired: &mut now, spikes, code0, code1 };
            neuron::step64(simd, &NeuronLanes::new(&p), &x, &mut lanes, step);
            for i in 0..LANES {
                let expected = neuron_step(&p, Fixed(before[i]), fired[i] == 1, Fixed(x[i]));
                let code = planes[1][i] >> step | planes[2][i] >> step << 1;
                let got = (u[i], now[i] == 1, planes[0][i] >> step == 1, code);
                let expected = (expected.u.0, expected.spike, expected.spike, expected.code);
                assert_eq!(got, expected, "{simd:?}, round {round}, lane {i}, {p:?}");
            }
        }
    }
}

#[test]
fn backward_steps() {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed());
    for round in 0..ROUNDS {
        let p = BackwardParams {
            leak: rng.random_bool(0.8).then(|| rng.random_range(0..32)),
            reset: *[Reset::None, Reset::Hard, Reset::Soft].choose(rng).expect("a reset"),
            reset_before_leak: rng.random(),
            readout: rng.random_bool(0.2),
            input_shift: rng.random_range(0..16),
            detach_reset: rng.random(),
            gain: std::array::from_fn(|_| rng.random_range(-8..=7)),
            theta_shift: rng.random_range(-8..=7),
            error_max_exp: rng.random_range(0..=4),
        };
        let before: Vec<i64> = (0..LANES).map(|_| signed(rng, 40)).collect();
        let sums: Vec<i64> = (0..LANES).map(|_| signed(rng, 40)).collect();
        let planes: [Vec<u8>; 3] =
            std::array::from_fn(|_| (0..LANES).map(|_| rng.random_range(0..16)).collect());
        let step = rng.random_range(0..4);
        for simd in Simd::available() {
            let (mut v, mut d) = (before.clone(), vec![0; LANES]);
            let [spikes, code0, code1] = &planes;
            let trace = Trace { spikes, code0, code1 };
            let lanes = BackwardLanes::new(&p);
            let saturations = backward::step(simd, &lanes, &sums, trace, step, &mut v, &mut d);
            let mut expected_saturations = 0;
            for i in 0..LANES {
                let bit = |plane: usize| planes[plane][i] >> step & 1;
                let code = bit(1) | bit(2) << 1;
                let (v_next, e) = (Fixed(before[i]), Fixed(sums[i]));
                let expected = backward_step(&p, v_next, e, code, bit(0) == 1);
                expected_saturations += u64::from(expected.saturated);
                let got = (v[i], F16(d[i]));
                let expected = (expected.v.0, expected.d);
                assert_eq!(got, expected, "{simd:?}, round {round}, lane {i}, {p:?}");
            }
            assert_eq!(saturations, expected_saturations, "{simd:?}, round {round}, {p:?}");
        }
    }
}

#[test]
fn updates() {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed());
    for round in 0..ROUNDS {
        let p = OptimizerParams {
            kind: if rng.random() { Optimizer::Lion } else { Optimizer::Sgd },
            b1: rng.random_range(0..16),
            b2: rng.random_range(0..16),
            weight_max_exp: rng.random_range(0..4),
            gradient_shift: 0,
        };
        let shifts = UpdateShifts {
            rate: rng.random_range(0..64),
            gradient: *[0, 0, 5, 31, 63].choose(rng).expect("a shift"),
        };
        let weights: Vec<F16> = (0..LANES).map(|_| half(rng)).collect();
        let moments: Vec<F16> = (0..LANES).map(|_| half(rng)).collect();
        let gradients: Vec<i32> = (0..LANES).map(|_| signed(rng, 32) as i32).collect();
        let (key, input, first_out) = (rng.random(), rng.random::<u16>(), rng.random::<u16>());
        for simd in Simd::available() {
            let mut half: Vec<u16> = weights.iter().map(|w| w.0).collect();
            let mut state: Vec<u16> = moments.iter().map(|m| m.0).collect();
            let mut gradient = gradients.clone();
            let mut aligned = vec![0; LANES];
            align::weights(simd, &half, &mut aligned);
            let mut row = Row {
                aligned: &mut aligned,
                half: &mut half,
                state: &mut state,
                gradient: &mut gradient,
            };
            let lanes = UpdateLanes::new(&p, shifts);
            let row_key = key ^ u32::from(input) << 16;
            let largest = optimizer::update_row(simd, &lanes, &mut row, row_key, first_out.into());
            for i in 0..LANES {
                let r = coordinate_hash(key, input, first_out.wrapping_add(i as u16));
                let gradient = Gradient(gradients[i]);
                let expected = optimizer_step(&p, shifts, weights[i], moments[i], gradient, r);
                let got = (F16(half[i]), F16(state[i]));
                assert_eq!(got, expected, "{simd:?}, round {round}, lane {i}, {p:?}, {shifts:?}");
                assert_eq!(aligned[i], align_weight(expected.0).0);
            }
            assert_eq!(gradient, [0; LANES], "gradients are cleared");
            let magnitudes = aligned.iter().map(|w| w.unsigned_abs());
            assert_eq!(Some(largest), magnitudes.max());
        }
    }
}
