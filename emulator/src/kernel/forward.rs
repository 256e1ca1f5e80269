//! FP: sums of the rows that spikes select.

use super::simd::vectorised;

/// The sum of rows `events` of a panel of `COLUMNS` columns. The sums stay in registers.
#[inline(always)]
fn panel_sum<const COLUMNS: usize>(panel: &[i32], events: &[u32], out: &mut [i32]) {
    let (rows, _) = panel.as_chunks::<COLUMNS>();
    let mut sums = [0i32; COLUMNS];
    for &row in events {
        let row = &rows[row as usize];
        for i in 0..COLUMNS {
            sums[i] = sums[i].wrapping_add(row[i]);
        }
    }
    out[..COLUMNS].copy_from_slice(&sums);
}

vectorised! {
    /// The sum of rows `events` of a panel `[row][columns]` into `out`, modulo 2^32. `columns` is a panel size.
    pub fn sum_rows(simd, panel: &[i32], columns: usize, events: &[u32], out: &mut [i32]) {
        match columns {
            128 => panel_sum::<128>(panel, events, out),
            64 => panel_sum::<64>(panel, events, out),
            32 => panel_sum::<32>(panel, events, out),
            _ => panel_sum::<16>(panel, events, out),
        }
    }

    /// Adds 32-bit partial sums to 40-bit sums, which wrap as the accumulators of the hardware do.
    pub fn add_partial(simd, sums: &mut [i64], partial: &[i32]) {
        for (sum, partial) in sums.iter_mut().zip(partial) {
            *sum = ((*sum + i64::from(*partial)) << 24) >> 24;
        }
    }
}
