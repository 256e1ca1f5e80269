//! Where the data of the cores of a mesh lie.
//!
//! A core keeps, of each population that it reads whole, all tiles: the input of each layer it has a part of (spikes), and the errors
//! of the layer above each of its slices. These **wholes** lie at the same place on every core that has them, so that one packet can go to all.
//! What its own slices make lies in them where the layouts agree: when a sample is one time block, or the slice is the layer. Otherwise it has
//! room of its own, and the core sends itself what it reads whole.
//!
//! BACKPROP reads the weights from the slice's neurons to the whole layer above. The core keeps a copy of these rows, which their
//! owners send after every update, unless both layers are its own.

use super::Share;
use crate::compiler::Held;
use crate::network::Network;
use backspike_arch::{ArchConfig, Region, TIME_BLOCK};
use std::ops::Range;

/// First plane word and error tile-block of a whole population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub plane_base: usize,
    pub error_base: usize,
}

/// A slice on its core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub share: Share,
    /// Its neurons in the layer.
    pub outputs: Range<usize>,
    /// First row of its weights.
    pub weight_base: usize,
    /// First row of the weights from its neurons to the layer above, if there is one.
    pub back_base: Option<usize>,
    /// Those rows are a copy.
    pub copied: bool,
    /// First plane word of its own output.
    pub plane_base: usize,
    /// First error tile-block of its own output.
    pub error_base: usize,
    /// Its spikes, and its errors, lie in the whole that the core itself reads.
    pub spikes_in_place: bool,
    pub errors_in_place: bool,
}

/// The slices of one core, and what they need.
struct Needs<'a> {
    network: &'a Network,
    config: &'a ArchConfig,
    shares: &'a [Share],
    blocks: usize,
}

/// Populations are numbered from 0, the input; population `p` is the input of layer `p` and the output of layer `p - 1`.
impl Needs<'_> {
    fn new<'a>(network: &'a Network, config: &'a ArchConfig, shares: &'a [Share]) -> Needs<'a> {
        Needs { network, config, shares, blocks: ArchConfig::blocks(network.steps as usize) }
    }

    fn share(&self, layer: usize) -> Option<&Share> {
        self.shares.iter().find(|share| share.layer == layer)
    }

    fn whole_layer(&self, layer: usize) -> bool {
        let tiles = self.config.tiles(self.network.layers[layer].neurons);
        self.share(layer).is_some_and(|share| share.tiles == tiles)
    }

    fn reads_spikes(&self, population: usize) -> bool {
        self.share(population).is_some()
    }

    fn reads_errors(&self, population: usize) -> bool {
        population >= 2 && self.share(population - 2).is_some()
    }

    /// Plane words, and error tile-blocks, of a whole population as far as the core reads it whole.
    fn whole(&self, population: usize) -> [usize; 2] {
        let blocks = tiles(self.network, self.config, population) * self.blocks;
        let errors = self.reads_errors(population);
        let planes = errors || self.reads_spikes(population);
        [if planes { blocks } else { 0 }, if errors { blocks } else { 0 }]
    }

    /// Whether what a slice makes lies in the wholes, planes and errors.
    fn in_place(&self, share: &Share) -> [bool; 2] {
        let agrees = self.blocks == 1 || self.whole_layer(share.layer);
        self.whole(share.layer + 1).map(|whole| agrees && whole > 0)
    }

    /// Rows of the weights to the layer above.
    fn back_rows(&self, share: &Share) -> usize {
        match self.network.layers.get(share.layer + 1) {
            Some(above) => self.outputs(share).len() * self.config.tiles(above.neurons),
            None => 0,
        }
    }

    fn outputs(&self, share: &Share) -> Range<usize> {
        let first = share.first_tile * self.config.lanes;
        let end = first + share.tiles * self.config.lanes;
        first..end.min(self.network.layers[share.layer].neurons)
    }

    fn copied(&self, share: &Share) -> bool {
        let above = share.layer + 1;
        let both = || self.whole_layer(share.layer) && self.whole_layer(above);
        above < self.network.layers.len() && !both()
    }
}

