//! The PCI function: a core that is reached through registers and descriptor rings in host memory.

mod address_channel;
mod beat_fifo;
mod byte_queue;
mod completions;
mod core;
mod engine;
mod messages;
mod port;
mod read_port;
mod records;
mod registers;
mod ring;
mod to_device;
mod to_host;
mod window;
mod write_port;

pub use address_channel::AddressChannel;
pub use beat_fifo::{BEAT_FIFO_WORDS, BeatFifo};
pub use byte_queue::ByteQueue;
pub use completions::Completions;
pub use core::{PCI_TOP, PciCore, pci_design, pci_port_design};
pub use engine::DmaEngine;
pub use messages::{InterruptMessages, messages_design};
pub use port::PciPort;
pub use read_port::ReadPort;
pub use records::Records;
pub use registers::{PAGE_REGISTERS, PciRegisters};
pub use ring::DescriptorRing;
pub use to_device::ToDevice;
pub use to_host::ToHost;
pub use window::{RegisterWindow, window_design};
pub use write_port::WritePort;
