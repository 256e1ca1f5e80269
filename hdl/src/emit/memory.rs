//! Memories.

use super::error::Problems;
use super::show::range;
use super::tree::Instance;
use crate::prim::{Primitive, RAM_ADDRESS_BITS};

/// The module of a memory, or nothing for other blocks and for memories that were refused.
pub(super) fn memory_text(instance: &Instance, problems: &mut Problems) -> Option<String> {
    let number = |key| instance.identity.param(key)?.parse::<usize>().ok();
    let (name, width, depth) = (instance.identity.name.as_deref()?, number("w")?, number("d")?);
    let write = match instance.identity.primitive? {
        Primitive::Ram => simple,
        Primitive::RamTdp => dual,
        Primitive::Reg | Primitive::Pipe | Primitive::ClockGate => return None,
    };
    if width == 0 || depth > 1 << RAM_ADDRESS_BITS {
        let text = format!(
            "a memory of {depth} words of {width} bits does not exist: the width is at least 1, the depth at most 2^{RAM_ADDRESS_BITS}"
        );
        problems.add(name, &instance.path, text);
        return None;
    }
    Some(write(name, width, depth))
}

/// Bits of an address that a memory of `depth` words looks at.
fn index_bits(depth: usize) -> usize {
    depth.next_power_of_two().trailing_zeros() as usize
}

/// The index of the word at address `port`.
fn index(port: &str, depth: usize) -> String {
    match index_bits(depth) {
        1 => format!("{port}[0]"),
        bits => format!("{port}[{}:0]", bits - 1),
    }
}

/// A wire that reads the address bits no word needs, so that no tool reports them.
fn above(ports: &[&str], depth: usize) -> String {
    let bits = index_bits(depth);
    let top = RAM_ADDRESS_BITS - 1;
    if bits > top {
        return String::new();
    }
    let parts = ports.iter().map(|port| match bits == top {
        true => format!(", {port}[{top}]"),
        false => format!(", {port}[{top}:{bits}]"),
    });
    format!(
        "\n  // Address bits above the depth.\n  wire unused_bits = &{{1'b0{}}};\n",
        parts.collect::<String>()
    )
}

fn simple(name: &str, width: usize, depth: usize) -> String {
    let (word, address, last) = (range(width), range(RAM_ADDRESS_BITS), depth - 1);
    let (read, write) = (index("raddr_i", depth), index("waddr_i", depth));
    let above = above(&["raddr_i", "waddr_i"], depth);
    format!(
        "\
// Memory of {depth} words of {width} bits: one write port, one read port, output held while ren_i is low.
// Reading the word that is being written gives an undefined value.
module {name} (
  input wire {address}raddr_i,
  input wire ren_i,
  output wire {word}rdata_o,
  input wire {address}waddr_i,
  input wire wen_i,
  input wire {word}wdata_i,
  input wire clock
);

  // Nothing may depend on what a read gives of the word being written.
  (* no_rw_check *)
  reg {word}memory [0:{last}];
  reg {word}rdata_q;

  assign rdata_o = rdata_q;

  always @(posedge clock) begin
    if (wen_i) memory[{write}] <= wdata_i;
    if (ren_i) rdata_q <= memory[{read}];
  end
{above}
endmodule
"
    )
}

fn dual(name: &str, width: usize, depth: usize) -> String {
    let (word, address, last) = (range(width), range(RAM_ADDRESS_BITS), depth - 1);
    let (a, b) = (index("a_addr_i", depth), index("b_addr_i", depth));
    let above = above(&["a_addr_i", "b_addr_i"], depth);
    format!(
        "\
// Memory of {depth} words of {width} bits with two ports that each read or write; outputs hold otherwise.
// Both ports on one word, at least one writing, gives an undefined value.
module {name} (
  input wire {address}a_addr_i,
  input wire a_en_i,
  input wire a_we_i,
  input wire {word}a_wdata_i,
  output wire {word}a_rdata_o,
  input wire {address}b_addr_i,
  input wire b_en_i,
  input wire b_we_i,
  input wire {word}b_wdata_i,
  output wire {word}b_rdata_o,
  input wire clock
);

  // Nothing may depend on what a read gives of the word being written.
  (* no_rw_check *)
  reg {word}memory [0:{last}];
  reg {word}a_rdata_q;
  reg {word}b_rdata_q;

  assign a_rdata_o = a_rdata_q;
  assign b_rdata_o = b_rdata_q;

  always @(posedge clock) begin
    if (a_en_i) begin
      if (a_we_i) memory[{a}] <= a_wdata_i;
      else a_rdata_q <= memory[{a}];
    end
  end

  always @(posedge clock) begin
    if (b_en_i) begin
      if (b_we_i) memory[{b}] <= b_wdata_i;
      else b_rdata_q <= memory[{b}];
    end
  end
{above}
endmodule
"
    )
}
