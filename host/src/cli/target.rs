//! Which core, played by which device.

use anyhow::{Context, Result, bail, ensure};
use backspike::compiler::{Program, compile, fitting_preset};
use backspike::device::{Mirror, MirrorMesh, Optimize, Waves, emulator, rtl};
use backspike::link::SerialDevice;
use backspike::mesh::{MeshProgram, PLACERS, Placing};
use backspike::network::Network;
use backspike::pci::{PciDevice, PciMesh, Transport, VfioKernel, VfioUser};
use backspike_arch::{ArchConfig, Device, Mesh, MeshConfig};
use backspike_emulator::EmulatedMesh;
use backspike_tb::MeshLibrary;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Options that choose the configuration of the core.
#[derive(Args)]
pub struct CoreOptions {
    /// A configuration that comes with backspike: nano, tiny, digits, edge, or mesh-4 and mesh-20, 2 x 2 and 4 x 5 cores mesh [default: the smallest that holds the network]
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
                let presets = [ArchConfig::PRESETS, MeshConfig::PRESETS].concat().join(", ");
                let mesh = MeshConfig::preset(name).map(|_| ArchConfig::mesh());
                let config = ArchConfig::preset(name).or(mesh);
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

    /// The mesh of the chosen preset.
    fn mesh(&self) -> Option<MeshConfig> {
        self.preset.as_deref().and_then(MeshConfig::preset)
    }

    /// The chosen configuration of the cores of a mesh, `mesh` by default.
    pub fn mesh_config(&self) -> Result<ArchConfig> {
        self.with_lanes(self.named()?.unwrap_or_else(ArchConfig::mesh))
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
fn mesh(text: &str) -> Result<MeshConfig, String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let (width, height) = sides.ok_or("a mesh is written as 4x5: cores in a row, then rows")?;
    let mesh = MeshConfig::new(width, height);
    mesh.validate().map_err(|error| error.problems.join("; "))?;
    Ok(mesh)
}

/// Options that choose a mesh.
#[derive(Args)]
pub struct MeshOptions {
    /// A mesh of cores: how many in a row, and rows [default: that of --preset mesh-4 or mesh-20]
    #[arg(long, value_name = "WxH", value_parser = mesh)]
    mesh: Option<MeshConfig>,
}

impl MeshOptions {
    /// The chosen mesh; `None` for a core that stands alone.
    pub fn chosen(&self, core: &CoreOptions) -> Option<MeshConfig> {
        self.mesh.clone().or_else(|| core.mesh())
    }
}

/// Options that choose who sits where on a mesh.
#[derive(Args)]
pub struct PlacementOptions {
    /// Who places the cores on a mesh: row-major, zig-zag, greedy, random or annealing
    #[arg(long, default_value = "annealing", value_parser = PossibleValuesParser::new(PLACERS.map(|placer| placer.name())))]
    pub placer: String,
    /// Weight of the hottest link, in flits x links
    #[arg(long, value_name = "WEIGHT", default_value_t = 8.0, value_parser = weight)]
    pub hottest: f64,
    /// Seed of the placers
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub placement_seed: u64,
}

fn weight(text: &str) -> Result<f64, String> {
    let weight = text.parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0);
    weight.ok_or_else(|| "the weight is a number from 0 on".to_string())
}

impl PlacementOptions {
    /// Who places, and how.
    pub fn placing(&self) -> Placing<'static> {
        let placer = PLACERS.into_iter().find(|placer| placer.name() == self.placer);
        let placer = placer.unwrap_or(PLACERS[PLACERS.len() - 1]);
        Placing { placer, hottest: self.hottest, seed: self.placement_seed }
    }
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
    /// A PCI function of this machine, by its address
    Vfio(String),
    /// A PCI function behind a socket
    VfioUser(PathBuf),
}

