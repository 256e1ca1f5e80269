//! Rings, transfers and completion records around emulated cores.

use super::carried::Carried;
use super::registers::Registers;
use super::scatter::Scatter;
use super::stream::Records;
use crate::EmulatorError;
use backspike_arch::layout::{
    BURST_BYTES, COMPLETION_BYTES, CompletionWord, ControlWord, DESCRIPTOR_BYTES, Interrupts,
    MAX_TRANSFER, MeshLinkWord, PackedWord, PciRegister, Ring, TransferOutcome,
};
use backspike_arch::{ArchConfig, DeviceError, HostMemory, MeshConfig, PciFunction};
use std::ops::Range;

/// A PCI function with an emulated core, or cores on a mesh.
pub struct EmulatedFunction {
    config: ArchConfig,
    mesh: Option<MeshConfig>,
    threads: usize,
    carried: Carried,
    registers: Registers,
    /// Descriptors taken from each ring.
    taken: [u16; 2],
    records: Records,
    scatter: Scatter,
}

/// A part of a transfer that the hardware moves in one burst.
pub(super) struct Burst {
    /// Of the bytes of the transfer.
    pub bytes: Range<usize>,
    /// Beats of 8 bytes that they lie in.
    pub beats: usize,
}

/// The bursts of a transfer of `len` bytes at `at`: they end at multiples of 8 bytes, after 512 bytes or at 4 KiB.
pub(super) fn bursts(at: u64, len: usize) -> impl Iterator<Item = Burst> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let here = at + done as u64;
        let aligned = here & !7;
        let border = 4096 - (aligned & 4095);
        let most = border.min(BURST_BYTES as u64) - (here - aligned);
        let count = (len - done).min(most as usize);
        let bytes = done..done + count;
        done += count;
        let beats = (here - aligned) as usize + count;
        (count > 0).then_some(Burst { bytes, beats: beats.div_ceil(8) })
    })
}

/// A descriptor as it is in memory.
struct Transfer {
    at: u64,
    len: u32,
    flags: u32,
}

impl Transfer {
    /// Why it cannot be done, if so.
    fn problem(&self, known: u32) -> Option<TransferOutcome> {
        if self.len == 0 || self.len > MAX_TRANSFER {
            Some(TransferOutcome::BadLength)
        } else if self.flags & !known != 0 {
            Some(TransferOutcome::BadFlags)
        } else {
            None
        }
    }
}

impl EmulatedFunction {
    /// A function around a core of `config`, or such cores on `mesh`, run by `threads` threads.
    ///
    /// # Errors
    /// When configuration or mesh is unusable, or the system gives no threads.
    pub fn new(
        config: &ArchConfig,
        mesh: Option<&MeshConfig>,
        threads: usize,
    ) -> Result<Self, EmulatorError> {
        Ok(Self {
            config: config.clone(),
            mesh: mesh.cloned(),
            threads,
            carried: Carried::new(config, mesh, threads)?,
            registers: Registers::default(),
            taken: [0; 2],
            records: Records::default(),
            scatter: Scatter::default(),
        })
    }

    fn reset(&mut self) -> Result<(), DeviceError> {
        let fresh = Self::new(&self.config, self.mesh.as_ref(), self.threads);
        *self = fresh.map_err(|error| DeviceError::Failed(format!("no reset: {error}")))?;
        Ok(())
    }

    /// A doorbell must not offer more than the ring has.
    fn check_doorbells(&mut self) {
        for ring in Ring::ALL {
            let ahead =
                self.registers.offered(ring).wrapping_sub(self.registers.completed[ring as usize]);
            if self.registers.runs(ring) && ahead > self.registers.size(ring) {
                self.registers.stop(ring, TransferOutcome::BadDoorbell);
            }
        }
    }

    /// The next descriptor of a ring that runs.
    fn next(&mut self, ring: Ring, memory: &dyn HostMemory) -> Option<Transfer> {
        let taken = self.taken[ring as usize];
        if !self.registers.runs(ring) || taken == self.registers.offered(ring) {
            return None;
        }
        let place = taken & self.registers.size(ring).wrapping_sub(1);
        let at = self.registers.base(ring).wrapping_add(u64::from(place) * DESCRIPTOR_BYTES as u64);
        let mut bytes = [0; DESCRIPTOR_BYTES];
        if !memory.read(at, &mut bytes) {
            self.registers.stop(ring, TransferOutcome::FetchFailed);
            return None;
        }
        self.taken[ring as usize] = taken.wrapping_add(1);
        let number = u128::from_le_bytes(bytes);
        let [at, len, flags] = [0, 64, 96].map(|from| (number >> from) as u64);
        Some(Transfer { at, len: len as u32, flags: flags as u32 })
    }

