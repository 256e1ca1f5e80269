//! The network file: what is trained and how, independent of any core.
//!
//! `docs/use/network-file.md` is the reference for users; each key is read in `read.rs`.

mod read;
mod training;

pub use training::{LearningRate, Loss, LossScale, Readout, Schedule, Training};

use crate::encode::EncoderConfig;
use crate::reader::Problems;
use backspike_arch::num::Reset;

/// A network with its training recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub name: String,
    /// The data it is meant for: a name or a path; the command line may give other ones.
    pub data: Option<String>,
    /// Time steps of a sample, 1..=255.
    pub steps: u32,
    /// Shape of an input sample.
    pub input_shape: Vec<usize>,
    pub encoder: EncoderConfig,
    /// Dense layers from input to output.
    pub layers: Vec<Layer>,
    pub training: Training,
}

/// A dense layer with its neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub neurons: usize,
    pub neuron: Neuron,
    /// Initial weights are uniform with the standard deviation `init_gain / sqrt(fan_in)`.
    pub init_gain: f64,
}

/// The neurons of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Neuron {
    /// Leak `u - (u >>> k)`; `None` integrates without a leak.
    pub leak: Option<u8>,
    /// The input sum is scaled by 2^-input_shift.
    pub input_shift: u8,
    /// `None`: a leaky integrator that never fires (readout).
    pub spiking: Option<Spiking>,
}

/// What only a neuron that fires has.
#[derive(Clone, Debug, PartialEq)]
pub struct Spiking {
    pub reset: Reset,
    pub reset_before_leak: bool,
    /// Fires at `>=` the threshold instead of `>`.
    pub fire_ge: bool,
    /// The derivative of the reset is left out of the backward pass.
    pub detach_reset: bool,
    pub threshold: f64,
    /// Half-widths of the surrogate window, falling, at most three; level `i` holds within `widths[i]` of the threshold.
    pub widths: Vec<f64>,
    /// Surrogate derivative of each level, as exponents of two.
    pub gains: Vec<i32>,
}

impl Network {
    /// Reads a network file; all its problems come back at once.
    pub fn from_toml(text: &str) -> Result<Network, Problems> {
        read::network(text)
    }

    /// Features of an input sample.
    pub fn input_len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Neurons of the population that feeds layer `l` (the input for `l = 0`).
    pub fn fan_in(&self, l: usize) -> usize {
        if l == 0 { self.input_len() } else { self.layers[l - 1].neurons }
    }

    /// Output neurons.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.neurons)
    }

    /// Weights of all layers.
    pub fn weights(&self) -> usize {
        self.layers.iter().enumerate().map(|(l, layer)| self.fan_in(l) * layer.neurons).sum()
    }

    /// Errors that one sample writes, padding apart: neurons x steps of all layers.
    pub fn errors_per_sample(&self) -> u64 {
        let neurons: usize = self.layers.iter().map(|layer| layer.neurons).sum();
        (neurons * self.steps as usize) as u64
    }

    /// Layer names as reports and checkpoints use them.
    pub fn layer_name(l: usize) -> String {
        format!("layer{l}")
    }

    /// A hash over all that decides whether a checkpoint's tensors mean the same: shape, neurons, encoder and recipe, but not
    /// the names and the number of epochs.
    pub fn hash(&self) -> String {
        let mut plain = self.clone();
        plain.name.clear();
        plain.data = None;
        plain.training.epochs = 0;
        let digest = blake3::hash(format!("{plain:?}").as_bytes());
        digest.to_hex()[..16].to_string()
    }
}
