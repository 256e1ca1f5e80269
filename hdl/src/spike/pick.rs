use crate::prim::module_name;
use rust_hdl::prelude::*;

/// Finds the lowest lane whose step bits, four in each of some words, are not all zero (`P` = 4 bits a lane, combinational).
#[derive(LogicBlock)]
pub struct GroupPick<const P: usize> {
    pub word_i: Vec<Signal<In, Bits<P>>>,
    /// Whether any lane has a step bit; without one, lane and masks are 0.
    pub any_o: Signal<Out, Bit>,
    pub lane_o: Signal<Out, Bits<5>>,
    /// The four step bits of that lane in each word.
    pub mask_o: Vec<Signal<Out, Bits<4>>>,
    /// The words without that lane, and whether anything is left in them.
    pub rest_o: Vec<Signal<Out, Bits<P>>>,
    pub more_o: Signal<Out, Bit>,
    found: Signal<Local, Bit>,
    more: Signal<Local, Bit>,
    here: Signal<Local, Bits<4>>,
    lane_bits: Signal<Local, Bits<P>>,
    shift: Signal<Local, Bits<7>>,
    lane: Signal<Local, Bits<5>>,
    _lanes: usize,
    _words: usize,
}

impl<const P: usize> GroupPick<P> {
    /// A pick from `words` words at once.
    pub fn new(words: usize) -> Self {
        Self {
            word_i: (0..words).map(|_| Default::default()).collect(),
            any_o: Default::default(),
            lane_o: Default::default(),
            mask_o: (0..words).map(|_| Default::default()).collect(),
            rest_o: (0..words).map(|_| Default::default()).collect(),
            more_o: Default::default(),
            found: Default::default(),
            more: Default::default(),
            here: Default::default(),
            lane_bits: Default::default(),
            shift: Default::default(),
            lane: Default::default(),
            _lanes: P / 4,
            _words: words,
        }
    }
}

impl<const P: usize> Logic for GroupPick<P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.found.next = false;
        self.lane.next = bits::<5>(0);
        for s in 0..self._words {
            self.mask_o[s].next = bits::<4>(0);
        }
        for i in 0..self._lanes {
            self.here.next = bits::<4>(0);
            for s in 0..self._words {
                self.here.next = self.here.val() | self.word_i[s].val().get_bits::<4>(i * 4);
            }
            if !self.found.val() & self.here.val().any() {
                self.found.next = true;
                self.lane.next = i.to_bits();
                for s in 0..self._words {
                    self.mask_o[s].next = self.word_i[s].val().get_bits::<4>(i * 4);
                }
            }
        }
        self.any_o.next = self.found.val();
        self.lane_o.next = self.lane.val();
        self.shift.next = bit_cast::<7, 5>(self.lane.val()) << 2;
        self.lane_bits.next = bits::<P>(15) << self.shift.val();
        self.more.next = false;
        for s in 0..self._words {
            self.rest_o[s].next = self.word_i[s].val() & !self.lane_bits.val();
            self.more.next = self.more.val() | (self.word_i[s].val() & !self.lane_bits.val()).any();
        }
        self.more_o.next = self.more.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("group_pick", &[("p", P), ("words", self._words)])
    }
}
