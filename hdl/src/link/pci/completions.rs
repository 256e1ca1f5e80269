use crate::prim::{Reg, module_name};
use crate::spike::Fifo;
use backspike_arch::layout::{BATCH_CYCLES, COMPLETION_BYTES, MAX_BATCH, completion};
use rust_hdl::prelude::*;

const _: () = assert!(COMPLETION_BYTES == 8 && MAX_BATCH == 8, "a batch is at most 64 bytes");
const _: () = assert!(
    completion::outcome::OFFSET == 0
        && completion::end::OFFSET == 8
        && completion::sequence::OFFSET == 16,
    "the record is put together here"
);

/// The completion records of a ring: kept until there are enough, written together, and counted when the bus has them.
///
/// A batch stays within a group of 8 records, so it never wraps nor crosses 4 KiB.
#[derive(LogicBlock)]
pub struct Completions {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Bus address of the records.
    pub base_i: Signal<In, Bits<64>>,
    pub size_i: Signal<In, Bits<16>>,
    pub batch_i: Signal<In, Bits<4>>,
    /// A place for one more; `reserve_i` promises it to a record that comes at some time.
    pub room_o: Signal<Out, Bit>,
    pub reserve_i: Signal<In, Bit>,
    pub done_i: Signal<In, Bit>,
    pub outcome_i: Signal<In, Bits<4>>,
    pub bytes_i: Signal<In, Bits<21>>,
    pub end_i: Signal<In, Bit>,
    // The write port.
    pub request_o: Signal<Out, Bit>,
    pub grant_i: Signal<In, Bit>,
    pub address_o: Signal<Out, Bits<64>>,
    pub beats_o: Signal<Out, Bits<6>>,
    pub beat_valid_o: Signal<Out, Bit>,
    pub beat_data_o: Signal<Out, Bits<64>>,
    pub beat_take_i: Signal<In, Bit>,
    pub answer_i: Signal<In, Bit>,
    pub answer_error_i: Signal<In, Bit>,
    /// Records that the host can see, modulo 2^16.
    pub completed_o: Signal<Out, Bits<16>>,
    /// Records that the host may see although the bus has not answered: no fewer than it has seen.
    pub written_o: Signal<Out, Bits<16>>,
    /// The host can see more of them.
    pub event_o: Signal<Out, Bit>,
    /// Records could not be written; there are no more.
    pub failed_o: Signal<Out, Bit>,
    /// Outcome, end, bytes: 4 + 1 + 21 bits.
    records: Fifo<26>,
    /// Places taken, 0 to 8.
    reserved: Reg<Bits<4>>,
    /// Records that wait, 0 to 8.
    waiting: Reg<Bits<4>>,
    writing: Reg<Bit>,
    failed: Reg<Bit>,
    /// Records of the batch that is written.
    batch: Reg<Bits<4>>,
    written: Reg<Bits<16>>,
    completed: Reg<Bits<16>>,
    timer: Reg<Bits<8>>,
    to_group: Signal<Local, Bits<4>>,
    count: Signal<Local, Bits<4>>,
    due: Signal<Local, Bit>,
    place: Signal<Local, Bits<16>>,
    number: Signal<Local, Bits<16>>,
    one: Signal<Local, Bits<4>>,
    arrived: Signal<Local, Bits<4>>,
    taken: Signal<Local, Bits<4>>,
    patience: Constant<Bits<8>>,
}

impl Default for Completions {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            base_i: Default::default(),
            size_i: Default::default(),
            batch_i: Default::default(),
            room_o: Default::default(),
            reserve_i: Default::default(),
            done_i: Default::default(),
            outcome_i: Default::default(),
            bytes_i: Default::default(),
            end_i: Default::default(),
            request_o: Default::default(),
            grant_i: Default::default(),
            address_o: Default::default(),
            beats_o: Default::default(),
            beat_valid_o: Default::default(),
            beat_data_o: Default::default(),
            beat_take_i: Default::default(),
            answer_i: Default::default(),
            answer_error_i: Default::default(),
            completed_o: Default::default(),
            written_o: Default::default(),
            event_o: Default::default(),
            failed_o: Default::default(),
            records: Fifo::new(8),
            reserved: Default::default(),
            waiting: Default::default(),
            writing: Default::default(),
            failed: Default::default(),
            batch: Default::default(),
            written: Default::default(),
            completed: Default::default(),
            timer: Default::default(),
            to_group: Default::default(),
            count: Default::default(),
            due: Default::default(),
            place: Default::default(),
            number: Default::default(),
            one: Default::default(),
            arrived: Default::default(),
            taken: Default::default(),
            patience: Constant::new(u64::from(BATCH_CYCLES).into()),
        }
    }
}

