//! Words to the cores behind a PCI function, and words that they push.

use super::pool::Pool;
use super::rings::{ENTRIES, Loopback, Rings};
use super::transport::{Transport, check_identity};
use backspike_arch::device::WordMemory;
use backspike_arch::layout::{
    MeshLinkWord, PciRegister, PushTrailer, RECORD_CORES, RecordWord, Ring, push_trailer,
};
use backspike_arch::{
    ArchConfig, DeviceError, HostAddress, Link, MeshConfig, PackedWord, PushWord,
};
use std::collections::VecDeque;
use std::sync::Arc;
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
/// Bytes for those who fill what is written: some batches of encoded samples.
const POOL: usize = 1 << 22;
/// Bytes of a header, and of a pushed word.
const BEAT: usize = 8;
/// Time without a transfer done after which the core counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// A core, or cores on a mesh, behind descriptor rings.
pub struct Words {
    config: ArchConfig,
    rings: Rings,
    pool: Pool,
    /// Bytes staged, given to the function, and free again, since the start.
    staged: usize,
    offered: usize,
    freed: usize,
    /// Where each descriptor to the device ends, oldest first.
    ends: VecDeque<usize>,
    /// By core.
    arrived: Vec<VecDeque<PushWord>>,
    /// Words whose trailer is still to come.
    packet: Vec<PushWord>,
    /// On a mesh: the cores that records go to, as the function was last told.
    nodes: Option<u64>,
}

impl Words {
    /// The core of configuration `config` behind `transport`, or such cores on `mesh`.
    pub fn open(
        mut transport: Box<dyn Transport>,
        config: &ArchConfig,
        mesh: Option<&MeshConfig>,
    ) -> Result<Self, DeviceError> {
        check_identity(transport.as_mut(), config, mesh)?;
        let mut rings = Rings::open(transport, STAGE + ENTRIES * BUFFER + POOL, Loopback::Off)?;
        let begin = rings.user() + STAGE + ENTRIES * BUFFER;
        let pool = Pool::new(Arc::clone(rings.memory()), begin..begin + POOL);
        // Buffer i is always described by entry i, so giving it back is only a matter of counting.
        for entry in 0..ENTRIES {
            let offset = rings.user() + STAGE + entry * BUFFER;
            rings.offer(Ring::ToHost, offset, BUFFER, false);
        }
        rings.ring(Ring::ToHost)?;
        Ok(Self {
            config: config.clone(),
            rings,
            pool,
            staged: 0,
            offered: 0,
            freed: 0,
            ends: VecDeque::new(),
            arrived: vec![VecDeque::new(); mesh.map_or(1, MeshConfig::cores)],
            packet: Vec::new(),
            nodes: mesh.map(|_| 0),
        })
    }

    /// Offers the function what is staged.
    fn offer(&mut self) -> Result<(), DeviceError> {
        if self.staged == self.offered {
            return Ok(());
        }
        let offset = self.rings.user() + self.offered % STAGE;
        let bytes = self.staged - self.offered;
        self.offered = self.staged;
        self.offer_bytes(offset, bytes)
    }

    /// Offers the function bytes of the shared memory.
    fn offer_bytes(&mut self, offset: usize, bytes: usize) -> Result<(), DeviceError> {
        if self.rings.room(Ring::ToDevice) == 0 {
            self.rings.ring(Ring::ToDevice)?;
            self.until(0, 0, |device| device.rings.room(Ring::ToDevice) > 0)?;
        }
        self.rings.offer(Ring::ToDevice, offset, bytes, false);
        self.ends.push_back(self.offered);
        Ok(())
    }

    /// Gives the function what is staged.
    fn flush(&mut self) -> Result<(), DeviceError> {
        self.offer()?;
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
        self.until(0, 0, |device| device.staged + bytes - device.freed <= STAGE)?;
        let at = self.rings.user() + self.staged % STAGE;
        self.staged += bytes;
        Ok(at)
    }

    /// Stages the header of a record, in `bytes` bytes; where they begin.
    fn header(
        &mut self,
        at: HostAddress,
        words: usize,
        bytes: usize,
    ) -> Result<usize, DeviceError> {
        let last_sub = at.region.subs(&self.config) as u8 - 1;
        let header = RecordWord { words: words as u32, last_sub }.encode()?;
        let offset = self.reserve(bytes)?;
        let address = u64::from(at.encode()?);
        self.rings.memory().store(offset, address | u64::from(header) << 32);
        Ok(offset)
    }

    /// Stages a record of `words`, whole rows or part of one.
    fn record(&mut self, at: HostAddress, words: &[u32]) -> Result<(), DeviceError> {
        let offset = self.header(at, words.len(), BEAT + words.len().next_multiple_of(2) * 4)?;
        self.rings.memory().write_words(offset + BEAT, words);
        Ok(())
    }

