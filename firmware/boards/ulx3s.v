// ULX3S: LFE5U-85F, 25 MHz, an FT231X as USB serial port, eight lamps.
module backspike_ulx3s (
    input wire clk_25mhz,
    input wire btn_pwr_n,
    input wire ftdi_txd,
    output wire ftdi_rxd,
    output wire wifi_gpio0,
    output wire [7:0] led
);
  wire clock;
  wire reset;
  wire beat;
  wire [3:0] status;

  backspike_clock source (
      .clock_i(clk_25mhz),
      .reset_n_i(btn_pwr_n),
      .clock_o(clock),
      .reset_o(reset),
      .beat_o(beat)
  );

  backspike_serial serial (
      .clock(clock),
      .reset(reset),
      .uart_rx_i(ftdi_txd),
      .uart_tx_o(ftdi_rxd),
      .status_o(status)
  );

  assign wifi_gpio0 = 1'b1;
  // From led[7] to led[0]: clock runs, in reset, nothing, nothing, bad frame, words pushed, frames, session open.
  assign led = {beat, reset, 2'b00, status[3], status[2], status[1], status[0]};
endmodule
