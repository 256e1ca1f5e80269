use super::{Fifo, GroupPick};
use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Words with work that the walker may hold ahead of the one it is at.
const PREFETCH: usize = 4;

/// Turns the plane words of a tile-block, or of those of several slots together, into items for the engine: one visit for every input with
/// a step to do, then one `end` item. `P` = 4 bits a lane.
///
/// The words of the slots follow each other; a visit has a mask of steps for each slot.
/// The word comes straight from the plane memory's read port, which holds it while `ready_o` is low.
/// A word with nothing to do is dropped the cycle it is taken, so that runs of them cost a cycle a word, and nothing at all while
/// the words before them are still being worked on.
#[derive(LogicBlock)]
pub struct Walker<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From the reader and its memory.
    pub valid_i: Signal<In, Bit>,
    pub plane_i: Signal<In, Bits<P>>,
    /// Steps that matter in this tile-block; the others are masked off every lane.
    pub gate_i: Signal<In, Bits<4>>,
    /// Fan-in index of lane 0 of this word, a multiple of the lanes.
    pub index_i: Signal<In, Bits<20>>,
    pub last_i: Signal<In, Bit>,
    /// Which of the slots the word is of, and whether it is the last of them.
    pub place_i: Signal<In, Bits<3>>,
    pub final_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    /// One cycle for every word taken that is all zero.
    pub zero_o: Signal<Out, Bit>,
    // To the engine.
    pub item_valid_o: Signal<Out, Bit>,
    pub item_end_o: Signal<Out, Bit>,
    pub item_index_o: Signal<Out, Bits<20>>,
    pub item_mask_o: Vec<Signal<Out, Bits<4>>>,
    pub item_ready_i: Signal<In, Bit>,
    /// Words of the slots that came before the last.
    earlier: Vec<Pipe<Bits<P>>>,
    words: Vec<Fifo<P>>,
    tags: Fifo<21>,
    pick: GroupPick<P>,
    open: Reg<Bit>,
    left: Vec<Pipe<Bits<P>>>,
    base: Pipe<Bits<20>>,
    last: Pipe<Bit>,
    gates: Signal<Local, Bits<P>>,
    masked: Signal<Local, Bits<P>>,
    place: Signal<Local, Bits<3>>,
    here: Signal<Local, Bits<3>>,
    keep: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    step: Signal<Local, Bit>,
    finished: Signal<Local, Bit>,
    reload: Signal<Local, Bit>,
    push: Signal<Local, Bit>,
    others: Constant<Bits<3>>,
    _lanes: usize,
    _slots: usize,
    _others: usize,
}

impl<const P: usize> Walker<P> {
    /// A walker of up to `slots` slots at once, a power of two up to 8.
    pub fn new(slots: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            plane_i: Default::default(),
            gate_i: Default::default(),
            index_i: Default::default(),
            last_i: Default::default(),
            ready_o: Default::default(),
            zero_o: Default::default(),
            item_valid_o: Default::default(),
            item_end_o: Default::default(),
            item_index_o: Default::default(),
            place_i: Default::default(),
            final_i: Default::default(),
            item_mask_o: (0..slots).map(|_| Default::default()).collect(),
            item_ready_i: Default::default(),
            earlier: (1..slots).map(|_| Default::default()).collect(),
            words: (0..slots).map(|_| Fifo::new(PREFETCH)).collect(),
            tags: Fifo::new(PREFETCH),
            pick: GroupPick::new(slots),
            open: Default::default(),
            left: (0..slots).map(|_| Default::default()).collect(),
            base: Default::default(),
            last: Default::default(),
            gates: Default::default(),
            masked: Default::default(),
            place: Default::default(),
            here: Default::default(),
            keep: Default::default(),
            take: Default::default(),
            ready: Default::default(),
            step: Default::default(),
            finished: Default::default(),
            reload: Default::default(),
            push: Default::default(),
            others: Constant::new((slots as u64 - 1).into()),
            _lanes: P / 4,
            _slots: slots,
            _others: slots - 1,
        }
    }
}

