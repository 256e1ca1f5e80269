//! An epoch on the emulator, for who wants its counters or its weights.

use super::{BatchRecord, EpochRecord, Observer, RunOptions, Summary, Trainer};
use crate::compiler::Program;
use crate::data::Dataset;
use crate::device::emulator;
use crate::network::Network;
use crate::weights::Weights;
use anyhow::Result;
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
