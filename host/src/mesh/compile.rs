//! The program of each core: its descriptors, and what it sends to whom.

use super::memory::{self, Holding, Layout, Whole};
use super::program::{CoreProgram, MeshSlice, Sending};
use crate::compiler::descriptors::{
    Above, Place, backprop, fixed_pushes, forward, gradient, neuron_back, output_push,
};
use crate::compiler::{Descriptors, IO_OUTPUT};
use crate::network::Network;
use crate::port::token;
use backspike_arch::{ArchConfig, IoDescriptor, MAX_TOKENS, Region, TIME_BLOCK};

/// Where the two tokens of a slice are.
const FORWARD: usize = 0;
const BACK: usize = 1;

/// Everything a core's program is made of.
pub(super) struct Compiler<'a> {
    pub network: &'a Network,
    pub config: &'a ArchConfig,
    pub nodes: &'a [usize],
    pub blocks: usize,
    pub layout: Layout,
    pub gradient_shift: u8,
    /// Of each core's slices, the tokens behind its spikes, and behind its errors and weights.
    pub tokens: Vec<Vec<[u8; 2]>>,
}

/// Of each core's slices a token for what it sends forward and one for what it sends back, which none of its readers gets from another: so a
/// receiver counts each sender's tokens alone, and takes those of a slice in the order of its program however far one core runs ahead of another.
/// [`MAX_TOKENS`] where none is left.
pub(super) fn tokens(layout: &Layout) -> Vec<Vec<[u8; 2]>> {
    const _: () = assert!(MAX_TOKENS == u128::BITS as usize, "a bit for each token");
    // Those that each core gets; the first are its own and the host's.
    let own = (1_u128 << token::OTHERS) - 1;
    let mut taken = vec![own; layout.cores.len()];
    let mut pick = |readers: &[usize]| {
        let busy = readers.iter().fold(own, |busy, core| busy | taken[*core]);
        let free = busy.trailing_ones();
        readers.iter().for_each(|core| taken[*core] |= 1_u128.checked_shl(free).unwrap_or(0));
        free as u8
    };
    let mut of = |core: usize, holding: &Holding| {
        let spikes = pick(&layout.spike_readers(core, holding));
        let mut readers = layout.error_readers(core, holding);
        readers.extend(layout.weight_readers(holding.share.layer).iter().map(|of| of.0));
        [spikes, pick(&readers)]
    };
    let cores = layout.cores.iter().enumerate();
    cores.map(|(core, slices)| slices.iter().map(|holding| of(core, holding)).collect()).collect()
}