/// Tiles of a population.
pub fn tiles(network: &Network, config: &ArchConfig, population: usize) -> usize {
    let neurons = match population {
        0 => network.input_len(),
        _ => network.layers[population - 1].neurons,
    };
    config.tiles(neurons)
}

/// What the memories of a core with `shares` hold, if the wholes leave no gaps.
pub fn held(network: &Network, config: &ArchConfig, shares: &[Share]) -> Held {
    let needs = Needs::new(network, config, shares);
    let mut held = Held { slices: shares.len(), ..Held::default() };
    for population in 0..=network.layers.len() {
        let [planes, errors] = needs.whole(population);
        held.planes += planes;
        held.errors += errors;
    }
    for share in shares {
        let own = share.tiles * needs.blocks;
        let [planes, errors] = needs.in_place(share);
        held.planes += if planes { 0 } else { own };
        held.errors += if errors { 0 } else { own };
        held.rows += network.fan_in(share.layer) * share.tiles;
        held.rows += if needs.copied(share) { needs.back_rows(share) } else { 0 };
        if network.layers[share.layer].neuron.spiking.is_none() {
            held.membranes += own;
        }
    }
    held
}

/// Words that a core with `shares` takes from others and from the host, a sample: the wholes that it reads, but for what it makes in place.
pub fn words_taken(network: &Network, config: &ArchConfig, shares: &[Share]) -> usize {
    let needs = Needs::new(network, config, shares);
    let spikes = Region::Spike.subs(config);
    let errors = TIME_BLOCK * Region::Error.subs(config) + Region::Nonzero.subs(config);
    let taken = |population: usize, memory: usize| {
        let own = population.checked_sub(1).and_then(|layer| needs.share(layer));
        let own = own.filter(|share| needs.in_place(share)[memory]);
        let own = own.map_or(0, |share| share.tiles * needs.blocks);
        tiles(network, config, population) * needs.blocks - own
    };
    (0..=network.layers.len())
        .map(|population| {
            let forward = needs.reads_spikes(population).then(|| spikes * taken(population, 0));
            let back = needs.reads_errors(population).then(|| errors * taken(population, 1));
            forward.unwrap_or(0) + back.unwrap_or(0)
        })
        .sum()
}

/// Where everything lies on the cores of a partition, and with that who reads what of whom.
pub struct Layout {
    pub wholes: Vec<Whole>,
    /// The slices of each core.
    pub cores: Vec<Vec<Holding>>,
    /// What the memories of each core hold.
    pub held: Vec<Held>,
}

impl Layout {
    /// Of cores with these shares.
    pub fn new(network: &Network, config: &ArchConfig, cores: &[&[Share]]) -> Layout {
        let needs: Vec<Needs> =
            cores.iter().map(|shares| Needs::new(network, config, shares)).collect();
        let [planes, errors] = [0, 1].map(|memory| {
            let mut bases: Vec<usize> = Vec::new();
            for population in 0..=network.layers.len() {
                let base = lowest(&needs, memory, &bases, population);
                bases.push(base);
            }
            bases
        });
        let wholes: Vec<Whole> = (planes.into_iter().zip(errors))
            .map(|(plane_base, error_base)| Whole { plane_base, error_base })
            .collect();
        let (cores, held) = needs.iter().map(|needs| place_own(needs, &wholes)).unzip();
        Layout { wholes, cores, held }
    }

    /// The slice of a layer that a core has.
    pub fn holding(&self, core: usize, layer: usize) -> Option<&Holding> {
        self.cores[core].iter().find(|holding| holding.share.layer == layer)
    }

