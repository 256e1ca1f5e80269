//! Network file and data of a command.

use anyhow::{Context, Result};
use backspike::data::{Dataset, OpenOptions, Split, open};
use backspike::network::Network;
use clap::Args;
use std::path::{Path, PathBuf};

/// Network file with overrides, and data.
#[derive(Args)]
pub struct SourceOptions {
    /// Network file (TOML)
    pub network: PathBuf,
    /// Data: digits, mnist, fashion-mnist, or a path (IDX directory, .npz, .npy directory, .csv) [default: data of the network file]
    #[arg(long)]
    data: Option<String>,
    /// Label column of a CSV file [default: the last one]
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Share of the samples kept for the test where the data have no split of their own
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    test_fraction: f64,
    /// Seed of weights, order, encoder and rounding [default: training.seed of the network file]
    #[arg(long)]
    seed: Option<u32>,
}

impl SourceOptions {
    /// Reads the network file.
    pub fn network(&self) -> Result<Network> {
        let path = self.network.display();
        let text = std::fs::read_to_string(&self.network)
            .with_context(|| format!("The network file {path} cannot be read"))?;
        let mut network = Network::from_toml(&text)
            .with_context(|| format!("The network file {path} is refused"))?;
        network.training.seed = self.seed.unwrap_or(network.training.seed);
        Ok(network)
    }

    /// Opens the data.
    pub fn data(&self, network: &Network) -> Result<Dataset> {
        let source = self.data.as_deref().or(network.data.as_deref()).with_context(|| {
            format!(
                "{} names no data: add data = \"digits\" to it, or give --data.",
                self.network.display()
            )
        })?;
        let options = OpenOptions {
            label: self.label.clone(),
            test_fraction: self.test_fraction,
            ..OpenOptions::default()
        };
        Ok(open(source, &options)?)
    }
}

/// The first `limit` samples.
pub fn limit(split: &mut Split, limit: Option<usize>, sample_len: usize) {
    split.truncate(limit.unwrap_or(usize::MAX), sample_len);
}

/// `runs/<network>` beside the current directory.
pub fn default_directory(network: &Network) -> PathBuf {
    Path::new("runs").join(&network.name)
}
