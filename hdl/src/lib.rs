//! The hardware of Backspike, described with `rust-hdl`, and the writer that turns it into Verilog.

pub mod engine;
pub mod neuron;
pub mod num;
pub mod optimizer;
pub mod emit;
pub mod prim;
pub mod control;
pub mod spike;
pub mod memory;
pub mod host_port;
pub mod core;
