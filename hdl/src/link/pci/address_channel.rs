use crate::prim::{Pipe, Reg, module_name};
use rust_hdl::prelude::*;

/// An address channel of AXI4: three who ask, the lowest first, and what is offered on the bus, which stays as it is until it is taken.
#[derive(LogicBlock)]
pub struct AddressChannel {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// No further burst begins.
    pub hold_i: Signal<In, Bit>,
    pub request_i: Signal<In, Bits<3>>,
    pub address_i: Vec<Signal<In, Bits<64>>>,
    /// Beats less one.
    pub beats_i: Vec<Signal<In, Bits<6>>>,
    /// Whose burst begins, one-hot, and its beats less one.
    pub grant_o: Signal<Out, Bits<3>>,
    pub beats_o: Signal<Out, Bits<6>>,
    // AXI4; size 8 bytes, increasing addresses.
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub address_o: Signal<Out, Bits<64>>,
    pub length_o: Signal<Out, Bits<8>>,
    valid: Reg<Bit>,
    address: Pipe<Bits<64>>,
    length: Pipe<Bits<6>>,
    chosen: Signal<Local, Bits<3>>,
    beats: Signal<Local, Bits<6>>,
}

impl Default for AddressChannel {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            hold_i: Default::default(),
            request_i: Default::default(),
            address_i: (0..3).map(|_| Default::default()).collect(),
            beats_i: (0..3).map(|_| Default::default()).collect(),
            grant_o: Default::default(),
            beats_o: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            address_o: Default::default(),
            length_o: Default::default(),
            valid: Default::default(),
            address: Default::default(),
            length: Default::default(),
            chosen: Default::default(),
            beats: Default::default(),
        }
    }
}

impl Logic for AddressChannel {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, valid, address, length);
        self.chosen.next = bits::<3>(0);
        if (!self.valid.q.val() | self.ready_i.val()) & !self.hold_i.val() {
            // The lowest bit that asks.
            self.chosen.next = self.request_i.val() & (!self.request_i.val() + 1);
        }
        self.grant_o.next = self.chosen.val();
        if self.ready_i.val() {
            self.valid.d.next = false;
        }
        self.beats.next = bits::<6>(0);
        for i in 0..3 {
            if self.chosen.val().get_bit(i) {
                self.address.d.next = self.address_i[i].val();
                self.beats.next = self.beats_i[i].val();
            }
        }
        self.beats_o.next = self.beats.val();
        if self.chosen.val().any() {
            self.valid.d.next = true;
            self.length.d.next = self.beats.val();
        }
        self.valid_o.next = self.valid.q.val();
        self.address_o.next = self.address.q.val();
        self.length_o.next = bit_cast::<8, 6>(self.length.q.val());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("address_channel", &[])
    }
}
