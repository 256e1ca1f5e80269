//! Descriptors, decoded and checked against the memories.

use crate::kernel::backward::BackwardLanes;
use crate::kernel::neuron::NeuronLanes;
use crate::memory::SliceRows;
use backspike_arch::num::OptimizerParams;
use backspike_arch::{
    ArchConfig, BpDescriptor, Coordinates, Descriptor, FpDescriptor, Region, Shape, TIME_BLOCK,
    WgDescriptor,
};

/// A range of plane words or tile-blocks in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    pub base: usize,
    /// Tiles of the population: words per block.
    pub tiles: usize,
}

impl Words {
    /// Elements of block `block` in an array of `per_word` elements per word.
    pub fn block(&self, block: usize, per_word: usize) -> std::ops::Range<usize> {
        let first = self.base + block * self.tiles;
        first * per_word..(first + self.tiles) * per_word
    }
}

/// Time of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    pub steps: usize,
    pub blocks: usize,
}

impl Time {
    /// Steps of block `block`, 1 to [`TIME_BLOCK`].
    pub fn steps_in(&self, block: usize) -> usize {
        (self.steps - block * TIME_BLOCK).min(TIME_BLOCK)
    }
}

/// A FORWARD.
#[derive(Clone, Copy, Debug)]
pub struct ForwardPlan {
    pub rows: SliceRows,
    pub time: Time,
    pub last_lanes: usize,
    pub input: Words,
    pub output: Words,
    /// Where a readout's membranes go, in tile-blocks.
    pub membrane: Option<Words>,
    pub neuron: NeuronLanes,
}

/// A NEURON_BACK or BACKPROP.
#[derive(Clone, Copy, Debug)]
pub struct BackwardPlan {
    pub time: Time,
    /// Trace and nonzero words of the target population.
    pub target: Words,
    /// Error tile-blocks of the target population.
    pub target_errors: Words,
    pub neuron: BackwardLanes,
    /// Steps of a row that the engine takes at once.
    pub steps_at_once: usize,
    /// What BACKPROP sums; NEURON_BACK has none.
    pub source: Option<Source>,
}

/// The slice whose errors BACKPROP propagates.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pub rows: SliceRows,
    pub nonzero: Words,
    pub errors: Words,
}

/// An ACCUMULATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GradientPlan {
    pub rows: SliceRows,
    pub time: Time,
    pub input: Words,
    pub nonzero: Words,
    pub errors: Words,
    pub gradient_shift: u32,
}

/// An UPDATE or CLEAR.
#[derive(Clone, Copy, Debug)]
pub struct UpdatePlan {
    pub rows: SliceRows,
    pub optimizer: OptimizerParams,
    pub coordinates: Coordinates,
}

/// Collects what is wrong with a descriptor.
struct Check<'a> {
    config: &'a ArchConfig,
    problems: Vec<String>,
}

impl Check<'_> {
    fn rows(&mut self, base: u32, fan_in: u32, tiles: u32) -> SliceRows {
        let limit = self.config.weight_rows() as u64;
        let end = u64::from(base) + u64::from(fan_in) * u64::from(tiles);
        if end > limit || fan_in == 0 || tiles == 0 {
            self.problems.push(format!(
                "its {tiles} tiles of {fan_in} rows from row {base} on do not lie in the {limit} rows of the weight memory"
            ));
        }
        SliceRows { base: base as usize, fan_in: fan_in as usize, tiles: tiles as usize }
    }

    fn words(&mut self, region: Region, base: u32, tiles: u32, time: Time) -> Words {
        let limit = match region {
            Region::Error => self.config.error_blocks(),
            Region::Membrane => self.config.membrane_blocks(),
            _ => self.config.plane_words(),
        } as u64;
        let end = u64::from(base) + time.blocks as u64 * u64::from(tiles);
        if end > limit {
            self.problems.push(format!(
                "{} blocks of {tiles} words from word {base} on do not lie in the {limit} words that a slot has in the {} memory",
                time.blocks,
                region.name()
            ));
        }
        Words { base: base as usize, tiles: tiles as usize }
    }

    fn time(&mut self, shape: Shape) -> Time {
        let time = Time { steps: shape.steps.into(), blocks: shape.blocks.into() };
        if time.steps == 0 || time.blocks != ArchConfig::blocks(time.steps) {
            self.problems.push(format!(
                "its shape has {} blocks for {} steps of {TIME_BLOCK} per block",
                time.blocks, time.steps
            ));
        }
        let lanes = self.config.lanes;
        if shape.last_lanes == 0 || usize::from(shape.last_lanes) > lanes {
            self.problems.push(format!(
                "its last tile has {} valid lanes, but must have 1..={lanes}",
                shape.last_lanes
            ));
        }
        time
    }

    fn input(&mut self, fan_in: u32, in_words: u32) {
        if u64::from(fan_in) > u64::from(in_words) * self.config.lanes as u64 {
            self.problems.push(format!(
                "its {in_words} input words of {} lanes hold fewer than {fan_in} neurons",
                self.config.lanes
            ));
        }
    }

    fn finish<T>(self, plan: T) -> Result<T, String> {
        if self.problems.is_empty() { Ok(plan) } else { Err(self.problems.join("; ")) }
    }
}

