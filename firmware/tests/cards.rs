//! Cards as far as open tools reach: Verilog against the bridge's documented ports, constraints against the top's, scripts run by a Tcl shell in
//! which the vendor's commands only note their arguments.

use backspike_arch::ArchConfig;
use backspike_arch::layout::{PCI_DMA_BASE, PCI_DMA_BYTES, PCI_VENDOR};
use backspike_firmware::flow::Flow;
use backspike_firmware::{CARDS, Card, write_project};
use backspike_tb::lint;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Names of the ports of `module` in `verilog` that are declared with `direction`.
fn ports(verilog: &str, module: &str, direction: &str) -> BTreeSet<String> {
    let header = verilog.split(&format!("module {module} (")).nth(1).unwrap();
    let header = header.split(");").next().unwrap();
    let of = |line: &str| {
        let rest = line.trim().strip_prefix(direction)?.trim().strip_prefix("wire")?;
        Some(rest.trim().trim_end_matches(',').rsplit(' ').next()?.to_owned())
    };
    header.lines().filter_map(of).collect()
}

fn nano(card: &Card) -> ArchConfig {
    card.adapt(&ArchConfig::nano())
}

#[test]
fn tops_are_clean_under_wall_beside_the_bridges_ports() {
    for card in CARDS {
        // Modules without content: what they do with their ports is the vendor's business.
        let vendor = format!(
            "/* verilator lint_off UNUSEDSIGNAL */\n/* verilator lint_off UNDRIVEN */\n{}",
            card.vendor
        );
        let text = card.design(&nano(card)).unwrap().to_single_file() + &vendor;
        assert_eq!(lint(&card.module(), &text).unwrap(), Vec::<String>::new(), "{}", card.name);
    }
}

#[test]
fn every_input_of_the_bridge_is_driven() {
    for card in CARDS {
        let instance = card.top.split("pcie_bridge bridge (").nth(1).unwrap();
        let instance = instance.split("\n  );").next().unwrap();
        let inputs = ports(card.vendor, "pcie_bridge", "input");
        assert!(inputs.len() > 30, "{inputs:?}");
        for input in inputs {
            let driven = instance.lines().any(|line| {
                line.trim()
                    .strip_prefix(&format!(".{input}("))
                    .is_some_and(|to| !to.starts_with(')'))
            });
            assert!(driven, "{}: nothing drives {input} of the bridge", card.name);
        }
    }
}

#[test]
fn constraints_name_the_ports_of_the_top() {
    for card in CARDS {
        let mut ports = ports(card.top, &card.module(), "input");
        ports.extend(self::ports(card.top, &card.module(), "output"));
        let mut placed = BTreeMap::new();
        for line in card.constraints.lines().filter(|line| line.contains("PACKAGE_PIN")) {
            let pin = line.split("PACKAGE_PIN ").nth(1).unwrap().split(' ').next().unwrap();
            let port = line.split("get_ports ").nth(1).unwrap().trim_end_matches(']');
            let port = port.trim_start_matches('{').split(['[', '}', ']']).next().unwrap();
            assert!(ports.contains(port), "{}: the top has no port {port}", card.name);
            assert_eq!(placed.insert(pin, port), None, "{}: {pin} is used twice", card.name);
        }
        let placed: BTreeSet<&str> = placed.into_values().collect();
        let all: BTreeSet<&str> = ports.iter().map(String::as_str).collect();
        assert_eq!(placed, all, "{}: these ports have pins", card.name);
    }
}

/// The vendor's commands, which note what they were told: name and arguments, one a line. Timing is met by the slack given.
fn vendor_commands(slack: &str) -> String {
    let mut text = String::from("proc note {args} { puts [join $args { }] }\n");
    for command in [
        "create_project",
        "read_verilog",
        "create_ip",
        "generate_target",
        "synth_ip",
        "read_xdc",
        "synth_design",
        "opt_design",
        "place_design",
        "phys_opt_design",
        "route_design",
        "report_utilization",
        "report_timing_summary",
        "report_drc",
        "write_bitstream",
        "write_cfgmem",
        "set_property",
        "create_clock",
        "set_false_path",
    ] {
        text += &format!("proc {command} {{args}} {{ note {command} {{*}}$args }}\n");
    }
    for command in [
        "get_ips",
        "get_files",
        "current_project",
        "get_ports",
        "get_cells",
        "current_design",
        "get_timing_paths",
    ] {
        text += &format!("proc {command} {{args}} {{ return <[concat {command} $args]> }}\n");
    }
    text + &format!(
        "proc get_property {{name of}} {{ if {{$name eq {{SLACK}}}} {{ return {slack} }}; return <$name> }}\n"
    )
}

/// Runs `script` of `folder` in a Tcl shell with the vendor's commands: what was noted, and whether it ended well.
fn run(folder: &Path, script: &str, slack: &str) -> (Vec<String>, bool) {
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(folder, &mut quiet).unwrap();
    flow.write("run.tcl", &format!("{}source {script}\n", vendor_commands(slack))).unwrap();
    let mut tclsh = Command::new("tclsh");
    tclsh.current_dir(folder).arg("run.tcl");
    let output = tclsh.output().expect("make setup installs tclsh");
    flow.say("done");
    let noted = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || complaint.contains("misses its"), "{complaint}");
    (noted, output.status.success())
}

/// Fails unless Yosys finds every module and port of the written project, and every net driven once.
fn elaborate(folder: &Path, card: &Card) {
    let mut quiet = |_: &str| {};
    let mut flow = Flow::new(folder, &mut quiet).unwrap();
    let script = format!(
        "read_verilog vendor.v core.v; hierarchy -check -top {}; proc; check -assert; write_json elaborated.json",
        card.module()
    );
    flow.yosys("elaboration", &script, &["vendor.v", "core.v"], &["elaborated.json"]).unwrap();
}

#[test]
fn projects_build_by_their_scripts() {
    for card in CARDS {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cards").join(card.name);
        write_project(card, &nano(card), &folder).unwrap();
        elaborate(&folder, card);
        let (noted, good) = run(&folder, "build.tcl", "0.1");
        assert!(good);
        let position = |start: &str| {
            let found = noted.iter().position(|line| line.starts_with(start));
            found.unwrap_or_else(|| panic!("{}: no {start} in {noted:#?}", card.name))
        };
        let order = [
            format!("create_project -in_memory -part {}", card.part),
            "read_verilog core.v".into(),
            "create_ip -vendor xilinx.com -library ip".into(),
            "generate_target all".into(),
            "read_xdc pins.xdc".into(),
            format!("synth_design -top {}", card.module()),
            "route_design".into(),
            format!("write_bitstream -force {}.bit", card.module()),
        ];
        let places: Vec<usize> = order.iter().map(|start| position(start)).collect();
        assert!(places.is_sorted(), "{}: {noted:#?}", card.name);

        // The bridge is what the host's driver looks for, and leads where it maps its memory.
        let bridge = &noted[position("set_property -dict CONFIG.")].to_uppercase();
        for value in [
            format!("{PCI_VENDOR:04X}"),
            format!("0X{PCI_DMA_BASE:016X}"),
            format!("0X{:08X}", PCI_DMA_BYTES - 1),
        ] {
            assert!(bridge.contains(&value), "{}: {value} is not in {bridge}", card.name);
        }

        let (noted, good) = run(&folder, "build.tcl", "-0.2");
        assert!(!good && !noted.iter().any(|line| line.starts_with("write_bitstream")));

        let (noted, _) = run(&folder, "pins.xdc", "0");
        assert!(noted.iter().any(|line| line.starts_with("create_clock -name pcie_refclk")));
    }
}
