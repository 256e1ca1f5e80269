// LiteFury: XC7A100T on an M.2 card, one lane of PCI Express. Everything runs on the bridge's clock, 62.5 MHz.
module backspike_litefury (
    input wire pcie_refclk_p,
    input wire pcie_refclk_n,
    input wire pcie_perst_n,
    input wire pcie_rx_p,
    input wire pcie_rx_n,
    output wire pcie_tx_p,
    output wire pcie_tx_n,
    output wire pcie_clkreq_n,
    output wire led_m2_n,
    output wire [3:0] led_n
);
  wire refclk;
  /* verilator lint_off PINMISSING */ // Its second output is half the clock.
  IBUFDS_GTE2 refclk_buffer (
      .I(pcie_refclk_p),
      .IB(pcie_refclk_n),
      .CEB(1'b0),
      .O(refclk)
  );
  /* verilator lint_on PINMISSING */

  // Reset begins without a clock and ends with it, two registers after the bridge's clock has settled.
  wire clock;
  wire locked;
  wire settled = locked & pcie_perst_n;
  reg [1:0] running;
  always @(posedge clock or negedge settled)
    if (!settled) running <= 2'b00;
    else running <= {running[0], 1'b1};
  wire reset = !running[1];

  /* verilator lint_off UNUSEDSIGNAL */ // BAR0 has 13 bits of address, the window onto host memory 31.
  wire [31:0] window_awaddr, window_araddr;
  wire [63:0] memory_awaddr, memory_araddr;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [63:0] window_wdata, window_rdata;
  wire [7:0] window_wstrb, window_arlen;
  wire [2:0] window_arsize;
  wire [1:0] window_bresp, window_rresp;
  wire window_awvalid, window_awready, window_wvalid, window_wready, window_wlast;
  wire window_bvalid, window_bready, window_arvalid, window_arready;
  wire window_rvalid, window_rready, window_rlast;

  wire [63:0] memory_wdata, memory_rdata;
  wire [7:0] memory_awlen, memory_arlen, memory_wstrb;
  wire [2:0] memory_awsize, memory_arsize;
  wire [1:0] memory_awburst, memory_arburst, memory_bresp, memory_rresp;
  wire memory_awvalid, memory_awready, memory_wvalid, memory_wready, memory_wlast;
  wire memory_bvalid, memory_bready, memory_arvalid, memory_arready;
  wire memory_rvalid, memory_rready, memory_rlast;

  wire message_request, message_grant, messages_enabled;
  wire [4:0] message_vector;
  wire [2:0] message_width;
  // The host may have granted fewer messages than there are lines: 2^width.
  wire [4:0] granted_vector = message_vector & ~(5'h1f << message_width);

  // The driver maps all its memory into the 2 GiB from 0x1_0000_0000, which is where the bridge's window of 31 bits leads.
  /* verilator lint_off PINMISSING */ // Outputs of the bridge that nobody needs.
  pcie_bridge bridge (
      .REFCLK(refclk),
      .axi_aresetn(pcie_perst_n),
      .axi_aclk_out(clock),
      .mmcm_lock(locked),
      .pci_exp_txp(pcie_tx_p),
      .pci_exp_txn(pcie_tx_n),
      .pci_exp_rxp(pcie_rx_p),
      .pci_exp_rxn(pcie_rx_n),
      .INTX_MSI_Request(message_request),
      .INTX_MSI_Grant(message_grant),
      .MSI_enable(messages_enabled),
      .MSI_Vector_Num(granted_vector),
      .MSI_Vector_Width(message_width),
      .m_axi_awaddr(window_awaddr),
      .m_axi_awvalid(window_awvalid),
      .m_axi_awready(window_awready),
      .m_axi_wdata(window_wdata),
      .m_axi_wstrb(window_wstrb),
      .m_axi_wlast(window_wlast),
      .m_axi_wvalid(window_wvalid),
      .m_axi_wready(window_wready),
      .m_axi_bresp(window_bresp),
      .m_axi_bvalid(window_bvalid),
      .m_axi_bready(window_bready),
      .m_axi_araddr(window_araddr),
      .m_axi_arlen(window_arlen),
      .m_axi_arsize(window_arsize),
      .m_axi_arvalid(window_arvalid),
      .m_axi_arready(window_arready),
      .m_axi_rdata(window_rdata),
      .m_axi_rresp(window_rresp),
      .m_axi_rlast(window_rlast),
      .m_axi_rvalid(window_rvalid),
      .m_axi_rready(window_rready),
      .s_axi_awid(4'd0),
      .s_axi_awaddr({1'b0, memory_awaddr[30:0]}),
      .s_axi_awregion(4'd0),
      .s_axi_awlen(memory_awlen),
      .s_axi_awsize(memory_awsize),
      .s_axi_awburst(memory_awburst),
      .s_axi_awvalid(memory_awvalid),
      .s_axi_awready(memory_awready),
      .s_axi_wdata(memory_wdata),
      .s_axi_wstrb(memory_wstrb),
      .s_axi_wlast(memory_wlast),
      .s_axi_wvalid(memory_wvalid),
      .s_axi_wready(memory_wready),
      .s_axi_bresp(memory_bresp),
      .s_axi_bvalid(memory_bvalid),
      .s_axi_bready(memory_bready),
      .s_axi_arid(4'd0),
      .s_axi_araddr({1'b0, memory_araddr[30:0]}),
      .s_axi_arregion(4'd0),
      .s_axi_arlen(memory_arlen),
      .s_axi_arsize(memory_arsize),
      .s_axi_arburst(memory_arburst),
      .s_axi_arvalid(memory_arvalid),
      .s_axi_arready(memory_arready),
      .s_axi_rdata(memory_rdata),
      .s_axi_rresp(memory_rresp),
      .s_axi_rlast(memory_rlast),
      .s_axi_rvalid(memory_rvalid),
      .s_axi_rready(memory_rready),
      .s_axi_ctl_awaddr(32'd0),
      .s_axi_ctl_awvalid(1'b0),
      .s_axi_ctl_wdata(32'd0),
      .s_axi_ctl_wstrb(4'd0),
      .s_axi_ctl_wvalid(1'b0),
      .s_axi_ctl_bready(1'b0),
      .s_axi_ctl_araddr(32'd0),
      .s_axi_ctl_arvalid(1'b0),
      .s_axi_ctl_rready(1'b0)
  );
  /* verilator lint_on PINMISSING */

  wire active;
  /* verilator lint_off PINMISSING */ // The other kind of bridge needs them.
  backspike_bridged bridged (
      .clock(clock),
      .reset(reset),
      .window_awvalid(window_awvalid),
      .window_awready(window_awready),
      .window_awid(4'd0),
      .window_awaddr(window_awaddr[12:0]),
      .window_wvalid(window_wvalid),
      .window_wready(window_wready),
      .window_wdata(window_wdata),
      .window_wstrb(window_wstrb),
      .window_wlast(window_wlast),
      .window_bvalid(window_bvalid),
      .window_bready(window_bready),
      .window_bresp(window_bresp),
      .window_arvalid(window_arvalid),
      .window_arready(window_arready),
      .window_arid(4'd0),
      .window_araddr(window_araddr[12:0]),
      .window_arlen(window_arlen),
      .window_arsize(window_arsize),
      .window_rvalid(window_rvalid),
      .window_rready(window_rready),
      .window_rdata(window_rdata),
      .window_rresp(window_rresp),
      .window_rlast(window_rlast),
      .memory_awvalid(memory_awvalid),
      .memory_awready(memory_awready),
      .memory_awaddr(memory_awaddr),
      .memory_awlen(memory_awlen),
      .memory_awsize(memory_awsize),
      .memory_awburst(memory_awburst),
      .memory_wvalid(memory_wvalid),
      .memory_wready(memory_wready),
      .memory_wdata(memory_wdata),
      .memory_wstrb(memory_wstrb),
      .memory_wlast(memory_wlast),
      .memory_bvalid(memory_bvalid),
      .memory_bready(memory_bready),
      .memory_bresp(memory_bresp),
      .memory_arvalid(memory_arvalid),
      .memory_arready(memory_arready),
      .memory_araddr(memory_araddr),
      .memory_arlen(memory_arlen),
      .memory_arsize(memory_arsize),
      .memory_arburst(memory_arburst),
      .memory_rvalid(memory_rvalid),
      .memory_rready(memory_rready),
      .memory_rdata(memory_rdata),
      .memory_rresp(memory_rresp),
      .memory_rlast(memory_rlast),
      .messages_enabled(messages_enabled),
      .message_request(message_request),
      .message_vector(message_vector),
      .message_grant(message_grant),
      .active(active)
  );
  /* verilator lint_on PINMISSING */

  // The host's clock is always wanted.
  assign pcie_clkreq_n = 1'b0;
  assign led_m2_n = !active;
  // From led_n[3] to led_n[0]: in reset, nothing, messages enabled, something moves.
  assign led_n = ~{reset, 1'b0, messages_enabled, active};
endmodule
