//! Random networks, their place in a core, and programs that train them.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod network;
pub mod reference;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The seeds of a random test, printed; `BACKSPIKE_SEED` replaces them.
pub fn seeds(count: u64) -> Vec<u64> {
    let seeds = match std::env::var("BACKSPIKE_SEED").map(|seed| seed.parse()) {
        Ok(Ok(seed)) => vec![seed],
        Ok(Err(error)) => panic!("BACKSPIKE_SEED is not a number: {error}"),
        Err(_) => (0..count).collect(),
    };
    println!("seeds {seeds:?}");
    seeds
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
