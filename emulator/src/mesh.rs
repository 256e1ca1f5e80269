//! Several cores on a mesh behind one host, with the flits of every link.

use crate::clock::MeshClock;
use crate::emulator::Outgoing;
use crate::execute::pool;
use crate::timeline::Event;
use crate::{Emulator, EmulatorError};
use backspike_arch::mesh::{packets, place_in_packet};
use backspike_arch::{
    ArchConfig, Device, DeviceError, Engine, HostAddress, Link, Mesh, MeshConfig, PushWord, Region,
    Routes,
};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the cores share.
struct Shared {
    config: ArchConfig,
    routes: Routes,
    cores: Vec<Mutex<Emulator>>,
    /// Flits that left by each link, by [`Link::index`].
    flits: Mutex<Vec<u64>>,
    /// When things happen, where that is wanted.
    clock: Option<Mutex<MeshClock>>,
    /// Threads that the cores are shared among, if more than one.
    pool: Option<rayon::ThreadPool>,
}

/// The emulated mesh. Its cores may run on several threads; what they compute and send does not depend on it.
#[derive(Clone)]
pub struct EmulatedMesh {
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EmulatedMesh {
    /// Cores `config` with zeroed memories on all places of `mesh`, run by `threads` threads.
    ///
    /// # Errors
    /// When configuration or mesh is unusable, or the system gives no threads.
    pub fn new(
        config: &ArchConfig,
        mesh: &MeshConfig,
        threads: usize,
    ) -> Result<Self, EmulatorError> {
        mesh.validate_for_cores()?;
        let core = |_| {
            let mut core = Emulator::new(config, 1)?;
            core.join_mesh();
            Ok(Mutex::new(core))
        };
        let cores: Result<_, EmulatorError> = (0..mesh.cores()).map(core).collect();
        let shared = Shared {
            config: config.clone(),
            routes: Routes::new(mesh),
            cores: cores?,
            flits: Mutex::new(vec![0; mesh.links_in_all()]),
            clock: None,
            pool: pool(threads).map_err(EmulatorError::Threads)?,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Gives its cores a clock, which their counters of cycles and waits then show: every packet is followed, which takes longer than executing what they bring.
    ///
    /// # Panics
    /// When it is in use already.
    #[must_use]
    pub fn with_clock(mut self) -> Self {
        let shared = Arc::get_mut(&mut self.shared).expect("the mesh is not in use");
        shared.clock = Some(Mutex::new(MeshClock::new(&shared.config, &shared.routes)));
        shared.cores.iter_mut().for_each(|core| {
            core.get_mut().unwrap_or_else(PoisonError::into_inner).remember();
        });
        self
    }

    /// Core `core` as a device of its own.
    ///
    /// # Panics
    /// When there is none of that number.
    pub fn core(&self, core: usize) -> EmulatedCore {
        assert!(core < self.shared.cores.len(), "there is no core {core}");
        EmulatedCore { shared: self.shared.clone(), core }
    }

    /// Number of cores.
    pub(crate) fn cores(&self) -> usize {
        self.shared.cores.len()
    }

    /// Takes words from the host to the cores of the set `nodes`.
    pub(crate) fn write(
        &self,
        nodes: u64,
        at: HostAddress,
        data: &[u32],
    ) -> Result<(), DeviceError> {
        self.shared.write(nodes, at, data)
    }

    /// Runs every core as far as it gets; `false` when none had anything to do.
    pub(crate) fn advance(&self) -> Result<bool, DeviceError> {
        self.shared.advance()
    }

    /// Takes all words that a core has pushed to the host.
    pub(crate) fn take_pushed(&self, core: usize) -> Vec<PushWord> {
        let words: Vec<PushWord> = lock(&self.shared.cores[core]).take_pushed().collect();
        self.shared.count_to_host(core, &words);
        words
    }
}

impl Mesh for EmulatedMesh {
    fn core(&self, node: usize) -> Box<dyn Device> {
        Box::new(Self::core(self, node))
    }

    fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.shared.write(nodes, at, data)
    }

    /// Those of all that was written, and of what the host has received.
    fn flits(&self, link: Link) -> Result<u64, DeviceError> {
        Ok(lock(&self.shared.flits)[link.index()])
    }
}

/// What a core did: whether anything, what it sent, what it executed.
type Advanced = (bool, Vec<Outgoing>, Vec<(Engine, Event)>);

impl Shared {
    /// What the host writes.
    fn write(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        if at.region == Region::Queue
            && let Some((engine, _)) = at.queue_of()
        {
            // Room in a queue may need what other cores send.
            let full = |core: &Mutex<Emulator>| !lock(core).has_room(engine, data.len());
            while self.set(nodes).any(full) && self.advance()? {}
        }
        if let Some(clock) = &self.clock {
            lock(clock).write(nodes, at, data.len());
        }
        self.send(self.routes.mesh().host(), nodes, at, data)
    }

    /// The cores of the set `nodes`.
    fn set(&self, nodes: u64) -> impl Iterator<Item = &Mutex<Emulator>> {
        let cores = self.cores.iter().enumerate();
        cores.filter(move |(core, _)| nodes >> core & 1 == 1).map(|(_, core)| core)
    }

    /// Takes words from node `source` to the cores of the set `nodes`.
    fn send(
        &self,
        source: usize,
        nodes: u64,
        at: HostAddress,
        data: &[u32],
    ) -> Result<(), DeviceError> {
        for core in self.set(nodes) {
            lock(core).write(at, data)?;
        }
        let sent = packets(&self.config, at, data.len());
        let flits = sent.iter().map(|(_, words)| self.routes.mesh().flits_to_core(*words)).sum();
        self.count(source, nodes, flits);
        Ok(())
    }

    /// Runs every core as far as it gets with what it has, then takes what they sent to each other where it goes, core after core. `false`
    /// when no core had anything to do.
    fn advance(&self) -> Result<bool, DeviceError> {
        let run = |core: &Mutex<Emulator>| {
            let mut core = lock(core);
            Ok((core.advance()?, core.take_outgoing(), core.take_executed()))
        };
        let done: Result<Vec<Advanced>, DeviceError> = match &self.pool {
            None => self.cores.iter().map(run).collect(),
            Some(pool) => pool.install(|| self.cores.par_iter().map(run).collect()),
        };
        let mut progress = false;
        for (core, (advanced, outgoing, executed)) in done?.into_iter().enumerate() {
            progress |= advanced;
            if let Some(clock) = &self.clock {
                let mut clock = lock(clock);
                executed.into_iter().for_each(|(engine, event)| clock.execute(core, engine, event));
            }
            for Outgoing { nodes, at, words } in outgoing {
                if nodes >> self.cores.len() != 0 {
                    return Err(DeviceError::Failed(format!(
                        "core {core} sends to the nodes {nodes:#x}, but the mesh has {} cores",
                        self.cores.len()
                    )));
                }
                self.send(core, nodes, at, &words)?;
            }
        }
        Ok(progress)
    }

    /// Counts what the host has received of a core.
    fn count_to_host(&self, core: usize, words: &[PushWord]) {
        // A PUSH sends whole rows, so a word's sub says how many of its packet came before it.
        let mesh = self.routes.mesh();
        let flits = words.iter().map(|word| match place_in_packet(word.addr) {
            0 => mesh.flits_to_host(1),
            place => mesh.flits_to_host(place + 1) - mesh.flits_to_host(place),
        });
        let flits = flits.sum();
        self.count(core, 1 << mesh.host(), flits);
    }

    fn count(&self, source: usize, nodes: u64, sent: usize) {
        let mut flits = lock(&self.flits);
        self.routes.visit(source, nodes, &mut |link| flits[link.index()] += sent as u64);
    }
}

/// A core of an emulated mesh.
pub struct EmulatedCore {
    shared: Arc<Shared>,
    core: usize,
}

impl Device for EmulatedCore {
    fn config(&self) -> &ArchConfig {
        &self.shared.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.shared.write(1 << self.core, at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        let before = out.len();
        let core = &self.shared.cores[self.core];
        let waits = || self.shared.clock.is_some() || lock(core).waiting() < words;
        while waits() && self.shared.advance()? {}
        lock(core).receive(words, out)?;
        self.shared.count_to_host(self.core, &out[before..]);
        if let Some(clock) = &self.shared.clock {
            lock(clock).receive(self.core, &mut out[before..]);
        }
        Ok(())
    }
}
