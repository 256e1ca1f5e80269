//! Configuration, layouts, proof and counters.

mod config;
mod device;
mod encodings;
mod proof;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator of a random test. Prints its seed; BACKSPIKE_SEED overrides it.
fn rng(test: &str) -> ChaCha8Rng {
    let seed = std::env::var("BACKSPIKE_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("{test}: BACKSPIKE_SEED={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}
