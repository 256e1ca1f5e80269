//! What kernels are built from: registers, memories, clock gates, and the name a block gives its Verilog module.
//!
//! `rust-hdl` has no reset and writes one module per instance. These primitives are recognised by
//! [`crate::emit`]: registers become `reg`s of the enclosing module, memories become one module per
//! size, clock gates one module, and every other block becomes one module per distinct name.

mod clock_gate;
mod name;
mod ram;
mod ram_tdp;
mod reg;

pub(crate) use clock_gate::TEXT as CLOCK_GATE_TEXT;
pub use clock_gate::{CLOCK_GATES, ClockGate};
pub(crate) use name::{Identity, Primitive};
pub use name::{described_module, module_name};
pub use ram::{RAM_ADDRESS_BITS, Ram};
pub use ram_tdp::RamTdp;
pub(crate) use reg::RESET_VALUE;
pub use reg::{Pipe, Reg};
