use crate::prim::{ClockGate, Ram, module_name};
use rust_hdl::prelude::*;

/// The descriptors of an engine: columns of 32 bits, one written at a time, all read at once.
///
/// The columns of the last slice read stay at the outputs while `ren_i` is low.
#[derive(LogicBlock)]
pub struct DescriptorTable {
    pub clock: Signal<In, Clock>,
    pub write_i: Signal<In, Bit>,
    pub write_slice_i: Signal<In, Bits<8>>,
    pub write_column_i: Signal<In, Bits<5>>,
    pub write_data_i: Signal<In, Bits<32>>,
    pub ren_i: Signal<In, Bit>,
    pub slice_i: Signal<In, Bits<8>>,
    pub column_o: Vec<Signal<Out, Bits<32>>>,
    columns: Vec<Ram<32>>,
    gate: ClockGate,
    here: Signal<Local, Bits<5>>,
    _columns: usize,
    _slices: usize,
}

impl DescriptorTable {
    /// A table of `slices` descriptors of `columns` words.
    pub fn new(columns: usize, slices: usize) -> Self {
        Self {
            clock: Default::default(),
            write_i: Default::default(),
            write_slice_i: Default::default(),
            write_column_i: Default::default(),
            write_data_i: Default::default(),
            ren_i: Default::default(),
            slice_i: Default::default(),
            column_o: (0..columns).map(|_| Default::default()).collect(),
            columns: (0..columns).map(|_| Ram::new(slices)).collect(),
            gate: Default::default(),
            here: Default::default(),
            _columns: columns,
            _slices: slices,
        }
    }
}

impl Logic for DescriptorTable {
    #[hdl_gen]
    fn update(&mut self) {
        self.gate.clock.next = self.clock.val();
        self.gate.run_i.next = self.ren_i.val() | self.write_i.val();
        for i in 0..self._columns {
            self.here.next = i.to_bits();
            self.columns[i].clock.next = self.gate.clock_o.val();
            self.columns[i].raddr_i.next = bit_cast::<20, 8>(self.slice_i.val());
            self.columns[i].ren_i.next = self.ren_i.val();
            self.columns[i].waddr_i.next = bit_cast::<20, 8>(self.write_slice_i.val());
            self.columns[i].wdata_i.next = self.write_data_i.val();
            self.columns[i].wen_i.next =
                self.write_i.val() & (self.write_column_i.val() == self.here.val());
            self.column_o[i].next = self.columns[i].rdata_o.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("descriptor_table", &[("c", self._columns), ("s", self._slices)])
    }
}
