use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// From a core to the mesh: what a PUSH sends becomes packets of head, address and up to 8 words of a row; those for the host end with a
/// trailer: the core's node, and in bit 31 whether the PUSH has ended.
///
/// The words of a row come cycle by cycle, so a word after which none is there, or one of another group of 8, ends its packet.
#[derive(LogicBlock)]
pub struct Inject<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// The core's node, and the host's bit.
    pub node_i: Signal<In, Bits<32>>,
    pub host_i: Signal<In, Bits<F>>,
    pub push_valid_i: Signal<In, Bit>,
    pub push_ready_o: Signal<Out, Bit>,
    pub push_addr_i: Signal<In, Bits<32>>,
    pub push_data_i: Signal<In, Bits<32>>,
    pub push_last_i: Signal<In, Bit>,
    /// The cores it goes to; none: the host.
    pub push_nodes_i: Signal<In, Bits<64>>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,

    /// Head, address, words, trailer: 0 to 3.
    place: Reg<Bits<2>>,
    held: Reg<Bit>,
    nodes: Pipe<Bits<F>>,
    address: Pipe<Bits<32>>,
    word: Pipe<Bits<32>>,
    last: Pipe<Bit>,
    /// The PUSH has ended with the packet.
    ended: Pipe<Bit>,
    to_cores: Signal<Local, Bit>,
    follows: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
    valid: Signal<Local, Bit>,
    leaves: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    trailer: Signal<Local, Bits<32>>,
    last_bit: Constant<Bits<5>>,
}

impl<const F: usize> Default for Inject<F> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            node_i: Default::default(),
            host_i: Default::default(),
            push_valid_i: Default::default(),
            push_ready_o: Default::default(),
            push_addr_i: Default::default(),
            push_data_i: Default::default(),
            push_last_i: Default::default(),
            push_nodes_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            place: Default::default(),
            held: Default::default(),
            nodes: Default::default(),
            address: Default::default(),
            word: Default::default(),
            last: Default::default(),
            ended: Default::default(),
            to_cores: Default::default(),
            follows: Default::default(),
            moves: Default::default(),
            valid: Default::default(),
            leaves: Default::default(),
            ready: Default::default(),
            trailer: Default::default(),
            last_bit: Constant::new(31_u64.into()),
        }
    }
}

impl<const F: usize> Logic for Inject<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, place, held, nodes, address, word, last, ended);
        self.follows.next = self.push_valid_i.val() & self.push_addr_i.val().get_bits::<3>(0).any();
        self.valid.next = self.held.q.val() | (self.place.q.val() == bits::<2>(3));
        self.moves.next = self.valid.val() & self.ready_i.val();
        self.leaves.next = self.moves.val() & (self.place.q.val() == bits::<2>(2));
        self.ready.next = !self.held.q.val() | (self.leaves.val() & self.follows.val());
        self.push_ready_o.next = self.ready.val();

        self.trailer.next = self.node_i.val();
        if self.ended.q.val() {
            self.trailer.next = self.node_i.val() | (bits::<32>(1) << self.last_bit.val());
        }
        self.valid_o.next = self.valid.val();
        // The word after one of the same row is there in the next cycle, so this does not change while a flit waits.
        self.to_cores.next = self.nodes.q.val().any();
        self.last_o.next = (self.place.q.val() == bits::<2>(3))
            | ((self.place.q.val() == bits::<2>(2)) & (self.to_cores.val() & !self.follows.val()));
        self.data_o.next = self.host_i.val();
        if self.to_cores.val() {
            self.data_o.next = self.nodes.q.val();
        }
        if self.place.q.val() == bits::<2>(1) {
            self.data_o.next = bit_cast::<F, 32>(self.address.q.val());
        }
        if self.place.q.val() == bits::<2>(2) {
            self.data_o.next = bit_cast::<F, 32>(self.word.q.val());
        }
        if self.place.q.val() == bits::<2>(3) {
            self.data_o.next = bit_cast::<F, 32>(self.trailer.val());
        }

        if self.moves.val() & !(self.leaves.val() & self.follows.val()) {
            self.place.d.next = self.place.q.val() + 1;
        }
        if self.leaves.val() & (self.to_cores.val() & !self.follows.val()) {
            self.place.d.next = bits::<2>(0);
        }
        if self.leaves.val() {
            self.held.d.next = false;
            self.ended.d.next = self.last.q.val();
        }
        if self.push_valid_i.val() & self.ready.val() {
            self.held.d.next = true;
            self.nodes.d.next = self.push_nodes_i.val().get_bits::<F>(0);
            self.address.d.next = self.push_addr_i.val();
            self.word.d.next = self.push_data_i.val();
            self.last.d.next = self.push_last_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("inject", &[("f", F)])
    }
}
