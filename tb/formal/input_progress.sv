  // Under fair outputs a packet at the head is done within a bound. It has at most 3 flits, of which the buffer shows the next a cycle
  // late at most, and an output that is asked for lets a flit wait for a cycle at most: five ports take 5 x 3 x 3 cycles.
  reg refused = 0;
  reg missed = 0;
  reg [1:0] read = 0;
  reg [5:0] waited = 0;
  wire busy = buffer_valid_o || inside_q || pending_q != 0;
  wire done = take && buffer_last_o && (drop || !buffer_keep_i);
  always @(posedge clock) if (reset) begin
    refused <= 0;
    missed <= 0;
    read <= 0;
    waited <= 0;
  end else begin
    refused <= |request_o && !take_i;
    missed <= (inside_q || pending_q != 0) && !buffer_valid_o;
    if (take) read <= buffer_last_o ? 0 : read + 1;
    waited <= busy && !done ? waited + 1 : 0;
  end
  always @* begin
    if (refused) assume(take_i);
    if (missed) assume(buffer_valid_o);
    if (buffer_valid_o && read == 2) assume(buffer_last_o);
  end
  always @* if (started && !reset) begin
    assert(inside_q == (read != 0));
    assert(!(dropping_q && !inside_q) && !(dropping_q && pending_q != 0));
    assert(waited < 45);
  end
  always @* cover(started && waited == 28);
