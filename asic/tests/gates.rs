//! The core as standard cells trains as the emulator does, gate by gate.

use backspike_arch::{ArchConfig, Engine, Instruction};
use backspike_asic::{EnergyModel, GateDevice, Library, Simulation, synthesise_chip};
use backspike_emulator::Emulator;
use backspike_firmware::flow::Flow;
use backspike_hdl::core::core_design;
use backspike_tb::lockstep::Lockstep;
use backspike_tb::network::{Limits, Network, Sample};
use backspike_tb::program::Placement;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::Path;

#[test]
fn the_cells_train_a_step_as_the_emulator_does() {
    let config = ArchConfig::nano();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gates");
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(&folder, &mut quiet).unwrap();
    let text = backspike_asic::default_liberty().unwrap();
    flow.write("cells.lib", &text).unwrap();
    let library = Library::parse(&text).unwrap();
    let design = core_design(&config).unwrap();
    let chip = synthesise_chip(&mut flow, &design, "cells.lib", 10_000).unwrap();
    let seed = std::env::var("BACKSPIKE_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("BACKSPIKE_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let limits = Limits { layers: 2, neurons: 17, steps: 6 };
    let (network, placement) = loop {
        let network = Network::random(&mut rng, &config, &limits);
        let placement = Placement::new(&config, &network).filter(|placed| placed.layers() == 2);
        if let Some(placement) = placement {
            break (network, placement);
        }
    };
    let simulation = Simulation::new(&chip.netlist, &library, seed).unwrap();
    let mut device = GateDevice::new(&config, simulation);
    let watched = device.clone();
    let mut emulator = Emulator::new(&config, 1).unwrap();
    let mut lockstep = Lockstep::new(&placement, &network, &mut emulator, &mut device).unwrap();
    let before = watched.activity();
    for slot in 0..config.slots {
        let sample = Sample::random(&mut rng, &network, config.error_max_exp as u8);
        lockstep.sample(slot, &sample).unwrap();
        lockstep.train_sample(slot as u8).unwrap();
    }
    for slice in 0..2 {
        let update = Instruction::Update { slice, rate_shift: 6, scale_shift: 4, key: 0x1234_5678 };
        lockstep.step(Engine::Wg, update).unwrap();
    }
    let activity = watched.activity().since(&before);
    lockstep.finish().unwrap();
    let model = EnergyModel::new(&chip.netlist, &library);
    let energy = model.energy(&activity, 100.0);
    for block in ["fp", "bp", "wg"] {
        assert!(energy.parts[block].switching > 0.0 && energy.parts[block].clock > 0.0, "{block}");
    }
}
