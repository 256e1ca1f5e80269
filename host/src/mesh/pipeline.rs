//! Samples streamed through the cores of a mesh.
//!
//! The host walks the steps of the [`Schedule`]: it issues what the cores do some steps later, writes the input of a sample once all
//! cores have said that its slot is free, and turns outputs into output gradients. Tokens tell the cores when input and gradients are there.

use super::cluster::Cluster;
use super::schedule::{AHEAD, Planned, Schedule};
use crate::train::batch::Batch;
use crate::train::loss::{LossUnit, Outcome};
use crate::train::machine::Machine;
use crate::train::stream::Update;
use crate::weights::Weights;
use backspike_arch::device::WordMemory;
use backspike_arch::{ArchConfig, Counters, DeviceError};
use std::collections::VecDeque;

/// A mesh with a network on it and the state between batches.
pub struct Pipeline {
    cluster: Cluster,
    loss: LossUnit,
    schedule: Schedule,
    /// FP must wait for the update before its next instruction.
    update_pending: bool,
}

impl Pipeline {
    /// Takes idle cores.
    pub fn new(cluster: Cluster, loss: LossUnit) -> Pipeline {
        let schedule = cluster.program().schedule;
        Pipeline { cluster, loss, schedule, update_pending: false }
    }

    /// Streams `batch` through, back again with an `exponent` for the gradients, until all outputs have come. Returns how many samples all
    /// cores have done by then; what is left to do is issued.
    fn stream(
        &mut self,
        batch: &Batch,
        exponent: Option<i32>,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<usize, DeviceError> {
        let Self { cluster, loss, schedule, .. } = self;
        let (samples, slots) = (batch.len(), schedule.slots);
        let train = exponent.is_some();
        let tasks = |core| schedule.tasks(core, samples, train).into();
        let mut tasks: Vec<VecDeque<Planned>> = cluster.program().cores.iter().map(tasks).collect();
        // Samples whose input is written, whose output is received, and whose slot is free again.
        let (mut written, mut received, mut freed) = (0, 0, 0);
        let mut step = 0;
        while received < samples {
            cluster.issue(&mut tasks, step + AHEAD, slots)?;
            while written < samples && schedule.start(written) <= step {
                if train {
                    while freed + slots <= written {
                        cluster.receive_free()?;
                        freed += 1;
                    }
                }
                cluster.write_input(written % slots, batch.sample(written))?;
                written += 1;
            }
            while received < samples && schedule.output(received) <= step {
                outcome(loss.evaluate(cluster.receive_output()?, batch.labels[received]));
                if let Some(exponent) = exponent {
                    cluster.write_errors(received % slots, loss.errors(exponent))?;
                }
                received += 1;
            }
            while train && freed < samples && schedule.free(freed) <= step {
                cluster.receive_free()?;
                freed += 1;
            }
            step += 1;
        }
        cluster.issue(&mut tasks, usize::MAX, slots)?;
        Ok(freed)
    }

    fn wait_for_update(&mut self) -> Result<(), DeviceError> {
        if std::mem::take(&mut self.update_pending) {
            self.cluster.wait_for_update()?;
        }
        Ok(())
    }
}

impl Machine for Pipeline {
    fn config(&self) -> &ArchConfig {
        &self.cluster.program().config
    }

    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.cluster.memory()
    }

    /// The next batch begins when this one has ended: all its first instructions wait for the update.
    fn train(
        &mut self,
        batch: &Batch,
        _: Option<&Batch>,
        update: &Update,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<Counters, DeviceError> {
        self.wait_for_update()?;
        let freed = self.stream(batch, Some(update.exponent), outcome)?;
        self.cluster.update(update)?;
        self.update_pending = true;
        // Before the weights, so that those are on their way while the host goes on.
        self.cluster.push_counters()?;
        self.cluster.spread_weights(batch.len() - freed)?;
        self.cluster.receive_counters()
    }

    fn evaluate(
        &mut self,
        batch: &Batch,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<(), DeviceError> {
        self.wait_for_update()?;
        self.stream(batch, None, outcome).map(|_| ())
    }

    fn settle(&mut self) -> Result<(), DeviceError> {
        let pending = std::mem::take(&mut self.update_pending);
        self.cluster.settle(pending)
    }

    fn load(&mut self, weights: &Weights) -> Result<(), DeviceError> {
        self.cluster.load(weights)
    }

    fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError> {
        self.cluster.store(weights)
    }

    fn read_counters(&mut self) -> Result<Counters, DeviceError> {
        self.cluster.push_counters()?;
        self.cluster.receive_counters()
    }

    fn cores(&self) -> &[Counters] {
        self.cluster.counters()
    }
}
