  // What an input may assume: one reset, outputs that take what is asked for, nodes that lie at one port each and do not move, and what is
  // proved of the buffer: what it shows stays until it is taken.
  reg started = 0;
  always @(posedge clock) started <= 1;
  always @* assume(reset == !started);
  always @* if (take_i) assume(|request_o);

  (* anyconst *) wire [24:0] reach;
  always @* assume({reach_i_4, reach_i_3, reach_i_2, reach_i_1, reach_i_0} == reach);
  genvar a, b;
  generate
    for (a = 0; a < 5; a = a + 1) begin : port
      for (b = 0; b < a; b = b + 1) begin : other
        always @* assume((reach[5*a +: 5] & reach[5*b +: 5]) == 0);
      end
    end
  endgenerate
  reg shown = 0;
  reg [5:0] shown_flit;
  always @(posedge clock) if (!reset) begin
    shown <= buffer_valid_o && !take;
    shown_flit <= {buffer_last_o, buffer_data_o};
  end
  always @* if (shown) assume(buffer_valid_o && {buffer_last_o, buffer_data_o} == shown_flit);
