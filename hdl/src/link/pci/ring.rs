use crate::prim::{Pipe, Reg, module_name};
use crate::spike::Fifo;
use backspike_arch::layout::{DESCRIPTOR_BYTES, MAX_TRANSFER, TransferOutcome, descriptor_flags};
use rust_hdl::prelude::*;

const _: () = assert!(descriptor_flags::end::OFFSET == 0, "taken apart here");
const _: () = assert!(DESCRIPTOR_BYTES == 16, "a descriptor is two beats, its index times 16");

/// A ring of descriptors in host memory: fetches ahead what the host has offered, up to 8 descriptors.
///
/// Four at a time where four are offered and begin on a multiple of four, so that a fetch never wraps nor crosses 4 KiB; else one.
#[derive(LogicBlock)]
pub struct DescriptorRing {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// No further fetch while low.
    pub run_i: Signal<In, Bit>,
    pub base_i: Signal<In, Bits<64>>,
    /// Entries, a power of two.
    pub size_i: Signal<In, Bits<16>>,
    /// Descriptors offered, and those whose completion the host may have seen, modulo 2^16.
    pub offered_i: Signal<In, Bits<16>>,
    pub seen_i: Signal<In, Bits<16>>,
    /// More are offered than the ring has entries.
    pub overrun_o: Signal<Out, Bit>,
    // To the read port.
    pub request_o: Signal<Out, Bit>,
    pub grant_i: Signal<In, Bit>,
    pub address_o: Signal<Out, Bits<64>>,
    /// Beats less one.
    pub beats_o: Signal<Out, Bits<6>>,
    pub beat_i: Signal<In, Bit>,
    pub data_i: Signal<In, Bits<64>>,
    // To the engine.
    pub valid_o: Signal<Out, Bit>,
    pub transfer_o: Signal<Out, Bits<64>>,
    pub length_o: Signal<Out, Bits<32>>,
    /// Its flag `end`.
    pub end_o: Signal<Out, Bit>,
    /// Why the descriptor cannot be done, 0 for a sound one.
    pub bad_o: Signal<Out, Bits<4>>,
    pub take_i: Signal<In, Bit>,
    buffer: Fifo<128>,
    fetched: Reg<Bits<16>>,
    /// Descriptors that have a place in the buffer: 0 to 8.
    reserved: Reg<Bits<4>>,
    second: Reg<Bit>,
    first: Pipe<Bits<64>>,
    available: Signal<Local, Bits<16>>,
    place: Signal<Local, Bits<16>>,
    four: Signal<Local, Bit>,
    request: Signal<Local, Bit>,
    added: Signal<Local, Bits<4>>,
    taken: Signal<Local, Bits<4>>,
    length: Signal<Local, Bits<32>>,
    flags: Signal<Local, Bits<32>>,
    longest: Constant<Bits<32>>,
    unknown_flags: Constant<Bits<32>>,
    bad_length: Constant<Bits<4>>,
    bad_flags: Constant<Bits<4>>,
    _flags: usize,
}

impl DescriptorRing {
    /// A ring whose descriptors may have the flags `flags`.
    pub fn new(flags: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            run_i: Default::default(),
            base_i: Default::default(),
            size_i: Default::default(),
            offered_i: Default::default(),
            seen_i: Default::default(),
            overrun_o: Default::default(),
            request_o: Default::default(),
            grant_i: Default::default(),
            address_o: Default::default(),
            beats_o: Default::default(),
            beat_i: Default::default(),
            data_i: Default::default(),
            valid_o: Default::default(),
            transfer_o: Default::default(),
            length_o: Default::default(),
            end_o: Default::default(),
            bad_o: Default::default(),
            take_i: Default::default(),
            buffer: Fifo::new(8),
            fetched: Default::default(),
            reserved: Default::default(),
            second: Default::default(),
            first: Default::default(),
            available: Default::default(),
            place: Default::default(),
            four: Default::default(),
            request: Default::default(),
            added: Default::default(),
            taken: Default::default(),
            length: Default::default(),
            flags: Default::default(),
            longest: Constant::new(u64::from(MAX_TRANSFER).into()),
            unknown_flags: Constant::new(u64::from(!(flags as u32)).into()),
            bad_length: Constant::new((TransferOutcome::BadLength as u64).into()),
            bad_flags: Constant::new((TransferOutcome::BadFlags as u64).into()),
            _flags: flags,
        }
    }
}

impl Logic for DescriptorRing {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, fetched, reserved, second, first);
        self.buffer.clock.next = self.clock.val();
        self.buffer.reset.next = self.reset.val();
        self.overrun_o.next = (self.offered_i.val() - self.seen_i.val()) > self.size_i.val();

        self.available.next = self.offered_i.val() - self.fetched.q.val();
        self.four.next =
            (self.available.val() >= bits::<16>(4)) & !self.fetched.q.val().get_bits::<2>(0).any();
        self.request.next = false;
        if self.run_i.val() & self.available.val().any() {
            if self.four.val() {
                self.request.next = self.reserved.q.val() <= bits::<4>(4);
            } else {
                self.request.next = self.reserved.q.val() < bits::<4>(8);
            }
        }
        self.request_o.next = self.request.val();
        self.place.next = self.fetched.q.val() & (self.size_i.val() - 1);
        self.address_o.next =
            self.base_i.val() + (bit_cast::<64, 16>(self.place.val()) << bits::<3>(4));
        self.beats_o.next = bits::<6>(1);
        self.added.next = bits::<4>(1);
        if self.four.val() {
            self.beats_o.next = bits::<6>(7);
            self.added.next = bits::<4>(4);
        }
        if !self.grant_i.val() {
            self.added.next = bits::<4>(0);
        }
        self.taken.next = bit_cast::<4, 1>(self.take_i.val().into());
        self.fetched.d.next = self.fetched.q.val() + bit_cast::<16, 4>(self.added.val());
        self.reserved.d.next = self.reserved.q.val() + self.added.val() - self.taken.val();

        self.buffer.push_i.next = self.beat_i.val() & self.second.q.val();
        self.buffer.data_i.next = (bit_cast::<128, 64>(self.data_i.val()) << bits::<7>(64))
            | bit_cast::<128, 64>(self.first.q.val());
        if self.beat_i.val() {
            self.second.d.next = !self.second.q.val();
            self.first.d.next = self.data_i.val();
        }
        self.valid_o.next = self.buffer.valid_o.val();
        self.buffer.pop_i.next = self.take_i.val();
        self.transfer_o.next = self.buffer.data_o.val().get_bits::<64>(0);
        self.length.next = self.buffer.data_o.val().get_bits::<32>(64);
        self.flags.next = self.buffer.data_o.val().get_bits::<32>(96);
        self.length_o.next = self.length.val();
        self.end_o.next = self.flags.val().get_bit(0);
        self.bad_o.next = bits::<4>(0);
        if (self.length.val() > self.longest.val()) | !self.length.val().any() {
            self.bad_o.next = self.bad_length.val();
        } else if (self.flags.val() & self.unknown_flags.val()).any() {
            self.bad_o.next = self.bad_flags.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("descriptor_ring", &[("flags", self._flags)])
    }
}
