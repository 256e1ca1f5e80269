//! A PCI function on this machine, by Linux VFIO.

use super::memory::DmaMemory;
use super::transport::Transport;
use backspike_arch::DeviceError;
use backspike_arch::layout::{PCI_BAR_BYTES, PCI_DEVICE, PCI_VENDOR, PciRegister};
use iommufd_ioctls::IommuFd;
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_REGION_INFO_FLAG_MMAP,
};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioIommufd, VfioOps};
use vmm_sys_util::eventfd::EventFd;

/// Where Linux shows PCI functions.
const FUNCTIONS: &str = "/sys/bus/pci/devices";
/// PCI command register: answer to memory accesses, and become bus master.
const COMMAND: u64 = 4;
const MEMORY_AND_MASTER: u16 = 6;

/// One of our functions as Linux shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// As in `0000:01:00.0`.
    pub address: String,
    /// The driver that has it, if any.
    pub driver: Option<String>,
    /// Its IOMMU group, if there is an IOMMU.
    pub group: Option<String>,
}

/// Our functions on this machine.
pub fn list() -> Vec<Found> {
    functions(Path::new(FUNCTIONS))
}

/// Our functions in a folder like sysfs's.
fn functions(folder: &Path) -> Vec<Found> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let id = |path: &Path, name: &str| {
        let text = std::fs::read_to_string(path.join(name)).ok()?;
        u16::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    };
    let link = |path: &Path, name: &str| {
        let target = path.join(name).read_link().ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    };
    let mut found: Vec<Found> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            id(path, "vendor") == Some(PCI_VENDOR) && id(path, "device") == Some(PCI_DEVICE)
        })
        .filter_map(|path| {
            Some(Found {
                address: path.file_name()?.to_string_lossy().into_owned(),
                driver: link(&path, "driver"),
                group: link(&path, "iommu_group"),
            })
        })
        .collect();
    found.sort_by(|a, b| a.address.cmp(&b.address));
    found
}

/// A function that the driver vfio-pci lends to this process.
pub struct VfioKernel {
    address: String,
    device: VfioDevice,
    iommu: Arc<dyn VfioOps>,
    /// BAR0, where the kernel lets it be mapped.
    bar: Option<MmapRaw>,
    /// The device's file, for what is not mapped.
    file: File,
    /// Interrupts that are on, by their kind.
    listens: Option<u32>,
}

fn failed(text: String) -> DeviceError {
    DeviceError::Failed(text)
}

impl VfioKernel {
    /// Opens the function at `address`, as in `0000:01:00.0`, which must be bound to vfio-pci: by its IOMMU group, else by iommufd.
    pub fn open(address: &str) -> Result<Self, DeviceError> {
        let path = PathBuf::from(FUNCTIONS).join(address);
        let known = list();
        let Some(found) = known.iter().find(|found| found.address == address) else {
            let addresses: Vec<&str> = known.iter().map(|found| &found.address[..]).collect();
            return Err(failed(match addresses.is_empty() {
                true => format!(
                    "{address} is none of our PCI functions ({PCI_VENDOR:04x}:{PCI_DEVICE:04x}); this machine has none"
                ),
                false => format!(
                    "{address} is none of our PCI functions; there is {}",
                    addresses.join(", ")
                ),
            }));
        };
        if found.driver.as_deref() != Some("vfio-pci") {
            return Err(failed(format!(
                "{address} belongs to {}: bind it to vfio-pci first (docs/use/pci.md)",
                found.driver.as_deref().unwrap_or("no driver")
            )));
        }
        let (device, iommu) = open(&path).map_err(|problem| {
            failed(format!("{address} cannot be opened: {problem} (permissions: docs/use/pci.md)"))
        })?;
        // The crate's own reads and writes drop errors, so they go through the file.
        let file = file_of(&device)?;
        let mut function =
            Self { address: address.to_owned(), device, iommu, bar: None, file, listens: None };
        let mut command = [0; 2];
        function.access(VFIO_PCI_CONFIG_REGION_INDEX, COMMAND, |file, at| {
            rustix::io::pread(file, &mut command, at)
        })?;
        let command = (u16::from_le_bytes(command) | MEMORY_AND_MASTER).to_le_bytes();
        function.access(VFIO_PCI_CONFIG_REGION_INDEX, COMMAND, |file, at| {
            rustix::io::pwrite(file, &command, at)
        })?;
        function.bar = function.map_bar()?;
        Ok(function)
    }

