//! Verilator cosimulation: Verilog text becomes a cached shared library, a library becomes independent model instances.

mod axi;
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
mod pci;
pub mod program;
mod pty;
mod rows;
pub mod step;
mod tool;
pub mod toolchain;
mod uart;
pub mod verilate;

pub use axi::{AxiBus, AxiTiming, AxiTraffic};
pub use device::{RtlDevice, RtlError, RtlLibrary, RtlOptions, Waves};
pub use link_ports::LinkPorts;
pub use mesh::{MeshLibrary, RtlCore, RtlMesh};
pub use mesh_traffic::{MeshTraffic, Packet};
pub use model::{Library, Model, ModelError, Port};
pub use pci::{PciLibrary, RtlFunction};
pub use pty::PtyBridge;
pub use tool::{Tool, ToolError};
pub use toolchain::{Toolchain, ToolchainError};
pub use uart::Uart;
pub use verilate::{Build, BuildError, Optimize, lint};
