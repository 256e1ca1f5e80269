//! `backspike synth`, `bitstream` and `flash`.

use super::Outcome;
use super::progress::spinner;
use super::target::CoreOptions;
use anyhow::{Result, bail, ensure};
use backspike_arch::ArchConfig;
use backspike_firmware::flow::{
    Family, Flash, Flow, Image, build_image, flash, measure_blocks, synthesise,
};
use backspike_firmware::{BOARDS, Board, Card, Estimate, build_project, estimate, write_project};
use backspike_hdl::core::core_design;
use backspike_hdl::link::pci::pci_design;
use backspike_hdl::link::serial_design;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The core named on the command line, else the board's `own`; with what `adapt` sets for the board unless a file says otherwise.
fn core_for(
    own: ArchConfig,
    adapt: impl Fn(&ArchConfig) -> ArchConfig,
    core: &CoreOptions,
    mhz: Option<usize>,
) -> Result<ArchConfig> {
    let mut config = match core.named()? {
        None => core.with_lanes(own)?,
        Some(config) if core.is_file() => core.with_lanes(config)?,
        Some(config) => core.with_lanes(adapt(&config))?,
    };
    if let Some(mhz) = mhz {
        config.clock_mhz = mhz;
        config.validate()?;
    }
    Ok(config)
}

#[derive(Args)]
#[command(after_help = "Examples:
  backspike synth --preset tiny
  backspike synth --family xilinx --preset edge
  backspike synth --family xilinx --preset tiny --pci
  backspike synth --blocks --preset tiny")]
pub struct SynthArguments {
    #[command(flatten)]
    core: CoreOptions,
    /// FPGA family: ecp5, gowin, xilinx (7 series) or ultrascale (UltraScale+)
    #[arg(long, default_value = "ecp5")]
    family: Family,
    /// The core as a PCI function, without the bridge
    #[arg(long, conflicts_with = "blocks")]
    pci: bool,
    /// Each block on its own, placed and routed: size and speed of lanes, neuron units and the like (ECP5)
    #[arg(long)]
    blocks: bool,
    /// Directory for Verilog, netlist, logs and the record
    #[arg(short, long, value_name = "DIRECTORY", default_value = "build/synth")]
    output: PathBuf,
}

pub fn synth(arguments: &SynthArguments) -> Result<Outcome> {
    ensure!(
        !arguments.blocks || arguments.family == Family::Ecp5,
        "--blocks places and routes, which needs the family ecp5, not {}: leave --family out.",
        arguments.family
    );
    let config = arguments.core.config()?;
    let pci = if arguments.pci { "-pci" } else { "" };
    let folder = arguments.output.join(format!("{}-{}{pci}", config.name, arguments.family));
    let bar = spinner();
    let mut hear = |text: &str| bar.set_message(text.to_owned());
    let mut flow = Flow::new(&folder, &mut hear)?;
    let record = if arguments.blocks {
        bar.suspend(|| {
            println!(
                "  {:<36} {:>7} {:>7} {:>5} {:>5} {:>8}",
                "block", "LUT", "FF", "RAM", "DSP", "MHz"
            );
        });
        let part = &BOARDS[0].part;
        let design = serial_design(&config)?;
        let reports = measure_blocks(&mut flow, &design, part, config.clock_mhz, |report| {
            let r = &report.resources;
            let luts = r.luts + r.memory_luts;
            bar.suspend(|| {
                println!(
                    "  {:<36} {luts:>7} {:>7} {:>5} {:>5} {:>8.1}",
                    report.title, r.registers, r.block_rams, r.multipliers, report.fmax_mhz
                );
            });
        })?;
        bar.finish_and_clear();
        json!({"config": config, "part": part.name, "blocks": reports, "tools": flow.tools()})
    } else {
        let design = if arguments.pci { pci_design(&config, None)? } else { core_design(&config)? };
        flow.write("core.v", &design.to_single_file())?;
        let netlist = synthesise(&mut flow, arguments.family, &["core.v"], design.top())?;
        bar.finish_and_clear();
        println!("{} on {}, before placement", config.name, arguments.family);
        print!("{}", netlist.resources);
        json!({"config": config, "family": arguments.family.to_string(), "pci": arguments.pci,
            "resources": netlist.resources, "tools": flow.tools()})
    };
    flow.write("synth.json", &serde_json::to_string_pretty(&record)?)?;
    for (tool, version) in flow.tools() {
        println!("  {tool}: {version}");
    }
    println!("record: {}", flow.folder().join("synth.json").display());
    Ok(Outcome::Done)
}

#[derive(Args)]
#[command(after_help = "Examples:
  backspike bitstream --board ulx3s
  backspike bitstream --board ecpix5 --preset nano --seed 3
  backspike bitstream --board litefury --project")]
