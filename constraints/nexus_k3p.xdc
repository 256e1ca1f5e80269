# Cisco Nexus K3P-S (ExaNIC X25), XCKU3P in FFVB676. Pins: github.com/corundum/corundum, fpga/mqnic/Nexus_K3P_S/fpga_25g/fpga.xdc.
set_property PACKAGE_PIN V7 [get_ports pcie_refclk_p]
set_property PACKAGE_PIN V6 [get_ports pcie_refclk_n]
create_clock -name pcie_refclk -period 10.000 [get_ports pcie_refclk_p]

# Lane 0 is channel 3 of quad 225.
set_property PACKAGE_PIN P2 [get_ports pcie_rx_p]
set_property PACKAGE_PIN P1 [get_ports pcie_rx_n]
set_property PACKAGE_PIN R5 [get_ports pcie_tx_p]
set_property PACKAGE_PIN R4 [get_ports pcie_tx_n]

set_property -dict {PACKAGE_PIN T19 IOSTANDARD LVCMOS18 PULLUP true} [get_ports pcie_perst_n]
set_false_path -from [get_ports pcie_perst_n]

set_property -dict {PACKAGE_PIN J14 IOSTANDARD LVCMOS33 SLEW SLOW DRIVE 12} [get_ports {sma_led[0]}]
set_property -dict {PACKAGE_PIN G12 IOSTANDARD LVCMOS33 SLEW SLOW DRIVE 12} [get_ports {sma_led[1]}]
set_false_path -to [get_ports {sma_led[*]}]

# The flash memory is parallel, 16 bits wide.
set_property CONFIG_MODE BPI16 [current_design]
set_property BITSTREAM.CONFIG.BPI_PAGE_SIZE 8 [current_design]
set_property BITSTREAM.CONFIG.BPI_1ST_READ_CYCLE 4 [current_design]
set_property BITSTREAM.CONFIG.CONFIGRATE 31.9 [current_design]
set_property BITSTREAM.CONFIG.UNUSEDPIN Pullup [current_design]
set_property BITSTREAM.CONFIG.OVERTEMPSHUTDOWN Enable [current_design]
set_property BITSTREAM.GENERAL.COMPRESS true [current_design]
set_property CONFIG_VOLTAGE 1.8 [current_design]
set_property CFGBVS GND [current_design]
