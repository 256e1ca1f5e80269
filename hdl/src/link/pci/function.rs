use super::{Cores, PciPort};
use crate::core::{CoreError, for_lanes};
use crate::emit::{Design, EmitError, emit};
use crate::prim::module_name;
use backspike_arch::{ArchConfig, MeshConfig};
use rust_hdl::prelude::*;

/// Name of the top module.
pub const PCI_TOP: &str = "backspike_pci";

/// The Verilog of a PCI function, but for the bridge: of a core with configuration `arch`, or of such cores on `mesh`. Its top module is
/// [`PCI_TOP`], with the ports of a [`PciDevice`].
///
/// # Errors
///
/// When configuration or mesh is unusable.
pub fn pci_design(arch: &ArchConfig, mesh: Option<&MeshConfig>) -> Result<Design, CoreError> {
    arch.validate()?;
    if let Some(mesh) = mesh {
        mesh.validate_for_cores()?;
    }
    Ok(match mesh.map(|mesh| mesh.flit) {
        None | Some(32) => for_lanes!(arch.lanes, write::<32>(arch, mesh)),
        Some(_) => for_lanes!(arch.lanes, write::<64>(arch, mesh)),
    }?)
}

/// The Verilog of the port alone, a [`PciPort`].
///
/// # Errors
///
/// When the configuration is unusable.
pub fn pci_port_design(arch: &ArchConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    let mut port = PciPort::new(arch, None);
    port.connect_all();
    Ok(emit(&port)?)
}

fn write<const F: usize, const P: usize>(
    arch: &ArchConfig,
    mesh: Option<&MeshConfig>,
) -> Result<Design, EmitError> {
    let mut device = PciDevice::<F, P>::new(arch, mesh);
    device.connect_all();
    emit(&device)
}

/// A training core, or cores on a mesh, as a PCI function: `clock`, `reset` (synchronous, active high), an AXI4-Lite slave for BAR0, an AXI4
/// master for host memory (ID 0, increasing bursts of whole beats; tie off what a bridge has beyond that), a line for each MSI-X vector. `F` bits
/// a flit, `P` = 4 bits a lane.
#[derive(LogicBlock)]
pub struct PciDevice<const F: usize, const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
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
    port: PciPort,
    cores: Cores<F, P>,
}

impl<const F: usize, const P: usize> PciDevice<F, P> {
    /// A core with configuration `arch`, whose lanes are `P` / 4, or such cores on `mesh`.
    pub fn new(arch: &ArchConfig, mesh: Option<&MeshConfig>) -> Self {
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
            port: PciPort::new(arch, mesh),
            cores: Cores::new(arch, mesh),
        }
    }
}

impl<const F: usize, const P: usize> Logic for PciDevice<F, P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.port.clock.next = self.clock.val();
        self.port.reset.next = self.reset.val();
        self.port.s_axi_awvalid.next = self.s_axi_awvalid.val();
        self.s_axi_awready.next = self.port.s_axi_awready.val();
        self.port.s_axi_awaddr.next = self.s_axi_awaddr.val();
        self.port.s_axi_wvalid.next = self.s_axi_wvalid.val();
        self.s_axi_wready.next = self.port.s_axi_wready.val();
        self.port.s_axi_wdata.next = self.s_axi_wdata.val();
        self.port.s_axi_wstrb.next = self.s_axi_wstrb.val();
        self.s_axi_bvalid.next = self.port.s_axi_bvalid.val();
        self.port.s_axi_bready.next = self.s_axi_bready.val();
        self.s_axi_bresp.next = self.port.s_axi_bresp.val();
        self.port.s_axi_arvalid.next = self.s_axi_arvalid.val();
        self.s_axi_arready.next = self.port.s_axi_arready.val();
        self.port.s_axi_araddr.next = self.s_axi_araddr.val();
        self.s_axi_rvalid.next = self.port.s_axi_rvalid.val();
        self.port.s_axi_rready.next = self.s_axi_rready.val();
        self.s_axi_rdata.next = self.port.s_axi_rdata.val();
        self.s_axi_rresp.next = self.port.s_axi_rresp.val();
        self.m_axi_arvalid.next = self.port.m_axi_arvalid.val();
        self.port.m_axi_arready.next = self.m_axi_arready.val();
        self.m_axi_araddr.next = self.port.m_axi_araddr.val();
        self.m_axi_arlen.next = self.port.m_axi_arlen.val();
        self.m_axi_arsize.next = self.port.m_axi_arsize.val();
        self.m_axi_arburst.next = self.port.m_axi_arburst.val();
        self.port.m_axi_rvalid.next = self.m_axi_rvalid.val();
        self.m_axi_rready.next = self.port.m_axi_rready.val();
        self.port.m_axi_rdata.next = self.m_axi_rdata.val();
        self.port.m_axi_rresp.next = self.m_axi_rresp.val();
        self.port.m_axi_rlast.next = self.m_axi_rlast.val();
        self.m_axi_awvalid.next = self.port.m_axi_awvalid.val();
        self.port.m_axi_awready.next = self.m_axi_awready.val();
        self.m_axi_awaddr.next = self.port.m_axi_awaddr.val();
        self.m_axi_awlen.next = self.port.m_axi_awlen.val();
        self.m_axi_awsize.next = self.port.m_axi_awsize.val();
        self.m_axi_awburst.next = self.port.m_axi_awburst.val();
        self.m_axi_wvalid.next = self.port.m_axi_wvalid.val();
        self.port.m_axi_wready.next = self.m_axi_wready.val();
        self.m_axi_wdata.next = self.port.m_axi_wdata.val();
        self.m_axi_wstrb.next = self.port.m_axi_wstrb.val();
        self.m_axi_wlast.next = self.port.m_axi_wlast.val();
        self.port.m_axi_bvalid.next = self.m_axi_bvalid.val();
        self.m_axi_bready.next = self.port.m_axi_bready.val();
        self.port.m_axi_bresp.next = self.m_axi_bresp.val();
        self.irq_o.next = self.port.irq_o.val();
        self.active_o.next = self.port.active_o.val();
        self.port.irq_ack_i.next = self.irq_ack_i.val();
        self.cores.clock.next = self.clock.val();
        self.cores.reset.next = self.port.core_reset_o.val();
        self.cores.host_valid_i.next = self.port.host_valid_o.val();
        self.cores.host_addr_i.next = self.port.host_addr_o.val();
        self.cores.host_data_i.next = self.port.host_data_o.val();
        self.cores.host_last_i.next = self.port.host_last_o.val();
        self.cores.nodes_i.next = self.port.nodes_o.val();
        self.port.host_ready_i.next = self.cores.host_ready_o.val();
        self.port.beat_valid_i.next = self.cores.beat_valid_o.val();
        self.port.beat_data_i.next = self.cores.beat_data_o.val();
        self.port.beat_last_i.next = self.cores.beat_last_o.val();
        self.cores.beat_ready_i.next = self.port.beat_ready_o.val();
        self.cores.router_i.next = self.port.router_o.val();
        self.cores.index_i.next = self.port.index_o.val();
        self.port.count_i.next = self.cores.count_o.val();
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(PCI_TOP, &[])
    }
}
