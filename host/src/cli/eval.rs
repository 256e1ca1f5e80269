//! `backspike eval`.

use super::Outcome;
use super::source::{SourceOptions, default_directory, limit};
use super::target::{CoreOptions, DeviceOptions};
use anyhow::Result;
use backspike::checkpoint::{Checkpoint, Store};
use backspike::train::{Trainer, check_dataset};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  backspike eval examples/digits.toml
  backspike eval examples/mnist.toml --checkpoint runs/mnist/previous.safetensors --threads 2")]
pub struct Arguments {
    #[command(flatten)]
    source: SourceOptions,
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    device: DeviceOptions,
    /// A checkpoint, or a directory of checkpoints [default: runs/<name of the network>]
    #[arg(long, value_name = "PATH")]
    checkpoint: Option<PathBuf>,
    /// Use only the first N test samples
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let network = arguments.source.network()?;
    let program = arguments.core.program(&network)?;
    let mut data = arguments.source.data(&network)?;
    let sample_len = data.sample_len();
    limit(&mut data.test, arguments.limit.map(|n| n as usize), sample_len);
    check_dataset(&network, &data)?;
    let path = arguments.checkpoint.clone().unwrap_or_else(|| default_directory(&network));
    let checkpoint = if path.is_file() {
        Checkpoint::read(&path)?
    } else {
        let (checkpoint, damaged) = Store::at(&path).load()?;
        if let Some(damaged) = damaged {
            eprintln!("warning: {damaged} Using the one before.");
        }
        checkpoint
    };
    checkpoint.check_shapes(&network)?;
    let device = arguments.device.open(&program, None)?;
    let mut trainer = Trainer::new(&network, program, device, Some(&checkpoint))?;
    let threads = usize::from(arguments.device.threads);
    let sums = trainer.evaluate(&data.test, sample_len, threads)?;
    println!(
        "{} after {} updates on {} test samples of {}: {:.2} % correct ({}), loss {:.4}, weights {}",
        network.name,
        checkpoint.position.step,
        sums.samples,
        data.name,
        100.0 * sums.accuracy(),
        sums.correct,
        sums.mean_loss(),
        checkpoint.weights.hash()
    );
    Ok(Outcome::Done)
}
