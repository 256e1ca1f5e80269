//! The Backspike runtime: network files, data, the compiler, and the trainer that drives a core.
//!
//! ```text
//! network file --> network --> compiler: memory map, descriptors --> trainer: encode, stream, loss, update --> report, checkpoint
//! ```

pub mod checkpoint;
pub mod compiler;
pub mod core;
pub mod data;
pub mod decode;
pub mod device;
pub mod encode;
pub mod link;
pub mod mesh;
pub mod network;
pub mod pci;
mod port;
pub mod ppa;
pub mod reader;
pub mod report;
pub mod selftest;
pub mod traffic;
pub mod train;
pub mod weights;
