//! Loss and its gradient at the output: on the host, independent of device, lanes and order.

use crate::network::{Loss, Network, Readout};
use backspike_arch::num::F16;
use backspike_arch::{ArchConfig, PushWord, TIME_BLOCK};

/// What one sample gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub loss: f64,
    pub correct: bool,
    /// The class of the largest score; the first one of equals.
    pub predicted: usize,
}

/// Reads outputs, computes losses, and lays out output gradients for the error memory. All buffers are reused.
pub struct LossUnit {
    loss: Loss,
    steps: usize,
    blocks: usize,
    tiles: usize,
    lanes: usize,
    error_max: f64,
    /// One score per class: mean or last membrane, or firing rate.
    scores: Vec<f64>,
    /// Loss gradient per class, before the scale.
    gradient: Vec<f64>,
    /// Error rows of the output, `blocks x tiles x TIME_BLOCK x lanes / 2` words.
    errors: Vec<u32>,
}

impl LossUnit {
    /// For the output layer of `network` on cores `config`.
    pub fn new(network: &Network, config: &ArchConfig) -> LossUnit {
        let (steps, outputs) = (network.steps as usize, network.outputs());
        let (blocks, tiles) = (ArchConfig::blocks(steps), config.tiles(outputs));
        let rows = blocks * tiles * TIME_BLOCK;
        LossUnit {
            loss: network.training.loss,
            steps,
            blocks,
            tiles,
            lanes: config.lanes,
            error_max: config.error_max(),
            scores: vec![0.0; outputs],
            gradient: vec![0.0; outputs],
            errors: vec![0; rows * config.lanes / 2],
        }
    }

    /// Loss of one sample from what the device pushed; keeps the gradient for [`errors`](Self::errors).
    pub fn evaluate(&mut self, pushed: &[PushWord], label: u16) -> Outcome {
        match self.loss {
            Loss::CrossEntropy(readout) => self.read_membranes(pushed, readout),
            Loss::MseRate => self.read_spikes(pushed),
        }
        let mut predicted = 0;
        for (class, score) in self.scores.iter().enumerate() {
            if *score > self.scores[predicted] {
                predicted = class;
            }
        }
        let label = usize::from(label);
        let loss = match self.loss {
            Loss::CrossEntropy(_) => self.cross_entropy(predicted, label),
            Loss::MseRate => self.squared_distance(label),
        };
        Outcome { loss, correct: predicted == label, predicted }
    }

    /// Membranes are Q24; their sum over the steps is exact in f64.
    fn read_membranes(&mut self, pushed: &[PushWord], readout: Readout) {
        let (first_block, first_step, count) = match readout {
            Readout::Mean => (0, 0, self.steps),
            Readout::Last => (self.blocks - 1, self.steps - 1, 1),
        };
        let unit = 2f64.powi(-24) / count as f64;
        for (class, score) in self.scores.iter_mut().enumerate() {
            let (tile, lane) = (class / self.lanes, class % self.lanes);
            let sum: i64 = (first_step..self.steps)
                .map(|t| {
                    let block = (t / TIME_BLOCK - first_block) * self.tiles + tile;
                    let row = block * TIME_BLOCK + t % TIME_BLOCK;
                    i64::from(pushed[row * self.lanes + lane].data as i32)
                })
                .sum();
            *score = sum as f64 * unit;
        }
    }

    /// Bits beyond the last step are zero, so counting all bits of a neuron counts its spikes.
    fn read_spikes(&mut self, pushed: &[PushWord]) {
        let subs = (self.lanes * TIME_BLOCK).div_ceil(32);
        for (class, score) in self.scores.iter_mut().enumerate() {
            let bit = class % self.lanes * TIME_BLOCK;
            let spikes: u32 = (0..self.blocks)
                .map(|block| {
                    let word = (block * self.tiles + class / self.lanes) * subs + bit / 32;
                    (pushed[word].data >> (bit % 32) & 0xf).count_ones()
                })
                .sum();
            *score = f64::from(spikes) / self.steps as f64;
        }
    }

    /// Softmax minus one-hot.
    fn cross_entropy(&mut self, largest: usize, label: usize) -> f64 {
        let top = self.scores[largest];
        let mut sum = 0.0;
        for (gradient, score) in self.gradient.iter_mut().zip(&self.scores) {
            // libm's exponential is the same on every platform, the system's is not.
            *gradient = libm::exp(score - top);
            sum += *gradient;
        }
        self.gradient.iter_mut().for_each(|gradient| *gradient /= sum);
        self.gradient[label] -= 1.0;
        libm::log(sum) - (self.scores[label] - top)
    }

    fn squared_distance(&mut self, label: usize) -> f64 {
        let mut loss = 0.0;
        for (class, (gradient, rate)) in self.gradient.iter_mut().zip(&self.scores).enumerate() {
            let distance = rate - if class == label { 1.0 } else { 0.0 };
            *gradient = 2.0 * distance;
            loss += distance * distance;
        }
        loss
    }

    /// The last sample's gradient times `steps x batch x 2^exponent`, per output and step, as error rows.
    ///
    /// The mean over the batch and over the steps divides by `batch` and `steps` what the scale multiplies, so neither appears; with the last
    /// membrane as logit there is no mean over steps, and the factor `steps` stays.
    pub fn errors(&mut self, exponent: i32) -> &[u32] {
        let last_only = self.loss == Loss::CrossEntropy(Readout::Last);
        let scale = 2f64.powi(exponent) * if last_only { self.steps as f64 } else { 1.0 };
        let row_words = self.lanes / 2;
        for tile in 0..self.tiles {
            for word in 0..row_words {
                let code = |half: usize| {
                    let class = tile * self.lanes + 2 * word + half;
                    let gradient = self.gradient.get(class).copied().unwrap_or(0.0);
                    let error = (gradient * scale).clamp(-self.error_max, self.error_max);
                    u32::from(F16::from_f64(error).canonical().0)
                };
                let packed = code(0) | code(1) << 16;
                for t in 0..self.blocks * TIME_BLOCK {
                    let block = t / TIME_BLOCK * self.tiles + tile;
                    let row = block * TIME_BLOCK + t % TIME_BLOCK;
                    let active = t < self.steps && (!last_only || t + 1 == self.steps);
                    self.errors[row * row_words + word] = if active { packed } else { 0 };
                }
            }
        }
        &self.errors
    }
}
