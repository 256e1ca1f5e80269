use super::PacketBuffer;
use crate::prim::{Reg, module_name};
use rust_hdl::prelude::*;

/// An input of a router: a buffer, and the ports by which the packet at its head goes on.
///
/// The head flit is the set of destinations, one bit a node. The packet goes to one port after the other, whole each time and with
/// the destinations that lie there, so it never holds one port while it waits for another. A packet for nobody is dropped.
#[derive(LogicBlock)]
pub struct InputPort<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    /// Nodes that lie at each port; no node lies at two.
    pub reach_i: Vec<Signal<In, Bits<F>>>,
    /// The port that the flit goes to, one-hot; none when there is no flit.
    pub request_o: Signal<Out, Bits<5>>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,
    pub take_i: Signal<In, Bit>,
    pub held_o: Signal<Out, Bits<8>>,

    buffer: PacketBuffer<F>,
    /// The flit is not a packet's first.
    inside: Reg<Bit>,
    /// Ports that the packet has still to go to, its present one included.
    pending: Reg<Bits<5>>,
    dropping: Reg<Bit>,
    wanted: Signal<Local, Bits<5>>,
    place: Signal<Local, Bits<5>>,
    ports: Signal<Local, Bits<5>>,
    way: Signal<Local, Bits<5>>,
    more: Signal<Local, Bits<5>>,
    drop: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    head: Signal<Local, Bits<F>>,
    _depth: usize,
}

impl<const F: usize> InputPort<F> {
    /// An input with a buffer of `depth` flits.
    pub fn new(depth: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            reach_i: (0..5).map(|_| Default::default()).collect(),
            request_o: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            take_i: Default::default(),
            held_o: Default::default(),
            buffer: PacketBuffer::new(depth),
            inside: Default::default(),
            pending: Default::default(),
            dropping: Default::default(),
            wanted: Default::default(),
            place: Default::default(),
            ports: Default::default(),
            way: Default::default(),
            more: Default::default(),
            drop: Default::default(),
            take: Default::default(),
            head: Default::default(),
            _depth: depth,
        }
    }
}

impl<const F: usize> Logic for InputPort<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, inside, pending, dropping);
        self.buffer.clock.next = self.clock.val();
        self.buffer.reset.next = self.reset.val();
        self.buffer.valid_i.next = self.valid_i.val();
        self.buffer.data_i.next = self.data_i.val();
        self.buffer.last_i.next = self.last_i.val();
        self.ready_o.next = self.buffer.ready_o.val();
        self.held_o.next = self.buffer.held_o.val();

        self.wanted.next = bits::<5>(0);
        for i in 0..5 {
            self.place.next = i.to_bits();
            if (self.buffer.data_o.val() & self.reach_i[i].val()).any() {
                self.wanted.next = self.wanted.val() | (bits::<5>(1) << self.place.val());
            }
        }
        self.ports.next = self.pending.q.val();
        if !self.pending.q.val().any() {
            self.ports.next = self.wanted.val();
        }
        // The lowest port comes first.
        self.way.next = self.ports.val() & (!self.ports.val() + 1);
        self.more.next = self.ports.val() & !self.way.val();
        self.drop.next = self.dropping.q.val() | (!self.inside.q.val() & !self.ports.val().any());

        self.head.next = self.buffer.data_o.val();
        for i in 0..5 {
            if !self.inside.q.val() & self.way.val().get_bit(i) {
                self.head.next = self.buffer.data_o.val() & self.reach_i[i].val();
            }
        }
        self.data_o.next = self.head.val();
        self.last_o.next = self.buffer.last_o.val();
        self.request_o.next = bits::<5>(0);
        if self.buffer.valid_o.val() & !self.drop.val() {
            self.request_o.next = self.way.val();
        }

        self.take.next = self.take_i.val() | (self.buffer.valid_o.val() & self.drop.val());
        self.buffer.take_i.next = self.take.val();
        self.buffer.keep_i.next = !self.drop.val() & self.more.val().any();
        if self.take.val() {
            self.inside.d.next = !self.buffer.last_o.val();
            self.dropping.d.next = self.drop.val() & !self.buffer.last_o.val();
            if !self.drop.val() {
                self.pending.d.next = self.ports.val();
                if self.buffer.last_o.val() {
                    self.pending.d.next = self.more.val();
                }
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("input_port", &[("f", F), ("d", self._depth)])
    }
}
