//! Cards with PCI Express, whose images the vendor's tools build from a project that is written here.

use crate::flow::{Family, Flow, Resources, synthesise};
use anyhow::{Context, Result, ensure};
use backspike_arch::ArchConfig;
use backspike_arch::layout::{
    PCI_BAR_BYTES, PCI_CLASS, PCI_DEVICE, PCI_DMA_BASE, PCI_DMA_BYTES, PCI_VENDOR,
};
use backspike_hdl::emit::{Design, Module};
use backspike_hdl::link::pci::{messages_design, pci_design, window_design};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a part has.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Capacity {
    pub luts: u64,
    pub registers: u64,
    pub block_rams: u64,
    pub multipliers: u64,
}

/// A card: what is on it, and the core that is put there.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    pub name: &'static str,
    pub title: &'static str,
    /// As the vendor's tools name it.
    pub part: &'static str,
    pub family: Family,
    pub capacity: Capacity,
    /// Verilog of its top module, `backspike_<name>`.
    pub top: &'static str,
    /// Ports of the vendor's bridge and clock buffer, as modules without content.
    pub vendor: &'static str,
    /// Pins and clocks.
    pub constraints: &'static str,
    /// Tcl that makes the bridge.
    pub bridge: &'static str,
    /// Interface and megabytes of the flash memory that it starts from.
    pub flash: (&'static str, usize),
    /// Preset of the core that it gets by default.
    pub preset: &'static str,
    /// Clock of bridge and core, MHz; what follows the point does not count.
    pub core_mhz: usize,
}

/// The function with what stands between it and a bridge.
const BRIDGED: &str = include_str!("../boards/bridged.v");
/// The script that the vendor's tools run.
const BUILD: &str = include_str!("../vendor/build.tcl");

/// Every card.
pub const CARDS: &[Card] = &[
    Card {
        name: "litefury",
        title: "LiteFury, M.2",
        part: "xc7a100tfgg484-2",
        family: Family::Xilinx,
        // DS180, table 4.
        capacity: Capacity { luts: 63_400, registers: 126_800, block_rams: 135, multipliers: 240 },
        top: include_str!("../boards/litefury.v"),
        vendor: include_str!("../models/axi_pcie.v"),
        constraints: include_str!("../../constraints/litefury.xdc"),
        bridge: include_str!("../vendor/litefury.tcl"),
        flash: ("SPIx4", 32),
        preset: "tiny",
        core_mhz: 62,
    },
    Card {
        name: "nexus_k3p",
        title: "Nexus K3P-S",
        part: "xcku3p-ffvb676-2-e",
        family: Family::UltraScale,
        // DS890, table 8.
        capacity: Capacity {
            luts: 162_720,
            registers: 325_440,
            block_rams: 360,
            multipliers: 1_368,
        },
        top: include_str!("../boards/nexus_k3p.v"),
        vendor: include_str!("../models/xdma_bridge.v"),
        constraints: include_str!("../../constraints/nexus_k3p.xdc"),
        bridge: include_str!("../vendor/nexus_k3p.tcl"),
        flash: ("BPIx16", 128),
        preset: "tiny",
        core_mhz: 125,
    },
];

impl Card {
    /// The card called `name`, if there is one.
    pub fn find(name: &str) -> Option<&'static Self> {
        CARDS.iter().find(|card| card.name == name)
    }

    /// The names of all cards, for people.
    pub fn names() -> String {
        CARDS.iter().map(|card| card.name).collect::<Vec<_>>().join(", ")
    }

    /// `config` with the clock of this card.
    pub fn adapt(&self, config: &ArchConfig) -> ArchConfig {
        ArchConfig { clock_mhz: self.core_mhz, ..config.clone() }
    }

    /// The core that the card gets by default.
    pub fn config(&self) -> ArchConfig {
        self.adapt(&ArchConfig::preset(self.preset).unwrap_or_else(ArchConfig::tiny))
    }

    /// Name of its top module.
    pub fn module(&self) -> String {
        format!("backspike_{}", self.name)
    }

    /// The core with configuration `config` on this card; its top module is [`Card::module`]. The bridge is a block of the vendor's.
    ///
    /// # Errors
    ///
    /// When the configuration is unusable.
    pub fn design(&self, config: &ArchConfig) -> Result<Design> {
        let mut modules = pci_design(config, None)?.modules;
        modules.extend(window_design()?.modules);
        modules.extend(messages_design()?.modules);
        modules.push(Module { name: "backspike_bridged".into(), text: BRIDGED.into() });
        modules.push(Module { name: self.module(), text: self.top.into() });
        Ok(Design { modules })
    }

    /// What the script reads: names, numbers and the identity of the function.
    fn script(&self) -> String {
        let Self { part, flash: (interface, megabytes), .. } = self;
        let top = self.module();
        let (kilobytes, last) = (PCI_BAR_BYTES / 1024, PCI_DMA_BYTES - 1);
        format!(
            "# What build.tcl builds.
set part {part}
set top {top}
set flash_interface {interface}
set flash_megabytes {megabytes}
# The function as the host sees it.
set vendor_id 0x{PCI_VENDOR:04X}
set device_id 0x{PCI_DEVICE:04X}
set class_code 0x{PCI_CLASS:06X}
set bar_kilobytes {kilobytes}
# The last address of the bridge's window onto host memory, and where its first one leads.
set window_last 0x{last:08X}
set dma_base 0x{PCI_DMA_BASE:016X}
"
        )
    }
}

