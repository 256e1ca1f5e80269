//! Number formats: every one of the 65,536 patterns through each alignment, the hash, and the rounding of errors at its borders.

mod block;

use backspike_arch::num::{
    BackwardParams, F16, Fixed, align_error, align_full, align_weight, error_from_v, mix,
};
use backspike_hdl::{
    neuron::{ERROR_ROUNDER_LATENCY, ErrorRounder},
    num::{ALIGN_LATENCY, AlignError, AlignFull, AlignWeight, MIX_LATENCY, Mix},
};
use block::{STARTS, field, generator, library, spread, start, tick_with_pauses};
use rand::Rng;

/// Streams `inputs` through a pipeline of one input and one output and compares every result.
fn stream(
    library: &backspike_tb::Library,
    latency: usize,
    ports: (&str, &str),
    inputs: &[u64],
    expected: impl Fn(u64) -> u64,
) {
    let mut model = start(library, STARTS[1]);
    let (input, output) = (model.port(ports.0), model.port(ports.1));
    let enable = model.port("enable_i");
    for cycle in 0..inputs.len() + latency {
        if let Some(done) = cycle.checked_sub(latency) {
            let (got, expected) = (model.read(output), expected(inputs[done]));
            assert!(got == expected, "{:#x} gives {got:#x}, expected {expected:#x}", inputs[done]);
        }
        model.write(input, *inputs.get(cycle).unwrap_or(&0));
        tick_with_pauses(&mut model, &[enable], cycle);
    }
}

#[test]
fn every_pattern_is_aligned() {
    let all: Vec<u64> = (0..=u16::MAX).map(u64::from).collect();
    let ports = ("value_i", "fixed_o");
    stream(&library(AlignWeight::default()), ALIGN_LATENCY, ports, &all, |x| {
        field(align_weight(F16(x as u16)).0.into(), 29)
    });
    stream(&library(AlignError::default()), ALIGN_LATENCY, ports, &all, |x| {
        field(align_error(F16(x as u16)).0.into(), 30)
    });
    stream(&library(AlignFull::default()), ALIGN_LATENCY, ports, &all, |x| {
        field(align_full(F16(x as u16)).0, 42)
    });
}

#[test]
fn hashes_are_those_of_the_machine() {
    let mut rng = generator("hashes_are_those_of_the_machine");
    let keys: Vec<u64> = (0..100_000).map(|_| u64::from(rng.random::<u32>())).collect();
    stream(&library(Mix::default()), MIX_LATENCY, ("key_i", "hash_o"), &keys, |x| {
        mix(x as u32).into()
    });
}

/// Every binary16 number up to the largest limit, the middle to its neighbour, and one unit to either side of both.
fn rounding_borders() -> Vec<i64> {
    let mut values = Vec::new();
    for code in 0..=F16::power_of_two(4).0 + 2 {
        let units = |code| i64::from(align_error(F16(code)).0) << 6;
        let (here, next) = (units(code), units(code + 1));
        for value in [
            here - 1,
            here,
            here + 1,
            (here + next) / 2 - 1,
            (here + next) / 2,
            (here + next) / 2 + 1,
        ] {
            values.extend([value, -value]);
        }
    }
    values.extend([(1 << 39) - 1, -(1 << 39), 1 - (1 << 39)]);
    values
}

#[test]
fn errors_round_to_nearest_even_and_clip() {
    let mut rng = generator("errors_round_to_nearest_even_and_clip");
    let library = library(ErrorRounder::default());
    let borders = rounding_borders();
    let mut clipped = 0;
    for (input_shift, error_max_exp) in [(0, 4), (0, 0), (1, 3), (6, 2), (15, 1)] {
        let mut values: Vec<i64> = (0..50_000).map(|_| spread(&mut rng, 40)).collect();
        values.extend(borders.iter().map(|v| v << input_shift).filter(|v| v.abs() >> 39 == 0));
        let params = BackwardParams { input_shift, error_max_exp, ..Default::default() };
        let mut model = start(&library, rng.random());
        model.set("input_shift_i", input_shift.into());
        model.set("error_max_exp_i", error_max_exp.into());
        model.set("valid_i", 1);
        for cycle in 0..values.len() + ERROR_ROUNDER_LATENCY {
            if let Some(done) = cycle.checked_sub(ERROR_ROUNDER_LATENCY) {
                let v = values[done];
                let (d, saturated) = error_from_v(&params, Fixed(v));
                let got = (model.get("error_o"), model.get("nonzero_o"), model.get("saturated_o"));
                let expected = (u64::from(d.0), u64::from(d != F16::ZERO), u64::from(saturated));
                assert_eq!(got, expected, "v = {v}, >> {input_shift}, limit 2^{error_max_exp}");
                clipped += expected.2;
            }
            model.set("v_i", field(*values.get(cycle).unwrap_or(&0), 40));
            model.tick(1);
        }
    }
    assert!(clipped > 10_000, "only {clipped} values were clipped");
}
