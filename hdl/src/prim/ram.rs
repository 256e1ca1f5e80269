//! Memory with one write port and one read port.

use super::name::{Primitive, primitive};
use rust_hdl::prelude::*;

/// Width of every memory address. A memory looks at the low `clog2(depth)` bits.
pub const RAM_ADDRESS_BITS: usize = 20;

/// A memory of words of `W` bits with one write port and one synchronous read port.
///
/// At a rising edge with `ren_i` high, `rdata_o` takes the word at `raddr_i`; while `ren_i` is low it
/// holds. A read of the word being written in the same cycle gives an undefined value: the Rust model
/// gives the old word, block RAMs may not, so designs must not depend on it. Addresses must be below
/// the depth. The content has no reset and is undefined until written (the Rust model starts at 0).
#[derive(Clone, Debug, LogicBlock)]
pub struct Ram<const W: usize> {
    /// Word to read.
    pub raddr_i: Signal<In, Bits<RAM_ADDRESS_BITS>>,
    /// Read at this edge.
    pub ren_i: Signal<In, Bit>,
    /// Word read last.
    pub rdata_o: Signal<Out, Bits<W>>,
    /// Word to write.
    pub waddr_i: Signal<In, Bits<RAM_ADDRESS_BITS>>,
    /// Write at this edge.
    pub wen_i: Signal<In, Bit>,
    /// Value to write.
    pub wdata_i: Signal<In, Bits<W>>,
    /// Clock of both ports.
    pub clock: Signal<In, Clock>,
    _memory: Vec<Bits<W>>,
}

impl<const W: usize> Ram<W> {
    /// A memory of `depth` words; a depth below 2 is taken as 2.
    ///
    /// Depths above 2^[`RAM_ADDRESS_BITS`] are refused when Verilog is written.
    pub fn new(depth: usize) -> Self {
        Self {
            raddr_i: Signal::default(),
            ren_i: Signal::default(),
            rdata_o: Signal::default(),
            waddr_i: Signal::default(),
            wen_i: Signal::default(),
            wdata_i: Signal::default(),
            clock: Signal::default(),
            _memory: vec![Bits::default(); depth.max(2)],
        }
    }

    /// Number of words.
    pub fn depth(&self) -> usize {
        self._memory.len()
    }
}

impl<const W: usize> Logic for Ram<W> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            if self.ren_i.val() {
                self.rdata_o.next = read(&self._memory, self.raddr_i.val());
            }
            if self.wen_i.val() {
                write(&mut self._memory, self.waddr_i.val(), self.wdata_i.val());
            }
        }
    }
    fn connect(&mut self) {
        self.rdata_o.connect();
    }
    fn timing(&self) -> Vec<TimingInfo> {
        memory_identity(Primitive::Ram, W, self.depth())
    }
}

/// The identity of a memory of `depth` words of `width` bits.
pub(super) fn memory_identity(kind: Primitive, width: usize, depth: usize) -> Vec<TimingInfo> {
    primitive(kind, vec![format!("w{width}"), format!("d{depth}")])
}

/// The word at the low bits of `address`; 0 beyond the depth.
pub(super) fn read<const W: usize>(memory: &[Bits<W>], address: Bits<RAM_ADDRESS_BITS>) -> Bits<W> {
    memory.get(offset(memory.len(), address)).copied().unwrap_or_default()
}

/// Writes the word at the low bits of `address`; a write beyond the depth is lost.
pub(super) fn write<const W: usize>(
    memory: &mut [Bits<W>],
    address: Bits<RAM_ADDRESS_BITS>,
    value: Bits<W>,
) {
    if let Some(word) = memory.get_mut(offset(memory.len(), address)) {
        *word = value;
    }
}

fn offset(depth: usize, address: Bits<RAM_ADDRESS_BITS>) -> usize {
    address.index() & (depth.next_power_of_two() - 1)
}
