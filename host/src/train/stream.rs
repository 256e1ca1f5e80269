//! Streams samples through the core so that its engines overlap.
//!
//! Samples travel in groups of neighbours that share tokens. `ahead` groups are in their forward pass while `behind` groups are in their backward
//! pass, and the slots of `ahead + behind` groups are all in use. IO sends, in this order, the outputs of group n and then the "slots are
//! free" word of group n - behind: so nothing the host waits for is queued behind something that needs the host first, and no queue can
//! block for ever, whatever its depth.
//!
//! ```text
//! FP   forward(n + ahead)            POST FORWARD
//! IO                                 WAIT FORWARD, outputs(n + ahead), WAIT FREE, free(n + ahead - behind)
//! host           loss(n)
//! BP             backward(n)         POST BACKWARD
//! WG             WAIT BACKWARD, accumulate(n), POST FREE     ... after the last group: UPDATE, POST UPDATED
//! ```

use super::batch::Batch;
use super::loss::{LossUnit, Outcome};
use super::machine::Machine;
use crate::core::{Core, token};
use crate::weights::Weights;
use backspike_arch::device::WordMemory;
use backspike_arch::{ArchConfig, Counters, DeviceError, Engine};
use std::ops::Range;

/// How samples share the slots of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// Samples of a group.
    pub group: usize,
    /// Groups in the forward pass.
    pub ahead: usize,
    /// Groups in the backward pass.
    pub behind: usize,
}

impl Flight {
    /// Uses all slots (a power of two): half of them ahead, half behind, in two groups each where there are enough. A group has at least
    /// the slots, `together`, whose gradients WG adds at once, where two groups do.
    pub fn new(slots: usize, together: usize) -> Flight {
        match slots {
            1 => Flight { group: 1, ahead: 1, behind: 0 },
            _ => {
                let group = (slots / 4).max(together.min(slots / 2));
                let each = slots / 2 / group;
                Flight { group, ahead: each, behind: each }
            }
        }
    }

    fn groups(&self) -> usize {
        self.ahead + self.behind
    }
}

/// The shifts and keys of one weight update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Errors are gradients times `steps x batch x 2^exponent`.
    pub exponent: i32,
    pub rate_shift: u8,
    pub scale_shift: u8,
    /// Keys of the stochastic rounding, one per layer.
    pub keys: Vec<u32>,
}

/// A core with its loss and the state between batches.
pub struct Stream {
    core: Core,
    loss: LossUnit,
    flight: Flight,
    /// Groups issued since the start, which decides their slots.
    issued: usize,
    /// Groups of the current batch that were issued at the end of the one before.
    ahead: usize,
    /// FP must wait for the update before its next instruction.
    update_pending: bool,
}

impl Stream {
    /// Takes an idle core.
    pub fn new(core: Core, loss: LossUnit) -> Stream {
        let config = &core.program().config;
        let flight = Flight::new(config.slots, config.gradient_slots);
        Stream { core, loss, flight, issued: 0, ahead: 0, update_pending: false }
    }

    fn samples(&self, batch: &Batch, group: usize) -> Range<usize> {
        let first = group * self.flight.group;
        first..(first + self.flight.group).min(batch.len())
    }

    /// Slots of the `group`-th group after the first `base` ones.
    fn slot(&self, base: usize, group: usize) -> usize {
        (base + group) % self.flight.groups() * self.flight.group
    }

    /// Starts the forward pass of a group; `freed` is the group whose free word follows its outputs.
    fn issue(&mut self, batch: &Batch, group: usize, frees: bool) -> Result<(), DeviceError> {
        if std::mem::take(&mut self.update_pending) {
            self.core.wait(Engine::Fp, token::UPDATED)?;
        }
        let slot = self.slot(self.issued, 0);
        let samples = self.samples(batch, group);
        for (i, sample) in samples.clone().enumerate() {
            self.core.forward(slot + i, batch.sample(sample))?;
        }
        self.core.post(Engine::Fp, token::FORWARD)?;
        self.core.wait(Engine::Io, token::FORWARD)?;
        for i in 0..samples.len() {
            self.core.push_output(slot + i)?;
        }
        if frees {
            push_free(&mut self.core)?;
        }
        self.issued += 1;
        Ok(())
    }

