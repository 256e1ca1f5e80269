//! In which order the cores of a mesh do what.
//!
//! Every queue is in order, so each core needs an order in which nothing waits for what comes much later. A timetable gives it: for each slice
//! the cycles from the input of a sample to its FORWARD, to sending the spikes, to its BACKPROP and to sending the errors. All samples follow the
//! same table a *period* apart, the cycles of the busiest engine, and an engine with several slices has a time of its own for each in every period.
//!
//! ```text
//! start      start + forward    + spikes      ... + output    ...   + backward     + errors     ...   + lifetime
//! input      FORWARD            is sent       loss            ...   BACKPROP       are sent     ...   slot is free
//! ```
//!
//! The times are estimates and nobody waits for them: cores run as fast as tokens let them. What an instruction waits for has an earlier time,
//! so cores that each run theirs in the order of the times never wait for each other in a circle, whatever their speed. Samples start a period apart while there
//! are slots, and a slot's next sample after it is free.

use super::Share;
use super::work::LayerWork;
use backspike_arch::{ArchConfig, Region, TIME_BLOCK};

/// Periods that instructions are issued before the host's part of their time.
const AHEAD: usize = 3;
/// Periods that an input is written before its time, where slots are free: FP may run ahead, it seldom has the most to do.
const EARLY: usize = 3;
/// Cycles from a row's reading to its first word at another core, some routers away, or at the host.
const FLIGHT: usize = 60;
/// Cycles of the host's loss.
const LOSS: usize = 100;

/// What a slice takes a sample, in cycles: of the engines, and of sending what they make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceCost {
    pub layer: usize,
    pub forward: usize,
    pub backward: usize,
    pub gradient: usize,
    pub spikes: usize,
    pub errors: usize,
}

impl SliceCost {
    /// Of a share of a layer with the measured `work` of all layers, for samples of `blocks` time blocks.
    pub fn new(config: &ArchConfig, work: &[LayerWork], share: &Share, blocks: usize) -> Self {
        let layer = &work[share.layer];
        let part = |cycles: f64| (cycles * share.tiles as f64 / layer.tiles as f64) as usize;
        // Each row takes four cycles beside its words.
        let row = |region: Region| region.subs(config) + 4;
        let tile_blocks = share.tiles * blocks;
        Self {
            layer: share.layer,
            forward: part(layer.forward),
            backward: part(layer.backward),
            gradient: part(layer.gradient),
            spikes: tile_blocks * row(Region::Spike),
            errors: tile_blocks * (TIME_BLOCK * row(Region::Error) + row(Region::Nonzero)),
        }
    }
}

/// When a slice does what, in cycles from the input of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    forward: usize,
    spikes: usize,
    backward: usize,
    errors: usize,
}

/// The times of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    output: usize,
    lifetime: usize,
    /// Of each core: its slices, and when it has done the sample.
    cores: Vec<(Vec<Times>, usize)>,
}

/// The timetable of a network's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub slots: usize,
    period: usize,
    table: Table,
}

/// What a core does for a sample; slices by their index on the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    Forward { slice: usize },
    SendSpikes { slice: usize },
    Backward { slice: usize },
    SendErrors { slice: usize },
    Free,
}

/// A task with its time and its sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    pub time: usize,
    pub sample: usize,
    pub task: Task,
}

/// The part of every period that an engine's slices take, as starts and lengths.
#[derive(Clone, Debug, Default)]
struct Taken(Vec<(usize, usize)>);

impl Taken {
    /// The first time from `from` on when the engine is free for `length` cycles of every period; `from` where it never is.
    fn take(&mut self, from: usize, length: usize, period: usize) -> usize {
        let mut at = from;
        // Each taken part pushes at most twice: into it, and past the next.
        for _ in 0..=2 * self.0.len() {
            let clash = self.0.iter().find_map(|&(start, taken)| {
                let since = (at + period - start) % period;
                let until = (period - since) % period;
                if since < taken {
                    Some(taken - since)
                } else {
                    (until < length).then_some(until + taken)
                }
            });
            match clash {
                Some(later) => at += later,
                None => {
                    self.0.push((at % period, length));
                    return at;
                }
            }
        }
        from
    }
}

/// Slices of all cores, for whom a timetable is made.
struct Slices<'a> {
    cores: &'a [Vec<SliceCost>],
    layers: usize,
    period: usize,
}

