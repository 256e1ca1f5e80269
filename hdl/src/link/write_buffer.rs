use crate::prim::{Pipe, Ram, Reg, module_name};
use rust_hdl::prelude::*;

/// Words that the buffer holds; the host never has more on the way.
pub const WRITE_BUFFER_WORDS: usize = 512;

/// The writes of the host: words are kept back until their frame has proved good, then played to the host port.
///
/// A record is an address word, whose free bits 27:25 hold the number of data words less one, and the data, for consecutive
/// addresses. Positions count words since the session began, modulo 2^16.
#[derive(LogicBlock)]
pub struct WriteBuffer {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Begins a session: everything is dropped, positions begin at 0.
    pub clear_i: Signal<In, Bit>,
    pub word_valid_i: Signal<In, Bit>,
    pub word_i: Signal<In, Bits<32>>,
    /// The frame of the last words ends; `keep_i`: they count, unless there was no room for them.
    pub end_i: Signal<In, Bit>,
    pub keep_i: Signal<In, Bit>,
    /// There was no room for a word of the frame.
    pub overflow_o: Signal<Out, Bit>,
    /// Words kept and words played.
    pub accepted_o: Signal<Out, Bits<16>>,
    pub consumed_o: Signal<Out, Bits<16>>,
    // The host port.
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub addr_o: Signal<Out, Bits<32>>,
    pub data_o: Signal<Out, Bits<32>>,
    store: Ram<32>,
    arrived: Reg<Bits<16>>,
    accepted: Reg<Bits<16>>,
    fetched: Reg<Bits<16>>,
    consumed: Reg<Bits<16>>,
    overflow: Reg<Bit>,
    /// The memory's output is the next word.
    shown: Reg<Bit>,
    address: Pipe<Bits<32>>,
    /// Data words left of the record: at most 8.
    left: Reg<Bits<4>>,
    room: Signal<Local, Bit>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    fetch: Signal<Local, Bit>,
    words: Constant<Bits<16>>,
}

impl Default for WriteBuffer {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            clear_i: Default::default(),
            word_valid_i: Default::default(),
            word_i: Default::default(),
            end_i: Default::default(),
            keep_i: Default::default(),
            overflow_o: Default::default(),
            accepted_o: Default::default(),
            consumed_o: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            addr_o: Default::default(),
            data_o: Default::default(),
            store: Ram::new(WRITE_BUFFER_WORDS),
            arrived: Default::default(),
            accepted: Default::default(),
            fetched: Default::default(),
            consumed: Default::default(),
            overflow: Default::default(),
            shown: Default::default(),
            address: Default::default(),
            left: Default::default(),
            room: Default::default(),
            push: Default::default(),
            pop: Default::default(),
            fetch: Default::default(),
            words: Constant::new((WRITE_BUFFER_WORDS as u64).into()),
        }
    }
}

impl Logic for WriteBuffer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, arrived, accepted, fetched, consumed, overflow, shown);
        dff_setup!(self, clock, address, left);
        self.store.clock.next = self.clock.val();
        self.room.next = (self.arrived.q.val() - self.consumed.q.val()) != self.words.val();
        self.push.next = self.word_valid_i.val() & self.room.val();
        self.store.wen_i.next = self.push.val();
        self.store.waddr_i.next = bit_cast::<20, 16>(self.arrived.q.val());
        self.store.wdata_i.next = self.word_i.val();
        if self.push.val() {
            self.arrived.d.next = self.arrived.q.val() + 1;
        }
        if self.word_valid_i.val() & !self.room.val() {
            self.overflow.d.next = true;
        }
        self.overflow_o.next = self.overflow.q.val();
        if self.end_i.val() {
            self.overflow.d.next = false;
            if self.keep_i.val() & !self.overflow.q.val() {
                self.accepted.d.next = self.arrived.q.val();
            } else {
                self.arrived.d.next = self.accepted.q.val();
            }
        }

        // An address word goes into its register, a data word to the host port.
        self.valid_o.next = self.shown.q.val() & self.left.q.val().any();
        self.addr_o.next = self.address.q.val();
        self.data_o.next = self.store.rdata_o.val();
        self.pop.next = self.shown.q.val() & (!self.left.q.val().any() | self.ready_i.val());
        if self.pop.val() {
            self.consumed.d.next = self.consumed.q.val() + 1;
            if self.left.q.val().any() {
                self.left.d.next = self.left.q.val() - 1;
                self.address.d.next = self.address.q.val() + 1;
            } else {
                self.left.d.next = bit_cast::<4, 3>(self.store.rdata_o.val().get_bits::<3>(25)) + 1;
                self.address.d.next = self.store.rdata_o.val() & bits::<32>(0xF1FF_FFFF_u64);
            }
        }
        self.fetch.next = (!self.shown.q.val() | self.pop.val())
            & (self.fetched.q.val() != self.accepted.q.val());
        self.store.ren_i.next = self.fetch.val();
        self.store.raddr_i.next = bit_cast::<20, 16>(self.fetched.q.val());
        if self.fetch.val() {
            self.fetched.d.next = self.fetched.q.val() + 1;
            self.shown.d.next = true;
        } else if self.pop.val() {
            self.shown.d.next = false;
        }
        self.accepted_o.next = self.accepted.q.val();
        self.consumed_o.next = self.consumed.q.val();

        if self.clear_i.val() {
            self.arrived.d.next = bits::<16>(0);
            self.accepted.d.next = bits::<16>(0);
            self.fetched.d.next = bits::<16>(0);
            self.consumed.d.next = bits::<16>(0);
            self.overflow.d.next = false;
            self.shown.d.next = false;
            self.left.d.next = bits::<4>(0);
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("write_buffer", &[])
    }
}
