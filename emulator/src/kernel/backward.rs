//! BP: dot products of weight rows with error tiles, and the neuron-backward step for all lanes of a population.

use super::simd::vectorised;
use backspike_arch::num::{BackwardParams, Reset};

/// Adds to `sums[i]` the dot product of row `rows[i]` of a panel with `errors`.
#[inline(always)]
fn panel_dots<const COLUMNS: usize>(panel: &[i32], errors: &[i32], rows: &[u32], sums: &mut [i64]) {
    let (panel, _) = panel.as_chunks::<COLUMNS>();
    let Some(errors) = errors.first_chunk::<COLUMNS>() else { return };
    for (sum, &row) in sums.iter_mut().zip(rows) {
        let row = &panel[row as usize];
        let mut dot = 0i64;
        for i in 0..COLUMNS {
            // 2^-24 times 2^-24 is exact in 59 bits at 2^-48; one floor to 2^-30.
            dot = dot.wrapping_add((i64::from(row[i]) * i64::from(errors[i])) >> 18);
        }
        *sum = sum.wrapping_add(dot);
    }
}

/// Errors of one step to its rows, and the tiles' nonzero bits.
#[inline(always)]
fn tile_rows<const LANES: usize>(d: &[u16], step: usize, rows: &mut [u16], nonzero: &mut [u8]) {
    let tiles = d.as_chunks::<LANES>().0.iter().zip(rows.chunks_exact_mut(4 * LANES));
    for ((d, rows), nonzero) in tiles.zip(nonzero) {
        rows[step * LANES..][..LANES].copy_from_slice(d);
        let any = d.iter().fold(0, |any, d| any | d);
        *nonzero |= u8::from(any != 0) << step;
    }
}

vectorised! {
    /// Adds to `sums` the dot products of rows of a panel `[row][columns]` with `errors`. Q24 inputs, Q30 sums.
    pub fn dots(
        simd,
        panel: &[i32],
        columns: usize,
        errors: &[i32],
        rows: &[u32],
        sums: &mut [i64],
    ) {
        match columns {
            64 => panel_dots::<64>(panel, errors, rows, sums),
            32 => panel_dots::<32>(panel, errors, rows, sums),
            _ => panel_dots::<16>(panel, errors, rows, sums),
        }
    }

    /// Stores the errors of one step in the error rows `[tile][4][lanes]` of a block, and sets the tiles' `nonzero` bits.
    pub fn store(
        simd,
        lanes: usize,
        d: &[u16],
        step: usize,
        rows: &mut [u16],
        nonzero: &mut [u8],
    ) {
        match lanes {
            4 => tile_rows::<4>(d, step, rows, nonzero),
            8 => tile_rows::<8>(d, step, rows, nonzero),
            16 => tile_rows::<16>(d, step, rows, nonzero),
            _ => tile_rows::<32>(d, step, rows, nonzero),
        }
    }
}

/// Parameters of the neuron-backward step as masks and constants.
#[derive(Clone, Copy, Debug)]
pub struct BackwardLanes {
    leak_k: u32,
    leak_mask: i64,
    hard_mask: i64,
    kind: Kind,
    input_shift: u32,
    /// Left and right shift of codes 1 to 3; one of the two is 0.
    gain: [(u32, u32); 3],
    theta_shift: (u32, u32),
    error_max: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Readout,
    /// The reset has no gradient.
    Detached,
    ResetThenLeak,
    LeakThenReset,
}

const READOUT: u8 = 0;
const DETACHED: u8 = 1;
const RESET_THEN_LEAK: u8 = 2;
const LEAK_THEN_RESET: u8 = 3;

impl BackwardLanes {
    pub fn new(p: &BackwardParams) -> Self {
        let shifts = |shift: i8| {
            let amount = u32::from(shift.unsigned_abs());
            if shift >= 0 { (amount, 0) } else { (0, amount) }
        };
        let kind = if p.readout {
            Kind::Readout
        } else if p.reset != Reset::Soft || p.detach_reset {
            Kind::Detached
        } else if p.reset_before_leak {
            Kind::ResetThenLeak
        } else {
            Kind::LeakThenReset
        };
        Self {
            leak_k: p.leak.unwrap_or(0).into(),
            leak_mask: -i64::from(p.leak.is_some()),
            hard_mask: -i64::from(p.reset == Reset::Hard),
            kind,
            input_shift: p.input_shift.into(),
            gain: p.gain.map(shifts),
            theta_shift: shifts(p.theta_shift),
            error_max: 1 << (30 + u32::from(p.error_max_exp)),
        }
    }
}

