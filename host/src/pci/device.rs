//! The cores behind a PCI function as devices: one that stands alone, or those of a mesh.

use super::transport::Transport;
use super::words::Words;
use backspike_arch::device::WordMemory;
use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Link, Mesh, MeshConfig, PushWord,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A core behind a PCI function.
pub struct PciDevice {
    words: Words,
}

impl PciDevice {
    /// The core of configuration `config` behind `transport`.
    ///
    /// # Errors
    /// When there is another one, or the function does not answer.
    pub fn open(transport: Box<dyn Transport>, config: &ArchConfig) -> Result<Self, DeviceError> {
        Ok(Self { words: Words::open(transport, config, None)? })
    }
}

impl Device for PciDevice {
    fn config(&self) -> &ArchConfig {
        self.words.config()
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.words.write(1, at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        self.words.receive(0, words, out)
    }

    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.words.memory()
    }
}

/// Cores on a mesh behind a PCI function.
#[derive(Clone)]
pub struct PciMesh {
    config: ArchConfig,
    cores: usize,
    words: Arc<Mutex<Words>>,
}

impl PciMesh {
    /// The mesh of cores of configuration `config` behind `transport`.
    ///
    /// # Errors
    /// When there is another one, or the function does not answer.
    pub fn open(
        transport: Box<dyn Transport>,
        config: &ArchConfig,
        mesh: &MeshConfig,
    ) -> Result<Self, DeviceError> {
        let words = Words::open(transport, config, Some(mesh))?;
        let words = Arc::new(Mutex::new(words));
        Ok(Self { config: config.clone(), cores: mesh.cores(), words })
    }

    fn lock(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mesh for PciMesh {
    fn core(&self, node: usize) -> Box<dyn Device> {
        assert!(node < self.cores, "there is no core {node}");
        Box::new(PciCore { mesh: self.clone(), node })
    }

    fn multicast(&self, nodes: u64, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.lock().write(nodes, at, data)
    }

    fn flits(&self, link: Link) -> Result<u64, DeviceError> {
        self.lock().flits(link)
    }

    fn memory(&self) -> Option<Box<dyn WordMemory>> {
        self.lock().memory()
    }
}

/// A core of a mesh behind a PCI function.
struct PciCore {
    mesh: PciMesh,
    node: usize,
}

impl Device for PciCore {
    fn config(&self) -> &ArchConfig {
        &self.mesh.config
    }

    fn write(&mut self, at: HostAddress, data: &[u32]) -> Result<(), DeviceError> {
        self.mesh.lock().write(1 << self.node, at, data)
    }

    fn receive(&mut self, words: usize, out: &mut Vec<PushWord>) -> Result<(), DeviceError> {
        self.mesh.lock().receive(self.node, words, out)
    }
}
