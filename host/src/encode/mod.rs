//! Encoders: features to spike planes in the layout of the device.

use crate::reader::Section;

/// How a feature becomes spikes, as the network file says.
#[derive(Clone, Debug, PartialEq)]
pub enum EncoderConfig {
    /// Each step spikes with a probability proportional to the feature.
    Rate {
        /// Probability of a spike at the largest feature, 0..=1.
        gain: f64,
    },
}

impl EncoderConfig {
    /// Reads `[input.encoder]`.
    pub fn from_toml(section: &mut Section) -> Self {
        section.choice("kind", &[("rate", ())], None);
        EncoderConfig::Rate { gain: section.number("gain", 0.0..=1.0, Some(1.0)) }
    }
}
