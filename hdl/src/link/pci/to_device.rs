use super::{BEAT_FIFO_WORDS, BeatFifo, ByteQueue};
use crate::prim::{Pipe, Reg, module_name};
use crate::spike::Fifo;
use backspike_arch::layout::{BURST_BYTES, TransferOutcome};
use rust_hdl::prelude::*;

/// Gathers: the bytes that the descriptors of a ring name, read from host memory at any alignment, become packets of 8 bytes a cycle.
///
/// One half asks for bursts, as far ahead as the buffer has room; the other takes the beats and reports each descriptor. A descriptor
/// that cannot be done is the last: nothing after it is read, and the engine stands until it is reset.
#[derive(LogicBlock)]
pub struct ToDevice {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // The ring.
    pub valid_i: Signal<In, Bit>,
    pub transfer_i: Signal<In, Bits<64>>,
    pub length_i: Signal<In, Bits<32>>,
    /// The packet ends with the descriptor.
    pub end_i: Signal<In, Bit>,
    /// Why the descriptor cannot be done, 0 for a sound one.
    pub bad_i: Signal<In, Bits<4>>,
    pub take_o: Signal<Out, Bit>,
    // The read port.
    pub request_o: Signal<Out, Bit>,
    pub grant_i: Signal<In, Bit>,
    pub address_o: Signal<Out, Bits<64>>,
    pub beats_o: Signal<Out, Bits<6>>,
    pub beat_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<64>>,
    pub error_i: Signal<In, Bit>,
    // Completions.
    pub done_o: Signal<Out, Bit>,
    pub outcome_o: Signal<Out, Bits<4>>,
    pub bytes_o: Signal<Out, Bits<21>>,
    pub room_i: Signal<In, Bit>,
    // Packets.
    pub packet_valid_o: Signal<Out, Bit>,
    pub packet_data_o: Signal<Out, Bits<64>>,
    pub packet_bytes_o: Signal<Out, Bits<4>>,
    pub packet_last_o: Signal<Out, Bit>,
    pub packet_ready_i: Signal<In, Bit>,
    /// Data beats taken, one cycle each.
    pub moved_o: Signal<Out, Bit>,

    /// Outcome (0 for a sound one), end of packet, length, offset in the first beat: 4 + 1 + 21 + 3 bits.
    transfers: Fifo<29>,
    /// Error and data.
    beats: BeatFifo<65>,
    queue: ByteQueue,
    asking: Reg<Bit>,
    stopped: Reg<Bit>,
    ask_at: Pipe<Bits<64>>,
    /// A transfer at an odd place has up to 131,073 beats: 18 bits.
    ask_left: Pipe<Bits<18>>,
    /// Places of the buffer that bursts have: 512 at most.
    promised: Reg<Bits<10>>,
    loaded: Reg<Bit>,
    halted: Reg<Bit>,
    flushing: Reg<Bit>,
    left: Pipe<Bits<21>>,
    skip: Pipe<Bits<3>>,
    start: Signal<Local, Bit>,
    offset: Signal<Local, Bits<3>>,
    length: Signal<Local, Bits<21>>,
    /// Length and offset, rounded up to a beat: 22 bits, of which a sound transfer needs 21.
    span: Signal<Local, Bits<22>>,
    to_border: Signal<Local, Bits<10>>,
    burst: Signal<Local, Bits<10>>,
    shorter: Signal<Local, Bits<10>>,
    request: Signal<Local, Bit>,
    granted: Signal<Local, Bits<10>>,
    popped: Signal<Local, Bits<10>>,
    head: Signal<Local, Bits<29>>,
    head_length: Signal<Local, Bits<21>>,
    head_bad: Signal<Local, Bits<4>>,
    head_end: Signal<Local, Bit>,
    here: Signal<Local, Bits<4>>,
    bytes: Signal<Local, Bits<4>>,
    step: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    failed: Signal<Local, Bit>,
    refused: Signal<Local, Bit>,
    shift: Signal<Local, Bits<6>>,
    out_bytes: Signal<Local, Bits<4>>,
    out_valid: Signal<Local, Bit>,
    out_last: Signal<Local, Bit>,
    burst_beats: Constant<Bits<10>>,
    words: Constant<Bits<10>>,
    done: Constant<Bits<4>>,
    read_failed: Constant<Bits<4>>,
}

