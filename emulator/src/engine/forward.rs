//! FP: FORWARD of one slice for several slots.

use super::plan::ForwardPlan;
use crate::cycles;
use crate::kernel::forward::Events;
use crate::kernel::list::{self, List, RANGE};
use crate::kernel::neuron::{Lanes, NeuronLanes};
use crate::kernel::walk::{self, Kept};
use crate::kernel::{Simd, forward, neuron};
use crate::memory::{Aligned, Image, Slot};
use crate::tally::Tally;
use backspike_arch::{Counter, TIME_BLOCK};

/// Bytes of forward sums kept at a time: part of a second-level cache, beside a panel of weights.
const SUM_BYTES: usize = 128 << 10;

/// Bytes of a range of rows of a panel, of which a share is read: about a first-level cache.
const RANGE_BYTES: usize = 64 << 10;

/// Buffers of one thread.
#[derive(Default)]
pub struct ForwardScratch {
    inputs: Vec<Input>,
    /// Sums `[sample][step][width]`, and those of steps that need more than 32 bits.
    sums: Aligned<i32>,
    wide: Aligned<i64>,
    membrane: Vec<i32>,
    fired: Vec<u8>,
    /// Kept words of each block.
    words: Vec<Vec<Kept>>,
}

/// The input spikes of a sample as lists of rows.
#[derive(Default)]
struct Input {
    /// Row indices of all steps, one after the other.
    events: List,
    /// End of each step's events in each range of rows, `[step][range]`.
    ends: Vec<u32>,
    /// Whether a step's sum may exceed 32 bits.
    wide: Vec<bool>,
}

impl Input {
    fn events(&self) -> Events<'_> {
        let ranges = self.ends.len() / self.wide.len().max(1);
        Events { rows: &self.events, ends: &self.ends, ranges }
    }
}

/// Runs FORWARD of a slice for each of `slots`; `finished` gets the tally of each.
pub fn run(
    simd: Simd,
    plan: &ForwardPlan,
    lanes: usize,
    image: &Image,
    slots: &mut [&mut Slot],
    scratch: &mut ForwardScratch,
    tallies: &mut Vec<Tally>,
) {
    let per_sample = plan.time.steps * image.width();
    let at_once = (SUM_BYTES / size_of::<i32>() / per_sample).max(1);
    for slots in slots.chunks_mut(at_once) {
        if scratch.inputs.len() < slots.len() {
            scratch.inputs.resize_with(slots.len(), Input::default);
        }
        for (sample, slot) in slots.iter().enumerate() {
            tallies.push(list_events(simd, plan, lanes, image, slot, sample, scratch));
        }
        sum_panels(simd, plan, image, slots.len(), scratch);
        for (sample, slot) in slots.iter_mut().enumerate() {
            neurons(simd, plan, lanes, image.width(), slot, sample, scratch);
        }
    }
}

/// Lists the rows to add for each step of a sample.
fn list_events(
    simd: Simd,
    plan: &ForwardPlan,
    lanes: usize,
    image: &Image,
    slot: &Slot,
    sample: usize,
    scratch: &mut ForwardScratch,
) -> Tally {
    let tiles = plan.rows.tiles;
    let input = &mut scratch.inputs[sample];
    input.events.clear();
    input.ends.clear();
    input.wide.clear();
    let largest = image.largest().iter().copied().max().unwrap_or(0);
    let mut tally = Tally::default();
    scratch.words.resize_with(plan.time.blocks, Vec::new);
    for block in 0..plan.time.blocks {
        let words = &slot.spikes[plan.input.block(block, lanes)];
        walk::keep(simd, words, lanes, 0xf, &mut scratch.words[block]);
        let masks = &words[..plan.rows.fan_in];
        for step in 0..plan.time.steps_in(block) {
            let first = input.events.len();
            list::select(simd, masks, step, &mut input.events, &mut input.ends);
            let events = &input.events[first..];
            // The bound by the largest weight of all settles most cases without a look at the rows.
            let bounded = events.len() as u64 * u64::from(largest) <= i32::MAX as u64
                || sum_largest(events, image.largest()) <= i32::MAX as u64;
            input.wide.push(!bounded);
        }
        let common = list::common(simd, masks, 0xf);
        tally.add(Counter::FpEvents, tiles * common.events);
        tally.add(Counter::FpVisits, tiles * common.visits);
        tally.add(Counter::FpWords, tiles * plan.input.tiles);
        tally.add(Counter::FpZeroWords, tiles * list::zero_words(simd, words, lanes));
        tally.add(Counter::FpTileBlocks, tiles);
        if plan.membrane.is_some() {
            tally.add(Counter::FpMembraneWords, tiles * plan.time.steps_in(block));
        }
    }
    tally.add(Counter::FpBusy, cycles::forward(tiles, plan.time.steps, &scratch.words));
    tally
}

/// A bound of the magnitude of the sum of some rows.
fn sum_largest(events: &[u32], largest: &[u32]) -> u64 {
    events.iter().map(|&row| u64::from(largest[row as usize])).sum()
}

