//! `backspike ppa`.

use super::Outcome;
use super::ppa_table::{ALL_THERE, AS_THEY_ARE, table};
use super::progress::spinner;
use super::source::{SourceOptions, limit};
use super::target::CoreOptions;
use anyhow::{Context, Result, ensure};
use backspike::compiler::{Program, compile};
use backspike::data::Dataset;
use backspike::network::Network;
use backspike::ppa::{Estimate, Inputs, Run, Training, html, saturated};
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
  backspike ppa examples/digits.toml --config bench/digits_chip.toml --lanes 32 --liberty nangate45_typ.lib --node 45")]
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
    /// Samples to train at gate level, after as many that do not count
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Samples to train on before, on the emulator
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Cycle that mapping aims at, ns
    #[arg(long, value_name = "NS", default_value_t = 2.0)]
    period: f64,
    /// Directory for netlist, logs, activity (SAIF) and reports
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
    // A cycle leaks for as long as it takes.
    let clock_mhz = timing.fmax_mhz.min(1e3 / arguments.period);
    let bench = Bench {
        network: &network,
        program: &program,
        data: &data,
        netlist: &chip.netlist,
        library: &library,
        samples: arguments.samples as usize,
        clock_mhz,
    };
    let estimate = bench.estimate(&mut flow, arguments.node)?;
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

/// A network and the cells that train it.
struct Bench<'a> {
    network: &'a Network,
    program: &'a Program,
    data: &'a Dataset,
    netlist: &'a Netlist,
    library: &'a Library,
    samples: usize,
    clock_mhz: f64,
}

impl Bench<'_> {
    /// Trains at gate level, with the events that there are and with all, and turns the activity into figures.
    fn estimate(&self, flow: &mut Flow, node_nm: u32) -> Result<Estimate> {
        let (network, config) = (self.network, &self.program.config);
        flow.say("training on the emulator");
        // Activity of a network that has begun to learn, not of noise.
        let (_, weights) = epoch_on_emulator(network, self.program, self.data)?;
        let trained = self.run(flow, (network, self.program, &weights), AS_THEY_ARE)?;
        let period_ps = (1e6 / self.clock_mhz).round() as u64;
        for phase in &trained.phases {
            let file = format!("{}.saif", phase.name.to_lowercase());
            flow.write(&file, &saif(self.netlist, &phase.activity, period_ps))?;
        }
        let (full, weights) = saturated(network, &weights, config.lanes);
        let program = compile(&full, config)
            .context("The network with neurons in all lanes of its tiles does not fit")?;
        let saturated = self.run(flow, (&full, &program, &weights), ALL_THERE)?;
        let machine = Machine { cores: 1, weights_per_core: config.weights as u64 };
        let dram_bytes = dram(&trained.shapes, &machine).total() as f64;
        Ok(Estimate::new(Inputs {
            model: &EnergyModel::new(self.netlist, self.library),
            config,
            library: &self.library.name,
            node_nm,
            clock_mhz: self.clock_mhz,
            dram_bytes: dram_bytes / trained.shapes.batch as f64,
            trained,
            saturated,
            tools: flow.tools().clone(),
        }))
    }

    fn run(
        &self,
        flow: &mut Flow,
        (network, program, weights): (&Network, &Program, &Weights),
        kind: &str,
    ) -> Result<Run> {
        let simulation = Simulation::new(self.netlist, self.library, 1)?;
        let device = GateDevice::new(&program.config, simulation);
        let samples = self.samples.min(self.data.train.len());
        let (warm_up, data) = (self.network, self.data);
        let training = Training { network, program, weights, warm_up, data, samples };
        let phases = training.phases(&device, |done| {
            flow.say(&format!("training at gate level, {kind}: {done} of {samples} samples"));
        })?;
        let (shapes, samples) = (Shapes::of(network), samples as u64);
        Ok(Run { phases, shapes, samples })
    }
}
