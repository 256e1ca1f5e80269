//! A Verilated mesh: every core of it is a [`Device`], all behind one host node.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Link, Mesh, MeshConfig, PackedWord as _,
    PushWord, mesh::packets,
};
use backspike_hdl::emit::Design;
use backspike_hdl::mesh::{mesh_design, network_design, tile_design};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::{Build, Library, LinkPorts, Model, Optimize, RtlError};

/// Cycles in which no flit passes the host's port after which the mesh counts as hung.
const PATIENCE: u64 = 1 << 20;

/// The build of a mesh: one library of a tile and one of the network, wired together cycle by cycle. All that crosses between them
/// depends on registers alone, so this is the mesh to the cycle, and a core is built once however many there are.
#[derive(Clone)]
pub struct MeshLibrary {
    config: ArchConfig,
    mesh: MeshConfig,
    /// Without tiles: `network` is the whole device.
    tile: Option<Library>,
    network: Library,
    /// Threads that the tiles of a cycle are shared among, if more than one.
    pool: Option<Arc<ThreadPool>>,
}

impl MeshLibrary {
    /// The mesh that the generator makes of cores `config`.
    ///
    /// # Errors
    /// When configuration or mesh is unusable, or Verilator fails.
    pub fn new(
        config: &ArchConfig,
        mesh: &MeshConfig,
        optimize: Optimize,
    ) -> Result<Self, RtlError> {
        let (tile, network) = (tile_design(config, mesh)?, network_design(mesh)?);
        let build = |design: &Design| {
            Build::new(design.top(), design.to_single_file()).optimize(optimize).library()
        };
        let (tile, network) = (Some(build(&tile)?), build(&network)?);
        Ok(Self { config: config.clone(), mesh: mesh.clone(), tile, network, pool: None })
    }

    /// The same as one model of the whole device, which takes long to build for many cores.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn whole(
        config: &ArchConfig,
        mesh: &MeshConfig,
        optimize: Optimize,
    ) -> Result<Self, RtlError> {
        let design = mesh_design(config, mesh)?;
        let build = Build::new(design.top(), design.to_single_file()).optimize(optimize);
        let network = build.library()?;
        Ok(Self { config: config.clone(), mesh: mesh.clone(), tile: None, network, pool: None })
    }

    /// Lets `threads` threads simulate each mesh. Results do not depend on it; on a busy machine more than one is slower.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn with_threads(mut self, threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = || ThreadPoolBuilder::new().num_threads(threads).build().map(Arc::new);
        self.pool = (threads > 1).then(pool).transpose()?;
        Ok(self)
    }

    /// The mesh after reset. `seed` draws the bits of registers and memories at power-on.
    pub fn mesh(&self, seed: u64) -> RtlMesh {
        let host = self.mesh.host();
        let network = self.network.instance(seed);
        let mut tiles: Vec<Model> = (self.tile.iter())
            .flat_map(|tile| (0..host).map(move |core| (tile, core as u64)))
            .map(|(tile, core)| tile.instance(seed.wrapping_mul(64).wrapping_add(core + 1)))
            .collect();
        for (core, tile) in tiles.iter_mut().enumerate() {
            tile.set("node_i", core as u64);
            tile.set("host_i", 1 << host);
        }
        let (ends, host_port) = if tiles.is_empty() {
            let port = LinkPorts::new(&network, &|name| format!("from_{name}"), &|name| {
                format!("to_{name}")
            });
            (Vec::new(), port)
        } else {
            let end = |node: usize| LinkPorts::of_node(&network, node);
            ((0..host).map(end).collect(), end(host))
        };
        let link = tiles.first().map(|tile| LinkPorts::new(tile, &str::to_owned, &str::to_owned));
        let pool = self.pool.clone();
        let mut simulation = Simulation { network, tiles, ends, link, host: host_port, pool };
        simulation.reset();
        let state = State {
            simulation,
            flits: VecDeque::new(),
            packet: Vec::new(),
            mesh: self.mesh.clone(),
            arrived: vec![VecDeque::new(); host],
        };
        RtlMesh { library: self.clone(), state: Arc::new(Mutex::new(state)) }
    }
}

/// Network and tiles, wired.
struct Simulation {
    network: Model,
    tiles: Vec<Model>,
    /// Ports of the network by core, of a tile if there are any, and for the host.
    ends: Vec<LinkPorts>,
    link: Option<LinkPorts>,
    host: LinkPorts,
    pool: Option<Arc<ThreadPool>>,
}

impl Simulation {
    fn reset(&mut self) {
        for reset in [1, 0] {
            self.network.set("reset", reset);
            self.tiles.iter_mut().for_each(|tile| tile.set("reset", reset));
            if reset == 1 {
                self.network.write(self.host.valid_i, 0);
                self.network.write(self.host.ready_i, 0);
                (0..4).for_each(|_| self.tick());
            }
        }
    }

    /// A cycle: what each shows goes to the other, then all take their edge.
    fn tick(&mut self) {
        let Self { network, tiles, ends, link, pool, .. } = self;
        for ((tile, end), link) in tiles.iter_mut().zip(ends).zip(link.iter().cycle()) {
            network.write(end.valid_i, tile.read(link.valid_o));
            network.write(end.data_i, tile.read(link.data_o));
            network.write(end.last_i, tile.read(link.last_o));
            network.write(end.ready_i, tile.read(link.ready_o));
            tile.write(link.valid_i, network.read(end.valid_o));
            tile.write(link.data_i, network.read(end.data_o));
            tile.write(link.last_i, network.read(end.last_o));
            tile.write(link.ready_i, network.read(end.ready_o));
        }
        match pool {
            None => {
                network.tick(1);
                tiles.iter_mut().for_each(|tile| tile.tick(1));
            }
            Some(pool) => {
                let tiles = || tiles.par_iter_mut().for_each(|tile| tile.tick(1));
                pool.install(|| rayon::join(|| network.tick(1), tiles));
            }
        }
    }
}

