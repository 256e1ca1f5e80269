//! One forward step of a neuron: leaky integrate-and-fire, integrate-and-fire, or the readout that never fires.

use super::{Fixed, Q24, Sum24, floor_shift, sat32};

/// What a spike does to the membrane before the next step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reset {
    /// The membrane stays.
    None,
    /// The membrane becomes 0.
    #[default]
    Hard,
    /// The threshold is subtracted.
    Soft,
}

/// What the forward step needs to know of a neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NeuronParams {
    /// Leak `u - (u >>> k)`, k in 0..=31; `None` integrates without a leak.
    pub leak: Option<u8>,
    pub reset: Reset,
    /// Reset first and leak then, instead of leak first.
    pub reset_before_leak: bool,
    /// Fire at `u >= theta` instead of `u > theta`.
    pub fire_ge: bool,
    /// A leaky integrator without spikes and surrogate.
    pub readout: bool,
    /// The input sum is scaled by 2^-input_shift, 0..=15, floored.
    pub input_shift: u8,
    /// Threshold, LSB 2^-24.
    pub theta: i32,
    /// Widths of the surrogate window, LSB 2^-24: code `i` holds within `width[i - 1]` of the threshold; 0 disables a code.
    pub width: [u32; 3],
}

/// The result of one forward step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeuronStep {
    /// The new membrane.
    pub u: Q24,
    pub spike: bool,
    /// Surrogate code, 0..=3.
    pub code: u8,
}

/// `u - (u >>> k)`, floored: the leak of forward and backward membranes. `u` of at most 62 bits.
#[inline]
pub fn leak(k: Option<u8>, u: i64) -> i64 {
    match k {
        Some(k) => u - floor_shift(u, k.into()),
        None => u,
    }
}

/// The code of a membrane `u` against the threshold; the narrowest window wins.
#[inline]
pub fn surrogate_code(params: &NeuronParams, u: Q24) -> u8 {
    let distance = u.0.abs_diff(params.theta); // 32 bits unsigned hold it exactly
    let [width1, width2, width3] = params.width;
    if params.readout {
        0
    } else if distance < width3 {
        3
    } else if distance < width2 {
        2
    } else {
        u8::from(distance < width1)
    }
}

/// `u[t] = leak(u[t-1])` reset by `s[t-1]`, plus `x[t]`; spike and surrogate code of the result.
///
/// `u`, `spike` are of the step before (0 and false at t = 0), `x` is the sum of the weights, at most 40 bit.
#[inline]
pub fn neuron_step(params: &NeuronParams, u: Q24, spike: bool, x: Sum24) -> NeuronStep {
    let reset = |u: i64| match params.reset {
        Reset::None => u,
        Reset::Hard => {
            if spike {
                0
            } else {
                u
            }
        }
        Reset::Soft => u - if spike { i64::from(params.theta) } else { 0 },
    };
    let before = i64::from(u.0);
    let left = if params.reset_before_leak {
        leak(params.leak, reset(before))
    } else {
        reset(leak(params.leak, before))
    };
    // All of the above is exact; the input is floored to the LSB, and the sum saturates once.
    let u = Fixed(sat32(left + floor_shift(x.0, params.input_shift.into())));
    let fires = if params.fire_ge { u.0 >= params.theta } else { u.0 > params.theta };
    NeuronStep { u, spike: fires && !params.readout, code: surrogate_code(params, u) }
}