fn check<'a, D: Descriptor>(
    config: &'a ArchConfig,
    columns: &[u32],
) -> Result<(D, Check<'a>), String> {
    let descriptor = D::decode(columns).map_err(|error| error.to_string())?;
    Ok((descriptor, Check { config, problems: Vec::new() }))
}

pub fn forward(config: &ArchConfig, columns: &[u32]) -> Result<ForwardPlan, String> {
    let (d, mut check) = check::<FpDescriptor>(config, columns)?;
    let rows = check.rows(d.weight_base, d.fan_in, d.tiles);
    let time = check.time(d.shape);
    check.input(d.fan_in, d.in_words);
    let plan = ForwardPlan {
        rows,
        time,
        last_lanes: d.shape.last_lanes.into(),
        input: check.words(Region::Spike, d.in_plane_base, d.in_words, time),
        output: check.words(Region::Spike, d.out_plane_base, d.tiles, time),
        membrane: d
            .neuron
            .readout
            .then(|| check.words(Region::Membrane, d.membrane_base, d.tiles, time)),
        neuron: NeuronLanes::new(&d.neuron.forward(d.theta, [d.width1, d.width2, d.width3])),
    };
    check.finish(plan)
}

/// `propagate`: BACKPROP, else NEURON_BACK.
pub fn backward(
    config: &ArchConfig,
    columns: &[u32],
    propagate: bool,
) -> Result<BackwardPlan, String> {
    let (d, mut check) = check::<BpDescriptor>(config, columns)?;
    let time = check.time(d.shape);
    let source = propagate.then(|| {
        check.input(d.fan_in, d.in_words);
        Source {
            rows: check.rows(d.weight_base, d.fan_in, d.tiles),
            nonzero: check.words(Region::Nonzero, d.out_plane_base, d.tiles, time),
            errors: check.words(Region::Error, d.out_error_base, d.tiles, time),
        }
    });
    let plan = BackwardPlan {
        time,
        target: check.words(Region::Trace, d.in_plane_base, d.in_words, time),
        target_errors: check.words(Region::Error, d.in_error_base, d.in_words, time),
        neuron: BackwardLanes::new(&d.neuron.backward(config.error_max_exp as u8)),
        steps_at_once: config.backward_steps,
        source,
    };
    check.finish(plan)
}

pub fn gradient(config: &ArchConfig, columns: &[u32]) -> Result<GradientPlan, String> {
    let (d, mut check) = check::<WgDescriptor>(config, columns)?;
    let rows = check.rows(d.weight_base, d.fan_in, d.tiles);
    let time = check.time(d.shape);
    check.input(d.fan_in, d.in_words);
    let plan = GradientPlan {
        rows,
        time,
        input: check.words(Region::Spike, d.in_plane_base, d.in_words, time),
        nonzero: check.words(Region::Nonzero, d.out_plane_base, d.tiles, time),
        errors: check.words(Region::Error, d.error_base, d.tiles, time),
        gradient_shift: d.optimizer.gradient_shift.into(),
    };
    check.finish(plan)
}

pub fn update(config: &ArchConfig, columns: &[u32]) -> Result<UpdatePlan, String> {
    let (d, mut check) = check::<WgDescriptor>(config, columns)?;
    let plan = UpdatePlan {
        rows: check.rows(d.weight_base, d.fan_in, d.tiles),
        optimizer: d.optimizer.into(),
        coordinates: d.coordinates,
    };
    check.finish(plan)
}
