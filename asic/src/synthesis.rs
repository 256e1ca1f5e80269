//! Verilog to standard cells.

use crate::liberty::{BUFFER, CellKind, Library};
use crate::netlist::Netlist;
use anyhow::{Context, Result};
use backspike_firmware::flow::Flow;
use backspike_hdl::emit::Design;

/// A design as cells.
pub struct Chip {
    pub netlist: Netlist,
    /// Its Verilog, for timing analysis, in the folder of the flow.
    pub verilog: String,
}

/// Enabled registers of at least this many bits get a clock gate, where the library has one.
const GATED_BITS: usize = 4;

/// The file with [`RESET_AS_ENABLE`].
const REGISTERS: &str = "registers.map.v";

/// Only registers without reset get clock gates: those with one become registers that are enabled by their reset too.
const RESET_AS_ENABLE: &str = r"
module \$_SDFFE_PP0P_ (input D, C, R, E, output Q);
  \$_DFFE_PP_ register (.D(D & ~R), .C(C), .E(E | R), .Q(Q));
endmodule
module \$_SDFFE_PP1P_ (input D, C, R, E, output Q);
  \$_DFFE_PP_ register (.D(D | R), .C(C), .E(E | R), .Q(Q));
endmodule
module \$_SDFFCE_PP0P_ (input D, C, R, E, output Q);
  \$_DFFE_PP_ register (.D(D & ~R), .C(C), .E(E), .Q(Q));
endmodule
module \$_SDFFCE_PP1P_ (input D, C, R, E, output Q);
  \$_DFFE_PP_ register (.D(D | R), .C(C), .E(E), .Q(Q));
endmodule
";

/// The smallest clock gate of the library as the module of [`backspike_hdl::prim::ClockGate`], if the library has one.
fn clock_gate(library: &Library) -> Option<String> {
    let (name, cell, (clock, enable)) = library.smallest(|cell| match cell.kind {
        CellKind::ClockGate { clock, enable, .. } => Some((clock, enable)),
        _ => None,
    })?;
    let (clock, enable) = (&cell.inputs[clock].0, &cell.inputs[enable].0);
    let output = &cell.outputs.first()?.name;
    Some(format!(
        "module clock_gate (input clock, input run_i, output clock_o);\n  \
         {name} gate (.{clock}(clock), .{enable}(run_i), .{output}(clock_o));\nendmodule\n"
    ))
}

/// The file with [`SINGLE_ADDERS`].
const SINGLES: &str = "singles.map.v";
/// The file with [`full_adder`].
const ADDERS: &str = "adders.map.v";

/// Yosys makes products and sums of several numbers of words of full adders. This takes them apart, and those with an input that is known
/// become gates. What is known of a word's sums shows when they are gates, so a tree of words takes a pass for each of its levels.
const SINGLE_ADDERS: &str = r#"
(* techmap_celltype = "$fa" *)
module _10_full_adders (A, B, C, X, Y);
  parameter WIDTH = 1;
  parameter _TECHMAP_CONSTMSK_A_ = 0;
  parameter _TECHMAP_CONSTMSK_B_ = 0;
  parameter _TECHMAP_CONSTMSK_C_ = 0;
  localparam [WIDTH-1:0] KNOWN = _TECHMAP_CONSTMSK_A_ | _TECHMAP_CONSTMSK_B_ | _TECHMAP_CONSTMSK_C_;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  genvar i;
  generate
    if (WIDTH == 1 && KNOWN == 0) begin : single
      wire _TECHMAP_FAIL_ = 1;
    end
    for (i = 0; i < WIDTH; i = i + 1) begin : bits
      if (KNOWN[i]) begin : gates
        assign X[i] = A[i] & B[i] | C[i] & (A[i] | B[i]);
        assign Y[i] = A[i] ^ B[i] ^ C[i];
      end else begin : unknown
        \$fa #(.WIDTH(1)) adder (.A(A[i]), .B(B[i]), .C(C[i]), .X(X[i]), .Y(Y[i]));
      end
    end
  endgenerate
endmodule
"#;
/// Levels of a tree of 32 words, three to two in each: as many as the errors that a visit of WG adds at most.
const ADDER_LEVELS: usize = 8;

/// Tables of the outputs of a full adder, which are the same whichever input is which.
const CARRY: u64 = 0b1110_1000;
const SUM: u64 = 0b1001_0110;

