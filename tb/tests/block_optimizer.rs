//! The optimizer lane against the pure functions: every pattern of weight and moment, and random ones with every parameter.

mod block;

use backspike_arch::num::{
    F16, Gradient, Optimizer, OptimizerParams, UpdateShifts, coordinate_hash, optimizer_step,
};
use backspike_hdl::optimizer::{OPTIMIZER_LATENCY, OptimizerLane};
use backspike_tb::{Library, Model};
use block::{STARTS, catches, field, generator, library, pattern, spread, start, tick_with_pauses};
use rand::{Rng, rngs::StdRng};

#[derive(Clone, Copy, Debug)]
struct Case {
    weight: F16,
    state: F16,
    gradient: i32,
    input: u16,
    output: u16,
}

/// Streams the cases through a lane with these parameters and compares all.
fn run(
    model: &mut Model,
    params: &OptimizerParams,
    shifts: UpdateShifts,
    key: u32,
    cases: &[Case],
) {
    let kind = match params.kind {
        Optimizer::Sgd => 1,
        Optimizer::Lion => 2,
    };
    for (name, value) in [
        ("key_i", u64::from(key)),
        ("kind_i", kind),
        ("b1_i", params.b1.into()),
        ("b2_i", params.b2.into()),
        ("rate_i", shifts.rate.into()),
        ("gradient_scale_i", shifts.gradient.into()),
        ("weight_max_exp_i", params.weight_max_exp.into()),
    ] {
        model.set(name, value);
    }
    let [weight, state, gradient, input, output] =
        ["weight_i", "state_i", "gradient_i", "in_i", "out_i"].map(|name| model.port(name));
    let enable = model.port("enable_i");
    let (weight_o, state_o) = (model.port("weight_o"), model.port("state_o"));
    for cycle in 0..cases.len() + OPTIMIZER_LATENCY {
        if let Some(done) = cycle.checked_sub(OPTIMIZER_LATENCY) {
            let case = cases[done];
            let r = coordinate_hash(key, case.input, case.output);
            let (w, m) =
                optimizer_step(params, shifts, case.weight, case.state, Gradient(case.gradient), r);
            let got = (model.read(weight_o), model.read(state_o));
            let expected = (u64::from(w.0), u64::from(m.0));
            assert!(
                got == expected,
                "weight and state {got:x?}, expected {expected:x?}: {case:x?} {params:?} {shifts:?} r = {r:#x}"
            );
        }
        if let Some(case) = cases.get(cycle) {
            model.write(weight, case.weight.0.into());
            model.write(state, case.state.0.into());
            model.write(gradient, field(case.gradient.into(), 32));
            model.write(input, case.input.into());
            model.write(output, case.output.into());
        }
        tick_with_pauses(model, &[enable], cycle);
    }
}

fn params(rng: &mut StdRng) -> (OptimizerParams, UpdateShifts, u32) {
    let shift = |rng: &mut StdRng, limit| {
        if rng.random_bool(0.7) {
            rng.random_range(0..limit / 2)
        } else {
            rng.random_range(0..limit)
        }
    };
    let params = OptimizerParams {
        kind: if rng.random() { Optimizer::Sgd } else { Optimizer::Lion },
        b1: rng.random_range(0..16),
        b2: rng.random_range(0..16),
        weight_max_exp: rng.random_range(0..4),
        gradient_shift: 0,
    };
    (params, UpdateShifts { rate: shift(rng, 64), gradient: shift(rng, 64) }, rng.random())
}

#[test]
fn every_weight_and_every_moment_is_updated() {
    let mut rng = generator("every_weight_and_every_moment_is_updated");
    let library = library(OptimizerLane::default());
    let mut model = start(&library, STARTS[0]);
    for _ in 0..4 {
        let (params, shifts, key) = params(&mut rng);
        let fixed = pattern(&mut rng);
        let case = |rng: &mut StdRng, weight, state| Case {
            weight,
            state,
            gradient: spread(rng, 32) as i32,
            input: rng.random(),
            output: rng.random(),
        };
        let weights: Vec<Case> =
            (0..=u16::MAX).map(|bits| case(&mut rng, F16(bits), fixed)).collect();
        run(&mut model, &params, shifts, key, &weights);
        let states: Vec<Case> =
            (0..=u16::MAX).map(|bits| case(&mut rng, fixed, F16(bits))).collect();
        run(&mut model, &params, shifts, key, &states);
    }
}

#[test]
fn random_weights_are_updated() {
    let mut rng = generator("random_weights_are_updated");
    random_bench(&library(OptimizerLane::default()), &mut rng);
}

#[test]
fn mutations_of_the_optimizer_lane_are_caught() {
    let mut rng = generator("mutations_of_the_optimizer_lane_are_caught");
    // Random bits that are not aligned with the dropped ones, a tie that rounds up, and a decay left out.
    for (from, to) in [
        ("= mix_hash_o << normalize_count_o;", "= mix_hash_o;"),
        ("(normal_i[29:0] != 30'd0) || normal_i[31]", "1'b1"),
        ("(state_wide - moment_leak_wide)", "state_wide"),
    ] {
        catches(OptimizerLane::default(), from, to, |library| random_bench(library, &mut rng));
    }
}

fn random_bench(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        for _ in 0..400 {
            let (params, shifts, key) = params(rng);
            let quiet = rng.random_bool(0.2);
            let cases: Vec<Case> = (0..500)
                .map(|_| Case {
                    weight: pattern(rng),
                    state: if quiet { F16(0) } else { pattern(rng) },
                    gradient: if quiet && rng.random() { 0 } else { spread(rng, 32) as i32 },
                    input: rng.random(),
                    output: rng.random(),
                })
                .collect();
            run(&mut model, &params, shifts, key, &cases);
        }
    }
}
