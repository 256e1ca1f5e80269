//! The configuration space of the PCI function that a socket offers.

use backspike_arch::layout::{PCI_BAR_BYTES, PCI_CLASS, PCI_DEVICE, PCI_VENDOR};
use std::io;

/// Bytes of the space of a PCI Express function.
pub const CONFIG_BYTES: usize = 4096;
/// Bytes of BAR4, which holds the table of MSI-X and its pending bits.
pub const TABLE_BYTES: usize = 4096;
/// Interrupt vectors.
pub const VECTORS: usize = 3;

/// Where the capabilities are.
const MSIX: usize = 0x40;
const EXPRESS: usize = 0x60;
/// Bytes that a host may change: command, interrupt line, MSI-X control, device control.
const WRITABLE: [usize; 6] = [0x04, 0x05, 0x3c, MSIX + 3, EXPRESS + 8, EXPRESS + 9];
/// Sizes of the BARs, 0 for none.
const BARS: [usize; 6] = [PCI_BAR_BYTES, 0, 0, 0, TABLE_BYTES, 0];

/// The space, byte by byte.
pub struct ConfigSpace {
    bytes: Vec<u8>,
}

impl Default for ConfigSpace {
    fn default() -> Self {
        let mut space = Self { bytes: vec![0; CONFIG_BYTES] };
        space.put(0x00, &PCI_VENDOR.to_le_bytes());
        space.put(0x02, &PCI_DEVICE.to_le_bytes());
        // Status: there is a list of capabilities.
        space.put(0x06, &[0x10]);
        space.put(0x09, &PCI_CLASS.to_le_bytes()[..3]);
        space.put(0x2c, &PCI_VENDOR.to_le_bytes());
        space.put(0x2e, &PCI_DEVICE.to_le_bytes());
        space.put(0x34, &[MSIX as u8]);
        // MSI-X: vectors less one; table and pending bits in BAR4.
        space.put(MSIX, &[0x11, EXPRESS as u8]);
        space.put(MSIX + 2, &(VECTORS as u16 - 1).to_le_bytes());
        space.put(MSIX + 4, &4_u32.to_le_bytes());
        space.put(MSIX + 8, &((TABLE_BYTES as u32 / 2) | 4).to_le_bytes());
        // PCI Express: an endpoint of version 2 that can be reset by function.
        space.put(EXPRESS, &[0x10]);
        space.put(EXPRESS + 2, &2_u16.to_le_bytes());
        space.put(EXPRESS + 4, &0x1000_8000_u32.to_le_bytes());
        space
    }
}

impl ConfigSpace {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Reads bytes.
    pub fn read(&self, at: u64, data: &mut [u8]) -> io::Result<()> {
        let range = range(at, data.len(), CONFIG_BYTES)?;
        data.copy_from_slice(&self.bytes[range]);
        Ok(())
    }

    /// Writes what can be written of these bytes.
    pub fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        let range = range(at, data.len(), CONFIG_BYTES)?;
        let bar = (range.start.wrapping_sub(0x10)) / 4;
        if let (Ok(word), Some(size), true) =
            (<[u8; 4]>::try_from(data), BARS.get(bar), range.start.is_multiple_of(4))
        {
            // The low bits of an address stay 0: that is how a host finds the size.
            let mask = (*size as u32).wrapping_sub(1);
            let value = if *size == 0 { 0 } else { u32::from_le_bytes(word) & !mask };
            self.put(range.start, &value.to_le_bytes());
            return Ok(());
        }
        for (at, byte) in range.zip(data) {
            if WRITABLE.contains(&at) {
                self.bytes[at] = *byte;
            }
        }
        Ok(())
    }
}

/// The `len` bytes from `at` on, if there are so many.
pub fn range(at: u64, len: usize, bytes: usize) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(at).ok().filter(|&start| start <= bytes);
    let range = start.filter(|&start| len <= bytes - start).map(|start| start..start + len);
    range.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}
