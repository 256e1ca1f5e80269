//! The core as the FPGA gets it: what its memories, multipliers and registers became, and whether that still trains.

use backspike_arch::ArchConfig;
use backspike_emulator::Emulator;
use backspike_firmware::flow::{Family, Flow, simulation_text, synthesise};
use backspike_hdl::core::{TOP, core_design};
use backspike_tb::step::train_in_lockstep;
use backspike_tb::{Optimize, RtlLibrary, RtlOptions};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Module name -> cells, as in Yosys' JSON.
#[derive(Deserialize)]
struct Cells {
    modules: BTreeMap<String, Module>,
}

#[derive(Deserialize)]
struct Module {
    cells: BTreeMap<String, Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(rename = "type")]
    kind: String,
}

/// The netlist of the core `nano`: its cells by kind and name, and its Verilog for a simulator. Its steps know their inputs, so the
/// folder serves both tests and the next run.
fn nano() -> (BTreeMap<String, Vec<String>>, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("netlist");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(&folder, &mut quiet).unwrap();
    let design = core_design(&ArchConfig::nano()).unwrap();
    flow.write("core.v", &design.to_single_file()).unwrap();
    let netlist = synthesise(&mut flow, Family::Ecp5, &["core.v"], design.top()).unwrap();
    let parsed: Cells = serde_json::from_str(&flow.read(&netlist.json).unwrap()).unwrap();
    let mut cells: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, cell) in &parsed.modules[design.top()].cells {
        cells.entry(cell.kind.clone()).or_default().push(name.clone());
    }
    (cells, simulation_text(&mut flow, &netlist).unwrap())
}

/// How many cells belong to each memory or block: names up to the first digit.
fn owners(cells: &[String]) -> BTreeMap<&str, usize> {
    let mut owners = BTreeMap::new();
    for name in cells {
        let end = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        *owners.entry(&name[..end]).or_default() += 1;
    }
    owners
}

#[test]
fn memories_are_block_ram_multipliers_are_dsp_and_only_queues_are_lut_ram() {
    let (cells, _) = nano();
    let lanes = ArchConfig::nano().lanes;
    let expected = BTreeMap::from([
        // A bank per lane, of less than the 18 kbit of a block.
        ("weight.lane_", lanes),
        ("state.lane_", lanes),
        ("gradient.lane_", lanes),
        ("error_bp.bank_", lanes),
        ("error_wg.lane_", lanes),
        ("membrane.lane_", lanes),
        // Plane words of all lanes; the surrogate codes are two bits, in planes of their own.
        ("spike_fp.memory.", 1),
        ("spike_wg.memory.", 1),
        ("trace_spike.memory.", 1),
        ("trace_code", 2),
    ]);
    assert_eq!(owners(&cells["DP16KD"]), expected, "block RAMs");

    // One multiplier for each lane of BP and none anywhere else.
    assert_eq!(owners(&cells["MULT18X18D"]), [("bp.dot.tree_", lanes)].into(), "multipliers");

    // Look-up tables as memory: queues and descriptors of a few words, and the flags of which error tiles are not 0.
    for owner in owners(&cells["TRELLIS_DPR16X4"]).into_keys() {
        let queue = owner.ends_with("_front.sequencer.queue.slots.memory.");
        let descriptors = owner.ends_with("_front.descriptors.columns_");
        let flags = ["nonzero_bp.memory.", "nonzero_wg.memory."].contains(&owner);
        assert!(queue || descriptors || flags, "{owner} is LUT RAM");
    }

    // Nothing was left that is no cell of the part, and no latch was made.
    let known = ["$scopeinfo", "CCU2C", "DP16KD", "L6MUX21", "LUT4", "MULT18X18D", "PFUMX"];
    for kind in cells.keys() {
        let memory_or_register = ["TRELLIS_DPR16X4", "TRELLIS_FF"].contains(&kind.as_str());
        assert!(memory_or_register || known.contains(&kind.as_str()), "{kind}");
    }
}

#[test]
fn the_netlist_trains_a_step_as_the_emulator_does() {
    let config = ArchConfig::nano();
    let (_, text) = nano();
    let library = RtlLibrary::from_verilog(&config, TOP, &text, false, Optimize::Not);
    let library = library.unwrap_or_else(|error| panic!("{error}"));
    let seed = std::env::var("BACKSPIKE_SEED").map_or(2, |seed| seed.parse().unwrap());
    println!("BACKSPIKE_SEED={seed}");
    // Registers and memories of the netlist begin with random bits.
    let mut device = library.device(&RtlOptions { seed, ..RtlOptions::default() }).unwrap();
    let mut emulator = Emulator::new(&config, 1).unwrap();
    train_in_lockstep(seed, &config, &mut emulator, &mut device).unwrap();
}
