//! Which tiles of which layers a core holds.
//!
//! Tiles are dealt out in an order: a core takes as many as its load and its memories allow, then the next core goes on. The least load that may be is found by bisection, so no other division of that order into runs has a less
//! busy busiest core. What a run has of a layer is a slice.
//!
//! In the order of the layers most cores hold a part of one. Where layers that lie a *stride* apart are dealt together, tile by tile in turn, more cores share each layer
//! and each has a part of several: a sample passes each layer sooner, and so the first sample of a batch is through sooner, for more words on the network.

use super::LayerWork;
use super::memory::{held, words_taken};
use super::program::{fullest, whole_layers};
use super::schedule::{Schedule, SliceCost};
use crate::compiler::{Held, check};
use crate::network::Network;
use crate::reader::Problems;
use backspike_arch::ArchConfig;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Tiles of a layer on a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    pub layer: usize,
    pub first_tile: usize,
    pub tiles: usize,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.first_tile + self.tiles;
        write!(f, "layer {} tiles {}..{end}", self.layer, self.first_tile)
    }
}

/// Cycles of the engines and of the port, a sample. They run side by side, on different samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Load {
    pub forward: f64,
    pub backward: f64,
    pub gradient: f64,
    /// Of the port at which words come, one a cycle.
    pub port: f64,
}

impl Load {
    /// Of the busiest of them.
    pub fn busiest(&self) -> f64 {
        self.forward.max(self.backward).max(self.gradient).max(self.port)
    }

    fn plus(&self, layer: &LayerWork, tiles: usize) -> Self {
        let part = tiles as f64 / layer.tiles as f64;
        Self {
            forward: self.forward + part * layer.forward,
            backward: self.backward + part * layer.backward,
            gradient: self.gradient + part * layer.gradient,
            port: self.port,
        }
    }
}

/// What one core holds and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CorePlan {
    /// In the order of the layers.
    pub shares: Vec<Share>,
    pub load: Load,
}

/// A network on logical cores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Partition {
    pub cores: Vec<CorePlan>,
    /// The work of each layer.
    pub work: Vec<LayerWork>,
    /// All work on one core.
    pub whole: Load,
}

impl Partition {
    /// Cycles a sample of the busiest engine of all cores.
    pub fn busiest(&self) -> f64 {
        self.cores.iter().map(|core| core.load.busiest()).fold(0.0, f64::max)
    }

    /// How many times faster than one core, if nothing but the engines costs time.
    pub fn speedup(&self) -> f64 {
        self.whole.busiest() / self.busiest().max(f64::MIN_POSITIVE)
    }

    /// The most cores that share a layer.
    pub fn sharing(&self) -> usize {
        (0..self.work.len()).map(|layer| self.holders(layer).count()).max().unwrap_or(0)
    }

    /// The timetable of its cores, of configuration `config`, for samples of `blocks` time blocks.
    pub fn schedule(&self, config: &ArchConfig, blocks: usize) -> Schedule {
        let costs = |core: &CorePlan| {
            let cost = |share| SliceCost::new(config, &self.work, share, blocks);
            core.shares.iter().map(cost).collect()
        };
        let cores: Vec<Vec<SliceCost>> = self.cores.iter().map(costs).collect();
        Schedule::new(&cores, self.work.len(), config.slots)
    }

    /// The cores with a part of `layer`, and their tiles.
    pub fn holders(&self, layer: usize) -> impl Iterator<Item = (usize, &Share)> {
        self.cores.iter().enumerate().flat_map(move |(core, plan)| {
            plan.shares
                .iter()
                .filter(move |share| share.layer == layer)
                .map(move |share| (core, share))
        })
    }
}

/// A tile of a layer.
type Tile = (usize, usize);

