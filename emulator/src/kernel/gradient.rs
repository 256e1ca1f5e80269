//! WG: adds the errors of a visit's steps to its gradient row.
//!
//! The errors of a block are first summed for every one of its 16 step masks, so that a visit is one row to add, whatever its
//! mask. Several blocks (of one or more samples) are added in one pass over the gradient rows.

use super::list::{BLOCKS, Visits};
use super::simd::vectorised;

/// Step masks of a block.
pub const MASKS: usize = 16;

/// Adds `COUNT` table rows to each visited row.
#[inline(always)]
fn panel_add<const COLUMNS: usize, const COUNT: usize>(
    panel: &mut [i32],
    tables: &[i32],
    visits: &Visits,
) {
    let list = &visits.by_count[COUNT - 1];
    let (gradient, _) = panel.as_chunks_mut::<COLUMNS>();
    let (tables, _) = tables.as_chunks::<COLUMNS>();
    let Some(tables) = tables.first_chunk::<{ BLOCKS * MASKS }>() else { return };
    for ((&row, &low), &high) in list.rows.iter().zip(&*list.low).zip(&*list.high) {
        let row = &mut gradient[row as usize];
        let added: [&[i32; COLUMNS]; COUNT] = std::array::from_fn(|i| {
            let entry = if i < 4 { low >> (8 * i) } else { high >> (8 * i - 32) };
            // Entries have seven bits; the remainder spares the check.
            &tables[entry as usize % (BLOCKS * MASKS)]
        });
        for i in 0..COLUMNS {
            let mut sum = row[i];
            for table in added {
                sum = sum.wrapping_add(table[i]);
            }
            row[i] = sum;
        }
    }
}

#[inline(always)]
fn panel_counts<const COLUMNS: usize>(panel: &mut [i32], tables: &[i32], visits: &Visits) {
    panel_add::<COLUMNS, 1>(panel, tables, visits);
    panel_add::<COLUMNS, 2>(panel, tables, visits);
    panel_add::<COLUMNS, 3>(panel, tables, visits);
    panel_add::<COLUMNS, 4>(panel, tables, visits);
    panel_add::<COLUMNS, 5>(panel, tables, visits);
    panel_add::<COLUMNS, 6>(panel, tables, visits);
    panel_add::<COLUMNS, 7>(panel, tables, visits);
    panel_add::<COLUMNS, 8>(panel, tables, visits);
}

vectorised! {
    /// The sums of the errors of one panel for all step masks: `table[mask][columns]` from `errors[step * stride ..][.. columns]`.
    pub fn mask_sums(
        simd,
        errors: &[i32],
        stride: usize,
        columns: usize,
        steps: usize,
        table: &mut [i32],
    ) {
        table[..columns].fill(0);
        for mask in 1..1usize << steps {
            // The mask without its highest step is an earlier row.
            let step = mask.ilog2() as usize;
            let (earlier, row) = table.split_at_mut(mask * columns);
            let rest = &earlier[(mask ^ (1 << step)) * columns..][..columns];
            let error = &errors[step * stride..][..columns];
            for ((sum, rest), error) in row.iter_mut().zip(rest).zip(error) {
                *sum = rest.wrapping_add(*error);
            }
        }
    }

    /// Adds the tables' rows of each visit to its row of a gradient panel `[row][columns]`. `tables` is
    /// `[block][mask][columns]`.
    pub fn add_visits(
        simd,
        panel: &mut [i32],
        columns: usize,
        tables: &[i32],
        visits: &Visits,
    ) {
        match columns {
            64 => panel_counts::<64>(panel, tables, visits),
            32 => panel_counts::<32>(panel, tables, visits),
            _ => panel_counts::<16>(panel, tables, visits),
        }
    }
}
