//! The training recipe of a network file.

use backspike_arch::num::Optimizer;

/// How a network is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    pub epochs: u32,
    /// Samples of a weight update.
    pub batch: usize,
    /// Seed of initial weights, order of samples, encoder and stochastic rounding.
    pub seed: u32,
    pub loss: Loss,
    pub optimizer: Optimizer,
    /// 1 - beta1 = 2^-b1 (SGD: momentum).
    pub b1: u8,
    /// Lion: 1 - beta2 = 2^-b2.
    pub b2: u8,
    pub learning_rate: LearningRate,
    pub loss_scale: LossScale,
    /// LSB of the batch gradient is 2^(-18 + shift); `None` takes the smallest shift that cannot overflow.
    pub gradient_shift: Option<u8>,
    /// Weights are clipped to 2^weight_max_exp.
    pub weight_max_exp: u8,
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of the softmax over the membrane of a readout layer.
    CrossEntropy(Readout),
    /// Squared distance of the firing rate of a spiking output layer to 1 for the class and 0 for the others.
    MseRate,
}

/// Which membrane of the readout is the logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// The mean over all steps.
    Mean,
    /// That of the last step.
    Last,
}

/// Learning rate 2^-shift and how it falls.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRate {
    pub shift: u8,
    pub schedule: Schedule,
}

/// How the learning rate falls.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    Constant,
    /// Halves at the start of each of these epochs (counted from 0).
    Steps(Vec<u32>),
    /// Half a cosine from 2^-shift to 2^-last_shift over all epochs. Between two powers of two each batch takes one of both,
    /// in the proportion that gives the wanted mean.
    Cosine {
        last_shift: u8,
    },
}

impl LearningRate {
    /// The shift of global batch `step` in `epoch`, of `total` batches in all; `random` is a hash of (seed, step).
    pub fn at(&self, epoch: u32, step: u64, total: u64, random: u32) -> u8 {
        match &self.schedule {
            Schedule::Constant => self.shift,
            Schedule::Steps(epochs) => {
                self.shift + epochs.iter().filter(|start| **start <= epoch).count() as u8
            }
            Schedule::Cosine { last_shift } => {
                let (first, last) = (power(self.shift), power(*last_shift));
                let progress = step.min(total) as f64 / total.max(1) as f64;
                let cosine = libm::cos(progress * std::f64::consts::PI);
                let rate = last + (first - last) * 0.5 * (1.0 + cosine);
                let low = (self.shift..*last_shift)
                    .find(|shift| power(shift + 1) <= rate)
                    .map_or(*last_shift, |shift| shift + 1);
                // rate lies in [2^-low, 2^-(low - 1)]: take the larger one with the probability that gives the mean.
                let share = rate / power(low) - 1.0;
                let larger = f64::from(random) < share * 4294967296.0;
                if larger && low > self.shift { low - 1 } else { low }
            }
        }
    }
}

fn power(shift: u8) -> f64 {
    2f64.powi(-i32::from(shift))
}

/// Errors on the device are gradients times `steps * batch * 2^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossScale {
    /// First exponent.
    pub start: i8,
    /// Follow the count of saturated errors.
    pub adapt: bool,
    /// Batches without saturation before the scale doubles.
    pub interval: u32,
}
