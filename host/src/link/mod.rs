//! The serial link, host side: frames that survive a bad wire, and the device behind them (`docs/architecture/link.md`).

mod device;
mod frame;
mod session;
mod wire;

pub use device::SerialDevice;
pub use frame::{CoreFrame, Decoder, HostFrame, MAX_FRAME_WORDS};
pub use session::{LinkError, LinkStatistics, Session};
pub use wire::{SerialPort, Wire};
