use super::{Fifo, GroupPick};
use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// Trace words between the walker and the end of their backward steps.
const IN_FLIGHT: usize = 4;

/// Turns a trace word into one visit for every neuron whose surrogate is not zero in some step, then one
/// `end` item; words without any visit keep their `end`. `P` = 4 bits a lane.
///
/// The planes of each word wait in a FIFO for the backward steps that follow its visits.
#[derive(LogicBlock)]
pub struct TraceWalker<const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// High: make visits (BACKPROP); low: `end` items only (NEURON_BACK).
    pub visits_i: Signal<In, Bit>,
    // From the reader and the trace memory, which holds the word while `ready_o` is low.
    pub valid_i: Signal<In, Bit>,
    pub spike_i: Signal<In, Bits<P>>,
    pub code0_i: Signal<In, Bits<P>>,
    pub code1_i: Signal<In, Bits<P>>,
    pub target_i: Signal<In, Bits<20>>,
    pub source_i: Signal<In, Bits<20>>,
    pub index_i: Signal<In, Bits<20>>,
    pub steps_i: Signal<In, Bits<3>>,
    pub newest_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    // To the tile loop.
    pub item_valid_o: Signal<Out, Bit>,
    pub item_end_o: Signal<Out, Bit>,
    pub item_lane_o: Signal<Out, Bits<5>>,
    pub item_index_o: Signal<Out, Bits<20>>,
    pub item_mask_o: Signal<Out, Bits<4>>,
    pub item_source_o: Signal<Out, Bits<20>>,
    pub item_ready_i: Signal<In, Bit>,
    // To the backward steps: the oldest word not yet popped.
    pub spike_o: Signal<Out, Bits<P>>,
    pub code0_o: Signal<Out, Bits<P>>,
    pub code1_o: Signal<Out, Bits<P>>,
    pub target_o: Signal<Out, Bits<20>>,
    pub steps_o: Signal<Out, Bits<3>>,
    pub newest_o: Signal<Out, Bit>,
    pub pop_i: Signal<In, Bit>,

    spikes: Fifo<P>,
    codes0: Fifo<P>,
    codes1: Fifo<P>,
    tags: Fifo<24>,
    pick: GroupPick<P>,
    open: Reg<Bit>,
    left: Pipe<Bits<P>>,
    index: Pipe<Bits<20>>,
    source: Pipe<Bits<20>>,
    take: Signal<Local, Bit>,
    finished: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
}

impl<const P: usize> Default for TraceWalker<P> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            visits_i: Default::default(),
            valid_i: Default::default(),
            spike_i: Default::default(),
            code0_i: Default::default(),
            code1_i: Default::default(),
            target_i: Default::default(),
            source_i: Default::default(),
            index_i: Default::default(),
            steps_i: Default::default(),
            newest_i: Default::default(),
            ready_o: Default::default(),
            item_valid_o: Default::default(),
            item_end_o: Default::default(),
            item_lane_o: Default::default(),
            item_index_o: Default::default(),
            item_mask_o: Default::default(),
            item_source_o: Default::default(),
            item_ready_i: Default::default(),
            spike_o: Default::default(),
            code0_o: Default::default(),
            code1_o: Default::default(),
            target_o: Default::default(),
            steps_o: Default::default(),
            newest_o: Default::default(),
            pop_i: Default::default(),
            spikes: Fifo::new(IN_FLIGHT),
            codes0: Fifo::new(IN_FLIGHT),
            codes1: Fifo::new(IN_FLIGHT),
            tags: Fifo::new(IN_FLIGHT),
            pick: GroupPick::new(1),
            open: Default::default(),
            left: Default::default(),
            index: Default::default(),
            source: Default::default(),
            take: Default::default(),
            finished: Default::default(),
            ready: Default::default(),
        }
    }
}

impl<const P: usize> Logic for TraceWalker<P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, open, left, index, source);
        self.spikes.clock.next = self.clock.val();
        self.spikes.reset.next = self.reset.val();
        self.codes0.clock.next = self.clock.val();
        self.codes0.reset.next = self.reset.val();
        self.codes1.clock.next = self.clock.val();
        self.codes1.reset.next = self.reset.val();
        self.tags.clock.next = self.clock.val();
        self.tags.reset.next = self.reset.val();

        self.pick.word_i[0].next = self.left.q.val();
        self.item_valid_o.next = self.open.q.val();
        self.item_end_o.next = !self.pick.any_o.val();
        self.item_lane_o.next = self.pick.lane_o.val();
        self.item_index_o.next = self.index.q.val() | bit_cast::<20, 5>(self.pick.lane_o.val());
        self.item_mask_o.next = self.pick.mask_o[0].val();
        self.item_source_o.next = self.source.q.val();
        self.finished.next = self.open.q.val() & self.item_ready_i.val() & !self.pick.any_o.val();
        self.ready.next = (!self.open.q.val() | self.finished.val()) & !self.tags.full_o.val();
        self.ready_o.next = self.ready.val();
        self.take.next = self.valid_i.val() & self.ready.val();

        self.spikes.push_i.next = self.take.val();
        self.spikes.data_i.next = self.spike_i.val();
        self.spikes.pop_i.next = self.pop_i.val();
        self.spike_o.next = self.spikes.data_o.val();
        self.codes0.push_i.next = self.take.val();
        self.codes0.data_i.next = self.code0_i.val();
        self.codes0.pop_i.next = self.pop_i.val();
        self.code0_o.next = self.codes0.data_o.val();
        self.codes1.push_i.next = self.take.val();
        self.codes1.data_i.next = self.code1_i.val();
        self.codes1.pop_i.next = self.pop_i.val();
        self.code1_o.next = self.codes1.data_o.val();
        self.tags.push_i.next = self.take.val();
        self.tags.data_i.next = (bit_cast::<24, 20>(self.target_i.val()) << 4)
            | (bit_cast::<24, 3>(self.steps_i.val()) << 1)
            | bit_cast::<24, 1>(self.newest_i.val().into());
        self.tags.pop_i.next = self.pop_i.val();
        self.target_o.next = self.tags.data_o.val().get_bits::<20>(4);
        self.steps_o.next = self.tags.data_o.val().get_bits::<3>(1);
        self.newest_o.next = self.tags.data_o.val().get_bit(0);

        if self.open.q.val() & self.item_ready_i.val() {
            self.left.d.next = self.pick.rest_o[0].val();
        }
        if self.finished.val() {
            self.open.d.next = false;
        }
        if self.take.val() {
            self.open.d.next = true;
            self.left.d.next = bits::<P>(0);
            if self.visits_i.val() {
                self.left.d.next = self.code0_i.val() | self.code1_i.val();
            }
            self.index.d.next = self.index_i.val();
            self.source.d.next = self.source_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("trace_walker", &[("p", P)])
    }
}