impl DeviceName {
    const fn label(&self) -> &'static str {
        match self {
            Self::Emulator => "emulator",
            Self::Rtl => "RTL",
            Self::Serial(_) | Self::Vfio(_) => "board",
            Self::VfioUser(_) => "PCI function",
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "emulator" => Ok(Self::Emulator),
            None if text == "rtl" => Ok(Self::Rtl),
            Some(("serial", port)) if !port.is_empty() => Ok(Self::Serial(port.to_owned())),
            Some(("vfio", address)) if !address.is_empty() => Ok(Self::Vfio(address.to_owned())),
            Some(("vfio-user", socket)) if !socket.is_empty() => Ok(Self::VfioUser(socket.into())),
            _ => Err("a device is emulator, rtl, serial:<port>, vfio:<address> or vfio-user:<socket>, as in serial:/dev/ttyUSB0, vfio:0000:01:00.0 or vfio-user:/tmp/core.sock".to_owned()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulator => f.write_str("the emulator"),
            Self::Rtl => f.write_str("RTL"),
            Self::Serial(port) => f.write_str(port),
            Self::Vfio(address) => f.write_str(address),
            Self::VfioUser(socket) => write!(f, "{}", socket.display()),
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
    /// Who plays the core: emulator, rtl (the generated Verilog in Verilator), serial:<port> (a board), vfio:<address> (a PCI function of this machine) or vfio-user:<socket> (one that `device serve` offers)
    #[arg(long, default_value = "emulator")]
    pub device: DeviceName,
    /// Threads of emulator and encoder
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// Emulated mesh: follow every packet along a clock that all cores share, for cycles and waits within 3 % of those of the RTL; slower
    #[arg(long)]
    pub clock: bool,
    /// RTL: record waves (FST) of the first cycles; builds a second, slower model
    #[arg(long, value_name = "FILE")]
    waves: Option<PathBuf>,
    /// RTL: cycles to record
    #[arg(long, value_name = "N", default_value_t = 100_000, requires = "waves")]
    wave_cycles: u64,
}

impl DeviceOptions {
    /// Threads for encoder and trainer: a device that does not compute here leaves one for the encoder.
    pub fn encoder_threads(&self) -> usize {
        let least = if self.device == DeviceName::Emulator { 1 } else { 2 };
        usize::from(self.threads).max(least)
    }

    /// Builds or opens a core of `config`.
    pub fn core(&self, config: &ArchConfig) -> Result<Box<dyn Device>> {
        ensure!(
            self.waves.is_none() || self.device == DeviceName::Rtl,
            "--waves records signals of the RTL, and {} has none: add --device rtl, or leave --waves out.",
            self.device
        );
        ensure!(
            !self.clock,
            "--clock gives the cores of an emulated mesh a common clock, and a core that stands alone has one: leave it out, or name a mesh."
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
            DeviceName::Vfio(_) | DeviceName::VfioUser(_) => {
                Box::new(PciDevice::open(self.transport()?, config)?)
            }
        })
    }

    /// The way to a PCI function.
    pub fn transport(&self) -> Result<Box<dyn Transport>> {
        Ok(match &self.device {
            DeviceName::Vfio(address) => Box::new(VfioKernel::open(address)?),
            DeviceName::VfioUser(socket) => Box::new(VfioUser::open(socket)?),
            other => bail!(
                "{other} is not a PCI function: name one with --device vfio:<address> or vfio-user:<socket>."
            ),
        })
    }

    /// Builds or opens the device that will run `program`.
    pub fn open(&self, program: &Program, verify: Option<Verify>) -> Result<Box<dyn Device>> {
        let config = &program.config;
        let device = self.core(config)?;
        Ok(match verify {
            None => device,
            Some(Verify::Emulator) => {
                let second = emulator(config, usize::from(self.threads))?;
                let (steps, tiles) = (program.steps, program.output().tiles);
                Box::new(Mirror::new(
                    device,
                    second,
                    [self.device.label(), "emulator"],
                    steps,
                    tiles,
                ))
            }
        })
    }

    /// Builds or opens the mesh that will run `program`.
    pub fn open_mesh(
        &self,
        program: &MeshProgram,
        verify: Option<Verify>,
    ) -> Result<Arc<dyn Mesh>> {
        let (config, mesh) = (&program.config, &program.mesh);
        let first = self.mesh(config, mesh)?;
        Ok(match verify {
            None => first,
            Some(Verify::Emulator) => Arc::new(MirrorMesh {
                first,
                second: self.emulated_mesh(config, mesh)?,
                names: [self.device.label(), "emulator"],
                steps: program.steps,
                output_tiles: program.output_tiles(),
            }),
        })
    }

    fn emulated_mesh(&self, config: &ArchConfig, mesh: &MeshConfig) -> Result<Arc<dyn Mesh>> {
        let emulated = EmulatedMesh::new(config, mesh, usize::from(self.threads))?;
        Ok(Arc::new(if self.clock { emulated.with_clock() } else { emulated }))
    }

    /// Builds or opens cores of `config` on `mesh`.
    pub fn mesh(&self, config: &ArchConfig, mesh: &MeshConfig) -> Result<Arc<dyn Mesh>> {
        ensure!(
            self.waves.is_none(),
            "--waves records signals of one core: leave it out with a mesh."
        );
        ensure!(
            !self.clock || self.device == DeviceName::Emulator,
            "--clock follows an emulated mesh, and {} has a clock of its own: leave it out.",
            self.device
        );
        Ok(match &self.device {
            DeviceName::Emulator => self.emulated_mesh(config, mesh)?,
            DeviceName::Rtl => {
                eprintln!(
                    "building {} x {} cores {} with Verilator (cached for the next time)",
                    mesh.width, mesh.height, config.name
                );
                let library = MeshLibrary::new(config, mesh, Optimize::Full)?;
                Arc::new(library.with_threads(usize::from(self.threads))?.mesh(1))
            }
            DeviceName::Vfio(_) | DeviceName::VfioUser(_) => {
                Arc::new(PciMesh::open(self.transport()?, config, mesh)?)
            }
            DeviceName::Serial(port) => bail!(
                "{port} is a serial port, and boards there have one core: leave --mesh and --preset mesh-... out, or use a PCI function, --device emulator or rtl."
            ),
        })
    }
}
