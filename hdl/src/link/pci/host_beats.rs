use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::push_trailer;
use rust_hdl::prelude::*;

const _: () = assert!(
    push_trailer::core::OFFSET == 0
        && push_trailer::core::BITS == 6
        && push_trailer::ended::OFFSET == 26
        && push_trailer::trailer::OFFSET == 27,
    "put together here"
);

/// Packets of the mesh to the host, as beats: each word with its address, then the trailer, which says whose they are.
#[derive(LogicBlock)]
pub struct HostBeats<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<64>>,
    /// The PUSH has ended with this beat.
    pub last_o: Signal<Out, Bit>,
    /// Head, address, words and trailer: 0, 1, 2.
    place: Reg<Bits<2>>,
    address: Pipe<Bits<32>>,
    word: Signal<Local, Bits<32>>,
    at_words: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
    trailer: Signal<Local, Bits<32>>,
}

impl<const F: usize> Default for HostBeats<F> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            place: Default::default(),
            address: Default::default(),
            word: Default::default(),
            at_words: Default::default(),
            ready: Default::default(),
            trailer: Default::default(),
        }
    }
}

impl<const F: usize> Logic for HostBeats<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, place, address);
        self.word.next = self.data_i.val().get_bits::<32>(0);
        self.at_words.next = self.place.q.val() == bits::<2>(2);
        self.ready.next = !self.at_words.val() | self.ready_i.val();
        self.ready_o.next = self.ready.val();
        self.valid_o.next = self.valid_i.val() & self.at_words.val();
        self.last_o.next = self.last_i.val() & self.word.val().get_bit(31);
        // The flit has the core in its low bits and the end in bit 31.
        self.trailer.next = bits::<32>(0x0800_0000)
            | (bit_cast::<32, 1>(self.last_o.val().into()) << bits::<5>(26))
            | bit_cast::<32, 6>(self.word.val().get_bits::<6>(0));
        self.data_o.next = (bit_cast::<64, 32>(self.word.val()) << bits::<6>(32))
            | bit_cast::<64, 32>(self.address.q.val());
        if self.last_i.val() {
            self.data_o.next = bit_cast::<64, 32>(self.trailer.val());
        }
        if self.valid_i.val() & self.ready.val() {
            if self.at_words.val() {
                self.address.d.next = self.address.q.val() + 1;
            } else {
                self.place.d.next = self.place.q.val() + 1;
                self.address.d.next = self.word.val();
            }
            if self.last_i.val() {
                self.place.d.next = bits::<2>(0);
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("host_beats", &[("f", F)])
    }
}
