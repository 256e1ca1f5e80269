//! Which core, played by which device.

use anyhow::{Context, Result, ensure};
use backspike::compiler::{Program, compile, fitting_preset};
use backspike::device::{Mirror, Waves, emulator, rtl};
use backspike::network::Network;
use backspike_arch::{ArchConfig, Device};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options that choose the configuration of the core.
#[derive(Args)]
pub struct CoreOptions {
    /// A configuration that comes with backspike: nano, tiny, digits or edge [default: the smallest that holds the network]
    #[arg(long, conflicts_with = "config")]
    preset: Option<String>,
    /// A configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Other lanes than the configuration's: 4, 8, 16 or 32
    #[arg(long)]
    lanes: Option<usize>,
}

impl CoreOptions {
    /// The chosen configuration, if one is named.
    fn named(&self) -> Result<Option<ArchConfig>> {
        match (&self.preset, &self.config) {
            (Some(name), _) => {
                let presets = ArchConfig::PRESETS.join(", ");
                let config = ArchConfig::preset(name);
                config.map(Some).with_context(|| {
                    format!("There is no preset {name:?}: the presets are {presets}.")
                })
            }
            (None, Some(path)) => Ok(Some(ArchConfig::load(path)?)),
            (None, None) => Ok(None),
        }
    }

    fn with_lanes(&self, config: ArchConfig) -> Result<ArchConfig> {
        let config = match self.lanes {
            Some(lanes) => config.with_lanes(lanes),
            None => config,
        };
        config.validate()?;
        Ok(config)
    }

    /// The chosen configuration, `edge` by default.
    pub fn config(&self) -> Result<ArchConfig> {
        self.with_lanes(self.named()?.unwrap_or_else(ArchConfig::edge))
    }

    /// `network` on the chosen core, or on the smallest preset that holds it.
    pub fn program(&self, network: &Network) -> Result<Program> {
        let config = match self.named()? {
            Some(config) => self.with_lanes(config)?,
            None => {
                // Lanes are checked on their own: with wrong ones no preset would fit.
                self.config()?;
                fitting_preset(network, self.lanes).context("No preset holds the network")?
            }
        };
        compile(network, &config).with_context(|| {
            format!("Network {} does not fit the core {}", network.name, config.name)
        })
    }
}

/// Who plays the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// The bit-exact emulator
    Emulator,
    /// The generated Verilog in Verilator
    Rtl,
}

/// What a device is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// The emulator runs along; every word both push must be equal
    Emulator,
}

/// Options that choose the device.
#[derive(Args)]
pub struct DeviceOptions {
    /// Who plays the core
    #[arg(long, value_enum, default_value = "emulator")]
    pub device: DeviceName,
    /// Threads of emulator and encoder
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// RTL: record waves (FST) of the first cycles; builds a second, slower model
    #[arg(long, value_name = "FILE")]
    waves: Option<PathBuf>,
    /// RTL: cycles to record
    #[arg(long, value_name = "N", default_value_t = 100_000, requires = "waves")]
    wave_cycles: u64,
}

impl DeviceOptions {
    /// Builds the device that will run `program`.
    pub fn open(&self, program: &Program, verify: Option<Verify>) -> Result<Box<dyn Device>> {
        ensure!(
            self.waves.is_none() || self.device == DeviceName::Rtl,
            "--waves records signals of the RTL, and the emulator has none: add --device rtl, or leave --waves out."
        );
        let config = &program.config;
        let threads = usize::from(self.threads);
        let device = match self.device {
            DeviceName::Emulator => emulator(config, threads)?,
            DeviceName::Rtl => {
                eprintln!(
                    "building the core {} with Verilator (cached for the next time)",
                    config.name
                );
                let window = 0..self.wave_cycles;
                let waves = self.waves.clone().map(|path| Waves { path, window });
                rtl(config, waves)?
            }
        };
        Ok(match (verify, self.device) {
            (None, _) => device,
            (Some(Verify::Emulator), name) => {
                let names = [if name == DeviceName::Rtl { "RTL" } else { "emulator" }, "emulator"];
                Box::new(Mirror::new(device, emulator(config, threads)?, names, program))
            }
        })
    }
}
