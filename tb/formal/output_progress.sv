  // Under a fair sink an input that asks has the link within a bound: packets of at most 3 flits, of which the next is there a cycle
  // late at most, and a sink that lets one wait for a cycle at most. Four packets of others then take 4 x 3 x 3 cycles.
  reg refused = 0;
  reg missed = 0;
  reg [1:0] left = 0;
  always @(posedge clock) if (reset) begin
    refused <= 0;
    missed <= 0;
    left <= 0;
  end else begin
    refused <= valid_o && !ready_i;
    missed <= left != 0 && !valid_o;
    if (valid_o && ready_i) left <= last_o ? 0 : left + 1;
  end
  always @* begin
    if (refused) assume(ready_i);
    if (missed) assume(valid_o);
    if (valid_o && left == 2) assume(last_o);
  end

  (* anyconst *) wire [2:0] who;
  always @* assume(who < 5);
  reg [5:0] waited = 0;
  always @(posedge clock) begin
    if (reset || !request_i[who] || chosen[who]) waited <= 0;
    else waited <= waited + 1;
  end
  wire [2:0] last_owner = 3'd4 - first_q[0] - first_q[1] - first_q[2] - first_q[3] - first_q[4];
  always @* if (started && !reset) begin
    assert((owner_q & (owner_q - 5'd1)) == 0);
    assert(first_q == (5'b11110 << last_owner));
    assert(left != 3 && (owner_q != 0) == (left != 0 || refused) && !(missed && left == 0));
    if (refused) assert((asked & owner_q) != 0);
    assert(waited <= 36);
  end
  always @* cover(started && waited == 20);