impl Default for ToDevice {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            transfer_i: Default::default(),
            length_i: Default::default(),
            end_i: Default::default(),
            bad_i: Default::default(),
            take_o: Default::default(),
            request_o: Default::default(),
            grant_i: Default::default(),
            address_o: Default::default(),
            beats_o: Default::default(),
            beat_i: Default::default(),
            data_i: Default::default(),
            error_i: Default::default(),
            done_o: Default::default(),
            outcome_o: Default::default(),
            bytes_o: Default::default(),
            room_i: Default::default(),
            packet_valid_o: Default::default(),
            packet_data_o: Default::default(),
            packet_bytes_o: Default::default(),
            packet_last_o: Default::default(),
            packet_ready_i: Default::default(),
            moved_o: Default::default(),
            transfers: Fifo::new(8),
            beats: Default::default(),
            queue: Default::default(),
            asking: Default::default(),
            stopped: Default::default(),
            ask_at: Default::default(),
            ask_left: Default::default(),
            promised: Default::default(),
            loaded: Default::default(),
            halted: Default::default(),
            flushing: Default::default(),
            left: Default::default(),
            skip: Default::default(),
            start: Default::default(),
            offset: Default::default(),
            length: Default::default(),
            span: Default::default(),
            to_border: Default::default(),
            burst: Default::default(),
            shorter: Default::default(),
            request: Default::default(),
            granted: Default::default(),
            popped: Default::default(),
            head: Default::default(),
            head_length: Default::default(),
            head_bad: Default::default(),
            head_end: Default::default(),
            here: Default::default(),
            bytes: Default::default(),
            step: Default::default(),
            ends: Default::default(),
            failed: Default::default(),
            refused: Default::default(),
            shift: Default::default(),
            out_bytes: Default::default(),
            out_valid: Default::default(),
            out_last: Default::default(),
            burst_beats: Constant::new((BURST_BYTES as u64 / 8).into()),
            words: Constant::new((BEAT_FIFO_WORDS as u64).into()),
            done: Constant::new((TransferOutcome::Done as u64).into()),
            read_failed: Constant::new((TransferOutcome::ReadFailed as u64).into()),
        }
    }
}