/// The tiles in the order of `groups`, each of which is some layers whose tiles come in turn.
fn in_turn(work: &[LayerWork], groups: &[Vec<usize>]) -> Vec<Tile> {
    let mut order = Vec::new();
    for group in groups {
        let tiles = group.iter().flat_map(|&l| (0..work[l].tiles).map(move |tile| (l, tile)));
        let start = order.len();
        order.extend(tiles);
        // By the middle of a tile in its layer, `(2 tile + 1) / (2 tiles)`, compared as fractions.
        order[start..].sort_by(|&(a, s): &Tile, &(b, t): &Tile| {
            let [left, right] = [(2 * s + 1) * work[b].tiles, (2 * t + 1) * work[a].tiles];
            left.cmp(&right).then(a.cmp(&b))
        });
    }
    order
}

/// Tiles in the order of the layers.
pub fn in_order(work: &[LayerWork]) -> Vec<Tile> {
    in_turn(work, &(0..work.len()).map(|layer| vec![layer]).collect::<Vec<_>>())
}

/// Deals all tiles to at most `cores` cores none of which is busier than `limit`; `None` if they do not suffice.
fn deal(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    (cores, tiles): (usize, &[Tile]),
    limit: f64,
) -> Option<Vec<CorePlan>> {
    let mut plans = Vec::new();
    let mut next = 0;
    while next < tiles.len() {
        let mut plan = CorePlan::default();
        let mut longest = None;
        for (taken, &(layer, tile)) in tiles[next..].iter().enumerate() {
            match plan.shares.binary_search_by_key(&layer, |share| share.layer) {
                Ok(at) => plan.shares[at].tiles += 1,
                Err(at) => plan.shares.insert(at, Share { layer, first_tile: tile, tiles: 1 }),
            }
            plan.load = plan.load.plus(&work[layer], 1);
            plan.load.port = words_taken(network, config, &plan.shares) as f64;
            let Load { forward, backward, gradient, .. } = plan.load;
            if forward.max(backward).max(gradient) > limit {
                break;
            }
            // More tiles may need less memory, and fewer words: a core with two whole layers keeps no copy of the weights between them.
            let usage = held(network, config, &plan.shares).usage(config, 0);
            if plan.load.port <= limit && usage.iter().all(|usage| usage.used <= usage.capacity) {
                longest = Some((taken + 1, plan.clone()));
            }
        }
        let (taken, plan) = longest.filter(|_| plans.len() < cores)?;
        next += taken;
        plans.push(plan);
    }
    Some(plans)
}

/// Deals `tiles` in this order so that the busiest core has as little to do as may be; `None` if they do not fit the cores.
fn deal_evenly(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    cores: usize,
    tiles: &[Tile],
) -> Option<Vec<CorePlan>> {
    let deal = |limit| deal(network, config, work, (cores, tiles), limit);
    // All work on one core, and every word at it, is enough for any division.
    let words: usize = (0..work.len())
        .map(|layer| words_taken(network, config, &[Share { layer, first_tile: 0, tiles: 0 }]))
        .sum();
    let mut high = whole(work).busiest() * (1.0 + 1e-9) + 1.0 + words as f64;
    let mut found = deal(high)?;
    let mut low = 0.0;
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        match deal(middle) {
            Some(plans) => (found, high) = (plans, middle),
            None => low = middle,
        }
    }
    Some(found)
}

/// All work, on one core.
fn whole(work: &[LayerWork]) -> Load {
    work.iter().fold(Load::default(), |load, layer| load.plus(layer, layer.tiles))
}

/// Divides `network` among `cores` cores of `config`, to whom the tiles are dealt in this order.
///
/// # Errors
///
/// Everything that does not fit: for each memory how much the fullest core needs, with the configuration that has it.
pub fn partition(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    cores: usize,
    tiles: &[Tile],
) -> Result<Partition, Problems> {
    let found = deal_evenly(network, config, work, cores, tiles);
    let needed = |plans: &[CorePlan]| {
        let held: Vec<Held> =
            plans.iter().map(|plan| held(network, config, &plan.shares)).collect();
        fullest(config, network.steps as usize, &held)
    };
    let usage = match &found {
        Some(plans) => needed(plans),
        None => {
            let unbounded = crate::compiler::roomy(network, config);
            needed(&deal_evenly(network, &unbounded, work, cores, tiles).unwrap_or_default())
        }
    };
    check(network, config, &whole_layers(network, config), &usage)?;
    match found {
        Some(cores) => Ok(Partition { cores, work: work.to_vec(), whole: whole(work) }),
        None => {
            let mut problems = Problems::default();
            problems.push(format!(
                "The network does not fit {cores} cores of configuration {}: no memory alone is too small, but together they leave no division; use more cores or a larger configuration.",
                config.name
            ));
            Err(problems)
        }
    }
}