    /// Receives the outputs of a group, evaluates the loss and starts backward pass and weight gradient.
    fn finish_forward(
        &mut self,
        batch: &Batch,
        group: usize,
        slot: usize,
        exponent: i32,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<(), DeviceError> {
        let samples = self.samples(batch, group);
        let words = self.core.output_words();
        for (i, sample) in samples.clone().enumerate() {
            let label = batch.labels[sample];
            outcome(self.loss.evaluate(self.core.receive(words)?, label));
            self.core.backward(slot + i, self.loss.errors(exponent))?;
        }
        self.core.post(Engine::Bp, token::BACKWARD)?;
        self.core.wait(Engine::Wg, token::BACKWARD)?;
        self.core.accumulate(slot, samples.len())?;
        self.core.post(Engine::Wg, token::FREE)
    }

    /// Enqueues the update, the free words of the last groups and the counters.
    fn end_batch(&mut self, update: &Update, frees: usize) -> Result<(), DeviceError> {
        for (layer, key) in update.keys.iter().enumerate() {
            self.core.update(layer, update.rate_shift, update.scale_shift, *key)?;
        }
        self.core.post(Engine::Wg, token::UPDATED)?;
        self.update_pending = true;
        for _ in 0..frees {
            push_free(&mut self.core)?;
        }
        self.core.push_counters()
    }
}

impl Machine for Stream {
    fn config(&self) -> &ArchConfig {
        &self.core.program().config
    }

    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.core.memory()
    }

    fn train(
        &mut self,
        batch: &Batch,
        next: Option<&Batch>,
        update: &Update,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<Counters, DeviceError> {
        let Flight { ahead, behind, group: size } = self.flight;
        let groups = batch.len().div_ceil(size);
        let base = self.issued - self.ahead;
        for group in self.ahead..groups.min(ahead) {
            self.issue(batch, group, group >= behind)?;
        }
        self.ahead = 0;
        for group in 0..groups {
            let slot = self.slot(base, group);
            self.finish_forward(batch, group, slot, update.exponent, outcome)?;
            if group + 1 == groups {
                self.end_batch(update, groups.min(behind))?;
            }
            if group >= behind {
                self.core.receive(1)?;
            }
            if group + ahead < groups {
                self.issue(batch, group + ahead, group + ahead >= behind)?;
            }
        }
        if let Some(next) = next {
            let groups = next.len().div_ceil(size);
            for group in 0..groups.min(ahead) {
                self.issue(next, group, group >= behind)?;
                self.ahead += 1;
            }
        }
        self.core.receive(groups.min(behind))?;
        self.core.receive_counters()
    }

    fn settle(&mut self) -> Result<(), DeviceError> {
        if std::mem::take(&mut self.update_pending) {
            self.core.wait(Engine::Wg, token::UPDATED)?;
        }
        self.core.post(Engine::Wg, token::SETTLED)?;
        self.core.settle()
    }

    fn evaluate(
        &mut self,
        batch: &Batch,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<(), DeviceError> {
        let in_flight = self.flight.groups();
        let groups = batch.len().div_ceil(self.flight.group);
        let words = self.core.output_words();
        for group in 0..groups.min(in_flight) {
            self.issue(batch, group, false)?;
        }
        for group in 0..groups {
            for sample in self.samples(batch, group) {
                outcome(self.loss.evaluate(self.core.receive(words)?, batch.labels[sample]));
            }
            if group + in_flight < groups {
                self.issue(batch, group + in_flight, false)?;
            }
        }
        Ok(())
    }

    fn load(&mut self, weights: &Weights) -> Result<(), DeviceError> {
        self.core.load(weights)
    }

    fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError> {
        self.core.store(weights)
    }

    fn read_counters(&mut self) -> Result<Counters, DeviceError> {
        self.core.read_counters()
    }
}

fn push_free(core: &mut Core) -> Result<(), DeviceError> {
    core.wait(Engine::Io, token::FREE)?;
    core.push_slot_free()
}
