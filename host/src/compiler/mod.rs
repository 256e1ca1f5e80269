//! Maps a network onto a core: addresses, descriptors, and every reason why it does not fit.
//!
//! A layer is one slice. Populations (the input and the output of each layer) get plane words in ascending order, layers get weight
//! rows in ascending order; nothing is shared, so the map is a running sum.

pub(crate) mod descriptors;
mod limits;
mod show;

pub(crate) use limits::check;

pub use descriptors::{Descriptors, IO_COUNTERS, IO_OUTPUT, IO_SCRATCH, IO_SLOT_FREE};

use crate::network::Network;
use crate::reader::Problems;
use backspike_arch::ArchConfig;
use backspike_arch::proof::Proof;

/// Where the data of a population lies. Bases are offsets within a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    pub neurons: usize,
    pub tiles: usize,
    /// First plane word (spike, trace, nonzero).
    pub plane_base: usize,
    /// First error tile-block; 0 for the input, which has no errors.
    pub error_base: usize,
}

/// Where the weights of a layer lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    pub fan_in: usize,
    pub neurons: usize,
    pub tiles: usize,
    /// First row of weight, state and gradient memory.
    pub weight_base: usize,
}

impl Slice {
    /// Rows of weights.
    pub fn rows(&self) -> usize {
        self.fan_in * self.tiles
    }
}

/// What a memory holds of what it could hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub what: &'static str,
    /// The key of the configuration that sets the capacity.
    pub key: &'static str,
    /// In units of the key.
    pub used: usize,
    pub capacity: usize,
}

/// A network on a core.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub config: ArchConfig,
    pub steps: usize,
    /// Time blocks of a sample.
    pub blocks: usize,
    /// Input first.
    pub populations: Vec<Population>,
    pub slices: Vec<Slice>,
    pub descriptors: Descriptors,
    pub usage: Vec<Usage>,
    /// LSB of the batch gradient is 2^(-18 + gradient_shift).
    pub gradient_shift: u8,
    /// For each layer the bits that every sum needs.
    pub proof: Vec<Proof>,
}

impl Program {
    /// The output population.
    pub fn output(&self) -> &Population {
        &self.populations[self.populations.len() - 1]
    }
}

/// Where everything lies, and what it takes.
struct Layout {
    populations: Vec<Population>,
    slices: Vec<Slice>,
    usage: Vec<Usage>,
}

fn layout(network: &Network, config: &ArchConfig) -> Layout {
    let steps = network.steps as usize;
    let blocks = ArchConfig::blocks(steps);
    let mut populations = Vec::new();
    let (mut planes, mut errors) = (0, 0);
    let sizes =
        std::iter::once(network.input_len()).chain(network.layers.iter().map(|l| l.neurons));
    for (p, neurons) in sizes.enumerate() {
        let tiles = config.tiles(neurons);
        let error_base = if p == 0 { 0 } else { errors };
        populations.push(Population { neurons, tiles, plane_base: planes, error_base });
        planes += tiles * blocks;
        errors += if p == 0 { 0 } else { tiles * blocks };
    }
    let mut slices = Vec::new();
    let mut rows = 0;
    for (l, layer) in network.layers.iter().enumerate() {
        let slice = Slice {
            fan_in: network.fan_in(l),
            neurons: layer.neurons,
            tiles: config.tiles(layer.neurons),
            weight_base: rows,
        };
        rows += slice.rows();
        slices.push(slice);
    }
    let membranes = match network.layers.last() {
        Some(last) if last.neuron.spiking.is_none() => config.tiles(last.neurons) * blocks,
        _ => 0,
    };
    let held = Held { rows, planes, errors, membranes, slices: network.layers.len() };
    let usage = held.usage(config, steps);
    Layout { populations, slices, usage }
}

/// What a core holds: weight rows; plane words, error blocks and membrane blocks of a slot; slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub rows: usize,
    pub planes: usize,
    pub errors: usize,
    pub membranes: usize,
    pub slices: usize,
}

impl Held {
    /// Of `config`, for samples of `steps` steps.
    pub fn usage(&self, config: &ArchConfig, steps: usize) -> Vec<Usage> {
        let block = config.plane_bits();
        let usage = |what, key, used| {
            let capacity = config.get(key).unwrap_or(0);
            Usage { what, key, used, capacity }
        };
        vec![
            usage("weights", "weights", self.rows * config.lanes),
            usage("spikes and traces of a slot", "slot_neuron_steps", self.planes * block),
            usage("errors of a slot", "slot_error_steps", self.errors * block),
            usage("membranes of a slot", "slot_membrane_steps", self.membranes * block),
            usage("descriptors", "slices", self.slices.max(IO_SCRATCH as usize + 1)),
            usage("time steps", "max_steps", steps),
        ]
    }
}

/// Compiles `network` for `config`, or lists everything that does not fit.
pub fn compile(network: &Network, config: &ArchConfig) -> Result<Program, Problems> {
    let steps = network.steps as usize;
    let blocks = ArchConfig::blocks(steps);
    let Layout { populations, slices, usage } = layout(network, config);
    let (gradient_shift, proof) = limits::check(network, config, &slices, &usage)?;
    let descriptors =
        descriptors::build(network, config, &populations, &slices, blocks, gradient_shift);
    Ok(Program {
        config: config.clone(),
        steps,
        blocks,
        populations,
        slices,
        descriptors,
        usage,
        gradient_shift,
        proof,
    })
}

/// `config` with memories and limits raised to what `network` needs on one core.
pub fn roomy(network: &Network, config: &ArchConfig) -> ArchConfig {
    let mut roomy = config.clone();
    for usage in layout(network, config).usage {
        if usage.used > usage.capacity {
            roomy.set(usage.key, limits::enough(&usage));
        }
    }
    for l in 0..network.layers.len() {
        roomy.max_fan_in = roomy.max_fan_in.max(network.fan_in(l));
        roomy.max_fan_out = roomy.max_fan_out.max(network.layers[l].neurons);
    }
    roomy
}

/// The smallest preset, if asked with other lanes, that holds `network`, or what the largest of them lacks.
pub fn fitting_preset(network: &Network, lanes: Option<usize>) -> Result<ArchConfig, Problems> {
    let mut last = Problems::default();
    for config in ArchConfig::STANDALONE.iter().filter_map(|name| ArchConfig::preset(name)) {
        let config = config.with_lanes(lanes.unwrap_or(config.lanes));
        match compile(network, &config) {
            Ok(_) => return Ok(config),
            Err(problems) => last = problems,
        }
    }
    Err(last)
}
