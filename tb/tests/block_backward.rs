//! Products, the dot product with its visits, and the backward lane against the pure functions.

mod block;

use backspike_arch::num::{
    BackwardParams, F16, Fixed, Reset, align_error, backward_step, product_q30, sat40,
};
use backspike_hdl::engine::{
    BACKWARD_LATENCY, BackwardLane, DotProduct, PRODUCT_LATENCY, Product, handover_latency,
};
use backspike_hdl::neuron::NEURON_STEP_CYCLES;
use backspike_tb::{Library, Model, Port};
use block::{
    Expected, STARTS, catches, field, generator, library, pattern, spread, start, tick_with_pauses,
};
use rand::{Rng, rngs::StdRng};

/// All exponents and signs with the edges of the mantissa and some numbers between: 2048 operands.
fn strata(rng: &mut StdRng) -> Vec<F16> {
    let edges = [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 767, 768, 769, 1021, 1022, 1023];
    let mut operands = Vec::new();
    for high in 0..64u16 {
        let between: [u16; 16] = std::array::from_fn(|_| rng.random_range(0..1024));
        operands
            .extend(edges.into_iter().chain(between).map(|mantissa| F16(high << 10 | mantissa)));
    }
    operands
}

#[test]
fn four_million_products_are_exact() {
    let mut rng = generator("four_million_products_are_exact");
    let library = library(Product::default());
    let mut model = start(&library, STARTS[1]);
    let [load, enable, weight, error, biased] =
        ["load_i", "enable_i", "weight_i", "error_i", "biased_o"].map(|name| model.port(name));
    let (weights, errors) = (strata(&mut rng), strata(&mut rng));
    let pairs = weights.len() * errors.len();
    assert!(pairs >= 4_000_000);
    let pair = |n: usize| (weights[n / errors.len()], errors[n % errors.len()]);
    for cycle in 0..pairs + PRODUCT_LATENCY {
        if let Some(done) = cycle.checked_sub(PRODUCT_LATENCY) {
            let (w, d) = pair(done);
            let expected = (product_q30(w, d) + (1 << 39)) as u64;
            let got = model.read(biased);
            assert!(got == expected, "{w:?} * {d:?} = {got:#x}, expected {expected:#x}");
        }
        let (w, d) = pair(cycle.min(pairs - 1));
        model.write(weight, w.0.into());
        model.write(error, d.0.into());
        tick_with_pauses(&mut model, &[load, enable], cycle);
    }
}

/// The state of the accumulators: what the last visit has summed.
#[derive(Default)]
struct Visit {
    lane: Option<u32>,
    sums: [i64; 4],
}

struct DotBench {
    model: Model,
    weights: Vec<Port>,
    /// Of each step; or, with an event a cycle, one for all.
    errors: Vec<Vec<Port>>,
    visit: Visit,
    captures: Expected,
    handovers: Expected,
    cycle: u64,
    saturated: u64,
}

