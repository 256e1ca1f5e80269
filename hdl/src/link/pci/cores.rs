use super::{HostBeats, HostPackets, PushBeats};
use crate::core::Core;
use crate::mesh::{FlitsToWords, ItemsToFlits, MeshDevice};
use crate::prim::module_name;
use backspike_arch::{ArchConfig, MeshConfig};
use rust_hdl::prelude::*;

/// What the function carries: a core that stands alone, or cores on a mesh. Words go in, beats for the host come out. `F` bits a flit, `P` = 4
/// bits a lane.
#[derive(LogicBlock)]
pub struct Cores<const F: usize, const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub host_valid_i: Signal<In, Bit>,
    pub host_ready_o: Signal<Out, Bit>,
    pub host_addr_i: Signal<In, Bits<32>>,
    pub host_data_i: Signal<In, Bits<32>>,
    pub host_last_i: Signal<In, Bit>,
    pub nodes_i: Signal<In, Bits<64>>,
    pub beat_valid_o: Signal<Out, Bit>,
    pub beat_ready_i: Signal<In, Bit>,
    pub beat_data_o: Signal<Out, Bits<64>>,
    /// A PUSH ends with this beat.
    pub beat_last_o: Signal<Out, Bit>,
    /// A counter of a router, see [`crate::mesh::Router`]; 0 without a mesh.
    pub router_i: Signal<In, Bits<6>>,
    pub index_i: Signal<In, Bits<4>>,
    pub count_o: Signal<Out, Bits<32>>,
    // One of either.
    alone: Vec<Core<P>>,
    pushes: Vec<PushBeats>,
    mesh: Vec<MeshDevice<F, P>>,
    packets: Vec<HostPackets<F>>,
    from: Vec<ItemsToFlits<F>>,
    to: Vec<FlitsToWords<F>>,
    beats: Vec<HostBeats>,
    _alone: usize,
    _meshes: usize,
}

impl<const F: usize, const P: usize> Cores<F, P> {
    /// A core with configuration `arch`, whose lanes are `P` / 4, or such cores on `mesh`.
    pub fn new(arch: &ArchConfig, mesh: Option<&MeshConfig>) -> Self {
        let alone = mesh.map_or(1, |_| 0);
        Self {
            clock: Default::default(),
            reset: Default::default(),
            host_valid_i: Default::default(),
            host_ready_o: Default::default(),
            host_addr_i: Default::default(),
            host_data_i: Default::default(),
            host_last_i: Default::default(),
            nodes_i: Default::default(),
            beat_valid_o: Default::default(),
            beat_ready_i: Default::default(),
            beat_data_o: Default::default(),
            beat_last_o: Default::default(),
            router_i: Default::default(),
            index_i: Default::default(),
            count_o: Default::default(),
            alone: (0..alone).map(|_| Core::new(arch)).collect(),
            pushes: (0..alone).map(|_| Default::default()).collect(),
            mesh: mesh.iter().map(|mesh| MeshDevice::new(arch, mesh)).collect(),
            packets: mesh.iter().map(|mesh| HostPackets::new(mesh)).collect(),
            from: mesh.iter().map(|_| Default::default()).collect(),
            to: mesh.iter().map(|_| Default::default()).collect(),
            beats: mesh.iter().map(|_| Default::default()).collect(),
            _alone: alone,
            _meshes: 1 - alone,
        }
    }
}

impl<const F: usize, const P: usize> Logic for Cores<F, P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.count_o.next = bits::<32>(0);
        for i in 0..self._alone {
            self.alone[i].clock.next = self.clock.val();
            self.alone[i].reset.next = self.reset.val();
            self.alone[i].host_valid_i.next = self.host_valid_i.val();
            self.alone[i].host_addr_i.next = self.host_addr_i.val();
            self.alone[i].host_data_i.next = self.host_data_i.val();
            self.host_ready_o.next = self.alone[i].host_ready_o.val();
            self.pushes[i].clock.next = self.clock.val();
            self.pushes[i].reset.next = self.reset.val();
            self.pushes[i].push_valid_i.next = self.alone[i].push_valid_o.val();
            self.pushes[i].push_addr_i.next = self.alone[i].push_addr_o.val();
            self.pushes[i].push_data_i.next = self.alone[i].push_data_o.val();
            self.pushes[i].push_last_i.next = self.alone[i].push_last_o.val();
            self.alone[i].push_ready_i.next = self.pushes[i].push_ready_o.val();
            self.beat_valid_o.next = self.pushes[i].valid_o.val();
            self.beat_data_o.next = self.pushes[i].data_o.val();
            self.beat_last_o.next = self.pushes[i].last_o.val();
            self.pushes[i].ready_i.next = self.beat_ready_i.val();
        }
        for i in 0..self._meshes {
            self.mesh[i].clock.next = self.clock.val();
            self.mesh[i].reset.next = self.reset.val();
            self.mesh[i].router_i.next = self.router_i.val();
            self.mesh[i].index_i.next = self.index_i.val();
            self.count_o.next = self.mesh[i].count_o.val();
            self.packets[i].clock.next = self.clock.val();
            self.packets[i].reset.next = self.reset.val();
            self.packets[i].host_valid_i.next = self.host_valid_i.val();
            self.packets[i].host_addr_i.next = self.host_addr_i.val();
            self.packets[i].host_data_i.next = self.host_data_i.val();
            self.packets[i].host_last_i.next = self.host_last_i.val();
            self.packets[i].nodes_i.next = self.nodes_i.val();
            self.host_ready_o.next = self.packets[i].host_ready_o.val();
            self.from[i].clock.next = self.clock.val();
            self.from[i].reset.next = self.reset.val();
            self.from[i].valid_i.next = self.packets[i].valid_o.val();
            self.from[i].data_i.next = self.packets[i].data_o.val();
            self.from[i].last_i.next = self.packets[i].last_o.val();
            self.packets[i].ready_i.next = self.from[i].ready_o.val();
            self.mesh[i].from_valid_i.next = self.from[i].valid_o.val();
            self.mesh[i].from_data_i.next = self.from[i].data_o.val();
            self.mesh[i].from_last_i.next = self.from[i].last_o.val();
            self.from[i].ready_i.next = self.mesh[i].from_ready_o.val();
            self.to[i].clock.next = self.clock.val();
            self.to[i].reset.next = self.reset.val();
            self.to[i].valid_i.next = self.mesh[i].to_valid_o.val();
            self.to[i].data_i.next = self.mesh[i].to_data_o.val();
            self.to[i].last_i.next = self.mesh[i].to_last_o.val();
            self.mesh[i].to_ready_i.next = self.to[i].ready_o.val();
            self.beats[i].addr_i.next = self.to[i].addr_o.val();
            self.beats[i].data_i.next = self.to[i].data_o.val();
            self.beats[i].last_i.next = self.to[i].word_last_o.val();
            self.to[i].word_ready_i.next = self.beat_ready_i.val();
            self.beat_valid_o.next = self.to[i].word_valid_o.val();
            self.beat_data_o.next = self.beats[i].data_o.val();
            self.beat_last_o.next = self.beats[i].last_o.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name("cores", &[])
    }
}