impl<const P: usize> Logic for Walker<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, open, base, last);
        self.tags.clock.next = self.clock.val();
        self.tags.reset.next = self.reset.val();

        self.gates.next = bits::<P>(0);
        for _i in 0..self._lanes {
            self.gates.next = (self.gates.val() << 4) | bit_cast::<P, 4>(self.gate_i.val());
        }
        self.masked.next = self.plane_i.val() & self.gates.val();
        self.place.next = self.place_i.val() & self.others.val();
        // Not even a word without work is taken while there is no room: what the memory delivers late must not steer the reader.
        self.ready.next = !self.words[0].full_o.val();
        self.ready_o.next = self.ready.val();
        self.take.next = self.valid_i.val() & self.ready.val();
        self.zero_o.next = self.take.val() & !self.plane_i.val().any();

        // The words of all slots leave together; a slot that is not there has none.
        self.keep.next = self.masked.val().any() | self.last_i.val();
        for s in 0..self._others {
            self.earlier[s].clock.next = self.clock.val();
            self.earlier[s].d.next = self.earlier[s].q.val();
            self.here.next = s.to_bits();
            if self.take.val() & (self.here.val() == self.place.val()) {
                self.earlier[s].d.next = self.masked.val();
            }
            if self.here.val() < self.place.val() {
                self.keep.next = self.keep.val() | self.earlier[s].q.val().any();
            }
        }
        self.push.next = self.take.val() & self.keep.val() & self.final_i.val();
        for s in 0..self._slots {
            self.words[s].clock.next = self.clock.val();
            self.words[s].reset.next = self.reset.val();
            self.words[s].push_i.next = self.push.val();
            self.words[s].data_i.next = bits::<P>(0);
            self.here.next = s.to_bits();
            if self.here.val() == self.place.val() {
                self.words[s].data_i.next = self.masked.val();
            }
        }
        for s in 0..self._others {
            self.here.next = s.to_bits();
            if self.here.val() < self.place.val() {
                self.words[s].data_i.next = self.earlier[s].q.val();
            }
        }
        self.tags.push_i.next = self.push.val();
        self.tags.data_i.next = (bit_cast::<21, 20>(self.index_i.val()) << 1)
            | bit_cast::<21, 1>(self.last_i.val().into());

        self.item_valid_o.next = self.open.q.val();
        self.item_end_o.next = !self.pick.any_o.val();
        self.item_index_o.next = self.base.q.val() | bit_cast::<20, 5>(self.pick.lane_o.val());
        self.step.next = self.open.q.val() & self.item_ready_i.val();
        self.finished.next = self.step.val()
            & (!self.pick.any_o.val() | (!self.pick.more_o.val() & !self.last.q.val()));
        self.reload.next = self.words[0].valid_o.val() & (!self.open.q.val() | self.finished.val());
        self.tags.pop_i.next = self.reload.val();
        if self.finished.val() {
            self.open.d.next = false;
        }
        if self.reload.val() {
            self.open.d.next = true;
            self.base.d.next = self.tags.data_o.val().get_bits::<20>(1);
            self.last.d.next = self.tags.data_o.val().get_bit(0);
        }
        for s in 0..self._slots {
            self.words[s].pop_i.next = self.reload.val();
            self.left[s].clock.next = self.clock.val();
            self.left[s].d.next = self.left[s].q.val();
            if self.step.val() {
                self.left[s].d.next = self.pick.rest_o[s].val();
            }
            if self.reload.val() {
                self.left[s].d.next = self.words[s].data_o.val();
            }
            self.pick.word_i[s].next = self.left[s].q.val();
            self.item_mask_o[s].next = self.pick.mask_o[s].val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("walker", &[("p", P), ("slots", self._slots)])
    }
}
