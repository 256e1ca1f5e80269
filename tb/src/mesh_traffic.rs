//! Packets through the RTL of a mesh's network: how long they take.

use backspike_arch::{DeviceError, MeshConfig};
use backspike_hdl::mesh::network_design;

use crate::{Build, Library, LinkPorts, Optimize, RtlError};

/// Cycles without a moving flit after which the network counts as stuck.
const PATIENCE: u32 = 1 << 12;

/// A packet to the nodes of the set `nodes`, of `flits` flits with its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub nodes: u64,
    pub flits: usize,
}

/// The Verilated network of a mesh.
pub struct MeshTraffic {
    mesh: MeshConfig,
    library: Library,
}

impl MeshTraffic {
    /// The network of `mesh`.
    ///
    /// # Errors
    /// When the mesh is unusable, or Verilator fails.
    pub fn new(mesh: &MeshConfig) -> Result<Self, RtlError> {
        let design = network_design(mesh)?;
        let build = Build::new(design.top(), design.to_single_file()).optimize(Optimize::Full);
        Ok(Self { mesh: mesh.clone(), library: build.library()? })
    }

    /// Cycles until every packet has arrived everywhere, when node `n` offers `packets[n]`, in order and a flit a cycle, from the
    /// beginning, and every node takes a flit a cycle.
    ///
    /// # Errors
    /// When a packet is longer than a buffer, or nothing moves any more.
    pub fn drain(&self, packets: &[Vec<Packet>]) -> Result<u64, DeviceError> {
        let nodes = self.mesh.nodes();
        let longest = packets.iter().flatten().map(|packet| packet.flits).max().unwrap_or(0);
        if packets.len() != nodes || longest > self.mesh.buffer {
            return Err(DeviceError::Failed(format!(
                "{} nodes send packets of up to {longest} flits, but the mesh has {nodes} nodes and buffers of {}",
                packets.len(),
                self.mesh.buffer
            )));
        }
        let mut model = self.library.instance(1);
        let ports: Vec<LinkPorts> =
            (0..nodes).map(|node| LinkPorts::of_node(&model, node)).collect();
        let copies = |packet: &Packet| packet.flits * packet.nodes.count_ones() as usize;
        let mut left: usize = packets.iter().flatten().map(copies).sum();
        let mut next = vec![(0, 0); nodes];
        for port in &ports {
            model.write(port.valid_i, 0);
            model.write(port.ready_i, 1);
        }
        model.set("reset", 1);
        model.tick(2);
        model.set("reset", 0);
        let (mut cycles, mut quiet) = (0, 0);
        while left > 0 {
            // What the network shows depends on its registers alone.
            quiet += 1;
            for (node, (packet, flit)) in next.iter_mut().enumerate() {
                if model.read(ports[node].valid_o) == 1 {
                    left -= 1;
                    quiet = 0;
                }
                let present = packets[node].get(*packet);
                model.write(ports[node].valid_i, present.is_some().into());
                let Some(present) = present else { continue };
                model.write(ports[node].data_i, if *flit == 0 { present.nodes } else { 0 });
                model.write(ports[node].last_i, u64::from(*flit + 1 == present.flits));
                if model.read(ports[node].ready_o) == 1 {
                    quiet = 0;
                    *flit += 1;
                    if *flit == present.flits {
                        (*packet, *flit) = (*packet + 1, 0);
                    }
                }
            }
            if quiet > PATIENCE {
                return Err(DeviceError::Failed(format!(
                    "the network is stuck with {left} flits after {cycles} cycles"
                )));
            }
            model.tick(1);
            cycles += 1;
        }
        Ok(cycles)
    }
}
