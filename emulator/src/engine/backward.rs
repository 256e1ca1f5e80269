//! BP: NEURON_BACK and BACKPROP of one slot.

use super::plan::{BackwardPlan, Source};
use crate::cycles;
use crate::kernel::align::ERROR_EXPONENT;
use crate::kernel::backward::Trace;
use crate::kernel::list::{self, List};
use crate::kernel::{Simd, align, backward};
use crate::memory::{Aligned, Image, Slot};
use crate::tally::{Tally, occurring};
use backspike_arch::{Counter, TIME_BLOCK};

/// Buffers of one thread.
#[derive(Default)]
pub struct BackwardScratch {
    /// Backward membranes of the population.
    v: Vec<i64>,
    /// Error sums of a block, `[step][neuron]`.
    sums: Vec<i64>,
    /// Errors of a step.
    d: Vec<u16>,
    /// Errors of the slice, `[step][width]`, Q24.
    errors: Aligned<i32>,
    /// Surrogate windows as step masks, `[block][neuron]`.
    windows: Vec<u8>,
    /// Steps with errors of the slice's tiles, equal neighbours counted, of each block.
    runs: Vec<Vec<(u8, u32)>>,
    /// Rows inside the window in one step, and their sums.
    rows: List,
    ends: Vec<u32>,
    dots: Vec<i64>,
}

/// Runs one instruction; `image` is that of the source slice.
pub fn run(
    simd: Simd,
    plan: &BackwardPlan,
    lanes: usize,
    image: Option<&Image>,
    slot: &mut Slot,
    scratch: &mut BackwardScratch,
) -> Tally {
    let neurons = plan.target.tiles * lanes;
    scratch.v.clear();
    scratch.v.resize(neurons, 0);
    scratch.d.resize(neurons, 0);
    scratch.windows.clear();
    scratch.windows.resize(plan.time.blocks * neurons, 0);
    scratch.runs.resize_with(plan.time.blocks, Vec::new);
    let mut tally = Tally::default();
    for block in (0..plan.time.blocks).rev() {
        let steps = plan.time.steps_in(block);
        scratch.sums.clear();
        scratch.sums.resize(steps * neurons, 0);
        match (&plan.source, image) {
            (Some(source), Some(image)) => {
                propagate(simd, plan, source, lanes, image, slot, block, scratch, &mut tally);
            }
            _ => stored_errors(plan, lanes, slot, block, &mut scratch.sums, &mut tally),
        }
        write_errors(simd, plan, lanes, slot, block, scratch, &mut tally);
    }
    tally.add(Counter::BpBusy, busy(plan, lanes, scratch));
    tally
}

/// The cycles of the instruction, tile by tile as the machine goes.
fn busy(plan: &BackwardPlan, lanes: usize, scratch: &BackwardScratch) -> usize {
    let neurons = plan.target.tiles * lanes;
    let mut cycles = cycles::Backward::new(lanes, plan.steps_at_once, plan.time.blocks);
    for tile in 0..plan.target.tiles {
        for block in (0..plan.time.blocks).rev() {
            let steps = plan.time.steps_in(block);
            let windows = &scratch.windows[block * neurons + tile * lanes..][..lanes];
            cycles.word(windows, &scratch.runs[block], steps);
        }
    }
    cycles.busy(plan.time.steps_in(0))
}

/// `e` of NEURON_BACK: what the host wrote.
fn stored_errors(
    plan: &BackwardPlan,
    lanes: usize,
    slot: &Slot,
    block: usize,
    sums: &mut [i64],
    tally: &mut Tally,
) {
    let steps = plan.time.steps_in(block);
    let neurons = plan.target.tiles * lanes;
    let rows = &slot.errors[plan.target_errors.block(block, TIME_BLOCK * lanes)];
    for (tile, rows) in rows.chunks_exact(TIME_BLOCK * lanes).enumerate() {
        for (step, row) in rows.chunks_exact(lanes).take(steps).enumerate() {
            let sums = &mut sums[step * neurons + tile * lanes..][..lanes];
            for (sum, half) in sums.iter_mut().zip(row) {
                // Q24 to Q30.
                *sum = i64::from(align::aligned(*half, ERROR_EXPONENT)) << 6;
            }
        }
    }
    tally.add(Counter::BpWords, plan.target.tiles);
    tally.add(Counter::BpErrorReads, plan.target.tiles * steps);
}

