//! One backward step of a neuron, time running down: surrogate gradient, leak, reset, and the error that others use.

use super::{F16, Fixed, Q30, Reset, f16_from_fixed_rne, floor_shift, leak, sat40};

/// What the backward step needs to know of a neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BackwardParams {
    /// As in the forward step.
    pub leak: Option<u8>,
    pub reset: Reset,
    pub reset_before_leak: bool,
    /// The readout takes its error as it is, without surrogate gradient.
    pub readout: bool,
    /// The error is scaled by 2^-input_shift, 0..=15, floored: the derivative of the scaled input.
    pub input_shift: u8,
    /// No gradient flows through the reset. Only a soft reset has a gradient the machine can compute.
    pub detach_reset: bool,
    /// Surrogate gain of codes 1, 2, 3: 2^gain, gain in -8..=7.
    pub gain: [i8; 3],
    /// log2 of the threshold, -8..=7, for a soft reset that is not detached.
    pub theta_shift: i8,
    /// Errors saturate at 2^error_max_exp, 0..=4.
    pub error_max_exp: u8,
}

/// The result of one backward step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackwardStep {
    /// The new backward membrane, 40 bit.
    pub v: Q30,
    /// The error of this neuron and step. Never -0.
    pub d: F16,
    /// The error was clipped; counted for the loss scale.
    pub saturated: bool,
}

impl BackwardStep {
    /// Whether the error counts for BP and WG.
    #[inline]
    pub fn nonzero(&self) -> bool {
        self.d != F16::ZERO
    }
}

/// `x * 2^shift`, shift in -8..=7; right shifts floor.
#[inline]
fn scale(x: i64, shift: i8) -> i64 {
    if shift >= 0 { x << shift } else { floor_shift(x, shift.unsigned_abs().into()) }
}

/// The surrogate gain: 0 for code 0, otherwise `e * 2^gain[code]`.
#[inline]
fn surrogate_gain(params: &BackwardParams, e: i64, code: u8) -> i64 {
    match code {
        1..=3 => scale(e, params.gain[usize::from(code) - 1]),
        _ => 0,
    }
}

/// The stored error of a backward membrane: scaled by the input shift, clipped, rounded once to nearest even.
/// The flag tells that it was clipped.
#[inline]
pub fn error_from_v(params: &BackwardParams, v: Q30) -> (F16, bool) {
    let scaled = floor_shift(v.0, params.input_shift.into());
    let limit = 1i64 << (30 + u32::from(params.error_max_exp));
    // The limit is a binary16 number, so clipping first cannot change what the rounding gives below it.
    (
        f16_from_fixed_rne(scaled.clamp(-limit, limit), -30),
        scaled.unsigned_abs() > limit.unsigned_abs(),
    )
}

/// `v[t] = g[t] * e[t] + leak(v[t+1]) * (1 - s[t])` and its variants; `d[t]` is v as binary16.
///
/// `v_next` is v(t+1), 0 at the last step; `e` is the 40-bit error sum; `code` and `spike` are those of step t.
#[inline]
pub fn backward_step(
    params: &BackwardParams,
    v_next: Q30,
    e: Q30,
    code: u8,
    spike: bool,
) -> BackwardStep {
    let leaked = leak(params.leak, v_next.0);
    let gained = if params.readout {
        e.0
    } else if params.reset == Reset::Soft && !params.detach_reset {
        // The spike lowered the next membrane by theta; what leaked after the reset leaks in its gradient too.
        let through_reset = if params.reset_before_leak { leaked } else { v_next.0 };
        surrogate_gain(params, e.0 - scale(through_reset, params.theta_shift), code)
    } else {
        surrogate_gain(params, e.0, code)
    };
    let keep = !(params.reset == Reset::Hard && spike);
    // At most 40 + 7 + 7 bits before the one saturation.
    let v = Fixed(sat40(gained + if keep { leaked } else { 0 }));
    let (d, saturated) = error_from_v(params, v);
    BackwardStep { v, d, saturated }
}
