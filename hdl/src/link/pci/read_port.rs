use super::AddressChannel;
use crate::prim::module_name;
use crate::spike::Fifo;
use rust_hdl::prelude::*;

/// Reads of host memory: three who ask, the AXI read channels, and the beats back to who asked.
///
/// Number 0 and 1 are the descriptor rings to the device and to the host, number 2 the data; the lowest goes first, which cannot starve
/// the data because rings stop asking when they have 8 descriptors. All bursts carry the same ID, so their beats come back in the order
/// of the requests. Beats are always taken: who asks has room for them.
#[derive(LogicBlock)]
pub struct ReadPort {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// No further burst begins.
    pub hold_i: Signal<In, Bit>,
    pub request_i: Signal<In, Bits<3>>,
    pub address_i: Vec<Signal<In, Bits<64>>>,
    /// Beats less one.
    pub beats_i: Vec<Signal<In, Bits<6>>>,
    pub grant_o: Signal<Out, Bits<3>>,
    /// Whose beat it is, one-hot.
    pub beat_o: Signal<Out, Bits<3>>,
    pub data_o: Signal<Out, Bits<64>>,
    pub error_o: Signal<Out, Bit>,
    /// No burst is on its way.
    pub idle_o: Signal<Out, Bit>,
    // AXI4; size 8 bytes, increasing addresses.
    pub arvalid_o: Signal<Out, Bit>,
    pub arready_i: Signal<In, Bit>,
    pub araddr_o: Signal<Out, Bits<64>>,
    pub arlen_o: Signal<Out, Bits<8>>,
    pub rvalid_i: Signal<In, Bit>,
    pub rdata_i: Signal<In, Bits<64>>,
    pub rresp_i: Signal<In, Bits<2>>,
    pub rlast_i: Signal<In, Bit>,
    channel: AddressChannel,
    /// Who asked for the bursts on their way, one-hot, in their order.
    order: Fifo<3>,
    _outstanding: usize,
}

impl ReadPort {
    /// A port with up to `outstanding` bursts on their way, 1 to 8.
    pub fn new(outstanding: usize) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            hold_i: Default::default(),
            request_i: Default::default(),
            address_i: (0..3).map(|_| Default::default()).collect(),
            beats_i: (0..3).map(|_| Default::default()).collect(),
            grant_o: Default::default(),
            beat_o: Default::default(),
            data_o: Default::default(),
            error_o: Default::default(),
            idle_o: Default::default(),
            arvalid_o: Default::default(),
            arready_i: Default::default(),
            araddr_o: Default::default(),
            arlen_o: Default::default(),
            rvalid_i: Default::default(),
            rdata_i: Default::default(),
            rresp_i: Default::default(),
            rlast_i: Default::default(),
            channel: Default::default(),
            order: Fifo::new(outstanding),
            _outstanding: outstanding,
        }
    }
}

impl Logic for ReadPort {
    #[hdl_gen]
    fn update(&mut self) {
        self.order.clock.next = self.clock.val();
        self.order.reset.next = self.reset.val();
        self.channel.clock.next = self.clock.val();
        self.channel.reset.next = self.reset.val();
        self.channel.hold_i.next = self.hold_i.val() | self.order.full_o.val();
        self.channel.request_i.next = self.request_i.val();
        for i in 0..3 {
            self.channel.address_i[i].next = self.address_i[i].val();
            self.channel.beats_i[i].next = self.beats_i[i].val();
        }
        self.grant_o.next = self.channel.grant_o.val();
        self.order.push_i.next = self.channel.grant_o.val().any();
        self.order.data_i.next = self.channel.grant_o.val();
        self.arvalid_o.next = self.channel.valid_o.val();
        self.channel.ready_i.next = self.arready_i.val();
        self.araddr_o.next = self.channel.address_o.val();
        self.arlen_o.next = self.channel.length_o.val();

        self.beat_o.next = bits::<3>(0);
        if self.rvalid_i.val() {
            self.beat_o.next = self.order.data_o.val();
        }
        self.data_o.next = self.rdata_i.val();
        self.error_o.next = self.rresp_i.val().get_bit(1);
        self.order.pop_i.next = self.rvalid_i.val() & self.rlast_i.val();
        self.idle_o.next = !self.order.valid_o.val() & !self.channel.valid_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("read_port", &[("outstanding", self._outstanding)])
    }
}
