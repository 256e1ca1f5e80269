//! The RTL beside the emulator, instruction by instruction, on random networks: every memory, every counter, busy cycles.

mod common;

use backspike_arch::{ArchConfig, Engine, Instruction};
use backspike_emulator::Emulator;
use backspike_tb::{
    RtlLibrary, RtlOptions,
    lockstep::{CycleRecord, Lockstep, LockstepError},
    network::Sample,
};
use common::{library, network, rng, seeds, small};
use rand::Rng;

/// A batch on random samples, random pauses of the host and random bits at power-on.
fn train(
    library: &RtlLibrary,
    config: &ArchConfig,
    seed: u64,
) -> Result<CycleRecord, LockstepError> {
    let rng = &mut rng(seed);
    let (network, placement) = network(rng, config);
    let options = RtlOptions {
        seed,
        write_pauses: if rng.random() { 0 } else { rng.random_range(0..250) },
        push_pauses: if rng.random() { 0 } else { rng.random_range(0..250) },
        patience: 200_000,
        ..RtlOptions::default()
    };
    let mut reference = Emulator::new(config, 1).expect("the configuration is valid");
    let mut tested = library.device(&options).expect("no waves are asked for");
    let mut lockstep = Lockstep::new(&placement, &network, &mut reference, &mut tested)?;
    for slot in 0..config.slots {
        lockstep.sample(slot, &Sample::random(rng, &network, config.error_max_exp as u8))?;
        lockstep.train_sample(slot as u8)?;
    }
    for slice in 0..placement.layers() as u8 {
        let update = Instruction::Update {
            slice,
            rate_shift: rng.random_range(0..=16),
            scale_shift: rng.random_range(0..=16),
            key: rng.random(),
        };
        lockstep.step(Engine::Wg, update)?;
    }
    lockstep.finish()?;
    Ok(lockstep.cycles)
}

fn random_networks(config: &ArchConfig, count: u64) -> CycleRecord {
    let library = library(config);
    let mut record = CycleRecord::default();
    for seed in seeds(count) {
        let cycles =
            train(&library, config, seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        record.instructions.extend(cycles.instructions);
    }
    record
}

#[test]
fn lanes_4() {
    random_networks(&small(4), 40);
}

#[test]
fn lanes_8() {
    random_networks(&small(8), 40);
}

#[test]
fn lanes_16() {
    random_networks(&small(16), 20);
}

#[test]
fn lanes_32() {
    random_networks(&small(32), 20);
}

#[test]
fn random_configurations() {
    for seed in seeds(2) {
        let rng = &mut rng(seed);
        let lanes = if rng.random() { 4 } else { 8 };
        let config = ArchConfig {
            name: format!("random{seed}"),
            slots: 1 << rng.random_range(0..4),
            // Depths that are no powers of two included.
            weights: 32 * rng.random_range(20..150),
            slot_neuron_steps: 1 << rng.random_range(8..13),
            slot_error_steps: 1 << rng.random_range(8..13),
            slot_membrane_steps: 1 << rng.random_range(7..11),
            slices: rng.random_range(6..64),
            queue_depth: 1 << rng.random_range(1..8),
            weight_max_exp: rng.random_range(0..=3),
            error_max_exp: rng.random_range(0..=4),
            ..small(lanes)
        };
        println!("{config:?}");
        config.validate().unwrap();
        random_networks(&config, 10);
    }
}
