//! What trains: a core, or the cores of a mesh together.

use super::stream::{Flight, Update};
use crate::core::{Core, token};
use crate::weights::Weights;
use backspike_arch::{ArchConfig, Counters, DeviceError, Engine, PushWord};
use std::ops::Range;

/// Runs a network that was compiled for it. Samples are in slots, and the neighbouring slots of a group share tokens.
pub trait Machine: Send {
    /// The configuration of its cores.
    fn config(&self) -> &ArchConfig;

    /// How its slots are shared.
    fn flight(&self) -> Flight {
        Flight::new(self.config().slots)
    }

    /// What FP does from here on waits for the last update.
    fn wait_for_update(&mut self) -> Result<(), DeviceError>;

    /// Writes the encoded input of a slot, and starts its forward pass unless [`end_forward`](Self::end_forward) does.
    fn forward(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError>;

    /// After the inputs of a group: forward passes and pushes of the outputs, slot after slot.
    fn end_forward(&mut self, slots: Range<usize>) -> Result<(), DeviceError>;

    /// The output of the next slot, as the region that the loss reads has it.
    fn receive_output(&mut self) -> Result<&[PushWord], DeviceError>;

    /// Writes the output gradient of a slot, all error rows of the output, and starts its backward pass unless
    /// [`end_backward`](Self::end_backward) does.
    fn backward(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError>;

    /// After the output gradients of a group: backward passes and weight gradients.
    fn end_backward(&mut self, slots: Range<usize>) -> Result<(), DeviceError>;

    /// Enqueues the word that says that the slots of a further group are free.
    fn push_free(&mut self) -> Result<(), DeviceError>;

    /// Receives the words of `groups` groups.
    fn receive_free(&mut self, groups: usize) -> Result<(), DeviceError>;

    /// Enqueues the update of all layers.
    fn update(&mut self, update: &Update) -> Result<(), DeviceError>;

    /// Once the slots of all groups are free: sends new weights to who keeps copies.
    fn spread_weights(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Enqueues the push of status and counters.
    fn push_counters(&mut self) -> Result<(), DeviceError>;

    /// The counters after [`push_counters`](Self::push_counters); a set status bit is an error.
    fn receive_counters(&mut self) -> Result<Counters, DeviceError>;

    /// What each core had counted when the counters were last received; none for a core that stands alone.
    fn cores(&self) -> &[Counters] {
        &[]
    }

    /// Waits for all work; with `updated`, also for an update that FP does not wait for.
    fn settle(&mut self, updated: bool) -> Result<(), DeviceError>;

    /// Writes weights and optimizer state; only while the engines are idle.
    fn load(&mut self, weights: &Weights) -> Result<(), DeviceError>;

    /// Reads weights and optimizer state; only while the engines are idle.
    fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError>;

    /// Asks for the counters and waits for them; only while nothing else is pushed.
    fn read_counters(&mut self) -> Result<Counters, DeviceError> {
        self.push_counters()?;
        self.receive_counters()
    }
}

impl Machine for Core {
    fn config(&self) -> &ArchConfig {
        &self.program().config
    }

    fn wait_for_update(&mut self) -> Result<(), DeviceError> {
        self.wait(Engine::Fp, token::UPDATED)
    }

    fn forward(&mut self, slot: usize, input: &[u32]) -> Result<(), DeviceError> {
        Core::forward(self, slot, input)
    }

    fn end_forward(&mut self, slots: Range<usize>) -> Result<(), DeviceError> {
        self.post(Engine::Fp, token::FORWARD)?;
        self.wait(Engine::Io, token::FORWARD)?;
        for slot in slots {
            self.push_output(slot)?;
        }
        Ok(())
    }

    fn receive_output(&mut self) -> Result<&[PushWord], DeviceError> {
        let words = self.output_words();
        self.receive(words)
    }

    fn backward(&mut self, slot: usize, errors: &[u32]) -> Result<(), DeviceError> {
        Core::backward(self, slot, errors)
    }

    fn end_backward(&mut self, slots: Range<usize>) -> Result<(), DeviceError> {
        self.post(Engine::Bp, token::BACKWARD)?;
        self.wait(Engine::Wg, token::BACKWARD)?;
        for slot in slots {
            self.accumulate(slot)?;
        }
        self.post(Engine::Wg, token::FREE)
    }

    fn push_free(&mut self) -> Result<(), DeviceError> {
        self.wait(Engine::Io, token::FREE)?;
        self.push_slot_free()
    }

    fn receive_free(&mut self, groups: usize) -> Result<(), DeviceError> {
        self.receive(groups).map(|_| ())
    }

    fn update(&mut self, update: &Update) -> Result<(), DeviceError> {
        for (layer, key) in update.keys.iter().enumerate() {
            Core::update(self, layer, update.rate_shift, update.scale_shift, *key)?;
        }
        self.post(Engine::Wg, token::UPDATED)
    }

    fn push_counters(&mut self) -> Result<(), DeviceError> {
        Core::push_counters(self)
    }

    fn receive_counters(&mut self) -> Result<Counters, DeviceError> {
        Core::receive_counters(self)
    }

    fn settle(&mut self, updated: bool) -> Result<(), DeviceError> {
        if updated {
            self.wait(Engine::Wg, token::UPDATED)?;
        }
        self.post(Engine::Wg, token::SETTLED)?;
        Core::settle(self)
    }

    fn load(&mut self, weights: &Weights) -> Result<(), DeviceError> {
        Core::load(self, weights)
    }

    fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError> {
        Core::store(self, weights)
    }
}
