//! One weight update: shift-only SGD with momentum or Lion, written back with stochastic rounding.

use super::f16::with_sign;
use super::{
    F16, Fixed, Gradient, Q36, Sum24, align_full, align_weight, f16_from_fixed_sat, floor_shift,
};

/// How a gradient becomes a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Optimizer {
    /// Momentum; the step is proportional to it.
    Sgd,
    /// The step is the sign of an interpolation of momentum and gradient.
    #[default]
    Lion,
}

/// What UPDATE needs to know of a layer, constant over the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OptimizerParams {
    pub kind: Optimizer,
    /// 1 - beta1 = 2^-b1, b1 in 0..=15. SGD: its momentum.
    pub b1: u8,
    /// Lion: 1 - beta2 = 2^-b2, b2 in 0..=15.
    pub b2: u8,
    /// Weights are clipped to 2^weight_max_exp, 0..=3.
    pub weight_max_exp: u8,
    /// LSB of the gradient: 2^(-18 + gradient_shift), 0..=15. ACCUMULATE uses it; the step takes any gradient as LSB 2^-18.
    pub gradient_shift: u8,
}

/// What comes with the UPDATE instruction: learning-rate schedule and loss scale live here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UpdateShifts {
    /// Learning rate 2^-rate (`n` of machine.md), 0..=63.
    pub rate: u8,
    /// The gradient is scaled by 2^-gradient (`gs` of machine.md), 0..=63.
    pub gradient: u8,
}

/// The new weight and the new moment of one weight; the gradient becomes 0. `r` is its [`super::coordinate_hash`].
///
/// ```text
/// Lion: c = m - (m >> b1) + (G >> b1);  w -= sign(c) * 2^-n;  m = m - (m >> b2) + (G >> b2)
/// SGD:  m = m - (m >> b1) + G;          w -= m * 2^-n
/// ```
#[inline]
pub fn optimizer_step(
    params: &OptimizerParams,
    shifts: UpdateShifts,
    w: F16,
    m: F16,
    gradient: Gradient,
    r: u32,
) -> (F16, F16) {
    let moment = align_full(m).0;
    let gradient = i64::from(gradient.0) << 6; // LSB 2^-18 to 2^-24
    let gs = u32::from(shifts.gradient);
    let (b1, b2) = (u32::from(params.b1), u32::from(params.b2));
    let rate = u32::from(shifts.rate);
    // Both shifts floor on their own, at LSB 2^-24.
    let blend = |b: u32, gradient_shift: u32| {
        Fixed(moment - floor_shift(moment, b) + floor_shift(gradient, gradient_shift))
    };
    let (m, delta) = match params.kind {
        Optimizer::Lion => {
            let c: Sum24 = blend(b1, gs + b1);
            (round_moment(blend(b2, gs + b2)), c.0.signum() * floor_shift(1 << 36, rate))
        }
        Optimizer::Sgd => {
            let m = round_moment(blend(b1, gs));
            // The step uses the moment as stored, so that the state alone explains it. 42 + 12 bits, floored once by the shift.
            let step = floor_shift(align_full(m).0 << 12, rate);
            (m, step.clamp(-(1 << 41), 1 << 41))
        }
    };
    let sum = Fixed((i64::from(align_weight(w).0) << 12) - delta);
    (clamp_weight(stochastic(sum, r), params.weight_max_exp), m)
}

/// To nearest even, saturating at +-65504.
#[inline]
fn round_moment(m: Sum24) -> F16 {
    f16_from_fixed_sat(m.0, -24)
}

/// Rounds to one of the two neighbouring binary16 numbers, away from zero with a probability equal to the dropped part of an
/// ulp: unbiased over `r`. |sum| < 2^42, hence finite. Zero is +0.
#[inline]
pub fn stochastic(sum: Q36, r: u32) -> F16 {
    let a = sum.0.unsigned_abs();
    let leading = 63 - (a | 1).leading_zeros();
    // Ten bits below the leading one stay, but nothing below the subnormal ulp 2^-24 = 2^12 units. At most 31.
    let dropped = leading.saturating_sub(10).max(12);
    // A carry happens for (dropped part) of the 2^dropped equally likely values of the added bits.
    let kept = (a + (u64::from(r) & ((1 << dropped) - 1))) >> dropped;
    // The hidden bit of `kept` adds one to the exponent field; so does a carry to 2048, the next binade.
    with_sign(sum.0 < 0, ((dropped - 12) << 10) + kept as u32)
}

/// Clips to +-2^weight_max_exp (0..=3).
#[inline]
pub fn clamp_weight(w: F16, weight_max_exp: u8) -> F16 {
    // Magnitudes are ordered as their bit patterns.
    let magnitude = w.abs().0.min(F16::power_of_two(weight_max_exp.into()).0);
    with_sign(w.is_negative(), magnitude.into())
}