impl Slices<'_> {
    fn holders(&self, layer: usize) -> impl Iterator<Item = (usize, usize, SliceCost)> {
        self.cores.iter().enumerate().flat_map(move |(c, core)| {
            let of = core.iter().enumerate().filter(move |(_, cost)| cost.layer == layer);
            of.map(move |(slice, cost)| (c, slice, *cost))
        })
    }

    /// The longest of a core's slices. Added from start to sending as a constant of the core, it keeps the order of an engine's slices.
    fn longest(&self, core: usize, of: fn(&SliceCost) -> usize) -> usize {
        1 + self.cores[core].iter().map(of).max().unwrap_or(0)
    }

    /// Each slice as early as may be, but for some slack after what it needs was sent: samples take their engines longer or shorter than the mean, and flits wait for
    /// each other. With less, one late sample holds up those of other slices; FP, which seldom has the most to do, needs half of BP's.
    fn table(&self) -> Table {
        let Self { cores, layers, period } = *self;
        let [forward_slack, backward_slack] = [period / 4, period / 2].map(|slack| FLIGHT + slack);
        let mut times: Vec<Vec<Times>> =
            cores.iter().map(|core| vec![Times::default(); core.len()]).collect();
        let mut taken = vec![Taken::default(); cores.len()];
        let mut ready = 1;
        for layer in 0..layers {
            let mut sent = ready;
            for (core, slice, cost) in self.holders(layer) {
                let forward = taken[core].take(ready, cost.forward, period);
                let spikes = forward + self.longest(core, |cost| cost.forward);
                times[core][slice] = Times { forward, spikes, ..Times::default() };
                sent = sent.max(spikes + cost.spikes);
            }
            ready = sent + forward_slack;
        }
        let output = ready;
        let mut taken = vec![Taken::default(); cores.len()];
        ready = output + LOSS;
        for layer in (0..layers).rev() {
            let mut sent = ready;
            for (core, slice, cost) in self.holders(layer) {
                let backward = taken[core].take(ready, cost.backward, period);
                let errors = backward + self.longest(core, |cost| cost.backward);
                let of = &mut times[core][slice];
                *of = Times { backward, errors, ..*of };
                sent = sent.max(errors + cost.errors);
            }
            ready = sent + backward_slack;
        }
        let cores: Vec<(Vec<Times>, usize)> = (times.into_iter().enumerate())
            .map(|(core, times)| {
                let last = times.iter().map(|times| times.errors).max().unwrap_or(0);
                (times, last + self.longest(core, |cost| cost.gradient))
            })
            .collect();
        let lifetime = 1 + cores.iter().map(|(_, free)| *free).max().unwrap_or(0);
        Table { output, lifetime, cores }
    }
}

impl Schedule {
    /// The timetable of cores with these slices, in the order of the layers on each.
    pub fn new(cores: &[Vec<SliceCost>], layers: usize, slots: usize) -> Schedule {
        let most = |of: fn(&SliceCost) -> usize| {
            let sums = cores.iter().map(|core| core.iter().map(of).sum::<usize>());
            sums.max().unwrap_or(0)
        };
        let engines: [fn(&SliceCost) -> usize; 3] = [|c| c.forward, |c| c.backward, |c| c.gradient];
        let period = 1 + engines.map(most).into_iter().max().unwrap_or(0);
        let table = Slices { cores, layers, period }.table();
        Schedule { slots, period, table }
    }

    /// Cycles from a sample to the next.
    pub const fn period(&self) -> usize {
        self.period
    }

    /// Cycles of a batch, if all were as estimated.
    pub fn batch(&self, samples: usize) -> usize {
        self.free(samples.saturating_sub(1))
    }

    /// The time of a sample.
    fn start(&self, sample: usize) -> usize {
        let span = (self.slots * self.period).max(self.table.lifetime + 1);
        sample / self.slots * span + sample % self.slots * self.period
    }

    /// When the input of a sample is written: after its slot is free.
    pub fn input(&self, sample: usize) -> usize {
        let early = self.start(sample).saturating_sub(EARLY * self.period);
        sample.checked_sub(self.slots).map_or(early, |before| early.max(self.free(before) + 1))
    }

    /// The loss.
    pub fn output(&self, sample: usize) -> usize {
        self.start(sample) + self.table.output
    }

    /// After which every core has done the sample.
    pub fn free(&self, sample: usize) -> usize {
        self.start(sample) + self.table.lifetime
    }

    /// When a core has done a sample, against others.
    pub fn done(&self, core: usize) -> usize {
        self.table.cores[core].1
    }

    /// Until when instructions are issued at a time.
    pub const fn ahead(&self, time: usize) -> usize {
        time + AHEAD * self.period
    }

    /// Samples for which a core may have been told to do a task and not done it. What leads to outputs is done when they have come; what follows is done
    /// when the sample is, and issued at the latest when the last outputs have come.
    pub fn waiting(&self, core: usize, task: Task) -> usize {
        let times = &self.table.cores[core].0;
        let (from, until) = match task {
            Task::Forward { slice } => (times[slice].forward, self.table.output),
            Task::SendSpikes { slice } => (times[slice].spikes, self.table.output),
            _ => (self.table.output, self.table.lifetime),
        };
        2 + (self.ahead(until) - from) / self.period
    }

    /// All that a core does for `samples` samples, in order; only forward without `train`.
    pub fn tasks(&self, core: usize, samples: usize, train: bool) -> Vec<Planned> {
        let (times, free) = &self.table.cores[core];
        let mut planned = Vec::new();
        for sample in 0..samples {
            let start = self.start(sample);
            let mut plan =
                |time: usize, task| planned.push(Planned { time: start + time, sample, task });
            for (slice, times) in times.iter().enumerate() {
                plan(times.forward, Task::Forward { slice });
                plan(times.spikes, Task::SendSpikes { slice });
                if train {
                    plan(times.backward, Task::Backward { slice });
                    plan(times.errors, Task::SendErrors { slice });
                }
            }
            if train && !times.is_empty() {
                plan(*free, Task::Free);
            }
        }
        planned.sort_unstable();
        planned
    }
}

#[cfg(test)]
mod tests;
