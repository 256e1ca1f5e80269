//! An epoch on the emulator or a batch on any machine, for who wants counters or weights, and the first samples of an epoch, for who counts on their own.

use super::batch::{Batch, Feed, shuffled};
use super::machine::Machine;
use super::{BatchRecord, EpochRecord, Observer, RunOptions, Summary, Trainer};
use crate::compiler::Program;
use crate::data::Dataset;
use crate::device::emulator;
use crate::encode::{Encoder, PlaneShape};
use crate::network::Network;
use crate::weights::Weights;
use anyhow::{Context, Result};
use std::sync::atomic::AtomicBool;

/// Hears nothing.
struct Quiet;

impl Observer for Quiet {
    fn batch(&mut self, _: &BatchRecord) {}
    fn epoch(&mut self, _: &EpochRecord) {}
}

/// Trains `network`, compiled to `program`, for one epoch on one thread.
pub fn epoch_on_emulator(
    network: &Network,
    program: &Program,
    data: &Dataset,
) -> Result<(Summary, Weights)> {
    let mut network = network.clone();
    network.training.epochs = 1;
    let device = emulator(&program.config, 1)?;
    let mut trainer = Trainer::new(&network, program.clone(), device, None)?;
    let stop = AtomicBool::new(false);
    let options = RunOptions { threads: 1, steps: None, stop: &stop, store: None };
    let summary = trainer.run(data, &options, &mut Quiet)?;
    Ok((summary, trainer.weights().clone()))
}

/// Trains `network` on `machine`, for which it was compiled, for the first batch, on one thread.
pub fn first_batch(
    network: &Network,
    machine: Box<dyn Machine>,
    data: &Dataset,
) -> Result<Summary> {
    let stop = AtomicBool::new(false);
    let options = RunOptions { threads: 1, steps: Some(1), stop: &stop, store: None };
    Ok(Trainer::on(network, machine, None)?.run(data, &options, &mut Quiet)?)
}

/// The first `samples` samples of the first epoch, encoded for `program`, as one batch.
///
/// # Errors
/// When there are none.
pub fn first_samples(
    network: &Network,
    program: &Program,
    data: &Dataset,
    samples: usize,
) -> Result<Batch> {
    let seed = network.training.seed;
    let shape = PlaneShape::new(program.config.lanes, network.input_len(), program.steps);
    let encoder = Encoder::new(network.encoder, shape, seed);
    let order = shuffled(data.train.len(), seed, 1);
    let order = &order[..samples.min(order.len())];
    let feed = Feed {
        split: &data.train,
        sample_len: data.sample_len(),
        encoder: &encoder,
        order,
        batch: order.len().max(1),
        epoch: 1,
        memory: None,
    };
    feed.run(1, 0, |next| next(Batch::default())).context("There are no samples to train on.")
}