pub struct BitstreamArguments {
    /// The board
    #[arg(long, help = format!("The board: {}; or a card for Vivado: {}", Board::names(), Card::names()))]
    board: String,
    #[command(flatten)]
    core: CoreOptions,
    /// Clock of the core, MHz [default: the board's, or that of the configuration file]
    #[arg(long, value_name = "MHZ")]
    clock: Option<usize>,
    /// Seed of the placement [default: 1; Vivado takes none]
    #[arg(long)]
    seed: Option<u64>,
    /// For a card: write Vivado's project and estimate what the core takes, and leave it there
    #[arg(long)]
    project: bool,
    /// Directory for everything that is made [default: build/<board>]
    #[arg(short, long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

pub fn bitstream(arguments: &BitstreamArguments) -> Result<Outcome> {
    let folder = || arguments.output.clone().unwrap_or_else(|| folder_of(&arguments.board));
    if let Some(card) = Card::find(&arguments.board) {
        return vendor_project(card, arguments, &folder());
    }
    let board = Board::find(&arguments.board)?;
    ensure!(
        !arguments.project,
        "--project writes the project of a card for Vivado, and {} is built by open tools: leave it out.",
        board.title
    );
    let adapt = |config: &ArchConfig| board.adapt(config);
    let config = core_for(board.config(), adapt, &arguments.core, arguments.clock)?;
    let bar = spinner();
    let seed = arguments.seed.unwrap_or(1);
    let image = build_image(board, &config, seed, &folder(), &mut |text| {
        bar.set_message(text.to_owned());
    });
    bar.finish_and_clear();
    summary(board, &image?);
    Ok(Outcome::Done)
}

fn folder_of(board: &str) -> PathBuf {
    PathBuf::from("build").join(board)
}

/// Writes the project of a card, and builds its image unless `--project` asks for the project alone.
fn vendor_project(
    card: &'static Card,
    arguments: &BitstreamArguments,
    folder: &Path,
) -> Result<Outcome> {
    ensure!(
        arguments.seed.is_none() && arguments.clock.is_none(),
        "{} runs on its bridge's clock of {} MHz, and Vivado takes no seed: leave --clock and --seed out.",
        card.title,
        card.core_mhz
    );
    let adapt = |config: &ArchConfig| card.adapt(config);
    let config = core_for(card.config(), adapt, &arguments.core, None)?;
    let bar = spinner();
    let mut hear = |text: &str| bar.set_message(text.to_owned());
    write_project(card, &config, folder)?;
    let estimate = estimate(card, &config, folder, &mut hear);
    let estimate = estimate.inspect_err(|_| bar.finish_and_clear())?;
    bar.suspend(|| describe(card, &estimate));
    let built = if arguments.project {
        folder.join("build.tcl")
    } else {
        build_project(card, folder, &mut hear).inspect_err(|_| bar.finish_and_clear())?
    };
    bar.finish_and_clear();
    println!("{}", built.display());
    Ok(Outcome::Done)
}

fn describe(card: &Card, estimate: &Estimate) {
    println!(
        "{} on {} ({}), without the bridge, before placement",
        estimate.config.name, card.title, card.part
    );
    let (needs, has) = (&estimate.synthesis, &estimate.capacity);
    for (title, needs, has) in [
        ("look-up tables", needs.luts + needs.memory_luts, has.luts),
        ("flip-flops", needs.registers, has.registers),
        ("block RAMs", needs.block_rams, has.block_rams),
        ("multipliers", needs.multipliers, has.multipliers),
    ] {
        println!(
            "  {title:<16} {needs:>7} of {has:>7}  {:>5.1} %",
            100.0 * needs as f64 / has as f64
        );
    }
    for (tool, version) in &estimate.tools {
        println!("  {tool}: {version}");
    }
}

/// Names of nextpnr's resources, and what they are.
const RESOURCES: [(&str, &str); 4] = [
    ("TRELLIS_COMB", "look-up tables"),
    ("TRELLIS_FF", "flip-flops"),
    ("DP16KD", "block RAMs"),
    ("MULT18X18D", "multipliers"),
];

fn summary(board: &Board, image: &Image) {
    println!("{} on {} ({})", image.config.name, board.title, image.part);
    for (name, title) in RESOURCES {
        if let Some(usage) = image.placement.usage.get(name) {
            let share = 100.0 * usage.used as f64 / usage.available.max(1) as f64;
            println!("  {title:<16} {:>7} of {:>7}  {share:>5.1} %", usage.used, usage.available);
        }
    }
    println!(
        "  {:<16} {:>7.1} MHz, {} MHz needed, slowest from {}",
        "clock",
        image.placement.fmax_mhz,
        image.clock_mhz,
        image.placement.critical_path.join(" to ")
    );
    for (tool, version) in &image.tools {
        println!("  {tool}: {version}");
    }
    println!("{}", image.bitstream.display());
}

#[derive(Args)]
#[command(after_help = "Examples:
  backspike flash --board ulx3s
  backspike flash --board ulx3s --permanent")]
pub struct FlashArguments {
    /// The board
    #[arg(long, help = format!("The board: {}", Board::names()))]
    board: String,
    /// The bitstream [default: what backspike bitstream made for the board]
    #[arg(long, value_name = "FILE")]
    bitstream: Option<PathBuf>,
    /// Write to the board's flash memory, so that it is there after power is gone
    #[arg(long)]
    permanent: bool,
    /// A programmer by openFPGALoader's name, instead of the board's own
    #[arg(long)]
    cable: Option<String>,
}

pub fn load(arguments: &FlashArguments) -> Result<Outcome> {
    if let Some(card) = Card::find(&arguments.board) {
        bail!(
            "{} is loaded by Vivado's hardware manager: open the target, add its configuration memory and program {} from {}.",
            card.title,
            folder_of(card.name).join(format!("{}.bin", card.module())).display(),
            folder_of(card.name).display()
        );
    }
    let board = Board::find(&arguments.board)?;
    let made = || folder_of(board.name).join(format!("{}.bit", board.module()));
    let path = arguments.bitstream.clone().unwrap_or_else(made);
    let options = Flash { permanent: arguments.permanent, cable: arguments.cable.as_deref() };
    flash(board, &path, &options)?;
    println!(
        "{} runs it: try backspike device selftest --device serial:<port> --config {}",
        board.title,
        folder_of(board.name).join("core.toml").display()
    );
    Ok(Outcome::Done)
}
