use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// The tile loop of BACKPROP: turns a visit into one item for every tile of the slice that has an error
/// in one of its steps. A visit x tile without a common step costs one cycle and no row. `end` items pass in order.
///
/// Three stages: `ask` addresses the non-zero memory, `wait` has its word at the memory's output, `test` has it in a register:
/// from the block RAM through the test to the stages before would be the slowest path of an FPGA.
#[derive(LogicBlock, Default)]
pub struct TileLoop {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub tiles_i: Signal<In, Bits<20>>,
    pub fan_in_i: Signal<In, Bits<20>>,
    pub weight_base_i: Signal<In, Bits<20>>,
    /// Address of the slice's non-zero word 0, slot included.
    pub gate_base_i: Signal<In, Bits<20>>,
    // From the trace walker.
    pub visit_valid_i: Signal<In, Bit>,
    pub visit_end_i: Signal<In, Bit>,
    pub visit_lane_i: Signal<In, Bits<5>>,
    pub visit_index_i: Signal<In, Bits<20>>,
    pub visit_mask_i: Signal<In, Bits<4>>,
    pub visit_source_i: Signal<In, Bits<20>>,
    pub visit_ready_o: Signal<Out, Bit>,
    // The non-zero memory.
    pub gate_ren_o: Signal<Out, Bit>,
    pub gate_addr_o: Signal<Out, Bits<20>>,
    pub gate_i: Signal<In, Bits<4>>,
    // To the expander: the row to read, the steps; beside it the lane of the visit, the offset of the
    // tile's errors, and whether the visit had no item before this one.
    pub item_valid_o: Signal<Out, Bit>,
    pub item_end_o: Signal<Out, Bit>,
    pub item_row_o: Signal<Out, Bits<20>>,
    pub item_mask_o: Signal<Out, Bits<4>>,
    pub item_lane_o: Signal<Out, Bits<5>>,
    pub item_source_o: Signal<Out, Bits<20>>,
    pub item_fresh_o: Signal<Out, Bit>,
    pub item_ready_i: Signal<In, Bit>,
    /// One cycle for every visit x tile without a common step.
    pub skip_o: Signal<Out, Bit>,

    ask_valid: Reg<Bit>,
    ask_end: Pipe<Bit>,
    ask_fresh: Pipe<Bit>,
    ask_lane: Pipe<Bits<5>>,
    ask_row: Pipe<Bits<20>>,
    ask_mask: Pipe<Bits<4>>,
    ask_source: Pipe<Bits<20>>,
    ask_left: Pipe<Bits<20>>,
    wait_valid: Reg<Bit>,
    wait_end: Pipe<Bit>,
    wait_fresh: Pipe<Bit>,
    wait_lane: Pipe<Bits<5>>,
    wait_row: Pipe<Bits<20>>,
    wait_mask: Pipe<Bits<4>>,
    wait_source: Pipe<Bits<20>>,
    test_valid: Reg<Bit>,
    test_end: Pipe<Bit>,
    test_fresh: Pipe<Bit>,
    test_lane: Pipe<Bits<5>>,
    test_row: Pipe<Bits<20>>,
    test_mask: Pipe<Bits<4>>,
    test_source: Pipe<Bits<20>>,
    gate: Pipe<Bits<4>>,
    common: Signal<Local, Bits<4>>,
    drop: Signal<Local, Bit>,
    test_ready: Signal<Local, Bit>,
    wait_ready: Signal<Local, Bit>,
    ask_go: Signal<Local, Bit>,
    ask_done: Signal<Local, Bit>,
    visit_ready: Signal<Local, Bit>,
}

impl Logic for TileLoop {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, ask_valid, ask_end, ask_fresh, ask_lane, ask_row, ask_mask);
        dff_setup!(self, clock, ask_source, ask_left);
        dff_setup!(self, clock, wait_valid, wait_end, wait_fresh, wait_lane, wait_row);
        dff_setup!(self, clock, wait_mask, wait_source);
        dff_setup!(self, clock, test_valid, test_end, test_fresh, test_lane, test_row);
        dff_setup!(self, clock, test_mask, test_source, gate);

        self.common.next = self.test_mask.q.val() & self.gate.q.val();
        if self.test_end.q.val() {
            self.common.next = bits::<4>(1);
        }
        self.drop.next = self.test_valid.q.val() & !self.common.val().any();
        self.skip_o.next = self.drop.val();
        self.item_valid_o.next = self.test_valid.q.val() & !self.drop.val();
        self.item_end_o.next = self.test_end.q.val();
        self.item_row_o.next = self.test_row.q.val();
        self.item_mask_o.next = self.common.val();
        self.item_lane_o.next = self.test_lane.q.val();
        self.item_source_o.next = self.test_source.q.val();
        self.item_fresh_o.next = self.test_fresh.q.val();

        self.test_ready.next = !self.test_valid.q.val() | self.drop.val() | self.item_ready_i.val();
        self.wait_ready.next = !self.wait_valid.q.val() | self.test_ready.val();
        self.ask_go.next = self.ask_valid.q.val() & self.wait_ready.val();
        self.ask_done.next =
            self.ask_go.val() & (self.ask_end.q.val() | !self.ask_left.q.val().any());
        self.visit_ready.next = !self.ask_valid.q.val() | self.ask_done.val();
        self.visit_ready_o.next = self.visit_ready.val();
        self.gate_ren_o.next = self.ask_go.val() & !self.ask_end.q.val();
        self.gate_addr_o.next = self.gate_base_i.val() + self.ask_source.q.val();

        if self.test_ready.val() {
            self.test_valid.d.next = self.wait_valid.q.val();
            self.test_end.d.next = self.wait_end.q.val();
            self.test_lane.d.next = self.wait_lane.q.val();
            self.test_row.d.next = self.wait_row.q.val();
            self.test_mask.d.next = self.wait_mask.q.val();
            self.test_source.d.next = self.wait_source.q.val();
            self.gate.d.next = self.gate_i.val();
            // A visit stays fresh while the tiles before had nothing for it.
            self.test_fresh.d.next =
                self.wait_fresh.q.val() | (self.drop.val() & self.test_fresh.q.val());
        }
        if self.wait_ready.val() {
            self.wait_valid.d.next = self.ask_valid.q.val();
            self.wait_end.d.next = self.ask_end.q.val();
            self.wait_fresh.d.next = self.ask_fresh.q.val();
            self.wait_lane.d.next = self.ask_lane.q.val();
            self.wait_row.d.next = self.ask_row.q.val();
            self.wait_mask.d.next = self.ask_mask.q.val();
            self.wait_source.d.next = self.ask_source.q.val();
        }
        if self.ask_go.val() {
            self.ask_fresh.d.next = false;
            self.ask_left.d.next = self.ask_left.q.val() - 1;
            self.ask_row.d.next = self.ask_row.q.val() + self.fan_in_i.val();
            self.ask_source.d.next = self.ask_source.q.val() + 1;
        }
        if self.visit_ready.val() {
            self.ask_valid.d.next = self.visit_valid_i.val();
            self.ask_end.d.next = self.visit_end_i.val();
            self.ask_fresh.d.next = true;
            self.ask_lane.d.next = self.visit_lane_i.val();
            self.ask_row.d.next = self.weight_base_i.val() + self.visit_index_i.val();
            self.ask_mask.d.next = self.visit_mask_i.val();
            self.ask_source.d.next = self.visit_source_i.val();
            self.ask_left.d.next = self.tiles_i.val() - 1;
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("tile_loop", &[])
    }
}
