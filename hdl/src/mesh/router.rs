use super::{InputPort, OutputPort};
use crate::prim::{ClockGate, Reg, module_name};
use rust_hdl::prelude::*;

/// A router of the mesh: five inputs, five outputs, numbered as [`backspike_arch::MeshPort`].
///
/// A flit moves over a link in a cycle in which valid and ready are both high; what is valid stays until it has moved. Ready depends on
/// registers alone. A flit that waits for nothing leaves two cycles after it came.
#[derive(LogicBlock)]
pub struct Router<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Vec<Signal<In, Bit>>,
    pub ready_o: Vec<Signal<Out, Bit>>,
    pub data_i: Vec<Signal<In, Bits<F>>>,
    pub last_i: Vec<Signal<In, Bit>>,
    pub valid_o: Vec<Signal<Out, Bit>>,
    pub ready_i: Vec<Signal<In, Bit>>,
    pub data_o: Vec<Signal<Out, Bits<F>>>,
    pub last_o: Vec<Signal<Out, Bit>>,
    /// Nodes that lie at each output; constant.
    pub reach_i: Vec<Signal<In, Bits<F>>>,
    /// Chooses a counter: flits of output 0 to 4, stalls of output 0 to 4, most flits that input 0 to 4 held.
    pub index_i: Signal<In, Bits<4>>,
    pub count_o: Signal<Out, Bits<32>>,

    /// Open while a flit comes or is here.
    gate: ClockGate,
    used: Signal<Local, Bit>,
    input: Vec<InputPort<F>>,
    output: Vec<OutputPort<F>>,
    // 8 bits: a buffer holds 64 flits at most.
    peak: Vec<Reg<Bits<8>>>,
    requests: Vec<Signal<Local, Bits<5>>>,
    lasts: Signal<Local, Bits<5>>,
    place: Signal<Local, Bits<5>>,
    counter: Signal<Local, Bits<4>>,
    count: Signal<Local, Bits<32>>,
    held: Signal<Local, Bits<8>>,
    _depth: usize,
}

impl<const F: usize> Router<F> {
    /// A router whose inputs hold `depth` flits each, a power of two.
    pub fn new(depth: usize) -> Self {
        fn five<T: Default>() -> Vec<T> {
            (0..5).map(|_| T::default()).collect()
        }
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: five(),
            ready_o: five(),
            data_i: five(),
            last_i: five(),
            valid_o: five(),
            ready_i: five(),
            data_o: five(),
            last_o: five(),
            reach_i: five(),
            index_i: Default::default(),
            count_o: Default::default(),
            gate: Default::default(),
            used: Default::default(),
            input: (0..5).map(|_| InputPort::new(depth)).collect(),
            output: five(),
            peak: five(),
            requests: five(),
            lasts: Default::default(),
            place: Default::default(),
            counter: Default::default(),
            count: Default::default(),
            held: Default::default(),
            _depth: depth,
        }
    }
}

impl<const F: usize> Logic for Router<F> {
    #[hdl_gen]
    fn update(&mut self) {
        self.used.next = self.reset.val();
        for i in 0..5 {
            self.used.next =
                self.used.val() | (self.valid_i[i].val() | self.input[i].held_o.val().any());
        }
        self.gate.clock.next = self.clock.val();
        self.gate.run_i.next = self.used.val();
        self.lasts.next = bits::<5>(0);
        for o in 0..5 {
            self.requests[o].next = bits::<5>(0);
        }
        for i in 0..5 {
            self.input[i].clock.next = self.gate.clock_o.val();
            self.input[i].reset.next = self.reset.val();
            self.input[i].valid_i.next = self.valid_i[i].val();
            self.input[i].data_i.next = self.data_i[i].val();
            self.input[i].last_i.next = self.last_i[i].val();
            self.ready_o[i].next = self.input[i].ready_o.val();
            self.place.next = i.to_bits();
            if self.input[i].last_o.val() {
                self.lasts.next = self.lasts.val() | (bits::<5>(1) << self.place.val());
            }
            for o in 0..5 {
                self.input[i].reach_i[o].next = self.reach_i[o].val();
                if self.input[i].request_o.val().get_bit(o) {
                    self.requests[o].next =
                        self.requests[o].val() | (bits::<5>(1) << self.place.val());
                }
            }
            self.peak[i].clock.next = self.gate.clock_o.val();
            self.peak[i].d.next = self.peak[i].q.val();
            if self.input[i].held_o.val() > self.peak[i].q.val() {
                self.peak[i].d.next = self.input[i].held_o.val();
            }
        }
        for o in 0..5 {
            self.output[o].clock.next = self.gate.clock_o.val();
            self.output[o].reset.next = self.reset.val();
            self.output[o].request_i.next = self.requests[o].val();
            self.output[o].last_i.next = self.lasts.val();
            self.output[o].ready_i.next = self.ready_i[o].val();
            self.valid_o[o].next = self.output[o].valid_o.val();
            self.data_o[o].next = self.output[o].data_o.val();
            self.last_o[o].next = self.output[o].last_o.val();
            for i in 0..5 {
                self.output[o].data_i[i].next = self.input[i].data_o.val();
            }
        }
        for i in 0..5 {
            // An input asks for one output at a time, so at most one takes its flit.
            self.input[i].take_i.next = false;
            for o in 0..5 {
                if self.output[o].take_o.val().get_bit(i) {
                    self.input[i].take_i.next = true;
                }
            }
        }

        self.count.next = bits::<32>(0);
        self.held.next = bits::<8>(0);
        for i in 0..5 {
            self.counter.next = i.to_bits();
            if self.index_i.val() == self.counter.val() {
                self.count.next = self.output[i].flits_o.val();
            }
            if self.index_i.val() == (self.counter.val() + 5) {
                self.count.next = self.output[i].stalls_o.val();
            }
            if self.index_i.val() == (self.counter.val() + 10) {
                self.held.next = self.peak[i].q.val();
                self.count.next = bit_cast::<32, 8>(self.held.val());
            }
        }
        self.count_o.next = self.count.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("router", &[("f", F), ("d", self._depth)])
    }
}