    /// Offers a record of words that lie in the shared memory, at `offset`, behind what is staged. Who has filled them keeps an odd one's
    /// neighbour, which goes along.
    fn record_in_place(
        &mut self,
        at: HostAddress,
        offset: usize,
        words: usize,
    ) -> Result<(), DeviceError> {
        self.header(at, words, BEAT)?;
        self.offer()?;
        self.offer_bytes(offset, 4 * words.next_multiple_of(2))
    }

    /// Says which cores of a mesh the records after this one go to.
    fn address(&mut self, nodes: u64) -> Result<(), DeviceError> {
        if self.nodes.is_some_and(|known| known != nodes) {
            let offset = self.reserve(BEAT)?;
            self.rings.memory().store(offset, RECORD_CORES | nodes);
            self.nodes = Some(nodes);
        }
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

    /// Takes a word, or the trailer that says whose the words before it are.
    fn take_beat(&mut self, beat: u64) -> Result<(), DeviceError> {
        let (low, data) = (beat as u32, (beat >> 32) as u32);
        if low >> push_trailer::trailer::OFFSET & 1 == 0 {
            let addr = HostAddress::decode(low).map_err(|error| {
                DeviceError::Failed(format!("a word came from {low:#010x}: {error}"))
            })?;
            self.packet.push(PushWord { addr, data, last: false });
            return Ok(());
        }
        let PushTrailer { core, ended, .. } = PushTrailer::decode(low)?;
        if ended && let Some(word) = self.packet.last_mut() {
            word.last = true;
        }
        let cores = self.arrived.len();
        let arrived = self.arrived.get_mut(usize::from(core)).ok_or_else(|| {
            DeviceError::Failed(format!("words came from core {core}, and there are {cores}"))
        })?;
        arrived.extend(self.packet.drain(..));
        Ok(())
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
                self.take_beat(beat)?;
            }
            self.rings.offer(Ring::ToHost, offset, BUFFER, false);
            if self.rings.unrung(Ring::ToHost) >= RETURNED {
                self.rings.ring(Ring::ToHost)?;
            }
        }
        Ok(any)
    }

    /// Takes what is done until `enough`; `wanted` words of `core` are awaited.
    fn until(
        &mut self,
        core: usize,
        wanted: usize,
        enough: impl Fn(&Self) -> bool,
    ) -> Result<(), DeviceError> {
        let mut since = Instant::now();
        while !enough(self) {
            if self.collect()? {
                since = Instant::now();
                continue;
            }
            if since.elapsed() > PATIENCE {
                let missing = wanted.saturating_sub(self.arrived[core].len());
                return Err(DeviceError::Failed(format!(
                    "{} answers, but did nothing for {} s while {missing} of {wanted} words of core {core} were awaited; {}. A WAIT without its POST is the usual cause",
                    self.rings.name(),
                    PATIENCE.as_secs(),
                    self.rings.progress()
                )));
            }
            self.rings.wait()?;
        }
        Ok(())
    }

    /// The configuration of the cores.
    pub fn config(&self) -> &ArchConfig {
        &self.config
    }

    /// Takes `data` to consecutive words from `at` on, on a mesh those of the cores of the set `nodes`.
    pub fn write(&mut self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        at.check_write(data.len(), &self.config)?;
        self.address(nodes)?;
        let subs = at.region.subs(&self.config);
        // Memories take whole rows, so records end with rows.
        let most = RECORD_WORDS / subs * subs;
        let mut at = at;
        for words in data.chunks(most) {
            let here = self.rings.memory().offset_of(words);
            match here.filter(|offset| offset.is_multiple_of(BEAT)) {
                Some(offset) => self.record_in_place(at, offset, words.len())?,
                None => self.record(at, words)?,
            }
            at = HostAddress { row: at.row + (words.len() / subs) as u32, ..at };
        }
        // A function that has read everything gets this at once; what comes while it is busy goes together.
        self.collect_read()?;
        if self.rings.outstanding(Ring::ToDevice) == 0 { self.flush() } else { Ok(()) }
    }

    /// Appends the next `words` words that `core` pushes.
    pub fn receive(
        &mut self,
        core: usize,
        words: usize,
        out: &mut Vec<PushWord>,
    ) -> Result<(), DeviceError> {
        self.flush()?;
        self.until(core, words, |device| device.arrived[core].len() >= words)?;
        out.extend(self.arrived[core].drain(..words));
        Ok(())
    }

    /// Memory whose words are not copied.
    pub fn memory(&self) -> Option<Box<dyn WordMemory>> {
        // The function takes the low byte of a word first.
        cfg!(target_endian = "little").then(|| Box::new(self.pool.clone()) as _)
    }

    /// Flits that have left a router by a port, modulo 2^32.
    pub fn flits(&mut self, link: Link) -> Result<u64, DeviceError> {
        let selected = MeshLinkWord { router: link.router as u8, counter: link.port as u8 };
        self.rings.transport().write(PciRegister::MeshLink, selected.encode()?)?;
        Ok(self.rings.transport().read(PciRegister::MeshCount)?.into())
    }
}

#[cfg(test)]
mod tests;
