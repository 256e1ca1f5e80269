//! How the driver reaches a PCI function.

use super::memory::DmaMemory;
use crate::decode::pci_register;
use backspike_arch::layout::PciRegister;
use backspike_arch::{ArchConfig, DeviceError, MeshConfig};
use vmm_sys_util::eventfd::EventFd;

/// A PCI function within reach: its registers, its bus, its interrupts.
pub trait Transport: Send {
    /// What the user calls it.
    fn name(&self) -> String;

    /// Reads a register of BAR0.
    fn read(&mut self, register: PciRegister) -> Result<u32, DeviceError>;

    /// Writes a register of BAR0.
    fn write(&mut self, register: PciRegister, value: u32) -> Result<(), DeviceError>;

    /// Writes a doorbell, by the shortest way there is.
    fn ring(&mut self, doorbell: PciRegister, value: u32) -> Result<(), DeviceError> {
        self.write(doorbell, value)
    }

    /// Gives the function access to `memory` at its bus address.
    fn map(&mut self, memory: &DmaMemory) -> Result<(), DeviceError>;

    /// Ends that access.
    fn unmap(&mut self, memory: &DmaMemory) -> Result<(), DeviceError>;

    /// Lets every interrupt of the function write `event`; `false` when it has none.
    fn interrupts(&mut self, event: &EventFd) -> Result<bool, DeviceError>;
}

/// All registers with their values.
pub fn registers(transport: &mut dyn Transport) -> Result<Vec<(PciRegister, u32)>, DeviceError> {
    PciRegister::ALL.iter().map(|&register| Ok((register, transport.read(register)?))).collect()
}

/// Refuses a function of another kind, layout, configuration or mesh than `config` and `mesh`; every difference is named.
pub fn check_identity(
    transport: &mut dyn Transport,
    config: &ArchConfig,
    mesh: Option<&MeshConfig>,
) -> Result<(), DeviceError> {
    let mut wrong = Vec::new();
    for &register in PciRegister::ALL {
        if let Some(wanted) = register.identity(config, mesh) {
            let found = transport.read(register)?;
            if found == u32::MAX {
                return Err(DeviceError::Failed(format!(
                    "{} reads as all ones: there is nothing behind it any more",
                    transport.name()
                )));
            }
            if found != wanted {
                wrong.push(match register {
                    PciRegister::Mesh => {
                        let [found, wanted] =
                            [found, wanted].map(|value| pci_register(register, value));
                        format!("it carries {found}, not {wanted}")
                    }
                    _ => format!("register {} is {found:#x}, not {wanted:#x}", register.name()),
                });
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(DeviceError::Mismatch(format!(
        "{}. It is not {} {}: name what is there with --preset, --config and --mesh",
        wrong.join("; "),
        if mesh.is_some() { "a mesh of cores" } else { "a core" },
        config.name
    )))
}