/// Writes the project of `config` on `card` into `folder`: Verilog, constraints, scripts, `core.toml` for the host.
///
/// # Errors
///
/// When the configuration is unusable, or a file cannot be written.
pub fn write_project(card: &Card, config: &ArchConfig, folder: &Path) -> Result<()> {
    let mut quiet = |_: &str| {};
    let flow = Flow::new(folder, &mut quiet)?;
    flow.write("core.v", &card.design(config)?.to_single_file())?;
    flow.write("core.toml", &config.to_toml())?;
    flow.write("pins.xdc", card.constraints)?;
    flow.write("card.tcl", &card.script())?;
    flow.write("bridge.tcl", card.bridge)?;
    flow.write("build.tcl", BUILD)?;
    // The vendor's tools must not read these empty modules.
    flow.write("vendor.v", card.vendor)
}

/// What our part of a project takes, and its record (`estimate.json`).
#[derive(Clone, Debug, Serialize)]
pub struct Estimate {
    pub card: &'static str,
    pub part: &'static str,
    pub config: ArchConfig,
    /// By Yosys, before placement, without the bridge.
    pub synthesis: Resources,
    pub capacity: Capacity,
    pub tools: BTreeMap<String, String>,
}

/// Synthesises our part of a written project with Yosys, so that a core that does not fit shows before the vendor's tools run.
///
/// # Errors
///
/// When Yosys fails, as it does when ports do not match, and when the core does not fit.
pub fn estimate(
    card: &'static Card,
    config: &ArchConfig,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Estimate> {
    let mut flow = Flow::new(folder, progress)?;
    let netlist = synthesise(&mut flow, card.family, &["vendor.v", "core.v"], &card.module())?;
    let (needs, has) = (&netlist.resources, &card.capacity);
    let short: Vec<String> = [
        ("look-up tables", needs.luts + needs.memory_luts, has.luts),
        ("flip-flops", needs.registers, has.registers),
        ("block RAMs", needs.block_rams, has.block_rams),
        ("multipliers", needs.multipliers, has.multipliers),
    ]
    .into_iter()
    .filter(|(_, needs, has)| needs > has)
    .map(|(what, needs, has)| format!("{needs} {what} of {has}"))
    .collect();
    ensure!(
        short.is_empty(),
        "The core {} does not fit {}, even without the bridge: it takes {}. Choose a smaller configuration or fewer lanes.",
        config.name,
        card.title,
        short.join(", ")
    );
    let estimate = Estimate {
        card: card.name,
        part: card.part,
        config: config.clone(),
        synthesis: netlist.resources,
        capacity: card.capacity,
        tools: flow.tools().clone(),
    };
    flow.write("estimate.json", &serde_json::to_string_pretty(&estimate)?)?;
    Ok(estimate)
}

/// Runs the vendor's tools on a project; the bitstream.
///
/// # Errors
///
/// When they are not there, fail or miss the clock.
pub fn build_project(
    card: &Card,
    folder: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf> {
    let mut flow = Flow::new(folder, progress)?;
    let mut vivado = flow.tool("vivado", "-version").with_context(|| {
        format!(
            "The project is written, but its image takes Vivado, which is not on the path. Where it is: vivado -mode batch -source {}. With --project backspike writes the project alone",
            folder.join("build.tcl").display()
        )
    })?;
    vivado.args(["-mode", "batch", "-nojournal", "-nolog", "-source", "build.tcl"]);
    let bitstream = format!("{}.bit", card.module());
    let inputs = ["core.v", "pins.xdc", "card.tcl", "bridge.tcl", "build.tcl"];
    flow.step("image", vivado, &inputs, &[&bitstream], |line| {
        // "Starting Placer Task": the tool's own phases.
        line.strip_prefix("Starting ")?.strip_suffix(" Task")
    })?;
    Ok(flow.folder().join(bitstream))
}
