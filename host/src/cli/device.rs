//! `backspike device`.

use super::Outcome;
use super::serve::{self, ServeArguments, WatchArguments};
use super::target::{CoreOptions, DeviceName, DeviceOptions};
use anyhow::{Result, ensure};
use backspike::pci::{self, LoopBack, check_identity};
use backspike::selftest::{Check, describe, identity, registers, selftest};
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
    /// Write and read every memory, run each engine against the emulator, send random patterns through the DMA engine
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
    device: DeviceOptions,
}

impl Target {
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

fn write_register(out: &mut impl Write, name: &str, value: u32) -> io::Result<()> {
    writeln!(out, "  {name:<24} {value:>10}  {value:#010x}")
}

fn info(target: &Target) -> Result<()> {
    let out = &mut stdout().lock();
    let config = target.core.config()?;
    if target.is_pci() {
        let transport = &mut *target.device.transport()?;
        writeln!(out, "PCI function {}", target.device.device)?;
        for (register, value) in pci::registers(transport)? {
            write_register(out, register.name(), value)?;
        }
        check_identity(transport, &config)?;
    }
    let mut device = target.device.core(&config)?;
    let check = identity(device.as_mut())?;
    writeln!(out, "{} on {}", describe(&config), target.device.device)?;
    for (register, value) in registers(device.as_mut())? {
        write_register(out, &register.name(), value)?;
    }
    if let Some(problem) = check.problem {
        anyhow::bail!(
            "The core is not of this configuration: {problem}. Name its own with --preset or --config."
        );
    }
    Ok(())
}

fn test(target: &Target, seed: u64, json: bool) -> Result<()> {
    let config = target.core.config()?;
    let show = |check: &Check| {
        if !json {
            let outcome = check.problem.as_deref().unwrap_or("good");
            println!("  {:<24} {:>9} words  {outcome}", check.name, check.words);
        }
    };
    let mut checks = Vec::new();
    if target.is_pci() {
        let check = LoopBack::open(target.device.transport()?)?.random_patterns(seed)?;
        show(&check);
        checks.push(check);
    }
    let mut device = target.device.core(&config)?;
    checks.extend(selftest(device.as_mut(), seed, show)?);
    if json {
        println!("{}", serde_json::to_string_pretty(&checks)?);
    }
    let bad = checks.iter().filter(|check| check.problem.is_some()).count();
    ensure!(bad == 0, "{bad} of {} checks failed on {}.", checks.len(), target.device.device);
    Ok(())
}

fn dma_bench(target: &Target, json: bool) -> Result<()> {
    let config = target.core.config()?;
    let mut transport = target.device.transport()?;
    check_identity(transport.as_mut(), &config)?;
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
