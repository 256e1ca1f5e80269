use super::{DmaEngine, PAGE_REGISTERS, PciRegisters, Records};
use crate::prim::{Pipe, Reg, module_name};
use backspike_arch::layout::{PciRegister, link_status, mesh_link, push_trailer};
use backspike_arch::{ArchConfig, MeshConfig};
use rust_hdl::prelude::*;

const _: () = assert!(
    link_status::to_device::OFFSET == 0
        && link_status::to_host::OFFSET == 4
        && link_status::busy::OFFSET == 8,
    "the status is put together here"
);

/// The PCI function without the bridge (docs/architecture/pci.md): registers behind AXI4-Lite, descriptor rings and data behind AXI4.
///
/// A reset that the host asks for waits until the bus has answered everything, then resets all but the answer to that write.
#[derive(LogicBlock)]
pub struct PciPort {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // AXI4-Lite, slave.
    pub s_axi_awvalid: Signal<In, Bit>,
    pub s_axi_awready: Signal<Out, Bit>,
    pub s_axi_awaddr: Signal<In, Bits<13>>,
    pub s_axi_wvalid: Signal<In, Bit>,
    pub s_axi_wready: Signal<Out, Bit>,
    pub s_axi_wdata: Signal<In, Bits<32>>,
    pub s_axi_wstrb: Signal<In, Bits<4>>,
    pub s_axi_bvalid: Signal<Out, Bit>,
    pub s_axi_bready: Signal<In, Bit>,
    pub s_axi_bresp: Signal<Out, Bits<2>>,
    pub s_axi_arvalid: Signal<In, Bit>,
    pub s_axi_arready: Signal<Out, Bit>,
    pub s_axi_araddr: Signal<In, Bits<13>>,
    pub s_axi_rvalid: Signal<Out, Bit>,
    pub s_axi_rready: Signal<In, Bit>,
    pub s_axi_rdata: Signal<Out, Bits<32>>,
    pub s_axi_rresp: Signal<Out, Bits<2>>,
    // AXI4, master: 64 bits of data, 64 of address.
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
    /// A line for each interrupt, high until it is acknowledged.
    pub irq_o: Signal<Out, Bits<3>>,
    pub irq_ack_i: Signal<In, Bits<3>>,
    /// Something moves: a lamp.
    pub active_o: Signal<Out, Bit>,
    // The cores: words written, packets' ends and destinations for a mesh, beats of what they push, a counter of a router.
    pub core_reset_o: Signal<Out, Bit>,
    pub host_valid_o: Signal<Out, Bit>,
    pub host_ready_i: Signal<In, Bit>,
    pub host_addr_o: Signal<Out, Bits<32>>,
    pub host_data_o: Signal<Out, Bits<32>>,
    pub host_last_o: Signal<Out, Bit>,
    pub nodes_o: Signal<Out, Bits<64>>,
    pub beat_valid_i: Signal<In, Bit>,
    pub beat_ready_o: Signal<Out, Bit>,
    pub beat_data_i: Signal<In, Bits<64>>,
    pub beat_last_i: Signal<In, Bit>,
    pub router_o: Signal<Out, Bits<6>>,
    pub index_o: Signal<Out, Bits<4>>,
    pub count_i: Signal<In, Bits<32>>,

    registers: PciRegisters,
    engine: DmaEngine,
    records: Records,
    /// A reset waits for the bus; then it lasts 15 cycles.
    draining: Reg<Bit>,
    clearing: Reg<Bits<4>>,
    /// Why a ring stopped.
    device_why: Reg<Bits<4>>,
    host_why: Reg<Bits<4>>,
    counter: Vec<Reg<Bits<32>>>,
    busy: Pipe<Bit>,
    active: Pipe<Bit>,
    inner_reset: Signal<Local, Bit>,
    clears: Signal<Local, Bit>,
    enabled: Signal<Local, Bit>,
    loops: Signal<Local, Bit>,
    device_run: Signal<Local, Bit>,
    host_run: Signal<Local, Bit>,
    runs: Signal<Local, Bits<2>>,
    stops: Signal<Local, Bit>,
    status: Signal<Local, Bits<32>>,
    events: Signal<Local, Bits<3>>,
    pushed: Signal<Local, Bit>,
    counts: Signal<Local, Bits<5>>,
    mesh: Constant<Bits<32>>,
    identity: Vec<Constant<Bits<32>>>,
    outstanding: Constant<Bits<32>>,
    _registers: usize,
    _outstanding: usize,
}