    fn map_bar(&self) -> Result<Option<MmapRaw>, DeviceError> {
        let index = VFIO_PCI_BAR0_REGION_INDEX;
        let size = self.device.get_region_size(index);
        if size < PCI_BAR_BYTES as u64 {
            return Err(failed(format!(
                "BAR0 of {} has {size} bytes, not {PCI_BAR_BYTES}",
                self.address
            )));
        }
        if self.device.get_region_flags(index) & VFIO_REGION_INFO_FLAG_MMAP == 0 {
            return Ok(None);
        }
        let mut options = MmapOptions::new();
        options.offset(self.device.get_region_offset(index)).len(PCI_BAR_BYTES);
        // A function that lends only a part of the BAR is reached through the file.
        Ok(options.map_raw(&self.file).ok())
    }

    /// An access of a region through the file.
    fn access(
        &self,
        region: u32,
        offset: u64,
        access: impl FnOnce(&File, u64) -> rustix::io::Result<usize>,
    ) -> Result<(), DeviceError> {
        let at = self.device.get_region_offset(region) + offset;
        match access(&self.file, at) {
            Ok(count) if count > 0 => Ok(()),
            Ok(_) => Err(failed(format!("{} gave nothing at {offset:#x}", self.address))),
            Err(error) => Err(failed(format!("{} failed at {offset:#x}: {error}", self.address))),
        }
    }

    fn cell(&self, register: PciRegister) -> Option<&AtomicU32> {
        let bar = self.bar.as_ref()?;
        let offset = register.offset() as usize;
        assert!(offset + 4 <= bar.len(), "{} is beyond BAR0", register.name());
        // SAFETY: within the mapping, which lives as long as `self`, and aligned; a device register takes whole words.
        Some(unsafe { AtomicU32::from_ptr(bar.as_mut_ptr().add(offset).cast()) })
    }
}

/// The two ways to a function that Linux has.
fn open(path: &Path) -> Result<(VfioDevice, Arc<dyn VfioOps>), String> {
    let group = || -> Result<(VfioDevice, Arc<dyn VfioOps>), vfio_ioctls::VfioError> {
        let iommu: Arc<dyn VfioOps> = Arc::new(VfioContainer::new(None)?);
        Ok((VfioDevice::new(path, iommu.clone(), true)?, iommu))
    };
    let iommufd = || -> Result<(VfioDevice, Arc<dyn VfioOps>), String> {
        let file = IommuFd::new().map_err(|error| format!("{error:?}"))?;
        let iommu = VfioIommufd::new(Arc::new(file), None, None);
        let iommu: Arc<dyn VfioOps> = Arc::new(iommu.map_err(|error| error.to_string())?);
        let device = VfioDevice::new(path, iommu.clone(), true);
        Ok((device.map_err(|error| error.to_string())?, iommu))
    };
    group().or_else(|first| {
        iommufd().map_err(|second| format!("by its group: {first}; by iommufd: {second}"))
    })
}

/// The device's file as one of our own.
fn file_of(device: &VfioDevice) -> Result<File, DeviceError> {
    // SAFETY: the file stays open while `device` is borrowed.
    let file = unsafe { BorrowedFd::borrow_raw(device.as_raw_fd()) };
    let file = file.try_clone_to_owned();
    Ok(File::from(file.map_err(|error| failed(format!("no file of the device: {error}")))?))
}

