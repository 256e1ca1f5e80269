//! Encoders: 8-bit features to spike planes in the layout of the device.
//!
//! The spike of feature `j` at step `t` depends on the seed, the epoch, the sample, `j` and `t` only: not on lanes, and not on
//! what was encoded before. So a training can stop and resume anywhere, and any core sees the same spikes.

mod noise;
mod planes;

pub use planes::PlaneShape;

use crate::reader::Section;
use noise::{GROUP, SampleNoise};

/// How a feature becomes spikes, as the network file says. `x` is the feature divided by 255, in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EncoderConfig {
    /// Each step spikes with the probability `gain * x`, independently.
    Rate {
        /// Probability of a spike at the largest feature, 0..=1.
        gain: f64,
    },
    /// One spike, at step `round((1 - x) * (T - 1))`: the larger, the earlier. A feature of 0 is silent.
    Latency,
    /// A spike at every step if `x >= at`, otherwise none.
    Threshold {
        /// In 0..=1.
        at: f64,
    },
}

impl EncoderConfig {
    /// Reads `[input.encoder]`.
    pub fn from_toml(section: &mut Section) -> Self {
        let kinds = [("rate", 0), ("latency", 1), ("threshold", 2)];
        match section.choice("kind", &kinds, None) {
            0 => EncoderConfig::Rate { gain: section.number("gain", 0.0..=1.0, Some(1.0)) },
            1 => EncoderConfig::Latency,
            _ => EncoderConfig::Threshold { at: section.number("at", 0.0..=1.0, None) },
        }
    }
}

/// An encoder for one population shape, with its tables.
#[derive(Clone, Debug)]
pub struct Encoder {
    shape: PlaneShape,
    seed: u32,
    table: Table,
}

#[derive(Clone, Debug)]
enum Table {
    /// Spike where 16 random bits are below the entry of the feature, 0..=65536.
    Random(Box<[u32; 256]>),
    /// The mask of each time block, by feature.
    Fixed(Vec<[u8; 256]>),
}

impl Encoder {
    /// Prepares the tables; `seed` is the seed of the training.
    pub fn new(config: EncoderConfig, shape: PlaneShape, seed: u32) -> Encoder {
        let last = shape.steps() as u32 - 1;
        let masks = |spikes: &dyn Fn(u32, u32) -> bool| {
            let mask = |block: u32, x: u32| {
                (0..4u32)
                    .filter(|i| 4 * block + i <= last && spikes(x, 4 * block + i))
                    .fold(0, |m, i| m | 1 << i)
            };
            let block = |b| std::array::from_fn(|x| mask(b as u32, x as u32));
            Table::Fixed((0..shape.blocks()).map(block).collect())
        };
        let table = match config {
            // A probability of one must spike always: 65536 is above all 16-bit numbers.
            EncoderConfig::Rate { gain } => {
                let probability =
                    |x: usize| (gain.clamp(0.0, 1.0) * x as f64 / 255.0 * 65536.0).round() as u32;
                Table::Random(Box::new(std::array::from_fn(probability)))
            }
            // Integers, rounded to nearest; there are no ties, as 2 * (255 - x) * (T - 1) is even and 255 is odd.
            EncoderConfig::Latency => {
                masks(&|x, t| x > 0 && t == (2 * (255 - x) * last + 255) / 510)
            }
            EncoderConfig::Threshold { at } => masks(&|x, _| f64::from(x) / 255.0 >= at),
        };
        Encoder { shape, seed, table }
    }

    /// Where the spikes lie in the output.
    pub fn shape(&self) -> &PlaneShape {
        &self.shape
    }

    /// Writes the plane words of one sample: all of `out`, which is [`PlaneShape::len`] long, in the order of the spike region.
    ///
    /// # Panics
    /// If `features` or `out` do not have the lengths of the shape.
    pub fn encode(&self, epoch: u32, sample: u32, features: &[u8], out: &mut [u32]) {
        assert_eq!(features.len(), self.shape.features(), "features of a sample");
        assert_eq!(out.len(), self.shape.len(), "words of a sample");
        let noise = SampleNoise::new(self.seed, epoch, sample);
        for (block, out) in out.chunks_exact_mut(self.shape.block_len()).enumerate() {
            let steps = self.shape.step_mask(block);
            for (group, features) in features.chunks(GROUP).enumerate() {
                let spikes = match &self.table {
                    Table::Random(below) => noise.group(block, group, features, below) & steps,
                    Table::Fixed(masks) => features.iter().rev().fold(0, |spikes, &x| {
                        spikes << 4 | u32::from(masks[block][usize::from(x)])
                    }),
                };
                self.shape.store(out, group, spikes);
            }
            self.shape.clear_padding(out);
        }
    }
}
