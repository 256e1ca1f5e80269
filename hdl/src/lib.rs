//! The hardware of Backspike, described with `rust-hdl`, and the writer that turns it into Verilog.

pub mod prim;