    /// Writes a completion record.
    fn complete(
        &mut self,
        ring: Ring,
        memory: &dyn HostMemory,
        bytes: u32,
        outcome: TransferOutcome,
        end: bool,
    ) -> Result<(), DeviceError> {
        let before = self.registers.completed[ring as usize];
        let sequence = before.wrapping_add(1);
        let word = CompletionWord { outcome: outcome.code(), end, sequence }.encode()?;
        let place = before & self.registers.size(ring).wrapping_sub(1);
        let at =
            self.registers.records(ring).wrapping_add(u64::from(place) * COMPLETION_BYTES as u64);
        let record = u64::from(bytes) | u64::from(word) << 32;
        if outcome != TransferOutcome::Done {
            self.registers.stop(ring, outcome);
        }
        if !memory.write(at, &record.to_le_bytes()) {
            self.registers.stop(ring, TransferOutcome::RecordFailed);
            return Ok(());
        }
        self.registers.completed[ring as usize] = sequence;
        self.registers.raise(Interrupts {
            to_device: ring == Ring::ToDevice,
            to_host: ring == Ring::ToHost,
            error: false,
        });
        Ok(())
    }

    /// Carries out a descriptor of the ring to the device.
    fn gather(&mut self, transfer: &Transfer, memory: &dyn HostMemory) -> Result<(), DeviceError> {
        let ring = Ring::ToDevice;
        if let Some(problem) = transfer.problem(1) {
            return self.complete(ring, memory, 0, problem, false);
        }
        let loopback = self.registers.control()?.loopback;
        let end = transfer.flags & 1 == 1;
        let len = transfer.len as usize;
        let mut bytes = [0; BURST_BYTES];
        for burst in bursts(transfer.at, len) {
            let bytes = &mut bytes[..burst.bytes.len()];
            self.registers.count(PciRegister::BeatsRead, burst.beats);
            if !memory.read(transfer.at.wrapping_add(burst.bytes.start as u64), bytes) {
                let moved = burst.bytes.start as u32;
                return self.complete(ring, memory, moved, TransferOutcome::ReadFailed, false);
            }
            let last = end && burst.bytes.end == len;
            if loopback {
                self.scatter.push(bytes, last);
            } else {
                let (carried, registers) = (&mut self.carried, &mut self.registers);
                self.records.take(bytes, last, &mut |nodes, at, words| {
                    registers.count(PciRegister::WordsWritten, words.len());
                    carried.write(nodes, at, words)
                })?;
            }
        }
        self.complete(ring, memory, transfer.len, TransferOutcome::Done, false)
    }

    /// Fills buffers of the ring to the host while there is something for them.
    fn scatter(&mut self, memory: &dyn HostMemory) -> Result<bool, DeviceError> {
        let ring = Ring::ToHost;
        let mut moved = false;
        loop {
            if !self.scatter.has_buffer() {
                let Some(transfer) = self.next(ring, memory) else { break };
                moved = true;
                if let Some(problem) = transfer.problem(0) {
                    self.complete(ring, memory, 0, problem, false)?;
                    break;
                }
                self.scatter.begin(transfer.at, transfer.len as usize);
            }
            if !self.scatter.has_packets() || !self.registers.runs(ring) {
                break;
            }
            if let Some(filled) = self.scatter.fill(memory) {
                self.registers.count(PciRegister::BeatsWritten, filled.beats);
                self.complete(ring, memory, filled.bytes, filled.outcome, filled.end)?;
                moved = true;
            }
        }
        Ok(moved)
    }

    /// What the cores pushed becomes packets.
    fn take_pushes(&mut self) -> Result<(), DeviceError> {
        let Self { carried, registers, scatter, .. } = self;
        carried.take_pushed(&mut |beat, word, last| {
            registers.count(PciRegister::WordsPushed, usize::from(word));
            scatter.push(&beat.to_le_bytes(), last);
        })
    }
}

impl PciFunction for EmulatedFunction {
    fn config(&self) -> &ArchConfig {
        &self.config
    }

    fn mesh(&self) -> Option<&MeshConfig> {
        self.mesh.as_ref()
    }

    fn read_register(&mut self, offset: u32) -> Result<Option<u32>, DeviceError> {
        if offset == PciRegister::MeshCount.offset() {
            // Bits outside the fields mean nothing.
            let selected = self.registers.word(PciRegister::MeshLink) & 0xf3f;
            return Ok(Some(self.carried.count(MeshLinkWord::decode(selected)?)?));
        }
        let busy = self.registers.offered(Ring::ToDevice) != self.registers.completed[0];
        Ok(self.registers.read(offset, busy, &self.config, self.mesh.as_ref()))
    }

    fn write_register(&mut self, offset: u32, value: u32) -> Result<bool, DeviceError> {
        let Some(register) = PciRegister::at(offset) else { return Ok(false) };
        if register == PciRegister::Control && ControlWord::decode(value)?.reset {
            self.reset()?;
            return Ok(true);
        }
        Ok(self.registers.write(register, value)?)
    }

    fn advance(
        &mut self,
        memory: &dyn HostMemory,
        interrupts: &mut u32,
    ) -> Result<bool, DeviceError> {
        self.check_doorbells();
        let mut moved = false;
        while let Some(transfer) = self.next(Ring::ToDevice, memory) {
            moved = true;
            self.gather(&transfer, memory)?;
        }
        moved |= self.carried.advance()?;
        self.take_pushes()?;
        moved |= self.scatter(memory)?;
        *interrupts |= self.registers.take_pending();
        Ok(moved)
    }
}
