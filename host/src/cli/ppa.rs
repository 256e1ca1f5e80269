//! `backspike ppa`.

use super::Outcome;
use super::ppa_table::table;
use super::progress::spinner;
use super::source::{SourceOptions, limit};
use super::target::CoreOptions;
use anyhow::{Context, Result, ensure};
use backspike::compiler::{Program, compile};
use backspike::data::Dataset;
use backspike::network::Network;
use backspike::ppa::{Estimate, Inputs, Run, html, phases, saturated};
use backspike::traffic::{Machine, Shapes, dram};
use backspike::train::{check_dataset, epoch_on_emulator};
use backspike::weights::Weights;
use backspike_asic::{
    EnergyModel, GateDevice, Library, Netlist, Simulation, analyse, read_liberty, saif,
    synthesise_chip,
};
use backspike_firmware::flow::Flow;
use backspike_hdl::core::core_design;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  backspike ppa examples/digits.toml
  backspike ppa examples/digits.toml --preset digits --lanes 8 --liberty nangate45_typ.lib --node 45")]
pub struct Arguments {
    #[command(flatten)]
    source: SourceOptions,
    #[command(flatten)]
    core: CoreOptions,
    /// Standard cells (Liberty) [default: the 180 nm library that make setup installs]
    #[arg(long, value_name = "FILE", requires = "node")]
    liberty: Option<PathBuf>,
    /// Process of the library, nm; only 45 is scaled to 28
    #[arg(long, value_name = "NM", default_value_t = 180)]
    node: u32,
    /// Samples to train at gate level
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Samples to train on before, on the emulator
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Cycle that mapping aims at, ns
    #[arg(long, value_name = "NS", default_value_t = 2.5)]
    period: f64,
    /// Directory for netlist, logs and reports
    #[arg(short, long, value_name = "DIRECTORY", default_value = "build/ppa")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    ensure!(
        arguments.period > 0.0 && arguments.period < 1000.0,
        "--period is {}, but a cycle is between 0 and 1000 ns.",
        arguments.period
    );
    let network = arguments.source.network()?;
    let program = arguments.core.program(&network)?;
    let mut data = arguments.source.data(&network)?;
    let sample_len = data.sample_len();
    check_dataset(&network, &data)?;
    limit(&mut data.train, Some(arguments.limit as usize), sample_len);
    limit(&mut data.test, Some(0), sample_len);
    let liberty = read_liberty(arguments.liberty.as_deref())?;
    let library = Library::parse(&liberty)?;
    let bar = spinner();
    let mut hear = |text: &str| bar.set_message(text.to_owned());
    let folder = arguments.output.join(format!("{}-{}", program.config.name, library.name));
    let mut flow = Flow::new(&folder, &mut hear)?;
    flow.write("cells.lib", &liberty)?;
    let design = core_design(&program.config)?;
    let period_ps = (arguments.period * 1e3) as u32;
    let chip = synthesise_chip(&mut flow, &design, &library, "cells.lib", period_ps)?;
    let timing = analyse(&mut flow, design.top(), &chip.verilog, "cells.lib")?;
    let estimate =
        simulate(&mut flow, arguments, &network, &program, &data, &chip.netlist, &library)?;
    bar.finish_and_clear();
    let table = table(&estimate, &timing);
    println!("{table}");
    let record = json!({"estimate": estimate, "timing": timing});
    for (name, text) in [
        ("ppa.json", serde_json::to_string_pretty(&record)?),
        ("ppa.html", html(&estimate, &table)),
    ] {
        flow.write(name, &text)?;
        println!("{}", flow.folder().join(name).display());
    }
    Ok(Outcome::Done)
}

/// Trains at gate level, with the events that there are and with all, and turns the activity into figures.
fn simulate(
    flow: &mut Flow,
    arguments: &Arguments,
    network: &Network,
    program: &Program,
    data: &Dataset,
    netlist: &Netlist,
    library: &Library,
) -> Result<Estimate> {
    let config = &program.config;
    let period_ps = (arguments.period * 1e3).round() as u64;
    flow.say("training on the emulator");
    // Activity of a network that has begun to learn, not of noise.
    let (_, weights) = epoch_on_emulator(network, program, data)?;
    let mut run = |network: &Network, program: &Program, weights: &Weights, saturated| {
        let kind = if saturated { "every event there" } else { "events as they are" };
        let device = GateDevice::new(config, Simulation::new(netlist, library, 1)?);
        let samples = arguments.samples as usize;
        let phases = phases(network, program, data, weights, &device, samples, |done| {
            flow.say(&format!("training at gate level, {kind}: {done} of {samples} samples"));
        })?;
        for phase in phases.iter().filter(|_| !saturated) {
            let file = format!("{}.saif", phase.name.to_lowercase());
            flow.write(&file, &saif(netlist, &phase.activity, period_ps))?;
        }
        let samples = samples.min(data.train.len()) as u64;
        Ok::<_, anyhow::Error>(Run { saturated, phases, shapes: Shapes::of(network), samples })
    };
    let trained = run(network, program, &weights, false)?;
    let (full, weights) = saturated(network, &weights, config.lanes);
    let full_program = compile(&full, config)
        .context("With every neuron of its tiles, the network does not fit")?;
    let saturated = run(&full, &full_program, &weights, true)?;
    let machine = Machine { cores: 1, weights_per_core: config.weights as u64 };
    let dram_bytes = dram(&trained.shapes, &machine).total() as f64 / trained.shapes.batch as f64;
    Ok(Estimate::new(Inputs {
        model: &EnergyModel::new(netlist, library),
        config,
        library: &library.name,
        node_nm: arguments.node,
        clock_mhz: 1e3 / arguments.period,
        trained,
        saturated,
        dram_bytes,
        tools: flow.tools().clone(),
    }))
}
