use super::Crc32;
use crate::prim::{Pipe, Reg, described_module};
use rust_hdl::prelude::*;

/// Makes frames for the host (docs/architecture/link.md): 8 bytes of header, up to 16 pushed words of 8 bytes, CRC.
#[derive(LogicBlock, Default)]
pub struct FrameTransmitter {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// A frame is due even without words.
    pub due_i: Signal<In, Bit>,
    /// The frame that runs is of no use any more: it ends at once.
    pub abort_i: Signal<In, Bit>,
    /// A frame begins in this cycle, with this header.
    pub begin_o: Signal<Out, Bit>,
    pub header_i: Signal<In, Bits<64>>,
    /// No frame runs.
    pub idle_o: Signal<Out, Bit>,
    // From the push buffer: words that wait, the first of them, and when it has been taken.
    pub waiting_i: Signal<In, Bits<16>>,
    pub word_i: Signal<In, Bits<64>>,
    pub sent_o: Signal<Out, Bit>,
    // Bytes.
    pub data_o: Signal<Out, Bits<8>>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    crc: Crc32,
    /// 0: idle, 1: header, 2: words, 3: CRC, 4: end; 5: a cycle for the CRC to take the last byte.
    stage: Reg<Bits<3>>,
    shift: Pipe<Bits<64>>,
    /// Bytes left in `shift`, at most 8, and words left of the frame, at most 16.
    left: Pipe<Bits<4>>,
    words: Pipe<Bits<5>>,
    /// The escape before the byte is out.
    escaped: Reg<Bit>,
    octet: Signal<Local, Bits<8>>,
    special: Signal<Local, Bit>,
    idle: Signal<Local, Bit>,
    valid: Signal<Local, Bit>,
    begins: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
}

impl Logic for FrameTransmitter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, stage, shift, left, words, escaped);
        self.crc.clock.next = self.clock.val();
        self.idle.next = self.stage.q.val() == bits::<3>(0);
        self.idle_o.next = self.idle.val();
        self.begins.next = self.idle.val() & (self.due_i.val() | self.waiting_i.val().any());
        self.begin_o.next = self.begins.val();

        // Two bytes have a meaning of their own: after 0xDB, 0xDC stands for 0xC0 and 0xDD for 0xDB.
        self.octet.next = self.shift.q.val().get_bits::<8>(0);
        self.special.next =
            (self.octet.val() == bits::<8>(0xC0)) | (self.octet.val() == bits::<8>(0xDB));
        self.valid.next = !self.idle.val() & (self.stage.q.val() != bits::<3>(5));
        self.valid_o.next = self.valid.val();
        self.data_o.next = self.octet.val();
        if self.special.val() {
            if !self.escaped.q.val() {
                self.data_o.next = bits::<8>(0xDB);
            } else if self.octet.val() == bits::<8>(0xC0) {
                self.data_o.next = bits::<8>(0xDC);
            } else {
                self.data_o.next = bits::<8>(0xDD);
            }
        }
        if self.stage.q.val() == bits::<3>(4) {
            self.data_o.next = bits::<8>(0xC0);
        }
        self.taken.next =
            (self.valid.val() & self.ready_i.val()) & (!self.special.val() | self.escaped.q.val());
        if self.valid.val() & self.ready_i.val() {
            self.escaped.d.next = self.special.val() & !self.escaped.q.val();
        }
        self.crc.clear_i.next = self.begins.val();
        self.crc.data_i.next = self.octet.val();
        self.crc.valid_i.next = self.taken.val()
            & ((self.stage.q.val() == bits::<3>(1)) | (self.stage.q.val() == bits::<3>(2)));

        self.last.next = self.taken.val() & (self.left.q.val() == bits::<4>(1));
        self.sent_o.next = false;
        if self.taken.val() {
            self.shift.d.next = self.shift.q.val() >> bits::<6>(8);
            self.left.d.next = self.left.q.val() - 1;
        }
        if self.last.val() & self.words.q.val().any() {
            self.stage.d.next = bits::<3>(2);
            self.words.d.next = self.words.q.val() - 1;
            self.shift.d.next = self.word_i.val();
            self.left.d.next = bits::<4>(8);
            self.sent_o.next = true;
        } else if self.last.val() {
            if self.stage.q.val() == bits::<3>(3) {
                self.stage.d.next = bits::<3>(4);
                self.escaped.d.next = false;
                self.shift.d.next = bits::<64>(0);
                self.left.d.next = bits::<4>(2);
            } else {
                self.stage.d.next = bits::<3>(5);
            }
        }
        if self.stage.q.val() == bits::<3>(5) {
            self.stage.d.next = bits::<3>(3);
            self.shift.d.next = bit_cast::<64, 32>(self.crc.crc_o.val());
            self.left.d.next = bits::<4>(4);
        }
        if (self.stage.q.val() == bits::<3>(4)) & self.taken.val() {
            self.stage.d.next = bits::<3>(0);
        }
        if self.begins.val() {
            self.stage.d.next = bits::<3>(1);
            self.escaped.d.next = false;
            self.shift.d.next = self.header_i.val();
            self.left.d.next = bits::<4>(8);
            self.words.d.next = self.waiting_i.val().get_bits::<5>(0);
            if self.waiting_i.val() > bits::<16>(16) {
                self.words.d.next = bits::<5>(16);
            }
        }
        if self.abort_i.val() & !self.idle.val() {
            self.stage.d.next = bits::<3>(4);
            self.escaped.d.next = false;
            self.shift.d.next = bits::<64>(0);
            self.left.d.next = bits::<4>(2);
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        described_module("frame_transmitter", &[], "Frames for the host, byte by byte.")
    }
}
