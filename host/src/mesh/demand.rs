//! What the cores of a partition send each other, a sample: the packets of `docs/architecture/mesh.md`.
//!
//! | from | to | a packet | how many |
//! |---|---|---|---|
//! | host | cores with a part of layer 0 | a plane word of the input | one a tile-block |
//! | core | all others with a part of the next layer | spikes and surrogate codes of a tile-block, three plane words | one a tile-block |
//! | core | each other core with tiles of the layer below | the sums of neurons in the surrogate window, two words a neuron and step | one a tile-block |
//! | core | host | membranes, or spikes, of the output | one a tile and step, or a tile-block |
//! | host | cores with outputs | their errors | one a tile and step |

use super::{LayerWork, Partition};
use crate::network::{Loss, Network, Readout};
use backspike_arch::mesh::{PACKET_WORDS, flits_to_core};
use backspike_arch::{ArchConfig, MeshConfig, TIME_BLOCK};
use backspike_tb::Packet;
use serde::Serialize;

/// An end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum End {
    /// A logical core.
    Core(usize),
    Host,
}

impl End {
    /// Its node, when logical core `c` sits on `nodes[c]`.
    pub fn node(self, mesh: &MeshConfig, nodes: &[usize]) -> usize {
        match self {
            Self::Core(core) => nodes[core],
            Self::Host => mesh.host(),
        }
    }
}

/// What a flow carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum FlowKind {
    /// Spikes and surrogate codes to the next layer.
    Spikes,
    /// Partial errors to the owners of the neurons.
    Errors,
    /// To and from the host.
    Host,
}

/// Flits a sample from one end to several.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flow {
    pub kind: FlowKind,
    pub from: End,
    pub to: Vec<End>,
    pub flits: f64,
}

impl Flow {
    /// The set of nodes it goes to, when logical core `c` sits on `nodes[c]`.
    pub fn destinations(&self, mesh: &MeshConfig, nodes: &[usize]) -> u64 {
        self.to.iter().fold(0, |set, end| set | 1 << end.node(mesh, nodes))
    }
}

/// Bits of a data flit that carries words of 32 bits.
const WORD: usize = 32;
/// Words of a partial error: 50 bits.
const SUM_WORDS: f64 = 2.0;
/// Planes of a trace word: spikes, two bits of surrogate code.
const TRACE_PLANES: usize = 3;

/// All flows of `partition`.
pub fn demand(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    partition: &Partition,
) -> Vec<Flow> {
    let steps = network.steps as usize;
    let blocks = ArchConfig::blocks(steps);
    let plane = config.plane_bits().div_ceil(WORD);
    let last = work.len() - 1;
    let mut flows = Vec::new();
    let holders = |layer: usize, except: Option<usize>| -> Vec<End> {
        let cores = partition.holders(layer).map(|(core, _)| core);
        cores.filter(|core| Some(*core) != except).map(End::Core).collect()
    };
    let mut push = |kind, from, to: Vec<End>, flits: f64| {
        if !to.is_empty() && flits > 0.0 {
            flows.push(Flow { kind, from, to, flits });
        }
    };
    let input = config.tiles(network.input_len()) * blocks * flits_to_core(plane);
    push(FlowKind::Host, End::Host, holders(0, None), input as f64);
    for layer in 0..work.len() {
        for (core, share) in partition.holders(layer) {
            let tile_blocks = (share.tiles * blocks) as f64;
            if layer < last {
                let packet = flits_to_core(TRACE_PLANES * plane) as f64;
                push(
                    FlowKind::Spikes,
                    End::Core(core),
                    holders(layer + 1, Some(core)),
                    tile_blocks * packet,
                );
                // What each core above sends to the owner of these tiles.
                let part = share.tiles as f64 / work[layer].tiles as f64;
                let sums = SUM_WORDS * work[layer + 1].contributions * part;
                for above in holders(layer + 1, Some(core)) {
                    let flits = tile_blocks * flits_to_core(0) as f64 + sums;
                    push(FlowKind::Errors, above, vec![End::Core(core)], flits);
                }
            } else {
                let output = match network.training.loss {
                    Loss::CrossEntropy(Readout::Mean) => {
                        share.tiles * steps * flits_to_core(config.lanes)
                    }
                    Loss::CrossEntropy(Readout::Last) => {
                        share.tiles * steps.min(TIME_BLOCK) * flits_to_core(config.lanes)
                    }
                    Loss::MseRate => share.tiles * blocks * flits_to_core(plane),
                };
                push(FlowKind::Host, End::Core(core), vec![End::Host], output as f64);
                let errors = share.tiles * steps * flits_to_core(config.lanes / 2);
                push(FlowKind::Host, End::Host, vec![End::Core(core)], errors as f64);
            }
        }
    }
    flows
}

/// Flits a sample that the busiest node sends, or takes if those are more: its link to its router carries a flit a cycle, wherever it sits.
pub fn busiest_end(flows: &[Flow]) -> f64 {
    let sum = |belongs: &dyn Fn(&Flow) -> bool| -> f64 {
        flows.iter().filter(|flow| belongs(flow)).map(|flow| flow.flits).sum()
    };
    let ends = flows.iter().flat_map(|flow| flow.to.iter().chain([&flow.from]));
    ends.map(|end| sum(&|flow| flow.from == *end).max(sum(&|flow| flow.to.contains(end))))
        .fold(0.0, f64::max)
}

/// The packets of `flows`, by source node, when logical core `c` sits on `nodes[c]`: full ones of 8 words, and what is left. The flows of a
/// source take turns.
pub fn packets(flows: &[Flow], mesh: &MeshConfig, nodes: &[usize]) -> Vec<Vec<Packet>> {
    let full = flits_to_core(PACKET_WORDS as usize);
    let mut left: Vec<usize> = flows.iter().map(|flow| flow.flits.ceil() as usize).collect();
    let mut packets = vec![Vec::new(); mesh.nodes()];
    while left.iter().any(|left| *left > 0) {
        for (flow, left) in flows.iter().zip(&mut left).filter(|(_, left)| **left > 0) {
            let flits = full.min(*left);
            let packet = Packet { nodes: flow.destinations(mesh, nodes), flits };
            packets[flow.from.node(mesh, nodes)].push(packet);
            *left -= flits;
        }
    }
    packets
}
