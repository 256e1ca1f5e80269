//! Properties of the mesh's parts, proved for all inputs and all times: `tb/formal/*.sv` hold them.
//!
//! Each file is put into the module that it speaks of, so it sees its signals. The base case is checked from reset on, then that a state
//! which no step contradicts is followed by no contradiction (k-induction). What is assumed of a neighbour is asserted in that
//! neighbour's file. Flits have 5 bits, one node at each port; buffers hold 4.

use backspike_hdl::mesh::Router;
use backspike_tb::Tool;
use rust_hdl::prelude::Block as _;
use std::path::{Path, PathBuf};

struct Part {
    name: &'static str,
    module: &'static str,
    properties: &'static str,
    /// Steps of the base case, and of the induction.
    steps: &'static str,
    /// A deliberate mistake, which the proof must find.
    mistake: (&'static str, &'static str),
}

const PARTS: [Part; 5] = [
    Part {
        name: "packet_buffer",
        module: "packet_buffer_f5_d4",
        properties: include_str!("../formal/packet_buffer.sv"),
        steps: "12",
        // A buffer is full one flit too late.
        mistake: ("held != depth", "held != (depth + 8'd1)"),
    },
    Part {
        name: "input_port",
        module: "input_port_f5_d4",
        properties: concat!(
            include_str!("../formal/input_neighbours.sv"),
            include_str!("../formal/input_port.sv")
        ),
        steps: "12",
        // A packet goes to its first port only.
        mistake: ("assign more = ports & (~way);", "assign more = 5'd0;"),
    },
    Part {
        name: "output_port",
        module: "output_port_f5",
        properties: concat!(
            include_str!("../formal/output_neighbours.sv"),
            include_str!("../formal/output_port.sv")
        ),
        steps: "12",
        // The lowest input always comes first.
        mistake: ("if (|early) begin", "if (1'b0) begin"),
    },
    Part {
        name: "input_progress",
        module: "input_port_f5_d4",
        properties: concat!(
            include_str!("../formal/input_neighbours.sv"),
            include_str!("../formal/input_progress.sv")
        ),
        steps: "50",
        // A packet is read again and again.
        mistake: ("pending_d = more;", "pending_d = ports;"),
    },
    Part {
        name: "output_progress",
        module: "output_port_f5",
        properties: concat!(
            include_str!("../formal/output_neighbours.sv"),
            include_str!("../formal/output_progress.sv")
        ),
        steps: "40",
        // The lowest input always comes first.
        mistake: ("if (|early) begin", "if (1'b0) begin"),
    },
];

/// The router with the properties in the module of `part`.
fn text(part: &Part, mistake: bool) -> String {
    let mut router = Router::<5>::new(4);
    router.connect_all();
    let mut text = backspike_hdl::emit::emit(&router).unwrap().to_single_file();
    let begin = text.find(&format!("module {} ", part.module)).expect("the module is there");
    let end = begin + text[begin..].find("endmodule").expect("modules end");
    let mut module = text[begin..end].to_owned();
    if mistake {
        let (from, to) = part.mistake;
        assert_eq!(module.matches(from).count(), 1, "{} must hold `{from}` once", part.module);
        module = module.replace(from, to);
    }
    text.replace_range(begin..end, &format!("{module}\n{}", part.properties));
    text
}

/// Runs `yosys-smtbmc` with `options`; whether it passed, and what it said.
fn check(folder: &Path, options: &[&str]) -> (bool, String) {
    // It calls the solver by name.
    let solver = Tool::find("yices-smt2").unwrap();
    let beside = solver.path().parent().unwrap().to_owned();
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(beside).chain(std::env::split_paths(&rest)));
    let mut command = Tool::find("yosys-smtbmc").unwrap().command();
    command.args(["-s", "yices", "--noprogress", "-t"]).args(options).arg("model.smt2");
    let output = command.current_dir(folder).env("PATH", path.unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success() && said.contains("Status: PASSED"), said)
}

/// The model of `part` for the solver.
fn model(part: &Part, mistake: bool) -> PathBuf {
    let kind = if mistake { "mistake" } else { "proof" };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{kind}-{}", part.name));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model.sv"), text(part, mistake)).unwrap();
    let script = format!(
        "read_verilog -formal -sv model.sv; prep -flatten -top {}; async2sync; memory_map; opt -full; dffunmap; write_smt2 -wires model.smt2",
        part.module
    );
    let output = Tool::find("yosys")
        .unwrap()
        .command()
        .args(["-q", "-p", &script])
        .current_dir(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // A signal of no name would be free to take any value.
    assert!(output.status.success() && !said.contains("no driver"), "{}: {said}", part.name);
    folder
}

#[test]
fn buffers_and_ports_keep_every_flit_and_every_order() {
    for part in &PARTS {
        let folder = model(part, false);
        for options in [&[part.steps][..], &[part.steps, "-i"], &["60", "-c"]] {
            let (passed, said) = check(&folder, options);
            assert!(passed, "{} {options:?}:\n{said}", part.name);
        }
    }
}

#[test]
fn mistakes_are_found() {
    for part in &PARTS {
        let (passed, said) = check(&model(part, true), &[part.steps]);
        assert!(!passed && said.contains("Assert failed"), "{} passes:\n{said}", part.name);
    }
}
