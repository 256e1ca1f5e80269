//! The forward lane against the pure functions: random neurons, adds and steps in any interleaving the order rule allows.

mod block;

use backspike_arch::num::{F16, Fixed, NeuronParams, Reset, align_weight, neuron_step};
use backspike_hdl::engine::{FORWARD_MEMBRANE_LATENCY, FORWARD_SPIKE_LATENCY, ForwardLane};
use backspike_hdl::neuron::NEURON_STEP_CYCLES;
use backspike_tb::{Library, Model};
use block::{Expected, STARTS, catches, field, generator, library, pattern, spread, start};
use rand::{Rng, rngs::StdRng};

/// The scale of one tile: weights of a few subnormal ulps meet thresholds and windows of the same size, so that equality happens.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Ulps,
    Full,
}

fn neuron(rng: &mut StdRng, scale: Scale) -> NeuronParams {
    let size = |rng: &mut StdRng| match scale {
        Scale::Ulps => rng.random_range(0..40),
        Scale::Full => spread(rng, 33).unsigned_abs() as u32,
    };
    let width = [size(rng), size(rng), size(rng)];
    NeuronParams {
        leak: rng.random_bool(0.7).then(|| match scale {
            Scale::Ulps => rng.random_range(0..5),
            Scale::Full => rng.random_range(0..32),
        }),
        reset: [Reset::None, Reset::Hard, Reset::Soft][rng.random_range(0..3)],
        reset_before_leak: rng.random(),
        fire_ge: rng.random(),
        readout: rng.random_bool(0.15),
        input_shift: if rng.random() { 0 } else { rng.random_range(0..16) },
        theta: match scale {
            Scale::Ulps => rng.random_range(-20..40),
            Scale::Full => spread(rng, 32) as i32,
        },
        width,
    }
}

fn set_neuron(model: &mut Model, params: &NeuronParams, active: bool) {
    let reset = match params.reset {
        Reset::None => 0,
        Reset::Hard => 1,
        Reset::Soft => 2,
    };
    for (name, value) in [
        ("leak_shift_i", u64::from(params.leak.unwrap_or(7))),
        ("leak_on_i", params.leak.is_some().into()),
        ("reset_i", reset),
        ("reset_before_leak_i", params.reset_before_leak.into()),
        ("fire_ge_i", params.fire_ge.into()),
        ("readout_i", params.readout.into()),
        ("input_shift_i", params.input_shift.into()),
        ("theta_i", field(params.theta.into(), 32)),
        ("width1_i", params.width[0].into()),
        ("width2_i", params.width[1].into()),
        ("width3_i", params.width[2].into()),
        ("lane_active_i", active.into()),
    ] {
        model.set(name, value);
    }
}

/// How often the interesting things happened, so that a bench that misses them fails.
#[derive(Debug, Default)]
struct Seen {
    spikes: u64,
    codes: [u64; 4],
    saturated: u64,
    at_threshold: u64,
    on_window: u64,
}

struct Bench {
    model: Model,
    cycle: u64,
    sums: [i64; 4],
    taken: [i64; 4],
    membranes: Expected,
    spikes: Expected,
    seen: Seen,
}

impl Bench {
    /// One cycle: perhaps a neuron step (step, first), and perhaps an add, but none with step 0. Returns the sum of the step.
    fn cycle(
        &mut self,
        rng: &mut StdRng,
        scale: Scale,
        step: Option<(u64, bool)>,
        add: bool,
    ) -> i64 {
        let mut sum = 0;
        let model = &mut self.model;
        model.set("neuron_valid_i", step.is_some().into());
        let (neuron_step, first) = step.unwrap_or((rng.random_range(0..4), rng.random()));
        model.set("neuron_step_i", neuron_step);
        model.set("neuron_first_i", first.into());
        if step.is_some() {
            if neuron_step == 0 {
                self.taken = std::mem::take(&mut self.sums);
            }
            sum = self.taken[neuron_step as usize];
        }
        let weight = match scale {
            Scale::Ulps => {
                let sign = u16::from(rng.random::<bool>()) << 15;
                F16(sign | rng.random_range(0..24))
            }
            Scale::Full => pattern(rng),
        };
        let add = add && step.is_none_or(|(step, _)| step != 0);
        let add_mask: u64 = rng.random_range(0..16);
        model.set("add_valid_i", add.into());
        model.set("add_mask_i", add_mask);
        model.set("weight_i", weight.0.into());
        for (step, sum) in self.sums.iter_mut().enumerate() {
            *sum += i64::from(align_weight(weight).0) * i64::from(add && add_mask >> step & 1 == 1);
        }
        self.model.tick(1);
        self.cycle += 1;
        self.membranes.check(&self.model, self.cycle);
        self.spikes.check(&self.model, self.cycle);
        sum
    }

