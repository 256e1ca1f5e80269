use super::{DescriptorTable, Sequencer};
use crate::prim::module_name;
use rust_hdl::prelude::*;

/// What stands before each engine: its queue and sequencer, and its descriptor table.
#[derive(LogicBlock)]
pub struct EngineFront {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Host port.
    pub push_i: Signal<In, Bit>,
    pub low_i: Signal<In, Bits<32>>,
    pub imm_i: Signal<In, Bits<32>>,
    pub full_o: Signal<Out, Bit>,
    pub table_write_i: Signal<In, Bit>,
    pub row_i: Signal<In, Bits<20>>,
    pub sub_i: Signal<In, Bits<5>>,
    // Tokens.
    pub post_o: Signal<Out, Bit>,
    pub take_o: Signal<Out, Bit>,
    pub token_o: Signal<Out, Bits<7>>,
    pub grant_i: Signal<In, Bit>,
    // Engine, as `Sequencer` and `DescriptorTable` describe.
    pub start_o: Signal<Out, Bit>,
    pub busy_o: Signal<Out, Bit>,
    pub done_i: Signal<In, Bit>,
    pub op_o: Signal<Out, Bits<4>>,
    pub slot_o: Signal<Out, Bits<8>>,
    pub arg_o: Signal<Out, Bits<12>>,
    pub imm_o: Signal<Out, Bits<32>>,
    pub column_o: Vec<Signal<Out, Bits<32>>>,
    pub wait_o: Signal<Out, Bit>,
    pub illegal_o: Signal<Out, Bit>,
    sequencer: Sequencer,
    descriptors: DescriptorTable,
    _columns: usize,
    _depth: usize,
    _slices: usize,
    _ops: usize,
}

impl EngineFront {
    /// For an engine with the operations `ops` and descriptors of `columns` words: a queue of `depth`
    /// instructions and a table of `slices` descriptors.
    pub fn new(depth: usize, ops: &[u8], columns: usize, slices: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            push_i: Default::default(),
            low_i: Default::default(),
            imm_i: Default::default(),
            full_o: Default::default(),
            table_write_i: Default::default(),
            row_i: Default::default(),
            sub_i: Default::default(),
            post_o: Default::default(),
            take_o: Default::default(),
            token_o: Default::default(),
            grant_i: Default::default(),
            start_o: Default::default(),
            busy_o: Default::default(),
            done_i: Default::default(),
            op_o: Default::default(),
            slot_o: Default::default(),
            arg_o: Default::default(),
            imm_o: Default::default(),
            column_o: (0..columns).map(|_| Default::default()).collect(),
            wait_o: Default::default(),
            illegal_o: Default::default(),
            sequencer: Sequencer::new(depth, ops),
            descriptors: DescriptorTable::new(columns, slices),
            _columns: columns,
            _depth: depth,
            _slices: slices,
            _ops: ops.iter().fold(0, |mask, op| mask | 1 << op),
        }
    }
}

impl Logic for EngineFront {
    #[hdl_gen]
    fn update(&mut self) {
        self.sequencer.clock.next = self.clock.val();
        self.sequencer.reset.next = self.reset.val();
        self.sequencer.push_i.next = self.push_i.val();
        self.sequencer.push_data_i.next =
            (bit_cast::<64, 32>(self.imm_i.val()) << 32) | bit_cast::<64, 32>(self.low_i.val());
        self.full_o.next = self.sequencer.full_o.val();
        self.post_o.next = self.sequencer.post_o.val();
        self.take_o.next = self.sequencer.take_o.val();
        self.token_o.next = self.sequencer.token_o.val();
        self.sequencer.grant_i.next = self.grant_i.val();
        self.start_o.next = self.sequencer.start_o.val();
        self.busy_o.next = self.sequencer.busy_o.val();
        self.sequencer.done_i.next = self.done_i.val();
        self.op_o.next = self.sequencer.op_o.val();
        self.slot_o.next = self.sequencer.slot_o.val();
        self.arg_o.next = self.sequencer.arg_o.val();
        self.imm_o.next = self.sequencer.imm_o.val();
        self.wait_o.next = self.sequencer.wait_o.val();
        self.illegal_o.next = self.sequencer.illegal_o.val();

        self.descriptors.clock.next = self.clock.val();
        self.descriptors.write_i.next = self.table_write_i.val();
        self.descriptors.write_slice_i.next = self.row_i.val().get_bits::<8>(0);
        self.descriptors.write_column_i.next = self.sub_i.val();
        self.descriptors.write_data_i.next = self.low_i.val();
        self.descriptors.ren_i.next = self.sequencer.slice_ren_o.val();
        self.descriptors.slice_i.next = self.sequencer.slice_o.val();
        for i in 0..self._columns {
            self.column_o[i].next = self.descriptors.column_o[i].val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "engine_front",
            &[("d", self._depth), ("ops", self._ops), ("c", self._columns), ("s", self._slices)],
        )
    }
}
