//! In which order the cores of a mesh do what.
//!
//! Every queue is in order, so each core needs an order in which nothing waits for what comes much later. Steps are counted from the input of the first
//! sample; a sample takes one a layer forward, some for the host's loss, and one a layer backward:
//!
//! ```text
//! step      start      start + l      ... + layers - 1 + SLACK    ... + 1 + layers - 1 - l       ... + 1
//!           input      FORWARD of l   loss, output gradients      BACKPROP, ACCUMULATE of l      slot is free
//! ```
//!
//! A core with a part of layer `l` so does FORWARD of a sample and BACKPROP of an earlier one in turn, the further apart the lower the layer.
//! What an instruction waits for has an earlier step, so cores that each run theirs in the order of the steps never wait for each other in a
//! circle, whatever their speed. Samples start a step apart while there are slots, and a slot's next sample after it is free.

use super::program::CoreProgram;

/// Steps from the last layer's FORWARD to the loss. More would let the host be further behind, but cores push spikes and errors in one order:
/// the errors of a sample would wait for the spikes of so many more.
const SLACK: usize = 1;
/// Steps that instructions are issued before the host's part of their step.
pub const AHEAD: usize = 4;

/// The steps of a network's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub layers: usize,
    pub slots: usize,
}

/// What a core does for a sample; slices by their index on the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    Forward { slice: usize },
    Backward { slice: usize },
    Free,
}

/// A task with its step and its sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    pub step: usize,
    pub sample: usize,
    pub task: Task,
}

impl Schedule {
    /// Steps from the input of a sample to that in which its slot is free.
    const fn lifetime(&self) -> usize {
        2 * self.layers + SLACK
    }

    /// The step in which the input of a sample is written.
    pub fn start(&self, sample: usize) -> usize {
        let span = self.slots.max(self.lifetime() + 1);
        sample / self.slots * span + sample % self.slots
    }

    /// FORWARD of a layer.
    pub fn forward(&self, sample: usize, layer: usize) -> usize {
        self.start(sample) + layer
    }

    /// The loss.
    pub fn output(&self, sample: usize) -> usize {
        self.start(sample) + self.layers - 1 + SLACK
    }

    /// NEURON_BACK or BACKPROP into a layer, then its ACCUMULATE.
    pub fn backward(&self, sample: usize, layer: usize) -> usize {
        self.output(sample) + self.layers - layer
    }

    /// The step after which every core has done the sample.
    pub fn free(&self, sample: usize) -> usize {
        self.start(sample) + self.lifetime()
    }

    /// Samples whose instructions may wait in the queues at once.
    pub const fn issued(&self) -> usize {
        self.lifetime() + AHEAD + 1
    }

    /// All that `core` does for `samples` samples, in order; only forward without `train`.
    pub fn tasks(&self, core: &CoreProgram, samples: usize, train: bool) -> Vec<Planned> {
        let mut planned = Vec::new();
        for sample in 0..samples {
            let mut plan = |step, task| planned.push(Planned { step, sample, task });
            for (slice, of) in core.slices.iter().enumerate() {
                let layer = of.holding.share.layer;
                plan(self.forward(sample, layer), Task::Forward { slice });
                if train {
                    plan(self.backward(sample, layer), Task::Backward { slice });
                }
            }
            // The slice of the lowest layer comes last on the way back.
            if let Some(lowest) = core.slices.first().filter(|_| train) {
                plan(self.backward(sample, lowest.holding.share.layer) + 1, Task::Free);
            }
        }
        planned.sort_unstable();
        planned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_after_what_it_needs() {
        for layers in 1..12 {
            for slots in [1, 2, 4, 8, 16, 32] {
                let schedule = Schedule { layers, slots };
                for sample in 0..100 {
                    for layer in 1..layers {
                        assert!(
                            schedule.forward(sample, layer) > schedule.forward(sample, layer - 1)
                        );
                        assert!(
                            schedule.backward(sample, layer - 1) > schedule.backward(sample, layer)
                        );
                    }
                    assert!(schedule.output(sample) > schedule.forward(sample, layers - 1));
                    assert!(schedule.backward(sample, layers - 1) > schedule.output(sample));
                    assert_eq!(schedule.free(sample), schedule.backward(sample, 0) + 1);
                    assert!(schedule.start(sample + 1) > schedule.start(sample));
                    assert!(schedule.start(sample + slots) > schedule.free(sample));
                    let issued = (0..200)
                        .filter(|&other| schedule.start(other) <= schedule.start(sample) + AHEAD)
                        .filter(|&other| schedule.free(other) >= schedule.start(sample));
                    assert!(issued.count() <= schedule.issued());
                }
            }
        }
    }
}
