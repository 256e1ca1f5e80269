//! A core behind a PCI function as a [`Device`].

use super::rings::{ENTRIES, Loopback, Rings};
use super::transport::{Transport, check_identity};
use backspike_arch::layout::{PUSH_LAST, RecordWord, Ring};
use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, PackedWord, PushWord};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes of the buffer in which writes become records.
const STAGE: usize = 1 << 20;
/// Longest descriptor of it: long enough for the bus, short enough that the function begins while more is written.
const CHUNK: usize = 1 << 15;
/// Most words of a record, before the header.
const RECORD_WORDS: usize = CHUNK / 4 - 64;
/// Bytes of a buffer for pushed words.
const BUFFER: usize = 1 << 13;
/// Buffers that are given back together.
const RETURNED: usize = 32;
/// Bytes of a header, and of a pushed word.
const BEAT: usize = 8;
/// Time without a transfer done after which the core counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// A core behind descriptor rings.
pub struct PciDevice {
    config: ArchConfig,
    rings: Rings,
    /// Bytes staged, given to the function, and free again, since the start.
    staged: usize,
    offered: usize,
    freed: usize,
    /// Where each descriptor to the device ends, oldest first.
    ends: VecDeque<usize>,
    arrived: VecDeque<PushWord>,
}

impl PciDevice {
    /// The core of configuration `config` behind `transport`.
    pub fn open(
        mut transport: Box<dyn Transport>,
        config: &ArchConfig,
    ) -> Result<Self, DeviceError> {
        check_identity(transport.as_mut(), config)?;
        let mut rings = Rings::open(transport, STAGE + ENTRIES * BUFFER, Loopback::Off)?;
        // Buffer i is always described by entry i, so giving it back is only a matter of counting.
        for entry in 0..ENTRIES {
            let offset = rings.user() + STAGE + entry * BUFFER;
            rings.offer(Ring::ToHost, offset, BUFFER, false);
        }
        rings.ring(Ring::ToHost)?;
        Ok(Self {
            config: config.clone(),
            rings,
            staged: 0,
            offered: 0,
            freed: 0,
            ends: VecDeque::new(),
            arrived: VecDeque::new(),
        })
    }

    /// Gives the function what is staged.
    fn flush(&mut self) -> Result<(), DeviceError> {
        if self.staged == self.offered {
            return Ok(());
        }
        self.until(0, |device| device.rings.room(Ring::ToDevice) > 0)?;
        let offset = self.rings.user() + self.offered % STAGE;
        self.rings.offer(Ring::ToDevice, offset, self.staged - self.offered, false);
        self.offered = self.staged;
        self.ends.push_back(self.staged);
        self.rings.ring(Ring::ToDevice)
    }

    /// Room for `bytes` bytes in a row; where they begin.
    fn reserve(&mut self, bytes: usize) -> Result<usize, DeviceError> {
        if self.staged - self.offered + bytes > CHUNK {
            self.flush()?;
        }
        // No descriptor wraps: what lies before the end of the buffer goes first.
        let used = self.staged % STAGE;
        if used == 0 || used + bytes > STAGE {
            self.flush()?;
            self.staged = self.staged.next_multiple_of(STAGE);
            self.offered = self.staged;
        }
        self.until(0, |device| device.staged + bytes - device.freed <= STAGE)?;
        let at = self.rings.user() + self.staged % STAGE;
        self.staged += bytes;
        Ok(at)
    }

    /// Stages a record of `words`, whole rows or part of one.
    fn record(&mut self, at: HostAddress, words: &[u32]) -> Result<(), DeviceError> {
        let last_sub = at.region.subs(&self.config) as u8 - 1;
        let header = RecordWord { words: words.len() as u32, last_sub }.encode()?;
        let offset = self.reserve(BEAT + words.len().next_multiple_of(2) * 4)?;
        let memory = self.rings.memory();
        memory.store(offset, u64::from(at.encode()?) | u64::from(header) << 32);
        memory.write_words(offset + BEAT, words);
        Ok(())
    }

    /// Takes what the function has read.
    fn collect_read(&mut self) -> Result<bool, DeviceError> {
        let mut any = false;
        while self.rings.take(Ring::ToDevice)?.is_some() {
            any = true;
            if let Some(end) = self.ends.pop_front() {
                self.freed = end;
            }
        }
        Ok(any)
    }

    /// Takes what the function has done.
    fn collect(&mut self) -> Result<bool, DeviceError> {
        let mut any = self.collect_read()?;
        loop {
            let entry = usize::from(self.rings.done(Ring::ToHost)) % ENTRIES;
            let Some(done) = self.rings.take(Ring::ToHost)? else { break };
            any = true;
            let offset = self.rings.user() + STAGE + entry * BUFFER;
            if done.bytes > BUFFER || !done.bytes.is_multiple_of(BEAT) {
                return Err(DeviceError::Failed(format!(
                    "{} says that it wrote {} bytes into a buffer of {BUFFER}",
                    self.rings.name(),
                    done.bytes
                )));
            }
            for at in (0..done.bytes).step_by(BEAT) {
                let beat = self.rings.memory().load(offset + at);
                let (address, data) = (beat as u32, (beat >> 32) as u32);
                let addr = HostAddress::decode(address & !PUSH_LAST).map_err(|error| {
                    DeviceError::Failed(format!("it pushed from {address:#010x}: {error}"))
                })?;
                self.arrived.push_back(PushWord { addr, data, last: address & PUSH_LAST != 0 });
            }
            self.rings.offer(Ring::ToHost, offset, BUFFER, false);
            if self.rings.unrung(Ring::ToHost) >= RETURNED {
                self.rings.ring(Ring::ToHost)?;
            }
        }
        Ok(any)
    }

    /// Takes what is done until `enough`; `wanted` words are awaited.
    fn until(&mut self, wanted: usize, enough: impl Fn(&Self) -> bool) -> Result<(), DeviceError> {
        let mut since = Instant::now();
        while !enough(self) {
            if self.collect()? {
                since = Instant::now();
                continue;
            }
            if since.elapsed() > PATIENCE {
                let missing = wanted.saturating_sub(self.arrived.len());
                return Err(DeviceError::Failed(format!(
                    "{} answers, but did nothing for {} s while {missing} of {wanted} words were awaited; {}. A WAIT without its POST is the usual cause",
                    self.rings.name(),
                    PATIENCE.as_secs(),
                    self.rings.progress()
                )));
            }
            self.rings.wait()?;
        }
        Ok(())
    }
}

impl Device for PciDevice {
    fn config(&self) -> &ArchConfig {
        &self.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.config)?;
        let subs = at.region.subs(&self.config);
        // Memories take whole rows, so records end with rows.
        let most = RECORD_WORDS / subs * subs;
        let mut at = at;
        for words in data.chunks(most) {
            self.record(at, words)?;
            at = HostAddress { row: at.row + (words.len() / subs) as u32, ..at };
        }
        // A function that has read everything gets this at once; what comes while it is busy goes together.
        self.collect_read()?;
        if self.rings.outstanding(Ring::ToDevice) == 0 { self.flush() } else { Ok(()) }
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        self.flush()?;
        self.until(words, |device| device.arrived.len() >= words)?;
        out.extend(self.arrived.drain(..words));
        Ok(())
    }
}