/// `e` of BACKPROP: dot products for the neurons inside the surrogate window.
#[allow(clippy::too_many_arguments, reason = "one call, each argument of its own kind")]
fn propagate(
    simd: Simd,
    plan: &BackwardPlan,
    source: &Source,
    lanes: usize,
    image: &Image,
    slot: &Slot,
    block: usize,
    scratch: &mut BackwardScratch,
    tally: &mut Tally,
) {
    let steps = plan.time.steps_in(block);
    let neurons = plan.target.tiles * lanes;
    let width = image.width();
    let nonzero = &slot.nonzero[source.nonzero.block(block, 1)];
    let any = nonzero.iter().fold(0, |any, steps| any | steps);

    let words = plan.target.block(block, lanes);
    let fan_in = source.rows.fan_in;
    let (code0, code1) = (&slot.trace.code0[words.clone()], &slot.trace.code1[words]);
    let windows = &mut scratch.windows[block * neurons..][..fan_in];
    list::either(simd, &code0[..fan_in], &code1[..fan_in], 0xf, windows);
    count(simd, windows, nonzero, plan.target.tiles, tally);
    let runs = nonzero.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u32));
    scratch.runs[block].clear();
    scratch.runs[block].extend(runs);

    scratch.errors.reserve(TIME_BLOCK * width);
    // Columns beyond the slice have zero weights, but what an earlier slice left there must not overflow a sum.
    scratch.errors.fill(0);
    let rows = &slot.errors[source.errors.block(block, TIME_BLOCK * lanes)];
    align::errors(simd, lanes, rows, nonzero, steps, 0, width, &mut scratch.errors);
    for step in (0..steps).filter(|step| (any >> step) & 1 == 1) {
        scratch.rows.clear();
        scratch.ends.clear();
        list::select(simd, windows, step, &mut scratch.rows, &mut scratch.ends);
        scratch.dots.clear();
        scratch.dots.resize(scratch.rows.len(), 0);
        for panel in image.panels() {
            let errors = &scratch.errors[step * width + panel.first..];
            let weights = image.weights(panel);
            let (rows, dots) = (&scratch.rows, &mut scratch.dots);
            backward::dots(simd, weights, panel.columns, errors, rows, dots);
        }
        let sums = &mut scratch.sums[step * neurons..][..neurons];
        for (&row, &dot) in scratch.rows.iter().zip(&scratch.dots) {
            // The accumulator has 50 bits; the sum saturates to 40 once.
            let sum = (dot << 14) >> 14;
            sums[row as usize] = sum.clamp(-(1 << 39), (1 << 39) - 1);
        }
    }
}

fn count(simd: Simd, windows: &[u8], nonzero: &[u8], target_tiles: usize, tally: &mut Tally) {
    let visits = list::common(simd, windows, 0xf).visits;
    for (steps, tiles) in occurring(nonzero) {
        let common = list::common(simd, windows, steps);
        tally.add(Counter::BpVisits, tiles * common.visits);
        tally.add(Counter::BpEvents, tiles * common.events);
        tally.add(Counter::BpErrorReads, tiles * common.events);
        tally.add(Counter::BpSkipped, tiles * (visits - common.visits));
    }
    tally.add(Counter::BpWords, target_tiles);
}

/// The neuron-backward steps of a block; errors and nonzero words to the slot.
fn write_errors(
    simd: Simd,
    plan: &BackwardPlan,
    lanes: usize,
    slot: &mut Slot,
    block: usize,
    scratch: &mut BackwardScratch,
    tally: &mut Tally,
) {
    let steps = plan.time.steps_in(block);
    let neurons = plan.target.tiles * lanes;
    let words = plan.target.block(block, lanes);
    let trace = Trace {
        spikes: &slot.trace.spikes[words.clone()],
        code0: &slot.trace.code0[words.clone()],
        code1: &slot.trace.code1[words],
    };
    let nonzero = &mut slot.nonzero[plan.target.block(block, 1)];
    nonzero.fill(0);
    let rows = &mut slot.errors[plan.target_errors.block(block, TIME_BLOCK * lanes)];
    for step in (0..steps).rev() {
        let sums = &scratch.sums[step * neurons..][..neurons];
        let (v, d) = (&mut scratch.v, &mut scratch.d);
        let saturations = backward::step(simd, &plan.neuron, sums, trace, step as u32, v, d);
        tally.add(Counter::BpSaturations, saturations as usize);
        backward::store(simd, lanes, d, step, rows, nonzero);
    }
    tally.add(Counter::BpErrorWrites, plan.target.tiles * steps);
}
