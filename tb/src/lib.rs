//! Verilator cosimulation: Verilog text becomes a cached shared library, a library becomes independent model instances.

mod cache;
mod compile;
pub mod model;
pub mod toolchain;
pub mod verilate;

pub use model::{Library, Model, ModelError, Port};
pub use toolchain::{Toolchain, ToolchainError};
pub use verilate::{Build, BuildError, Optimize, lint};