/// Identity registers at the beginning, and where status and counters are, by offset / 4.
const IDENTITY: usize = 5;
const _: () = {
    assert!(PciRegister::ConfigHashHigh as usize == 4 * (IDENTITY - 1));
    assert!(PciRegister::Outstanding as usize == 4 * 5 && PciRegister::Control as usize == 4 * 6);
    assert!(PciRegister::Status as usize == 4 * 7 && PciRegister::Batch as usize == 4 * 10);
    assert!(PciRegister::ToDeviceBaseLow as usize == 4 * 12);
    assert!(PciRegister::ToDeviceCompleted as usize == 4 * 17);
    assert!(PciRegister::ToHostBaseLow as usize == 4 * 18);
    assert!(PciRegister::ToHostCompleted as usize == 4 * 23);
    assert!(PciRegister::BusyCycles as usize == 4 * 24);
    assert!(PciRegister::Mesh as usize == 4 * 29 && PciRegister::MeshCount as usize == 4 * 31);
    assert!(mesh_link::router::OFFSET == 0 && mesh_link::counter::OFFSET == 8);
    assert!(push_trailer::trailer::OFFSET == 27);
};

impl PciPort {
    /// The port of a core with configuration `arch`, or of such cores on `mesh`.
    pub fn new(arch: &ArchConfig, mesh: Option<&MeshConfig>) -> Self {
        let of = |register: &PciRegister| register.identity(arch, mesh);
        let identity = PciRegister::ALL.iter().map_while(of);
        let mesh = of(&PciRegister::Mesh).unwrap_or(0);
        Self {
            clock: Default::default(),
            reset: Default::default(),
            s_axi_awvalid: Default::default(),
            s_axi_awready: Default::default(),
            s_axi_awaddr: Default::default(),
            s_axi_wvalid: Default::default(),
            s_axi_wready: Default::default(),
            s_axi_wdata: Default::default(),
            s_axi_wstrb: Default::default(),
            s_axi_bvalid: Default::default(),
            s_axi_bready: Default::default(),
            s_axi_bresp: Default::default(),
            s_axi_arvalid: Default::default(),
            s_axi_arready: Default::default(),
            s_axi_araddr: Default::default(),
            s_axi_rvalid: Default::default(),
            s_axi_rready: Default::default(),
            s_axi_rdata: Default::default(),
            s_axi_rresp: Default::default(),
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
            irq_o: Default::default(),
            irq_ack_i: Default::default(),
            active_o: Default::default(),
            core_reset_o: Default::default(),
            host_valid_o: Default::default(),
            host_ready_i: Default::default(),
            host_addr_o: Default::default(),
            host_data_o: Default::default(),
            host_last_o: Default::default(),
            nodes_o: Default::default(),
            beat_valid_i: Default::default(),
            beat_ready_o: Default::default(),
            beat_data_i: Default::default(),
            beat_last_i: Default::default(),
            router_o: Default::default(),
            index_o: Default::default(),
            count_i: Default::default(),
            registers: Default::default(),
            engine: DmaEngine::new(arch.outstanding),
            records: Default::default(),
            draining: Default::default(),
            clearing: Default::default(),
            device_why: Default::default(),
            host_why: Default::default(),
            counter: (0..5).map(|_| Default::default()).collect(),
            busy: Default::default(),
            active: Default::default(),
            inner_reset: Default::default(),
            clears: Default::default(),
            enabled: Default::default(),
            loops: Default::default(),
            device_run: Default::default(),
            host_run: Default::default(),
            runs: Default::default(),
            stops: Default::default(),
            status: Default::default(),
            events: Default::default(),
            pushed: Default::default(),
            counts: Default::default(),
            mesh: Constant::new(u64::from(mesh).into()),
            identity: identity.map(|word| Constant::new(u64::from(word).into())).collect(),
            outstanding: Constant::new((arch.outstanding as u64).into()),
            _registers: PAGE_REGISTERS,
            _outstanding: arch.outstanding,
        }
    }
}

