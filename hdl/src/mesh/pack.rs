use crate::prim::{Pipe, Ram, Reg, module_name};
use backspike_arch::mesh::ODD_BIT;
use rust_hdl::prelude::*;

/// Items of packets, one by one, to flits of two: the head alone, then address, words and trailer in pairs.
///
/// A packet leaves when it is there whole, so it never holds a link while its items come; bit 25 of its address, which no address uses, says
/// that its last flit has one item. Two packets have room: one that comes and one that leaves.
#[derive(LogicBlock)]
pub struct Pack<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Heads have `F` bits, other items the low 32.
    pub valid_i: Signal<In, Bit>,
    pub ready_o: Signal<Out, Bit>,
    pub data_i: Signal<In, Bits<F>>,
    pub last_i: Signal<In, Bit>,
    pub valid_o: Signal<Out, Bit>,
    pub ready_i: Signal<In, Bit>,
    pub data_o: Signal<Out, Bits<F>>,
    pub last_o: Signal<Out, Bit>,

    /// Eight flits for each packet; the longest has six.
    flits: Ram<F>,
    /// The packet that comes, and its flit that is next.
    filling: Reg<Bit>,
    place: Reg<Bits<3>>,
    /// The flit's first item is there.
    half: Reg<Bit>,
    low: Pipe<Bits<32>>,
    /// Of each packet: it is there whole, where its last flit is, and whether that has one item.
    whole: Vec<Reg<Bit>>,
    end: Vec<Pipe<Bits<3>>>,
    odd: Vec<Pipe<Bit>>,
    /// The packet that leaves, and its flit that shows.
    sending: Reg<Bit>,
    shows: Reg<Bit>,
    at: Reg<Bits<3>>,
    ready: Signal<Local, Bit>,
    accept: Signal<Local, Bit>,
    at_head: Signal<Local, Bit>,
    there: Signal<Local, Bit>,
    last_at: Signal<Local, Bits<3>>,
    is_odd: Signal<Local, Bit>,
    begins: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    next: Signal<Local, Bits<3>>,
    odd_mask: Constant<Bits<F>>,
}

impl<const F: usize> Default for Pack<F> {
    fn default() -> Self {
        fn two<T: Default>() -> Vec<T> {
            (0..2).map(|_| T::default()).collect()
        }
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: Default::default(),
            ready_o: Default::default(),
            data_i: Default::default(),
            last_i: Default::default(),
            valid_o: Default::default(),
            ready_i: Default::default(),
            data_o: Default::default(),
            last_o: Default::default(),
            flits: Ram::new(16),
            filling: Default::default(),
            place: Default::default(),
            half: Default::default(),
            low: Default::default(),
            whole: two(),
            end: two(),
            odd: two(),
            sending: Default::default(),
            shows: Default::default(),
            at: Default::default(),
            ready: Default::default(),
            accept: Default::default(),
            at_head: Default::default(),
            there: Default::default(),
            last_at: Default::default(),
            is_odd: Default::default(),
            begins: Default::default(),
            moves: Default::default(),
            last: Default::default(),
            next: Default::default(),
            odd_mask: Constant::new((1_u64 << ODD_BIT).into()),
        }
    }
}

impl<const F: usize> Logic for Pack<F> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, filling, place, half, low, sending, shows, at);
        self.flits.clock.next = self.clock.val();
        for p in 0..2 {
            self.whole[p].clock.next = self.clock.val();
            self.whole[p].d.next = self.whole[p].q.val();
            self.end[p].clock.next = self.clock.val();
            self.end[p].d.next = self.end[p].q.val();
            self.odd[p].clock.next = self.clock.val();
            self.odd[p].d.next = self.odd[p].q.val();
        }
        self.ready.next = !self.whole[0].q.val();
        if self.filling.q.val() {
            self.ready.next = !self.whole[1].q.val();
        }
        self.ready_o.next = self.ready.val();
        self.accept.next = self.valid_i.val() & self.ready.val();
        self.at_head.next = !self.place.q.val().any();

        self.flits.wen_i.next =
            self.accept.val() & (self.at_head.val() | (self.half.q.val() | self.last_i.val()));
        self.flits.waddr_i.next = (bit_cast::<20, 1>(self.filling.q.val().into()) << bits::<2>(3))
            | bit_cast::<20, 3>(self.place.q.val());
        self.flits.wdata_i.next = self.data_i.val();
        if self.half.q.val() {
            self.flits.wdata_i.next =
                (self.data_i.val() << bits::<6>(32)) | bit_cast::<F, 32>(self.low.q.val());
        }
        if self.accept.val() {
            if self.at_head.val() | self.half.q.val() {
                self.place.d.next = self.place.q.val() + 1;
                self.half.d.next = false;
            } else {
                self.half.d.next = true;
                self.low.d.next = self.data_i.val().get_bits::<32>(0);
            }
            if self.last_i.val() {
                self.place.d.next = bits::<3>(0);
                self.half.d.next = false;
                self.filling.d.next = !self.filling.q.val();
            }
        }

        self.there.next = self.whole[0].q.val();
        self.last_at.next = self.end[0].q.val();
        self.is_odd.next = self.odd[0].q.val();
        if self.sending.q.val() {
            self.there.next = self.whole[1].q.val();
            self.last_at.next = self.end[1].q.val();
            self.is_odd.next = self.odd[1].q.val();
        }
        self.begins.next = self.there.val() & !self.shows.q.val();
        self.moves.next = self.shows.q.val() & self.ready_i.val();
        self.last.next = self.at.q.val() == self.last_at.val();
        self.valid_o.next = self.shows.q.val();
        self.last_o.next = self.last.val();
        self.data_o.next = self.flits.rdata_o.val();
        if self.at.q.val() == bits::<3>(1) {
            self.data_o.next = self.flits.rdata_o.val() & !self.odd_mask.val();
            if self.is_odd.val() {
                self.data_o.next = self.flits.rdata_o.val() | self.odd_mask.val();
            }
        }
        self.next.next = bits::<3>(0);
        if self.moves.val() {
            self.next.next = self.at.q.val() + 1;
        }
        self.flits.ren_i.next = self.begins.val() | (self.moves.val() & !self.last.val());
        self.flits.raddr_i.next = (bit_cast::<20, 1>(self.sending.q.val().into()) << bits::<2>(3))
            | bit_cast::<20, 3>(self.next.val());
        if self.begins.val() | self.moves.val() {
            self.at.d.next = self.next.val();
            self.shows.d.next = self.begins.val() | !self.last.val();
        }
        if self.moves.val() & self.last.val() {
            self.sending.d.next = !self.sending.q.val();
        }

        // A packet that leaves is not the one that comes.
        if self.moves.val() & self.last.val() {
            if self.sending.q.val() {
                self.whole[1].d.next = false;
            } else {
                self.whole[0].d.next = false;
            }
        }
        if self.accept.val() & self.last_i.val() {
            if self.filling.q.val() {
                self.whole[1].d.next = true;
                self.end[1].d.next = self.place.q.val();
                self.odd[1].d.next = !self.half.q.val();
            } else {
                self.whole[0].d.next = true;
                self.end[0].d.next = self.place.q.val();
                self.odd[0].d.next = !self.half.q.val();
            }
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("pack", &[("f", F)])
    }
}
