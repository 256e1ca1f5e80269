//! Samples streamed through the cores of a mesh.
//!
//! The host walks the times of the [`Schedule`]: it issues what the cores do some time later, writes the input of a sample once all
//! cores have said that its slot is free, and turns outputs into output gradients. Tokens tell the cores when input and gradients are there.

use super::cluster::Cluster;
use super::schedule::{Planned, Schedule};
use crate::train::batch::Batch;
use crate::train::loss::{LossUnit, Outcome};
use crate::train::machine::Machine;
use crate::train::stream::Update;
use crate::weights::Weights;
use backspike_arch::device::WordMemory;
use backspike_arch::{ArchConfig, Counters, DeviceError};
use std::collections::VecDeque;

/// What the host does for a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// Writes its input.
    Input { sample: usize },
    /// Receives its output and writes the gradient.
    Output { sample: usize },
    /// Hears that all cores have done the next one.
    Free,
}

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
        let schedule = cluster.program().schedule.clone();
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
        let mut tasks: Vec<VecDeque<Planned>> =
            (0..cluster.program().cores.len()).map(tasks).collect();
        let mut acts = Vec::new();
        for sample in 0..samples {
            acts.push((schedule.input(sample), Act::Input { sample }));
            acts.push((schedule.output(sample), Act::Output { sample }));
            if train {
                acts.push((schedule.free(sample), Act::Free));
            }
        }
        acts.sort_unstable();
        let mut left = samples;
        let (mut freed, mut issue) = (0, 0);
        for (time, act) in acts {
            if time >= issue {
                cluster.issue(&mut tasks, schedule.ahead(time), slots)?;
                issue = time + schedule.period();
            }
            match act {
                Act::Input { sample } => {
                    cluster.write_input(sample % slots, batch.sample(sample))?;
                }
                Act::Output { sample } => {
                    outcome(loss.evaluate(cluster.receive_output()?, batch.labels[sample]));
                    if let Some(exponent) = exponent {
                        cluster.write_errors(sample % slots, loss.errors(exponent))?;
                    }
                    left -= 1;
                    if left == 0 {
                        break;
                    }
                }
                Act::Free => {
                    cluster.receive_free()?;
                    freed += 1;
                }
            }
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
