use super::Router;
use crate::core::CoreError;
use crate::emit::{Design, EmitError, emit};
use crate::prim::module_name;
use backspike_arch::{MeshConfig, MeshPort};
use rust_hdl::prelude::*;

/// The Verilog of the network of `mesh` alone.
///
/// # Errors
///
/// When the mesh is unusable.
pub fn network_design(mesh: &MeshConfig) -> Result<Design, CoreError> {
    fn write<const F: usize>(mesh: &MeshConfig) -> Result<Design, EmitError> {
        let mut network = Network::<F>::new(mesh);
        network.connect_all();
        emit(&network)
    }
    mesh.validate()?;
    Ok(if mesh.flit == 32 { write::<32>(mesh) } else { write::<64>(mesh) }?)
}

/// The routers of a mesh and the links between them; cores and host at its ports, the host's last.
///
/// Routers are numbered row by row, so the link to the east is that to the next number; across the end of a row nothing ever moves,
/// since no node lies there.
#[derive(LogicBlock)]
pub struct Network<const F: usize> {
    pub clock: Signal<In, Clock>,
    pub reset: Signal<In, Bit>,
    // From the nodes.
    pub valid_i: Vec<Signal<In, Bit>>,
    pub ready_o: Vec<Signal<Out, Bit>>,
    pub data_i: Vec<Signal<In, Bits<F>>>,
    pub last_i: Vec<Signal<In, Bit>>,
    // To the nodes.
    pub valid_o: Vec<Signal<Out, Bit>>,
    pub ready_i: Vec<Signal<In, Bit>>,
    pub data_o: Vec<Signal<Out, Bits<F>>>,
    pub last_o: Vec<Signal<Out, Bit>>,
    /// A router and its counter; the value shows in the same cycle.
    pub router_i: Signal<In, Bits<6>>,
    pub index_i: Signal<In, Bits<4>>,
    pub count_o: Signal<Out, Bits<32>>,

    router: Vec<Router<F>>,
    /// Five a router.
    reach: Vec<Constant<Bits<F>>>,
    number: Signal<Local, Bits<6>>,
    count: Signal<Local, Bits<32>>,
    _cores: usize,
    _nodes: usize,
    _width: usize,
    _height: usize,
    _depth: usize,
    // Bounds of loops: links to the east, links to the south, and one turn whose variable is the width, as an index knows loop variables only.
    _east: usize,
    _south: usize,
    _beyond: usize,
}

impl<const F: usize> Network<F> {
    /// The network of `mesh`, whose flits have `F` bits.
    pub fn new(mesh: &MeshConfig) -> Self {
        fn all<T: Default>(count: usize) -> Vec<T> {
            (0..count).map(|_| T::default()).collect()
        }
        let (cores, nodes) = (mesh.cores(), mesh.nodes());
        let reach = |n: usize| Constant::new(mesh.reach(n / 5, MeshPort::ALL[n % 5]).into());
        Self {
            clock: Default::default(),
            reset: Default::default(),
            valid_i: all(nodes),
            ready_o: all(nodes),
            data_i: all(nodes),
            last_i: all(nodes),
            valid_o: all(nodes),
            ready_i: all(nodes),
            data_o: all(nodes),
            last_o: all(nodes),
            router_i: Default::default(),
            index_i: Default::default(),
            count_o: Default::default(),
            router: (0..cores).map(|_| Router::new(mesh.buffer)).collect(),
            reach: (0..5 * cores).map(reach).collect(),
            number: Default::default(),
            count: Default::default(),
            _cores: cores,
            _nodes: nodes,
            _width: mesh.width,
            _height: mesh.height,
            _depth: mesh.buffer,
            _east: cores - 1,
            _south: cores - mesh.width,
            _beyond: mesh.width + 1,
        }
    }
}

