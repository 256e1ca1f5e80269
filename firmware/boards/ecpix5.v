// ECPIX-5: LFE5UM5G-85F, 100 MHz, an FT2232H as USB serial port, four lamps of three colours.
module backspike_ecpix5 (
    input wire clk_100mhz,
    input wire reset_n,
    input wire uart_rx,
    output wire uart_tx,
    output wire [3:0] led_red_n,
    output wire [3:0] led_green_n,
    output wire [3:0] led_blue_n
);
  wire clock;
  wire reset;
  wire beat;
  wire [3:0] status;

  backspike_clock source (
      .clock_i(clk_100mhz),
      .reset_n_i(reset_n),
      .clock_o(clock),
      .reset_o(reset),
      .beat_o(beat)
  );

  backspike_serial serial (
      .clock(clock),
      .reset(reset),
      .uart_rx_i(uart_rx),
      .uart_tx_o(uart_tx),
      .status_o(status)
  );

  // Red: in reset, bad frame. Green: clock runs, session open. Blue: frames, words pushed.
  assign led_red_n = ~{2'b00, status[3], reset};
  assign led_green_n = ~{2'b00, status[0], beat};
  assign led_blue_n = ~{status[2], status[1], 2'b00};
endmodule
