//! Epochs, batches, checkpoints.

use super::batch::{Batch, Feed, shuffled};
use super::loss::LossUnit;
use super::machine::Machine;
use super::record::{BatchRecord, EpochRecord, Observer, Summary, Sums, Totals};
use super::scale::{Scale, ScaleRule};
use super::stream::{Stream, Update};
use crate::checkpoint::{Checkpoint, CheckpointError, Store};
use crate::compiler::Program;
use crate::core::Core;
use crate::data::{Dataset, Split};
use crate::encode::{Encoder, PlaneShape};
use crate::network::Network;
use crate::reader::Problems;
use crate::weights::Weights;
use backspike_arch::num::update_key;
use backspike_arch::{Counter, Counters, Device, DeviceError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Samples of a stretch of an evaluation.
const EVALUATION_BATCH: usize = 256;
/// The encoder's noise of evaluations is that of an epoch that training never reaches.
const EVALUATION_EPOCH: u32 = u32::MAX;
/// Keeps the random numbers of the learning rate apart from those of the rounding ("RATE").
const RATE_STREAM: u32 = 0x5241_5445;

/// Why training ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Input(#[from] Problems),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Where a training run stands: all that decides its future beside weights and network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub epoch: u32,
    /// Next batch of the epoch.
    pub batch: usize,
    /// Weight updates so far.
    pub step: u64,
    pub scale: Scale,
    /// Of the epoch so far.
    pub sums: Sums,
}

/// What a run is given beside network and data.
pub struct RunOptions<'a> {
    /// 2 and more: samples are encoded on a thread of their own.
    pub threads: usize,
    /// Weight updates after which to stop.
    pub steps: Option<u64>,
    /// Set from outside to stop after the current batch.
    pub stop: &'a AtomicBool,
    /// Where checkpoints go after each epoch and at the end.
    pub store: Option<&'a Store>,
}

/// A network on a device with its training state.
pub struct Trainer {
    network: Network,
    machine: Box<dyn Machine>,
    encoder: Encoder,
    rule: ScaleRule,
    position: Position,
    weights: Weights,
    counters: Counters,
    totals: Totals,
    /// Last snapshot and total of each core of a mesh.
    cores: Vec<(Counters, Totals)>,
    errors_per_sample: u64,
}

/// Refuses a data set whose samples are not what the network takes.
pub fn check_dataset(network: &Network, data: &Dataset) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if data.sample_len() != network.input_len() {
        problems.push(format!(
            "The samples of {} have the shape {:?} ({} features), but input.shape of the network is {:?} ({} features): change \
             input.shape or the data.",
            data.name, data.shape, data.sample_len(), network.input_shape, network.input_len()
        ));
    }
    if data.classes > network.outputs() {
        problems.push(format!(
            "{} has {} classes, but the last layer has {} neurons: give it at least {}.",
            data.name,
            data.classes,
            network.outputs(),
            data.classes
        ));
    }
    for (name, split) in [("training", &data.train), ("test", &data.test)] {
        if split.is_empty() {
            problems.push(format!("{} has no {name} samples: add some.", data.name));
        }
    }
    problems.into_result(())
}

impl Trainer {
    /// Puts `network`, compiled to `program`, on `device`: with initial weights, or at a checkpoint.
    pub fn new(
        network: &Network,
        program: Program,
        device: Box<dyn Device>,
        from: Option<&Checkpoint>,
    ) -> Result<Trainer, TrainError> {
        let loss = LossUnit::new(network, &program.config);
        let stream = Stream::new(Core::open(device, program)?, loss);
        Self::on(network, Box::new(stream), from)
    }

