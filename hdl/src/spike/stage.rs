use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Holds the item of FP or WG that works on it: a visit with all its steps, or an end, takes one cycle.
///
/// A new item is taken in the cycle in which the one before leaves: no cycle is lost between two.
#[derive(LogicBlock)]
pub struct VisitStage {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From the walker.
    pub item_valid_i: Signal<In, Bit>,
    pub item_end_i: Signal<In, Bit>,
    pub item_index_i: Signal<In, Bits<20>>,
    pub item_mask_i: Vec<Signal<In, Bits<4>>>,
    pub item_ready_o: Signal<Out, Bit>,
    // To the engine. A held item stays as it is; one that is not held leaves in this cycle: a visit, or an end.
    pub hold_i: Signal<In, Bit>,
    pub visit_o: Signal<Out, Bit>,
    pub end_o: Signal<Out, Bit>,
    /// Whether the item is an end, held or not.
    pub at_end_o: Signal<Out, Bit>,
    pub index_o: Signal<Out, Bits<20>>,
    pub mask_o: Vec<Signal<Out, Bits<4>>>,
    /// Events of the visit that leaves: the steps in its masks, up to four in each of eight.
    pub events_o: Signal<Out, Bits<6>>,
    valid: Reg<Bit>,
    end: Pipe<Bit>,
    index: Pipe<Bits<20>>,
    mask: Vec<Pipe<Bits<4>>>,
    steps: Signal<Local, Bits<4>>,
    events: Signal<Local, Bits<6>>,
    leaves: Signal<Local, Bit>,
    is_visit: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    _slots: usize,
}

impl VisitStage {
    /// A stage for visits of `slots` slots at once, with a mask for each.
    pub fn new(slots: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            item_valid_i: Default::default(),
            item_end_i: Default::default(),
            item_index_i: Default::default(),
            item_mask_i: (0..slots).map(|_| Default::default()).collect(),
            item_ready_o: Default::default(),
            hold_i: Default::default(),
            visit_o: Default::default(),
            end_o: Default::default(),
            at_end_o: Default::default(),
            index_o: Default::default(),
            mask_o: (0..slots).map(|_| Default::default()).collect(),
            events_o: Default::default(),
            valid: Default::default(),
            end: Default::default(),
            index: Default::default(),
            mask: (0..slots).map(|_| Default::default()).collect(),
            steps: Default::default(),
            events: Default::default(),
            leaves: Default::default(),
            is_visit: Default::default(),
            ready: Default::default(),
            _slots: slots,
        }
    }
}

impl Logic for VisitStage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, valid, end, index);
        self.leaves.next = self.valid.q.val() & !self.hold_i.val();
        self.is_visit.next = self.leaves.val() & !self.end.q.val();
        self.visit_o.next = self.is_visit.val();
        self.end_o.next = self.leaves.val() & self.end.q.val();
        self.at_end_o.next = self.end.q.val();
        self.index_o.next = self.index.q.val();
        self.ready.next = !self.valid.q.val() | !self.hold_i.val();
        self.item_ready_o.next = self.ready.val();
        if self.ready.val() {
            self.valid.d.next = self.item_valid_i.val();
            if self.item_valid_i.val() {
                self.end.d.next = self.item_end_i.val();
                self.index.d.next = self.item_index_i.val();
            }
        }
        self.events.next = bits::<6>(0);
        for s in 0..self._slots {
            self.mask[s].clock.next = self.clock.val();
            self.mask[s].d.next = self.mask[s].q.val();
            if self.ready.val() & self.item_valid_i.val() {
                self.mask[s].d.next = self.item_mask_i[s].val();
            }
            self.steps.next = self.mask[s].q.val();
            self.mask_o[s].next = self.steps.val();
            self.events.next = self.events.val()
                + ((bit_cast::<6, 1>(self.steps.val().get_bits::<1>(0))
                    + bit_cast::<6, 1>(self.steps.val().get_bits::<1>(1)))
                    + (bit_cast::<6, 1>(self.steps.val().get_bits::<1>(2))
                        + bit_cast::<6, 1>(self.steps.val().get_bits::<1>(3))));
        }
        self.events_o.next = bits::<6>(0);
        if self.is_visit.val() {
            self.events_o.next = self.events.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("visit_stage", &[("slots", self._slots)])
    }
}