impl Logic for ToDevice {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, asking, stopped, ask_at, ask_left, promised, loaded);
        dff_setup!(self, clock, halted, flushing, left, skip);
        self.transfers.clock.next = self.clock.val();
        self.transfers.reset.next = self.reset.val();
        self.beats.clock.next = self.clock.val();
        self.beats.reset.next = self.reset.val();
        self.queue.clock.next = self.clock.val();
        self.queue.reset.next = self.reset.val();

        // A descriptor begins.
        self.start.next = self.valid_i.val()
            & !self.asking.q.val()
            & !self.stopped.q.val()
            & !self.transfers.full_o.val();
        self.take_o.next = self.start.val();
        self.offset.next = self.transfer_i.val().get_bits::<3>(0);
        self.length.next = self.length_i.val().get_bits::<21>(0);
        self.transfers.push_i.next = self.start.val();
        self.transfers.data_i.next = (bit_cast::<29, 4>(self.bad_i.val()) << bits::<5>(25))
            | (bit_cast::<29, 1>(self.end_i.val().into()) << bits::<5>(24))
            | (bit_cast::<29, 21>(self.length.val()) << bits::<5>(3))
            | bit_cast::<29, 3>(self.offset.val());
        self.span.next =
            bit_cast::<22, 21>(self.length.val()) + bit_cast::<22, 3>(self.offset.val()) + 7;
        if self.start.val() {
            self.ask_at.d.next = (self.transfer_i.val() >> bits::<2>(3)) << bits::<2>(3);
            // Beats that the bytes lie in.
            self.ask_left.d.next = self.span.val().get_bits::<18>(3);
            if self.bad_i.val().any() {
                self.stopped.d.next = true;
            } else {
                self.asking.d.next = true;
            }
        }

        // Bursts end at 4 KiB, 512 beats, as AXI has it.
        self.to_border.next =
            bits::<10>(512) - bit_cast::<10, 9>(self.ask_at.q.val().get_bits::<9>(3));
        self.shorter.next = self.burst_beats.val();
        if self.ask_left.q.val() < bit_cast::<18, 10>(self.burst_beats.val()) {
            self.shorter.next = self.ask_left.q.val().get_bits::<10>(0);
        }
        self.burst.next = self.shorter.val();
        if self.to_border.val() < self.shorter.val() {
            self.burst.next = self.to_border.val();
        }
        self.request.next =
            self.asking.q.val() & (self.burst.val() <= (self.words.val() - self.promised.q.val()));
        self.request_o.next = self.request.val();
        self.address_o.next = self.ask_at.q.val();
        self.beats_o.next = (self.burst.val() - 1).get_bits::<6>(0);
        self.granted.next = bits::<10>(0);
        if self.grant_i.val() {
            self.granted.next = self.burst.val();
            self.ask_at.d.next =
                self.ask_at.q.val() + (bit_cast::<64, 10>(self.burst.val()) << bits::<2>(3));
            self.ask_left.d.next = self.ask_left.q.val() - bit_cast::<18, 10>(self.burst.val());
            if self.ask_left.q.val() == bit_cast::<18, 10>(self.burst.val()) {
                self.asking.d.next = false;
            }
        }

        // The other half: the transfer at the head takes its beats.
        self.beats.push_i.next = self.beat_i.val();
        self.beats.data_i.next = (bit_cast::<65, 1>(self.error_i.val().into()) << bits::<7>(64))
            | bit_cast::<65, 64>(self.data_i.val());
        self.head.next = self.transfers.data_o.val();
        self.head_bad.next = self.head.val().get_bits::<4>(25);
        self.head_end.next = self.head.val().get_bit(24);
        self.head_length.next = self.head.val().get_bits::<21>(3);
        self.refused.next = false;
        if !self.loaded.q.val()
            & self.transfers.valid_o.val()
            & !self.halted.q.val()
            & !self.flushing.q.val()
        {
            if self.head_bad.val().any() {
                self.refused.next = self.room_i.val();
            } else {
                self.loaded.d.next = true;
                self.left.d.next = self.head_length.val();
                self.skip.d.next = self.head.val().get_bits::<3>(0);
            }
        }
        self.here.next = bits::<4>(8) - bit_cast::<4, 3>(self.skip.q.val());
        self.bytes.next = self.here.val();
        if self.left.q.val() < bit_cast::<21, 4>(self.here.val()) {
            self.bytes.next = self.left.q.val().get_bits::<4>(0);
        }
        self.step.next = self.loaded.q.val()
            & self.beats.valid_o.val()
            & self.queue.ready_o.val()
            & self.room_i.val();
        self.failed.next = self.step.val() & self.beats.data_o.val().get_bit(64);
        self.ends.next =
            self.step.val() & (self.left.q.val() == bit_cast::<21, 4>(self.bytes.val()));
        self.shift.next = bit_cast::<6, 3>(self.skip.q.val()) << bits::<2>(3);
        self.queue.push_i.next = self.step.val() & !self.failed.val();
        self.queue.data_i.next = self.beats.data_o.val().get_bits::<64>(0) >> self.shift.val();
        self.queue.bytes_i.next = self.bytes.val();
        if self.step.val() {
            self.left.d.next = self.left.q.val() - bit_cast::<21, 4>(self.bytes.val());
            self.skip.d.next = bits::<3>(0);
        }
        if self.ends.val() & !self.failed.val() {
            self.loaded.d.next = false;
            self.flushing.d.next = self.head_end.val();
        }
        if self.failed.val() | self.refused.val() {
            self.loaded.d.next = false;
            self.halted.d.next = true;
            self.stopped.d.next = true;
            self.asking.d.next = false;
        }
        self.transfers.pop_i.next = self.ends.val() | self.failed.val() | self.refused.val();
        self.done_o.next = self.ends.val() | self.failed.val() | self.refused.val();
        self.outcome_o.next = self.done.val();
        self.bytes_o.next = self.head_length.val();
        if self.failed.val() {
            self.outcome_o.next = self.read_failed.val();
            self.bytes_o.next = self.head_length.val() - self.left.q.val();
        }
        if self.refused.val() {
            self.outcome_o.next = self.head_bad.val();
            self.bytes_o.next = bits::<21>(0);
        }
        self.moved_o.next = self.step.val();

        // After a failure beats still come; they go nowhere.
        self.beats.pop_i.next = self.step.val() | (self.halted.q.val() & self.beats.valid_o.val());
        self.popped.next = bit_cast::<10, 1>(self.beats.pop_i.val().into());
        self.promised.d.next = self.promised.q.val() + self.granted.val() - self.popped.val();

        // Whole words of 8 bytes, and what is left at the end of a packet.
        self.out_bytes.next = bits::<4>(8);
        self.out_last.next = self.flushing.q.val() & (self.queue.held_o.val() <= bits::<5>(8));
        if self.out_last.val() {
            self.out_bytes.next = self.queue.held_o.val().get_bits::<4>(0);
        }
        self.out_valid.next = self.flushing.q.val() | (self.queue.held_o.val() >= bits::<5>(8));
        // An engine that stands sends nothing half.
        if self.halted.q.val() {
            self.out_valid.next = false;
        }
        self.packet_valid_o.next = self.out_valid.val();
        self.packet_data_o.next = self.queue.data_o.val();
        self.packet_bytes_o.next = self.out_bytes.val();
        self.packet_last_o.next = self.out_last.val();
        self.queue.take_i.next = bits::<4>(0);
        if self.out_valid.val() & self.packet_ready_i.val() {
            self.queue.take_i.next = self.out_bytes.val();
            if self.out_last.val() {
                self.flushing.d.next = false;
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("to_device", &[])
    }
}
