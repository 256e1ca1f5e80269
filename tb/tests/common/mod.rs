//! What the lockstep tests share: configurations small enough to build fast, seeds, random networks that fit.
#![allow(dead_code, reason = "each test program uses its part")]

use std::env;

use backspike_arch::ArchConfig;
use backspike_tb::{
    Optimize, RtlLibrary,
    network::{Limits, Network},
    program::Placement,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// `count` seeds, or the one of BACKSPIKE_SEED.
pub fn seeds(count: u64) -> Vec<u64> {
    match env::var("BACKSPIKE_SEED").ok().map(|seed| seed.parse()) {
        Some(Ok(seed)) => vec![seed],
        Some(Err(error)) => panic!("BACKSPIKE_SEED must be a whole number: {error}"),
        None => (1..=count).collect(),
    }
}

/// A generator for `seed`; prints the seed, which the test harness shows when the test fails.
pub fn rng(seed: u64) -> ChaCha8Rng {
    println!("BACKSPIKE_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}

/// A core just large enough for the random networks.
pub fn small(lanes: usize) -> ArchConfig {
    ArchConfig {
        name: format!("small{lanes}"),
        lanes,
        slots: 2,
        weights: 1 << 13,
        slot_neuron_steps: 1 << 12,
        slot_error_steps: 1 << 12,
        slot_membrane_steps: 1 << 10,
        slices: 6,
        queue_depth: 8,
        ..ArchConfig::nano()
    }
}

/// A random network that fits `config`.
pub fn network(rng: &mut ChaCha8Rng, config: &ArchConfig) -> (Network, Placement) {
    let mut limits = Limits::default();
    loop {
        let network = Network::random(rng, config, &limits);
        if let Some(placement) = Placement::new(config, &network) {
            return (network, placement);
        }
        limits.neurons = (limits.neurons * 3 / 4).max(1);
        limits.layers = (limits.layers - 1).max(1);
    }
}

/// The Verilated core of `config`.
pub fn library(config: &ArchConfig) -> RtlLibrary {
    RtlLibrary::new(config, false, Optimize::Quick).unwrap_or_else(|error| panic!("{error}"))
}
