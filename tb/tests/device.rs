//! The host port of the Verilated device, on a stand-in core that sends every write back.

use backspike_arch::{ArchConfig, Device, DeviceError, HostAddress, Region};
use backspike_tb::{Optimize, RtlDevice, RtlLibrary, RtlOptions, Waves};

/// A queue of 8 words between host and push port. It takes a write only in cycles that a counter chooses, and keeps writes to the
/// state memory for itself.
const ECHO: &str = "
module echo(input clock, input reset, input host_valid_i, output host_ready_o, input [31:0] host_addr_i, input [31:0] host_data_i,
            output push_valid_o, input push_ready_i, output [31:0] push_addr_o, output [31:0] push_data_o, output push_last_o);
    reg [63:0] queue [0:7];
    reg [3:0] head, tail;
    reg [2:0] beat;
    assign host_ready_o = (tail - head) != 4'd8 && beat != 3'd3 && beat != 3'd5;
    assign push_valid_o = head != tail;
    assign {push_addr_o, push_data_o} = queue[head[2:0]];
    assign push_last_o = push_data_o[0];
    always @(posedge clock) begin
        beat <= beat + 3'd1;
        if (host_valid_i && host_ready_o && host_addr_i[31:28] != 4'd3) begin
            queue[tail[2:0]] <= {host_addr_i, host_data_i};
            tail <= tail + 4'd1;
        end
        if (push_valid_o && push_ready_i) head <= head + 4'd1;
        if (reset) begin head <= 4'd0; tail <= 4'd0; end
    end
endmodule
";

fn echo(options: &RtlOptions) -> RtlDevice {
    let config = ArchConfig::nano();
    let waves = options.waves.is_some();
    let library = RtlLibrary::from_verilog(&config, "echo", ECHO, waves, Optimize::Quick).unwrap();
    library.device(options).unwrap()
}

#[test]
fn words_survive_pauses_on_both_sides() {
    for (seed, write_pauses, push_pauses) in
        [(1, 0, 0), (2, 200, 0), (3, 0, 200), (4, 128, 128), (5, 250, 250)]
    {
        let options = RtlOptions { seed, write_pauses, push_pauses, ..RtlOptions::default() };
        let mut device = echo(&options);
        let words: Vec<u32> = (0..300u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        let first = HostAddress::new(Region::Weight, 7, 0);
        device.write(first, &words[..100]).unwrap();
        let mut out = Vec::new();
        device.receive(60, &mut out).unwrap();
        assert_eq!(out.len(), 60);
        device.write(first, &words[100..]).unwrap();
        device.receive(240, &mut out).unwrap();
        for (part, base) in [(&out[..100], 0), (&out[100..], 100)] {
            let mut address = first;
            for (i, word) in part.iter().enumerate() {
                assert_eq!(
                    (word.addr, word.data),
                    (address, words[base + i]),
                    "seed {seed}, word {i}"
                );
                assert_eq!(word.last, word.data & 1 == 1);
                address = address.next(device.config());
            }
        }
        assert!(device.cycles() >= 300 && device.kilohertz() > 0.0);
    }
}

#[test]
fn a_silent_core_times_out() {
    let mut device = echo(&RtlOptions { patience: 500, ..RtlOptions::default() });
    device.write(HostAddress::new(Region::Weight, 0, 0), &[1, 2]).unwrap();
    device.write(HostAddress::new(Region::State, 0, 0), &[3, 4]).unwrap();
    let error = device.receive(3, &mut Vec::new()).unwrap_err();
    assert!(
        matches!(error, DeviceError::Timeout { wanted: 3, missing: 1, cycles: 500, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("no progress for 500 cycles while 1 of 3 words were awaited"),
        "{error}"
    );
}

#[test]
fn writes_outside_the_map_are_refused() {
    let mut device = echo(&RtlOptions::default());
    let error = device.write(HostAddress::new(Region::Gradient, 0, 0), &[1]).unwrap_err();
    assert!(
        error.to_string().contains("the region Gradient cannot be written by the host"),
        "{error}"
    );
}

#[test]
fn waves_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("echo.fst");
    let waves = Some(Waves { path: path.clone(), window: 0..1000 });
    let mut device = echo(&RtlOptions { waves, ..RtlOptions::default() });
    device.write(HostAddress::new(Region::Weight, 0, 0), &[7; 50]).unwrap();
    device.receive(50, &mut Vec::new()).unwrap();
    drop(device);
    assert!(std::fs::metadata(path).unwrap().len() > 500);
}