    /// The same on a machine that `network` was compiled for.
    pub fn on(
        network: &Network,
        mut machine: Box<dyn Machine>,
        from: Option<&Checkpoint>,
    ) -> Result<Trainer, TrainError> {
        let config = machine.config().clone();
        let rule = ScaleRule::new(network, config.error_max_exp)?;
        let (weights, position) = match from {
            Some(checkpoint) => (checkpoint.weights.clone(), checkpoint.position),
            None => {
                let scale = rule.first();
                let sums = Sums::default();
                (Weights::initial(network), Position { epoch: 0, batch: 0, step: 0, scale, sums })
            }
        };
        weights.check(network.training.weight_max_exp)?;
        let steps = network.steps as usize;
        let shape = PlaneShape::new(config.lanes, network.input_len(), steps);
        let encoder = Encoder::new(network.encoder, shape, network.training.seed);
        machine.load(&weights)?;
        let counters = machine.read_counters()?;
        let cores = machine.cores().iter().map(|core| (*core, Totals::default())).collect();
        Ok(Trainer {
            network: network.clone(),
            machine,
            encoder,
            rule,
            position,
            weights,
            counters,
            totals: Totals::default(),
            cores,
            errors_per_sample: network.errors_per_sample(),
        })
    }

    /// The weights as of the last epoch end or stop.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Where the run stands.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Trains to the last epoch, or until asked to stop.
    pub fn run(
        &mut self,
        data: &Dataset,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Summary, TrainError> {
        let epochs = self.network.training.epochs;
        let mut summary = Summary {
            last: None,
            totals: Totals::default(),
            cores: Vec::new(),
            samples: 0,
            seconds: 0.0,
            scale: self.position.scale,
            weight_hash: self.weights.hash(),
            stopped: false,
        };
        while self.position.epoch < epochs && !summary.stopped {
            let start = Instant::now();
            let trained = self.position.sums.samples;
            let finished = self.epoch(data, options, observer)?;
            let seconds = start.elapsed().as_secs_f64();
            summary.seconds += seconds;
            summary.samples += self.position.sums.samples - trained;
            let stop = self.must_stop(options, self.position.step);
            let left = !finished || self.position.epoch + 1 < epochs;
            summary.stopped = stop && left;
            self.settle()?;
            let (epoch, train) = (self.position.epoch, self.position.sums);
            if finished {
                self.position.epoch += 1;
                self.position.batch = 0;
                self.position.sums = Sums::default();
            }
            if let Some(store) = options.store {
                store.save(&self.checkpoint(data.train.len()))?;
            }
            // A stop is quick: it skips the evaluation. A limit of steps is a planned end.
            let interrupted = options.stop.load(Ordering::Relaxed);
            let test = if interrupted {
                Sums::default()
            } else {
                self.evaluate(&data.test, data.sample_len(), options.threads)?
            };
            summary.weight_hash = self.weights.hash();
            let step = self.position.step;
            let weight_hash = summary.weight_hash.clone();
            let record = EpochRecord { epoch, epochs, step, train, test, weight_hash, seconds };
            observer.epoch(&record);
            summary.last = Some(record);
        }
        summary.totals = self.totals;
        summary.cores = self.cores.iter().map(|(_, totals)| *totals).collect();
        summary.scale = self.position.scale;
        Ok(summary)
    }

    /// Trains the rest of the current epoch; `false` when it was stopped before its end.
    fn epoch(
        &mut self,
        data: &Dataset,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<bool, TrainError> {
        let Position { epoch, .. } = self.position;
        let training = &self.network.training;
        let order = shuffled(data.train.len(), training.seed, epoch);
        let encoder = self.encoder.clone();
        let memory = self.machine.memory();
        let feed = Feed {
            split: &data.train,
            sample_len: data.sample_len(),
            encoder: &encoder,
            order: &order,
            batch: training.batch,
            epoch,
            memory: memory.as_deref(),
        };
        let batches = feed.batches();
        let total = u64::from(training.epochs) * batches as u64;
        feed.run(options.threads, self.position.batch, |source| {
            let mut current = source(Batch::default());
            let mut spare = Batch::default();
            while let Some(batch) = current {
                let stop = self.must_stop(options, self.position.step + 1);
                let next = if stop { None } else { source(std::mem::take(&mut spare)) };
                let record = self.batch(&batch, next.as_ref(), batches, total)?;
                observer.batch(&record);
                if stop {
                    break;
                }
                spare = batch;
                current = next;
            }
            Ok(self.position.batch == batches)
        })
    }

    /// Whether to stop once `steps` updates are done.
    fn must_stop(&self, options: &RunOptions, steps: u64) -> bool {
        options.stop.load(Ordering::Relaxed) || options.steps.is_some_and(|limit| steps >= limit)
    }

    fn batch(
        &mut self,
        batch: &Batch,
        next: Option<&Batch>,
        batches: usize,
        total: u64,
    ) -> Result<BatchRecord, TrainError> {
        let training = &self.network.training;
        let Position { epoch, step, scale, .. } = self.position;
        let random = update_key(training.seed ^ RATE_STREAM, step as u32, 0);
        let rate_shift = training.learning_rate.at(epoch, step, total, random);
        let layers = 0..self.network.layers.len() as u32;
        let update = Update {
            exponent: scale.exponent,
            rate_shift: self.rule.rate_shift(rate_shift),
            scale_shift: self.rule.scale_shift(&scale),
            keys: layers.map(|layer| update_key(training.seed, step as u32, layer)).collect(),
        };
        let mut sums = Sums::default();
        let total_sums = &mut self.position.sums;
        let snapshot = self.machine.train(batch, next, &update, &mut |outcome| {
            sums.add(outcome);
            total_sums.add(outcome);
        })?;
        let (counters, cores) = self.count(snapshot);
        let errors = self.errors_per_sample * batch.len() as u64;
        let saturated = u64::from(counters[Counter::BpSaturations]);
        let record = BatchRecord {
            epoch,
            step: step + 1,
            batches,
            batch: self.position.batch,
            sums,
            rate_shift,
            exponent: scale.exponent,
            counters,
            cores,
        };
        self.position.scale = self.rule.after(scale, saturated, errors);
        self.position.step += 1;
        self.position.batch += 1;
        Ok(record)
    }

    /// Adds what was counted since the last snapshot: in all, and by each core of a mesh.
    fn count(&mut self, snapshot: Counters) -> (Counters, Vec<Counters>) {
        let counted = snapshot.since(&self.counters);
        self.counters = snapshot;
        self.totals.add(&counted);
        let cores = self.machine.cores().iter().zip(&mut self.cores);
        let by_core = cores.map(|(snapshot, (last, totals))| {
            let counted = snapshot.since(last);
            *last = *snapshot;
            totals.add(&counted);
            counted
        });
        (counted, by_core.collect())
    }

    /// Waits for the last update, counts it, and reads the weights.
    fn settle(&mut self) -> Result<(), TrainError> {
        self.machine.settle()?;
        let snapshot = self.machine.read_counters()?;
        self.count(snapshot);
        self.machine.store(&mut self.weights)?;
        self.weights.check(self.network.training.weight_max_exp)?;
        self.skip_counters()
    }

    /// Leaves what was counted since the last snapshot out of the totals.
    fn skip_counters(&mut self) -> Result<(), TrainError> {
        self.counters = self.machine.read_counters()?;
        for ((last, _), snapshot) in self.cores.iter_mut().zip(self.machine.cores()) {
            *last = *snapshot;
        }
        Ok(())
    }

    /// Runs `split` forward, with noise that depends on the seed only.
    pub fn evaluate(
        &mut self,
        split: &Split,
        sample_len: usize,
        threads: usize,
    ) -> Result<Sums, TrainError> {
        let order: Vec<u32> = (0..split.len() as u32).collect();
        let encoder = self.encoder.clone();
        let memory = self.machine.memory();
        let feed = Feed {
            split,
            sample_len,
            encoder: &encoder,
            order: &order,
            batch: EVALUATION_BATCH,
            epoch: EVALUATION_EPOCH,
            memory: memory.as_deref(),
        };
        let mut sums = Sums::default();
        feed.run(threads, 0, |source| {
            let mut batch = source(Batch::default());
            while let Some(samples) = batch {
                self.machine.evaluate(&samples, &mut |outcome| sums.add(outcome))?;
                batch = source(samples);
            }
            Ok::<(), TrainError>(())
        })?;
        self.skip_counters()?;
        Ok(sums)
    }

    /// All that is needed to go on from here; `samples` is the size of the training set.
    fn checkpoint(&self, samples: usize) -> Checkpoint {
        Checkpoint {
            network: self.network.name.clone(),
            network_hash: self.network.hash(),
            samples,
            position: self.position,
            weights: self.weights.clone(),
        }
    }
}
