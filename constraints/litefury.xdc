# LiteFury, XC7A100T in FGG484. Pins: github.com/RHSResearchLLC/NiteFury-and-LiteFury, Sample-Projects/Project-0/FPGA/common/Constraints.
# Read before the bridge's own constraints, which would put its transceiver at the default place.
set_property PACKAGE_PIN F6 [get_ports pcie_refclk_p]
set_property PACKAGE_PIN E6 [get_ports pcie_refclk_n]
create_clock -name pcie_refclk -period 10.000 [get_ports pcie_refclk_p]

# Lane 0 is channel 2 of quad 216.
set_property LOC GTPE2_CHANNEL_X0Y6 [get_cells -hierarchical -filter {REF_NAME == GTPE2_CHANNEL}]
set_property PACKAGE_PIN B10 [get_ports pcie_rx_p]
set_property PACKAGE_PIN A10 [get_ports pcie_rx_n]
set_property PACKAGE_PIN B6 [get_ports pcie_tx_p]
set_property PACKAGE_PIN A6 [get_ports pcie_tx_n]

set_property -dict {PACKAGE_PIN J1 IOSTANDARD LVCMOS33} [get_ports pcie_perst_n]
set_property -dict {PACKAGE_PIN G1 IOSTANDARD LVCMOS33} [get_ports pcie_clkreq_n]
set_false_path -from [get_ports pcie_perst_n]

set_property -dict {PACKAGE_PIN M1 IOSTANDARD LVCMOS33 DRIVE 8 PULLUP true} [get_ports led_m2_n]
set_property -dict {PACKAGE_PIN G3 IOSTANDARD LVCMOS33 DRIVE 8 PULLUP true} [get_ports {led_n[0]}]
set_property -dict {PACKAGE_PIN H3 IOSTANDARD LVCMOS33 DRIVE 8 PULLUP true} [get_ports {led_n[1]}]
set_property -dict {PACKAGE_PIN G4 IOSTANDARD LVCMOS33 DRIVE 8 PULLUP true} [get_ports {led_n[2]}]
set_property -dict {PACKAGE_PIN H4 IOSTANDARD LVCMOS33 DRIVE 8 PULLUP true} [get_ports {led_n[3]}]
set_false_path -to [get_ports {led_m2_n led_n[*] pcie_clkreq_n}]

# The flash memory has four data lines; the image must be there before the host looks for cards.
set_property CONFIG_MODE SPIx4 [current_design]
set_property BITSTREAM.CONFIG.SPI_BUSWIDTH 4 [current_design]
set_property BITSTREAM.CONFIG.SPI_FALL_EDGE YES [current_design]
set_property BITSTREAM.CONFIG.EXTMASTERCCLK_EN Div-1 [current_design]
set_property BITSTREAM.CONFIG.OVERTEMPPOWERDOWN ENABLE [current_design]
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
set_property CONFIG_VOLTAGE 3.3 [current_design]
set_property CFGBVS VCCO [current_design]
