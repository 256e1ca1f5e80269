  // A packet goes to each port where it has a destination, once, one after the other, whole; a port that is asked for stays asked
  // for until its packet has ended.
  genvar p;
  generate
    for (p = 0; p < 5; p = p + 1) begin : shown_at
      // The head shows the destinations that lie at the port.
      always @* if (started && !reset && !inside_q && request_o[p])
        assert(data_o != 0 && (data_o & ~reach[5*p +: 5]) == 0);
    end
  endgenerate

  // Ports of the packet, and those that have had it.
  reg [4:0] all = 0;
  reg [4:0] served = 0;
  reg [4:0] present = 0;
  wire first_read = pending_q == 0 && !inside_q && !dropping_q;
  wire ends = take_i && last_o;
  // Proved of the buffer: a packet that is read again begins with the same flit.
  reg [4:0] head_flit;
  always @(posedge clock) if (take_i && first_read) head_flit <= buffer_data_o;
  always @* if (buffer_valid_o && pending_q != 0 && !inside_q) assume(buffer_data_o == head_flit);
  wire [4:0] ports_of_head = {|(head_flit & reach_i_4), |(head_flit & reach_i_3), |(head_flit & reach_i_2),
    |(head_flit & reach_i_1), |(head_flit & reach_i_0)};
  reg asked = 0;
  reg [4:0] asked_for;
  reg [5:0] asked_flit;
  always @(posedge clock) if (!reset) begin
    asked <= |request_o && !take_i;
    asked_for <= request_o;
    asked_flit <= {last_o, data_o};
    if (take_i && first_read) all <= wanted;
    if (take_i) present <= last_o ? 0 : request_o;
    if (ends) served <= (more == 0) ? 0 : served | request_o;
  end
  always @* if (started && !reset) begin
    assert((request_o & (request_o - 5'd1)) == 0);
    assert(!(dropping_q && !inside_q) && !(dropping_q && pending_q != 0));
    assert(inside_q == (dropping_q || present != 0));
    if (asked) assert(request_o == asked_for && {last_o, data_o} == asked_flit);
    if (pending_q == 0) assert(served == 0 && present == 0);
    else assert(pending_q == (all & ~served) && (served & ~all) == 0 && all == ports_of_head);
    if (present != 0) assert(pending_q != 0 && inside_q && !dropping_q && present == way && (!buffer_valid_o || request_o == present));
    if (|request_o) assert((request_o & served) == 0);
    // The buffer gives a packet up when its last port has it.
    if (ends && !buffer_keep_i) assert((first_read ? wanted : all) == (served | request_o));
    if (ends && buffer_keep_i) assert((first_read ? wanted : all) != (served | request_o));
    // A packet is dropped only when it has no destination.
    if (buffer_valid_o && drop && !inside_q) assert(wanted == 0 && pending_q == 0);
    // What is there is asked for, or dropped.
    if (buffer_valid_o) assert(|request_o || drop);
  end
  always @* cover(started && ends && served == 5'b01111);
