use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// From flits of one item to words with their addresses: those of a packet, and its trailer if it has one.
#[derive(LogicBlock)]
pub struct Eject<const F: usize> {
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

    /// Head, address, words: 0, 1, 2.
    place: Reg<Bits<2>>,
    address: Pipe<Bits<32>>,
    word: Signal<Local, Bits<32>>,
    at_words: Signal<Local, Bit>,
    ready: Signal<Local, Bit>,
}

impl<const F: usize> Default for Eject<F> {
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
            place: Default::default(),
            address: Default::default(),
            word: Default::default(),
            at_words: Default::default(),
            ready: Default::default(),
        }
    }
}

impl<const F: usize> Logic for Eject<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, place, address);
        self.word.next = self.data_i.val().get_bits::<32>(0);
        self.at_words.next = self.place.q.val() == bits::<2>(2);
        self.ready.next = !self.at_words.val() | self.word_ready_i.val();
        self.ready_o.next = self.ready.val();
        self.word_valid_o.next = self.valid_i.val() & self.at_words.val();
        self.addr_o.next = self.address.q.val();
        self.data_o.next = self.word.val();
        self.word_last_o.next = self.last_i.val();
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
        module_name("eject", &[("f", F)])
    }
}
