// Nexus K3P-S: XCKU3P on a card of eight lanes, of which one is used. Everything runs on the bridge's clock, 125 MHz.
module backspike_nexus_k3p (
    input wire pcie_refclk_p,
    input wire pcie_refclk_n,
    input wire pcie_perst_n,
    input wire pcie_rx_p,
    input wire pcie_rx_n,
    output wire pcie_tx_p,
    output wire pcie_tx_n,
    output wire [1:0] sma_led
);
  wire refclk;
  wire refclk_gt;
  IBUFDS_GTE4 refclk_buffer (
      .I(pcie_refclk_p),
      .IB(pcie_refclk_n),
      .CEB(1'b0),
      .O(refclk_gt),
      .ODIV2(refclk)
  );

  wire clock;
  wire running;
  wire reset = !running;

  /* verilator lint_off UNUSEDSIGNAL */ // BAR0 has 13 bits of address, the window onto host memory 31.
  wire [63:0] window_awaddr, window_araddr;
  wire [63:0] memory_awaddr, memory_araddr;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [63:0] window_wdata, window_rdata;
  wire [3:0] window_awid, window_arid, window_bid, window_rid;
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

  wire messages_enabled;
  wire [2:0] message_line, message_ack;

  // The driver maps all its memory into the 2 GiB from 0x1_0000_0000, which is where the bridge's window of 31 bits leads.
  /* verilator lint_off PINMISSING */ // Outputs of the bridge that nobody needs.
  pcie_bridge bridge (
      .sys_clk(refclk),
      .sys_clk_gt(refclk_gt),
      .sys_rst_n(pcie_perst_n),
      .axi_aclk(clock),
      .axi_aresetn(running),
      .pci_exp_txp(pcie_tx_p),
      .pci_exp_txn(pcie_tx_n),
      .pci_exp_rxp(pcie_rx_p),
      .pci_exp_rxn(pcie_rx_n),
      .usr_irq_req(message_line),
      .usr_irq_ack(message_ack),
      .msi_enable(messages_enabled),
      .m_axib_awid(window_awid),
      .m_axib_awaddr(window_awaddr),
      .m_axib_awvalid(window_awvalid),
      .m_axib_awready(window_awready),
      .m_axib_wdata(window_wdata),
      .m_axib_wstrb(window_wstrb),
      .m_axib_wlast(window_wlast),
      .m_axib_wvalid(window_wvalid),
      .m_axib_wready(window_wready),
      .m_axib_bid(window_bid),
      .m_axib_bresp(window_bresp),
      .m_axib_bvalid(window_bvalid),
      .m_axib_bready(window_bready),
      .m_axib_arid(window_arid),
      .m_axib_araddr(window_araddr),
      .m_axib_arlen(window_arlen),
      .m_axib_arsize(window_arsize),
      .m_axib_arvalid(window_arvalid),
      .m_axib_arready(window_arready),
      .m_axib_rid(window_rid),
      .m_axib_rdata(window_rdata),
      .m_axib_rresp(window_rresp),
      .m_axib_rlast(window_rlast),
      .m_axib_rvalid(window_rvalid),
      .m_axib_rready(window_rready),
      .s_axib_awid(4'd0),
      .s_axib_awaddr({33'd0, memory_awaddr[30:0]}),
      .s_axib_awregion(4'd0),
      .s_axib_awlen(memory_awlen),
      .s_axib_awsize(memory_awsize),
      .s_axib_awburst(memory_awburst),
      .s_axib_awvalid(memory_awvalid),
      .s_axib_awready(memory_awready),
      .s_axib_wdata(memory_wdata),
      .s_axib_wstrb(memory_wstrb),
      .s_axib_wlast(memory_wlast),
      .s_axib_wvalid(memory_wvalid),
      .s_axib_wready(memory_wready),
      .s_axib_bresp(memory_bresp),
      .s_axib_bvalid(memory_bvalid),
      .s_axib_bready(memory_bready),
      .s_axib_arid(4'd0),
      .s_axib_araddr({33'd0, memory_araddr[30:0]}),
      .s_axib_arregion(4'd0),
      .s_axib_arlen(memory_arlen),
      .s_axib_arsize(memory_arsize),
      .s_axib_arburst(memory_arburst),
      .s_axib_arvalid(memory_arvalid),
      .s_axib_arready(memory_arready),
      .s_axib_rdata(memory_rdata),
      .s_axib_rresp(memory_rresp),
      .s_axib_rlast(memory_rlast),
      .s_axib_rvalid(memory_rvalid),
      .s_axib_rready(memory_rready),
      .s_axil_awaddr(32'd0),
      .s_axil_awprot(3'd0),
      .s_axil_awvalid(1'b0),
      .s_axil_wdata(32'd0),
      .s_axil_wstrb(4'd0),
      .s_axil_wvalid(1'b0),
      .s_axil_bready(1'b0),
      .s_axil_araddr(32'd0),
      .s_axil_arprot(3'd0),
      .s_axil_arvalid(1'b0),
      .s_axil_rready(1'b0)
  );
  /* verilator lint_on PINMISSING */

  wire active;
  /* verilator lint_off PINMISSING */ // The other kind of bridge needs them.
  backspike_bridged bridged (
      .clock(clock),
      .reset(reset),
      .window_awvalid(window_awvalid),
      .window_awready(window_awready),
      .window_awid(window_awid),
      .window_awaddr(window_awaddr[12:0]),
      .window_wvalid(window_wvalid),
      .window_wready(window_wready),
      .window_wdata(window_wdata),
      .window_wstrb(window_wstrb),
      .window_wlast(window_wlast),
      .window_bvalid(window_bvalid),
      .window_bready(window_bready),
      .window_bid(window_bid),
      .window_bresp(window_bresp),
      .window_arvalid(window_arvalid),
      .window_arready(window_arready),
      .window_arid(window_arid),
      .window_araddr(window_araddr[12:0]),
      .window_arlen(window_arlen),
      .window_arsize(window_arsize),
      .window_rvalid(window_rvalid),
      .window_rready(window_rready),
      .window_rid(window_rid),
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
      .message_line(message_line),
      .message_grant(|message_ack),
      .active(active)
  );
  /* verilator lint_on PINMISSING */

  // Messages enabled; something moves.
  assign sma_led = {messages_enabled, active};
endmodule
