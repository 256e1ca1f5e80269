//! `backspike device`.

use super::Outcome;
use super::target::{CoreOptions, DeviceOptions};
use anyhow::{Result, ensure};
use backspike::selftest::{describe, identity, registers, selftest};
use clap::{Args, Subcommand};

#[derive(Args)]
#[command(after_help = "Examples:
  backspike device info --device serial:/dev/ttyUSB0 --preset tiny
  backspike device selftest --device serial:/dev/ttyUSB0 --preset tiny
  backspike device selftest --device rtl --preset nano")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show who the core is, its status and its counters
    Info(Target),
    /// Write and read every memory, run each engine against the emulator
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
}

#[derive(Args)]
struct Target {
    #[command(flatten)]
    core: CoreOptions,
    #[command(flatten)]
    device: DeviceOptions,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        Command::Info(target) => {
            let config = target.core.config()?;
            let mut device = target.device.core(&config)?;
            let check = identity(device.as_mut())?;
            println!("{} on {}", describe(&config), target.device.device);
            for (register, value) in registers(device.as_mut())? {
                println!("  {:<24} {value:>10}  {value:#010x}", register.name());
            }
            if let Some(problem) = check.problem {
                anyhow::bail!(
                    "The core is not of this configuration: {problem}. Name its own with --preset or --config."
                );
            }
        }
        Command::Selftest { target, seed, json } => {
            let config = target.core.config()?;
            let mut device = target.device.core(&config)?;
            let checks = selftest(device.as_mut(), *seed, |check| {
                if !json {
                    let outcome = check.problem.as_deref().unwrap_or("good");
                    println!("  {:<24} {:>9} words  {outcome}", check.name, check.words);
                }
            })?;
            if *json {
                println!("{}", serde_json::to_string_pretty(&checks)?);
            }
            let bad = checks.iter().filter(|check| check.problem.is_some()).count();
            ensure!(
                bad == 0,
                "{bad} of {} checks failed on {}.",
                checks.len(),
                target.device.device
            );
        }
    }
    Ok(Outcome::Done)
}
