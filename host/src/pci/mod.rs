//! The device as a PCI function: the driver of its rings over Linux VFIO or a vfio-user socket, and the far end of such a socket.
//!
//! ```text
//! trainer --> PciDevice, PciMesh --> Words: records, rings, completions --> Transport --> VfioKernel --> vfio-pci, IOMMU --> a board
//!                                                                                 `-> VfioUser --> socket --> serve --> PciFunction: RTL or emulator
//! ```

mod bench;
mod config_space;
mod device;
mod kernel;
mod memory;
mod pool;
mod rings;
mod serve;
mod shared;
mod snapshot;
mod transport;
mod user;
mod words;

pub use bench::{LoopBack, Measured};
pub use device::{PciDevice, PciMesh};
pub use kernel::{Found, VfioKernel, list};
pub use memory::DmaMemory;
pub use rings::{Loopback, Rings};
pub use serve::{Event, Server};
pub use snapshot::{Snapshot, watch_path};
pub use transport::{Transport, check_identity, registers};
pub use user::VfioUser;
