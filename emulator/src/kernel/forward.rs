//! FP: sums of the rows that spikes select.

use super::simd::vectorised;

/// Adds rows `events` of a panel of `COLUMNS` columns to `sums`, which stay in registers meanwhile.
#[inline(always)]
fn panel_add<const COLUMNS: usize>(panel: &[i32], events: &[u32], sums: &mut [i32]) {
    let (rows, _) = panel.as_chunks::<COLUMNS>();
    let Some(out) = sums.first_chunk_mut::<COLUMNS>() else { return };
    let mut sums = *out;
    for &row in events {
        let row = &rows[row as usize];
        for i in 0..COLUMNS {
            sums[i] = sums[i].wrapping_add(row[i]);
        }
    }
    *out = sums;
}

/// The input events of a sample: row indices, step after step.
#[derive(Clone, Copy)]
pub struct Events<'a> {
    pub rows: &'a [u32],
    /// End of each step's events in each range of rows, `[step][range]`.
    pub ends: &'a [u32],
    /// Ranges per step.
    pub ranges: usize,
}

impl<'a> Events<'a> {
    /// The events of a step in ranges `first..last`.
    #[inline(always)]
    pub fn range(&self, step: usize, first: usize, last: usize) -> &'a [u32] {
        let end =
            |position: usize| if position == 0 { 0 } else { self.ends[position - 1] as usize };
        let base = step * self.ranges;
        &self.rows[end(base + first)..end(base + last)]
    }
}

#[inline(always)]
fn panel_steps<const COLUMNS: usize>(
    panel: &[i32],
    events: Events,
    (first, last): (usize, usize),
    wide: &[bool],
    sums: &mut [i32],
    stride: usize,
) {
    for (step, (sums, &wide)) in sums.chunks_mut(stride).zip(wide).enumerate() {
        if !wide {
            panel_add::<COLUMNS>(panel, events.range(step, first, last), sums);
        }
    }
}

vectorised! {
    /// Adds to the sums of each step (at `step * stride`) the rows of a panel `[row][columns]` that its events in some `ranges`
    /// select. Steps that are `wide` are left out. `columns` is a panel size.
    pub fn add_steps(
        simd,
        panel: &[i32],
        columns: usize,
        events: Events,
        ranges: (usize, usize),
        wide: &[bool],
        sums: &mut [i32],
        stride: usize,
    ) {
        match columns {
            64 => panel_steps::<64>(panel, events, ranges, wide, sums, stride),
            32 => panel_steps::<32>(panel, events, ranges, wide, sums, stride),
            _ => panel_steps::<16>(panel, events, ranges, wide, sums, stride),
        }
    }

    /// Adds rows `events` of a panel `[row][columns]` to `sums`, modulo 2^32.
    pub fn add_rows(simd, panel: &[i32], columns: usize, events: &[u32], sums: &mut [i32]) {
        match columns {
            64 => panel_add::<64>(panel, events, sums),
            32 => panel_add::<32>(panel, events, sums),
            _ => panel_add::<16>(panel, events, sums),
        }
    }

    /// Adds 32-bit partial sums to 40-bit sums, which wrap as the accumulators of the hardware do.
    pub fn add_partial(simd, sums: &mut [i64], partial: &[i32]) {
        for (sum, partial) in sums.iter_mut().zip(partial) {
            *sum = ((*sum + i64::from(*partial)) << 24) >> 24;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Simd;

    #[test]
    fn wide_sums_have_40_bits_and_wrap() {
        for simd in Simd::available() {
            let mut sums = [(1 << 39) - 1, -(1 << 39), 5];
            add_partial(simd, &mut sums, &[1, -1, -7]);
            assert_eq!(sums, [-(1 << 39), (1 << 39) - 1, -2], "{simd:?}");
        }
    }
}
