//! WG: ACCUMULATE of one slice for several slots.

use super::plan::GradientPlan;
use crate::kernel::gradient::{self, MASKS, Visit};
use crate::kernel::{Simd, align};
use crate::memory::{Aligned, Panel, Slot};
use crate::tally::{Masks, Tally, zero_words};
use backspike_arch::{Counter, TIME_BLOCK};

/// Blocks whose errors are added in one pass over the gradient rows.
const AT_ONCE: usize = 4;

/// Buffers of one thread.
#[derive(Default)]
pub struct GradientScratch {
    /// Errors of a block, `[step][width]`.
    errors: Aligned<i32>,
    /// Sums for all masks, `[block][panel][mask][column]`.
    tables: [Aligned<i32>; AT_ONCE],
    visits: Vec<Visit>,
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
    let mut waiting = Vec::with_capacity(AT_ONCE);
    for job in jobs.filter(|job| job.active(plan) != 0) {
        waiting.push(job);
        if waiting.len() == AT_ONCE {
            add_blocks(simd, plan, lanes, part, &waiting, scratch);
            waiting.clear();
        }
    }
    if !waiting.is_empty() {
        add_blocks(simd, plan, lanes, part, &waiting, scratch);
    }
}

/// What ACCUMULATE counts for one slot.
pub fn tally(plan: &GradientPlan, lanes: usize, slot: &Slot) -> Tally {
    let mut tally = Tally::default();
    for block in 0..plan.time.blocks {
        count(plan, lanes, slot, block, &mut tally);
    }
    tally
}

fn count(plan: &GradientPlan, lanes: usize, slot: &Slot, block: usize, tally: &mut Tally) {
    let words = &slot.spikes[plan.input.block(block, lanes)];
    let masks = Masks::of(&words[..plan.rows.fan_in]);
    let zero_words = zero_words(words, lanes);
    let errors = Masks::of(&slot.nonzero[plan.nonzero.block(block, 1)]);
    tally.add(Counter::WgSkipped, errors.count[0] as usize);
    for (steps, &tiles) in errors.count.iter().enumerate().skip(1).filter(|(_, tiles)| **tiles > 0)
    {
        let (common, tiles) = (masks.common(steps as u8), tiles as usize);
        tally.add(Counter::WgVisits, tiles * common.visits);
        tally.add(Counter::WgEvents, tiles * common.events);
        tally.add(Counter::WgWords, tiles * plan.input.tiles);
        tally.add(Counter::WgZeroWords, tiles * zero_words);
        tally.add(Counter::WgErrorReads, tiles * plan.time.steps_in(block));
    }
}

/// Adds the errors of up to [`AT_ONCE`] blocks.
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
    let mut inputs: [&[u8]; AT_ONCE] = [&[]; AT_ONCE];
    let mut active = [0u8; AT_ONCE];
    scratch.errors.reserve(TIME_BLOCK * width);
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
        let table = &mut scratch.tables[i];
        table.reserve(MASKS * width);
        for panel in part.panels {
            let errors = &scratch.errors[panel.first..];
            let table = &mut table[panel.range(MASKS)];
            gradient::mask_sums(simd, errors, width, panel.columns, steps, table);
        }
    }

    scratch.visits.resize(fan_in, (0, 0));
    let visits = list_visits(&inputs[..jobs.len()], active, &mut scratch.visits);
    for panel in part.panels {
        let tables: [&[i32]; AT_ONCE] = std::array::from_fn(|i| match jobs.get(i) {
            Some(_) => &scratch.tables[i][panel.range(MASKS)],
            None => &[],
        });
        let range = panel.range(fan_in);
        let gradients =
            &mut part.gradient[range.start - first * fan_in..range.end - first * fan_in];
        gradient::add_visits(simd, gradients, panel.columns, &tables[..jobs.len()], visits);
    }
}

/// The rows that any of the blocks visits, with the masks of all.
fn list_visits<'a>(
    inputs: &[&[u8]],
    active: [u8; AT_ONCE],
    visits: &'a mut [Visit],
) -> &'a [Visit] {
    let mut count = 0;
    for j in 0..visits.len() {
        let masks = inputs
            .iter()
            .zip(active)
            .rev()
            .fold(0, |masks, (input, active)| masks << 8 | u32::from(input[j] & active));
        // Stored in any case, kept if not zero: no branch.
        visits[count] = (j as u32, masks);
        count += usize::from(masks != 0);
    }
    &visits[..count]
}
