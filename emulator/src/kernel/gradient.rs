//! WG: adds the errors of a visit's steps to its gradient row.
//!
//! The errors of a block are first summed for every one of its 16 step masks, so that a visit is one row to add, whatever its
//! mask. Four blocks (of one or more samples) are added in one pass over the gradient rows.

use super::simd::vectorised;

/// Step masks of a block.
pub const MASKS: usize = 16;

/// A gradient row with the step masks of the blocks added together, one per byte, least significant first.
pub type Visit = (u32, u32);

#[inline(always)]
fn panel_add<const COLUMNS: usize, const BLOCKS: usize>(
    panel: &mut [i32],
    tables: &[&[i32]],
    visits: &[Visit],
) {
    let (rows, _) = panel.as_chunks_mut::<COLUMNS>();
    let tables: [&[[i32; COLUMNS]; MASKS]; BLOCKS] = std::array::from_fn(|block| {
        // A panel's table has MASKS rows of COLUMNS.
        tables[block].as_chunks::<COLUMNS>().0.first_chunk().expect("a table of the panel's size")
    });
    for &(row, masks) in visits {
        let row = &mut rows[row as usize];
        let sums: [&[i32; COLUMNS]; BLOCKS] =
            std::array::from_fn(|block| &tables[block][(masks >> (8 * block)) as usize % MASKS]);
        for i in 0..COLUMNS {
            let mut sum = row[i];
            for table in sums {
                sum = sum.wrapping_add(table[i]);
            }
            row[i] = sum;
        }
    }
}

#[inline(always)]
fn panel_blocks<const COLUMNS: usize>(panel: &mut [i32], tables: &[&[i32]], visits: &[Visit]) {
    match tables.len() {
        1 => panel_add::<COLUMNS, 1>(panel, tables, visits),
        2 => panel_add::<COLUMNS, 2>(panel, tables, visits),
        3 => panel_add::<COLUMNS, 3>(panel, tables, visits),
        _ => panel_add::<COLUMNS, 4>(panel, tables, visits),
    }
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

    /// Adds the tables' rows of each visit to its row of a gradient panel `[row][columns]`. One to four tables.
    pub fn add_visits(
        simd,
        panel: &mut [i32],
        columns: usize,
        tables: &[&[i32]],
        visits: &[Visit],
    ) {
        match columns {
            128 => panel_blocks::<128>(panel, tables, visits),
            64 => panel_blocks::<64>(panel, tables, visits),
            32 => panel_blocks::<32>(panel, tables, visits),
            _ => panel_blocks::<16>(panel, tables, visits),
        }
    }
}
