//! The descriptor rings of a PCI function: what they are offered, what they have done, and how to wait for them.

use super::memory::DmaMemory;
use super::transport::Transport;
use backspike_arch::DeviceError;
use backspike_arch::layout::{
    COMPLETION_BYTES, CompletionWord, ControlWord, DESCRIPTOR_BYTES, DescriptorFlags, Interrupts,
    LinkStatus, PCI_DMA_BASE, PackedWord, PciRegister, Ring, TransferOutcome,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vmm_sys_util::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, EventFd};

/// Entries of each ring: a page of descriptors.
pub const ENTRIES: usize = 256;
/// Where descriptors and records are in it, and where the user's part begins.
const DESCRIPTORS: [usize; 2] = [0, 0x1000];
const RECORDS: [usize; 2] = [0x2000, 0x3000];
const USER: usize = 0x4000;
/// Records that the function writes together while it is busy.
const BATCH: u32 = 4;
/// How long to look for a record before sleeping: what a function needs for a group of samples. Being woken takes as long as computing one.
const SPIN: Duration = Duration::from_micros(500);
/// How long to sleep before asking a function whether it is still there.
const GLANCE: Duration = Duration::from_secs(1);
/// How long to sleep where there are no interrupts.
const NAP: Duration = Duration::from_millis(1);
/// How long a reset may take.
const RESET: Duration = Duration::from_secs(10);

/// A transfer that was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub bytes: usize,
    /// A packet ends with it.
    pub end: bool,
}

/// Where packets to the function go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loopback {
    /// To the core.
    Off,
    /// Back.
    On,
}

/// Both rings of a function with the memory that is shared with it.
pub struct Rings {
    transport: Box<dyn Transport>,
    memory: Arc<DmaMemory>,
    event: EventFd,
    listens: bool,
    /// Descriptors written, rung and done, modulo 2^16.
    written: [u16; 2],
    rung: [u16; 2],
    done: [u16; 2],
}

fn failed(text: String) -> DeviceError {
    DeviceError::Failed(text)
}

/// Resets a function and waits until it is as after power-on.
pub fn reset(transport: &mut dyn Transport) -> Result<(), DeviceError> {
    let word = ControlWord { reset: true, ..ControlWord::default() }.encode()?;
    transport.write(PciRegister::Control, word)?;
    let begun = Instant::now();
    while transport.read(PciRegister::Control)? != 0 {
        if begun.elapsed() > RESET {
            return Err(failed(format!(
                "{} did not end its reset within {} s: its bus does not answer",
                transport.name(),
                RESET.as_secs()
            )));
        }
        std::thread::sleep(NAP);
    }
    Ok(())
}

impl Rings {
    /// Resets the function, shares memory with it, of which `bytes` are for the user, and starts its rings.
    pub fn open(
        mut transport: Box<dyn Transport>,
        bytes: usize,
        loopback: Loopback,
    ) -> Result<Self, DeviceError> {
        reset(transport.as_mut())?;
        let memory = DmaMemory::new(PCI_DMA_BASE, USER + bytes);
        let memory = memory.map_err(|error| failed(format!("no memory to share: {error}")))?;
        let memory = Arc::new(memory);
        let event = EventFd::new(EFD_NONBLOCK | EFD_CLOEXEC);
        let event = event.map_err(|error| failed(format!("no file for interrupts: {error}")))?;
        transport.map(&memory)?;
        let listens = transport.interrupts(&event)?;
        for ring in Ring::ALL {
            let i = ring as usize;
            let [base, done] =
                [DESCRIPTORS[i], RECORDS[i]].map(|offset| PCI_DMA_BASE + offset as u64);
            for (register, value) in [
                (PciRegister::ToDeviceBaseLow, base as u32),
                (PciRegister::ToDeviceBaseHigh, (base >> 32) as u32),
                (PciRegister::ToDeviceDoneLow, done as u32),
                (PciRegister::ToDeviceDoneHigh, (done >> 32) as u32),
                (PciRegister::ToDeviceSize, ENTRIES as u32),
            ] {
                transport.write(register.of(ring), value)?;
            }
        }
        transport.write(PciRegister::Batch, BATCH)?;
        let all = Interrupts { to_device: true, to_host: true, error: true };
        transport.write(PciRegister::Mask, all.encode()?)?;
        let loopback = loopback == Loopback::On;
        let control = ControlWord { enable: true, loopback, reset: false };
        transport.write(PciRegister::Control, control.encode()?)?;
        Ok(Self { transport, memory, event, listens, written: [0; 2], rung: [0; 2], done: [0; 2] })
    }

    /// The way to the function's registers.
    pub fn transport(&mut self) -> &mut dyn Transport {
        self.transport.as_mut()
    }

    /// The function's name.
    pub fn name(&self) -> String {
        self.transport.name()
    }

    /// The memory that is shared with it.
    pub fn memory(&self) -> &Arc<DmaMemory> {
        &self.memory
    }

    /// Where the user's part of it begins.
    pub const fn user(&self) -> usize {
        USER
    }

    /// Descriptors that the ring has room for.
    pub fn room(&self, ring: Ring) -> usize {
        ENTRIES - self.outstanding(ring)
    }

    /// Descriptors that are not done.
    pub fn outstanding(&self, ring: Ring) -> usize {
        let i = ring as usize;
        usize::from(self.written[i].wrapping_sub(self.done[i]))
    }

    /// Descriptors done so far, modulo 2^16: the next one done is in this place of the ring, modulo its entries.
    pub fn done(&self, ring: Ring) -> u16 {
        self.done[ring as usize]
    }

