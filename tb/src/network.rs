//! Random dense networks for tests: every switch of the neuron, every optimizer, odd sizes, full-range weights.

use backspike_arch::{
    ArchConfig,
    num::{BackwardParams, F16, NeuronParams, Optimizer, OptimizerParams, Reset},
};
use rand::{Rng, seq::IndexedRandom};

/// One dense layer and the population it drives.
#[derive(Clone, Debug)]
pub struct Layer {
    pub fan_in: usize,
    pub neurons: usize,
    pub forward: NeuronParams,
    pub backward: BackwardParams,
    pub optimizer: OptimizerParams,
    /// `weights[j * neurons + o]`, input j to neuron o.
    pub weights: Vec<F16>,
    /// Optimizer state, as `weights`.
    pub state: Vec<F16>,
}

/// A feed-forward network of dense layers.
#[derive(Clone, Debug)]
pub struct Network {
    pub steps: usize,
    pub layers: Vec<Layer>,
}

/// Bounds of a random network.
#[derive(Clone, Debug)]
pub struct Limits {
    pub layers: usize,
    pub neurons: usize,
    pub steps: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layers: 4, neurons: 35, steps: 9 }
    }
}

/// Sizes at which tiles and words begin, end, and are used by one lane only.
const EDGES: [usize; 12] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 33];

fn size(rng: &mut impl Rng, limit: usize) -> usize {
    let edges: Vec<usize> = EDGES.into_iter().filter(|edge| *edge <= limit).collect();
    match edges.choose(rng) {
        Some(&edge) if rng.random_bool(0.7) => edge,
        _ => rng.random_range(1..=limit),
    }
}

/// A finite number with |x| <= 2^max_exp: any bit pattern, or one of the magnitudes that trained weights have.
pub fn number(rng: &mut impl Rng, max_exp: u8) -> F16 {
    let limit = F16::power_of_two(i32::from(max_exp));
    let sign = rng.random::<u16>() & 0x8000;
    let magnitude = match rng.random_range(0..8) {
        0 => *[0, 1, 0x3ff, 0x400, limit.to_bits(), limit.to_bits() - 1].choose(rng).unwrap_or(&0),
        1 | 2 => rng.random_range(0..=limit.to_bits()),
        _ => F16::from_f64(rng.random_range(0.0..0.7)).to_bits(),
    };
    F16::from_bits(sign | magnitude).canonical()
}

fn neuron(
    rng: &mut impl Rng,
    config: &ArchConfig,
    readout: bool,
) -> (NeuronParams, BackwardParams) {
    const ONE: f64 = (1u32 << 24) as f64;
    let leak = rng.random_bool(0.8).then(|| match rng.random_range(0..4) {
        0 => rng.random_range(0..=31),
        _ => rng.random_range(1..=5),
    });
    let reset = *[Reset::None, Reset::Hard, Reset::Soft].choose(rng).unwrap_or(&Reset::Hard);
    let input_shift = if rng.random_bool(0.3) { rng.random_range(0..=15) } else { 0 };
    let reset_before_leak = rng.random();
    let theta = match rng.random_range(0..8) {
        0 => rng.random(),
        1 => 0,
        _ => (rng.random_range(0.1..1.5) * ONE) as i32 >> input_shift.min(6),
    };
    let width = std::array::from_fn(|_| match rng.random_range(0..6) {
        0 => 0,
        1 => rng.random(),
        _ => (rng.random_range(0.1..2.0) * ONE) as u32,
    });
    let forward = NeuronParams {
        leak,
        reset,
        reset_before_leak,
        fire_ge: rng.random(),
        readout,
        input_shift,
        theta,
        width,
    };
    let backward = BackwardParams {
        leak,
        reset,
        reset_before_leak,
        readout,
        input_shift,
        // A hard reset that is not detached is refused by the compiler, so the machine gives it no meaning to test.
        detach_reset: reset == Reset::Hard || rng.random(),
        gain: std::array::from_fn(|_| rng.random_range(-8..=7)),
        theta_shift: rng.random_range(-8..=7),
        error_max_exp: config.error_max_exp as u8,
    };
    (forward, backward)
}