impl Compiler<'_> {
    fn set(&self, cores: &[usize]) -> u64 {
        cores.iter().fold(0, |nodes, core| nodes | 1 << self.nodes[*core])
    }

    /// Tokens, of what is sent in a direction, that `core` gets from each core for whose slice of `layer` it is one of `readers`.
    fn senders(
        &self,
        core: usize,
        layer: usize,
        direction: usize,
        readers: impl Fn(usize, &Holding) -> Vec<usize>,
    ) -> Vec<u8> {
        let slices = self.layout.cores.iter().zip(&self.tokens).enumerate();
        let slices = slices.flat_map(|(from, (holdings, tokens))| {
            holdings.iter().zip(tokens).map(move |(holding, tokens)| (from, holding, tokens))
        });
        let senders = slices.filter(|(from, holding, _)| {
            holding.share.layer == layer && readers(*from, holding).contains(&core)
        });
        senders.map(|(.., tokens)| tokens[direction]).collect()
    }

    /// The program of a core.
    pub fn core(&self, core: usize) -> CoreProgram {
        let mut descriptors = Descriptors { io: fixed_pushes(), ..Descriptors::default() };
        let last = self.network.layers.len() - 1;
        let mut slices = Vec::new();
        let mut has_output = false;
        for (holding, tokens) in self.layout.cores[core].iter().zip(&self.tokens[core]) {
            let layer = holding.share.layer;
            let place = self.place(holding);
            descriptors.fp.push(forward(self.network, self.config, &place));
            descriptors.wg.push(gradient(self.network, self.config, &place, self.gradient_shift));
            descriptors.bp.push(match holding.back_base {
                Some(weight_base) => {
                    let Whole { plane_base, error_base } = self.layout.wholes[layer + 2];
                    let neurons = self.network.layers[layer + 1].neurons;
                    let above = Above { neurons, weight_base, plane_base, error_base };
                    backprop(self.network, self.config, &place, &above)
                }
                None => neuron_back(self.network, self.config, &place),
            });
            if layer == last {
                has_output = true;
                let tiles = holding.share.tiles;
                descriptors.io[usize::from(IO_OUTPUT)] =
                    output_push(self.network, tiles, holding.plane_base, self.blocks);
            }
            let weights_from = if holding.copied {
                let reads = |_, _: &Holding| vec![core];
                self.senders(core, layer + 1, BACK, reads)
            } else {
                Vec::new()
            };
            slices.push(MeshSlice {
                holding: holding.clone(),
                fan_in: self.network.fan_in(layer),
                spikes_from: match layer.checked_sub(1) {
                    Some(below) => self.senders(core, below, FORWARD, |from, holding| {
                        self.layout.spike_readers(from, holding)
                    }),
                    None => vec![token::INPUT],
                },
                errors_from: if layer == last {
                    vec![token::GRADIENT]
                } else {
                    self.senders(core, layer + 1, BACK, |from, holding| {
                        self.layout.error_readers(from, holding)
                    })
                },
                weights_from,
                spikes: self.send_spikes(core, holding, tokens[FORWARD], &mut descriptors.io),
                errors: self.send_errors(core, holding, tokens[BACK], &mut descriptors.io),
                weights: self.send_weights(holding, tokens[BACK], &mut descriptors.io),
            });
        }
        CoreProgram { slices, descriptors, has_output }
    }

    fn place(&self, holding: &Holding) -> Place {
        let layer = holding.share.layer;
        Place {
            layer,
            fan_in: self.network.fan_in(layer),
            neurons: holding.outputs.len(),
            first_neuron: holding.outputs.start,
            weight_base: holding.weight_base,
            in_tiles: memory::tiles(self.network, self.config, layer),
            in_plane_base: self.layout.wholes[layer].plane_base,
            plane_base: holding.plane_base,
            error_base: holding.error_base,
        }
    }

    /// For each time block where it begins in the slice's own layout and in that of the whole population, in tile-blocks.
    fn blocks(&self, holding: &Holding) -> impl Iterator<Item = (usize, usize)> {
        let tiles = self.config.tiles(self.network.layers[holding.share.layer].neurons);
        let share = holding.share;
        (0..self.blocks).map(move |block| (block * share.tiles, block * tiles + share.first_tile))
    }

    fn send_spikes(
        &self,
        core: usize,
        holding: &Holding,
        token: u8,
        io: &mut Vec<IoDescriptor>,
    ) -> Sending {
        let nodes = self.set(&self.layout.spike_readers(core, holding));
        let to = self.layout.wholes[holding.share.layer + 1].plane_base;
        let pushes = self.blocks(holding).map(|(own, whole)| {
            let base = (holding.plane_base + own) as u32;
            let tiles = holding.share.tiles as u32;
            IoDescriptor::to_nodes(Region::Spike, base, tiles, (to + whole) as u32, nodes)
        });
        sending(io, pushes, token, nodes)
    }

    fn send_errors(
        &self,
        core: usize,
        holding: &Holding,
        token: u8,
        io: &mut Vec<IoDescriptor>,
    ) -> Sending {
        let nodes = self.set(&self.layout.error_readers(core, holding));
        let to = self.layout.wholes[holding.share.layer + 1];
        let tiles = holding.share.tiles;
        let pushes = self.blocks(holding).flat_map(|(own, whole)| {
            let push = |region, base: usize, rows: usize, to: usize| {
                IoDescriptor::to_nodes(region, base as u32, rows as u32, to as u32, nodes)
            };
            let error = |base: usize| base * TIME_BLOCK;
            [
                push(
                    Region::Error,
                    error(holding.error_base + own),
                    error(tiles),
                    error(to.error_base + whole),
                ),
                push(Region::Nonzero, holding.plane_base + own, tiles, to.plane_base + whole),
            ]
        });
        sending(io, pushes, token, nodes)
    }

    /// To each core with a copy the rows from its neurons, tile by tile.
    fn send_weights(&self, holding: &Holding, token: u8, io: &mut Vec<IoDescriptor>) -> Sending {
        let layer = holding.share.layer;
        let fan_in = self.network.fan_in(layer);
        let readers = self.layout.weight_readers(layer);
        let nodes = readers.iter().fold(0, |nodes, (core, _)| nodes | 1 << self.nodes[*core]);
        let pushes = readers.into_iter().flat_map(|(core, below)| {
            let inputs = below.outputs.clone();
            let back_base = below.back_base.unwrap_or(0);
            (0..holding.share.tiles).map(move |tile| {
                let from = holding.weight_base + tile * fan_in + inputs.start;
                let to = back_base + (holding.share.first_tile + tile) * inputs.len();
                let rows = inputs.len() as u32;
                let node = 1 << self.nodes[core];
                IoDescriptor::to_nodes(Region::Weight, from as u32, rows, to as u32, node)
            })
        });
        sending(io, pushes, token, nodes)
    }
}

/// Adds `pushes`, and the post of `token`, to the IO table, if there are nodes to send to.
fn sending(
    io: &mut Vec<IoDescriptor>,
    pushes: impl Iterator<Item = IoDescriptor>,
    token: u8,
    nodes: u64,
) -> Sending {
    if nodes == 0 {
        return Sending::default();
    }
    let first = io.len();
    io.extend(pushes);
    let post = io.len();
    io.push(IoDescriptor::post(token, nodes));
    Sending { pushes: (first..post).map(|slice| slice as u8).collect(), post: Some(post as u8) }
}
