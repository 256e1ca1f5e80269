use super::PacketBuffer;
use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::mesh::{ODD_BIT, UNPACK_FLITS};
use rust_hdl::prelude::*;

/// From flits of two items to words with their addresses, one by one: those of a packet, and its trailer if it has one.
///
/// Heads are left out, and an address comes beside its first word, so a packet takes a cycle for each of its words.
#[derive(LogicBlock)]
pub struct Unpack<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub word_valid_o: Signal<Out, Bit>,
    pub word_ready_i: Signal<In, Bit>,
    pub addr_o: Signal<Out, Bits<32>>,
    pub data_o: Signal<Out, Bits<32>>,
    /// The packet ends with this word.
    pub word_last_o: Signal<Out, Bit>,

    buffer: PacketBuffer<F>,
    /// The flit that comes is not a head.
    inside: Reg<Bit>,
    /// The flit that shows is not the one with the address.
    begun: Reg<Bit>,
    /// The first item of the flit that shows is taken.
    half: Reg<Bit>,
    odd: Pipe<Bit>,
    address: Pipe<Bits<32>>,
    low: Signal<Local, Bits<32>>,
    high: Signal<Local, Bits<32>>,
    ends: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    addr: Signal<Local, Bits<32>>,
    odd_mask: Constant<Bits<32>>,
}

impl<const F: usize> Default for Unpack<F> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            word_valid_o: Default::default(),
            word_ready_i: Default::default(),
            addr_o: Default::default(),
            data_o: Default::default(),
            word_last_o: Default::default(),
            buffer: PacketBuffer::new(UNPACK_FLITS),
            inside: Default::default(),
            begun: Default::default(),
            half: Default::default(),
            odd: Default::default(),
            address: Default::default(),
            low: Default::default(),
            high: Default::default(),
            ends: Default::default(),
            moves: Default::default(),
            last: Default::default(),
            addr: Default::default(),
            odd_mask: Constant::new((1_u64 << ODD_BIT).into()),
        }
    }
}

impl<const F: usize> Logic for Unpack<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, inside, begun, half, odd, address);
        self.buffer.clock.next = self.clock.val();
        self.buffer.reset.next = self.reset.val();
        self.buffer.valid_i.next = self.valid_i.val() & self.inside.q.val();
        self.buffer.data_i.next = self.data_i.val();
        self.buffer.last_i.next = self.last_i.val();
        self.buffer.keep_i.next = false;
        self.ready_o.next = self.buffer.ready_o.val();
        if self.valid_i.val() & self.buffer.ready_o.val() {
            self.inside.d.next = !self.last_i.val();
        }

        self.low.next = self.buffer.data_o.val().get_bits::<32>(0);
        self.high.next = self.buffer.data_o.val().get_bits::<32>(32);
        self.addr.next = self.address.q.val();
        self.data_o.next = self.low.val();
        if self.half.q.val() {
            self.data_o.next = self.high.val();
        }
        // The flit's last item.
        self.ends.next = self.half.q.val() | (self.buffer.last_o.val() & self.odd.q.val());
        if !self.begun.q.val() {
            self.addr.next = self.low.val() & !self.odd_mask.val();
            self.data_o.next = self.high.val();
            self.ends.next = true;
        }
        self.addr_o.next = self.addr.val();
        self.last.next = self.buffer.last_o.val() & self.ends.val();
        self.word_last_o.next = self.last.val();
        self.word_valid_o.next = self.buffer.valid_o.val();
        self.moves.next = self.buffer.valid_o.val() & self.word_ready_i.val();
        self.buffer.take_i.next = self.moves.val() & self.ends.val();
        if self.moves.val() {
            self.address.d.next = self.addr.val() + 1;
            self.half.d.next = !self.ends.val();
            self.begun.d.next = !self.last.val();
            if !self.begun.q.val() {
                self.odd.d.next = (self.low.val() & self.odd_mask.val()).any();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("unpack", &[("f", F)])
    }
}
