use super::Crc32;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Takes frames from the host out of a stream of bytes (docs/architecture/link.md): 6 bytes of header, words, CRC.
///
/// Words show as they arrive, before the CRC has been seen: what takes them keeps them back until `end_o`.
#[derive(LogicBlock, Default)]
pub struct FrameReceiver {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<8>>,
    pub valid_i: Signal<In, Bit>,
    pub error_i: Signal<In, Bit>,
    pub word_valid_o: Signal<Out, Bit>,
    pub word_o: Signal<Out, Bits<32>>,
    /// A frame ends; `good_o`: whole, with the right CRC. The header is that of the frame.
    pub end_o: Signal<Out, Bit>,
    pub good_o: Signal<Out, Bit>,
    pub flags_o: Signal<Out, Bits<8>>,
    pub session_o: Signal<Out, Bits<8>>,
    pub position_o: Signal<Out, Bits<16>>,
    pub acknowledged_o: Signal<Out, Bits<16>>,
    crc: Crc32,
    escape: Reg<Bit>,
    bad: Reg<Bit>,
    /// Bytes of the header so far, at most 6.
    head: Reg<Bits<3>>,
    header: Pipe<Bits<48>>,
    /// Bytes of the word so far.
    phase: Reg<Bits<2>>,
    word: Pipe<Bits<32>>,
    next_word: Signal<Local, Bits<32>>,
    /// The word before: the last of a frame is its CRC.
    held: Pipe<Bits<32>>,
    held_valid: Reg<Bit>,
    is_end: Signal<Local, Bit>,
    is_escape: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    octet: Signal<Local, Bits<8>>,
    ends: Signal<Local, Bit>,
}

impl Logic for FrameReceiver {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, escape, bad, head, header, phase, word, held, held_valid);
        self.crc.clock.next = self.clock.val();
        self.is_end.next = self.valid_i.val() & (self.data_i.val() == bits::<8>(0xC0));
        self.is_escape.next = self.valid_i.val() & (self.data_i.val() == bits::<8>(0xDB));
        self.take.next = self.valid_i.val() & (!self.is_end.val() & !self.is_escape.val());
        self.octet.next = self.data_i.val();
        if self.escape.q.val() {
            if self.data_i.val() == bits::<8>(0xDC) {
                self.octet.next = bits::<8>(0xC0);
            } else {
                self.octet.next = bits::<8>(0xDB);
            }
        }
        self.crc.clear_i.next = self.is_end.val() | self.reset.val();
        self.crc.valid_i.next = self.take.val();
        self.crc.data_i.next = self.octet.val();

        if self.valid_i.val() {
            self.escape.d.next = self.is_escape.val();
        }
        // After an escape only two bytes make sense.
        if self.error_i.val()
            | (self.escape.q.val()
                & (self.valid_i.val()
                    & ((self.data_i.val() != bits::<8>(0xDC))
                        & (self.data_i.val() != bits::<8>(0xDD)))))
        {
            self.bad.d.next = true;
        }

        self.next_word.next = (self.word.q.val() >> bits::<5>(8))
            | (bit_cast::<32, 8>(self.octet.val()) << bits::<5>(24));
        self.word_valid_o.next = false;
        self.word_o.next = self.held.q.val();
        if self.take.val() {
            if self.head.q.val() != bits::<3>(6) {
                self.head.d.next = self.head.q.val() + 1;
                self.header.d.next = (self.header.q.val() >> bits::<6>(8))
                    | (bit_cast::<48, 8>(self.octet.val()) << bits::<6>(40));
            } else {
                self.word.d.next = self.next_word.val();
                self.phase.d.next = self.phase.q.val() + 1;
                if self.phase.q.val() == bits::<2>(3) {
                    self.held.d.next = self.next_word.val();
                    self.held_valid.d.next = true;
                    self.word_valid_o.next = self.held_valid.q.val();
                }
            }
        }

        // Nothing between two ends is no frame.
        self.ends.next = self.is_end.val() & (self.head.q.val().any() | self.bad.q.val());
        self.end_o.next = self.ends.val();
        self.good_o.next = (self.crc.good_o.val() & self.held_valid.q.val())
            & (!self.phase.q.val().any() & (!self.bad.q.val() & !self.escape.q.val()));
        self.flags_o.next = self.header.q.val().get_bits::<8>(0);
        self.session_o.next = self.header.q.val().get_bits::<8>(8);
        self.position_o.next = self.header.q.val().get_bits::<16>(16);
        self.acknowledged_o.next = self.header.q.val().get_bits::<16>(32);
        if self.is_end.val() {
            self.bad.d.next = false;
            self.head.d.next = bits::<3>(0);
            self.phase.d.next = bits::<2>(0);
            self.held_valid.d.next = false;
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("frame_receiver", &[], "Frames of the host out of bytes.")
    }
}
