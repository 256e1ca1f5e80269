//! What a core would be as a chip: area, timing and energy by open standard-cell libraries.
//!
//! ```text
//! Verilog --> Yosys: cells of a Liberty library --> static timing analysis: clock
//!                          |
//!                          v
//!     gate-level simulation as a Device --> toggles of every net --> energy by the library's tables
//! ```

mod adders;
mod device;
mod energy;
mod expression;
mod liberty;
mod memory;
mod netlist;
mod saif;
mod scaling;
mod simulation;
mod synthesis;
mod timing;

pub use adders::{Adder, compare_adders};
pub use device::GateDevice;
pub use energy::{Energy, EnergyModel, Part};
pub use liberty::{Cell, CellKind, Library, read_liberty};
pub use memory::{Sram, SramUse, memory_energy};
pub use netlist::{Netlist, ZERO};
pub use saif::saif;
pub use scaling::{GLITCHES, Range, SCALE_45_TO_28, SRAM_45_TO_28};
pub use simulation::{Activity, Simulation};
pub use synthesis::{Chip, synthesise_chip};
pub use timing::{Timing, analyse};
