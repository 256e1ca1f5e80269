use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// From the mesh to a core: a packet of head, address and words becomes writes at the address and those that follow it.
///
/// Flits wider than 32 bits carry one word too: they are wide for the nodes that a head names.
#[derive(LogicBlock)]
pub struct Eject<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub host_valid_o: Signal<Out, Bit>,
    pub host_ready_i: Signal<In, Bit>,
    pub host_addr_o: Signal<Out, Bits<32>>,
    pub host_data_o: Signal<Out, Bits<32>>,

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
            host_valid_o: Default::default(),
            host_ready_i: Default::default(),
            host_addr_o: Default::default(),
            host_data_o: Default::default(),
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
        self.ready.next = !self.at_words.val() | self.host_ready_i.val();
        self.ready_o.next = self.ready.val();
        self.host_valid_o.next = self.valid_i.val() & self.at_words.val();
        self.host_addr_o.next = self.address.q.val();
        self.host_data_o.next = self.word.val();
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