impl Logic for Completions {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, reserved, waiting, writing, failed, batch, written, completed);
        dff_setup!(self, clock, timer);
        self.records.clock.next = self.clock.val();
        self.records.reset.next = self.reset.val();
        self.room_o.next = self.reserved.q.val() < bits::<4>(8);
        self.records.push_i.next = self.done_i.val();
        self.records.data_i.next = (bit_cast::<26, 4>(self.outcome_i.val()) << bits::<5>(22))
            | (bit_cast::<26, 1>(self.end_i.val().into()) << bits::<5>(21))
            | bit_cast::<26, 21>(self.bytes_i.val());
        self.one.next = bit_cast::<4, 1>(self.reserve_i.val().into());
        self.arrived.next = bit_cast::<4, 1>(self.done_i.val().into());
        self.taken.next = bit_cast::<4, 1>(self.beat_take_i.val().into());
        self.reserved.d.next = self.reserved.q.val() + self.one.val() - self.taken.val();
        self.waiting.d.next = self.waiting.q.val() + self.arrived.val() - self.taken.val();

        // Up to the end of the group of 8.
        self.to_group.next = bits::<4>(8) - bit_cast::<4, 3>(self.written.q.val().get_bits::<3>(0));
        self.count.next = self.waiting.q.val();
        if self.to_group.val() < self.waiting.q.val() {
            self.count.next = self.to_group.val();
        }
        self.due.next = (self.count.val() >= self.batch_i.val())
            | (self.count.val() == self.to_group.val())
            | (self.timer.q.val() == self.patience.val());
        self.request_o.next = self.waiting.q.val().any()
            & self.due.val()
            & !self.writing.q.val()
            & !self.failed.q.val();
        self.place.next = self.written.q.val() & (self.size_i.val() - 1);
        self.address_o.next =
            self.base_i.val() + (bit_cast::<64, 16>(self.place.val()) << bits::<2>(3));
        self.beats_o.next = bit_cast::<6, 4>(self.count.val() - 1);
        if !self.waiting.q.val().any() | self.writing.q.val() {
            self.timer.d.next = bits::<8>(0);
        } else if self.timer.q.val() != self.patience.val() {
            self.timer.d.next = self.timer.q.val() + 1;
        }
        if self.grant_i.val() {
            self.writing.d.next = true;
            self.batch.d.next = self.count.val();
        }

        self.number.next = self.written.q.val() + 1;
        self.beat_valid_o.next = self.records.valid_o.val();
        self.beat_data_o.next = bit_cast::<64, 21>(self.records.data_o.val().get_bits::<21>(0))
            | (bit_cast::<64, 4>(self.records.data_o.val().get_bits::<4>(22)) << bits::<6>(32))
            | (bit_cast::<64, 1>(self.records.data_o.val().get_bits::<1>(21)) << bits::<6>(40))
            | (bit_cast::<64, 16>(self.number.val()) << bits::<6>(48));
        self.records.pop_i.next = self.beat_take_i.val();
        if self.beat_take_i.val() {
            self.written.d.next = self.number.val();
        }
        self.event_o.next = false;
        if self.answer_i.val() {
            self.writing.d.next = false;
            if self.answer_error_i.val() {
                self.failed.d.next = true;
            } else {
                self.completed.d.next =
                    self.completed.q.val() + bit_cast::<16, 4>(self.batch.q.val());
                self.event_o.next = true;
            }
        }
        self.written_o.next = self.written.q.val();
        self.completed_o.next = self.completed.q.val();
        self.failed_o.next = self.failed.q.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("completions", &[])
    }
}
