use super::{BeatFifo, ByteQueue};
use crate::prim::{Pipe, Reg, module_name};
use crate::spike::Fifo;
use backspike_arch::layout::{BURST_BYTES, TransferOutcome};
use rust_hdl::prelude::*;

/// Scatters: packets become bursts into the buffers that the descriptors of a ring name, at any alignment. A buffer ends when it is full
/// or its packet ends.
///
/// A burst is asked for when all its beats are there, so that the bus never waits for the core.
#[derive(LogicBlock)]
pub struct ToHost {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // Packets.
    pub packet_valid_i: Signal<In, Bit>,
    pub packet_data_i: Signal<In, Bits<64>>,
    pub packet_bytes_i: Signal<In, Bits<4>>,
    pub packet_last_i: Signal<In, Bit>,
    pub packet_ready_o: Signal<Out, Bit>,
    // The ring.
    pub valid_i: Signal<In, Bit>,
    pub transfer_i: Signal<In, Bits<64>>,
    pub length_i: Signal<In, Bits<32>>,
    /// Why the descriptor cannot be done, 0 for a sound one.
    pub bad_i: Signal<In, Bits<4>>,
    pub take_o: Signal<Out, Bit>,
    // The write port: bursts, their beats, their answers.
    pub request_o: Signal<Out, Bit>,
    pub grant_i: Signal<In, Bit>,
    pub address_o: Signal<Out, Bits<64>>,
    pub beats_o: Signal<Out, Bits<6>>,
    /// The burst is the last of its buffer.
    pub closes_o: Signal<Out, Bit>,
    pub beat_valid_o: Signal<Out, Bit>,
    pub beat_data_o: Signal<Out, Bits<64>>,
    pub beat_strobe_o: Signal<Out, Bits<8>>,
    pub beat_take_i: Signal<In, Bit>,
    pub answer_i: Signal<In, Bit>,
    pub answer_closes_i: Signal<In, Bit>,
    pub answer_error_i: Signal<In, Bit>,
    // Completions.
    pub done_o: Signal<Out, Bit>,
    pub outcome_o: Signal<Out, Bits<4>>,
    pub bytes_o: Signal<Out, Bits<21>>,
    pub end_o: Signal<Out, Bit>,
    /// There is a place for one more completion, and it is now promised.
    pub room_i: Signal<In, Bit>,
    pub reserve_o: Signal<Out, Bit>,
    /// Beats filled, one cycle each.
    pub moved_o: Signal<Out, Bit>,
    pub busy_o: Signal<Out, Bit>,

    queue: ByteQueue,
    /// The last bytes of the packet are in the queue.
    ending: Reg<Bit>,
    loaded: Reg<Bit>,
    halted: Reg<Bit>,
    at: Pipe<Bits<64>>,
    room: Pipe<Bits<21>>,
    moved: Pipe<Bits<21>>,
    /// Beats of the burst so far, and where it began.
    filled: Reg<Bits<6>>,
    begun_at: Pipe<Bits<61>>,
    /// Strobes and data.
    beats: BeatFifo<72>,
    /// Closes the buffer, beats less one, address of 8 bytes: 1 + 6 + 61 bits.
    bursts: Fifo<68>,
    /// Buffers whose last burst is not answered: end of packet, bytes.
    open: Fifo<22>,
    /// A burst of the buffer that is being answered failed.
    broken: Reg<Bit>,
    refused: Signal<Local, Bit>,
    offset: Signal<Local, Bits<3>>,
    here: Signal<Local, Bits<4>>,
    want: Signal<Local, Bits<4>>,
    bytes: Signal<Local, Bits<4>>,
    enough: Signal<Local, Bit>,
    step: Signal<Local, Bit>,
    packet_ends: Signal<Local, Bit>,
    buffer_ends: Signal<Local, Bit>,
    burst_ends: Signal<Local, Bit>,
    began: Signal<Local, Bits<61>>,
    shift: Signal<Local, Bits<6>>,
    strobe: Signal<Local, Bits<8>>,
    push: Signal<Local, Bit>,
    answered: Signal<Local, Bit>,
    broke: Signal<Local, Bit>,
    last_beat: Constant<Bits<6>>,
    done: Constant<Bits<4>>,
    write_failed: Constant<Bits<4>>,
}

