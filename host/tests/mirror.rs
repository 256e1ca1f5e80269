//! A device that goes wrong in one bit is found at the word where it does.

mod common;

use backspike::compiler::compile;
use backspike::device::{Mirror, emulator};
use backspike::train::{BatchRecord, EpochRecord, Observer, RunOptions, Trainer};
use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, PushWord, Region};
use common::{quadrants, small};
use std::sync::atomic::AtomicBool;

/// Flips a bit of the `nth` word that is pushed from `region`.
struct Faulty {
    device: Box<dyn Device>,
    region: Region,
    nth: usize,
}

impl Device for Faulty {
    fn config(&self) -> &ArchConfig {
        self.device.config()
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.device.write(at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let start = out.len();
        self.device.receive(words, out)?;
        for word in out[start..].iter_mut().filter(|word| word.addr.region == self.region) {
            if self.nth == 0 {
                word.data ^= 1 << 9;
            }
            self.nth = self.nth.wrapping_sub(1);
        }
        Ok(())
    }
}

struct Silent;

impl Observer for Silent {
    fn batch(&mut self, _: &BatchRecord) {}
    fn epoch(&mut self, _: &EpochRecord) {}
}

fn train(region: Region, nth: usize) -> Result<(), String> {
    let (network, config) = (small(), ArchConfig::nano());
    let program = compile(&network, &config).unwrap();
    let good = emulator(&config, 1).unwrap();
    let device = Box::new(Faulty { device: emulator(&config, 1).unwrap(), region, nth });
    let mirror =
        Mirror::new(device, good, ["faulty", "good"], program.steps, program.output().tiles);
    let mut trainer = Trainer::new(&network, program, Box::new(mirror), None).unwrap();
    let stop = AtomicBool::new(false);
    let options = RunOptions { threads: 1, steps: None, stop: &stop, store: None };
    let result = trainer.run(&quadrants(16, 8), &options, &mut Silent);
    result.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn one_wrong_bit_is_found() {
    // Words of one sample: 8 rows of 4 lanes, of which steps 6 and 7 (rows 6 and 7) are undefined.
    let error = train(Region::Membrane, 32 * 11 + 5 * 4 + 2).unwrap_err();
    assert!(
        error.starts_with("the device failed: faulty and good differ: faulty pushed"),
        "{error}"
    );
    assert!(error.contains("Membrane row 69 word 2"), "{error}");
    let error = train(Region::Weight, 7).unwrap_err();
    assert!(error.contains("row 3 word 1"), "{error}");
    assert!(train(Region::State, 0).is_err());
}

#[test]
fn what_no_core_writes_is_not_compared() {
    train(Region::Membrane, 32 * 11 + 6 * 4).unwrap();
    train(Region::Register, 20).unwrap();
}
