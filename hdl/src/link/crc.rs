use crate::prim::{Pipe, described_module};
use rust_hdl::prelude::*;

/// The CRC-32 of ISO 3309 (reflected polynomial 0xEDB88320), a byte a cycle. Over a message and its CRC, least significant byte first,
/// the register ends at 0xDEBB20E3.
#[derive(LogicBlock, Default)]
pub struct Crc32 {
    pub clock: Signal<In, Clock>,
    /// Starts a message.
    pub clear_i: Signal<In, Bit>,
    pub valid_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<8>>,
    /// The CRC of the bytes so far.
    pub crc_o: Signal<Out, Bits<32>>,
    /// The bytes so far end with their CRC.
    pub good_o: Signal<Out, Bit>,
    register: Pipe<Bits<32>>,
    folded: Signal<Local, Bits<32>>,
}

impl Logic for Crc32 {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, register);
        self.folded.next = self.register.q.val() ^ bit_cast::<32, 8>(self.data_i.val());
        for _i in 0..8 {
            if self.folded.val().get_bit(0) {
                self.folded.next =
                    (self.folded.val() >> bits::<5>(1)) ^ bits::<32>(0xEDB8_8320_u64);
            } else {
                self.folded.next = self.folded.val() >> bits::<5>(1);
            }
        }
        if self.valid_i.val() {
            self.register.d.next = self.folded.val();
        }
        if self.clear_i.val() {
            self.register.d.next = bits::<32>(0xFFFF_FFFF_u64);
        }
        self.crc_o.next = !self.register.q.val();
        self.good_o.next = self.register.q.val() == bits::<32>(0xDEBB_20E3_u64);
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("crc32", &[], "CRC-32 of ISO 3309, a byte a cycle.")
    }
}