impl Default for ToHost {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            packet_valid_i: Default::default(),
            packet_data_i: Default::default(),
            packet_bytes_i: Default::default(),
            packet_last_i: Default::default(),
            packet_ready_o: Default::default(),
            valid_i: Default::default(),
            transfer_i: Default::default(),
            length_i: Default::default(),
            bad_i: Default::default(),
            take_o: Default::default(),
            request_o: Default::default(),
            grant_i: Default::default(),
            address_o: Default::default(),
            beats_o: Default::default(),
            closes_o: Default::default(),
            beat_valid_o: Default::default(),
            beat_data_o: Default::default(),
            beat_strobe_o: Default::default(),
            beat_take_i: Default::default(),
            answer_i: Default::default(),
            answer_closes_i: Default::default(),
            answer_error_i: Default::default(),
            done_o: Default::default(),
            outcome_o: Default::default(),
            bytes_o: Default::default(),
            end_o: Default::default(),
            room_i: Default::default(),
            reserve_o: Default::default(),
            moved_o: Default::default(),
            busy_o: Default::default(),
            queue: Default::default(),
            ending: Default::default(),
            loaded: Default::default(),
            halted: Default::default(),
            at: Default::default(),
            room: Default::default(),
            moved: Default::default(),
            filled: Default::default(),
            begun_at: Default::default(),
            beats: Default::default(),
            bursts: Fifo::new(4),
            open: Fifo::new(8),
            broken: Default::default(),
            refused: Default::default(),
            offset: Default::default(),
            here: Default::default(),
            want: Default::default(),
            bytes: Default::default(),
            enough: Default::default(),
            step: Default::default(),
            packet_ends: Default::default(),
            buffer_ends: Default::default(),
            burst_ends: Default::default(),
            began: Default::default(),
            shift: Default::default(),
            strobe: Default::default(),
            push: Default::default(),
            answered: Default::default(),
            broke: Default::default(),
            last_beat: Constant::new((BURST_BYTES as u64 / 8 - 1).into()),
            done: Constant::new((TransferOutcome::Done as u64).into()),
            write_failed: Constant::new((TransferOutcome::WriteFailed as u64).into()),
        }
    }
}

