use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Turns an item into its events: all set bits of its mask in one cycle, or one a cycle, lowest step first.
///
/// A new item is taken in the cycle of the last event of the one before: no cycle is lost between two.
#[derive(LogicBlock)]
pub struct Expander {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From the tile loop; the mask of an item is never zero.
    pub item_valid_i: Signal<In, Bit>,
    pub item_end_i: Signal<In, Bit>,
    pub item_index_i: Signal<In, Bits<20>>,
    pub item_mask_i: Signal<In, Bits<4>>,
    pub item_ready_o: Signal<Out, Bit>,
    // To the engine. What is held stays as it is.
    pub hold_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub end_o: Signal<Out, Bit>,
    pub index_o: Signal<Out, Bits<20>>,
    /// Steps of the events of this cycle, and the lowest of them.
    pub mask_o: Signal<Out, Bits<4>>,
    pub step_o: Signal<Out, Bits<2>>,
    /// First cycle of the item.
    pub first_o: Signal<Out, Bit>,
    valid: Reg<Bit>,
    end: Pipe<Bit>,
    first: Pipe<Bit>,
    index: Pipe<Bits<20>>,
    mask: Pipe<Bits<4>>,
    rest: Signal<Local, Bits<4>>,
    last: Signal<Local, Bit>,
    fire: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    /// Bits that leave with the lowest.
    together: Constant<Bits<4>>,
    _steps: usize,
}

impl Expander {
    /// `steps`: events in a cycle, 1 or 4.
    pub fn new(steps: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            item_valid_i: Default::default(),
            item_end_i: Default::default(),
            item_index_i: Default::default(),
            item_mask_i: Default::default(),
            item_ready_o: Default::default(),
            hold_i: Default::default(),
            valid_o: Default::default(),
            end_o: Default::default(),
            index_o: Default::default(),
            mask_o: Default::default(),
            step_o: Default::default(),
            first_o: Default::default(),
            valid: Default::default(),
            end: Default::default(),
            first: Default::default(),
            index: Default::default(),
            mask: Default::default(),
            rest: Default::default(),
            last: Default::default(),
            fire: Default::default(),
            ready: Default::default(),
            together: Constant::new(if steps == 1 { 0 } else { 0xf_u64 }.into()),
            _steps: steps,
        }
    }
}

impl Logic for Expander {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, valid, end, first, index, mask);
        self.step_o.next = bits::<2>(3);
        if self.mask.q.val().get_bit(2) {
            self.step_o.next = bits::<2>(2);
        }
        if self.mask.q.val().get_bit(1) {
            self.step_o.next = bits::<2>(1);
        }
        if self.mask.q.val().get_bit(0) {
            self.step_o.next = bits::<2>(0);
        }
        // Without the lowest bit, or empty.
        self.rest.next = (self.mask.q.val() & (self.mask.q.val() - 1)) & !self.together.val();
        self.last.next = !self.rest.val().any();
        self.valid_o.next = self.valid.q.val();
        self.end_o.next = self.end.q.val();
        self.index_o.next = self.index.q.val();
        self.mask_o.next = self.mask.q.val() & !self.rest.val();
        self.first_o.next = self.first.q.val();

        self.fire.next = self.valid.q.val() & !self.hold_i.val();
        self.ready.next = !self.valid.q.val() | (self.fire.val() & self.last.val());
        self.item_ready_o.next = self.ready.val();
        if self.fire.val() {
            self.mask.d.next = self.rest.val();
            self.first.d.next = false;
        }
        if self.ready.val() {
            self.valid.d.next = self.item_valid_i.val();
            self.end.d.next = self.item_end_i.val();
            self.first.d.next = true;
            self.index.d.next = self.item_index_i.val();
            self.mask.d.next = self.item_mask_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("expander", &[("steps", self._steps)])
    }
}
