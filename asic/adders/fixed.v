// The accumulator of an FP lane alone: alignment, a register, and an exact add of 40 bits a cycle.
module fixed_loop (
    input wire clock,
    input wire reset,
    input wire add_i,
    input wire [15:0] weight_i,
    output wire [39:0] sum_o
);
  wire [28:0] fixed;
  align_weight align (
      .clock(clock),
      .value_i(weight_i),
      .fixed_o(fixed)
  );
  reg add_q;
  reg [39:0] sum_q;
  always @(posedge clock)
    if (reset) begin
      add_q <= 1'b0;
      sum_q <= 40'd0;
    end else begin
      add_q <= add_i;
      if (add_q) sum_q <= sum_q + {{11{fixed[28]}}, fixed};
    end
  assign sum_o = sum_q;
endmodule
