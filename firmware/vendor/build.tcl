# Builds the card's image without a window: vivado -mode batch -source build.tcl, in the folder that backspike bitstream made.
# card.tcl says what is built, bridge.tcl makes the bridge; reports and image are written beside them.
set folder [file dirname [file normalize [info script]]]
cd $folder
source card.tcl

create_project -in_memory -part $part
set_property target_language Verilog [current_project]
read_verilog core.v
source bridge.tcl
generate_target all [get_ips pcie_bridge]
synth_ip [get_ips pcie_bridge]
read_xdc pins.xdc
set_property PROCESSING_ORDER EARLY [get_files pins.xdc]

synth_design -top $top -part $part
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.txt
report_timing_summary -file timing.txt
report_drc -file drc.txt

foreach check {setup hold} {
    set worst [get_timing_paths -$check -max_paths 1 -nworst 1]
    set slack [get_property SLACK $worst]
    if {$slack < 0} {
        puts stderr "The design misses its $check time by [expr {-$slack}] ns, from [get_property STARTPOINT_PIN $worst] to [get_property ENDPOINT_PIN $worst]: see timing.txt."
        exit 1
    }
}
write_bitstream -force $top.bit
write_cfgmem -force -format bin -interface $flash_interface -size $flash_megabytes -loadbit "up 0x0 $top.bit" $top.bin
