//! Verilator cosimulation: Verilog text becomes a cached shared library, a library becomes independent model instances.

pub mod batch;
mod cache;
mod compile;
pub mod device;
mod link_ports;
pub mod lockstep;
pub mod mesh;
mod mesh_traffic;
pub mod model;
pub mod network;
pub mod program;
mod pty;
mod rows;
pub mod step;
mod tool;
pub mod toolchain;
mod uart;
pub mod verilate;

pub use device::{RtlDevice, RtlError, RtlLibrary, RtlOptions, Waves};
pub use link_ports::LinkPorts;
pub use mesh::{MeshLibrary, RtlCore, RtlMesh};
pub use mesh_traffic::{MeshTraffic, Packet};
pub use model::{Library, Model, ModelError, Port};
pub use pty::PtyBridge;
pub use tool::{Tool, ToolError};
pub use toolchain::{Toolchain, ToolchainError};
pub use uart::Uart;
pub use verilate::{Build, BuildError, Optimize, lint};
