use crate::prim::{Ram, Reg, module_name};
use rust_hdl::prelude::*;

/// Words that a [`BeatFifo`] holds: eight bursts of the longest, what hides 448 cycles of a memory's latency.
pub const BEAT_FIFO_WORDS: usize = 512;

/// A first-in first-out buffer of `W`-bit words in a memory, one word in and one out a cycle.
///
/// A word shows two cycles after it was pushed. Pushing while `full_o` and popping without `valid_o` are the caller's errors.
#[derive(LogicBlock)]
pub struct BeatFifo<const W: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub push_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<W>>,
    pub full_o: Signal<Out, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub data_o: Signal<Out, Bits<W>>,
    pub pop_i: Signal<In, Bit>,
    store: Ram<W>,
    // 10 bits, wrapping: differences up to the depth are exact.
    write_at: Reg<Bits<10>>,
    read_at: Reg<Bits<10>>,
    valid: Reg<Bit>,
    read: Signal<Local, Bit>,
    words: Constant<Bits<10>>,
}

impl<const W: usize> Default for BeatFifo<W> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            push_i: Default::default(),
            data_i: Default::default(),
            full_o: Default::default(),
            valid_o: Default::default(),
            data_o: Default::default(),
            pop_i: Default::default(),
            store: Ram::new(BEAT_FIFO_WORDS),
            write_at: Default::default(),
            read_at: Default::default(),
            valid: Default::default(),
            read: Default::default(),
            words: Constant::new((BEAT_FIFO_WORDS as u64).into()),
        }
    }
}

impl<const W: usize> Logic for BeatFifo<W> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write_at, read_at, valid);
        self.store.clock.next = self.clock.val();
        self.full_o.next = (self.write_at.q.val() - self.read_at.q.val()) == self.words.val();
        self.store.wen_i.next = self.push_i.val();
        self.store.waddr_i.next = bit_cast::<20, 9>(self.write_at.q.val().get_bits::<9>(0));
        self.store.wdata_i.next = self.data_i.val();
        if self.push_i.val() {
            self.write_at.d.next = self.write_at.q.val() + 1;
        }
        self.read.next = (self.write_at.q.val() != self.read_at.q.val())
            & (!self.valid.q.val() | self.pop_i.val());
        self.store.ren_i.next = self.read.val();
        self.store.raddr_i.next = bit_cast::<20, 9>(self.read_at.q.val().get_bits::<9>(0));
        if self.read.val() {
            self.read_at.d.next = self.read_at.q.val() + 1;
            self.valid.d.next = true;
        } else if self.pop_i.val() {
            self.valid.d.next = false;
        }
        self.valid_o.next = self.valid.q.val();
        self.data_o.next = self.store.rdata_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("beat_fifo", &[("w", W)])
    }
}