impl Logic for ToHost {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, ending, loaded, halted, at, room, moved, filled, begun_at, broken);
        self.queue.clock.next = self.clock.val();
        self.queue.reset.next = self.reset.val();
        self.beats.clock.next = self.clock.val();
        self.beats.reset.next = self.reset.val();
        self.bursts.clock.next = self.clock.val();
        self.bursts.reset.next = self.reset.val();
        self.open.clock.next = self.clock.val();
        self.open.reset.next = self.reset.val();

        // A packet comes in; the next one waits until its last byte has left the queue.
        self.packet_ready_o.next = self.queue.ready_o.val() & !self.ending.q.val();
        self.push.next =
            self.packet_valid_i.val() & self.queue.ready_o.val() & !self.ending.q.val();
        self.queue.push_i.next = self.push.val();
        self.queue.data_i.next = self.packet_data_i.val();
        self.queue.bytes_i.next = self.packet_bytes_i.val();

        // A buffer begins. One that cannot be used is reported after those before it.
        self.refused.next = false;
        self.take_o.next = false;
        if !self.loaded.q.val() & self.valid_i.val() & !self.halted.q.val() {
            if !self.bad_i.val().any() {
                self.take_o.next = true;
                self.loaded.d.next = true;
                self.at.d.next = self.transfer_i.val();
                self.room.d.next = self.length_i.val().get_bits::<21>(0);
                self.moved.d.next = bits::<21>(0);
            } else if !self.open.valid_o.val() & self.room_i.val() {
                self.take_o.next = true;
                self.refused.next = true;
                self.halted.d.next = true;
            }
        }

        // A beat is filled: up to the next multiple of 8, the end of the buffer, or of the packet.
        self.offset.next = self.at.q.val().get_bits::<3>(0);
        self.here.next = bits::<4>(8) - bit_cast::<4, 3>(self.offset.val());
        self.want.next = self.here.val();
        if self.room.q.val() < bit_cast::<21, 4>(self.here.val()) {
            self.want.next = self.room.q.val().get_bits::<4>(0);
        }
        self.enough.next = self.queue.held_o.val() >= bit_cast::<5, 4>(self.want.val());
        self.bytes.next = self.want.val();
        if !self.enough.val() {
            self.bytes.next = self.queue.held_o.val().get_bits::<4>(0);
        }
        self.step.next = self.loaded.q.val()
            & !self.halted.q.val()
            & (self.enough.val() | self.ending.q.val())
            & !self.beats.full_o.val()
            & !self.bursts.full_o.val()
            & self.room_i.val();
        self.queue.take_i.next = bits::<4>(0);
        if self.step.val() {
            self.queue.take_i.next = self.bytes.val();
        }
        self.packet_ends.next =
            self.ending.q.val() & (self.queue.held_o.val() == bit_cast::<5, 4>(self.bytes.val()));
        self.buffer_ends.next =
            self.packet_ends.val() | (self.room.q.val() == bit_cast::<21, 4>(self.bytes.val()));
        // The last beat before 4 KiB ends a burst, as AXI has it.
        self.burst_ends.next = self.buffer_ends.val()
            | (self.filled.q.val() == self.last_beat.val())
            | (self.at.q.val().get_bits::<9>(3) == bits::<9>(511));
        self.began.next = self.begun_at.q.val();
        if !self.filled.q.val().any() {
            self.began.next = self.at.q.val().get_bits::<61>(3);
        }
        self.shift.next = bit_cast::<6, 3>(self.offset.val()) << bits::<2>(3);
        // One strobe a byte: `bytes` ones, the lowest at the offset.
        self.strobe.next =
            (bits::<8>(255) >> (bits::<4>(8) - self.bytes.val())) << self.offset.val();
        self.beats.push_i.next = self.step.val();
        self.beats.data_i.next = (bit_cast::<72, 8>(self.strobe.val()) << bits::<7>(64))
            | bit_cast::<72, 64>(self.queue.data_o.val() << self.shift.val());
        self.bursts.push_i.next = self.step.val() & self.burst_ends.val();
        self.bursts.data_i.next = (bit_cast::<68, 1>(self.buffer_ends.val().into())
            << bits::<7>(67))
            | (bit_cast::<68, 6>(self.filled.q.val()) << bits::<7>(61))
            | bit_cast::<68, 61>(self.began.val());
        self.open.push_i.next = self.step.val() & self.buffer_ends.val();
        self.open.data_i.next = (bit_cast::<22, 1>(self.packet_ends.val().into()) << bits::<5>(21))
            | bit_cast::<22, 21>(self.moved.q.val() + bit_cast::<21, 4>(self.bytes.val()));
        if self.step.val() {
            self.at.d.next = self.at.q.val() + bit_cast::<64, 4>(self.bytes.val());
            self.room.d.next = self.room.q.val() - bit_cast::<21, 4>(self.bytes.val());
            self.moved.d.next = self.moved.q.val() + bit_cast::<21, 4>(self.bytes.val());
            self.begun_at.d.next = self.began.val();
            self.filled.d.next = self.filled.q.val() + 1;
            if self.burst_ends.val() {
                self.filled.d.next = bits::<6>(0);
            }
            if self.buffer_ends.val() {
                self.loaded.d.next = false;
            }
            if self.packet_ends.val() {
                self.ending.d.next = false;
            }
        }
        if self.push.val() & self.packet_last_i.val() {
            self.ending.d.next = true;
        }
        self.reserve_o.next = (self.step.val() & self.buffer_ends.val()) | self.refused.val();
        self.moved_o.next = self.step.val();

        self.request_o.next = self.bursts.valid_o.val();
        self.address_o.next =
            bit_cast::<64, 61>(self.bursts.data_o.val().get_bits::<61>(0)) << bits::<2>(3);
        self.beats_o.next = self.bursts.data_o.val().get_bits::<6>(61);
        self.closes_o.next = self.bursts.data_o.val().get_bit(67);
        self.bursts.pop_i.next = self.grant_i.val();
        self.beat_valid_o.next = self.beats.valid_o.val();
        self.beat_data_o.next = self.beats.data_o.val().get_bits::<64>(0);
        self.beat_strobe_o.next = self.beats.data_o.val().get_bits::<8>(64);
        self.beats.pop_i.next = self.beat_take_i.val();

        // Answers come in the order of the bursts.
        self.broke.next = self.broken.q.val() | self.answer_error_i.val();
        if self.answer_i.val() {
            self.broken.d.next = self.broke.val() & !self.answer_closes_i.val();
        }
        self.answered.next = self.answer_i.val() & self.answer_closes_i.val();
        self.open.pop_i.next = self.answered.val();
        self.done_o.next = (self.answered.val() & !self.halted.q.val()) | self.refused.val();
        self.outcome_o.next = self.done.val();
        self.bytes_o.next = self.open.data_o.val().get_bits::<21>(0);
        self.end_o.next = self.open.data_o.val().get_bit(21);
        if self.refused.val() {
            self.outcome_o.next = self.bad_i.val();
            self.bytes_o.next = bits::<21>(0);
            self.end_o.next = false;
        } else if self.broke.val() {
            self.outcome_o.next = self.write_failed.val();
            self.bytes_o.next = bits::<21>(0);
            self.end_o.next = false;
        }
        if self.answered.val() & self.broke.val() {
            self.halted.d.next = true;
        }
        self.busy_o.next = self.queue.held_o.val().any() | self.open.valid_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("to_host", &[])
    }
}
