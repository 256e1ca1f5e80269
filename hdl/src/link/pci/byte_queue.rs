use crate::prim::{Reg, module_name};
use rust_hdl::prelude::*;

/// Bytes in a row, up to 8 in and up to 8 out a cycle: what lies between two alignments.
#[derive(LogicBlock, Default)]
pub struct ByteQueue {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub push_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<64>>,
    /// How many of the low bytes count, 1 to 8.
    pub bytes_i: Signal<In, Bits<4>>,
    /// There is room for 8 bytes, given what is taken in this cycle.
    pub ready_o: Signal<Out, Bit>,
    /// The oldest 8 bytes, the oldest lowest, and how many bytes there are, up to 16.
    pub data_o: Signal<Out, Bits<64>>,
    pub held_o: Signal<Out, Bits<5>>,
    /// Bytes taken, 0 to 8, no more than there are.
    pub take_i: Signal<In, Bits<4>>,
    /// Bytes beyond `held` are zero.
    store: Reg<Bits<128>>,
    held: Reg<Bits<5>>,
    left: Signal<Local, Bits<5>>,
    taken: Signal<Local, Bits<7>>,
    place: Signal<Local, Bits<8>>,
    unused: Signal<Local, Bits<7>>,
    kept: Signal<Local, Bits<64>>,
}

impl Logic for ByteQueue {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, store, held);
        self.left.next = self.held.q.val() - bit_cast::<5, 4>(self.take_i.val());
        self.ready_o.next = self.left.val() <= bits::<5>(8);
        // Shifts in bits: 8 a byte.
        self.taken.next = bit_cast::<7, 4>(self.take_i.val()) << bits::<2>(3);
        self.place.next = bit_cast::<8, 5>(self.left.val()) << bits::<2>(3);
        self.unused.next = bits::<7>(64) - (bit_cast::<7, 4>(self.bytes_i.val()) << bits::<2>(3));
        self.kept.next =
            self.data_i.val() & (bits::<64>(0xFFFF_FFFF_FFFF_FFFF_u64) >> self.unused.val());
        self.store.d.next = self.store.q.val() >> self.taken.val();
        self.held.d.next = self.left.val();
        if self.push_i.val() {
            self.store.d.next = (self.store.q.val() >> self.taken.val())
                | (bit_cast::<128, 64>(self.kept.val()) << self.place.val());
            self.held.d.next = self.left.val() + bit_cast::<5, 4>(self.bytes_i.val());
        }
        self.data_o.next = self.store.q.val().get_bits::<64>(0);
        self.held_o.next = self.held.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("byte_queue", &[])
    }
}
