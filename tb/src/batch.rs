//! A batch as a host runs it: the three engines overlap on different samples and meet through tokens.

use std::ops::Range;

use backspike_arch::{Device, DeviceError, Engine, Instruction, PushWord, Region};

use crate::{
    network::Sample,
    program::{Placement, describe, issue},
};

/// Counter `FORWARDED` + ... of one sample's way through the core.
mod token {
    /// FP has finished a sample: BP may start.
    pub const FORWARDED: u8 = 0;
    /// BP has finished it: WG may start.
    pub const BACKWARDED: u8 = 1;
    /// WG has finished it and those it is taken with: their words may be pushed, their slots reused.
    pub const ACCUMULATED: u8 = 2;
    /// Weights are updated: the next batch may start.
    pub const UPDATED: u8 = 3;
}

/// What UPDATE takes for every layer of a batch; `key` of layer l is `key + l`.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub rate_shift: u8,
    pub scale_shift: u8,
    pub key: u32,
}

/// Pushes of one sample: the region and rows of its output that WG leaves behind.
fn outputs(placement: &Placement, slot: usize) -> Vec<(Region, Range<usize>)> {
    let last = placement.layers() - 1;
    let mut regions = vec![Region::Trace, Region::Nonzero];
    if placement.readout[last] {
        regions.push(Region::Membrane);
    }
    regions.iter().map(|&region| (region, placement.rows(region, last, slot))).collect()
}

/// Trains on `samples` and updates the weights once. The samples go round the slots; a slot is written again only after the pushes of
/// the sample before have arrived. Returns all pushed words of the outputs, those of steps beyond the last included.
pub fn train_batch(
    device: &mut dyn Device,
    placement: &Placement,
    samples: &[Sample],
    step: Step,
) -> Result<Vec<PushWord>, DeviceError> {
    let slots = placement.config.slots;
    let layers = placement.layers() as u8;
    let mut words = Vec::new();
    let pushed: usize = outputs(placement, 0)
        .iter()
        .map(|(region, rows)| rows.len() * region.subs(&placement.config))
        .sum();
    for (index, sample) in samples.iter().enumerate() {
        let slot = index % slots;
        if index >= slots {
            device.receive(pushed, &mut words)?;
        }
        placement.write_spikes(device, slot, sample)?;
        placement.write_errors(device, slot, sample)?;
        let number = slot as u8;
        for slice in 0..layers {
            issue(device, Engine::Fp, Instruction::Forward { slice, slot: number })?;
        }
        issue(device, Engine::Fp, Instruction::Post { token: token::FORWARDED })?;

        issue(device, Engine::Bp, Instruction::Wait { token: token::FORWARDED })?;
        let slice = placement.output_slice();
        issue(device, Engine::Bp, Instruction::NeuronBack { slice, slot: number })?;
        for slice in (1..layers).rev() {
            issue(device, Engine::Bp, Instruction::Backprop { slice, slot: number })?;
        }
        issue(device, Engine::Bp, Instruction::Post { token: token::BACKWARDED })?;

        issue(device, Engine::Wg, Instruction::Wait { token: token::BACKWARDED })?;
        let further = slot % placement.config.gradient_slots;
        if further + 1 < placement.config.gradient_slots && index + 1 < samples.len() {
            continue;
        }
        let first = slot - further;
        for slice in 0..layers {
            let (slot, further) = (first as u8, further as u8);
            issue(device, Engine::Wg, Instruction::Accumulate { slice, slot, further })?;
        }
        issue(device, Engine::Wg, Instruction::Post { token: token::ACCUMULATED })?;

        issue(device, Engine::Io, Instruction::Wait { token: token::ACCUMULATED })?;
        for slot in first..=slot {
            for (slice, (region, rows)) in outputs(placement, slot).into_iter().enumerate() {
                // Bases are within the slot and the same for every sample: rewriting the descriptor changes nothing for a PUSH
                // still in the queue.
                let (descriptor, slot) = placement.push(region, rows);
                describe(device, slice, &descriptor)?;
                issue(device, Engine::Io, Instruction::Push { slice: slice as u8, slot })?;
            }
        }
    }
    device.receive(pushed * samples.len().min(slots), &mut words)?;
    for slice in 0..layers {
        let Step { rate_shift, scale_shift, key } = step;
        let key = key.wrapping_add(slice.into());
        issue(device, Engine::Wg, Instruction::Update { slice, rate_shift, scale_shift, key })?;
    }
    issue(device, Engine::Wg, Instruction::Post { token: token::UPDATED })?;
    issue(device, Engine::Fp, Instruction::Wait { token: token::UPDATED })?;
    Ok(words)
}

/// Waits until everything issued so far is done, UPDATEs included.
pub fn settle(device: &mut dyn Device, placement: &Placement) -> Result<(), DeviceError> {
    for engine in [Engine::Fp, Engine::Bp, Engine::Wg] {
        let token = 4 + engine.code();
        issue(device, engine, Instruction::Post { token })?;
        issue(device, Engine::Io, Instruction::Wait { token })?;
    }
    let (descriptor, slot) = placement.push(Region::Register, 0..1);
    describe(device, 0, &descriptor)?;
    issue(device, Engine::Io, Instruction::Push { slice: 0, slot })?;
    device.receive(1, &mut Vec::new())
}
