//! The clock of blocks that are not always needed.

use super::name::{Primitive, primitive};
use rust_hdl::prelude::*;

/// The Verilog macro that makes gates stop their clocks.
pub const CLOCK_GATES: &str = "BACKSPIKE_CLOCK_GATES";

/// A clock that stands still while nobody needs what it drives: `clock_o` has the edge at the end of a cycle if `run_i` is high in it.
///
/// The blocks behind a gate must do the same, in every output that is looked at, when its clock runs all the time: where the macro
/// [`CLOCK_GATES`] is not defined, as on FPGAs, the clock is passed on, and so it is in the Rust simulation. A simulation that defines it
/// computes nothing behind a closed gate, and finds a gate that closes too soon.
///
/// `run_i` must be high in reset, if there is a [`Reg`](super::Reg) behind the gate.
#[derive(Clone, Debug, Default, LogicBlock)]
pub struct ClockGate {
    /// The clock that always runs.
    pub clock: Signal<In, Clock>,
    /// The edge at the end of this cycle is passed on.
    pub run_i: Signal<In, Bit>,
    /// The clock with the edges of the cycles that need them.
    pub clock_o: Signal<Out, Clock>,
}

impl Logic for ClockGate {
    fn update(&mut self) {
        self.clock_o.next = self.clock.val();
    }
    fn connect(&mut self) {
        self.clock_o.connect();
    }
    fn timing(&self) -> Vec<TimingInfo> {
        primitive(Primitive::ClockGate, Vec::new())
    }
}

/// The Verilog of every gate.
pub(crate) const TEXT: &str = "\
// Passes the edge at the end of a cycle on if run_i is high in it; without BACKSPIKE_CLOCK_GATES, all.
module clock_gate (
  input wire clock,
  input wire run_i,
  output wire clock_o
);

`ifdef BACKSPIKE_CLOCK_GATES
  // A latch, open while the clock is low: clock_o has whole pulses only.
  /* verilator lint_off LATCH */
  reg open;

  always @* if (!clock) open = run_i;
  /* verilator lint_on LATCH */

  assign clock_o = clock & open;
`else
  wire unused_bits = &{1'b0, run_i};

  assign clock_o = clock;
`endif

endmodule
";