/// Divisions of `network` among `cores` cores of `config` that are worth a trial: for each stride those with the most even load, the best of them first, and first the stride
/// whose best should do a batch in the fewest cycles.
///
/// # Errors
/// Everything that does not fit, when nothing does.
pub fn divisions(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    cores: usize,
) -> Result<Vec<Vec<Partition>>, Problems> {
    let plain = partition(network, config, work, cores, &in_order(work));
    // One core has everything, in whatever order.
    let strides = if cores == 1 { 1..1 } else { 1..work.len() };
    let mut found: Vec<Vec<Partition>> = (strides.into_par_iter())
        .map(|stride| {
            let orders = orders(work, cores, stride).into_iter().take(ORDERS);
            let mut found: Vec<Partition> = orders
                .filter_map(|order| {
                    let tiles = in_turn(work, &groups(work, stride, &order));
                    let cores = deal_evenly(network, config, work, cores, &tiles)?;
                    Some(Partition { cores, work: work.to_vec(), whole: whole(work) })
                })
                .collect();
            found.sort_by(|a, b| a.busiest().total_cmp(&b.busiest()));
            found
        })
        .filter(|found| !found.is_empty())
        .collect();
    found.extend(plain.iter().map(|plain| vec![plain.clone()]));
    if found.is_empty() {
        return plain.map(|_| found);
    }
    let blocks = ArchConfig::blocks(network.steps as usize);
    let batch = network.training.batch;
    found.sort_by_cached_key(|found| found[0].schedule(config, blocks).batch(batch));
    Ok(found)
}

/// Orders of the groups that are tried for a stride.
const ORDERS: usize = 8;

/// The layers that lie `stride` apart as groups, which come in this order.
fn groups(work: &[LayerWork], stride: usize, order: &[usize]) -> Vec<Vec<usize>> {
    order.iter().map(|&first| (first..work.len()).step_by(stride).collect()).collect()
}

/// Orders of the groups of a stride, those that balance the engines best first: that of the layers, and some drawn from a fixed seed.
fn orders(work: &[LayerWork], cores: usize, stride: usize) -> Vec<Vec<usize>> {
    let rng = &mut ChaCha8Rng::seed_from_u64(stride as u64);
    let natural: Vec<usize> = (0..stride).collect();
    let mut orders = BTreeSet::from([natural.clone()]);
    for _ in 0..100 {
        let mut order = natural.clone();
        order.shuffle(rng);
        orders.insert(order);
    }
    let mut orders: Vec<(f64, Vec<usize>)> = (orders.into_iter())
        .map(|order| (evenness(work, cores, &groups(work, stride, &order)), order))
        .collect();
    orders.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    orders.into_iter().map(|(_, order)| order).collect()
}

/// The load of the busiest engine if `groups` are dealt to `cores` cores whose memories and ports are large enough.
fn evenness(work: &[LayerWork], cores: usize, groups: &[Vec<usize>]) -> f64 {
    let tiles = in_turn(work, groups);
    let fits = |limit: f64| {
        let mut used = 1;
        let mut load = Load::default();
        for &(layer, _) in &tiles {
            load = load.plus(&work[layer], 1);
            if load.busiest() > limit {
                used += 1;
                load = Load::default().plus(&work[layer], 1);
            }
        }
        used <= cores
    };
    let single = work.iter().map(|layer| Load::default().plus(layer, 1).busiest());
    let mut low = single.fold(0.0, f64::max);
    let mut high = work
        .iter()
        .fold(low, |sum, layer| sum + Load::default().plus(layer, layer.tiles).busiest());
    for _ in 0..24 {
        let middle = f64::midpoint(low, high);
        if fits(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}
