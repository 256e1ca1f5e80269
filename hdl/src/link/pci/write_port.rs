use super::AddressChannel;
use crate::prim::{Reg, module_name};
use crate::spike::Fifo;
use rust_hdl::prelude::*;

/// Writes to host memory: three who ask, the AXI write channels, and the answers back to who asked.
///
/// Number 0 and 1 are the completion records to the device and to the host, number 2 the data; the lowest goes first, which cannot starve
/// the data because there is one batch of records a ring on its way. Who asks has all beats of its burst ready. All bursts carry the same
/// ID, so answers come in the order of the bursts.
#[derive(LogicBlock)]
pub struct WritePort {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// No further burst begins.
    pub hold_i: Signal<In, Bit>,
    pub request_i: Signal<In, Bits<3>>,
    pub address_i: Vec<Signal<In, Bits<64>>>,
    /// Beats less one.
    pub beats_i: Vec<Signal<In, Bits<6>>>,
    /// The burst of data is the last of its buffer.
    pub closes_i: Signal<In, Bit>,
    pub grant_o: Signal<Out, Bits<3>>,
    // Beats of the burst that is written, one-hot whose.
    pub valid_i: Signal<In, Bits<3>>,
    pub data_i: Vec<Signal<In, Bits<64>>>,
    pub strobe_i: Vec<Signal<In, Bits<8>>>,
    pub take_o: Signal<Out, Bits<3>>,
    pub answer_o: Signal<Out, Bits<3>>,
    pub answer_closes_o: Signal<Out, Bit>,
    pub answer_error_o: Signal<Out, Bit>,
    /// No burst is on its way.
    pub idle_o: Signal<Out, Bit>,
    // AXI4; size 8 bytes, increasing addresses.
    pub awvalid_o: Signal<Out, Bit>,
    pub awready_i: Signal<In, Bit>,
    pub awaddr_o: Signal<Out, Bits<64>>,
    pub awlen_o: Signal<Out, Bits<8>>,
    pub wvalid_o: Signal<Out, Bit>,
    pub wready_i: Signal<In, Bit>,
    pub wdata_o: Signal<Out, Bits<64>>,
    pub wstrb_o: Signal<Out, Bits<8>>,
    pub wlast_o: Signal<Out, Bit>,
    pub bvalid_i: Signal<In, Bit>,
    pub bresp_i: Signal<In, Bits<2>>,
    /// Whose beats come next, one-hot, and how many less one: 3 + 6 bits.
    writes: Fifo<9>,
    channel: AddressChannel,
    /// Whose answers come next, one-hot, and whether the burst closes a buffer: 3 + 1 bits.
    order: Fifo<4>,
    beat: Reg<Bits<6>>,
    who: Signal<Local, Bits<3>>,
    wvalid: Signal<Local, Bit>,
    wlast: Signal<Local, Bit>,
    _outstanding: usize,
}

impl WritePort {
    /// A port with up to `outstanding` bursts on their way, 1 to 8.
    pub fn new(outstanding: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            hold_i: Default::default(),
            request_i: Default::default(),
            address_i: (0..3).map(|_| Default::default()).collect(),
            beats_i: (0..3).map(|_| Default::default()).collect(),
            closes_i: Default::default(),
            grant_o: Default::default(),
            valid_i: Default::default(),
            data_i: (0..3).map(|_| Default::default()).collect(),
            strobe_i: (0..3).map(|_| Default::default()).collect(),
            take_o: Default::default(),
            answer_o: Default::default(),
            answer_closes_o: Default::default(),
            answer_error_o: Default::default(),
            idle_o: Default::default(),
            awvalid_o: Default::default(),
            awready_i: Default::default(),
            awaddr_o: Default::default(),
            awlen_o: Default::default(),
            wvalid_o: Default::default(),
            wready_i: Default::default(),
            wdata_o: Default::default(),
            wstrb_o: Default::default(),
            wlast_o: Default::default(),
            bvalid_i: Default::default(),
            bresp_i: Default::default(),
            writes: Fifo::new(outstanding),
            channel: Default::default(),
            order: Fifo::new(outstanding),
            beat: Default::default(),
            who: Default::default(),
            wvalid: Default::default(),
            wlast: Default::default(),
            _outstanding: outstanding,
        }
    }
}

impl Logic for WritePort {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, beat);
        self.writes.clock.next = self.clock.val();
        self.writes.reset.next = self.reset.val();
        self.order.clock.next = self.clock.val();
        self.order.reset.next = self.reset.val();
        // There are never more writes than answers outstanding.
        self.channel.clock.next = self.clock.val();
        self.channel.reset.next = self.reset.val();
        self.channel.hold_i.next = self.hold_i.val() | self.order.full_o.val();
        self.channel.request_i.next = self.request_i.val();
        for i in 0..3 {
            self.channel.address_i[i].next = self.address_i[i].val();
            self.channel.beats_i[i].next = self.beats_i[i].val();
        }
        self.grant_o.next = self.channel.grant_o.val();
        self.writes.push_i.next = self.channel.grant_o.val().any();
        self.writes.data_i.next = (bit_cast::<9, 6>(self.channel.beats_o.val()) << bits::<4>(3))
            | bit_cast::<9, 3>(self.channel.grant_o.val());
        self.order.push_i.next = self.channel.grant_o.val().any();
        self.order.data_i.next = (bit_cast::<4, 1>(self.closes_i.val().into()) << bits::<2>(3))
            | bit_cast::<4, 3>(self.channel.grant_o.val());
        self.awvalid_o.next = self.channel.valid_o.val();
        self.channel.ready_i.next = self.awready_i.val();
        self.awaddr_o.next = self.channel.address_o.val();
        self.awlen_o.next = self.channel.length_o.val();

        self.who.next = self.writes.data_o.val().get_bits::<3>(0);
        self.wvalid.next = self.writes.valid_o.val() & (self.who.val() & self.valid_i.val()).any();
        self.wlast.next = self.beat.q.val() == self.writes.data_o.val().get_bits::<6>(3);
        self.wvalid_o.next = self.wvalid.val();
        self.wlast_o.next = self.wlast.val();
        self.wdata_o.next = bits::<64>(0);
        self.wstrb_o.next = bits::<8>(0);
        for i in 0..3 {
            if self.who.val().get_bit(i) {
                self.wdata_o.next = self.data_i[i].val();
                self.wstrb_o.next = self.strobe_i[i].val();
            }
        }
        self.take_o.next = bits::<3>(0);
        self.writes.pop_i.next = false;
        if self.wvalid.val() & self.wready_i.val() {
            self.take_o.next = self.who.val();
            self.beat.d.next = self.beat.q.val() + 1;
            if self.wlast.val() {
                self.beat.d.next = bits::<6>(0);
                self.writes.pop_i.next = true;
            }
        }

        self.answer_o.next = bits::<3>(0);
        if self.bvalid_i.val() {
            self.answer_o.next = self.order.data_o.val().get_bits::<3>(0);
        }
        self.answer_closes_o.next = self.order.data_o.val().get_bit(3);
        self.answer_error_o.next = self.bresp_i.val().get_bit(1);
        self.order.pop_i.next = self.bvalid_i.val();
        self.idle_o.next = !self.order.valid_o.val() & !self.channel.valid_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("write_port", &[("outstanding", self._outstanding)])
    }
}