/// A single full adder as the library's smallest cell of that kind, if it has one. ABC would make one of seven gates.
fn full_adder(library: &Library) -> Option<String> {
    let (name, cell, (carry, sum)) = library.smallest(|cell| {
        let of = |table| cell.outputs.iter().find(|output| output.table == table);
        let adds = cell.kind == CellKind::Gates && cell.inputs.len() == 3;
        adds.then_some((&of(CARRY)?.name, &of(SUM)?.name))
    })?;
    let [a, b, c] = [0, 1, 2].map(|input: usize| &cell.inputs[input].0);
    Some(format!(
        "(* techmap_celltype = \"$fa\" *)\nmodule full_adder (input A, B, C, output X, Y);\n  \
         parameter WIDTH = 1;\n  \
         {name} adder (.{a}(A), .{b}(B), .{c}(C), .{carry}(X), .{sum}(Y));\nendmodule\n"
    ))
}

/// The file with what a block's mapping supposes around it; without it ABC neither buffers nets nor sizes gates.
const SURROUNDINGS: &str = "surroundings.sdc";
/// Inverters that an output of a block drives.
const OUTPUT_LOADS: f64 = 4.0;

/// Inputs come from the smallest buffer, outputs drive some inverters. Loads are in fF.
fn surroundings(library: &Library) -> Result<String> {
    let buffer = library.smallest(|cell| cell.is_single_gate(BUFFER).then_some(()));
    let (name, ..) = buffer.with_context(|| {
        format!(
            "the library {} has no buffer, without which nets with many sinks are slow",
            library.name
        )
    })?;
    let load = OUTPUT_LOADS * library.unit_load;
    Ok(format!("set_driving_cell {name}\nset_load {load} [all_outputs]\n"))
}

/// Maps `design` to the cells of the Liberty file `liberty` in the flow's folder, which is `library`, aiming at a cycle of `period_ps`.
/// Memories stay what they are; blocks are mapped one by one and then flattened, so that cells keep the names of their blocks.
pub fn synthesise_chip(
    flow: &mut Flow,
    design: &Design,
    library: &Library,
    liberty: &str,
    period_ps: u32,
) -> Result<Chip> {
    let top = design.top().to_owned();
    let (source, blif, verilog) =
        (format!("{top}.v"), format!("{top}.blif"), format!("{top}.netlist.v"));
    let mut design = design.clone();
    let mut gates = String::new();
    if let Some(gate) = clock_gate(library) {
        for module in design.modules.iter_mut().filter(|module| module.name == "clock_gate") {
            module.text.clone_from(&gate);
        }
        gates = format!(
            "techmap -map {REGISTERS}; simplemap; opt_merge; opt_clean; clockgate -liberty {liberty} -min_net_size {GATED_BITS};"
        );
    }
    flow.write(&source, &design.to_single_file())?;
    flow.write(REGISTERS, RESET_AS_ENABLE)?;
    let adders = full_adder(library);
    let steps = match &adders {
        Some(_) => format!(
            "synth -top {top} -run begin:fine; maccmap; {} techmap -map {ADDERS}; synth -top {top} -run fine:;",
            format!("techmap -map {SINGLES}; opt -fast -full; ").repeat(ADDER_LEVELS)
        ),
        None => format!("synth -top {top};"),
    };
    flow.write(SINGLES, SINGLE_ADDERS)?;
    flow.write(ADDERS, adders.as_deref().unwrap_or_default())?;
    flow.write(SURROUNDINGS, &surroundings(library)?)?;
    let script = format!(
        "read_liberty -lib {liberty}; read_verilog {source}; blackbox ram_*; {steps} {gates} dfflibmap -liberty {liberty}; \
         abc -D {period_ps} -constr {SURROUNDINGS} -liberty {liberty}; flatten; opt_clean -purge; \
         write_verilog -noattr -norename {verilog}; write_blif -cname {blif}"
    );
    let inputs = [source.as_str(), liberty, REGISTERS, SINGLES, ADDERS, SURROUNDINGS];
    flow.yosys(&format!("mapping of {top}"), &script, &inputs, &[&blif, &verilog])?;
    let netlist = Netlist::parse(&flow.read(&blif)?)?;
    Ok(Chip { netlist, verilog })
}
