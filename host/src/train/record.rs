//! What training reports: per batch, per epoch, in total.

use backspike_arch::{Counter, Counters};
use std::ops::Index;

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pub samples: u64,
    pub correct: u64,
    /// Sum of the samples' losses, in the order of the samples.
    pub loss: f64,
}

impl Sums {
    /// Adds one sample.
    pub fn add(&mut self, outcome: super::loss::Outcome) {
        self.samples += 1;
        self.correct += u64::from(outcome.correct);
        self.loss += outcome.loss;
    }

    /// Mean loss of a sample.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples.max(1) as f64
    }

    /// Share of correct samples, 0..=1.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples.max(1) as f64
    }
}

/// Counters summed over any time: 64 bits do not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    values: [u64; Counter::COUNT],
}

impl Default for Totals {
    fn default() -> Self {
        Totals { values: [0; Counter::COUNT] }
    }
}

impl Totals {
    /// Adds what was counted in a stretch of time.
    pub fn add(&mut self, counters: &Counters) {
        for (sum, value) in self.values.iter_mut().zip(counters.words()) {
            *sum += u64::from(*value);
        }
    }

    /// Cycles of the busiest engine: FP, BP, or WG with its updates.
    pub fn busiest(&self) -> u64 {
        let wg = self[Counter::WgBusy] + self[Counter::WgUpdateBusy];
        self[Counter::FpBusy].max(self[Counter::BpBusy]).max(wg)
    }
}

impl From<&Counters> for Totals {
    /// What was counted in one stretch of time.
    fn from(counters: &Counters) -> Totals {
        let mut totals = Totals::default();
        totals.add(counters);
        totals
    }
}

impl Index<Counter> for Totals {
    type Output = u64;

    fn index(&self, counter: Counter) -> &u64 {
        &self.values[counter.index()]
    }
}

/// One weight update.
#[derive(Clone, Debug)]
pub struct BatchRecord {
    pub epoch: u32,
    /// Weight updates so far, this one included.
    pub step: u64,
    /// Batches of an epoch.
    pub batches: usize,
    /// Batch within the epoch, from 0.
    pub batch: usize,
    pub sums: Sums,
    /// The learning rate was 2^-rate_shift.
    pub rate_shift: u8,
    /// Errors were gradients times `steps x batch x 2^exponent`.
    pub exponent: i32,
    /// What the core, or all cores of a mesh together, counted since the end of the batch before; the cycles are those of one.
    pub counters: Counters,
    /// The same of each core of a mesh.
    pub cores: Vec<Counters>,
}

/// One epoch, or the part of it that was trained.
#[derive(Clone, Debug)]
pub struct EpochRecord {
    pub epoch: u32,
    pub epochs: u32,
    pub step: u64,
    pub train: Sums,
    pub test: Sums,
    pub weight_hash: String,
    /// Seconds of training, evaluation apart.
    pub seconds: f64,
}

/// Everything about a training run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The last epoch that was trained in this run, if any.
    pub last: Option<EpochRecord>,
    pub totals: Totals,
    /// Of each core of a mesh.
    pub cores: Vec<Totals>,
    pub samples: u64,
    /// Seconds of training, evaluation apart.
    pub seconds: f64,
    pub scale: super::scale::Scale,
    pub weight_hash: String,
    /// It ended before its last epoch because it was asked to.
    pub stopped: bool,
}

/// Is told of progress.
pub trait Observer {
    /// After each weight update.
    fn batch(&mut self, record: &BatchRecord);
    /// After each epoch and its evaluation.
    fn epoch(&mut self, record: &EpochRecord);
}
