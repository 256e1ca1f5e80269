# The bridge of UltraScale+: the DMA/Bridge Subsystem in bridge mode (PG194). One lane of 8 GT/s moves what 64 bits at 125 MHz do.
create_ip -vendor xilinx.com -library ip -name xdma -module_name pcie_bridge
set_property -dict [list \
    CONFIG.functional_mode {AXI_Bridge} \
    CONFIG.mode_selection {Advanced} \
    CONFIG.device_port_type {PCI_Express_Endpoint_device} \
    CONFIG.pcie_blk_locn {X0Y0} \
    CONFIG.en_gt_selection {true} \
    CONFIG.select_quad {GTY_Quad_225} \
    CONFIG.pl_link_cap_max_link_width {X1} \
    CONFIG.pl_link_cap_max_link_speed {8.0_GT/s} \
    CONFIG.ref_clk_freq {100_MHz} \
    CONFIG.axisten_freq {125} \
    CONFIG.axi_data_width {64_bit} \
    CONFIG.axi_addr_width {64} \
    CONFIG.vendor_id [string range $vendor_id 2 end] \
    CONFIG.pf0_device_id [string range $device_id 2 end] \
    CONFIG.pf0_subsystem_vendor_id [string range $vendor_id 2 end] \
    CONFIG.pf0_subsystem_id [string range $device_id 2 end] \
    CONFIG.pf0_class_code_base [string range $class_code 2 3] \
    CONFIG.pf0_class_code_sub [string range $class_code 4 5] \
    CONFIG.pf0_class_code_interface [string range $class_code 6 7] \
    CONFIG.pf0_bar0_64bit {false} \
    CONFIG.pf0_bar0_scale {Kilobytes} \
    CONFIG.pf0_bar0_size $bar_kilobytes \
    CONFIG.pciebar2axibar_0 {0x0000000000000000} \
    CONFIG.en_axi_slave_if {true} \
    CONFIG.c_s_axi_supports_narrow_burst {false} \
    CONFIG.axibar_num {1} \
    CONFIG.axibar_0 {0x0000000000000000} \
    CONFIG.axibar_highaddr_0 $window_last \
    CONFIG.axibar2pciebar_0 $dma_base \
    CONFIG.xdma_axilite_slave {true} \
    CONFIG.pf0_interrupt_pin {NONE} \
    CONFIG.pf0_msi_enabled {true} \
    CONFIG.pf0_msi_cap_multimsgcap {4_vectors} \
    CONFIG.pf0_msix_enabled {false} \
    CONFIG.xdma_num_usr_irq {3} \
] [get_ips pcie_bridge]
