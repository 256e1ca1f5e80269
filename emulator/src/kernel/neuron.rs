//! The neuron step for all lanes of a population.

use super::simd::vectorised;
use backspike_arch::num::{NeuronParams, Reset};

/// Neuron parameters as masks and constants, so that the loop has no branch.
#[derive(Clone, Copy, Debug)]
pub struct NeuronLanes {
    leak_k: u32,
    leak_mask: i64,
    hard_mask: i64,
    soft_theta: i64,
    reset_before_leak: bool,
    input_shift: u32,
    /// Fires at `u >= fire_at`; a readout never does.
    fire_at: i64,
    theta: i64,
    width: [i64; 3],
}

impl NeuronLanes {
    pub fn new(p: &NeuronParams) -> Self {
        let theta = i64::from(p.theta);
        Self {
            leak_k: p.leak.unwrap_or(0).into(),
            leak_mask: -i64::from(p.leak.is_some()),
            hard_mask: -i64::from(p.reset == Reset::Hard),
            soft_theta: if p.reset == Reset::Soft { theta } else { 0 },
            reset_before_leak: p.reset_before_leak,
            input_shift: p.input_shift.into(),
            fire_at: if p.readout { i64::MAX } else { theta + i64::from(!p.fire_ge) },
            theta,
            // A readout has no surrogate gradient: widths of 0 disable every code.
            width: p.width.map(|width| if p.readout { 0 } else { width.into() }),
        }
    }
}

/// State and output of a population while one block of a sample is computed; all slices are as long as the population.
pub struct Lanes<'a> {
    /// Membranes, Q24.
    pub u: &'a mut [i32],
    /// Spikes of the last step, 0 or 1.
    pub fired: &'a mut [u8],
    /// Step masks of the block: spikes, surrogate code bits 0 and 1.
    pub spikes: &'a mut [u8],
    pub code0: &'a mut [u8],
    pub code1: &'a mut [u8],
}

#[inline(always)]
fn steps<X: Copy + Into<i64>, const RESET_BEFORE_LEAK: bool>(
    p: &NeuronLanes,
    x: &[X],
    lanes: &mut Lanes,
    step: u32,
) {
    let n = lanes.u.len();
    let x = &x[..n];
    let fired = &mut lanes.fired[..n];
    let (spikes, code0, code1) =
        (&mut lanes.spikes[..n], &mut lanes.code0[..n], &mut lanes.code1[..n]);
    for i in 0..n {
        let fired_mask = -i64::from(fired[i]);
        let reset = |u: i64| (u & !(fired_mask & p.hard_mask)) - (p.soft_theta & fired_mask);
        let leak = |u: i64| u - ((u >> p.leak_k) & p.leak_mask);
        let before = i64::from(lanes.u[i]);
        let left = if RESET_BEFORE_LEAK { leak(reset(before)) } else { reset(leak(before)) };
        let sum = left + (x[i].into() >> p.input_shift);
        let u = sum.clamp(i32::MIN.into(), i32::MAX.into());
        let spike = u8::from(u >= p.fire_at);
        let distance = (u - p.theta).abs();
        let within1 = u8::from(distance < p.width[0]);
        let within2 = u8::from(distance < p.width[1]);
        let within3 = u8::from(distance < p.width[2]);
        lanes.u[i] = u as i32;
        fired[i] = spike;
        spikes[i] |= spike << step;
        // Codes 3, 2, 1 in this order of precedence.
        code0[i] |= (within3 | (within1 & !within2)) << step;
        code1[i] |= (within3 | within2) << step;
    }
}

vectorised! {
    /// One time step with 32-bit input sums. `step` is the step within the block.
    pub fn step32(simd, p: &NeuronLanes, x: &[i32], lanes: &mut Lanes, step: u32) {
        if p.reset_before_leak {
            steps::<_, true>(p, x, lanes, step);
        } else {
            steps::<_, false>(p, x, lanes, step);
        }
    }

    /// One time step with 40-bit input sums.
    pub fn step64(simd, p: &NeuronLanes, x: &[i64], lanes: &mut Lanes, step: u32) {
        if p.reset_before_leak {
            steps::<_, true>(p, x, lanes, step);
        } else {
            steps::<_, false>(p, x, lanes, step);
        }
    }
}
