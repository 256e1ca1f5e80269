//! The core as standard cells trains as the emulator does, gate by gate.

use backspike_arch::ArchConfig;
use backspike_asic::{EnergyModel, GateDevice, Library, Simulation, synthesise_chip};
use backspike_emulator::Emulator;
use backspike_firmware::flow::Flow;
use backspike_hdl::core::core_design;
use backspike_tb::lockstep::Lockstep;
use backspike_tb::step::{train_step, two_layers};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::Path;

#[test]
fn the_cells_train_a_step_as_the_emulator_does() {
    let config = ArchConfig::nano();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gates");
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(&folder, &mut quiet).unwrap();
    let text = backspike_asic::read_liberty(None).unwrap();
    flow.write("cells.lib", &text).unwrap();
    let library = Library::parse(&text).unwrap();
    let design = core_design(&config).unwrap();
    let chip = synthesise_chip(&mut flow, &design, "cells.lib", 10_000).unwrap();
    let seed = std::env::var("BACKSPIKE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("BACKSPIKE_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (network, placement) = two_layers(&mut rng, &config);
    let simulation = Simulation::new(&chip.netlist, &library, seed).unwrap();
    let mut device = GateDevice::new(&config, simulation);
    let watched = device.clone();
    let mut emulator = Emulator::new(&config, 1).unwrap();
    let mut lockstep = Lockstep::new(&placement, &network, &mut emulator, &mut device).unwrap();
    let before = watched.activity();
    train_step(&mut lockstep, &mut rng, &network, &config).unwrap();
    let activity = watched.activity().since(&before);
    lockstep.finish().unwrap();
    let model = EnergyModel::new(&chip.netlist, &library);
    let energy = model.energy(&activity, 100.0);
    for block in ["fp", "bp", "wg"] {
        assert!(energy.parts[block].switching > 0.0 && energy.parts[block].clock > 0.0, "{block}");
    }
}
