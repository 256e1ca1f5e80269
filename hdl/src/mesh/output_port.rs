use crate::prim::{Reg, module_name};
use rust_hdl::prelude::*;

/// An output of a router: gives its link to one input at a time, for a whole packet, in turn.
#[derive(LogicBlock)]
pub struct OutputPort<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Inputs that have a flit for this output.
    pub request_i: Signal<In, Bits<5>>,
    pub data_i: Vec<Signal<In, Bits<F>>>,
    /// Inputs whose flit is its packet's last.
    pub last_i: Signal<In, Bits<5>>,
    /// The input whose flit the link takes in this cycle.
    pub take_o: Signal<Out, Bits<5>>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,
    /// Flits that left; cycles in which one waited. Both wrap.
    pub flits_o: Signal<Out, Bits<32>>,
    pub stalls_o: Signal<Out, Bits<32>>,

    /// The input that has the link until its packet ends, one-hot.
    owner: Reg<Bits<5>>,
    /// The inputs that come before all others: those above the last owner.
    first: Reg<Bits<5>>,
    flits: Reg<Bits<32>>,
    stalls: Reg<Bits<32>>,
    early: Signal<Local, Bits<5>>,
    candidates: Signal<Local, Bits<5>>,
    chosen: Signal<Local, Bits<5>>,
    valid: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
}

impl<const F: usize> Default for OutputPort<F> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            request_i: Default::default(),
            data_i: (0..5).map(|_| Default::default()).collect(),
            last_i: Default::default(),
            take_o: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            flits_o: Default::default(),
            stalls_o: Default::default(),
            owner: Default::default(),
            first: Default::default(),
            flits: Default::default(),
            stalls: Default::default(),
            early: Default::default(),
            candidates: Default::default(),
            chosen: Default::default(),
            valid: Default::default(),
            last: Default::default(),
            moves: Default::default(),
        }
    }
}

impl<const F: usize> Logic for OutputPort<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, owner, first, flits, stalls);
        self.early.next = self.request_i.val() & self.first.q.val();
        self.candidates.next = self.request_i.val();
        if self.early.val().any() {
            self.candidates.next = self.early.val();
        }
        self.chosen.next = self.candidates.val() & (!self.candidates.val() + 1);
        if self.owner.q.val().any() {
            self.chosen.next = self.owner.q.val();
        }
        self.valid.next = (self.request_i.val() & self.chosen.val()).any();
        self.last.next = (self.last_i.val() & self.chosen.val()).any();
        self.moves.next = self.valid.val() & self.ready_i.val();
        self.valid_o.next = self.valid.val();
        self.last_o.next = self.last.val();
        self.data_o.next = bits::<F>(0);
        for i in 0..5 {
            if self.chosen.val().get_bit(i) {
                self.data_o.next = self.data_i[i].val();
            }
        }

        self.take_o.next = bits::<5>(0);
        if self.moves.val() {
            self.take_o.next = self.chosen.val();
            self.flits.d.next = self.flits.q.val() + 1;
        }
        if self.valid.val() & !self.ready_i.val() {
            self.stalls.d.next = self.stalls.q.val() + 1;
        }
        // The choice stands from the cycle in which it is shown.
        if self.valid.val() {
            self.owner.d.next = self.chosen.val();
        }
        if self.moves.val() & self.last.val() {
            self.owner.d.next = bits::<5>(0);
            self.first.d.next = !(self.chosen.val() | (self.chosen.val() - 1));
        }
        self.flits_o.next = self.flits.q.val();
        self.stalls_o.next = self.stalls.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("output_port", &[("f", F)])
    }
}
