//! Weights and optimizer state in network order, independent of lanes: what checkpoints hold and hashes cover.

use crate::network::Network;
use crate::reader::Problems;
use backspike_arch::num::{F16, mix, update_key};

/// Mantissa bits of the uniform numbers behind initial weights.
const RANDOM_BITS: f64 = 4_294_967_296.0; // 2^32

/// One layer, `[fan_in, neurons]` row-major, binary16 bit patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerWeights {
    pub fan_in: usize,
    pub neurons: usize,
    pub weight: Vec<u16>,
    /// Optimizer state m.
    pub state: Vec<u16>,
}

/// All layers of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    pub layers: Vec<LayerWeights>,
}

impl Weights {
    /// Seeded initial weights, uniform with standard deviation `init_gain / sqrt(fan_in)`; zero optimizer state.
    ///
    /// Each weight depends on (seed, layer, in, out) only.
    pub fn initial(network: &Network) -> Weights {
        let layers = network.layers.iter().enumerate().map(|(l, layer)| {
            let (fan_in, neurons) = (network.fan_in(l), layer.neurons);
            // A uniform number in -a..a has the standard deviation a / sqrt(3).
            let amplitude = layer.init_gain * (3.0 / fan_in as f64).sqrt();
            let limit = f64::from(1u32 << network.training.weight_max_exp);
            // The steps of stochastic rounding count from 0, so no update shares this key.
            let key = update_key(network.training.seed, u32::MAX, l as u32);
            let weight = (0..fan_in * neurons).map(|i| {
                let (j, o) = (i / neurons, i % neurons);
                let random = mix(key ^ ((j as u32) << 16 | o as u32));
                let unit = (2.0 * f64::from(random) + 1.0) / RANDOM_BITS - 1.0;
                F16::from_f64((amplitude * unit).clamp(-limit, limit)).canonical().0
            });
            LayerWeights {
                fan_in,
                neurons,
                weight: weight.collect(),
                state: vec![0; fan_in * neurons],
            }
        });
        Weights { layers: layers.collect() }
    }

    /// A hash of shapes and weights (not of the optimizer state), 16 hexadecimal digits: equal hashes mean equal weights.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for layer in &self.layers {
            hasher.update(&(layer.fan_in as u32).to_le_bytes());
            hasher.update(&(layer.neurons as u32).to_le_bytes());
            let bytes: Vec<u8> = layer.weight.iter().flat_map(|w| w.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex()[..16].to_string()
    }

    /// Refuses weights a core must not get: NaN, infinity or beyond the clip, and state that is not finite.
    pub fn check(&self, weight_max_exp: u8) -> Result<(), Problems> {
        let limit = f64::from(1u32 << weight_max_exp);
        let mut problems = Problems::default();
        for (l, layer) in self.layers.iter().enumerate() {
            let name = format!("{}.weight", Network::layer_name(l));
            let remedy = format!(
                "weights must be finite and within +-{limit}, the weight_max of the network file"
            );
            report(&mut problems, layer, &layer.weight, &name, &remedy, |w| {
                w.is_finite() && w.to_f64().abs() <= limit
            });
            let name = format!("{}.state", Network::layer_name(l));
            let remedy = "optimizer state must be finite";
            report(&mut problems, layer, &layer.state, &name, remedy, |m| m.is_finite());
        }
        problems.into_result(())
    }
}

/// Names the first bad value and how many there are.
fn report(
    problems: &mut Problems,
    layer: &LayerWeights,
    values: &[u16],
    name: &str,
    remedy: &str,
    good: impl Fn(F16) -> bool,
) {
    let mut bad = values.iter().enumerate().filter(|(_, value)| !good(F16(**value)));
    if let Some((i, value)) = bad.next() {
        let (j, o) = (i / layer.neurons, i % layer.neurons);
        let more = match bad.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        problems.push(format!("{name}[{j}, {o}] is {}{more}: {remedy}.", F16(*value).to_f64()));
    }
}