impl DotBench {
    fn cycle(&mut self, rng: &mut StdRng, visit: bool, first: bool, marker: bool, large: bool) {
        let lanes = self.weights.len();
        let latency = handover_latency(lanes) as u64;
        let mask = match (visit, self.errors.len()) {
            (false, _) => 0,
            (true, 1) => 1 << rng.random_range(0..4),
            (true, _) => rng.random_range(1..16),
        };
        let lane = rng.random_range(0..lanes as u32);
        let model = &mut self.model;
        model.set("mask_i", mask);
        model.set("first_i", first.into());
        model.set("lane_i", lane.into());
        model.set("marker_i", marker.into());
        // The largest numbers of one sign, so that sums leave 40 bits; otherwise anything.
        let mut operand = |largest: u16| {
            if large { F16(largest - rng.random_range(0..2)) } else { pattern(rng) }
        };
        let weights: Vec<F16> = (0..lanes).map(|_| operand(0x4bff)).collect();
        for (&port, w) in self.weights.iter().zip(&weights) {
            model.write(port, w.0.into());
        }
        let mut sums = [0; 4];
        for (step, ports) in self.errors.iter().enumerate() {
            let mut sum = 0;
            for (&port, &w) in ports.iter().zip(&weights) {
                let d = operand(0x4fff);
                model.write(port, d.0.into());
                sum += product_q30(w, d);
            }
            let one = mask.trailing_zeros() as usize & 3;
            let step = if self.errors.len() == 1 { one } else { step };
            if mask >> step & 1 == 1 {
                sums[step] = sum;
            }
        }
        let mut capture = 0;
        let mut retired = [0; 4];
        let retires = marker || (visit && first);
        if let Some(lane) = self.visit.lane.take_if(|_| retires) {
            capture = 1 << lane;
            retired = self.visit.sums;
        }
        if visit {
            if first {
                self.visit = Visit { lane: Some(lane), sums: [0; 4] };
            }
            self.visit.sums.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        let what = format!("visit retired by another {visit} or a marker {marker}");
        self.captures.push(model, self.cycle + latency - 1, "capture_o", capture, what.clone());
        if capture != 0 {
            for (name, sum) in ["sum0_o", "sum1_o", "sum2_o", "sum3_o"].into_iter().zip(retired) {
                let value = sat40(sum);
                self.saturated += u64::from(value != sum);
                let due = self.cycle + latency - 1;
                self.captures.push(model, due, name, field(value, 40), what.clone());
            }
        }
        self.handovers.push(model, self.cycle + latency, "handover_o", marker.into(), what);
        model.tick(1);
        self.cycle += 1;
        self.captures.check(model, self.cycle);
        self.handovers.check(model, self.cycle);
    }
}

#[test]
fn visits_are_summed_and_handed_over() {
    let mut rng = generator("visits_are_summed_and_handed_over");
    for (lanes, steps) in [(4, 1), (8, 4), (16, 1), (16, 4), (32, 1), (32, 4)] {
        visit_bench(&library(DotProduct::new(lanes, steps)), lanes, steps, &mut rng);
    }
}

#[test]
fn mutations_of_the_backward_path_are_caught() {
    let mut rng = generator("mutations_of_the_backward_path_are_caught");
    for (from, to) in [
        // A marker that does not retire the last visit, and the floor of a product cut short.
        ("= (starts || marker_i) && pending_q;", "= starts && pending_q;"),
        ("exact = 23'd0 - {1'b0, magnitude_q};", "exact = ~{1'b0, magnitude_q};"),
    ] {
        catches(DotProduct::new(4, 4), from, to, |library| visit_bench(library, 4, 4, &mut rng));
    }
    for (from, to) in
        [("leaked_d = later - leak;", "leaked_d = later;"), ("|| (reset_i != 2'd2)", "")]
    {
        catches(BackwardLane::default(), from, to, |library| lane_bench(library, &mut rng));
    }
}

fn visit_bench(library: &Library, lanes: usize, steps: usize, rng: &mut StdRng) {
    let mut saturated = 0;
    for seed in STARTS {
        let model = start(library, seed);
        let ports =
            |name: &str| (0..lanes).map(|i| model.port(&format!("{name}_{i}"))).collect::<Vec<_>>();
        let mut bench = DotBench {
            weights: ports("weight_i"),
            errors: (0..steps).map(|step| ports(&format!("error{step}_i"))).collect(),
            model,
            visit: Visit::default(),
            captures: Expected::default(),
            handovers: Expected::default(),
            cycle: 0,
            saturated: 0,
        };
        for _ in 0..150 {
            let (busy, starting) = (rng.random_range(0.2..=1.0), rng.random_range(0.05..=1.0));
            let large = rng.random_bool(0.2);
            // A visit begins with a first event, also after a marker.
            let mut begun = false;
            for _ in 0..rng.random_range(1..60) {
                let visit = rng.random_bool(busy);
                let first = !begun || rng.random_bool(starting);
                begun |= visit;
                bench.cycle(rng, visit, visit && first, false, large);
            }
            for _ in 0..rng.random_range(0..3) {
                let first = rng.random();
                bench.cycle(rng, false, first, false, large);
            }
            // The marker, alone or with the first event of the next tile-block.
            let visit = rng.random();
            let first = visit || rng.random();
            bench.cycle(rng, visit, first, true, large);
            if visit {
                for _ in 0..rng.random_range(0..5) {
                    bench.cycle(rng, true, false, false, large);
                }
            }
        }
        assert!(bench.captures.checks() > 5000);
        saturated += bench.saturated;
    }
    assert!(saturated > 100, "only {saturated} sums saturated with {lanes} lanes");
}

fn neuron(rng: &mut StdRng) -> BackwardParams {
    BackwardParams {
        leak: rng.random_bool(0.7).then(|| rng.random_range(0..32)),
        reset: [Reset::None, Reset::Hard, Reset::Soft][rng.random_range(0..3)],
        reset_before_leak: rng.random(),
        readout: rng.random_bool(0.15),
        input_shift: if rng.random() { 0 } else { rng.random_range(0..16) },
        detach_reset: rng.random(),
        gain: std::array::from_fn(|_| rng.random_range(-8..8)),
        theta_shift: rng.random_range(-8..8),
        error_max_exp: rng.random_range(0..5),
    }
}

fn set_neuron(model: &mut Model, params: &BackwardParams) {
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
        ("readout_i", params.readout.into()),
        ("input_shift_i", params.input_shift.into()),
        ("detach_reset_i", params.detach_reset.into()),
        ("gain1_i", field(params.gain[0].into(), 4)),
        ("gain2_i", field(params.gain[1].into(), 4)),
        ("gain3_i", field(params.gain[2].into(), 4)),
        ("theta_shift_i", field(params.theta_shift.into(), 4)),
        ("error_max_exp_i", params.error_max_exp.into()),
    ] {
        model.set(name, value);
    }
}

