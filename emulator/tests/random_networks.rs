//! The emulator against the literal interpreter, on random networks.

mod support;

use backspike_arch::{Counter, PushWord, Region, Register};
use backspike_emulator::{Emulator, Simd};
use rand::Rng;
use rand::seq::IndexedRandom;
use support::network::{Network, Placement, Range};
use support::reference::Reference;
use support::{rng, seeds};

/// Counters of time, which the interpreter does not know.
fn timed(counter: Counter) -> bool {
    counter == Counter::Cycles
        || ["busy", "update_busy", "wait", "stalled"].contains(&counter.name())
}

type Words = Vec<(Region, Vec<PushWord>)>;

/// Compares every word of every memory, and every counter.
fn compare(tested: &Words, expected: &Words, what: &str) {
    for ((region, tested), (_, expected)) in tested.iter().zip(expected) {
        assert_eq!(tested.len(), expected.len());
        for (tested, expected) in tested.iter().zip(expected) {
            let register = Register::from_index(expected.addr.row as usize);
            if *region == Region::Register
                && let Some(Register::Counter(counter)) = register
            {
                let same = timed(counter) || tested.data == expected.data;
                let name = counter.key();
                assert!(same, "{what}: {name} is {}, not {}", tested.data, expected.data);
            } else {
                assert_eq!(tested, expected, "{what}: {region:?}");
            }
        }
    }
}

fn run(seed: u64, sizes: &[usize], steps: usize, range: Range, lanes: usize) {
    let network = Network::random(seed, sizes, steps, range);
    let config = network.config(lanes, 4);
    let placement = Placement::new(&network, &config);
    let mut reference = Reference::new(&config);
    placement.load(&mut reference);
    let levels = Simd::available();
    let mut emulators: Vec<(String, Emulator)> = Vec::new();
    for threads in [1, 2] {
        let simd = levels[((seed % 6) as usize + threads) % levels.len()];
        let name = format!(
            "{lanes} lanes, {sizes:?}, {steps} steps, {range:?}, {threads} threads, {simd:?}"
        );
        let emulator = Emulator::with_simd(&config, threads, simd).expect("a configuration");
        emulators.push((name, emulator));
    }
    for (_, emulator) in &mut emulators {
        placement.load(emulator);
    }
    for batch in 0..3 {
        let samples = 1 + (seed % 7 + batch) as usize % 7;
        placement.train(&mut reference, samples, &mut rng(seed.wrapping_add(batch)));
        let expected = placement.read_all(&mut reference);
        for (name, emulator) in &mut emulators {
            placement.train(emulator, samples, &mut rng(seed.wrapping_add(batch)));
            let what = format!("seed {seed}, {name}, batch {batch}");
            compare(&placement.read_all(emulator), &expected, &what);
        }
    }
}

const LANES: [usize; 4] = [4, 8, 16, 32];

/// One to four populations of awkward sizes.
fn sizes(seed: u64) -> Vec<usize> {
    let mut rng = rng(seed);
    let layers = rng.random_range(1..=3);
    (0..=layers).map(|_| *[1, 3, 17, 31, 33, 64].choose(&mut rng).expect("a size")).collect()
}

#[test]
fn usual_numbers() {
    for seed in seeds(40) {
        let steps = 1 + (seed % 11 * 5) as usize % 11;
        run(seed, &sizes(seed), steps, Range::Usual, LANES[(seed % 4) as usize]);
    }
}

#[test]
fn every_finite_number() {
    for seed in seeds(40) {
        let steps = 1 + (seed % 10 * 7) as usize % 10;
        run(seed, &sizes(seed), steps, Range::Full, LANES[(seed % 4 + 1) as usize % 4]);
    }
}

#[test]
fn largest_numbers_leave_32_bits() {
    // 100 inputs of up to 8 each are more than 32 bits at 2^-24 hold.
    for seed in seeds(12) {
        run(seed, &[100, 33, 5], 6, Range::Largest, LANES[(seed % 4) as usize]);
    }
}

#[test]
fn layers_of_several_panels() {
    for seed in seeds(4) {
        let sizes = [40, 128 + 64 + 32 + 16 - 7 * (seed % 4) as usize, 140, 10];
        run(seed, &sizes, 5, Range::Usual, LANES[(seed % 4) as usize]);
    }
}

#[test]
fn lanes_do_not_change_the_weights() {
    for seed in seeds(8) {
        let network = Network::random(seed, &[31, 33, 10], 6, Range::Full);
        let weights = LANES.map(|lanes| {
            let placement = Placement::new(&network, &network.config(lanes, 4));
            let mut emulator = Emulator::new(&placement.config, 1).expect("a configuration");
            placement.load(&mut emulator);
            for batch in 0..2 {
                placement.train(&mut emulator, 9, &mut rng(seed.wrapping_add(batch)));
            }
            placement.weights(&mut emulator)
        });
        let initial: Vec<_> = network.layers.iter().map(|layer| layer.weights.clone()).collect();
        assert_ne!(weights[0], initial, "seed {seed}: nothing was learned");
        for (lanes, tested) in LANES.iter().zip(&weights) {
            assert_eq!(tested, &weights[0], "seed {seed}: {lanes} lanes differ from 4");
        }
    }
}
