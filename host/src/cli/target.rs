//! Which core, played by which device.

use anyhow::{Context, Result, ensure};
use backspike::compiler::{Program, compile, fitting_preset};
use backspike::device::{Mirror, Waves, emulator, rtl};
use backspike::link::SerialDevice;
use backspike::network::Network;
use backspike_arch::{ArchConfig, Device, MeshConfig};
use clap::{Args, ValueEnum};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

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
    pub fn named(&self) -> Result<Option<ArchConfig>> {
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

    pub fn with_lanes(&self, config: ArchConfig) -> Result<ArchConfig> {
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

    /// Whether the configuration comes from a file.
    pub fn is_file(&self) -> bool {
        self.config.is_some()
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

/// A mesh as the command line writes it.
pub fn mesh(text: &str) -> Result<MeshConfig, String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let (width, height) = sides.ok_or("a mesh is written as 4x5: cores in a row, then rows")?;
    let mesh = MeshConfig::new(width, height);
    mesh.validate().map_err(|error| error.problems.join("; "))?;
    Ok(mesh)
}

/// Who plays the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceName {
    /// The bit-exact emulator
    Emulator,
    /// The generated Verilog in Verilator
    Rtl,
    /// A board, or what looks like one, on a serial port
    Serial(String),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "emulator" => Ok(Self::Emulator),
            None if text == "rtl" => Ok(Self::Rtl),
            Some(("serial", port)) if !port.is_empty() => Ok(Self::Serial(port.to_owned())),
            _ => {
                Err("a device is emulator, rtl or serial:<port>, as in serial:/dev/ttyUSB0"
                    .to_owned())
            }
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulator => f.write_str("the emulator"),
            Self::Rtl => f.write_str("RTL"),
            Self::Serial(port) => f.write_str(port),
        }
    }
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
    /// Who plays the core: emulator, rtl (the generated Verilog in Verilator) or serial:<port> (a board)
    #[arg(long, default_value = "emulator")]
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
    /// Builds or opens a core of `config`.
    pub fn core(&self, config: &ArchConfig) -> Result<Box<dyn Device>> {
        ensure!(
            self.waves.is_none() || self.device == DeviceName::Rtl,
            "--waves records signals of the RTL, and {} has none: add --device rtl, or leave --waves out.",
            self.device
        );
        Ok(match &self.device {
            DeviceName::Emulator => emulator(config, usize::from(self.threads))?,
            DeviceName::Rtl => {
                eprintln!(
                    "building the core {} with Verilator (cached for the next time)",
                    config.name
                );
                let window = 0..self.wave_cycles;
                let waves = self.waves.clone().map(|path| Waves { path, window });
                rtl(config, waves)?
            }
            DeviceName::Serial(port) => Box::new(SerialDevice::open(port, config)?),
        })
    }

    /// Builds or opens the device that will run `program`.
    pub fn open(&self, program: &Program, verify: Option<Verify>) -> Result<Box<dyn Device>> {
        let config = &program.config;
        let device = self.core(config)?;
        Ok(match verify {
            None => device,
            Some(Verify::Emulator) => {
                let name = match &self.device {
                    DeviceName::Emulator => "emulator",
                    DeviceName::Rtl => "RTL",
                    DeviceName::Serial(_) => "board",
                };
                let second = emulator(config, usize::from(self.threads))?;
                Box::new(Mirror::new(device, second, [name, "emulator"], program))
            }
        })
    }
}
