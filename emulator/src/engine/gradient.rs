//! WG: ACCUMULATE of one slice for several slots.

use super::plan::GradientPlan;
use crate::cycles;
use crate::kernel::gradient::{self, MASKS};
use crate::kernel::list::{self, BLOCKS, Visits};
use crate::kernel::walk::{self, Kept};
use crate::kernel::{Simd, align};
use crate::memory::{Aligned, Panel, Slot};
use crate::tally::{Common, Tally};
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

/// Buffers of [`tally`].
#[derive(Default)]
pub struct TallyScratch {
    /// The kept words of each kind of tile-block.
    kept: Vec<Vec<Kept>>,
    /// Steps in which an input is visited for any slot.
    union: Vec<u8>,
}

/// What one ACCUMULATE for `slots` (at most 8) counts.
///
/// Tile-blocks of a block are of one *kind* when each slot has errors in the same steps.
pub fn tally(
    simd: Simd,
    plan: &GradientPlan,
    lanes: usize,
    slots: &[Slot],
    scratch: &mut TallyScratch,
) -> Tally {
    let mut tally = Tally::default();
    let mut kinds = Vec::with_capacity(plan.time.blocks);
    let mut used = 0;
    for block in 0..plan.time.blocks {
        // Four bits for each slot.
        let mut steps = vec![0u32; plan.rows.tiles];
        for (place, slot) in slots.iter().enumerate() {
            let nonzero = &slot.nonzero[plan.nonzero.block(block, 1)];
            for (steps, nonzero) in steps.iter_mut().zip(nonzero) {
                *steps |= u32::from(nonzero & 15) << (TIME_BLOCK * place);
            }
        }
        let inputs = slots.iter().map(|slot| &slot.spikes[plan.input.block(block, lanes)]);
        let zero_words: usize =
            inputs.clone().map(|words| list::zero_words(simd, words, lanes)).sum();
        let mut different = steps.clone();
        different.sort_unstable();
        let first = used;
        for same in different.chunk_by(|a, b| a == b) {
            let (steps, tiles) = (same[0], same.len());
            if steps == 0 {
                tally.add(Counter::WgSkipped, tiles);
                continue;
            }
            if used == scratch.kept.len() {
                scratch.kept.push(Vec::new());
            }
            let kept = &mut scratch.kept[used];
            used += 1;
            let visited =
                |words: &[u8], steps| list::common(simd, &words[..plan.rows.fan_in], steps);
            let common = match slots {
                [slot] => {
                    let words = &slot.spikes[plan.input.block(block, lanes)];
                    walk::keep(simd, words, lanes, steps as u8, kept);
                    visited(words, steps as u8)
                }
                _ => {
                    let union = &mut scratch.union;
                    union.clear();
                    union.resize(plan.input.tiles * lanes, 0);
                    let mut events = 0;
                    for (place, words) in inputs.clone().enumerate() {
                        let steps = (steps >> (TIME_BLOCK * place)) as u8 & 15;
                        list::unite(simd, words, steps, union);
                        events += visited(words, steps).events;
                    }
                    walk::keep(simd, union, lanes, 15, kept);
                    Common { events, ..visited(union, 15) }
                }
            };
            tally.add(Counter::WgVisits, tiles * common.visits);
            tally.add(Counter::WgEvents, tiles * common.events);
            tally.add(Counter::WgWords, tiles * plan.input.tiles * slots.len());
            tally.add(Counter::WgZeroWords, tiles * zero_words);
            tally.add(Counter::WgErrorReads, tiles * plan.time.steps_in(block) * slots.len());
        }
        // Those without errors come first, if there are any.
        different.dedup();
        different.retain(|steps| *steps != 0);
        let kind = |steps| different.binary_search(steps).ok().map(|index| first + index);
        kinds.push(steps.iter().map(kind).collect());
    }
    let kept = &scratch.kept[..used];
    tally.add(Counter::WgBusy, cycles::accumulate(plan.rows.tiles, slots.len(), &kinds, kept));
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
