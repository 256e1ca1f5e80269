//! A driver and a function that does nothing, or lies.

use super::*;
use crate::pci::DmaMemory;
use backspike_arch::Region;
use backspike_arch::layout::{
    COMPLETION_BYTES, CompletionWord, DESCRIPTOR_BYTES, PCI_DMA_BASE, TransferOutcome,
};
use vmm_sys_util::eventfd::EventFd;

/// A function that is what it should be, and does nothing.
struct Idle;

impl Transport for Idle {
    fn name(&self) -> String {
        "idle".into()
    }

    fn read(&mut self, register: PciRegister) -> Result<u32, DeviceError> {
        Ok(register.identity(&ArchConfig::nano(), None).unwrap_or(0))
    }

    fn write(&mut self, _: PciRegister, _: u32) -> Result<(), DeviceError> {
        Ok(())
    }

    fn map(&mut self, _: &DmaMemory) -> Result<(), DeviceError> {
        Ok(())
    }

    fn unmap(&mut self, _: &DmaMemory) -> Result<(), DeviceError> {
        Ok(())
    }

    fn interrupts(&mut self, _: &EventFd) -> Result<bool, DeviceError> {
        Ok(false)
    }
}

/// Puts a completion record of the ring to the host where the driver looks next, and the beats into its buffer.
fn complete(words: &Words, number: u16, bytes: u32, outcome: TransferOutcome, beats: &[u64]) {
    let place = usize::from(number - 1);
    let buffer = words.rings.user() + STAGE + place * BUFFER;
    let memory = words.rings.memory();
    for (i, beat) in beats.iter().enumerate() {
        memory.store(buffer + i * BEAT, *beat);
    }
    let word = CompletionWord { outcome: outcome.code(), end: true, sequence: number };
    let word = u64::from(word.encode().unwrap());
    memory.store(TO_HOST_RECORDS + place * COMPLETION_BYTES, u64::from(bytes) | word << 32);
}

/// Where the records of the ring to the host are.
const TO_HOST_RECORDS: usize = 0x3000;

/// The first word of a trailer of a core whose PUSH has ended.
fn trailer(core: u8) -> u64 {
    PushTrailer { core, ended: true, trailer: true }.encode().unwrap().into()
}

#[test]
fn a_function_that_lies_is_told_by_name() {
    let word = 7 << 32 | u64::from(HostAddress::new(Region::Weight, 0, 0).encode().unwrap());
    for (bytes, outcome, beats, expected) in [
        (BUFFER as u32 + 8, TransferOutcome::Done, [word, trailer(0)], "it wrote 8200 bytes"),
        (12, TransferOutcome::Done, [word, trailer(0)], "it wrote 12 bytes"),
        (16, TransferOutcome::WriteFailed, [word, trailer(0)], "an error"),
        (16, TransferOutcome::Done, [word, trailer(5)], "from core 5, and there are 1"),
        (16, TransferOutcome::Done, [0xf000_0000, trailer(0)], "a word came from 0xf0000000"),
    ] {
        let mut words = Words::open(Box::new(Idle), &ArchConfig::nano(), None).unwrap();
        complete(&words, 1, bytes, outcome, &beats);
        let error = words.receive(0, 1, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?} is not in {error}");
    }
    // One that does not is heard.
    let mut words = Words::open(Box::new(Idle), &ArchConfig::nano(), None).unwrap();
    complete(&words, 1, 16, TransferOutcome::Done, &[word, trailer(0)]);
    let mut heard = Vec::new();
    words.receive(0, 1, &mut heard).unwrap();
    assert!(heard[0].data == 7 && heard[0].last);
}

#[test]
fn words_in_memory_of_the_device_are_offered_where_they_are() {
    let mut words = Words::open(Box::new(Idle), &ArchConfig::nano(), None).unwrap();
    let at = HostAddress::new(Region::Spike, 3, 0);
    let mut shared = words.memory().unwrap().take(7).unwrap();
    shared.copy_from_slice(&[1, 2, 3, 4, 5, 6, 7]);
    words.write(1, at, &shared).unwrap();
    words.write(1, at, &[8, 9, 10]).unwrap();
    words.flush().unwrap();
    let memory = words.rings.memory();
    let descriptor = |entry: usize| {
        let place = entry * DESCRIPTOR_BYTES;
        let offset = (memory.load(place) - PCI_DMA_BASE) as usize;
        (offset, memory.load(place + 8) as usize)
    };
    // A header alone, then the words themselves with what rounds them up.
    let (header, bytes) = descriptor(0);
    assert_eq!((memory.load(header) >> 32 & 0xff_ffff, bytes), (7, BEAT));
    assert_eq!(descriptor(1), (memory.offset_of(&shared).unwrap(), 8 * 4));
    // Others are copied behind their header.
    let (header, bytes) = descriptor(2);
    assert_eq!((memory.load(header) >> 32 & 0xff_ffff, bytes), (3, BEAT + 4 * 4));
    assert_eq!(memory.load(header + BEAT), 9 << 32 | 8);
    assert_eq!(words.rings.outstanding(Ring::ToDevice), 3);
    assert_eq!(words.ends.len(), 3);
}
