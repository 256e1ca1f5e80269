use super::{Completions, DescriptorRing, ReadPort, ToDevice, ToHost, WritePort};
use crate::prim::module_name;
use backspike_arch::layout::{TransferOutcome, descriptor_flags};
use rust_hdl::prelude::*;

/// The DMA engine: both rings with their transfers and completion records, and the bus that they share. Index and bit 0 are the ring to
/// the device, 1 the ring to the host.
#[derive(LogicBlock)]
pub struct DmaEngine {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    /// Resets all but the bus, which must be idle.
    pub clear_i: Signal<In, Bit>,
    /// No burst begins.
    pub hold_i: Signal<In, Bit>,
    /// No burst is on its way.
    pub idle_o: Signal<Out, Bit>,
    // The rings as the host set them up.
    pub run_i: Signal<In, Bits<2>>,
    pub base_i: Vec<Signal<In, Bits<64>>>,
    pub records_i: Vec<Signal<In, Bits<64>>>,
    pub size_i: Vec<Signal<In, Bits<16>>>,
    pub batch_i: Signal<In, Bits<4>>,
    pub offered_i: Vec<Signal<In, Bits<16>>>,
    pub completed_o: Vec<Signal<Out, Bits<16>>>,
    /// Records were written, one cycle each.
    pub event_o: Signal<Out, Bits<2>>,
    /// Why a ring must stop, one cycle or more.
    pub why_o: Vec<Signal<Out, Bits<4>>>,
    /// Beats of data moved, one cycle each; something is between packets and buffers.
    pub moved_o: Signal<Out, Bits<2>>,
    pub busy_o: Signal<Out, Bit>,
    // Packets to the device.
    pub out_valid_o: Signal<Out, Bit>,
    pub out_data_o: Signal<Out, Bits<64>>,
    pub out_bytes_o: Signal<Out, Bits<4>>,
    pub out_last_o: Signal<Out, Bit>,
    pub out_ready_i: Signal<In, Bit>,
    // Packets to the host.
    pub in_valid_i: Signal<In, Bit>,
    pub in_data_i: Signal<In, Bits<64>>,
    pub in_bytes_i: Signal<In, Bits<4>>,
    pub in_last_i: Signal<In, Bit>,
    pub in_ready_o: Signal<Out, Bit>,
    // AXI4.
    pub m_axi_arvalid: Signal<Out, Bit>,
    pub m_axi_arready: Signal<In, Bit>,
    pub m_axi_araddr: Signal<Out, Bits<64>>,
    pub m_axi_arlen: Signal<Out, Bits<8>>,
    pub m_axi_arsize: Signal<Out, Bits<3>>,
    pub m_axi_arburst: Signal<Out, Bits<2>>,
    pub m_axi_rvalid: Signal<In, Bit>,
    pub m_axi_rready: Signal<Out, Bit>,
    pub m_axi_rdata: Signal<In, Bits<64>>,
    pub m_axi_rresp: Signal<In, Bits<2>>,
    pub m_axi_rlast: Signal<In, Bit>,
    pub m_axi_awvalid: Signal<Out, Bit>,
    pub m_axi_awready: Signal<In, Bit>,
    pub m_axi_awaddr: Signal<Out, Bits<64>>,
    pub m_axi_awlen: Signal<Out, Bits<8>>,
    pub m_axi_awsize: Signal<Out, Bits<3>>,
    pub m_axi_awburst: Signal<Out, Bits<2>>,
    pub m_axi_wvalid: Signal<Out, Bit>,
    pub m_axi_wready: Signal<In, Bit>,
    pub m_axi_wdata: Signal<Out, Bits<64>>,
    pub m_axi_wstrb: Signal<Out, Bits<8>>,
    pub m_axi_wlast: Signal<Out, Bit>,
    pub m_axi_bvalid: Signal<In, Bit>,
    pub m_axi_bready: Signal<Out, Bit>,
    pub m_axi_bresp: Signal<In, Bits<2>>,

