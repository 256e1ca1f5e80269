//! WG: ACCUMULATE of one slice for several slots.

use super::plan::GradientPlan;
use crate::cycles;
use crate::kernel::gradient::{self, MASKS};
use crate::kernel::list::{self, BLOCKS, Visits};
use crate::kernel::walk::{self, Kept};
use crate::kernel::{Simd, align};
use crate::memory::{Aligned, Panel, Slot};
use crate::tally::{Tally, occurring};
use backspike_arch::{Counter, TIME_BLOCK};

/// Buffers of one thread.
#[derive(Default)]
pub struct GradientScratch {
    /// Errors of a block, `[step][width]`.
    errors: Aligned<i32>,
    /// Sums for all masks, `[panel][block][mask][column]`.
    tables: Aligned<i32>,
    visits: Visits,
}

/// One block of one slot.
struct Job<'a> {
    slot: &'a Slot,
    block: usize,
}

impl Job<'_> {
    /// The steps in which some error is not zero.
    fn active(&self, plan: &GradientPlan) -> u8 {
        let nonzero = &self.slot.nonzero[plan.nonzero.block(self.block, 1)];
        nonzero.iter().fold(0, |any, steps| any | steps)
    }
}

/// Some panels of a slice's gradient: what one thread adds to.
pub struct Part<'a> {
    pub panels: &'a [Panel],
    /// Columns of the whole slice.
    pub width: usize,
    /// The gradients of `panels`, `[panel][row][column]`.
    pub gradient: &'a mut [i32],
}

/// Adds the gradients of `slots` to a part of a slice.
pub fn run(
    simd: Simd,
    plan: &GradientPlan,
    lanes: usize,
    part: &mut Part,
    slots: &[&Slot],
    scratch: &mut GradientScratch,
) {
    let blocks = 0..plan.time.blocks;
    let jobs = slots.iter().flat_map(|slot| blocks.clone().map(move |block| Job { slot, block }));
    let mut waiting = Vec::with_capacity(BLOCKS);
    for job in jobs.filter(|job| job.active(plan) != 0) {
        waiting.push(job);
        if waiting.len() == BLOCKS {
            add_blocks(simd, plan, lanes, part, &waiting, scratch);
            waiting.clear();
        }
    }
    if !waiting.is_empty() {
        add_blocks(simd, plan, lanes, part, &waiting, scratch);
    }
}

/// Step masks of a block, as an index.
const STEP_MASKS: usize = MASKS;

/// What ACCUMULATE counts for one slot. `kept` is scratch: the kept words for each block and step mask.
pub fn tally(
    simd: Simd,
    plan: &GradientPlan,
    lanes: usize,
    slot: &Slot,
    kept: &mut Vec<Vec<Kept>>,
) -> Tally {
    let mut tally = Tally::default();
    kept.resize_with(plan.time.blocks * STEP_MASKS, Vec::new);
    let nonzero = |block: usize| &slot.nonzero[plan.nonzero.block(block, 1)];
    for block in 0..plan.time.blocks {
        let words = &slot.spikes[plan.input.block(block, lanes)];
        let zero_words = list::zero_words(simd, words, lanes);
        for (steps, tiles) in occurring(nonzero(block)) {
            if steps == 0 {
                tally.add(Counter::WgSkipped, tiles);
                continue;
            }
            let kept = &mut kept[block * STEP_MASKS + usize::from(steps)];
            walk::keep(simd, words, lanes, steps, kept);
            let common = list::common(simd, &words[..plan.rows.fan_in], steps);
            tally.add(Counter::WgVisits, tiles * common.visits);
            tally.add(Counter::WgEvents, tiles * common.events);
            tally.add(Counter::WgWords, tiles * plan.input.tiles);
            tally.add(Counter::WgZeroWords, tiles * zero_words);
            tally.add(Counter::WgErrorReads, tiles * plan.time.steps_in(block));
        }
    }
    let blocks: Vec<&[u8]> = (0..plan.time.blocks).map(nonzero).collect();
    let words = |block: usize, steps: u8| &kept[block * STEP_MASKS + usize::from(steps)][..];
    tally.add(Counter::WgBusy, cycles::accumulate(plan.rows.tiles, &blocks, words));
    tally
}

/// Adds the errors of up to [`BLOCKS`] blocks.
fn add_blocks(
    simd: Simd,
    plan: &GradientPlan,
    lanes: usize,
    part: &mut Part,
    jobs: &[Job],
    scratch: &mut GradientScratch,
) {
    let fan_in = plan.rows.fan_in;
    let width = part.width;
    let first = part.panels.first().map_or(0, |panel| panel.first);
    let mut inputs: [&[u8]; BLOCKS] = [&[]; BLOCKS];
    let mut active = [0u8; BLOCKS];
    scratch.errors.reserve(TIME_BLOCK * width);
    scratch.tables.reserve(BLOCKS * MASKS * width);
    for (i, job) in jobs.iter().enumerate() {
        let (slot, block) = (job.slot, job.block);
        inputs[i] = &slot.spikes[plan.input.block(block, lanes)][..fan_in];
        active[i] = job.active(plan);
        // Columns beyond the slice must add nothing: nobody sees their gradients, but UPDATE would use them.
        scratch.errors.fill(0);
        let nonzero = &slot.nonzero[plan.nonzero.block(block, 1)];
        let steps = plan.time.steps_in(block);
        let rows = &slot.errors[plan.errors.block(block, TIME_BLOCK * lanes)];
        let shift = 6 + plan.gradient_shift;
        align::errors(simd, lanes, rows, nonzero, steps, shift, width, &mut scratch.errors);
        for panel in part.panels {
            let errors = &scratch.errors[panel.first..];
            let tables = &mut scratch.tables[panel.range(BLOCKS * MASKS)];
            let table = &mut tables[i * MASKS * panel.columns..];
            gradient::mask_sums(simd, errors, width, panel.columns, steps, table);
        }
    }

    let count = jobs.len();
    list::visits(simd, &inputs[..count], &active[..count], &mut scratch.visits);
    for panel in part.panels {
        let tables = &scratch.tables[panel.range(BLOCKS * MASKS)];
        let range = panel.range(fan_in);
        let gradients =
            &mut part.gradient[range.start - first * fan_in..range.end - first * fan_in];
        gradient::add_visits(simd, gradients, panel.columns, tables, &scratch.visits);
    }
}
