//! `backspike ppa`.

use super::Outcome;
use super::progress::spinner;
use super::source::{SourceOptions, limit};
use super::target::CoreOptions;
use anyhow::{Result, ensure};
use backspike::compiler::Program;
use backspike::data::Dataset;
use backspike::network::Network;
use backspike::ppa::{Computed, Estimate, html, phases};
use backspike::traffic::{Machine, Shapes, dram};
use backspike::train::{check_dataset, epoch_on_emulator};
use backspike_asic::{
    EnergyModel, GateDevice, Library, Range, SCALE_45_TO_28, Simulation, Timing, analyse,
    read_liberty, synthesise_chip,
};
use backspike_firmware::flow::Flow;
use backspike_hdl::core::core_design;
use clap::Args;
use serde_json::json;
use std::fmt::Write;
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
    flow.say("training on the emulator");
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

/// Trains at gate level and turns the activity into figures.
fn simulate(
    flow: &mut Flow,
    arguments: &Arguments,
    network: &Network,
    program: &Program,
    data: &Dataset,
    netlist: &backspike_asic::Netlist,
    library: &Library,
) -> Result<Estimate> {
    let config = &program.config;
    // Activity of a network that has begun to learn, not of noise.
    let (_, weights) = epoch_on_emulator(network, program, data)?;
    let device = GateDevice::new(config, Simulation::new(netlist, library, 1)?);
    let samples = arguments.samples as usize;
    let found = phases(network, program, data, &weights, &device, samples, |done| {
        flow.say(&format!("training at gate level: {done} of {samples} samples"));
    })?;
    let shapes = Shapes::of(network);
    let machine = Machine { cores: 1, weights_per_core: config.weights as u64 };
    let dram_bytes = dram(&shapes, &machine).total() as f64 / shapes.batch as f64;
    let model = EnergyModel::new(netlist, library);
    Ok(Estimate::new(
        &found,
        &model,
        config,
        &shapes,
        &library.name,
        (arguments.node, 1e3 / arguments.period),
        (samples as u64, dram_bytes),
        flow.tools().clone(),
    ))
}

fn range(range: Range) -> String {
    format!("{:.2} ({:.2} to {:.2})", range.mid, range.low, range.high)
}

/// The report as text.
fn table(estimate: &Estimate, timing: &Timing) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_table(&mut text, estimate, timing);
    text
}

fn write_table(text: &mut String, estimate: &Estimate, timing: &Timing) -> std::fmt::Result {
    let config = &estimate.config;
    let lanes = config.lanes;
    let cells: f64 = estimate.cells_um2.values().sum();
    writeln!(
        text,
        "{} on {}, {lanes} lanes, {} ({} nm)",
        estimate.network, config.name, estimate.library, estimate.node_nm
    )?;
    writeln!(
        text,
        "area       {:.4} mm2 of cells, {:.4} mm2 of memories at 45 nm",
        cells / 1e6,
        estimate.memories_um2 / 1e6
    )?;
    for (block, area) in &estimate.cells_um2 {
        writeln!(
            text,
            "           {block:<24} {:>10.0} um2 {:>5.1} %",
            area,
            100.0 * area / cells
        )?;
    }
    writeln!(
        text,
        "clock      {:.1} MHz by static timing without wires, slowest from {}",
        timing.fmax_mhz,
        timing.path.join(" to ")
    )?;
    writeln!(
        text,
        "activity   {} samples at gate level, leakage at {:.0} MHz",
        estimate.samples, estimate.clock_mhz
    )?;
    writeln!(
        text,
        "\nphase     cycles    events     pJ an event and lane: gates   clock  leakage  memories 45 nm     28 nm"
    )?;
    for phase in &estimate.phases {
        let of = |pj: f64| phase.per_lane_event(pj, lanes);
        let clock = of(phase.logic.clock() / 1e3);
        let leakage = of(phase.logic.leakage / 1e3);
        let scaled = if estimate.dense.is_some() {
            range(phase.at_28nm().times(of(1.0)))
        } else {
            "-".into()
        };
        writeln!(
            text,
            "{:<7} {:>8} {:>9} {:>34.3} {clock:>7.3} {leakage:>8.3} {:>15.3}     {scaled}",
            phase.name,
            phase.cycles,
            phase.events,
            of(phase.logic_pj.mid) - clock - leakage,
            of(phase.memory_pj),
        )?;
    }
    writeln!(
        text,
        "\ngates hold 1.4 (1.2 to 1.6) for the glitches that zero-delay simulation does not see; wires are one inverter's load a sink"
    )?;
    match (estimate.dense, estimate.sparse, estimate.sparse_with_dram) {
        (Some(dense), Some(sparse), Some(all)) => {
            writeln!(
                text,
                "scaled to 28 nm by {} for logic (Stillmaker and Baas 2017):",
                range(SCALE_45_TO_28)
            )?;
            writeln!(text, "dense      {} TFLOPS/W, core only, every event there", range(dense))?;
            writeln!(text, "sparse     {} TFLOPS/W dense-equivalent, core only", range(sparse))?;
            for Computed { network, density, efficiency } in &estimate.computed {
                writeln!(
                    text,
                    "computed   {} TFLOPS/W dense-equivalent, core only: {network}, {density} spikes a neuron and step",
                    range(*efficiency)
                )?;
            }
            writeln!(text, "with DRAM  {} TFLOPS/W dense-equivalent", range(all))?;
            writeln!(
                text,
                "           or pJ a dense-equivalent FLOP: dense {:.2}, sparse {:.2}, with DRAM {:.2}",
                1.0 / dense.mid,
                1.0 / sparse.mid,
                1.0 / all.mid
            )?;
        }
        _ => writeln!(text, "only libraries of 45 nm are scaled to 28 nm")?,
    }
    for (tool, version) in &estimate.tools {
        writeln!(text, "{tool}: {version}")?;
    }
    Ok(())
}
