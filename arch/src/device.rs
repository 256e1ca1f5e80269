//! What the runtime needs of a core, whoever plays it: emulator, Verilated RTL, a board.

use crate::config::ArchConfig;
use crate::layout::{Counter, Descriptor, Engine, HostAddress, Instruction, LayoutError};
use crate::mesh::Link;
use std::ops::{DerefMut, Index};
use thiserror::Error;

/// One word that a core sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushWord {
    /// Where it was read.
    pub addr: HostAddress,
    pub data: u32,
    /// The last word of its PUSH.
    pub last: bool,
}

/// What a device reports instead of a result.
#[derive(Debug, Error)]
pub enum DeviceError {
    #[error("the device was given what it cannot take: {0}")]
    IllegalWrite(#[from] LayoutError),
    #[error(
        "the device is idle, but {missing} of {wanted} words are still awaited: the program pushes less than the host reads"
    )]
    Idle { wanted: usize, missing: usize },
    #[error(
        "the device made no progress for {cycles} cycles while {missing} of {wanted} words were awaited; its state was: {state}. A WAIT without its POST is the usual cause"
    )]
    Timeout { wanted: usize, missing: usize, cycles: u64, state: String },
    #[error("the device does not match this program: {0}")]
    Mismatch(String),
    #[error("the core reported an error: {0}")]
    Status(String),
    #[error("the device failed: {0}")]
    Failed(String),
}

/// Words in memory of a device, which it reads where they are.
pub trait WordBuffer: DerefMut<Target = [u32]> + Send + Sync {}

/// Memory of a device that buffers come from.
pub trait WordMemory: Send + Sync {
    /// A buffer of `words` words of any value, given back when it is dropped; `None` when there is no room.
    fn take(&self, words: usize) -> Option<Box<dyn WordBuffer>>;
}

/// A core, addressed by posted writes and heard through its pushes.
pub trait Device: Send {
    /// The configuration it was built for.
    fn config(&self) -> &ArchConfig;

    /// Writes `data` to consecutive words from `at` on (subs, then rows). Posted: returns before the core has acted.
    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError>;

    /// Appends the next `words` pushed words to `out`; blocks until they are there, or fails when the core is idle or hangs.
    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError>;

    /// Memory whose words a `write` does not copy: they must stay as they are until something that follows from them was received. `None`
    /// where every `write` copies.
    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        None
    }
}

/// Cores on a mesh behind one host.
pub trait Mesh: Send + Sync {
    /// The core on a node, as a device of its own. Several may be used in turn or from several threads.
    ///
    /// # Panics
    /// When there is no core of that number.
    fn core(&self, node: usize) -> Box<dyn Device>;

    /// Writes the same words to all cores of the set `nodes`, once over every link.
    fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError>;

    /// Flits that have left a router by a port.
    fn flits(&self, link: Link) -> Result<u64, DeviceError>;

    /// As [`Device::memory`], for all writes to its cores.
    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        None
    }
}

/// Enqueues an instruction: its immediate first, then the low word, which starts it.
pub fn issue(
    device: &mut dyn Device,
    engine: Engine,
    instruction: Instruction,
) -> Result<(), DeviceError> {
    instruction.check(engine, device.config())?;
    let [low, imm] = instruction.encode()?;
    device.write(HostAddress::queue_imm(engine), &[imm])?;
    device.write(HostAddress::queue(engine), &[low])
}

/// Writes a slice's descriptor into its engine's table.
pub fn write_descriptor<D: Descriptor>(
    device: &mut dyn Device,
    slice: u8,
    descriptor: &D,
) -> Result<(), DeviceError> {
    let columns = descriptor.encode()?;
    device.write(HostAddress::descriptor(D::ENGINE, slice), &columns)
}

/// A snapshot of all counters, or the difference of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    values: [u32; Counter::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self { values: [0; Counter::COUNT] }
    }
}

impl Counters {
    /// From the values in register order; `None` when their number is wrong.
    pub fn from_words(words: &[u32]) -> Option<Self> {
        Some(Self { values: words.try_into().ok()? })
    }

    /// The values in register order.
    pub const fn words(&self) -> &[u32; Counter::COUNT] {
        &self.values
    }

    /// Adds to a counter, which wraps.
    pub fn add(&mut self, counter: Counter, amount: u32) {
        let value = &mut self.values[counter.index()];
        *value = value.wrapping_add(amount);
    }

    /// What was counted since `earlier`, exact while no counter advanced by 2^32.
    pub fn since(&self, earlier: &Self) -> Self {
        Self { values: std::array::from_fn(|i| self.values[i].wrapping_sub(earlier.values[i])) }
    }
}

impl Index<Counter> for Counters {
    type Output = u32;

    fn index(&self, counter: Counter) -> &u32 {
        &self.values[counter.index()]
    }
}