impl Logic for PciPort {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, draining, clearing, device_why, host_why, busy, active);
        // A reset: hold the bus, wait until it is quiet, clear.
        self.clears.next = self.clearing.q.val().any();
        self.inner_reset.next = self.reset.val() | self.clears.val();
        if self.registers.reset_o.val() {
            self.draining.d.next = true;
        }
        if self.draining.q.val() & self.engine.idle_o.val() & !self.clears.val() {
            self.draining.d.next = false;
            self.clearing.d.next = bits::<4>(15);
        }
        if self.clears.val() {
            self.clearing.d.next = self.clearing.q.val() - 1;
        }
        self.core_reset_o.next = self.inner_reset.val();

        self.registers.clock.next = self.clock.val();
        self.registers.reset.next = self.reset.val();
        self.registers.clear_i.next = self.clears.val();
        self.registers.resetting_i.next = self.draining.q.val() | self.clears.val();
        self.registers.awvalid_i.next = self.s_axi_awvalid.val();
        self.s_axi_awready.next = self.registers.awready_o.val();
        self.registers.awaddr_i.next = self.s_axi_awaddr.val();
        self.registers.wvalid_i.next = self.s_axi_wvalid.val();
        self.s_axi_wready.next = self.registers.wready_o.val();
        self.registers.wdata_i.next = self.s_axi_wdata.val();
        self.registers.wstrb_i.next = self.s_axi_wstrb.val();
        self.s_axi_bvalid.next = self.registers.bvalid_o.val();
        self.registers.bready_i.next = self.s_axi_bready.val();
        self.s_axi_bresp.next = self.registers.bresp_o.val();
        self.registers.arvalid_i.next = self.s_axi_arvalid.val();
        self.s_axi_arready.next = self.registers.arready_o.val();
        self.registers.araddr_i.next = self.s_axi_araddr.val();
        self.s_axi_rvalid.next = self.registers.rvalid_o.val();
        self.registers.rready_i.next = self.s_axi_rready.val();
        self.s_axi_rdata.next = self.registers.rdata_o.val();
        self.s_axi_rresp.next = self.registers.rresp_o.val();
        self.registers.irq_ack_i.next = self.irq_ack_i.val();
        self.irq_o.next = self.registers.irq_o.val();

        // Control: enable and loop-back.
        self.enabled.next = self.registers.word_o[6].val().get_bit(0);
        self.loops.next = self.registers.word_o[6].val().get_bit(1);
        self.device_run.next = self.enabled.val() & !self.device_why.q.val().any();
        self.host_run.next = self.enabled.val() & !self.host_why.q.val().any();
        self.runs.next = bit_cast::<2, 1>(self.device_run.val().into())
            | (bit_cast::<2, 1>(self.host_run.val().into()) << bits::<1>(1));

        self.engine.clock.next = self.clock.val();
        self.engine.reset.next = self.reset.val();
        self.engine.clear_i.next = self.clears.val();
        self.engine.hold_i.next = self.draining.q.val() | self.clears.val();
        self.engine.run_i.next = self.runs.val();
        self.engine.base_i[0].next = (bit_cast::<64, 32>(self.registers.word_o[13].val())
            << bits::<6>(32))
            | bit_cast::<64, 32>(self.registers.word_o[12].val());
        self.engine.records_i[0].next = (bit_cast::<64, 32>(self.registers.word_o[15].val())
            << bits::<6>(32))
            | bit_cast::<64, 32>(self.registers.word_o[14].val());
        self.engine.size_i[0].next = self.registers.word_o[16].val().get_bits::<16>(0);
        self.engine.base_i[1].next = (bit_cast::<64, 32>(self.registers.word_o[19].val())
            << bits::<6>(32))
            | bit_cast::<64, 32>(self.registers.word_o[18].val());
        self.engine.records_i[1].next = (bit_cast::<64, 32>(self.registers.word_o[21].val())
            << bits::<6>(32))
            | bit_cast::<64, 32>(self.registers.word_o[20].val());
        self.engine.size_i[1].next = self.registers.word_o[22].val().get_bits::<16>(0);
        self.engine.offered_i[0].next = self.registers.offered_o[0].val();
        self.engine.offered_i[1].next = self.registers.offered_o[1].val();
        self.engine.batch_i.next = self.registers.word_o[10].val().get_bits::<4>(0);
        self.m_axi_arvalid.next = self.engine.m_axi_arvalid.val();
        self.engine.m_axi_arready.next = self.m_axi_arready.val();
        self.m_axi_araddr.next = self.engine.m_axi_araddr.val();
        self.m_axi_arlen.next = self.engine.m_axi_arlen.val();
        self.m_axi_arsize.next = self.engine.m_axi_arsize.val();
        self.m_axi_arburst.next = self.engine.m_axi_arburst.val();
        self.engine.m_axi_rvalid.next = self.m_axi_rvalid.val();
        self.m_axi_rready.next = self.engine.m_axi_rready.val();
        self.engine.m_axi_rdata.next = self.m_axi_rdata.val();
        self.engine.m_axi_rresp.next = self.m_axi_rresp.val();
        self.engine.m_axi_rlast.next = self.m_axi_rlast.val();
        self.m_axi_awvalid.next = self.engine.m_axi_awvalid.val();
        self.engine.m_axi_awready.next = self.m_axi_awready.val();
        self.m_axi_awaddr.next = self.engine.m_axi_awaddr.val();
        self.m_axi_awlen.next = self.engine.m_axi_awlen.val();
        self.m_axi_awsize.next = self.engine.m_axi_awsize.val();
        self.m_axi_awburst.next = self.engine.m_axi_awburst.val();
        self.m_axi_wvalid.next = self.engine.m_axi_wvalid.val();
        self.engine.m_axi_wready.next = self.m_axi_wready.val();
        self.m_axi_wdata.next = self.engine.m_axi_wdata.val();
        self.m_axi_wstrb.next = self.engine.m_axi_wstrb.val();
        self.m_axi_wlast.next = self.engine.m_axi_wlast.val();
        self.engine.m_axi_bvalid.next = self.m_axi_bvalid.val();
        self.m_axi_bready.next = self.engine.m_axi_bready.val();
        self.engine.m_axi_bresp.next = self.m_axi_bresp.val();

        // Packets go to the core, or with loop-back straight back.
        self.records.clock.next = self.clock.val();
        self.records.reset.next = self.inner_reset.val();
        self.records.valid_i.next = self.engine.out_valid_o.val() & !self.loops.val();
        self.records.data_i.next = self.engine.out_data_o.val();
        self.records.last_i.next = self.engine.out_last_o.val();
        self.host_valid_o.next = self.records.host_valid_o.val();
        self.records.host_ready_i.next = self.host_ready_i.val();
        self.host_addr_o.next = self.records.host_addr_o.val();
        self.host_data_o.next = self.records.host_data_o.val();
        self.host_last_o.next = self.records.host_last_o.val();
        self.nodes_o.next = self.records.nodes_o.val();
        self.beat_ready_o.next = false;
        if self.loops.val() {
            self.engine.out_ready_i.next = self.engine.in_ready_o.val();
            self.engine.in_valid_i.next = self.engine.out_valid_o.val();
            self.engine.in_data_i.next = self.engine.out_data_o.val();
            self.engine.in_bytes_i.next = self.engine.out_bytes_o.val();
            self.engine.in_last_i.next = self.engine.out_last_o.val();
        } else {
            self.engine.out_ready_i.next = self.records.ready_o.val();
            self.beat_ready_o.next = self.engine.in_ready_o.val() & self.enabled.val();
            self.engine.in_valid_i.next = self.beat_valid_i.val() & self.enabled.val();
            self.engine.in_data_i.next = self.beat_data_i.val();
            self.engine.in_bytes_i.next = bits::<4>(8);
            self.engine.in_last_i.next = self.beat_last_i.val();
        }

        // The first reason that a ring stops for stays.
        self.stops.next = false;
        if !self.device_why.q.val().any() & self.engine.why_o[0].val().any() {
            self.device_why.d.next = self.engine.why_o[0].val();
            self.stops.next = true;
        }
        if !self.host_why.q.val().any() & self.engine.why_o[1].val().any() {
            self.host_why.d.next = self.engine.why_o[1].val();
            self.stops.next = true;
        }
        if self.clears.val() {
            self.device_why.d.next = bits::<4>(0);
            self.host_why.d.next = bits::<4>(0);
        }
        self.events.next = bit_cast::<3, 2>(self.engine.event_o.val())
            | (bit_cast::<3, 1>(self.stops.val().into()) << bits::<2>(2));
        self.registers.event_i.next = self.events.val();

        // A ring that has stopped keeps what it has for ever.
        self.busy.d.next = (self.device_run.val()
            & (self.registers.offered_o[0].val() != self.engine.completed_o[0].val()))
            | (self.host_run.val() & self.engine.busy_o.val());
        self.status.next = bit_cast::<32, 4>(self.device_why.q.val())
            | (bit_cast::<32, 4>(self.host_why.q.val()) << bits::<4>(4))
            | (bit_cast::<32, 1>(self.busy.q.val().into()) << bits::<4>(8));

        // A beat with bit 27 is no word.
        self.pushed.next =
            self.beat_valid_i.val() & self.beat_ready_o.val() & !self.beat_data_i.val().get_bit(27);
        self.counts.next = bit_cast::<5, 1>(self.busy.q.val().into())
            | (bit_cast::<5, 2>(self.engine.moved_o.val()) << bits::<3>(1))
            | (bit_cast::<5, 1>(
                (self.records.host_valid_o.val() & self.host_ready_i.val()).into(),
            ) << bits::<3>(3))
            | (bit_cast::<5, 1>(self.pushed.val().into()) << bits::<3>(4));
        self.active.d.next = (self.counts.val() >> bits::<1>(1)).any();
        self.active_o.next = self.active.q.val();
        for i in 0..5 {
            self.counter[i].clock.next = self.clock.val();
            self.counter[i].d.next = self.counter[i].q.val();
            if self.counts.val().get_bit(i) {
                self.counter[i].d.next = self.counter[i].q.val() + 1;
            }
            if self.clears.val() {
                self.counter[i].d.next = bits::<32>(0);
            }
        }

        for i in 0..self._registers {
            self.registers.value_i[i].next = bits::<32>(0);
        }
        for i in 0..5 {
            self.registers.value_i[i].next = self.identity[i].val();
            self.registers.value_i[i + 24].next = self.counter[i].q.val();
        }
        self.registers.value_i[5].next = self.outstanding.val();
        self.registers.value_i[6].next =
            bit_cast::<32, 1>((self.draining.q.val() | self.clears.val()).into()) << bits::<2>(2);
        self.registers.value_i[7].next = self.status.val();
        self.registers.value_i[29].next = self.mesh.val();
        self.router_o.next = self.registers.word_o[30].val().get_bits::<6>(0);
        self.index_o.next = self.registers.word_o[30].val().get_bits::<4>(8);
        self.registers.value_i[31].next = self.count_i.val();
        self.registers.value_i[17].next = bit_cast::<32, 16>(self.engine.completed_o[0].val());
        self.registers.value_i[23].next = bit_cast::<32, 16>(self.engine.completed_o[1].val());
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("pci_port", &[("outstanding", self._outstanding)])
    }
}