    /// Writes a descriptor of `len` bytes at `offset` of the shared memory; the function sees it after [`Self::ring`]. There must be room.
    pub fn offer(&mut self, ring: Ring, offset: usize, len: usize, end: bool) {
        assert!(self.room(ring) > 0, "the ring {} is full", ring.name());
        let i = ring as usize;
        let place = usize::from(self.written[i]) % ENTRIES;
        let at = DESCRIPTORS[i] + place * DESCRIPTOR_BYTES;
        // One flag always fits.
        let flags = DescriptorFlags { end }.encode().unwrap_or(0);
        self.memory.store(at, PCI_DMA_BASE + offset as u64);
        self.memory.store(at + 8, len as u64 | u64::from(flags) << 32);
        self.written[i] = self.written[i].wrapping_add(1);
    }

    /// Tells the function of the descriptors that it has not been told of.
    pub fn ring(&mut self, ring: Ring) -> Result<(), DeviceError> {
        let i = ring as usize;
        if self.rung[i] != self.written[i] {
            self.rung[i] = self.written[i];
            let doorbell = PciRegister::ToDeviceDoorbell.of(ring);
            self.transport.ring(doorbell, self.written[i].into())?;
        }
        Ok(())
    }

    /// Descriptors that the function has not been told of.
    pub fn unrung(&self, ring: Ring) -> usize {
        let i = ring as usize;
        usize::from(self.written[i].wrapping_sub(self.rung[i]))
    }

    /// The next completion record, if it has come.
    fn record(&self, ring: Ring) -> Option<(u32, u32)> {
        let i = ring as usize;
        let place = usize::from(self.done[i]) % ENTRIES;
        let record = self.memory.load(RECORDS[i] + place * COMPLETION_BYTES);
        let word = (record >> 32) as u32;
        let next = self.done[i].wrapping_add(1);
        (self.outstanding(ring) > 0 && (word >> 16) as u16 == next).then_some((record as u32, word))
    }

    /// The next transfer done, in the order of the descriptors. One that failed is an error, and the last.
    pub fn take(&mut self, ring: Ring) -> Result<Option<Done>, DeviceError> {
        let Some((bytes, word)) = self.record(ring) else { return Ok(None) };
        let word = CompletionWord::decode(word)?;
        let outcome = TransferOutcome::from_code(word.outcome).unwrap_or_default();
        if outcome != TransferOutcome::Done {
            return Err(failed(format!(
                "{}: transfer {} of the ring {} failed: {}",
                self.name(),
                self.done[ring as usize],
                ring.name(),
                outcome.meaning()
            )));
        }
        self.done[ring as usize] = self.done[ring as usize].wrapping_add(1);
        Ok(Some(Done { bytes: bytes as usize, end: word.end }))
    }

    fn any_record(&self) -> bool {
        Ring::ALL.iter().any(|&ring| self.record(ring).is_some())
    }

    /// Waits until a record has come, or a while: whoever waits looks again. A ring that has stopped is an error, and so is a function that
    /// does not answer any more.
    pub fn wait(&mut self) -> Result<(), DeviceError> {
        let begun = Instant::now();
        while begun.elapsed() < SPIN {
            if self.any_record() {
                return Ok(());
            }
            std::thread::yield_now();
        }
        // What was told before is old news; what comes from here on wakes.
        let _ = self.event.read();
        if self.any_record() {
            return Ok(());
        }
        let sleep = if self.listens { GLANCE } else { NAP };
        // SAFETY: the file is open as long as `self`.
        let file = unsafe { BorrowedFd::borrow_raw(self.event.as_raw_fd()) };
        let mut files = [PollFd::new(&file, PollFlags::IN)];
        let timeout =
            Timespec { tv_sec: sleep.as_secs() as i64, tv_nsec: sleep.subsec_nanos().into() };
        // A signal is as good a reason to look again as any.
        let woken = poll(&mut files, Some(&timeout)).unwrap_or(0) > 0;
        if woken || self.any_record() { Ok(()) } else { self.check() }
    }

    /// Asks the function whether its rings run.
    fn check(&mut self) -> Result<(), DeviceError> {
        let word = self.transport.read(PciRegister::Status)?;
        if word == u32::MAX {
            return Err(failed(format!(
                "{} reads as all ones: the function is gone; {}",
                self.name(),
                self.progress()
            )));
        }
        let status = LinkStatus::decode(word)?;
        let stopped: Vec<String> = [status.to_device, status.to_host]
            .into_iter()
            .zip(Ring::ALL)
            .filter(|(code, _)| *code != 0)
            .map(|(code, ring)| {
                let why = TransferOutcome::from_code(code)
                    .map_or("a code without meaning", TransferOutcome::meaning);
                format!("the ring {} stopped: {why}", ring.name())
            })
            .collect();
        if stopped.is_empty() {
            return Ok(());
        }
        Err(failed(format!("{}: {}; {}", self.name(), stopped.join("; "), self.progress())))
    }

    /// What was last known.
    pub fn progress(&self) -> String {
        let [to_device, to_host] = self.done;
        format!(
            "last known: {to_device} transfers to the device done and {} outstanding, {to_host} to the host done (modulo 65536)",
            self.outstanding(Ring::ToDevice)
        )
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        // A function that is gone needs neither.
        if reset(self.transport.as_mut()).is_ok() {
            let _ = self.transport.unmap(&self.memory);
        }
    }
}
