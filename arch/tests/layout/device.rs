//! The helpers on top of a device, and the counters.

use backspike_arch::device::{issue, write_descriptor};
use backspike_arch::{
    ArchConfig, Counter, Counters, Device, DeviceError, Engine, HostAddress, Instruction,
    IoDescriptor, PushWord, Region,
};

/// Records what it is told.
struct Recorder {
    config: ArchConfig,
    writes: Vec<(HostAddress, Vec<u32>)>,
}

impl Device for Recorder {
    fn config(&self) -> &ArchConfig {
        &self.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.config)?;
        self.writes.push((at, data.to_vec()));
        Ok(())
    }

    fn receive(&mut self, words: usize, _: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        Err(DeviceError::Idle { wanted: words, missing: words })
    }
}

#[test]
fn instructions_and_descriptors_arrive_in_order() {
    let mut device = Recorder { config: ArchConfig::nano(), writes: Vec::new() };
    let update = Instruction::Update { slice: 3, rate_shift: 9, scale_shift: 5, key: 0xdead_beef };
    issue(&mut device, Engine::Wg, update).expect("legal");
    let push = IoDescriptor::to_host(Region::Weight, 7, 2);
    write_descriptor(&mut device, 1, &push).expect("legal");
    assert_eq!(
        device.writes,
        [
            (HostAddress::new(Region::Queue, 0, 5), vec![0xdead_beef]),
            (HostAddress::new(Region::Queue, 0, 4), vec![7 | 3 << 4 | (9 | 5 << 6) << 20]),
            (HostAddress::new(Region::Descriptor, 0x301, 0), vec![2, 7, 2, 7, 0, 0]),
        ]
    );
}

#[test]
fn what_a_device_cannot_take_is_refused_in_a_sentence() {
    let mut device = Recorder { config: ArchConfig::nano(), writes: Vec::new() };
    let wrong = issue(&mut device, Engine::Fp, Instruction::Clear { slice: 0 });
    assert_eq!(
        wrong.expect_err("wrong queue").to_string(),
        "the device was given what it cannot take: CLEAR belongs to the WG queue, not to FP"
    );
    let far = issue(&mut device, Engine::Bp, Instruction::Backprop { slice: 4, slot: 2 });
    assert_eq!(
        far.expect_err("beyond the core").to_string(),
        "the device was given what it cannot take: BACKPROP names slice 4, but nano has 4: use 0..=3; \
         BACKPROP names slot 2, but nano has 2: use 0..=1"
    );
    let many = Instruction::Accumulate { slice: 0, slot: 1, further: 1 };
    assert_eq!(
        issue(&mut device, Engine::Wg, many).expect_err("too many slots").to_string(),
        "the device was given what it cannot take: ACCUMULATE names slot 1 and 1 more, but nano takes 1 at once: name at most 0 more; \
         ACCUMULATE names slots 1 to 2, but nano has 2: name a lower slot, or fewer more"
    );
    assert!(write_descriptor(&mut device, 4, &IoDescriptor::default()).is_err());
    assert!(device.writes.is_empty());
    let idle = device.receive(3, &mut Vec::new()).expect_err("idle").to_string();
    assert!(idle.contains("3 of 3 words are still awaited"), "{idle}");
}

#[test]
fn counters_wrap_and_subtract() {
    let mut before = Counters::default();
    before.add(Counter::FpEvents, u32::MAX - 1);
    let mut after = before;
    after.add(Counter::FpEvents, 5);
    after.add(Counter::Cycles, 7);
    assert_eq!(after[Counter::FpEvents], 3);
    let difference = after.since(&before);
    assert_eq!(difference[Counter::FpEvents], 5);
    assert_eq!(difference[Counter::Cycles], 7);
    assert_eq!(difference.words().iter().filter(|&&value| value != 0).count(), 2);
    assert_eq!(Counters::from_words(after.words()), Some(after));
    assert_eq!(Counters::from_words(&[0; 3]), None);
}