    device_ring: DescriptorRing,
    host_ring: DescriptorRing,
    read_port: ReadPort,
    write_port: WritePort,
    to_device: ToDevice,
    to_host: ToHost,
    device_completions: Completions,
    host_completions: Completions,
    inner_reset: Signal<Local, Bit>,
    requests: Signal<Local, Bits<3>>,
    write_requests: Signal<Local, Bits<3>>,
    write_valids: Signal<Local, Bits<3>>,
    read_error: Signal<Local, Bit>,
    device_why: Signal<Local, Bits<4>>,
    host_why: Signal<Local, Bits<4>>,
    fetch_failed: Constant<Bits<4>>,
    record_failed: Constant<Bits<4>>,
    bad_doorbell: Constant<Bits<4>>,
    done: Constant<Bits<4>>,
    _outstanding: usize,
}

impl DmaEngine {
    /// An engine with up to `outstanding` reads and as many writes on their way, 1 to 8.
    pub fn new(outstanding: usize) -> Self {
        let outcome = |outcome: TransferOutcome| Constant::new((outcome as u64).into());
        Self {
            clock: Default::default(),
            reset: Default::default(),
            clear_i: Default::default(),
            hold_i: Default::default(),
            idle_o: Default::default(),
            run_i: Default::default(),
            base_i: (0..2).map(|_| Default::default()).collect(),
            records_i: (0..2).map(|_| Default::default()).collect(),
            size_i: (0..2).map(|_| Default::default()).collect(),
            batch_i: Default::default(),
            offered_i: (0..2).map(|_| Default::default()).collect(),
            completed_o: (0..2).map(|_| Default::default()).collect(),
            event_o: Default::default(),
            why_o: (0..2).map(|_| Default::default()).collect(),
            moved_o: Default::default(),
            busy_o: Default::default(),
            out_valid_o: Default::default(),
            out_data_o: Default::default(),
            out_bytes_o: Default::default(),
            out_last_o: Default::default(),
            out_ready_i: Default::default(),
            in_valid_i: Default::default(),
            in_data_i: Default::default(),
            in_bytes_i: Default::default(),
            in_last_i: Default::default(),
            in_ready_o: Default::default(),
            m_axi_arvalid: Default::default(),
            m_axi_arready: Default::default(),
            m_axi_araddr: Default::default(),
            m_axi_arlen: Default::default(),
            m_axi_arsize: Default::default(),
            m_axi_arburst: Default::default(),
            m_axi_rvalid: Default::default(),
            m_axi_rready: Default::default(),
            m_axi_rdata: Default::default(),
            m_axi_rresp: Default::default(),
            m_axi_rlast: Default::default(),
            m_axi_awvalid: Default::default(),
            m_axi_awready: Default::default(),
            m_axi_awaddr: Default::default(),
            m_axi_awlen: Default::default(),
            m_axi_awsize: Default::default(),
            m_axi_awburst: Default::default(),
            m_axi_wvalid: Default::default(),
            m_axi_wready: Default::default(),
            m_axi_wdata: Default::default(),
            m_axi_wstrb: Default::default(),
            m_axi_wlast: Default::default(),
            m_axi_bvalid: Default::default(),
            m_axi_bready: Default::default(),
            m_axi_bresp: Default::default(),
            device_ring: DescriptorRing::new(1 << descriptor_flags::end::OFFSET),
            host_ring: DescriptorRing::new(0),
            read_port: ReadPort::new(outstanding),
            write_port: WritePort::new(outstanding),
            to_device: Default::default(),
            to_host: Default::default(),
            device_completions: Default::default(),
            host_completions: Default::default(),
            inner_reset: Default::default(),
            requests: Default::default(),
            write_requests: Default::default(),
            write_valids: Default::default(),
            read_error: Default::default(),
            device_why: Default::default(),
            host_why: Default::default(),
            fetch_failed: outcome(TransferOutcome::FetchFailed),
            record_failed: outcome(TransferOutcome::RecordFailed),
            bad_doorbell: outcome(TransferOutcome::BadDoorbell),
            done: outcome(TransferOutcome::Done),
            _outstanding: outstanding,
        }
    }
}

