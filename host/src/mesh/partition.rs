//! Which tiles of which layers a core holds.
//!
//! Tiles are dealt out in the order of the layers: a core takes as many as its load and its memories allow, then the next core goes on. The least load that may be is found by bisection, so no other division into such runs has a less
//! busy busiest core. A run that crosses from one layer into the next is several slices.

use super::LayerWork;
use super::memory::held;
use super::program::{fullest, whole_layers};
use crate::compiler::{Held, check};
use crate::network::Network;
use crate::reader::Problems;
use backspike_arch::ArchConfig;
use serde::Serialize;
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

/// Cycles of the engines, a sample. They run side by side, on different samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Load {
    pub forward: f64,
    pub backward: f64,
    pub gradient: f64,
}

impl Load {
    /// Of the busiest engine.
    pub fn busiest(&self) -> f64 {
        self.forward.max(self.backward).max(self.gradient)
    }

    fn plus(&self, layer: &LayerWork, tiles: usize) -> Self {
        let part = tiles as f64 / layer.tiles as f64;
        Self {
            forward: self.forward + part * layer.forward,
            backward: self.backward + part * layer.backward,
            gradient: self.gradient + part * layer.gradient,
        }
    }
}

/// What one core holds and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CorePlan {
    pub shares: Vec<Share>,
    pub load: Load,
}

/// A network on logical cores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Partition {
    pub cores: Vec<CorePlan>,
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

/// Deals all tiles to at most `cores` cores none of which is busier than `limit`; `None` if they do not suffice.
fn deal(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    cores: usize,
    limit: f64,
) -> Option<Vec<CorePlan>> {
    let tiles: Vec<(usize, usize)> = (work.iter().enumerate())
        .flat_map(|(layer, of)| (0..of.tiles).map(move |tile| (layer, tile)))
        .collect();
    let mut plans = Vec::new();
    let mut next = 0;
    while next < tiles.len() {
        let mut plan = CorePlan::default();
        let mut longest = None;
        for (taken, &(layer, tile)) in tiles[next..].iter().enumerate() {
            match plan.shares.last_mut() {
                Some(share) if share.layer == layer => share.tiles += 1,
                _ => plan.shares.push(Share { layer, first_tile: tile, tiles: 1 }),
            }
            plan.load = plan.load.plus(&work[layer], 1);
            if plan.load.busiest() > limit {
                break;
            }
            // More tiles may need less memory: a core with two whole layers keeps no copy of the weights between them.
            let usage = held(network, config, &plan.shares).usage(config, 0);
            if usage.iter().all(|usage| usage.used <= usage.capacity) {
                longest = Some((taken + 1, plan.clone()));
            }
        }
        let (taken, plan) = longest.filter(|_| plans.len() < cores)?;
        next += taken;
        plans.push(plan);
    }
    Some(plans)
}

/// Divides `network` among `cores` cores of `config`.
///
/// # Errors
///
/// Everything that does not fit: for each memory how much the fullest core needs, with the configuration that has it.
pub fn partition(
    network: &Network,
    config: &ArchConfig,
    work: &[LayerWork],
    cores: usize,
) -> Result<Partition, Problems> {
    let whole = work.iter().fold(Load::default(), |load, layer| load.plus(layer, layer.tiles));
    let best = |config: &ArchConfig| {
        // All work on one core is enough for any division.
        let mut high = whole.busiest() * (1.0 + 1e-9) + 1.0;
        let mut found = deal(network, config, work, cores, high)?;
        let mut low = 0.0;
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            match deal(network, config, work, cores, middle) {
                Some(plans) => (found, high) = (plans, middle),
                None => low = middle,
            }
        }
        Some(found)
    };
    let found = best(config);
    let needed = |plans: &[CorePlan]| {
        let held: Vec<Held> =
            plans.iter().map(|plan| held(network, config, &plan.shares)).collect();
        fullest(config, network.steps as usize, &held)
    };
    let usage = match &found {
        Some(plans) => needed(plans),
        None => {
            let unbounded = crate::compiler::roomy(network, config);
            needed(&best(&unbounded).unwrap_or_default())
        }
    };
    check(network, config, &whole_layers(network, config), &usage)?;
    match found {
        Some(cores) => Ok(Partition { cores, whole }),
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
