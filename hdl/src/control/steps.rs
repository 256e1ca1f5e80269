use crate::neuron::NEURON_STEP_CYCLES;
use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// The neuron steps of a tile-block: the first in the cycle of `start_i`, the others every [`NEURON_STEP_CYCLES`]. A start while `busy_o`
/// is high would cut them short.
#[derive(LogicBlock)]
pub struct Steps {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub start_i: Signal<In, Bit>,
    /// Steps of the tile-block less one, with `start_i`.
    pub more_i: Signal<In, Bits<2>>,
    /// A step is now: how many came before it and how many follow.
    pub now_o: Signal<Out, Bit>,
    pub index_o: Signal<Out, Bits<2>>,
    pub left_o: Signal<Out, Bits<2>>,
    /// Steps are to come.
    pub more_o: Signal<Out, Bit>,
    /// Steps are to come, or the last one is less than [`NEURON_STEP_CYCLES`] ago.
    pub busy_o: Signal<Out, Bit>,
    left: Reg<Bits<2>>,
    index: Pipe<Bits<2>>,
    /// Cycles until the next step may be.
    pause: Reg<Bits<2>>,
    now: Signal<Local, Bit>,
    now_left: Signal<Local, Bits<2>>,
    now_index: Signal<Local, Bits<2>>,
    pause_cycles: Constant<Bits<2>>,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            start_i: Default::default(),
            more_i: Default::default(),
            now_o: Default::default(),
            index_o: Default::default(),
            left_o: Default::default(),
            more_o: Default::default(),
            busy_o: Default::default(),
            left: Default::default(),
            index: Default::default(),
            pause: Default::default(),
            now: Default::default(),
            now_left: Default::default(),
            now_index: Default::default(),
            pause_cycles: Constant::new((NEURON_STEP_CYCLES as u64 - 1).into()),
        }
    }
}

impl Logic for Steps {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, left, index, pause);
        self.now.next = self.start_i.val() | (self.left.q.val().any() & !self.pause.q.val().any());
        self.now_left.next = self.left.q.val() - 1;
        self.now_index.next = self.index.q.val() + 1;
        if self.start_i.val() {
            self.now_left.next = self.more_i.val();
            self.now_index.next = bits::<2>(0);
        }
        if self.now.val() {
            self.left.d.next = self.now_left.val();
            self.index.d.next = self.now_index.val();
            self.pause.d.next = self.pause_cycles.val();
        } else if self.pause.q.val().any() {
            self.pause.d.next = self.pause.q.val() - 1;
        }
        self.now_o.next = self.now.val();
        self.index_o.next = self.now_index.val();
        self.left_o.next = self.now_left.val();
        self.more_o.next = self.left.q.val().any();
        self.busy_o.next = self.left.q.val().any() | self.pause.q.val().any();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("steps", &[])
    }
}
