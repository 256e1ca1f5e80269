//! The core as standard cells trains as the emulator does, gate by gate, and a broken one is found out.

use backspike_arch::ArchConfig;
use backspike_asic::{
    Activity, EnergyModel, GateDevice, Library, Netlist, Simulation, ZERO, synthesise_chip,
};
use backspike_emulator::Emulator;
use backspike_firmware::flow::Flow;
use backspike_hdl::core::core_design;
use backspike_tb::lockstep::{Lockstep, LockstepError};
use backspike_tb::step::{train_step, two_layers};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Trains a step on `netlist`, a core of `config`, in lockstep with the emulator, and returns what the step switched. All engines have
/// work with the default seed; the errors of some others leave WG none.
fn train(
    config: &ArchConfig,
    netlist: &Netlist,
    library: &Library,
) -> Result<Activity, LockstepError> {
    let seed = std::env::var("BACKSPIKE_SEED").map_or(2, |seed| seed.parse().unwrap());
    println!("BACKSPIKE_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (network, placement) = two_layers(&mut rng, config);
    let simulation = Simulation::new(netlist, library, seed).unwrap();
    let mut device = GateDevice::new(config, simulation);
    let watched = device.clone();
    let mut emulator = Emulator::new(config, 1).unwrap();
    let mut lockstep = Lockstep::new(&placement, &network, &mut emulator, &mut device)?;
    let before = watched.activity();
    train_step(&mut lockstep, &mut rng, &network, config)?;
    let activity = watched.activity().since(&before);
    lockstep.finish()?;
    Ok(activity)
}

/// A clock gate, which the library that every machine has lacks.
const CLOCK_GATE: &str = r#"
cell (GATE) {
  area : 64;
  clock_gating_integrated_cell : "latch_posedge";
  statetable ("CK E", "IQ") { table : "L L : - : L, L H : - : H, H - : - : N"; }
  pin (IQ) { direction : internal; internal_node : "IQ"; }
  pin (CK) { direction : input; clock : true; capacitance : 0.01; clock_gate_clock_pin : true; }
  pin (E) { direction : input; capacitance : 0.01; clock_gate_enable_pin : true; }
  pin (GCK) { direction : output; state_function : "CK * IQ"; clock_gate_out_pin : true; }
}
"#;

#[test]
fn the_cells_train_a_step_as_the_emulator_does_and_broken_ones_do_not() {
    let config = ArchConfig::nano();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gates");
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(&folder, &mut quiet).unwrap();
    let text = backspike_asic::read_liberty(None).unwrap();
    let (cells, end) = text.rsplit_once('}').unwrap();
    let text = format!("{cells}{CLOCK_GATE}}}{end}");
    flow.write("cells.lib", &text).unwrap();
    let library = Library::parse(&text).unwrap();
    let design = core_design(&config).unwrap();
    let chip = synthesise_chip(&mut flow, &design, &library, "cells.lib", 10_000).unwrap();

    let gates = chip.netlist.instances.iter().filter(|instance| instance.cell == "GATE");
    for own in ["fp_gate", "bp_gate", "wg_gate", "update_gate", "fp.step_gate", "bp.step_gate"] {
        let found = gates.clone().any(|gate| gate.name.starts_with(own));
        assert!(found, "the netlist has no {own}");
    }
    assert!(gates.count() > 100, "registers with enables have gates of their own");

    let activity = train(&config, &chip.netlist, &library).unwrap();
    let energy = EnergyModel::new(&chip.netlist, &library).energy(&activity, 100.0);
    for block in ["fp", "bp", "wg"] {
        let part = &energy.parts[&format!("{block}.lane")];
        assert!(part.switching > 0.0 && part.clock > 0.0, "{block}");
    }

    for block in ["fp.lane_0.", "bp.lane_0.", "wg.lane_0.", "update_engine.optimizer_0."] {
        let mut broken = chip.netlist.clone();
        let registers = broken.instances.iter_mut().filter(|instance| {
            instance.name.starts_with(block) && instance.cell.starts_with("DFF")
        });
        // Every second register is stuck at 0.
        let mut stuck = 0;
        for register in registers.step_by(2) {
            let data = register.pins.iter_mut().find(|(pin, _)| pin == "D");
            data.expect("a flip-flop has data").1 = ZERO;
            stuck += 1;
        }
        assert!(stuck > 10, "{block} has {stuck} such registers");
        let outcome = train(&config, &broken, &library).err();
        assert!(
            matches!(outcome, Some(LockstepError::Divergence(_))),
            "{block} with {stuck} registers stuck: {outcome:?}"
        );
    }
}