impl Logic for DmaEngine {
    #[hdl_gen]
    fn update(&mut self) {
        self.inner_reset.next = self.reset.val() | self.clear_i.val();
        self.idle_o.next = self.read_port.idle_o.val() & self.write_port.idle_o.val();
        self.device_ring.clock.next = self.clock.val();
        self.device_ring.reset.next = self.inner_reset.val();
        self.device_ring.run_i.next = self.run_i.val().get_bit(0);
        self.device_ring.base_i.next = self.base_i[0].val();
        self.device_ring.size_i.next = self.size_i[0].val();
        self.device_ring.offered_i.next = self.offered_i[0].val();
        self.device_ring.seen_i.next = self.device_completions.written_o.val();
        self.host_ring.clock.next = self.clock.val();
        self.host_ring.reset.next = self.inner_reset.val();
        self.host_ring.run_i.next = self.run_i.val().get_bit(1);
        self.host_ring.base_i.next = self.base_i[1].val();
        self.host_ring.size_i.next = self.size_i[1].val();
        self.host_ring.offered_i.next = self.offered_i[1].val();
        self.host_ring.seen_i.next = self.host_completions.written_o.val();

        self.device_completions.clock.next = self.clock.val();
        self.device_completions.reset.next = self.inner_reset.val();
        self.device_completions.base_i.next = self.records_i[0].val();
        self.device_completions.size_i.next = self.size_i[0].val();
        self.device_completions.batch_i.next = self.batch_i.val();
        self.device_completions.reserve_i.next = self.to_device.done_o.val();
        self.device_completions.done_i.next = self.to_device.done_o.val();
        self.device_completions.outcome_i.next = self.to_device.outcome_o.val();
        self.device_completions.bytes_i.next = self.to_device.bytes_o.val();
        self.device_completions.end_i.next = false;
        self.host_completions.clock.next = self.clock.val();
        self.host_completions.reset.next = self.inner_reset.val();
        self.host_completions.base_i.next = self.records_i[1].val();
        self.host_completions.size_i.next = self.size_i[1].val();
        self.host_completions.batch_i.next = self.batch_i.val();
        self.host_completions.reserve_i.next = self.to_host.reserve_o.val();
        self.host_completions.done_i.next = self.to_host.done_o.val();
        self.host_completions.outcome_i.next = self.to_host.outcome_o.val();
        self.host_completions.bytes_i.next = self.to_host.bytes_o.val();
        self.host_completions.end_i.next = self.to_host.end_o.val();

        self.to_device.clock.next = self.clock.val();
        self.to_device.reset.next = self.inner_reset.val();
        self.to_device.valid_i.next = self.device_ring.valid_o.val() & self.run_i.val().get_bit(0);
        self.to_device.transfer_i.next = self.device_ring.transfer_o.val();
        self.to_device.length_i.next = self.device_ring.length_o.val();
        self.to_device.end_i.next = self.device_ring.end_o.val();
        self.to_device.bad_i.next = self.device_ring.bad_o.val();
        self.device_ring.take_i.next = self.to_device.take_o.val();
        self.to_device.room_i.next = self.device_completions.room_o.val();
        self.to_host.clock.next = self.clock.val();
        self.to_host.reset.next = self.inner_reset.val();
        self.to_host.valid_i.next = self.host_ring.valid_o.val() & self.run_i.val().get_bit(1);
        self.to_host.transfer_i.next = self.host_ring.transfer_o.val();
        self.to_host.length_i.next = self.host_ring.length_o.val();
        self.to_host.bad_i.next = self.host_ring.bad_o.val();
        self.host_ring.take_i.next = self.to_host.take_o.val();
        self.to_host.room_i.next = self.host_completions.room_o.val();

        self.read_port.clock.next = self.clock.val();
        self.read_port.reset.next = self.reset.val();
        self.read_port.hold_i.next = self.hold_i.val();
        self.requests.next = bit_cast::<3, 1>(self.device_ring.request_o.val().into())
            | (bit_cast::<3, 1>(self.host_ring.request_o.val().into()) << bits::<2>(1))
            | (bit_cast::<3, 1>(self.to_device.request_o.val().into()) << bits::<2>(2));
        self.read_port.request_i.next = self.requests.val();
        self.read_port.address_i[0].next = self.device_ring.address_o.val();
        self.read_port.beats_i[0].next = self.device_ring.beats_o.val();
        self.read_port.address_i[1].next = self.host_ring.address_o.val();
        self.read_port.beats_i[1].next = self.host_ring.beats_o.val();
        self.read_port.address_i[2].next = self.to_device.address_o.val();
        self.read_port.beats_i[2].next = self.to_device.beats_o.val();
        self.device_ring.grant_i.next = self.read_port.grant_o.val().get_bit(0);
        self.host_ring.grant_i.next = self.read_port.grant_o.val().get_bit(1);
        self.to_device.grant_i.next = self.read_port.grant_o.val().get_bit(2);
        self.device_ring.beat_i.next = self.read_port.beat_o.val().get_bit(0);
        self.device_ring.data_i.next = self.read_port.data_o.val();
        self.host_ring.beat_i.next = self.read_port.beat_o.val().get_bit(1);
        self.host_ring.data_i.next = self.read_port.data_o.val();
        self.to_device.beat_i.next = self.read_port.beat_o.val().get_bit(2);
        self.to_device.data_i.next = self.read_port.data_o.val();
        self.to_device.error_i.next = self.read_port.error_o.val();
        self.m_axi_arvalid.next = self.read_port.arvalid_o.val();
        self.read_port.arready_i.next = self.m_axi_arready.val();
        self.m_axi_araddr.next = self.read_port.araddr_o.val();
        self.m_axi_arlen.next = self.read_port.arlen_o.val();
        self.m_axi_arsize.next = bits::<3>(3);
        self.m_axi_arburst.next = bits::<2>(1);
        self.read_port.rvalid_i.next = self.m_axi_rvalid.val();
        self.m_axi_rready.next = true;
        self.read_port.rdata_i.next = self.m_axi_rdata.val();
        self.read_port.rresp_i.next = self.m_axi_rresp.val();
        self.read_port.rlast_i.next = self.m_axi_rlast.val();

        self.write_port.clock.next = self.clock.val();
        self.write_port.reset.next = self.reset.val();
        self.write_port.hold_i.next = self.hold_i.val();
        self.write_requests.next = bit_cast::<3, 1>(self.device_completions.request_o.val().into())
            | (bit_cast::<3, 1>(self.host_completions.request_o.val().into()) << bits::<2>(1))
            | (bit_cast::<3, 1>(self.to_host.request_o.val().into()) << bits::<2>(2));
        self.write_port.request_i.next = self.write_requests.val();
        self.write_port.address_i[0].next = self.device_completions.address_o.val();
        self.write_port.beats_i[0].next = self.device_completions.beats_o.val();
        self.write_port.data_i[0].next = self.device_completions.beat_data_o.val();
        self.write_port.strobe_i[0].next = bits::<8>(255);
        self.write_port.address_i[1].next = self.host_completions.address_o.val();
        self.write_port.beats_i[1].next = self.host_completions.beats_o.val();
        self.write_port.data_i[1].next = self.host_completions.beat_data_o.val();
        self.write_port.strobe_i[1].next = bits::<8>(255);
        self.write_port.address_i[2].next = self.to_host.address_o.val();
        self.write_port.beats_i[2].next = self.to_host.beats_o.val();
        self.write_port.data_i[2].next = self.to_host.beat_data_o.val();
        self.write_port.strobe_i[2].next = self.to_host.beat_strobe_o.val();
        self.write_port.closes_i.next = self.to_host.closes_o.val();
        self.write_valids.next =
            bit_cast::<3, 1>(self.device_completions.beat_valid_o.val().into())
                | (bit_cast::<3, 1>(self.host_completions.beat_valid_o.val().into())
                    << bits::<2>(1))
                | (bit_cast::<3, 1>(self.to_host.beat_valid_o.val().into()) << bits::<2>(2));
        self.write_port.valid_i.next = self.write_valids.val();
        self.device_completions.grant_i.next = self.write_port.grant_o.val().get_bit(0);
        self.host_completions.grant_i.next = self.write_port.grant_o.val().get_bit(1);
        self.to_host.grant_i.next = self.write_port.grant_o.val().get_bit(2);
        self.device_completions.beat_take_i.next = self.write_port.take_o.val().get_bit(0);
        self.host_completions.beat_take_i.next = self.write_port.take_o.val().get_bit(1);
        self.to_host.beat_take_i.next = self.write_port.take_o.val().get_bit(2);
        self.device_completions.answer_i.next = self.write_port.answer_o.val().get_bit(0);
        self.device_completions.answer_error_i.next = self.write_port.answer_error_o.val();
        self.host_completions.answer_i.next = self.write_port.answer_o.val().get_bit(1);
        self.host_completions.answer_error_i.next = self.write_port.answer_error_o.val();
        self.to_host.answer_i.next = self.write_port.answer_o.val().get_bit(2);
        self.to_host.answer_closes_i.next = self.write_port.answer_closes_o.val();
        self.to_host.answer_error_i.next = self.write_port.answer_error_o.val();
        self.m_axi_awvalid.next = self.write_port.awvalid_o.val();
        self.write_port.awready_i.next = self.m_axi_awready.val();
        self.m_axi_awaddr.next = self.write_port.awaddr_o.val();
        self.m_axi_awlen.next = self.write_port.awlen_o.val();
        self.m_axi_awsize.next = bits::<3>(3);
        self.m_axi_awburst.next = bits::<2>(1);
        self.m_axi_wvalid.next = self.write_port.wvalid_o.val();
        self.write_port.wready_i.next = self.m_axi_wready.val();
        self.m_axi_wdata.next = self.write_port.wdata_o.val();
        self.m_axi_wstrb.next = self.write_port.wstrb_o.val();
        self.m_axi_wlast.next = self.write_port.wlast_o.val();
        self.write_port.bvalid_i.next = self.m_axi_bvalid.val();
        self.m_axi_bready.next = true;
        self.write_port.bresp_i.next = self.m_axi_bresp.val();

        self.out_valid_o.next = self.to_device.packet_valid_o.val();
        self.out_data_o.next = self.to_device.packet_data_o.val();
        self.out_bytes_o.next = self.to_device.packet_bytes_o.val();
        self.out_last_o.next = self.to_device.packet_last_o.val();
        self.to_device.packet_ready_i.next = self.out_ready_i.val();
        self.to_host.packet_valid_i.next = self.in_valid_i.val();
        self.to_host.packet_data_i.next = self.in_data_i.val();
        self.to_host.packet_bytes_i.next = self.in_bytes_i.val();
        self.to_host.packet_last_i.next = self.in_last_i.val();
        self.in_ready_o.next = self.to_host.packet_ready_o.val();

        // What stops a ring.
        self.read_error.next = self.read_port.error_o.val();
        self.device_why.next = bits::<4>(0);
        self.host_why.next = bits::<4>(0);
        if self.to_device.done_o.val() & (self.to_device.outcome_o.val() != self.done.val()) {
            self.device_why.next = self.to_device.outcome_o.val();
        }
        if self.to_host.done_o.val() & (self.to_host.outcome_o.val() != self.done.val()) {
            self.host_why.next = self.to_host.outcome_o.val();
        }
        if self.read_port.beat_o.val().get_bit(0) & self.read_error.val() {
            self.device_why.next = self.fetch_failed.val();
        }
        if self.read_port.beat_o.val().get_bit(1) & self.read_error.val() {
            self.host_why.next = self.fetch_failed.val();
        }
        if self.device_completions.failed_o.val() {
            self.device_why.next = self.record_failed.val();
        }
        if self.host_completions.failed_o.val() {
            self.host_why.next = self.record_failed.val();
        }
        if self.run_i.val().get_bit(0) & self.device_ring.overrun_o.val() {
            self.device_why.next = self.bad_doorbell.val();
        }
        if self.run_i.val().get_bit(1) & self.host_ring.overrun_o.val() {
            self.host_why.next = self.bad_doorbell.val();
        }

        self.why_o[0].next = self.device_why.val();
        self.why_o[1].next = self.host_why.val();
        self.completed_o[0].next = self.device_completions.completed_o.val();
        self.completed_o[1].next = self.host_completions.completed_o.val();
        self.event_o.next = bit_cast::<2, 1>(self.device_completions.event_o.val().into())
            | (bit_cast::<2, 1>(self.host_completions.event_o.val().into()) << bits::<1>(1));
        self.moved_o.next = bit_cast::<2, 1>(self.to_device.moved_o.val().into())
            | (bit_cast::<2, 1>(self.to_host.moved_o.val().into()) << bits::<1>(1));
        self.busy_o.next = self.to_host.busy_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("dma_engine", &[("outstanding", self._outstanding)])
    }
}
