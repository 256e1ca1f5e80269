//! The gradient lane against the pure functions: loads and adds in any interleaving the order rule allows.

mod block;

use backspike_arch::num::{Gradient, accumulate_gradient};
use backspike_hdl::engine::{GRADIENT_LATENCY, GradientLane};
use backspike_tb::Library;
use block::{Expected, STARTS, catches, field, generator, library, pattern, start};
use rand::{Rng, rngs::StdRng};

#[test]
fn a_lane_accumulates_the_gradient() {
    let mut rng = generator("a_lane_accumulates_the_gradient");
    for slots in [1, 4] {
        lane_bench(&library(GradientLane::new(slots)), slots, &mut rng);
    }
}

#[test]
fn mutations_of_the_gradient_lane_are_caught() {
    let mut rng = generator("mutations_of_the_gradient_lane_are_caught");
    // Rounding to nearest instead of down, an error that is kept for the wrong step or slot, and a sum of errors that loses its sign.
    for (slots, from, to) in [
        (1, "= placed[44:21];", "= placed[44:21] + {23'd0, placed[20]};"),
        (1, "loads[2]", "loads[1]"),
        (2, "loads[6]", "loads[2]"),
        (1, "32'hfc000000", "32'hf8000000"),
    ] {
        catches(GradientLane::new(slots), from, to, |library| lane_bench(library, slots, &mut rng));
    }
}

fn lane_bench(library: &Library, slots: usize, rng: &mut StdRng) {
    let steps = 4 * slots;
    for seed in STARTS {
        let mut model = start(library, seed);
        let mut expected = Expected::default();
        let mut cycle = 0;
        let mut full = 0;
        for _ in 0..2000 {
            let shift = if rng.random() { 0 } else { rng.random_range(0..16) };
            model.set("gradient_shift_i", u64::from(shift));
            let mut errors = vec![None; steps];
            let (loading, adding) = (rng.random_range(0.05..1.0), rng.random_range(0.1..1.0));
            for beat in 0..steps + 56 {
                // Errors of the tile-block before, and of a shift before, may still be there: every step is loaded before its use.
                let load = beat < steps || rng.random_bool(loading);
                let load_at = if beat < steps { beat } else { rng.random_range(0..steps) };
                let error = pattern(rng);
                model.set("load_valid_i", load.into());
                model.set("load_at_i", load_at as u64);
                model.set("error_i", error.0.into());

                // As often all, to see the widest sums.
                let all = rng.random_bool(0.25);
                let add_mask: u64 = if all { u64::MAX } else { rng.random() };
                let picked = |step: &usize| add_mask >> step & 1 == 1;
                let start_value: i32 = rng.random();
                // The last beats drain the loads: a shift changes only when none is on its way.
                let loaded = (0..steps).filter(picked).all(|step| errors[step].is_some());
                let add = loaded && beat < steps + 52 && rng.random_bool(adding);
                model.set("add_valid_i", add.into());
                for slot in 0..slots {
                    model.set(&format!("add_mask_i_{slot}"), add_mask >> (4 * slot) & 15);
                }
                model.set("gradient_i", field(start_value.into(), 32));
                if add {
                    let mut gradient = Gradient(start_value);
                    let added = (0..steps).filter(picked).filter_map(|step| errors[step]);
                    for error in added.clone() {
                        accumulate_gradient(&mut gradient, error, shift);
                    }
                    let added: Vec<_> = added.collect();
                    let what = format!("{start_value} + {added:?} >> (6 + {shift})");
                    let due = cycle + GRADIENT_LATENCY as u64;
                    expected.push(&model, due, "gradient_o", field(gradient.0.into(), 32), what);
                    full += u64::from(added.len() == steps);
                }
                if load {
                    errors[load_at] = Some(error);
                }
                model.tick(1);
                cycle += 1;
                expected.check(&model, cycle);
            }
            model.set("load_valid_i", 0);
            model.set("add_valid_i", 0);
            for _ in 0..GRADIENT_LATENCY {
                model.tick(1);
                cycle += 1;
                expected.check(&model, cycle);
            }
        }
        assert!(expected.checks() > 20_000 && full > 1000, "{} {full}", expected.checks());
    }
}