impl Layer {
    fn random(
        rng: &mut impl Rng,
        config: &ArchConfig,
        fan_in: usize,
        neurons: usize,
        readout: bool,
    ) -> Self {
        let (forward, backward) = neuron(rng, config, readout);
        let weight_max_exp = config.weight_max_exp as u8;
        let optimizer = OptimizerParams {
            kind: if rng.random() { Optimizer::Sgd } else { Optimizer::Lion },
            b1: rng.random_range(0..=15),
            b2: rng.random_range(0..=15),
            weight_max_exp: rng.random_range(0..=weight_max_exp),
            gradient_shift: if rng.random() { 0 } else { rng.random_range(0..=15) },
        };
        let weights = (0..fan_in * neurons).map(|_| number(rng, weight_max_exp)).collect();
        let state = (0..fan_in * neurons)
            .map(|_| match rng.random_range(0..3) {
                0 => F16::ZERO,
                1 => number(rng, 3),
                // Any finite pattern: the largest exponent field of a finite number is 30.
                _ => F16::from_bits(rng.random::<u16>() & 0xfbff).canonical(),
            })
            .collect();
        Self { fan_in, neurons, forward, backward, optimizer, weights, state }
    }
}

impl Network {
    /// A random network that respects `limits`; its last population is a readout more often than not.
    pub fn random(rng: &mut impl Rng, config: &ArchConfig, limits: &Limits) -> Self {
        let count = rng.random_range(1..=limits.layers);
        let sizes: Vec<usize> = (0..=count).map(|_| size(rng, limits.neurons)).collect();
        let readout = rng.random_bool(0.7);
        let layers = Self::layers(rng, config, &sizes, readout);
        Self { steps: rng.random_range(1..=limits.steps), layers }
    }

    /// A random network with populations of these sizes, the first of which is the input; `readout`: the last one does not spike.
    pub fn sized(
        rng: &mut impl Rng,
        config: &ArchConfig,
        sizes: &[usize],
        readout: bool,
        steps: usize,
    ) -> Self {
        Self { steps, layers: Self::layers(rng, config, sizes, readout) }
    }

    fn layers(
        rng: &mut impl Rng,
        config: &ArchConfig,
        sizes: &[usize],
        readout: bool,
    ) -> Vec<Layer> {
        let count = sizes.len() - 1;
        (0..count)
            .map(|l| Layer::random(rng, config, sizes[l], sizes[l + 1], readout && l + 1 == count))
            .collect()
    }

    /// Neurons of population `index`: 0 is the input, `l + 1` is driven by layer `l`.
    pub fn population(&self, index: usize) -> usize {
        match index {
            0 => self.layers[0].fan_in,
            _ => self.layers[index - 1].neurons,
        }
    }
}

/// Inputs of a sample and the gradients at its output.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `spikes[t * inputs + j]`.
    pub spikes: Vec<bool>,
    /// `errors[t * outputs + o]`: what the host writes for NEURON_BACK.
    pub errors: Vec<F16>,
}

impl Sample {
    /// Random spikes of a random density (silent and full ones included) and full-range errors.
    pub fn random(rng: &mut impl Rng, network: &Network, error_max_exp: u8) -> Self {
        let density = *[0.0, 0.05, 0.2, 0.5, 1.0].choose(rng).unwrap_or(&0.2);
        let silent = *[0.0, 0.5, 1.0].choose(rng).unwrap_or(&0.0) * 0.98;
        let count = |population: usize| network.population(population) * network.steps;
        Self {
            spikes: (0..count(0)).map(|_| rng.random_bool(density)).collect(),
            errors: (0..count(network.layers.len()))
                .map(
                    |_| {
                        if rng.random_bool(silent) { F16::ZERO } else { number(rng, error_max_exp) }
                    },
                )
                .collect(),
        }
    }
}
