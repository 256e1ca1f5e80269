//! The socket's thread: the messages of the protocol.

use super::worker::{Request, ask};
use super::{Event, invalid};
use crate::pci::config_space::{CONFIG_BYTES, ConfigSpace, TABLE_BYTES, VECTORS, range};
use crate::pci::shared::Shared;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR4_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX,
};
use vfio_user::{DmaMapFlags, DmaUnmapFlags, ServerBackend};

/// Longest access of a region: the configuration space as a whole.
const LONGEST: usize = CONFIG_BYTES;

/// What the socket's thread has.
pub struct Backend {
    pub config: ConfigSpace,
    pub table: Vec<u8>,
    pub shared: Arc<Shared>,
    pub requests: Sender<Request>,
    /// Somebody may ring the doorbells: the worker looks at them.
    pub connected: Arc<AtomicBool>,
    /// When the client first accessed anything.
    pub since: Option<Instant>,
    pub tell: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Backend {
    /// A client has sent a message.
    fn meet(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.connected.store(true, Ordering::Release);
    }

    /// The client has gone: everything is as before it came.
    pub fn close(&mut self) {
        self.connected.store(false, Ordering::Release);
        let connected = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        let busy = ask(&self.requests, Request::Reset).unwrap_or_default();
        self.shared.unmap_all();
        self.shared.clear_interrupts();
        self.config = ConfigSpace::default();
        self.table.fill(0);
        (self.tell)(Event::Closed { busy, connected });
    }
}

/// The register at an access of BAR0, which takes whole words.
fn word_at(offset: u64, len: usize) -> io::Result<u32> {
    let offset = u32::try_from(offset).map_err(|_| invalid())?;
    (len == 4 && offset.is_multiple_of(4)).then_some(offset).ok_or_else(invalid)
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        self.meet();
        if data.len() > LONGEST {
            return Err(invalid());
        }
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => {
                let offset = word_at(offset, data.len())?;
                let value = ask(&self.requests, |answer| Request::Read(offset, answer))??;
                data.copy_from_slice(&value.to_le_bytes());
                Ok(())
            }
            VFIO_PCI_BAR4_REGION_INDEX => {
                data.copy_from_slice(&self.table[range(offset, data.len(), TABLE_BYTES)?]);
                Ok(())
            }
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.read(offset, data),
            _ => Err(invalid()),
        }
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        self.meet();
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => {
                let offset = word_at(offset, data.len())?;
                let value = u32::from_le_bytes(data.try_into().map_err(|_| invalid())?);
                ask(&self.requests, |answer| Request::Write(offset, value, answer))?
            }
            VFIO_PCI_BAR4_REGION_INDEX => {
                self.table[range(offset, data.len(), TABLE_BYTES)?].copy_from_slice(data);
                Ok(())
            }
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.write(offset, data),
            _ => Err(invalid()),
        }
    }

    fn dma_map(
        &mut self,
        _: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        // Memory without a file can only be reached by messages; a client sends all of its memory, and what we need has one.
        match file {
            Some(file) => self.shared.map(&file, offset, address, size),
            None => Ok(()),
        }
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        if flags.contains(DmaUnmapFlags::UNMAP_ALL) {
            self.shared.unmap_all();
        } else {
            self.shared.unmap(address, size);
        }
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        ask(&self.requests, Request::Reset).map(|_| ())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        _: u32,
        start: u32,
        count: u32,
        files: Vec<File>,
    ) -> io::Result<()> {
        if index != VFIO_PCI_MSIX_IRQ_INDEX {
            return Ok(());
        }
        if count == 0 {
            self.shared.clear_interrupts();
            return Ok(());
        }
        if count as usize > VECTORS {
            return Err(invalid());
        }
        let mut files = files.into_iter().map(Some);
        let files = (0..count).map(|_| files.next().flatten()).collect();
        self.shared.set_interrupts(start as usize, files, VECTORS)
    }
}
