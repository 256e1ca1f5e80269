//! What trains: a core, or the cores of a mesh together.

use super::batch::Batch;
use super::loss::Outcome;
use super::stream::Update;
use crate::weights::Weights;
use backspike_arch::device::WordMemory;
use backspike_arch::{ArchConfig, Counters, DeviceError};

/// Runs a network that was compiled for it, a batch at a time.
pub trait Machine: Send {
    /// The configuration of its cores.
    fn config(&self) -> &ArchConfig;

    /// Trains on `batch`; with `next`, its first samples may be started before the update is waited for. Returns the counters at the
    /// end of the batch.
    fn train(
        &mut self,
        batch: &Batch,
        next: Option<&Batch>,
        update: &Update,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<Counters, DeviceError>;

    /// Runs `batch` forward only.
    fn evaluate(
        &mut self,
        batch: &Batch,
        outcome: &mut dyn FnMut(Outcome),
    ) -> Result<(), DeviceError>;

    /// Waits for the last update, so that weights may be read and written.
    fn settle(&mut self) -> Result<(), DeviceError>;

    /// Writes weights and optimizer state; only before any work.
    fn load(&mut self, weights: &Weights) -> Result<(), DeviceError>;

    /// Reads weights and optimizer state; only while the engines are idle.
    fn store(&mut self, weights: &mut Weights) -> Result<(), DeviceError>;

    /// Asks for the counters and waits for them, those of a mesh summed up, but for the cycles; only while nothing else is pushed. A set
    /// status bit is an error.
    fn read_counters(&mut self) -> Result<Counters, DeviceError>;

    /// Memory for encoded batches that the device reads where they are, if it does.
    fn memory(&self) -> Option<Box<dyn WordMemory>>;

    /// What each core had counted when the counters were last received; none for a core that stands alone.
    fn cores(&self) -> &[Counters] {
        &[]
    }
}
