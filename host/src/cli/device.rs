//! `backspike device`.

use super::Outcome;
use super::serve::{self, ServeArguments, WatchArguments};
use super::target::{CoreOptions, DeviceName, DeviceOptions, MeshOptions};
use anyhow::{Result, bail, ensure};
use backspike::decode::{core_register, pci_register};
use backspike::pci::{self, LoopBack, check_identity};
use backspike::selftest::{Check, all_to_all, describe, identity, registers, selftest};
use backspike_arch::{ArchConfig, Device, MeshConfig};
use clap::{Args, Subcommand};
use std::io::{self, Write, stdout};

#[derive(Args)]
#[command(after_help = "Examples:
  backspike device list
  backspike device info --device serial:/dev/ttyUSB0 --preset tiny
  backspike device selftest --device rtl --preset nano
  backspike device serve /tmp/core.sock --device rtl --preset digits
  backspike device selftest --device vfio-user:/tmp/core.sock --preset digits
  backspike device dma-bench --device vfio:0000:01:00.0 --preset edge
  backspike device watch /tmp/core.sock")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the PCI functions of this machine
    List,
    /// Show who the core is, its status and its counters
    Info(Target),
    /// Write and read every memory, run each engine against the emulator, send random patterns through the DMA engine, and on a mesh from each core to all
    Selftest {
        #[command(flatten)]
        target: Target,
        /// Draws patterns and networks
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Print the record as JSON
        #[arg(long)]
        json: bool,
    },
    /// Measure register accesses and transfers of a PCI function
    DmaBench {
        #[command(flatten)]
        target: Target,
        /// Print the record as JSON
        #[arg(long)]
        json: bool,
    },
    /// Offer the emulator or the RTL as a PCI function on a vfio-user socket
    Serve(ServeArguments),
    /// Show what a served function does, while others use it
    Watch(WatchArguments),
}

#[derive(Args)]
struct Target {
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    mesh: MeshOptions,
    #[command(flatten)]
    device: DeviceOptions,
}

impl Target {
    /// The configuration of the cores, and the mesh that they are on.
    fn chosen(&self) -> Result<(ArchConfig, Option<MeshConfig>)> {
        let mesh = self.mesh.chosen(&self.core);
        let config = if mesh.is_some() { self.core.mesh_config() } else { self.core.config() };
        Ok((config?, mesh))
    }

    fn is_pci(&self) -> bool {
        matches!(self.device.device, DeviceName::Vfio(_) | DeviceName::VfioUser(_))
    }
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        Command::List => list(),
        Command::Info(target) => info(target)?,
        Command::Selftest { target, seed, json } => test(target, *seed, *json)?,
        Command::DmaBench { target, json } => dma_bench(target, *json)?,
        Command::Serve(arguments) => return serve::serve(arguments),
        Command::Watch(arguments) => return serve::watch(arguments),
    }
    Ok(Outcome::Done)
}

fn list() {
    let found = pci::list();
    if found.is_empty() {
        println!(
            "no PCI function of ours here; boards on a serial port are named by that port, as in --device serial:/dev/ttyUSB0"
        );
    }
    for function in found {
        println!(
            "vfio:{}  driver {}, IOMMU group {}",
            function.address,
            function.driver.as_deref().unwrap_or("none"),
            function.group.as_deref().unwrap_or("none")
        );
    }
}

fn write_register(out: &mut impl Write, name: &str, value: u32, says: &str) -> io::Result<()> {
    let line = format!("  {name:<24} {value:>10}  {value:#010x}  {says}");
    writeln!(out, "{}", line.trim_end())
}

fn info(target: &Target) -> Result<()> {
    let out = &mut stdout().lock();
    let (config, mesh) = target.chosen()?;
    if target.is_pci() {
        let transport = &mut *target.device.transport()?;
        writeln!(out, "PCI function {}", target.device.device)?;
        for (register, value) in pci::registers(transport)? {
            write_register(out, register.name(), value, &pci_register(register, value))?;
        }
        check_identity(transport, &config, mesh.as_ref())?;
    }
    let mut show = |device: &mut dyn Device, title: &str| -> Result<()> {
        let check = identity(device)?;
        writeln!(out, "{title}{} on {}", describe(&config), target.device.device)?;
        for (register, value) in registers(device)? {
            write_register(out, &register.name(), value, &core_register(register, value))?;
        }
        if let Some(problem) = check.problem {
            bail!(
                "The core is not of this configuration: {problem}. Name its own with --preset or --config."
            );
        }
        Ok(())
    };
    match &mesh {
        None => show(target.device.core(&config)?.as_mut(), ""),
        Some(shape) => {
            let mesh = target.device.mesh(&config, shape)?;
            (0..shape.cores())
                .try_for_each(|core| show(mesh.core(core).as_mut(), &format!("core {core}: ")))
        }
    }
}

fn test(target: &Target, seed: u64, json: bool) -> Result<()> {
    let (config, mesh) = target.chosen()?;
    let mut checks = Vec::new();
    let mut done = |core: Option<usize>, check: &Check| {
        let mut check = check.clone();
        if let Some(core) = core {
            check.name = format!("core {core}: {}", check.name);
        }
        if !json {
            let outcome = check.problem.as_deref().unwrap_or("good");
            println!("  {:<28} {:>9} words  {outcome}", check.name, check.words);
        }
        checks.push(check);
    };
    if target.is_pci() {
        done(None, &LoopBack::open(target.device.transport()?)?.random_patterns(seed)?);
    }
    match &mesh {
        None => {
            let mut device = target.device.core(&config)?;
            selftest(device.as_mut(), seed, |check| done(None, check))?;
        }
        Some(shape) => {
            let mesh = target.device.mesh(&config, shape)?;
            let mut cores: Vec<_> = (0..shape.cores()).map(|core| mesh.core(core)).collect();
            for (core, device) in cores.iter_mut().enumerate() {
                selftest(device.as_mut(), seed + core as u64, |check| done(Some(core), check))?;
            }
            done(None, &all_to_all(&mut cores, seed)?);
        }
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&checks)?);
    }
    let bad = checks.iter().filter(|check| check.problem.is_some()).count();
    ensure!(bad == 0, "{bad} of {} checks failed on {}.", checks.len(), target.device.device);
    Ok(())
}

fn dma_bench(target: &Target, json: bool) -> Result<()> {
    let (config, mesh) = target.chosen()?;
    let mut transport = target.device.transport()?;
    check_identity(transport.as_mut(), &config, mesh.as_ref())?;
    if !json {
        println!(
            "{:<24} {:>9} {:>6} {:>12} {:>12} {:>10} {:>12}",
            "", "bytes", "times", "median us", "p99 us", "MB/s", "beats/cycle"
        );
    }
    let measured = LoopBack::open(transport)?.measure(|one| {
        if !json {
            let rate =
                if one.bytes > 0 { format!("{:.1}", one.megabytes_per_s) } else { String::new() };
            let beats = one.beats_per_cycle.map_or(String::new(), |beats| format!("{beats:.3}"));
            println!(
                "{:<24} {:>9} {:>6} {:>12.1} {:>12.1} {rate:>10} {beats:>12}",
                one.name, one.bytes, one.times, one.median_us, one.p99_us
            );
        }
    })?;
    if json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    }
    Ok(())
}
