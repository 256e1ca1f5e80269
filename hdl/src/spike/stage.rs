use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Holds the item of FP or WG that works on it: a visit with all its steps, or an end, takes one cycle.
///
/// A new item is taken in the cycle in which the one before leaves: no cycle is lost between two.
#[derive(LogicBlock, Default)]
pub struct VisitStage {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From the walker.
    pub item_valid_i: Signal<In, Bit>,
    pub item_end_i: Signal<In, Bit>,
    pub item_index_i: Signal<In, Bits<20>>,
    pub item_mask_i: Signal<In, Bits<4>>,
    pub item_ready_o: Signal<Out, Bit>,
    // To the engine. A held item stays as it is.
    pub hold_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub end_o: Signal<Out, Bit>,
    pub index_o: Signal<Out, Bits<20>>,
    pub mask_o: Signal<Out, Bits<4>>,
    /// Events of the item: the steps in its mask.
    pub events_o: Signal<Out, Bits<3>>,
    valid: Reg<Bit>,
    end: Pipe<Bit>,
    index: Pipe<Bits<20>>,
    mask: Pipe<Bits<4>>,
    ready: Signal<Local, Bit>,
}

impl Logic for VisitStage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, valid, end, index, mask);
        self.valid_o.next = self.valid.q.val();
        self.end_o.next = self.end.q.val();
        self.index_o.next = self.index.q.val();
        self.mask_o.next = self.mask.q.val();
        self.events_o.next = (bit_cast::<3, 1>(self.mask.q.val().get_bits::<1>(0))
            + bit_cast::<3, 1>(self.mask.q.val().get_bits::<1>(1)))
            + (bit_cast::<3, 1>(self.mask.q.val().get_bits::<1>(2))
                + bit_cast::<3, 1>(self.mask.q.val().get_bits::<1>(3)));

        self.ready.next = !self.valid.q.val() | !self.hold_i.val();
        self.item_ready_o.next = self.ready.val();
        if self.ready.val() {
            self.valid.d.next = self.item_valid_i.val();
            if self.item_valid_i.val() {
                self.end.d.next = self.item_end_i.val();
                self.index.d.next = self.item_index_i.val();
                self.mask.d.next = self.item_mask_i.val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("visit_stage", &[])
    }
}
