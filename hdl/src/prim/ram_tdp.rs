//! Memory with two ports that each read or write.

use super::name::Primitive;
use super::ram::{RAM_ADDRESS_BITS, memory_identity, read, write};
use rust_hdl::prelude::*;

/// A memory of words of `W` bits with two ports on one clock; each port reads or writes in a cycle.
///
/// At a rising edge with `a_en_i` high, port A writes `a_wdata_i` if `a_we_i` is high, and otherwise
/// reads into `a_rdata_o`. `a_rdata_o` holds while the port is idle or writes. Port B is the same.
/// Both ports on one word in one cycle, at least one writing, is undefined: designs must exclude it.
/// Addresses must be below the depth. The content has no reset and is undefined until written (the
/// Rust model starts at 0).
#[derive(Clone, Debug, LogicBlock)]
pub struct RamTdp<const W: usize> {
    /// Word port A reads or writes.
    pub a_addr_i: Signal<In, Bits<RAM_ADDRESS_BITS>>,
    /// Port A acts at this edge.
    pub a_en_i: Signal<In, Bit>,
    /// Port A writes instead of reading.
    pub a_we_i: Signal<In, Bit>,
    /// Value port A writes.
    pub a_wdata_i: Signal<In, Bits<W>>,
    /// Word port A read last.
    pub a_rdata_o: Signal<Out, Bits<W>>,
    /// Word port B reads or writes.
    pub b_addr_i: Signal<In, Bits<RAM_ADDRESS_BITS>>,
    /// Port B acts at this edge.
    pub b_en_i: Signal<In, Bit>,
    /// Port B writes instead of reading.
    pub b_we_i: Signal<In, Bit>,
    /// Value port B writes.
    pub b_wdata_i: Signal<In, Bits<W>>,
    /// Word port B read last.
    pub b_rdata_o: Signal<Out, Bits<W>>,
    /// Clock of both ports.
    pub clock: Signal<In, Clock>,
    _memory: Vec<Bits<W>>,
}

impl<const W: usize> RamTdp<W> {
    /// A memory of `depth` words; a depth below 2 is taken as 2.
    ///
    /// Depths above 2^[`RAM_ADDRESS_BITS`] are refused when Verilog is written.
    pub fn new(depth: usize) -> Self {
        Self {
            a_addr_i: Signal::default(),
            a_en_i: Signal::default(),
            a_we_i: Signal::default(),
            a_wdata_i: Signal::default(),
            a_rdata_o: Signal::default(),
            b_addr_i: Signal::default(),
            b_en_i: Signal::default(),
            b_we_i: Signal::default(),
            b_wdata_i: Signal::default(),
            b_rdata_o: Signal::default(),
            clock: Signal::default(),
            _memory: vec![Bits::default(); depth.max(2)],
        }
    }

    /// Number of words.
    pub fn depth(&self) -> usize {
        self._memory.len()
    }
}

impl<const W: usize> Logic for RamTdp<W> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            if self.a_en_i.val() && !self.a_we_i.val() {
                self.a_rdata_o.next = read(&self._memory, self.a_addr_i.val());
            }
            if self.b_en_i.val() && !self.b_we_i.val() {
                self.b_rdata_o.next = read(&self._memory, self.b_addr_i.val());
            }
            if self.a_en_i.val() && self.a_we_i.val() {
                write(&mut self._memory, self.a_addr_i.val(), self.a_wdata_i.val());
            }
            if self.b_en_i.val() && self.b_we_i.val() {
                write(&mut self._memory, self.b_addr_i.val(), self.b_wdata_i.val());
            }
        }
    }
    fn connect(&mut self) {
        self.a_rdata_o.connect();
        self.b_rdata_o.connect();
    }
    fn timing(&self) -> Vec<TimingInfo> {
        memory_identity(Primitive::RamTdp, W, self.depth())
    }
}