impl<const F: usize> Logic for Network<F> {
    #[hdl_gen]
    fn update(&mut self) {
        self.count.next = bits::<32>(0);
        for r in 0..self._cores {
            self.router[r].clock.next = self.clock.val();
            self.router[r].reset.next = self.reset.val();
            for p in 0..5 {
                self.router[r].reach_i[p].next = self.reach[r * 5 + p].val();
            }
            self.router[r].index_i.next = self.index_i.val();
            self.number.next = r.to_bits();
            if self.router_i.val() == self.number.val() {
                self.count.next = self.router[r].count_o.val();
            }
            // Cores.
            self.router[r].valid_i[4].next = self.valid_i[r].val();
            self.router[r].data_i[4].next = self.data_i[r].val();
            self.router[r].last_i[4].next = self.last_i[r].val();
            self.ready_o[r].next = self.router[r].ready_o[4].val();
            self.valid_o[r].next = self.router[r].valid_o[4].val();
            self.data_o[r].next = self.router[r].data_o[4].val();
            self.last_o[r].next = self.router[r].last_o[4].val();
            self.router[r].ready_i[4].next = self.ready_i[r].val();
        }
        self.count_o.next = self.count.val();

        // East 1, west 3.
        for r in 0..self._east {
            self.router[r + 1].valid_i[3].next = self.router[r].valid_o[1].val();
            self.router[r + 1].data_i[3].next = self.router[r].data_o[1].val();
            self.router[r + 1].last_i[3].next = self.router[r].last_o[1].val();
            self.router[r].ready_i[1].next = self.router[r + 1].ready_o[3].val();
            self.router[r].valid_i[1].next = self.router[r + 1].valid_o[3].val();
            self.router[r].data_i[1].next = self.router[r + 1].data_o[3].val();
            self.router[r].last_i[1].next = self.router[r + 1].last_o[3].val();
            self.router[r + 1].ready_i[3].next = self.router[r].ready_o[1].val();
        }
        for r in self._east..self._cores {
            self.router[r].valid_i[1].next = false;
            self.router[r].data_i[1].next = bits::<F>(0);
            self.router[r].last_i[1].next = false;
            self.router[r].ready_i[1].next = true;
        }
        // The host.
        for h in self._cores..self._nodes {
            self.router[0].valid_i[3].next = self.valid_i[h].val();
            self.router[0].data_i[3].next = self.data_i[h].val();
            self.router[0].last_i[3].next = self.last_i[h].val();
            self.ready_o[h].next = self.router[0].ready_o[3].val();
            self.valid_o[h].next = self.router[0].valid_o[3].val();
            self.data_o[h].next = self.router[0].data_o[3].val();
            self.last_o[h].next = self.router[0].last_o[3].val();
            self.router[0].ready_i[3].next = self.ready_i[h].val();
        }
        // South 2, north 0.
        for w in self._width..self._beyond {
            for r in 0..self._south {
                self.router[r + w].valid_i[0].next = self.router[r].valid_o[2].val();
                self.router[r + w].data_i[0].next = self.router[r].data_o[2].val();
                self.router[r + w].last_i[0].next = self.router[r].last_o[2].val();
                self.router[r].ready_i[2].next = self.router[r + w].ready_o[0].val();
                self.router[r].valid_i[2].next = self.router[r + w].valid_o[0].val();
                self.router[r].data_i[2].next = self.router[r + w].data_o[0].val();
                self.router[r].last_i[2].next = self.router[r + w].last_o[0].val();
                self.router[r + w].ready_i[0].next = self.router[r].ready_o[2].val();
            }
        }
        for r in self._south..self._cores {
            self.router[r].valid_i[2].next = false;
            self.router[r].data_i[2].next = bits::<F>(0);
            self.router[r].last_i[2].next = false;
            self.router[r].ready_i[2].next = true;
        }
        for r in 0..self._width {
            self.router[r].valid_i[0].next = false;
            self.router[r].data_i[0].next = bits::<F>(0);
            self.router[r].last_i[0].next = false;
            self.router[r].ready_i[0].next = true;
        }
    }

    fn timing(&self) -> Vec<TimingInfo> {
        module_name(
            "network",
            &[("w", self._width), ("h", self._height), ("f", F), ("d", self._depth)],
        )
    }
}
