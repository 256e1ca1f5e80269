//! The RTL beside the emulator, instruction by instruction, on random networks: every memory, every counter, busy cycles.

mod common;

use backspike_arch::ArchConfig;
use backspike_hdl::core::core_design;
use backspike_hdl::prim::CLOCK_GATES;
use backspike_tb::lockstep::CycleRecord;
use backspike_tb::{Optimize, RtlLibrary};
use common::{library, seeds, small, train};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Busy cycles of every instruction are those of the emulator's cycle model.
fn check_cycles(record: &CycleRecord) {
    for (instruction, expected, got) in &record.instructions {
        assert_eq!(expected, got, "busy cycles of {instruction}");
    }
}

fn random_networks(config: &ArchConfig, seeds: &[u64]) {
    train_all(&library(config), config, seeds);
}

fn train_all(library: &RtlLibrary, config: &ArchConfig, seeds: &[u64]) {
    for &seed in seeds {
        let record = train(library, config, seed, |_| {})
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        check_cycles(&record);
    }
}

#[test]
fn lanes_4() {
    random_networks(&small(4), &seeds(40));
}

#[test]
fn lanes_8() {
    random_networks(&small(8), &seeds(40));
}

#[test]
fn lanes_16() {
    random_networks(&small(16), &seeds(20));
}

#[test]
fn lanes_32() {
    random_networks(&small(32), &seeds(20));
}

/// What an FPGA gets: clocks pass the gates all the time, and nothing but energy depends on it.
#[test]
fn clocks_that_never_stop() {
    let config = small(8);
    let design = core_design(&config).unwrap();
    let text = format!("`undef {CLOCK_GATES}\n{}", design.to_single_file());
    let library =
        RtlLibrary::from_verilog(&config, design.top(), &text, false, Optimize::Quick).unwrap();
    train_all(&library, &config, &seeds(20));
}

fn random_config(number: u64) -> ArchConfig {
    let rng = &mut ChaCha8Rng::seed_from_u64(number);
    let lanes: usize = if rng.random() { 4 } else { 8 };
    let slots: usize = 1 << rng.random_range(0..4);
    ArchConfig {
        name: format!("random{number}"),
        optimizers: 1 << rng.random_range(0..=lanes.ilog2()),
        slots,
        gradient_slots: 1 << rng.random_range(0..=slots.ilog2()),
        backward_steps: if rng.random() { 1 } else { 4 },
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
    }
}

#[test]
fn random_configurations() {
    // The seed chooses configuration and network, so that one number repeats a failure.
    // A core takes longer to build than its networks to run: odd seeds share one, and so do even ones.
    let (odd, even): (Vec<u64>, Vec<u64>) = seeds(20).into_iter().partition(|seed| seed % 2 == 1);
    for (number, seeds) in [(1, odd), (2, even)] {
        if seeds.is_empty() {
            continue;
        }
        let config = random_config(number);
        println!("{config:?}");
        config.validate().unwrap();
        random_networks(&config, &seeds);
    }
}