struct State {
    simulation: Simulation,
    mesh: MeshConfig,
    /// Flits to send, each with whether it is its packet's last.
    flits: VecDeque<(u64, bool)>,
    /// Flits of the packet that arrives.
    packet: Vec<u64>,
    /// By core; the host is the node after the last.
    arrived: Vec<VecDeque<PushWord>>,
}

impl State {
    /// One cycle; whether a flit passed the host's port. What the mesh shows depends on its registers alone.
    fn cycle(&mut self) -> Result<bool, DeviceError> {
        let Simulation { network, host: port, .. } = &mut self.simulation;
        let mut moved = false;
        let offer = self.flits.front().copied();
        network.write(port.valid_i, offer.is_some().into());
        if let Some((data, last)) = offer {
            network.write(port.data_i, data);
            network.write(port.last_i, last.into());
            if network.read(port.ready_o) == 1 {
                self.flits.pop_front();
                moved = true;
            }
        }
        network.write(port.ready_i, 1);
        let arrives = network.read(port.valid_o) == 1;
        let (data, last) = (network.read(port.data_o), network.read(port.last_o) == 1);
        self.simulation.tick();
        if arrives {
            self.packet.push(data);
            if last {
                self.take_packet()?;
            }
        }
        Ok(moved || arrives)
    }

    /// Head, address, words, trailer.
    fn take_packet(&mut self) -> Result<(), DeviceError> {
        let packet = std::mem::take(&mut self.packet);
        let broken = || DeviceError::Failed(format!("the host got the packet {packet:#x?}"));
        let Some((head, flits)) = packet.split_first() else { return Err(broken()) };
        let items = self.mesh.items_of(flits);
        let [address, words @ .., trailer] = &items[..] else { return Err(broken()) };
        let core = (*trailer & 0x7fff_ffff) as usize;
        if *head != 1 << self.arrived.len() || core >= self.arrived.len() || words.is_empty() {
            return Err(broken());
        }
        for (n, data) in words.iter().enumerate() {
            let addr = HostAddress::decode(*address + n as u32).map_err(|_| broken())?;
            let last = n + 1 == words.len() && trailer >> 31 & 1 == 1;
            self.arrived[core].push_back(PushWord { addr, data: *data, last });
        }
        Ok(())
    }

    /// Sends `data` to consecutive words of the cores in the set `nodes`, from `at` on.
    fn send(
        &mut self,
        nodes: u64,
        config: &ArchConfig,
        at: HostAddress,
        data: &[u32],
    ) -> Result<(), DeviceError> {
        at.check_write(data.len(), config)?;
        let mut rest = data;
        for (address, words) in packets(config, at, data.len()) {
            let (present, after) = rest.split_at(words);
            let flits = self.mesh.flits_of(nodes, &[&[address.encode()?], present].concat());
            self.flits.extend(flits.into_iter().map(|flit| (flit, false)));
            if let Some((_, last)) = self.flits.back_mut() {
                *last = true;
            }
            rest = after;
        }
        Ok(())
    }

    /// Runs until all flits are sent and `core` has pushed `words` words.
    fn run(&mut self, core: usize, words: usize) -> Result<(), DeviceError> {
        let mut quiet = 0;
        while !self.flits.is_empty() || self.arrived[core].len() < words {
            quiet = if self.cycle()? { 0 } else { quiet + 1 };
            if quiet >= PATIENCE {
                return Err(DeviceError::Timeout {
                    wanted: words,
                    missing: words.saturating_sub(self.arrived[core].len()),
                    cycles: PATIENCE,
                    state: format!("core {core}, {} flits not sent", self.flits.len()),
                });
            }
        }
        Ok(())
    }
}

/// A Verilated mesh. Its clock runs only while a core is waited for.
#[derive(Clone)]
pub struct RtlMesh {
    library: MeshLibrary,
    state: Arc<Mutex<State>>,
}

impl RtlMesh {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Core `core` as a device of its own; several may be used in turn or from several threads.
    pub fn core(&self, core: usize) -> RtlCore {
        assert!(core < self.library.mesh.cores(), "there is no core {core}");
        RtlCore { mesh: self.clone(), core }
    }

    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.lock().simulation.network.cycles()
    }
}

impl Mesh for RtlMesh {
    fn core(&self, node: usize) -> Box<dyn Device> {
        Box::new(Self::core(self, node))
    }

    fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.lock().send(nodes, &self.library.config, at, data)
    }

    fn flits(&self, link: Link) -> Result<u64, DeviceError> {
        let mut state = self.lock();
        let network = &mut state.simulation.network;
        network.set("router_i", link.router as u64);
        network.set("index_i", link.port as u64);
        network.eval();
        Ok(network.get("count_o"))
    }
}

/// A core of a Verilated mesh.
pub struct RtlCore {
    mesh: RtlMesh,
    core: usize,
}

impl Device for RtlCore {
    fn config(&self) -> &ArchConfig {
        &self.mesh.library.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.mesh.lock().send(1 << self.core, &self.mesh.library.config, at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let mut state = self.mesh.lock();
        state.run(self.core, words)?;
        out.extend(state.arrived[self.core].drain(..words));
        Ok(())
    }
}
