use super::{Network, Tile};
use crate::core::{CoreError, for_lanes};
use crate::emit::{Design, EmitError, emit};
use crate::prim::module_name;
use backspike_arch::{ArchConfig, MeshConfig};
use rust_hdl::prelude::*;

/// Name of the top module.
pub const MESH_TOP: &str = "backspike_mesh";

/// The Verilog of a mesh of cores with configuration `arch`; its top module is [`MESH_TOP`].
///
/// Ports: `clock`, `reset` (synchronous, active high); flits from the host (`from_{valid_i,ready_o,data_i,last_i}`) and to it
/// (`to_{valid_o,ready_i,data_o,last_o}`); `router_i`, `index_i`, `count_o`: a counter of a router, see [`super::Router`].
///
/// # Errors
///
/// When configuration or mesh is unusable.
pub fn mesh_design(arch: &ArchConfig, mesh: &MeshConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    mesh.validate_for_cores()?;
    Ok(match mesh.flit {
        32 => for_lanes!(arch.lanes, write_mesh::<32>(arch, mesh)),
        _ => for_lanes!(arch.lanes, write_mesh::<64>(arch, mesh)),
    }?)
}

/// The Verilog of a [`Tile`] with a core of configuration `arch`, for simulators that build each part of a mesh once.
///
/// # Errors
///
/// When configuration or mesh is unusable.
pub fn tile_design(arch: &ArchConfig, mesh: &MeshConfig) -> Result<Design, CoreError> {
    arch.validate()?;
    mesh.validate_for_cores()?;
    Ok(match mesh.flit {
        32 => for_lanes!(arch.lanes, write_tile::<32>(arch)),
        _ => for_lanes!(arch.lanes, write_tile::<64>(arch)),
    }?)
}

fn write_mesh<const F: usize, const P: usize>(
    arch: &ArchConfig,
    mesh: &MeshConfig,
) -> Result<Design, EmitError> {
    let mut device = MeshDevice::<F, P>::new(arch, mesh);
    device.connect_all();
    emit(&device)
}

fn write_tile<const F: usize, const P: usize>(arch: &ArchConfig) -> Result<Design, EmitError> {
    let mut tile = Tile::<F, P>::new(arch);
    tile.connect_all();
    emit(&tile)
}

/// Cores on a mesh, and the host's port to it. `F` bits a flit, `P` = 4 bits a lane.
#[derive(LogicBlock)]
pub struct MeshDevice<const F: usize, const P: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    pub from_valid_i: Signal<In, Bit>,
    pub from_ready_o: Signal<Out, Bit>,
    pub from_data_i: Signal<In, Bits<F>>,
    pub from_last_i: Signal<In, Bit>,
    pub to_valid_o: Signal<Out, Bit>,
    pub to_ready_i: Signal<In, Bit>,
    pub to_data_o: Signal<Out, Bits<F>>,
    pub to_last_o: Signal<Out, Bit>,
    pub router_i: Signal<In, Bits<6>>,
    pub index_i: Signal<In, Bits<4>>,
    pub count_o: Signal<Out, Bits<32>>,

    network: Network<F>,
    tile: Vec<Tile<F, P>>,
    number: Signal<Local, Bits<6>>,
    host: Constant<Bits<F>>,
    _cores: usize,
    _nodes: usize,
}

impl<const F: usize, const P: usize> MeshDevice<F, P> {
    /// The cores of `mesh`, each of `arch`, whose lanes are `P` / 4.
    pub fn new(arch: &ArchConfig, mesh: &MeshConfig) -> Self {
        let cores = mesh.cores();
        Self {
            clock: Default::default(),
            reset: Default::default(),
            from_valid_i: Default::default(),
            from_ready_o: Default::default(),
            from_data_i: Default::default(),
            from_last_i: Default::default(),
            to_valid_o: Default::default(),
            to_ready_i: Default::default(),
            to_data_o: Default::default(),
            to_last_o: Default::default(),
            router_i: Default::default(),
            index_i: Default::default(),
            count_o: Default::default(),
            network: Network::new(mesh),
            tile: (0..cores).map(|_| Tile::new(arch)).collect(),
            number: Default::default(),
            host: Constant::new((1_u64 << mesh.host()).into()),
            _cores: cores,
            _nodes: mesh.nodes(),
        }
    }
}

impl<const F: usize, const P: usize> Logic for MeshDevice<F, P> {
    #[hdl_gen]
    fn update(&mut self) {
        self.network.clock.next = self.clock.val();
        self.network.reset.next = self.reset.val();
        self.network.router_i.next = self.router_i.val();
        self.network.index_i.next = self.index_i.val();
        self.count_o.next = self.network.count_o.val();
        for i in 0..self._cores {
            self.tile[i].clock.next = self.clock.val();
            self.tile[i].reset.next = self.reset.val();
            self.number.next = i.to_bits();
            self.tile[i].node_i.next = bit_cast::<32, 6>(self.number.val());
            self.tile[i].host_i.next = self.host.val();
            self.tile[i].valid_i.next = self.network.valid_o[i].val();
            self.network.ready_i[i].next = self.tile[i].ready_o.val();
            self.tile[i].data_i.next = self.network.data_o[i].val();
            self.tile[i].last_i.next = self.network.last_o[i].val();
            self.network.valid_i[i].next = self.tile[i].valid_o.val();
            self.network.data_i[i].next = self.tile[i].data_o.val();
            self.network.last_i[i].next = self.tile[i].last_o.val();
            self.tile[i].ready_i.next = self.network.ready_o[i].val();
        }
        for h in self._cores..self._nodes {
            self.network.valid_i[h].next = self.from_valid_i.val();
            self.network.data_i[h].next = self.from_data_i.val();
            self.network.last_i[h].next = self.from_last_i.val();
            self.from_ready_o.next = self.network.ready_o[h].val();
            self.to_valid_o.next = self.network.valid_o[h].val();
            self.to_data_o.next = self.network.data_o[h].val();
            self.to_last_o.next = self.network.last_o[h].val();
            self.network.ready_i[h].next = self.to_ready_i.val();
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(MESH_TOP, &[])
    }
}
