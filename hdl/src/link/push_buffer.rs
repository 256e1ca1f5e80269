use crate::prim::{Ram, Reg, module_name};
use rust_hdl::prelude::*;

/// Pushed words that the buffer holds until the host has acknowledged them.
pub const PUSH_BUFFER_WORDS: usize = 512;

/// The core's pushed words, kept until the host has them. A word is an address, in whose free bit 27 is `last`, and data.
///
/// Positions count words since the session began, modulo 2^16.
#[derive(LogicBlock)]
pub struct PushBuffer {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Begins a session: everything is dropped, positions begin at 0.
    pub clear_i: Signal<In, Bit>,
    // The core.
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub addr_i: Signal<In, Bits<32>>,
    pub data_i: Signal<In, Bits<32>>,
    pub last_i: Signal<In, Bit>,
    /// The host has all words before this position. Positions that were not sent are no news.
    pub acknowledge_i: Signal<In, Bit>,
    pub acknowledged_i: Signal<In, Bits<16>>,
    /// Words are sent again from the first that was not acknowledged.
    pub rewind_i: Signal<In, Bit>,
    /// The next word to send, its position, and how many there are.
    pub word_o: Signal<Out, Bits<64>>,
    pub position_o: Signal<Out, Bits<16>>,
    pub waiting_o: Signal<Out, Bits<16>>,
    /// The word is on its way.
    pub sent_i: Signal<In, Bit>,
    store: Ram<64>,
    written: Reg<Bits<16>>,
    sent: Reg<Bits<16>>,
    acknowledged: Reg<Bits<16>>,
    ready: Signal<Local, Bit>,
    addr: Signal<Local, Bits<32>>,
    words: Constant<Bits<16>>,
}

impl Default for PushBuffer {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            clear_i: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            addr_i: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            acknowledge_i: Default::default(),
            acknowledged_i: Default::default(),
            rewind_i: Default::default(),
            word_o: Default::default(),
            position_o: Default::default(),
            waiting_o: Default::default(),
            sent_i: Default::default(),
            store: Ram::new(PUSH_BUFFER_WORDS),
            written: Default::default(),
            sent: Default::default(),
            acknowledged: Default::default(),
            ready: Default::default(),
            addr: Default::default(),
            words: Constant::new((PUSH_BUFFER_WORDS as u64).into()),
        }
    }
}

impl Logic for PushBuffer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, written, sent, acknowledged);
        self.store.clock.next = self.clock.val();
        self.ready.next = (self.written.q.val() - self.acknowledged.q.val()) != self.words.val();
        self.ready_o.next = self.ready.val();
        self.addr.next = self.addr_i.val();
        if self.last_i.val() {
            self.addr.next = self.addr_i.val() | bits::<32>(0x0800_0000);
        }
        self.store.wen_i.next = self.valid_i.val() & self.ready.val();
        self.store.waddr_i.next = bit_cast::<20, 16>(self.written.q.val());
        self.store.wdata_i.next = (bit_cast::<64, 32>(self.data_i.val()) << bits::<6>(32))
            | bit_cast::<64, 32>(self.addr.val());
        if self.valid_i.val() & self.ready.val() {
            self.written.d.next = self.written.q.val() + 1;
        }

        // The word is read again and again: long before a frame is through its header it is the right one.
        self.store.ren_i.next = self.sent.q.val() != self.written.q.val();
        self.store.raddr_i.next = bit_cast::<20, 16>(self.sent.q.val());
        self.word_o.next = self.store.rdata_o.val();
        self.position_o.next = self.sent.q.val();
        self.waiting_o.next = self.written.q.val() - self.sent.q.val();
        if self.sent_i.val() {
            self.sent.d.next = self.sent.q.val() + 1;
        }
        if self.acknowledge_i.val()
            & ((self.acknowledged_i.val() - self.acknowledged.q.val())
                <= (self.sent.q.val() - self.acknowledged.q.val()))
        {
            self.acknowledged.d.next = self.acknowledged_i.val();
        }
        if self.rewind_i.val() {
            self.sent.d.next = self.acknowledged.q.val();
        }
        if self.clear_i.val() {
            self.written.d.next = bits::<16>(0);
            self.sent.d.next = bits::<16>(0);
            self.acknowledged.d.next = bits::<16>(0);
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("push_buffer", &[])
    }
}
