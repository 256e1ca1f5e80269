//! The bit-exact functional model of a core, fast enough to train on.
//!
//! [`Emulator`] is a [`Device`](backspike_arch::Device): it takes the same writes and instructions as the hardware and gives the
//! same pushes, weights, spikes, errors, counters and, instruction by instruction, cycles. Instructions are queued and run when the
//! host waits for words; those that do not depend on each other run together.
//!
//! | module | what |
//! |---|---|
//! | `emulator` | the device: writes, queues, PUSH, registers |
//! | `execute` | batches of independent instructions, threads |
//! | `engine` | what each instruction does to the memories |
//! | `kernel` | the inner loops, compiled for several vector instruction sets |
//! | `memory` | weights by slice in panels, the memories of a sample slot |
//! | `mesh` | several cores, and the flits of every link between them and the host |
//! | `clock`, `inlet`, `network` | the clock that they share, and each flit on its way |
//! | `pci` | a core, or a mesh, behind descriptor rings in host memory |
//! | `cycles`, `timeline` | how long an instruction takes, and when it starts |

mod clock;
mod cycles;
mod emulator;
mod engine;
mod execute;
mod inlet;
mod kernel;
mod memory;
mod mesh;
mod network;
mod pci;
mod port;
mod queue;
mod tally;
mod timeline;

pub use emulator::{Emulator, EmulatorError};
pub use kernel::Simd;
pub use mesh::{EmulatedCore, EmulatedMesh};
pub use pci::EmulatedFunction;
