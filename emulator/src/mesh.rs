//! Several cores on a mesh behind one host, with the flits of every link.

use crate::{Emulator, EmulatorError};
use backspike_arch::mesh::{begins_packet, flits_to_core, flits_to_host, packets};
use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Link, MeshConfig, PushWord, Routes,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the cores share.
struct Shared {
    config: ArchConfig,
    routes: Routes,
    cores: Vec<Mutex<Emulator>>,
    /// Flits that left by each link, by [`Link::index`].
    flits: Mutex<Vec<u64>>,
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
    /// Cores `config` with zeroed memories on all places of `mesh`, each on one thread of whoever uses it.
    ///
    /// # Errors
    /// When configuration or mesh is unusable.
    pub fn new(config: &ArchConfig, mesh: &MeshConfig) -> Result<Self, EmulatorError> {
        mesh.validate_for_cores()?;
        let cores: Result<_, _> =
            (0..mesh.cores()).map(|_| Emulator::new(config, 1).map(Mutex::new)).collect();
        let shared = Shared {
            config: config.clone(),
            routes: Routes::new(mesh),
            cores: cores?,
            flits: Mutex::new(vec![0; mesh.links_in_all()]),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Core `core` as a device of its own.
    ///
    /// # Panics
    /// When there is none of that number.
    pub fn core(&self, core: usize) -> EmulatedCore {
        assert!(core < self.shared.cores.len(), "there is no core {core}");
        EmulatedCore { shared: self.shared.clone(), core }
    }

    /// Writes the same words to all cores of the set `nodes`, once over every link.
    ///
    /// # Errors
    /// When the words cannot be written there.
    pub fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.shared.write(nodes, at, data)
    }

    /// Flits that left a router by a port: those of all that was written, and of what the host has received.
    pub fn flits(&self, link: Link) -> u64 {
        lock(&self.shared.flits)[link.index()]
    }
}

impl Shared {
    fn write(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        for (core, emulator) in self.cores.iter().enumerate() {
            if nodes >> core & 1 == 1 {
                lock(emulator).write(at, data)?;
            }
        }
        let sent = packets(&self.config, at, data.len());
        let flits = sent.iter().map(|(_, words)| flits_to_core(*words)).sum();
        self.count(self.routes.mesh().host(), nodes, flits);
        Ok(())
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
        lock(&self.shared.cores[self.core]).receive(words, out)?;
        // A PUSH sends whole rows, so every packet begins with the first word of a row or of a group in it.
        let received = &out[before..];
        let begun = received.iter().filter(|word| begins_packet(word.addr)).count();
        let flits = received.len() + begun * flits_to_host(0);
        self.shared.count(self.core, 1 << self.shared.routes.mesh().host(), flits);
        Ok(())
    }
}
