//! The loss scale: follows the count of saturated errors, and keeps the optimizer state consistent.

use crate::network::{Loss, LossScale, Network, Readout};
use crate::reader::Problems;
use backspike_arch::num::Optimizer;

/// Gradient scale shift `gs` at the first exponent: room for the exponent to fall, while the state keeps 20 bits below 1.
const FIRST_SHIFT: i32 = 4;
/// More saturated errors than one in 2^10: the scale halves.
const TOO_MANY: u32 = 10;
/// Not more than one in 2^14: the batch counts towards a larger scale.
const FEW: u32 = 14;
/// The interval doubles after each halving, up to this many batches.
const LONGEST_INTERVAL: u32 = 1 << 16;

/// The state of the loss scale.
///
/// Errors on the device are gradients times `steps x batch x 2^exponent`. The state m counts in units of `G * 2^-gs`; as `gs` rises and falls with
/// the exponent, m means the same at every scale and never needs a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    pub exponent: i32,
    /// Consecutive batches with few saturations.
    pub quiet: u32,
    /// Quiet batches before the exponent rises.
    pub interval: u32,
    /// How often it fell and rose.
    pub lowered: u32,
    pub raised: u32,
}

/// The fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleRule {
    config: LossScale,
    lowest: i32,
    highest: i32,
    /// SGD: the learning rate is that of the mean gradient, so the scale is divided out.
    rate_offset: i32,
}

impl ScaleRule {
    /// For `network` on a core that clips errors to 2^error_max_exp.
    pub fn new(network: &Network, error_max_exp: usize) -> Result<ScaleRule, Problems> {
        let training = &network.training;
        let config = training.loss_scale;
        let start = i32::from(config.start);
        let steps_log = ceil_log2(u64::from(network.steps));
        // The largest exponent at which no output gradient is clipped.
        let clip = error_max_exp as i32
            - match training.loss {
                Loss::CrossEntropy(Readout::Mean) => 0,
                Loss::CrossEntropy(Readout::Last) => steps_log,
                Loss::MseRate => 1,
            };
        let rate_offset = match training.optimizer {
            Optimizer::Lion => 0,
            Optimizer::Sgd => {
                ceil_log2(u64::from(network.steps) * training.batch as u64) + start - FIRST_SHIFT
            }
        };
        let shift = i32::from(training.learning_rate.shift);
        if shift + rate_offset < 0 {
            return Err(Problems::from(format!(
                "training.learning_rate.shift is {shift}, but SGD with {} steps, batch {} and loss_scale.start = {start} can only do rates of \
                 2^-{} and below: raise the shift to at least {}, the batch or loss_scale.start.",
                network.steps, training.batch, -rate_offset, -rate_offset
            )));
        }
        Ok(ScaleRule { config, lowest: start - FIRST_SHIFT, highest: clip.max(start), rate_offset })
    }

    /// The state before the first batch.
    pub fn first(&self) -> Scale {
        let exponent = i32::from(self.config.start);
        Scale { exponent, quiet: 0, interval: self.config.interval, lowered: 0, raised: 0 }
    }

    /// `gs` of UPDATE.
    pub fn scale_shift(&self, scale: &Scale) -> u8 {
        (scale.exponent - i32::from(self.config.start) + FIRST_SHIFT) as u8
    }

    /// `n` of UPDATE for the learning rate 2^-shift.
    pub fn rate_shift(&self, shift: u8) -> u8 {
        (i32::from(shift) + self.rate_offset).clamp(0, 63) as u8
    }

    /// The state after a batch in which `saturated` of `errors` neuron-steps were clipped. Both are counts of the network, not of the core, so every
    /// core sees the same history.
    pub fn after(&self, mut scale: Scale, saturated: u64, errors: u64) -> Scale {
        if !self.config.adapt {
            return scale;
        }
        if saturated << TOO_MANY > errors {
            scale.quiet = 0;
            if scale.exponent > self.lowest {
                scale.exponent -= 1;
                scale.lowered += 1;
                scale.interval =
                    (scale.interval * 2).min(LONGEST_INTERVAL.max(self.config.interval));
            }
        } else if saturated << FEW > errors {
            scale.quiet = 0;
        } else {
            scale.quiet += 1;
            if scale.quiet >= scale.interval {
                scale.quiet = 0;
                if scale.exponent < self.highest {
                    scale.exponent += 1;
                    scale.raised += 1;
                }
            }
        }
        scale
    }
}

fn ceil_log2(x: u64) -> i32 {
    x.next_power_of_two().trailing_zeros() as i32
}
