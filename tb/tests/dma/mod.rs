//! A host for the DMA engine of a PCI function.

#![allow(dead_code)] // Each bench uses a part.

mod plan;

use backspike_arch::layout::{
    COMPLETION_BYTES, CompletionWord, ControlWord, DESCRIPTOR_BYTES, Interrupts, LinkStatus,
    PackedWord, PciRegister, Ring, TransferOutcome,
};
use backspike_arch::{HostMemory, PciFunction};
pub use plan::{Memory, Plan, Record, UNMAPPED, compare};
use plan::{RECORDS, RINGS};
use rand::{Rng, rngs::StdRng};

/// How the rings are set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub sizes: [usize; 2],
    pub batch: u32,
    pub rings: [u64; 2],
    pub records: [u64; 2],
}

impl Setup {
    pub fn random(rng: &mut StdRng) -> Setup {
        let mut size = || 8 << rng.random_range(0..5);
        let sizes = [size(), size()];
        Setup { sizes, batch: rng.random_range(1..=8), rings: RINGS, records: RECORDS }
    }
}

/// A host that drives a function cycle by cycle.
pub struct Driver<'a, F: ?Sized> {
    pub function: &'a mut F,
    pub interrupts: u32,
    setup: Setup,
    offered: [usize; 2],
    taken: [Vec<Record>; 2],
}

impl<'a, F: PciFunction + ?Sized> Driver<'a, F> {
    /// Resets the function and sets up its rings, with loop-back.
    pub fn new(function: &'a mut F, memory: &Memory, setup: Setup, loopback: bool) -> Self {
        let mut driver =
            Driver { function, interrupts: 0, setup, offered: [0; 2], taken: [vec![], vec![]] };
        driver.reset(memory);
        for ring in Ring::ALL {
            let i = ring as usize;
            let words = [
                (PciRegister::ToDeviceBaseLow, setup.rings[i]),
                (PciRegister::ToDeviceBaseHigh, setup.rings[i] >> 32),
                (PciRegister::ToDeviceDoneLow, setup.records[i]),
                (PciRegister::ToDeviceDoneHigh, setup.records[i] >> 32),
                (PciRegister::ToDeviceSize, setup.sizes[i] as u64),
            ];
            for (register, value) in words {
                driver.write(register.of(ring), value as u32);
            }
            // Records begin with another sequence number than the first of the run.
            let empty = vec![0xff; setup.sizes[i] * COMPLETION_BYTES];
            memory.write(setup.records[i], &empty);
        }
        driver.write(PciRegister::Batch, setup.batch);
        driver.write(PciRegister::Mask, 7);
        let control = ControlWord { enable: true, loopback, reset: false };
        driver.write(PciRegister::Control, control.encode().unwrap());
        driver
    }

    pub fn read(&mut self, register: PciRegister) -> u32 {
        self.function.read_register(register.offset()).unwrap().unwrap()
    }

    pub fn write(&mut self, register: PciRegister, value: u32) {
        let taken = self.function.write_register(register.offset(), value).unwrap();
        assert!(taken, "register {} does not take {value:#x}", register.name());
    }

    pub fn status(&mut self) -> LinkStatus {
        LinkStatus::decode(self.read(PciRegister::Status)).unwrap()
    }

    /// Resets the function while it does whatever it does; everything is as after power-on then.
    pub fn reset(&mut self, memory: &Memory) {
        let control = ControlWord { reset: true, ..ControlWord::default() };
        self.write(PciRegister::Control, control.encode().unwrap());
        for turn in 0.. {
            assert!(turn < 1000, "the reset does not end");
            self.advance(memory);
            if self.read(PciRegister::Control) == 0 {
                break;
            }
        }
        for &register in PciRegister::ALL {
            let value = self.read(register);
            let constant = register.offset() <= PciRegister::Outstanding.offset();
            assert!(constant || value == 0, "{} is {value:#x} after reset", register.name());
        }
        self.interrupts = 0;
    }

    pub fn advance(&mut self, memory: &Memory) -> bool {
        self.function.advance(memory, &mut self.interrupts).unwrap()
    }

    /// Writes descriptors until the ring is full, and rings.
    fn offer(&mut self, ring: Ring, plan: &Plan, most: usize) {
        let i = ring as usize;
        let transfers = &plan.transfers[i];
        let room = self.setup.sizes[i] - (self.offered[i] - self.taken[i].len());
        let count = room.min(transfers.len() - self.offered[i]).min(most);
        for transfer in &transfers[self.offered[i]..self.offered[i] + count] {
            let place = self.offered[i] % self.setup.sizes[i];
            let mut descriptor = transfer.at.to_le_bytes().to_vec();
            descriptor.extend(transfer.len.to_le_bytes());
            descriptor.extend(transfer.flags.to_le_bytes());
            plan.memory.write(self.setup.rings[i] + (place * DESCRIPTOR_BYTES) as u64, &descriptor);
            self.offered[i] += 1;
        }
        if count > 0 {
            self.write(PciRegister::ToDeviceDoorbell.of(ring), self.offered[i] as u32 & 0xffff);
        }
    }

    /// Offers as much as both rings hold.
    pub fn offer_all(&mut self, plan: &Plan) {
        for ring in [Ring::ToHost, Ring::ToDevice] {
            self.offer(ring, plan, usize::MAX);
        }
    }

    /// Takes the records that have come.
    fn collect(&mut self, ring: Ring, memory: &Memory) {
        let i = ring as usize;
        loop {
            let count = self.taken[i].len();
            let place = count % self.setup.sizes[i] * COMPLETION_BYTES;
            let mut record = [0; COMPLETION_BYTES];
            memory.read(self.setup.records[i] + place as u64, &mut record);
            let [bytes, word] =
                [0, 4].map(|at| u32::from_le_bytes(record[at..at + 4].try_into().unwrap()));
            if word >> 16 != (count as u32 + 1) & 0xffff {
                break;
            }
            let word = CompletionWord::decode(word).unwrap();
            let outcome = TransferOutcome::from_code(word.outcome).unwrap();
            self.taken[i].push(Record { bytes, outcome, end: word.end });
        }
    }

    /// Carries the plan out, as far as it goes; the records that came.
    pub fn run(&mut self, plan: &Plan, rng: &mut StdRng) -> [Vec<Record>; 2] {
        let mut idle = 0;
        // Two quiet turns: nothing more can come.
        while idle < 2 {
            for ring in Ring::ALL {
                let most = if rng.random_bool(0.3) { 1 } else { usize::MAX };
                self.offer(ring, plan, most);
            }
            let busy = self.advance(&plan.memory);
            let before = self.taken.each_ref().map(Vec::len);
            for ring in Ring::ALL {
                self.collect(ring, &plan.memory);
            }
            let came = self.taken.each_ref().map(Vec::len) != before;
            idle = if busy || came { 0 } else { idle + 1 };
        }
        self.taken.clone()
    }
}

/// Interrupts that came, as bits.
pub fn interrupts(to_device: bool, to_host: bool, error: bool) -> u32 {
    Interrupts { to_device, to_host, error }.encode().unwrap()
}
