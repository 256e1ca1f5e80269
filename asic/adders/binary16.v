// What the fixed-point accumulator is compared with: a loop of one binary16 adder, an add a cycle, rounded to nearest even. Infinities and
// NaNs are left out: sums of weights do not reach them.
module binary16_loop (
    input wire clock,
    input wire reset,
    input wire add_i,
    input wire [15:0] weight_i,
    output wire [15:0] sum_o
);
  reg add_q;
  reg [15:0] weight_q;
  reg [15:0] sum_q;

  // The operand of larger magnitude, and the other.
  wire swap = weight_q[14:0] > sum_q[14:0];
  wire [15:0] x = swap ? weight_q : sum_q;
  wire [15:0] y = swap ? sum_q : weight_q;
  // Subnormals have the exponent of the smallest normal number and no hidden bit.
  wire [4:0] ex = x[14:10] == 5'd0 ? 5'd1 : x[14:10];
  wire [4:0] ey = y[14:10] == 5'd0 ? 5'd1 : y[14:10];
  // Three bits below the significand round exactly: guard, round, and the sticky of all that is shifted out.
  wire [13:0] sx = {x[14:10] != 5'd0, x[9:0], 3'd0};
  wire [13:0] sy = {y[14:10] != 5'd0, y[9:0], 3'd0};
  wire [4:0] distance = ex - ey;
  wire [13:0] shifted = sy >> distance;
  wire [13:0] back = shifted << distance;
  wire [13:0] aligned = {shifted[13:1], shifted[0] | (back != sy)};
  wire subtract = x[15] ^ y[15];
  wire [14:0] total = subtract ? {1'b0, sx} - {1'b0, aligned} : {1'b0, sx} + {1'b0, aligned};

  // Leading zeros below bit 13; the shift stops at the smallest exponent.
  reg [3:0] zeros;
  integer i;
  always @* begin
    zeros = 4'd14;
    for (i = 0; i < 14; i = i + 1) if (total[i]) zeros = 4'd13 - i[3:0];
  end
  wire [4:0] most = ex - 5'd1;
  wire [4:0] left = total == 15'd0 || {1'b0, zeros} > most ? most : {1'b0, zeros};
  wire [13:0] normal = total[14] ? {total[14:2], total[1] | total[0]} : total[13:0] << left;
  wire [4:0] exponent = total[14] ? most + 5'd1 : most - left;
  // To nearest, ties to even; a carry goes into the exponent, where it belongs.
  wire up = normal[2] & (normal[1] | normal[0] | normal[3]);
  wire [14:0] code = {exponent, 10'd0} + {4'd0, normal[13:3]} + {14'd0, up};

  always @(posedge clock) begin
    weight_q <= weight_i;
    if (reset) begin
      add_q <= 1'b0;
      sum_q <= 16'd0;
    end else begin
      add_q <= add_i;
      if (add_q) sum_q <= {x[15] & (code != 15'd0), code};
    end
  end
  assign sum_o = sum_q;
endmodule