/// The input sums of all steps of `samples` samples. A panel of weights stays in the second-level cache, a range of its rows in the
/// first.
fn sum_panels(
    simd: Simd,
    plan: &ForwardPlan,
    image: &Image,
    samples: usize,
    scratch: &mut ForwardScratch,
) {
    let (width, steps) = (image.width(), plan.time.steps);
    let ranges = plan.rows.fan_in.div_ceil(RANGE);
    scratch.sums.reserve(samples * steps * width);
    scratch.sums[..samples * steps * width].fill(0);
    let inputs = &scratch.inputs[..samples];
    for panel in image.panels() {
        let weights = image.weights(panel);
        // Rows of narrow panels are short: more of them fit.
        let at_once = (RANGE_BYTES / size_of::<i32>() / RANGE / panel.columns).max(1);
        for first in (0..ranges).step_by(at_once) {
            let part = (first, (first + at_once).min(ranges));
            for (sample, input) in inputs.iter().enumerate() {
                let sums = &mut scratch.sums[sample * steps * width..][..steps * width];
                let sums = &mut sums[panel.first..];
                let (events, wide) = (input.events(), &input.wide);
                forward::add_steps(simd, weights, panel.columns, events, part, wide, sums, width);
            }
        }
    }
    if inputs.iter().any(|input| input.wide.contains(&true)) {
        sum_wide(simd, image, samples, steps, scratch);
    }
}

/// The sums that may exceed 32 bits: 32-bit sums of parts that do not, added up in 40 bits.
fn sum_wide(simd: Simd, image: &Image, samples: usize, steps: usize, scratch: &mut ForwardScratch) {
    let width = image.width();
    scratch.wide.reserve(samples * steps * width);
    for panel in image.panels() {
        let weights = image.weights(panel);
        for (sample, input) in scratch.inputs[..samples].iter().enumerate() {
            for step in (0..steps).filter(|&step| input.wide[step]) {
                let at = (sample * steps + step) * width + panel.first;
                let range = at..at + panel.columns;
                let wide = &mut scratch.wide[range.clone()];
                let partial = &mut scratch.sums[range];
                wide.fill(0);
                let events = input.events();
                let events = events.range(step, 0, events.ranges);
                for part in bounded_parts(events, image.largest()) {
                    partial.fill(0);
                    forward::add_rows(simd, weights, panel.columns, part, partial);
                    forward::add_partial(simd, wide, partial);
                }
            }
        }
    }
}

/// Cuts `events` into parts whose sums cannot leave 32 bits.
fn bounded_parts<'a>(
    mut events: &'a [u32],
    largest: &'a [u32],
) -> impl Iterator<Item = &'a [u32]> + 'a {
    std::iter::from_fn(move || {
        let mut bound = 0u64;
        let length = events
            .iter()
            .take_while(|&&row| {
                bound += u64::from(largest[row as usize]);
                bound <= i32::MAX as u64
            })
            .count();
        let (part, rest) = events.split_at(length);
        events = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// Neuron steps of one sample, and its output words.
fn neurons(
    simd: Simd,
    plan: &ForwardPlan,
    lanes: usize,
    width: usize,
    slot: &mut Slot,
    sample: usize,
    scratch: &mut ForwardScratch,
) {
    let neurons = plan.rows.tiles * lanes;
    let valid = neurons - lanes + plan.last_lanes;
    scratch.membrane.clear();
    scratch.membrane.resize(neurons, 0);
    scratch.fired.clear();
    scratch.fired.resize(neurons, 0);
    for block in 0..plan.time.blocks {
        let words = plan.output.block(block, lanes);
        let trace = &mut slot.trace;
        let mut state = Lanes {
            u: &mut scratch.membrane,
            fired: &mut scratch.fired,
            spikes: &mut trace.spikes[words.clone()],
            code0: &mut trace.code0[words.clone()],
            code1: &mut trace.code1[words.clone()],
        };
        state.spikes.fill(0);
        state.code0.fill(0);
        state.code1.fill(0);
        for step in 0..plan.time.steps_in(block) {
            let t = block * TIME_BLOCK + step;
            let at = (sample * plan.time.steps + t) * width;
            let range = at..at + neurons;
            let p: &NeuronLanes = &plan.neuron;
            if scratch.inputs[sample].wide[t] {
                neuron::step64(simd, p, &scratch.wide[range], &mut state, step as u32);
            } else {
                neuron::step32(simd, p, &scratch.sums[range], &mut state, step as u32);
            }
            if let Some(membrane) = plan.membrane {
                let rows = &mut slot.membranes[membrane.block(block, TIME_BLOCK * lanes)];
                for (tile, u) in state.u.chunks_exact(lanes).enumerate() {
                    let row = (tile * TIME_BLOCK + step) * lanes;
                    rows[row..row + lanes].copy_from_slice(u);
                }
            }
        }
        // Lanes beyond the last neuron never spike; their membranes are nobody's business.
        state.spikes[valid..].fill(0);
        state.code0[valid..].fill(0);
        state.code1[valid..].fill(0);
        slot.spikes[words.clone()].copy_from_slice(&slot.trace.spikes[words]);
    }
}
