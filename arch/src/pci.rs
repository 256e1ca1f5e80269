//! The device as a PCI function, whoever plays it: its registers, and the host memory that it reads and writes by itself.

use crate::config::ArchConfig;
use crate::device::DeviceError;
use crate::mesh::MeshConfig;

/// Memory that a PCI function reaches over the bus. Accesses come from one thread at a time.
pub trait HostMemory {
    /// Fills `data` from bus address `at`; `false` when not all of it is mapped.
    fn read(&self, at: u64, data: &mut [u8]) -> bool;

    /// Writes `data` to bus address `at`; `false` when not all of it is mapped.
    fn write(&self, at: u64, data: &[u8]) -> bool;
}

/// A PCI function: the registers of BAR0, and what it does by itself.
pub trait PciFunction: Send {
    /// The configuration of its core, or of each of its cores.
    fn config(&self) -> &ArchConfig;

    /// The mesh that its cores are on; `None` for a core that stands alone.
    fn mesh(&self) -> Option<&MeshConfig>;

    /// The register at byte `offset`; `None` when there is none.
    fn read_register(&mut self, offset: u32) -> Result<Option<u32>, DeviceError>;

    /// Writes a register; `false` when it is not taken.
    fn write_register(&mut self, offset: u32, value: u32) -> Result<bool, DeviceError>;

    /// Works for a while. Bits of the interrupts that are due are added to `interrupts`. `false` when there is nothing more to do until a
    /// register is written.
    fn advance(
        &mut self,
        memory: &dyn HostMemory,
        interrupts: &mut u32,
    ) -> Result<bool, DeviceError>;
}
