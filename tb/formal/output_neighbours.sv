  // What an output may assume: one reset, and inputs that ask until their flit is taken; within a packet they ask for nothing else.
  reg started = 0;
  always @(posedge clock) started <= 1;
  always @* assume(reset == !started);

  reg [4:0] asked = 0;
  reg [4:0] ends;
  always @(posedge clock) begin
    asked <= reset ? 0 : request_i & ~take_o;
    ends <= last_i;
  end
  always @* begin
    assume((request_i & asked) == asked);
    assume(((last_i ^ ends) & asked) == 0);
  end

