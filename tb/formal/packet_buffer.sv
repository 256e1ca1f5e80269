  // Every place between the oldest flit and the next to write is kept, and the flit at the output is that of the place to read:
  // with a memory that returns what was written, flits leave once for each reading, in order, and none is lost.
  localparam DEPTH = 4;
  reg started = 0;
  always @(posedge clock) started <= 1;
  always @* assume(reset == !started);

  // The surrounding block takes what is valid, and decides at a packet's first flit whether it is read once more.
  reg inside = 0;
  reg keeps;
  always @* begin
    if (take_i) assume(valid_o);
    if (inside) assume(keep_i == keeps);
  end
  always @(posedge clock) if (!reset && take_i) begin
    inside <= !last_o;
    keeps <= keep_i;
  end

  reg [7:0] loaded;
  always @(posedge clock) if (read) loaded <= next_read;
  wire [7:0] ahead = read_at_q - oldest_q;
  reg shown = 0;
  reg [5:0] shown_flit;
  always @(posedge clock) if (!reset) begin
    shown <= valid_o && !take_i;
    shown_flit <= {last_o, data_o};
  end
  reg waiting = 0;
  always @(posedge clock) waiting <= !reset && write_at_q != next_read;
  reg taken = 0, kept, ended;
  reg [7:0] read_before, oldest_before;
  always @(posedge clock) begin
    taken <= !reset && take_i;
    kept <= keep_i;
    ended <= last_o;
    read_before <= read_at_q;
    oldest_before <= oldest_q;
  end
  always @* if (started && !reset) begin
    assert(held <= DEPTH && ready_o == (held < DEPTH));
    assert(ahead <= held);
    // What is there shows in the next cycle.
    assert(valid_o == waiting);
    if (valid_o) assert(ahead < held && loaded == read_at_q);
    // Only the packet at the output is read again.
    if (!inside || !keeps) assert(ahead == 0);
    if (shown) assert(valid_o && {last_o, data_o} == shown_flit);
    // No place in use is written, and none is read while it is written.
    if (push) assert(held < DEPTH);
    if (push && read) assert(next_read[1:0] != write_at_q[1:0]);
    if (taken) begin
      assert(read_at_q == ((kept && ended) ? oldest_before : read_before + 8'd1));
      assert(oldest_q == (kept ? oldest_before : read_before + 8'd1));
    end
  end
  always @* cover(started && take_i && keep_i && last_o && held == DEPTH);
