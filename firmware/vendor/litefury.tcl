# The bridge of the 7 series: AXI Memory Mapped to PCI Express (PG055). One lane of 2.5 GT/s moves 250 MB/s; 64 bits at 62.5 MHz move twice that.
create_ip -vendor xilinx.com -library ip -name axi_pcie -module_name pcie_bridge
set_property -dict [list \
    CONFIG.INCLUDE_RC {PCI_Express_Endpoint_device} \
    CONFIG.NO_OF_LANES {X1} \
    CONFIG.MAX_LINK_SPEED {2.5_GT/s} \
    CONFIG.REF_CLK_FREQ {100_MHz} \
    CONFIG.PCIE_BLK_LOCN {X0Y0} \
    CONFIG.shared_logic_in_core {false} \
    CONFIG.VENDOR_ID $vendor_id \
    CONFIG.DEVICE_ID $device_id \
    CONFIG.SUBSYSTEM_VENDOR_ID $vendor_id \
    CONFIG.SUBSYSTEM_ID $device_id \
    CONFIG.ENABLE_CLASS_CODE {true} \
    CONFIG.CLASS_CODE $class_code \
    CONFIG.BAR_64BIT {false} \
    CONFIG.BAR0_ENABLED {true} \
    CONFIG.BAR0_TYPE {Memory} \
    CONFIG.BAR0_SCALE {Kilobytes} \
    CONFIG.BAR0_SIZE $bar_kilobytes \
    CONFIG.PCIEBAR2AXIBAR_0 {0x00000000} \
    CONFIG.M_AXI_ADDR_WIDTH {32} \
    CONFIG.M_AXI_DATA_WIDTH {64} \
    CONFIG.S_AXI_ADDR_WIDTH {32} \
    CONFIG.S_AXI_DATA_WIDTH {64} \
    CONFIG.S_AXI_ID_WIDTH {4} \
    CONFIG.S_AXI_SUPPORTS_NARROW_BURST {false} \
    CONFIG.AXIBAR_NUM {1} \
    CONFIG.AXIBAR_AS_0 {true} \
    CONFIG.AXIBAR_0 {0x00000000} \
    CONFIG.AXIBAR_HIGHADDR_0 $window_last \
    CONFIG.AXIBAR2PCIEBAR_0 $dma_base \
    CONFIG.INTERRUPT_PIN {false} \
    CONFIG.NUM_MSI_REQ {2} \
] [get_ips pcie_bridge]
# NUM_MSI_REQ is the logarithm: four messages, of which three are used.
