//! A Verilated mesh: every core of it is a [`Device`], all behind one host node.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Link, MeshConfig, PackedWord as _, PushWord,
    mesh::packets,
};
use backspike_hdl::mesh::mesh_design;

use crate::{Build, Library, Model, Optimize, Port, RtlError};

/// Cycles in which no flit passes the host's port after which the mesh counts as hung.
const PATIENCE: u64 = 1 << 20;

/// The build of a mesh; every seed is an instance of the same library.
#[derive(Clone)]
pub struct MeshLibrary {
    config: ArchConfig,
    mesh: MeshConfig,
    library: Library,
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
        let design = mesh_design(config, mesh)?;
        let build = Build::new(design.top(), design.to_single_file()).optimize(optimize);
        let library = build.library()?;
        Ok(Self { config: config.clone(), mesh: mesh.clone(), library })
    }

    /// The mesh after reset. `seed` draws the bits of registers and memories at power-on.
    pub fn mesh(&self, seed: u64) -> RtlMesh {
        let mut model = self.library.instance(seed);
        let ports = Ports::new(&model);
        model.write(ports.reset, 1);
        for port in [ports.from_valid, ports.to_ready] {
            model.write(port, 0);
        }
        model.tick(4);
        model.write(ports.reset, 0);
        let cores = self.mesh.cores();
        let state = State {
            model,
            ports,
            host: self.mesh.host(),
            flits: VecDeque::new(),
            packet: Vec::new(),
            arrived: vec![VecDeque::new(); cores],
        };
        RtlMesh { library: self.clone(), state: Arc::new(Mutex::new(state)) }
    }
}

/// The host's side of the port.
struct Ports {
    reset: Port,
    from_valid: Port,
    from_ready: Port,
    from_data: Port,
    from_last: Port,
    to_valid: Port,
    to_ready: Port,
    to_data: Port,
    to_last: Port,
}

impl Ports {
    fn new(model: &Model) -> Self {
        Self {
            reset: model.port("reset"),
            from_valid: model.port("from_valid_i"),
            from_ready: model.port("from_ready_o"),
            from_data: model.port("from_data_i"),
            from_last: model.port("from_last_i"),
            to_valid: model.port("to_valid_o"),
            to_ready: model.port("to_ready_i"),
            to_data: model.port("to_data_o"),
            to_last: model.port("to_last_o"),
        }
    }
}

struct State {
    model: Model,
    ports: Ports,
    host: usize,
    /// Flits to send, each with whether it is its packet's last.
    flits: VecDeque<(u64, bool)>,
    /// Flits of the packet that arrives.
    packet: Vec<u64>,
    arrived: Vec<VecDeque<PushWord>>,
}

impl State {
    /// One cycle; whether a flit passed the host's port. What the mesh shows depends on its registers alone.
    fn cycle(&mut self) -> Result<bool, DeviceError> {
        let Self { model, ports, .. } = self;
        let mut moved = false;
        let offer = self.flits.front().copied();
        model.write(ports.from_valid, offer.is_some().into());
        if let Some((data, last)) = offer {
            model.write(ports.from_data, data);
            model.write(ports.from_last, last.into());
            if model.read(ports.from_ready) == 1 {
                self.flits.pop_front();
                moved = true;
            }
        }
        model.write(ports.to_ready, 1);
        let arrives = model.read(ports.to_valid) == 1;
        let (data, last) = (model.read(ports.to_data), model.read(ports.to_last) == 1);
        model.tick(1);
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
        let [head, address, words @ .., trailer] = &packet[..] else { return Err(broken()) };
        let core = (*trailer & 0x7fff_ffff) as usize;
        if *head != 1 << self.host || core >= self.arrived.len() || words.is_empty() {
            return Err(broken());
        }
        for (n, data) in words.iter().enumerate() {
            let addr = HostAddress::decode(*address as u32 + n as u32).map_err(|_| broken())?;
            let last = n + 1 == words.len() && trailer >> 31 & 1 == 1;
            self.arrived[core].push_back(PushWord { addr, data: *data as u32, last });
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
            self.flits.extend([(nodes, false), (address.encode()?.into(), false)]);
            self.flits.extend(present.iter().map(|word| (u64::from(*word), false)));
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

    /// Writes the same words to all cores of the set `nodes`, once over every link.
    ///
    /// # Errors
    /// When the words cannot be written there.
    pub fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.lock().send(nodes, &self.library.config, at, data)
    }

    /// Clock cycles since power-on.
    pub fn cycles(&self) -> u64 {
        self.lock().model.cycles()
    }

    /// Flits that have left a router by a port since reset.
    pub fn flits(&self, link: Link) -> u64 {
        let mut state = self.lock();
        state.model.set("router_i", link.router as u64);
        state.model.set("index_i", link.port as u64);
        state.model.eval();
        state.model.get("count_o")
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
