//! FP: FORWARD of one slice for several slots.

use super::plan::ForwardPlan;
use crate::kernel::neuron::{Lanes, NeuronLanes};
use crate::kernel::{Simd, forward, neuron};
use crate::memory::{Aligned, Image, Slot};
use crate::tally::{Masks, Tally, zero_words};
use backspike_arch::{Counter, TIME_BLOCK};

/// Bytes of forward sums kept at a time: part of a second-level cache, beside a panel of weights.
const SUM_BYTES: usize = 128 << 10;

/// Buffers of one thread.
#[derive(Default)]
pub struct ForwardScratch {
    inputs: Vec<Input>,
    visits: Vec<(u32, u8)>,
    lists: [Vec<u32>; TIME_BLOCK],
    /// Sums `[sample][step][width]`, and those of steps that need more than 32 bits.
    sums: Aligned<i32>,
    wide: Aligned<i64>,
    membrane: Vec<i32>,
    fired: Vec<u8>,
}

/// The input spikes of a sample as lists of rows.
#[derive(Default)]
struct Input {
    /// Row indices of all steps, one after the other.
    events: Vec<u32>,
    /// End of each step's events.
    ends: Vec<usize>,
    /// Whether a step's sum may exceed 32 bits.
    wide: Vec<bool>,
}

impl Input {
    fn step(&self, step: usize) -> &[u32] {
        let first = if step == 0 { 0 } else { self.ends[step - 1] };
        &self.events[first..self.ends[step]]
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
            tallies.push(list_events(plan, lanes, image, slot, sample, scratch));
        }
        sum_panels(simd, plan, image, slots.len(), scratch);
        for (sample, slot) in slots.iter_mut().enumerate() {
            neurons(simd, plan, lanes, image.width(), slot, sample, scratch);
        }
    }
}

/// Lists the rows to add for each step of a sample.
fn list_events(
    plan: &ForwardPlan,
    lanes: usize,
    image: &Image,
    slot: &Slot,
    sample: usize,
    scratch: &mut ForwardScratch,
) -> Tally {
    let fan_in = plan.rows.fan_in;
    let input = &mut scratch.inputs[sample];
    input.events.clear();
    input.ends.clear();
    input.wide.clear();
    scratch.visits.resize(fan_in, (0, 0));
    let largest = image.largest();
    let mut tally = Tally::default();
    for block in 0..plan.time.blocks {
        let words = &slot.spikes[plan.input.block(block, lanes)];
        // Every mask is stored, but the position advances only past those that are not zero: no branch to mispredict.
        let mut visits = 0;
        for (j, &mask) in words[..fan_in].iter().enumerate() {
            scratch.visits[visits] = (j as u32, mask);
            visits += usize::from(mask != 0);
        }
        let visits = &scratch.visits[..visits];
        let steps = plan.time.steps_in(block);
        for (step, list) in scratch.lists[..steps].iter_mut().enumerate() {
            if list.len() < fan_in {
                list.resize(fan_in, 0);
            }
            let mut length = 0;
            let mut bound = 0u64;
            for &(row, mask) in visits {
                let set = (mask >> step) & 1;
                list[length] = row;
                length += usize::from(set);
                bound += u64::from(largest[row as usize]) & u64::from(set).wrapping_neg();
            }
            input.events.extend_from_slice(&list[..length]);
            input.ends.push(input.events.len());
            input.wide.push(bound > i32::MAX as u64);
        }
        count(plan, lanes, words, &mut tally);
        if plan.membrane.is_some() {
            tally.add(Counter::FpMembraneWords, plan.rows.tiles * steps);
        }
    }
    tally
}

/// Counts a block, the same for every tile.
fn count(plan: &ForwardPlan, lanes: usize, words: &[u8], tally: &mut Tally) {
    let tiles = plan.rows.tiles;
    let common = Masks::of(&words[..plan.rows.fan_in]).common(0xf);
    tally.add(Counter::FpEvents, tiles * common.events);
    tally.add(Counter::FpVisits, tiles * common.visits);
    tally.add(Counter::FpWords, tiles * plan.input.tiles);
    tally.add(Counter::FpZeroWords, tiles * zero_words(words, lanes));
    tally.add(Counter::FpTileBlocks, tiles);
}

/// The input sums of all steps of `samples` samples, panel by panel, so that a panel stays in the cache.
fn sum_panels(
    simd: Simd,
    plan: &ForwardPlan,
    image: &Image,
    samples: usize,
    scratch: &mut ForwardScratch,
) {
    let (width, steps) = (image.width(), plan.time.steps);
    scratch.sums.reserve(samples * steps * width);
    let inputs = &scratch.inputs[..samples];
    if inputs.iter().any(|input| input.wide.contains(&true)) {
        scratch.wide.reserve(samples * steps * width);
    }
    for panel in image.panels() {
        let weights = image.weights(panel);
        for (sample, input) in inputs.iter().enumerate() {
            for step in 0..steps {
                let at = (sample * steps + step) * width + panel.first;
                let range = at..at + panel.columns;
                let events = input.step(step);
                let out = &mut scratch.sums[range.clone()];
                if input.wide[step] {
                    let wide = &mut scratch.wide[range];
                    wide.fill(0);
                    for part in bounded_parts(events, image.largest()) {
                        forward::sum_rows(simd, weights, panel.columns, part, out);
                        forward::add_partial(simd, wide, out);
                    }
                } else {
                    forward::sum_rows(simd, weights, panel.columns, events, out);
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
            // Lanes beyond the last neuron never spike.
            state.fired[valid..].fill(0);
            if let Some(membrane) = plan.membrane {
                let rows = &mut slot.membranes[membrane.block(block, TIME_BLOCK * lanes)];
                for (tile, u) in state.u.chunks_exact(lanes).enumerate() {
                    let row = (tile * TIME_BLOCK + step) * lanes;
                    rows[row..row + lanes].copy_from_slice(u);
                }
            }
        }
        state.spikes[valid..].fill(0);
        state.code0[valid..].fill(0);
        state.code1[valid..].fill(0);
        slot.spikes[words.clone()].copy_from_slice(&slot.trace.spikes[words]);
    }
}
