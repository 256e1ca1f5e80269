  // Packets are not mixed, what is shown stays until it is taken, and an input waits for one packet of each other input at most.
  reg shown = 0;
  reg [4:0] shown_of;
  reg [4:0] within = 0;
  always @(posedge clock) if (!reset) begin
    shown <= valid_o && !ready_i;
    shown_of <= chosen;
    if (valid_o && ready_i) within <= last_o ? 0 : chosen;
  end
  (* anyconst *) wire [2:0] who;
  always @* assume(who < 5);
  reg [2:0] waited = 0;
  wire finished = valid_o && ready_i && last_o;
  always @(posedge clock) if (!reset) begin
    if (!request_i[who] || take_o[who] || owner_q[who]) waited <= 0;
    else if (finished) waited <= waited + 1;
  end
  // The input that had the link last, and how many come between it and `who`.
  wire [2:0] last_owner = 3'd4 - first_q[0] - first_q[1] - first_q[2] - first_q[3] - first_q[4];
  wire [2:0] between = who > last_owner ? who - last_owner - 3'd1 : 3'd4 + who - last_owner;
  wire [2:0] owner = owner_q[1] + 2 * owner_q[2] + 3 * owner_q[3] + 4 * owner_q[4];
  wire [2:0] to_owner = owner > last_owner ? owner - last_owner - 3'd1 : 3'd4 + owner - last_owner;
  wire [4:0] above = 5'b11110 << last_owner;
  always @* if (started && !reset) begin
    assert((owner_q & (owner_q - 5'd1)) == 0);
    assert(first_q == above);
    assert((take_o & (take_o - 5'd1)) == 0 && (take_o & ~request_i) == 0 && |take_o == (valid_o && ready_i));
    if (shown) assert(valid_o && chosen == shown_of && owner_q == shown_of);
    if (within != 0) assert(owner_q == within && (!valid_o || chosen == within));
    if (within == 0 && !shown) assert(owner_q == 0);
    // Something moves whenever something may.
    if (within == 0 && |request_i) assert(valid_o);
    if (waited != 0) assert(waited + between <= 4);
    if (waited != 0 && owner_q != 0) assert(to_owner <= between);
    assert(waited <= 4);
  end
  always @* cover(started && waited == 4);
