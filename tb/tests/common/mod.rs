//! What the lockstep tests share: configurations small enough to build fast, seeds, random networks that fit.
#![allow(dead_code, reason = "each test program uses its part")]

use std::env;

use backspike_arch::{ArchConfig, Engine, Instruction};
use backspike_emulator::Emulator;
use backspike_tb::{
    Optimize, RtlDevice, RtlLibrary, RtlOptions,
    lockstep::{CycleRecord, Lockstep, LockstepError},
    network::{Limits, Network, Sample},
    program::Placement,
};
use rand::{Rng, SeedableRng};
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

/// A core just large enough for the random networks; with 4 and 16 lanes its WG takes several slots at once, with 4 and 32 its BP all steps.
pub fn small(lanes: usize) -> ArchConfig {
    let gradient_slots = match lanes {
        4 => 4,
        16 => 2,
        _ => 1,
    };
    ArchConfig {
        name: format!("small{lanes}"),
        lanes,
        optimizers: lanes / 2,
        slots: gradient_slots.max(2),
        gradient_slots,
        backward_steps: if matches!(lanes, 4 | 32) { 4 } else { 1 },
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

/// A batch in lockstep with the emulator: a random network on random samples, random pauses of the host and random bits at power-on.
/// `prepare` gets the device before it is used.
pub fn train(
    library: &RtlLibrary,
    config: &ArchConfig,
    seed: u64,
    prepare: impl FnOnce(&mut RtlDevice),
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
    prepare(&mut tested);
    let mut lockstep = Lockstep::new(&placement, &network, &mut reference, &mut tested)?;
    for slot in 0..config.slots {
        lockstep.sample(slot, &Sample::random(rng, &network, config.error_max_exp as u8))?;
    }
    lockstep.train_samples(0..config.slots as u8, rng)?;
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
