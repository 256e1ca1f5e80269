//! `backspike info`.

use super::Outcome;
use super::target::CoreOptions;
use anyhow::{Context, Result};
use backspike::network::Network;
use backspike_arch::proof::prove_config;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  backspike info examples/mnist.toml
  backspike info examples/mnist.toml --preset edge --lanes 32
  backspike info --preset tiny")]
pub struct Arguments {
    /// Network file (TOML); without it, the core's configuration is shown
    network: Option<PathBuf>,
    #[command(flatten)]
    core: CoreOptions,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let text = match &arguments.network {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("The network file {} cannot be read", path.display()))?;
            let network = Network::from_toml(&text)
                .with_context(|| format!("The network file {} is refused", path.display()))?;
            arguments.core.program(&network)?.to_string()
        }
        None => {
            let config = arguments.core.config()?;
            format!("{}\n\n{}\n", config.to_toml(), prove_config(&config)?)
        }
    };
    // Not print!, which panics when a pager is closed early.
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Outcome::Done)
}