impl Transport for VfioKernel {
    fn name(&self) -> String {
        format!("vfio:{}", self.address)
    }

    fn read(&mut self, register: PciRegister) -> Result<u32, DeviceError> {
        if let Some(cell) = self.cell(register) {
            return Ok(u32::from_le(cell.load(Ordering::Acquire)));
        }
        let mut value = [0; 4];
        self.access(VFIO_PCI_BAR0_REGION_INDEX, register.offset().into(), |file, at| {
            rustix::io::pread(file, &mut value, at)
        })?;
        Ok(u32::from_le_bytes(value))
    }

    fn write(&mut self, register: PciRegister, value: u32) -> Result<(), DeviceError> {
        if let Some(cell) = self.cell(register) {
            cell.store(value.to_le(), Ordering::Release);
            return Ok(());
        }
        let bytes = value.to_le_bytes();
        self.access(VFIO_PCI_BAR0_REGION_INDEX, register.offset().into(), |file, at| {
            rustix::io::pwrite(file, &bytes, at)
        })
    }

    fn map(&mut self, memory: &DmaMemory) -> Result<(), DeviceError> {
        // SAFETY: the memory is mapped in this process for as long as `memory` lives, and its owner unmaps it from the device before.
        let mapped =
            unsafe { self.iommu.vfio_dma_map(memory.at(), memory.len(), memory.as_mut_ptr()) };
        mapped.map_err(|error| {
            failed(format!(
                "{} bytes cannot be pinned for {}: {error}. The limit of locked memory may be too low (docs/use/pci.md)",
                memory.len(),
                self.address
            ))
        })
    }

    fn unmap(&mut self, memory: &DmaMemory) -> Result<(), DeviceError> {
        let unmapped = self.iommu.vfio_dma_unmap(memory.at(), memory.len());
        unmapped
            .map_err(|error| failed(format!("memory stays pinned for {}: {error}", self.address)))
    }

    fn interrupts(&mut self, event: &EventFd) -> Result<bool, DeviceError> {
        // Some bridges have MSI only.
        for index in [VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX] {
            let vectors = self.device.get_irq_info(index).map_or(0, |irq| irq.count);
            if vectors > 0 {
                let events = vec![event; vectors.min(3) as usize];
                let enabled = self.device.enable_irq(index, events);
                enabled.map_err(|error| {
                    failed(format!("no interrupts of {}: {error}", self.address))
                })?;
                self.listens = Some(index);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for VfioKernel {
    fn drop(&mut self) {
        if let Some(index) = self.listens {
            // The file is closed next, which does the same.
            let _ = self.device.disable_irq(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn functions_are_found_by_their_ids() {
        let folder = tempfile::tempdir().unwrap();
        let function = |address: &str, vendor: &str, device: &str| {
            let path = folder.path().join(address);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("vendor"), vendor).unwrap();
            std::fs::write(path.join("device"), device).unwrap();
            path
        };
        let ours = [format!("0x{PCI_VENDOR:04x}\n"), format!("0x{PCI_DEVICE:04x}\n")];
        let bound = function("0000:02:00.0", &ours[0], &ours[1]);
        symlink("/sys/bus/pci/drivers/vfio-pci", bound.join("driver")).unwrap();
        symlink("/sys/kernel/iommu_groups/7", bound.join("iommu_group")).unwrap();
        function("0000:01:00.0", &ours[0], &ours[1]);
        function("0000:03:00.0", "0x8086\n", &ours[1]);
        function("0000:04:00.0", "garbage", "");
        let found = functions(folder.path());
        let vfio = Some("vfio-pci".to_owned());
        let expected = [("0000:01:00.0", None, None), ("0000:02:00.0", vfio, Some("7".to_owned()))]
            .map(|(address, driver, group)| Found { address: address.to_owned(), driver, group });
        assert_eq!(found, expected);
        assert_eq!(functions(&folder.path().join("absent")), []);
    }
}