    fn tile(&mut self, rng: &mut StdRng) {
        let scale = if rng.random() { Scale::Ulps } else { Scale::Full };
        let params = neuron(rng, scale);
        let active = rng.random_bool(0.9);
        set_neuron(&mut self.model, &params, active);
        let steps: u64 = rng.random_range(1..=11);
        // Some tiles see hundreds of adds a block, so that membranes saturate; some have no more cycles between steps than they must.
        let density = rng.random_range(0.0..1.0);
        let gaps = rng.random_bool(0.5);
        let adds = if rng.random_bool(0.2) { 300 } else { 12 };
        let (mut u, mut spike) = (Fixed(0), false);
        for block in 0..steps.div_ceil(4) {
            for _ in 0..rng.random_range(0..adds) {
                let add = rng.random_bool(density);
                self.cycle(rng, scale, None, add);
            }
            let mut words = [0; 3];
            for t in block * 4..(block * 4 + 4).min(steps) {
                let mut pause = NEURON_STEP_CYCLES - 1;
                while gaps && rng.random() {
                    pause += 1;
                }
                for _ in 0..pause {
                    let add = rng.random_bool(density);
                    self.cycle(rng, scale, None, add);
                }
                let issued = self.cycle;
                let before = (u, spike);
                let add = rng.random_bool(density);
                let x = self.cycle(rng, scale, Some((t % 4, t == 0)), add);
                let result = neuron_step(&params, u, spike, Fixed(x));
                // A lane without a neuron never spikes and has no code.
                u = result.u;
                spike = result.spike && active;
                let code = if active { result.code } else { 0 };
                for (word, bit) in words.iter_mut().zip([u8::from(spike), code & 1, code >> 1]) {
                    *word |= u64::from(bit) << (t % 4);
                }
                let what =
                    format!("{params:?}, active {active}, t = {t}, before {before:?}, x = {x}");
                self.membranes.push(
                    &self.model,
                    issued + FORWARD_MEMBRANE_LATENCY as u64,
                    "membrane_o",
                    field(u.0.into(), 32),
                    what.clone(),
                );
                for (name, word) in ["spike_o", "code0_o", "code1_o"].into_iter().zip(words) {
                    let due = issued + FORWARD_SPIKE_LATENCY as u64;
                    self.spikes.push(&self.model, due, name, word, what.clone());
                }
                let distance = u.0.abs_diff(params.theta);
                self.seen.spikes += u64::from(spike);
                self.seen.codes[usize::from(code)] += 1;
                self.seen.saturated += u64::from(u.0 == i32::MAX || u.0 == i32::MIN);
                self.seen.at_threshold += u64::from(distance == 0);
                self.seen.on_window += u64::from(params.width.contains(&distance));
            }
        }
        // Parameters hold until the last step has passed; adds may go on.
        for _ in 0..FORWARD_SPIKE_LATENCY {
            let add = rng.random_bool(density);
            self.cycle(rng, scale, None, add);
        }
    }
}

#[test]
fn a_lane_computes_the_neuron() {
    let mut rng = generator("a_lane_computes_the_neuron");
    lane_bench(&library(ForwardLane::default()), &mut rng);
}

#[test]
fn mutations_of_the_forward_lane_are_caught() {
    let mut rng = generator("mutations_of_the_forward_lane_are_caught");
    for (from, to) in [
        ("scaled_wide - theta_wide", "scaled_wide"),
        ("(fire_ge_i || (distance != 34'd0))", "1'b1"),
        ("lows_0_d = 29'd0", "lows_0_d = lows_0_q"),
        ("highs_2_d = 11'd0", "highs_2_d = highs_2_q"),
        ("highs_1_d = high_sum", "highs_1_d = high"),
        ("carried = 11'h7ff", "carried = 11'h7fe"),
        ("low = lows_1_q", "low = lows_0_q"),
        ("alone = late_alone_o", "alone = early_alone_o"),
    ] {
        catches(ForwardLane::default(), from, to, |library| lane_bench(library, &mut rng));
    }
}

fn lane_bench(library: &Library, rng: &mut StdRng) {
    let mut total = Seen::default();
    for seed in STARTS {
        let mut bench = Bench {
            model: start(library, seed),
            cycle: 0,
            sums: [0; 4],
            taken: [0; 4],
            membranes: Expected::default(),
            spikes: Expected::default(),
            seen: Seen::default(),
        };
        for _ in 0..3000 {
            bench.tile(rng);
        }
        assert!(bench.membranes.checks() > 10_000 && bench.spikes.checks() > 30_000);
        total.spikes += bench.seen.spikes;
        total.saturated += bench.seen.saturated;
        total.at_threshold += bench.seen.at_threshold;
        total.on_window += bench.seen.on_window;
        for (sum, seen) in total.codes.iter_mut().zip(bench.seen.codes) {
            *sum += seen;
        }
    }
    println!("{total:?}");
    assert!(total.spikes > 5000 && total.codes.iter().all(|&n| n > 1000));
    assert!(total.saturated > 50 && total.at_threshold > 50 && total.on_window > 50);
}
