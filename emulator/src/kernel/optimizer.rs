//! UPDATE: one row of weights.

use super::align::{WEIGHT_EXPONENT, aligned, aligned_full};
use super::simd::vectorised;
use backspike_arch::num::{Optimizer, OptimizerParams, UpdateShifts};

/// One row of a panel.
pub struct Row<'a> {
    /// Weights, Q24 and binary16: two forms of the same number.
    pub aligned: &'a mut [i32],
    pub half: &'a mut [u16],
    pub state: &'a mut [u16],
    pub gradient: &'a mut [i32],
}

/// Parameters of an update as shifts of at most 63.
#[derive(Clone, Copy, Debug)]
pub struct UpdateLanes {
    kind: Optimizer,
    b1: u32,
    b2: u32,
    /// Right shift of the gradient in the step (Lion: c; SGD: m) and in Lion's new moment.
    gradient1: u32,
    gradient2: u32,
    rate: u32,
    /// Magnitude bits of weight_max.
    weight_max: u64,
}

impl UpdateLanes {
    pub fn new(p: &OptimizerParams, shifts: UpdateShifts) -> Self {
        let gs = u32::from(shifts.gradient);
        let (b1, b2) = (u32::from(p.b1), u32::from(p.b2));
        let lion = p.kind == Optimizer::Lion;
        Self {
            kind: p.kind,
            b1,
            b2,
            gradient1: (if lion { gs + b1 } else { gs }).min(63),
            gradient2: (gs + b2).min(63),
            rate: u32::from(shifts.rate).min(63),
            weight_max: u64::from(15 + p.weight_max_exp) << 10,
        }
    }
}

#[inline(always)]
fn with_sign(negative: bool, magnitude: u64) -> u16 {
    (magnitude | u64::from(negative & (magnitude != 0)) << 15) as u16
}

/// A multiple of 2^-24 to binary16: nearest, ties to even, saturating.
#[inline(always)]
fn moment_to_half(value: i64) -> u16 {
    // One bit more at the low end keeps every shift below at one or more; 2^43 at most.
    let magnitude = value.unsigned_abs() << 1;
    let leading = 63 - i64::from((magnitude | 1).leading_zeros());
    let dropped = (leading - 10).max(1) as u64;
    let odd = (magnitude >> dropped) & 1;
    let kept = (magnitude + (1 << (dropped - 1)) - 1 + odd) >> dropped;
    let bits = ((dropped - 1) << 10) + kept;
    with_sign(value < 0, bits.min(0x7bff))
}

/// Thomas Wang's integer hash, as `backspike_arch::num::mix`.
#[inline(always)]
fn mix(x: u32) -> u32 {
    backspike_arch::num::mix(x)
}

/// Rounds a multiple of 2^-36 below 2^42 stochastically to the magnitude bits of binary16.
#[inline(always)]
fn stochastic_magnitude(sum: i64, random: u32) -> u64 {
    let magnitude = sum.unsigned_abs();
    let leading = 63 - i64::from((magnitude | 1).leading_zeros());
    let dropped = (leading - 10).max(12) as u64;
    let random = u64::from(random) & ((1 << dropped) - 1);
    ((dropped - 12) << 10) + ((magnitude + random) >> dropped)
}

#[inline(always)]
fn update<const LION: bool>(p: &UpdateLanes, row: &mut Row, key: u32, first_out: u32) -> u32 {
    let n = row.aligned.len();
    let (half, state, gradient) = (&mut row.half[..n], &mut row.state[..n], &mut row.gradient[..n]);
    let mut largest = 0u32;
    for i in 0..n {
        let moment = aligned_full(state[i]);
        let g = i64::from(gradient[i]) << 6;
        let (new_moment, delta) = if LION {
            let c = moment - (moment >> p.b1) + (g >> p.gradient1);
            let sign = i64::from(c > 0) - i64::from(c < 0);
            let step = (1i64 << 36) >> p.rate;
            let m = moment - (moment >> p.b2) + (g >> p.gradient2);
            (moment_to_half(m), sign * step)
        } else {
            let m = moment_to_half(moment - (moment >> p.b1) + (g >> p.gradient1));
            let step = (aligned_full(m) << 12) >> p.rate;
            (m, step.clamp(-(1 << 41), 1 << 41))
        };
        let sum = (i64::from(row.aligned[i]) << 12) - delta;
        // `key` has the input coordinate mixed in; the output coordinate has 16 bits.
        let random = mix(key ^ (first_out.wrapping_add(i as u32) & 0xffff));
        let magnitude = stochastic_magnitude(sum, random).min(p.weight_max);
        let weight = with_sign(sum < 0, magnitude);
        let aligned_weight = aligned(weight, WEIGHT_EXPONENT);
        largest = largest.max(aligned_weight.unsigned_abs());
        row.aligned[i] = aligned_weight;
        half[i] = weight;
        state[i] = new_moment;
        gradient[i] = 0;
    }
    largest
}

vectorised! {
    /// Updates a row and clears its gradient; returns the largest new weight. `key` is that of UPDATE with the input
    /// coordinate in its high half xor-ed in, `first_out` the output coordinate of the first column.
    pub fn update_row(
        simd,
        p: &UpdateLanes,
        row: &mut Row,
        key: u32,
        first_out: u32,
    ) -> u32 {
        match p.kind {
            Optimizer::Lion => update::<true>(p, row, key, first_out),
            Optimizer::Sgd => update::<false>(p, row, key, first_out),
        }
    }
}