/// What the backward step reads of the forward step, as step masks of a block, and the sums of one step.
#[derive(Clone, Copy)]
pub struct Trace<'a> {
    pub spikes: &'a [u8],
    pub code0: &'a [u8],
    pub code1: &'a [u8],
}

/// A value of at most `error_max`, LSB 2^-30, to binary16: nearest, ties to even.
#[inline(always)]
fn error_to_half(value: i64) -> u16 {
    let magnitude = value.unsigned_abs();
    let leading = 63 - i64::from((magnitude | 1).leading_zeros());
    // Ten bits below the leading one stay; the subnormal ulp 2^-24 is 2^6.
    let dropped = (leading - 10).max(6) as u64;
    let odd = (magnitude >> dropped) & 1;
    let kept = (magnitude + (1 << (dropped - 1)) - 1 + odd) >> dropped;
    let bits = ((dropped - 6) << 10) + kept;
    let negative = u64::from(value < 0) & u64::from(bits != 0);
    (bits | negative << 15) as u16
}

#[inline(always)]
fn steps<const KIND: u8>(
    p: &BackwardLanes,
    sums: &[i64],
    trace: Trace,
    step: u32,
    v: &mut [i64],
    d: &mut [u16],
) -> u64 {
    let n = v.len();
    let sums = &sums[..n];
    let (spikes, code0, code1) = (&trace.spikes[..n], &trace.code0[..n], &trace.code1[..n]);
    let d = &mut d[..n];
    let [gain1, gain2, gain3] = p.gain;
    let mut saturations = 0u64;
    for i in 0..n {
        let leaked = v[i] - ((v[i] >> p.leak_k) & p.leak_mask);
        let gained = if KIND == READOUT {
            sums[i]
        } else {
            let (left, right) = p.theta_shift;
            let error = match KIND {
                RESET_THEN_LEAK => sums[i] - ((leaked << left) >> right),
                LEAK_THEN_RESET => sums[i] - ((v[i] << left) >> right),
                _ => sums[i],
            };
            let bit0 = (code0[i] >> step) & 1 != 0;
            let bit1 = (code1[i] >> step) & 1 != 0;
            let (left2, right2) = if bit0 { gain3 } else { gain2 };
            let (left, right) = if bit1 { (left2, right2) } else { gain1 };
            let mask = -i64::from(bit0 | bit1);
            ((error << left) >> right) & mask
        };
        let spike_mask = -(i64::from(spikes[i] >> step) & 1);
        let kept = leaked & !(spike_mask & p.hard_mask);
        let next = (gained + kept).clamp(-(1 << 39), (1 << 39) - 1);
        let scaled = next >> p.input_shift;
        saturations += u64::from(scaled.abs() > p.error_max);
        d[i] = error_to_half(scaled.clamp(-p.error_max, p.error_max));
        v[i] = next;
    }
    saturations
}

vectorised! {
    /// One time step: from 40-bit sums and `v` of the step after to `v` and `d` of this step; returns the number of
    /// saturated errors. `step` is the step within the block.
    pub fn step(
        simd,
        p: &BackwardLanes,
        sums: &[i64],
        trace: Trace,
        step: u32,
        v: &mut [i64],
        d: &mut [u16],
    ) -> u64 {
        match p.kind {
            Kind::Readout => steps::<READOUT>(p, sums, trace, step, v, d),
            Kind::Detached => steps::<DETACHED>(p, sums, trace, step, v, d),
            Kind::ResetThenLeak => steps::<RESET_THEN_LEAK>(p, sums, trace, step, v, d),
            Kind::LeakThenReset => steps::<LEAK_THEN_RESET>(p, sums, trace, step, v, d),
        }
    }
}
