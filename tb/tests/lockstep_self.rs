//! Lockstep itself: equal devices agree, and a single wrong bit is reported by its name.

mod common;

use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, Instruction, PushWord, Region};
use backspike_emulator::Emulator;
use backspike_tb::{
    lockstep::{Divergence, Lockstep, LockstepError},
    network::Sample,
};
use common::{network, rng, seeds, small};

/// An emulator that flips one bit of the last push that covers a word.
struct Faulty {
    inner: Emulator,
    region: Region,
    row: u32,
    sub: u8,
    bit: u32,
}

impl Device for Faulty {
    fn config(&self) -> &ArchConfig {
        self.inner.config()
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.inner.write(at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let first = out.len();
        self.inner.receive(words, out)?;
        for word in &mut out[first..] {
            let addr = word.addr;
            if (addr.region, addr.row, addr.sub) == (self.region, self.row, self.sub) {
                word.data ^= 1 << self.bit;
            }
        }
        Ok(())
    }
}

#[test]
fn equal_devices_agree() {
    for seed in seeds(20) {
        let rng = &mut rng(seed);
        let config = small([4, 8, 16, 32][seed as usize % 4]);
        let (network, placement) = network(rng, &config);
        let mut reference = Emulator::new(&config, 1).unwrap();
        let mut tested = Emulator::new(&config, 1).unwrap();
        let mut lockstep =
            Lockstep::new(&placement, &network, &mut reference, &mut tested).unwrap();
        for slot in 0..config.slots {
            lockstep
                .sample(slot, &Sample::random(rng, &network, config.error_max_exp as u8))
                .unwrap();
        }
        let trained = lockstep.train_samples(0..config.slots as u8, rng);
        trained.unwrap_or_else(|error| panic!("{error}"));
        for slice in 0..placement.layers() as u8 {
            let update = Instruction::Update { slice, rate_shift: 8, scale_shift: 3, key: 77 };
            lockstep.step(backspike_arch::Engine::Wg, update).unwrap();
        }
        lockstep.finish().unwrap();
    }
}

#[test]
fn a_wrong_bit_is_named() {
    let rng = &mut rng(7);
    let config = small(8);
    let (network, placement) = loop {
        let (network, placement) = network(rng, &config);
        let last = placement.layers() - 1;
        if network.steps == 6
            && placement.populations[last + 1].neurons >= 17
            && placement.readout[last]
        {
            break (network, placement);
        }
    };
    let last = placement.layers() - 1;
    let tiles = placement.populations[last + 1].tiles;
    let sample = Sample::random(rng, &network, config.error_max_exp as u8);
    let mut run = |region: Region, row: usize, sub: u8, bit: u32| -> Divergence {
        let mut reference = Emulator::new(&config, 1).unwrap();
        let inner = Emulator::new(&config, 1).unwrap();
        let mut tested = Faulty { inner, region, row: row as u32, sub, bit };
        let mut train = || {
            let mut lockstep = Lockstep::new(&placement, &network, &mut reference, &mut tested)?;
            lockstep.sample(1, &sample)?;
            lockstep.train_samples(1..2, rng)
        };
        match train() {
            Err(LockstepError::Divergence(found)) => *found,
            other => panic!("no divergence but {other:?}"),
        }
    };

    // Step 5 is step 1 of block 1; lane 1 of tile 2.
    let blocks = tiles + 2;
    let membrane = placement.rows(Region::Membrane, last, 1).start + blocks * 4 + 1;
    let found = run(Region::Membrane, membrane, 1, 9);
    assert_eq!(found.instruction, format!("FORWARD of layer {last}, slot 1"));
    assert_eq!(found.place, format!("Membrane of layer {last}, slot 1, step 5, neuron 17"));
    assert_eq!(found.expected ^ found.got, 1 << 9);

    let error = placement.rows(Region::Error, last, 1).start + blocks * 4 + 1;
    let found = run(Region::Error, error, 0, 20);
    assert_eq!(found.instruction, "NEURON_BACK of the output, slot 1");
    assert_eq!(found.place, format!("Error of layer {last}, slot 1, step 5, neuron 17"));

    let trace = placement.rows(Region::Trace, last, 1).start + blocks;
    let found = run(Region::Trace, trace, 1, 5);
    assert_eq!(
        found.place,
        format!("Trace of code bit 0 of layer {last}, slot 1, step 5, neuron 17")
    );

    let nonzero = placement.rows(Region::Nonzero, last, 1).start + blocks;
    let found = run(Region::Nonzero, nonzero, 0, 1);
    assert_eq!(found.place, format!("Nonzero of layer {last}, slot 1, step 5, neurons 16 to 23"));

    let fan_in = placement.populations[last].neurons;
    let gradient = placement.rows(Region::Gradient, last, 0).start + fan_in;
    let found = run(Region::Gradient, gradient, 3, 0);
    assert_eq!(found.place, format!("Gradient of layer {last}, input 0, neuron 11"));
}
