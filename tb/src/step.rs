//! A training step of a small network: what a core in another form than RTL is held to the emulator with.

use crate::lockstep::{Lockstep, LockstepError};
use crate::network::{Limits, Network, Sample};
use crate::program::Placement;
use backspike_arch::{ArchConfig, Device, Engine, Instruction};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Layers of the network.
const LAYERS: usize = 2;

/// A random network of two layers that fits `config`.
pub fn two_layers(rng: &mut impl Rng, config: &ArchConfig) -> (Network, Placement) {
    let limits = Limits { layers: LAYERS, neurons: 17, steps: 6 };
    loop {
        let network = Network::random(rng, config, &limits);
        let placement = Placement::new(config, &network);
        if let Some(placement) = placement.filter(|placed| placed.layers() == LAYERS) {
            return (network, placement);
        }
    }
}

/// Trains on a random sample in every slot, then updates both layers; everything is compared after each instruction.
pub fn train_step(
    lockstep: &mut Lockstep,
    rng: &mut impl Rng,
    network: &Network,
    config: &ArchConfig,
) -> Result<(), LockstepError> {
    for slot in 0..config.slots {
        lockstep.sample(slot, &Sample::random(rng, network, config.error_max_exp as u8))?;
    }
    lockstep.train_samples(0..config.slots as u8, rng)?;
    for slice in 0..LAYERS as u8 {
        let update = Instruction::Update { slice, rate_shift: 6, scale_shift: 4, key: 0x1234_5678 };
        lockstep.step(Engine::Wg, update)?;
    }
    Ok(())
}

/// Trains such a step of a network drawn by `seed` on `tested`, everything compared with `reference`.
pub fn train_in_lockstep(
    seed: u64,
    config: &ArchConfig,
    reference: &mut dyn Device,
    tested: &mut dyn Device,
) -> Result<(), LockstepError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (network, placement) = two_layers(&mut rng, config);
    let mut lockstep = Lockstep::new(&placement, &network, reference, tested)?;
    train_step(&mut lockstep, &mut rng, &network, config)?;
    lockstep.finish()
}
