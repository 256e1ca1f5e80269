// The phase-locked loop of an ECP5 for simulation: the clock as it comes, whatever the dividers say, and a lock after a while.
// Simulated time counts cycles of the core's clock, so that the frequency itself needs no model.
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
module EHXPLLL #(
    parameter CLKI_DIV = 1,
    parameter CLKFB_DIV = 1,
    parameter CLKOP_DIV = 8,
    parameter CLKOP_CPHASE = 0,
    parameter CLKOP_FPHASE = 0,
    parameter FEEDBK_PATH = "CLKOP",
    parameter CLKOP_ENABLE = "ENABLED",
    parameter PLLRST_ENA = "DISABLED"
) (
    input  wire CLKI,
    input  wire CLKFB,
    input  wire RST,
    input  wire STDBY,
    output wire CLKOP,
    output wire LOCK
);
  reg [4:0] cycles;
  initial cycles = 5'd0;
  always @(posedge CLKI) if (!cycles[4]) cycles <= cycles + 5'd1;
  assign CLKOP = CLKI;
  assign LOCK  = cycles[4];
endmodule
/* verilator lint_on UNUSEDPARAM */
/* verilator lint_on UNUSEDSIGNAL */
