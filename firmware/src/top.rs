//! Verilog of a whole board image.

use crate::{Board, Ecp5Pll};
use anyhow::Result;
use backspike_arch::ArchConfig;
use backspike_hdl::emit::{Design, Module};
use backspike_hdl::link::serial_design;

/// The Verilog model of the loop, for simulation: the parts' own libraries do not come with the open tools.
pub const SIMULATION_PLL: &str = include_str!("../models/ehxplll.v");

/// Bits of the heartbeat's counter: 2^25 cycles are two thirds of a second at 50 MHz.
const BEAT_BITS: usize = 25;

/// The core with configuration `config` on `board`; its top module is [`Board::module`]. The loop, `EHXPLLL`, is a module of the part.
pub fn board_design(board: &Board, config: &ArchConfig) -> Result<Design> {
    let mut modules = serial_design(config)?.modules;
    modules.push(Module {
        name: "backspike_clock".into(),
        text: clock(&Ecp5Pll::search(board.clock.1, config.clock_mhz)?),
    });
    modules.push(Module { name: board.module(), text: board.top.into() });
    Ok(Design { modules })
}

/// Clock, reset and heartbeat.
fn clock(pll: &Ecp5Pll) -> String {
    let Ecp5Pll { input_divider, feedback, output_divider } = *pll;
    // The output's edges are placed by its phase; half its divider is what the vendor's tool gives for none.
    let phase = output_divider / 2;
    let high = BEAT_BITS - 1;
    format!(
        "// The core's clock, a reset that lasts until it runs, and a sign of life.
module backspike_clock (
    input wire clock_i,
    input wire reset_n_i,
    output wire clock_o,
    output wire reset_o,
    output wire beat_o
);
  wire locked;
  EHXPLLL #(
      .CLKI_DIV({input_divider}),
      .CLKFB_DIV({feedback}),
      .CLKOP_DIV({output_divider}),
      .CLKOP_CPHASE({phase}),
      .CLKOP_FPHASE(0),
      .FEEDBK_PATH(\"CLKOP\"),
      .CLKOP_ENABLE(\"ENABLED\"),
      .PLLRST_ENA(\"DISABLED\")
  ) pll (
      .CLKI(clock_i),
      .CLKFB(clock_o),
      .RST(1'b0),
      .STDBY(1'b0),
      .CLKOP(clock_o),
      .LOCK(locked)
  );

  // Reset begins without a clock and ends with it, two registers after the loop has locked: no register sees it end between edges.
  wire settled = locked & reset_n_i;
  reg [1:0] running;
  always @(posedge clock_o or negedge settled)
    if (!settled) running <= 2'b00;
    else running <= {{running[0], 1'b1}};
  assign reset_o = !running[1];

  reg [{high}:0] beats;
  always @(posedge clock_o)
    if (reset_o) beats <= {BEAT_BITS}'d0;
    else beats <= beats + {BEAT_BITS}'d1;
  assign beat_o = beats[{high}];
endmodule
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BOARDS;
    use backspike_tb::lint;

    #[test]
    fn board_tops_are_clean_under_wall() {
        for board in BOARDS {
            let config = board.adapt(&ArchConfig::nano());
            let text = board_design(board, &config).unwrap().to_single_file() + SIMULATION_PLL;
            assert_eq!(lint(&board.module(), &text).unwrap(), Vec::<String>::new());
        }
    }
}
