//! What the cores of a partition send each other, a sample: the packets of `docs/architecture/mesh.md`.
//!
//! | from | to | a packet | how many |
//! |---|---|---|---|
//! | host | cores with a part of layer 0 | a row of input spikes | one a tile-block |
//! | core | all others with a part of the next layer | a row of spikes | one a tile-block |
//! | core | all others with a part of the layer below | a row of errors; a non-zero word | one a tile and step of its blocks; one a tile-block |
//! | core | each core with a copy of weights | a row of weights | one a row and batch |
//! | core | host | membranes, or spikes, of the output | one a tile and step of its blocks, or a tile-block |
//! | host | cores with outputs | their errors | one a tile and step of its blocks |
//!
//! Instructions and tokens are not counted.

use super::memory::Layout;
use super::{Partition, Share};
use crate::compiler::descriptors::output_push;
use crate::network::Network;
use backspike_arch::mesh::{PACKET_WORDS, packets as packets_of};
use backspike_arch::{ArchConfig, HostAddress, MeshConfig, Region, TIME_BLOCK};
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
    /// Spikes to the next layer.
    Spikes,
    /// Errors to the layer below.
    Errors,
    /// New weights to the layer below.
    Weights,
    /// To and from the host.
    Host,
}

impl FlowKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Spikes, Self::Errors, Self::Weights, Self::Host];
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

/// All flows of `partition` on `mesh`.
pub fn demand(
    network: &Network,
    config: &ArchConfig,
    mesh: &MeshConfig,
    partition: &Partition,
) -> Vec<Flow> {
    let shares: Vec<&[Share]> = partition.cores.iter().map(|core| &core.shares[..]).collect();
    let layout = Layout::new(network, config, &shares);
    let blocks = ArchConfig::blocks(network.steps as usize);
    let last = network.layers.len() - 1;
    // Flits of rows of a region, each in packets of its own.
    let rows = |region: Region, rows: usize, of_words: fn(&MeshConfig, usize) -> usize| -> f64 {
        let row = packets_of(config, HostAddress::new(region, 0, 0), region.subs(config));
        (rows * row.iter().map(|(_, words)| of_words(mesh, *words)).sum::<usize>()) as f64
    };
    let mut flows = Vec::new();
    let mut push = |kind, from, to: Vec<End>, flits: f64| {
        if !to.is_empty() && flits > 0.0 {
            flows.push(Flow { kind, from, to, flits });
        }
    };
    let ends = |cores: Vec<usize>| cores.into_iter().map(End::Core).collect();
    let input = config.tiles(network.input_len()) * blocks;
    let flits = rows(Region::Spike, input, MeshConfig::flits_to_core);
    let first = layout.holders(0).map(|(core, _)| End::Core(core)).collect();
    push(FlowKind::Host, End::Host, first, flits);
    for (core, holding) in
        layout.cores.iter().enumerate().flat_map(|(c, of)| of.iter().map(move |h| (c, h)))
    {
        let (layer, tiles) = (holding.share.layer, holding.share.tiles);
        let (from, errors) = (End::Core(core), tiles * blocks * TIME_BLOCK);
        let tile_blocks = tiles * blocks;
        if layer < last {
            let to = ends(layout.spike_readers(core, holding));
            let flits = rows(Region::Spike, tile_blocks, MeshConfig::flits_to_core);
            push(FlowKind::Spikes, from, to, flits);
        } else {
            let output = output_push(network, tiles, 0, blocks);
            let flits = rows(output.region, output.rows as usize, MeshConfig::flits_to_host);
            push(FlowKind::Host, from, vec![End::Host], flits);
            let flits = rows(Region::Error, errors, MeshConfig::flits_to_core);
            push(FlowKind::Host, End::Host, vec![from], flits);
        }
        let flits = rows(Region::Error, errors, MeshConfig::flits_to_core)
            + rows(Region::Nonzero, tile_blocks, MeshConfig::flits_to_core);
        push(FlowKind::Errors, from, ends(layout.error_readers(core, holding)), flits);
        for (to, below) in layout.weight_readers(layer) {
            let flits =
                rows(Region::Weight, tiles * below.outputs.len(), MeshConfig::flits_to_core);
            let flits = flits / network.training.batch as f64;
            push(FlowKind::Weights, from, vec![End::Core(to)], flits);
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
    let full = mesh.flits_to_core(PACKET_WORDS as usize);
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