    /// Cores with a part of a layer, each with its slice.
    pub fn holders(&self, layer: usize) -> impl Iterator<Item = (usize, &Holding)> {
        (0..self.cores.len()).filter_map(move |core| Some((core, self.holding(core, layer)?)))
    }

    /// Cores with a part of `layer`; `from` only if what it sends does not lie there in place.
    fn readers(&self, layer: usize, from: usize, in_place: bool) -> Vec<usize> {
        let cores = self.holders(layer).map(|(core, _)| core);
        cores.filter(|core| *core != from || !in_place).collect()
    }

    /// Cores that take the spikes of a slice of core `from`.
    pub fn spike_readers(&self, from: usize, holding: &Holding) -> Vec<usize> {
        self.readers(holding.share.layer + 1, from, holding.spikes_in_place)
    }

    /// Cores that take its errors.
    pub fn error_readers(&self, from: usize, holding: &Holding) -> Vec<usize> {
        let below = holding.share.layer.checked_sub(1);
        below.map_or_else(Vec::new, |below| self.readers(below, from, holding.errors_in_place))
    }

    /// Cores with a copy of weights of `layer`, each with its slice of the layer below.
    pub fn weight_readers(&self, layer: usize) -> Vec<(usize, &Holding)> {
        let below = layer.checked_sub(1).into_iter().flat_map(|below| self.holders(below));
        below.filter(|(_, below)| below.copied).collect()
    }
}

/// The lowest base of a population's whole that is free on every core that has it.
fn lowest(needs: &[Needs], memory: usize, bases: &[usize], population: usize) -> usize {
    let size = |needs: &Needs, population| needs.whole(population)[memory];
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut wanted = 0;
    for needs in needs.iter().filter(|needs| size(needs, population) > 0) {
        wanted = size(needs, population);
        for (other, base) in bases.iter().enumerate() {
            taken.push(*base..base + size(needs, other));
        }
    }
    taken.retain(|range| !range.is_empty());
    taken.sort_by_key(|range| range.start);
    let mut base = 0;
    for range in taken {
        if range.start >= base + wanted {
            break;
        }
        base = base.max(range.end);
    }
    base
}

/// The slices of a core, what is their own behind the wholes.
fn place_own(needs: &Needs, wholes: &[Whole]) -> (Vec<Holding>, Held) {
    let (network, config) = (needs.network, needs.config);
    let mut held = held(network, config, needs.shares);
    let mut next = [0, 0];
    for (population, whole) in wholes.iter().enumerate() {
        let bases = [whole.plane_base, whole.error_base];
        for ((next, base), size) in next.iter_mut().zip(bases).zip(needs.whole(population)) {
            *next = (*next).max(if size > 0 { base + size } else { 0 });
        }
    }
    let mut rows = 0;
    let mut holdings = Vec::new();
    for share in needs.shares {
        let whole = wholes[share.layer + 1];
        let in_place = needs.in_place(share);
        let mut base = |memory: usize, whole: usize| {
            if in_place[memory] {
                return whole + share.first_tile;
            }
            next[memory] += share.tiles * needs.blocks;
            next[memory] - share.tiles * needs.blocks
        };
        let (plane_base, error_base) = (base(0, whole.plane_base), base(1, whole.error_base));
        holdings.push(Holding {
            share: *share,
            outputs: needs.outputs(share),
            weight_base: rows,
            back_base: None,
            copied: needs.copied(share),
            plane_base,
            error_base,
            spikes_in_place: in_place[0],
            errors_in_place: in_place[1],
        });
        rows += network.fan_in(share.layer) * share.tiles;
    }
    for (h, share) in needs.shares.iter().enumerate() {
        let above = holdings.iter().find(|other| other.share.layer == share.layer + 1);
        if holdings[h].copied {
            holdings[h].back_base = Some(rows);
            rows += needs.back_rows(share);
        } else {
            holdings[h].back_base = above.map(|above| above.weight_base);
        }
    }
    [held.planes, held.errors] = next;
    (holdings, held)
}
