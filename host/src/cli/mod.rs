//! Command line: one file per subcommand.

#[macro_use]
mod print;

mod adders;
mod data;
mod device;
mod eval;
mod firmware;
mod generate;
mod info;
mod map;
mod ppa;
mod ppa_table;
mod progress;
mod serve;
mod source;
mod target;
mod traffic;
mod train;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// Exit code after Ctrl-C, as shells give it.
const INTERRUPTED: u8 = 130;

#[derive(Parser)]
#[command(
    name = "backspike",
    version,
    about = "Trains spiking neural networks on an open core, emulated or simulated bit for bit",
    after_help = "Examples:
  backspike train examples/digits.toml
  backspike train examples/digits.toml --device rtl --verify emulator
  backspike data mnist && backspike train examples/mnist.toml --threads 2
  backspike eval examples/mnist.toml --checkpoint runs/mnist
  backspike info examples/mnist.toml --preset edge
  backspike generate --preset edge --lanes 16 -o build/verilog
  backspike bitstream --board ulx3s && backspike flash --board ulx3s
  backspike ppa examples/digits.toml"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network
    Train(train::Arguments),
    /// Measure a trained network on test samples
    Eval(eval::Arguments),
    /// Show how a network is mapped onto a core, or a core's configuration
    Info(info::Arguments),
    /// Divide a network among the cores of a mesh, place them, and draw the traffic
    Map(map::Arguments),
    /// Write Verilog, C header and reference tables
    Generate(generate::Arguments),
    /// Estimate a core as a chip: area, clock, and energy of training a network
    Ppa(ppa::Arguments),
    /// Compare the fixed-point accumulator with a binary16 adder, as cells
    Adders(adders::Arguments),
    /// Count the bytes that training moves, and compare with a GPU
    Traffic(traffic::Arguments),
    /// Synthesise a core, or each of its blocks, and say what it takes
    Synth(firmware::SynthArguments),
    /// Make the bitstream of a core for a board
    Bitstream(firmware::BitstreamArguments),
    /// Load a bitstream into a board
    Flash(firmware::FlashArguments),
    /// Look at a core, or test it
    Device(device::Arguments),
    /// Fetch a data set from its registry and verify it
    Data(data::Arguments),
}

/// How a command ended well.
enum Outcome {
    Done,
    Interrupted,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Map(arguments) => map::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Ppa(arguments) => ppa::run(&arguments),
        Command::Adders(arguments) => adders::run(&arguments),
        Command::Traffic(arguments) => traffic::run(&arguments),
        Command::Synth(arguments) => firmware::synth(&arguments),
        Command::Bitstream(arguments) => firmware::bitstream(&arguments),
        Command::Flash(arguments) => firmware::load(&arguments),
        Command::Device(arguments) => device::run(&arguments),
        Command::Data(arguments) => data::run(&arguments),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(INTERRUPTED),
        // The reader, a pager perhaps, has seen enough.
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
