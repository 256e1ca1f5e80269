//! What all the rest of Backspike shares: number formats, configuration, memory and instruction layouts.
//!
//! Each layout (packed word, descriptor, instruction, register, counter) is a table in [`layout`]. The Rust accessors, the constants
//! the RTL uses, the C header and the reference pages all come from that table.

pub mod config;
pub mod device;
pub mod generate;
pub mod layout;
pub mod mesh;
pub mod num;
pub mod pci;
pub mod proof;

pub use config::{ArchConfig, ConfigError, TIME_BLOCK};
pub use device::{Counters, Device, DeviceError, Mesh, PushWord};
pub use layout::{
    BpDescriptor, Coordinates, Counter, CounterGroup, Descriptor, Engine, FpDescriptor,
    HostAddress, IllegalInstruction, Instruction, IoDescriptor, LayoutError, MAX_TOKENS,
    NeuronWord, OptimizerWord, PackedWord, Region, Register, Shape, Status, WgDescriptor,
};
pub use mesh::{Link, MeshConfig, MeshPort, PACKET_WORDS, Routes};
pub use pci::{HostMemory, PciFunction};
pub use proof::{Proof, ProofError, Workload};
