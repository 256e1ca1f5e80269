use crate::prim::module_name;
use rust_hdl::prelude::*;

/// Finds the lowest lane whose four step bits are not all zero (`P` = 4 bits a lane, combinational).
#[derive(LogicBlock)]
pub struct GroupPick<const P: usize> {
    pub word_i: Signal<In, Bits<P>>,
    /// Whether any lane has a step bit; without one, lane and mask are 0.
    pub any_o: Signal<Out, Bit>,
    pub lane_o: Signal<Out, Bits<5>>,
    /// The four step bits of that lane.
    pub mask_o: Signal<Out, Bits<4>>,
    /// The word without that lane.
    pub rest_o: Signal<Out, Bits<P>>,
    found: Signal<Local, Bit>,
    shift: Signal<Local, Bits<7>>,
    lane: Signal<Local, Bits<5>>,
    _lanes: usize,
}

impl<const P: usize> Default for GroupPick<P> {
    fn default() -> Self {
        Self {
            word_i: Default::default(),
            any_o: Default::default(),
            lane_o: Default::default(),
            mask_o: Default::default(),
            rest_o: Default::default(),
            found: Default::default(),
            shift: Default::default(),
            lane: Default::default(),
            _lanes: P / 4,
        }
    }
}

impl<const P: usize> Logic for GroupPick<P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.found.next = false;
        self.lane.next = bits::<5>(0);
        self.mask_o.next = bits::<4>(0);
        for i in 0..self._lanes {
            if !self.found.val() & self.word_i.val().get_bits::<4>(i * 4).any() {
                self.found.next = true;
                self.lane.next = i.to_bits();
                self.mask_o.next = self.word_i.val().get_bits::<4>(i * 4);
            }
        }
        self.any_o.next = self.found.val();
        self.lane_o.next = self.lane.val();
        self.shift.next = bit_cast::<7, 5>(self.lane.val()) << 2;
        self.rest_o.next = self.word_i.val() & !(bits::<P>(15) << self.shift.val());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("group_pick", &[("p", P)])
    }
}
