//! A PCI function behind a vfio-user socket.

use super::memory::DmaMemory;
use super::transport::Transport;
use backspike_arch::DeviceError;
use backspike_arch::layout::{PCI_DEVICE, PCI_DOORBELLS, PCI_VENDOR, PciRegister};
use memmap2::{MmapOptions, MmapRaw};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_PCI_BAR0_REGION_INDEX,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX,
};
use vfio_user::{Client, Error};
use vmm_sys_util::eventfd::EventFd;

/// Time in which the far end answers a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// Interrupt vectors of the function.
const VECTORS: u32 = 3;

/// A message, sent and answered on a thread of its own: the protocol's client waits for ever where the far end answers with an error, or
/// does not answer.
type Message = Box<dyn FnOnce(&mut Client) + Send>;

/// A function at the far end of a socket.
pub struct VfioUser {
    socket: PathBuf,
    messages: Sender<Message>,
    doorbells: Option<MmapRaw>,
}

fn failed(text: String) -> DeviceError {
    DeviceError::Failed(text)
}

impl VfioUser {
    /// Connects to the socket, and makes sure that one of our functions is there.
    pub fn open(socket: &Path) -> Result<Self, DeviceError> {
        let (messages, inbox) = channel::<Message>();
        let (opened, open) = channel();
        let path = socket.to_owned();
        std::thread::spawn(move || match Client::new(&path) {
            Ok(mut client) => {
                let _ = opened.send(Ok(()));
                for message in inbox {
                    message(&mut client);
                }
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        });
        let shown = socket.display();
        match open.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(failed(format!(
                    "no function answers on {shown}: {error}. Start one with: backspike device serve {shown}"
                )));
            }
            Err(_) => {
                return Err(failed(format!(
                    "nothing answered on {shown} for {} s: it serves one client at a time, and another may be connected",
                    PATIENCE.as_secs()
                )));
            }
        }
        let mut function = Self { socket: socket.to_owned(), messages, doorbells: None };
        let id = function.call("the vendor and device id", |client| {
            let mut id = [0; 4];
            client.region_read(VFIO_PCI_CONFIG_REGION_INDEX, 0, &mut id)?;
            Ok(u32::from_le_bytes(id))
        })?;
        let ours = u32::from(PCI_DEVICE) << 16 | u32::from(PCI_VENDOR);
        if id != ours {
            return Err(failed(format!(
                "{shown} offers the PCI function {:04x}:{:04x}, not {PCI_VENDOR:04x}:{PCI_DEVICE:04x}",
                id & 0xffff,
                id >> 16
            )));
        }
        function.doorbells = function.map_doorbells()?;
        Ok(function)
    }

    /// Sends `message` and waits for what becomes of it; `what` says what it is about.
    fn call<T: Send + 'static>(
        &self,
        what: &str,
        message: impl FnOnce(&mut Client) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, DeviceError> {
        let (answered, answer) = channel();
        let sent = self.messages.send(Box::new(move |client| {
            let _ = answered.send(message(client));
        }));
        let shown = self.socket.display();
        if sent.is_err() {
            return Err(failed(format!("{shown} is closed; the last message was {what}")));
        }
        match answer.recv_timeout(PATIENCE) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                Err(failed(format!("the function behind {shown} is gone at {what}: {error}")))
            }
            Err(RecvTimeoutError::Timeout) => Err(failed(format!(
                "{shown} did not answer {what} within {} s, or refused it",
                PATIENCE.as_secs()
            ))),
            Err(RecvTimeoutError::Disconnected) => {
                Err(failed(format!("the connection to {shown} broke at {what}")))
            }
        }
    }

    /// The page of doorbells, where the far end lends it.
    fn map_doorbells(&self) -> Result<Option<MmapRaw>, DeviceError> {
        self.call("the map of the doorbells", |client| {
            let region = client.region(VFIO_PCI_BAR0_REGION_INDEX);
            let page = PCI_DOORBELLS as u64;
            Ok(region.and_then(|region| {
                let file = region.file_offset.as_ref()?;
                region.sparse_areas.iter().find(|area| area.offset == page && area.size >= 8)?;
                let mut options = MmapOptions::new();
                options.offset(file.start() + page).len(4096).map_raw(file.file()).ok()
            }))
        })
    }
}

impl Transport for VfioUser {
    fn name(&self) -> String {
        format!("vfio-user:{}", self.socket.display())
    }

    fn read(&mut self, register: PciRegister) -> Result<u32, DeviceError> {
        self.call(&format!("a read of register {}", register.name()), move |client| {
            let mut value = [0; 4];
            let offset = u64::from(register.offset());
            client.region_read(VFIO_PCI_BAR0_REGION_INDEX, offset, &mut value)?;
            Ok(u32::from_le_bytes(value))
        })
    }

    fn write(&mut self, register: PciRegister, value: u32) -> Result<(), DeviceError> {
        self.call(&format!("a write of register {}", register.name()), move |client| {
            let offset = u64::from(register.offset());
            client.region_write(VFIO_PCI_BAR0_REGION_INDEX, offset, &value.to_le_bytes())
        })
    }

    fn ring(&mut self, doorbell: PciRegister, value: u32) -> Result<(), DeviceError> {
        match &self.doorbells {
            None => self.write(doorbell, value),
            Some(page) => {
                let offset = doorbell.offset() as usize - PCI_DOORBELLS;
                assert!(offset + 4 <= page.len(), "{} is no doorbell", doorbell.name());
                // SAFETY: within the page, which is mapped as long as `self` lives, and aligned.
                let cell = unsafe { AtomicU32::from_ptr(page.as_mut_ptr().add(offset).cast()) };
                // Descriptors were written before.
                cell.store(value.to_le(), Ordering::Release);
                Ok(())
            }
        }
    }

    fn map(&mut self, memory: &DmaMemory) -> Result<(), DeviceError> {
        let file = memory.file().try_clone();
        let file = file.map_err(|error| failed(format!("the memory cannot be shared: {error}")))?;
        let (at, len) = (memory.at(), memory.len() as u64);
        self.call("a map of memory", move |client| client.dma_map(0, at, len, file.as_raw_fd()))
    }

    fn unmap(&mut self, memory: &DmaMemory) -> Result<(), DeviceError> {
        let (at, len) = (memory.at(), memory.len() as u64);
        self.call("the end of a map of memory", move |client| client.dma_unmap(at, len))
    }

    fn interrupts(&mut self, event: &EventFd) -> Result<bool, DeviceError> {
        let event = event.try_clone();
        let event = event.map_err(|error| failed(format!("no file for interrupts: {error}")))?;
        self.call("the choice of interrupts", move |client| {
            let flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
            let files = [event.as_raw_fd(); VECTORS as usize];
            client.set_irqs(VFIO_PCI_MSIX_IRQ_INDEX, flags, 0, VECTORS, &files)?;
            Ok(true)
        })
    }
}
