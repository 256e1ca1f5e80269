//! What the function carries: a core that stands alone, or cores on a mesh.

use crate::{EmulatedMesh, Emulator, EmulatorError};
use backspike_arch::layout::{MeshLinkWord, PackedWord, PushTrailer};
use backspike_arch::mesh::place_in_packet;
use backspike_arch::{
    ArchConfig, Device, DeviceError, HostAddress, Link, Mesh, MeshConfig, MeshPort, PushWord,
};

/// A core, or cores on a mesh.
pub enum Carried {
    Alone(Box<Emulator>),
    Mesh(EmulatedMesh),
}

/// What is told of each beat for the host: the beat, whether it is a word, whether a PUSH ends with it.
type Tell<'a> = &'a mut dyn FnMut(u64, bool, bool);

impl Carried {
    /// Cores of `config` that run on `threads` threads.
    pub fn new(
        config: &ArchConfig,
        mesh: Option<&MeshConfig>,
        threads: usize,
    ) -> Result<Self, EmulatorError> {
        Ok(match mesh {
            None => Self::Alone(Box::new(Emulator::new(config, threads)?)),
            Some(mesh) => Self::Mesh(EmulatedMesh::new(config, mesh, threads)?),
        })
    }

    /// Words from the host, to the cores of the set `nodes` on a mesh.
    pub fn write(&mut self, nodes: u64, at: HostAddress, words: &[u32]) -> Result<(), DeviceError> {
        match self {
            Self::Alone(core) => core.write(at, words),
            Self::Mesh(mesh) => mesh.write(nodes, at, words),
        }
    }

    /// Runs as far as it gets; `false` when there was nothing to do.
    pub fn advance(&mut self) -> Result<bool, DeviceError> {
        match self {
            Self::Alone(core) => core.advance(),
            Self::Mesh(mesh) => mesh.advance(),
        }
    }

    /// Tells the beats of all that was pushed.
    pub fn take_pushed(&mut self, tell: Tell) -> Result<(), DeviceError> {
        match self {
            Self::Alone(core) => beats(0, core.take_pushed(), |_| false, tell),
            Self::Mesh(mesh) => (0..mesh.cores()).try_for_each(|core| {
                beats(
                    core as u8,
                    mesh.take_pushed(core).into_iter(),
                    |at| place_in_packet(at) == 0,
                    tell,
                )
            }),
        }
    }

    /// The counter of a router that `mesh_link` selects: flits alone are counted here.
    pub fn count(&self, selected: MeshLinkWord) -> Result<u32, DeviceError> {
        let Self::Mesh(mesh) = self else { return Ok(0) };
        let (router, counter) = (usize::from(selected.router), usize::from(selected.counter));
        match MeshPort::ALL.get(counter) {
            Some(&port) if router < mesh.cores() => Ok(mesh.flits(Link { router, port })? as u32),
            _ => Ok(0),
        }
    }
}

/// Words of a core as beats, with a trailer before a word that `begins` a packet and after the last of a PUSH.
fn beats(
    core: u8,
    words: impl Iterator<Item = PushWord>,
    begins: fn(HostAddress) -> bool,
    tell: Tell,
) -> Result<(), DeviceError> {
    let trailer =
        |ended| Ok::<_, DeviceError>(PushTrailer { core, ended, trailer: true }.encode()?);
    let mut open = false;
    for PushWord { addr, data, last } in words {
        if open && begins(addr) {
            tell(trailer(false)?.into(), false, false);
        }
        tell(u64::from(addr.encode()?) | u64::from(data) << 32, true, false);
        open = !last;
        if last {
            tell(trailer(true)?.into(), false, true);
        }
    }
    Ok(())
}
