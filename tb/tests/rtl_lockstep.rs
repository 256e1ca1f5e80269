//! The RTL beside the emulator, instruction by instruction, on random networks: every memory, every counter, busy cycles.

mod common;

use backspike_arch::ArchConfig;
use backspike_tb::lockstep::CycleRecord;
use common::{library, rng, seeds, small, train};
use rand::Rng;

/// Busy cycles of every instruction are those of the emulator's cycle model.
fn check_cycles(record: &CycleRecord) {
    for (instruction, expected, got) in &record.instructions {
        assert_eq!(expected, got, "busy cycles of {instruction}");
    }
}

fn random_networks(config: &ArchConfig, count: u64) {
    let library = library(config);
    for seed in seeds(count) {
        let record = train(&library, config, seed, |_| {})
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        check_cycles(&record);
    }
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
