//! The hardware of Backspike, described with `rust-hdl`, and the writer that turns it into Verilog.

pub mod control;
pub mod core;
pub mod emit;
pub mod engine;
pub mod host_port;
pub mod link;
pub mod memory;
pub mod mesh;
pub mod neuron;
pub mod num;
pub mod optimizer;
pub mod prim;
pub mod spike;