#[test]
fn a_lane_steps_back_in_time() {
    let mut rng = generator("a_lane_steps_back_in_time");
    lane_bench(&library(BackwardLane::default()), &mut rng);
}

fn lane_bench(library: &Library, rng: &mut StdRng) {
    for seed in STARTS {
        let mut model = start(library, seed);
        let (mut cycle, mut saturated, mut extreme) = (0, 0, 0);
        let mut outputs = Expected::default();
        let (mut collected, mut given) = ([0; 4], [0; 4]);
        for _ in 0..3000 {
            let params = neuron(rng);
            set_neuron(&mut model, &params);
            let mut v = Fixed(0);
            let mut fresh = true;
            let mut pause = 0;
            let (stepping, size) = (rng.random_range(0.3..=1.0), rng.random_range(8..=40));
            for _ in 0..100 {
                // What the dot product sends, and what it may send together.
                let (capture, handover) = (rng.random_bool(0.3), rng.random_bool(0.2));
                let sums: [i64; 4] = std::array::from_fn(|_| spread(rng, size));
                model.set("capture_i", capture.into());
                model.set("handover_i", handover.into());
                for (name, sum) in ["sum0_i", "sum1_i", "sum2_i", "sum3_i"].into_iter().zip(sums) {
                    model.set(name, field(sum, 40));
                }
                if handover {
                    given = std::mem::take(&mut collected);
                }
                if capture {
                    collected = sums;
                }
                // A step in the cycle of a handover uses what is handed over.
                let valid = pause == 0 && rng.random_bool(stepping);
                pause = if valid { NEURON_STEP_CYCLES - 1 } else { pause.saturating_sub(1) };
                let step = rng.random_range(0..4usize);
                let first = fresh || rng.random_bool(0.1);
                let from_memory = rng.random_bool(0.3);
                let error = pattern(rng);
                let [spikes, code0, code1]: [u64; 3] =
                    std::array::from_fn(|_| rng.random_range(0..16));
                for (name, value) in [
                    ("step_valid_i", u64::from(valid)),
                    ("step_i", step as u64),
                    ("step_first_i", first.into()),
                    ("from_memory_i", from_memory.into()),
                    ("error_i", error.0.into()),
                    ("spike_i", spikes),
                    ("code0_i", code0),
                    ("code1_i", code1),
                ] {
                    model.set(name, value);
                }
                let due = cycle + BACKWARD_LATENCY as u64;
                if valid {
                    let e = if from_memory {
                        i64::from(align_error(error).0) << 6
                    } else {
                        given[step]
                    };
                    let code = (code0 >> step & 1 | (code1 >> step & 1) << 1) as u8;
                    let before = if first { Fixed(0) } else { v };
                    let result =
                        backward_step(&params, before, Fixed(e), code, spikes >> step & 1 == 1);
                    let what = format!("{params:?}, v = {before:?}, e = {e}, code {code}");
                    v = result.v;
                    fresh = false;
                    outputs.push(&model, due, "error_o", result.d.0.into(), what.clone());
                    outputs.push(&model, due, "nonzero_o", result.nonzero().into(), what.clone());
                    outputs.push(&model, due, "saturated_o", result.saturated.into(), what);
                    saturated += u64::from(result.saturated);
                    extreme += u64::from(v.0 == (1 << 39) - 1 || v.0 == -(1 << 39));
                } else {
                    outputs.push(&model, due, "nonzero_o", 0, "no step".into());
                    outputs.push(&model, due, "saturated_o", 0, "no step".into());
                }
                model.tick(1);
                cycle += 1;
                outputs.check(&model, cycle);
            }
            for name in ["step_valid_i", "capture_i", "handover_i"] {
                model.set(name, 0);
            }
            for _ in 0..BACKWARD_LATENCY {
                model.tick(1);
                cycle += 1;
                outputs.check(&model, cycle);
            }
        }
        assert!(outputs.checks() > 100_000);
        assert!(saturated > 1000 && extreme > 1000, "{saturated} clipped, {extreme} saturated");
    }
}
