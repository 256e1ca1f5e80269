//! `backspike adders`.

use super::Outcome;
use super::progress::spinner;
use anyhow::Result;
use backspike_asic::{GLITCHES, Library, compare_adders, read_liberty};
use backspike_firmware::flow::Flow;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Args)]
#[command(after_help = "Examples:
  backspike adders
  backspike adders --liberty nangate45_typ.lib")]
pub struct Arguments {
    /// Standard cells (Liberty) [default: the 180 nm library that make setup installs]
    #[arg(long, value_name = "FILE")]
    liberty: Option<PathBuf>,
    /// Cycle that mapping aims at, ps
    #[arg(long, value_name = "PS", default_value_t = 2500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    period: u32,
    /// Directory for netlists, logs and the record
    #[arg(short, long, value_name = "DIRECTORY", default_value = "build/adders")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let liberty = read_liberty(arguments.liberty.as_deref())?;
    let library = Library::parse(&liberty)?;
    let bar = spinner();
    let mut hear = |text: &str| bar.set_message(text.to_owned());
    let mut flow = Flow::new(&arguments.output.join(&library.name), &mut hear)?;
    flow.write("cells.lib", &liberty)?;
    let adders = compare_adders(&mut flow, &library, "cells.lib", arguments.period)?;
    bar.finish_and_clear();
    println!("{}, mapped for {} ps", library.name, arguments.period);
    println!(
        "  {:<32} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "um2", "MHz", "gates pJ", "clock pJ", "pJ an add"
    );
    for adder in &adders {
        // What switches glitches; the clock does not.
        let sum = adder.gates_pj * GLITCHES.mid + adder.clock_pj;
        println!(
            "  {:<32} {:>9.0} {:>9.1} {:>9.3} {:>9.3} {sum:>9.3}",
            adder.name,
            adder.area,
            adder.fmax_mhz,
            adder.gates_pj * GLITCHES.mid,
            adder.clock_pj
        );
    }
    let record = json!({"library": library.name, "period_ps": arguments.period, "adders": adders, "tools": flow.tools()});
    flow.write("adders.json", &serde_json::to_string_pretty(&record)?)?;
    for (tool, version) in flow.tools() {
        println!("  {tool}: {version}");
    }
    println!("record: {}", flow.folder().join("adders.json").display());
    Ok(Outcome::Done)
}
