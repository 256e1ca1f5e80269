//! The bit-exact functional model of a core, fast enough to train on.
//!
//! [`Emulator`] is a [`Device`]: it takes the same writes and instructions as the hardware and gives the same pushes, weights,
//! spikes, errors and counters. Instructions are queued and run when the host waits for words, those that do not depend on each
//! other together.

mod cycles;
mod emulator;
mod engine;
mod execute;
mod kernel;
mod memory;
mod port;
mod queue;
mod tally;
mod timeline;

pub use emulator::{Emulator, EmulatorError};
pub use kernel::Simd;

#[allow(unused_imports, reason = "for the documentation")]
use backspike_arch::Device;
