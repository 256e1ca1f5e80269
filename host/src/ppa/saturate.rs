//! A network with every event there, which shows what a core takes at full work.

use crate::encode::EncoderConfig;
use crate::network::Network;
use crate::weights::{LayerWeights, Weights};

/// Below every membrane, and within the window of every membrane: both in -2^7..2^7.
const THRESHOLD: f64 = -64.0;
const WIDTH: f64 = 127.0;

/// `network` with whole tiles of `lanes` neurons, of which all spike and are inside the surrogate window at every step, as do all inputs;
/// `weights` go on in the neurons that fill the tiles.
pub fn saturated(network: &Network, weights: &Weights, lanes: usize) -> (Network, Weights) {
    let mut network = network.clone();
    network.encoder = EncoderConfig::Threshold { at: 0.0 };
    for layer in &mut network.layers {
        layer.neurons = layer.neurons.next_multiple_of(lanes);
        if let Some(spiking) = &mut layer.neuron.spiking {
            spiking.threshold = THRESHOLD;
            spiking.widths = vec![WIDTH];
            spiking.gains.truncate(1);
            spiking.detach_reset = true;
        }
    }
    let layers = network.layers.iter().zip(&weights.layers).enumerate().map(|(l, (layer, old))| {
        let (fan_in, neurons) = (network.fan_in(l), layer.neurons);
        let grown = |values: &[u16]| {
            let value = |i: usize| {
                let (j, o) = (i / neurons, i % neurons);
                values[j % old.fan_in * old.neurons + o % old.neurons]
            };
            (0..fan_in * neurons).map(value).collect()
        };
        let (weight, state) = (grown(&old.weight), grown(&old.state));
        LayerWeights { fan_in, neurons, weight, state }
    });
    let weights = Weights { layers: layers.collect() };
    (network, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::compile;
    use crate::data::Dataset;
    use crate::train::epoch_on_emulator;
    use backspike_arch::{ArchConfig, Counter};

    #[test]
    fn every_event_is_there() {
        let text = include_str!("../../../examples/digits.toml");
        let network = Network::from_toml(text).unwrap();
        let mut data = Dataset::digits();
        let sample_len = data.sample_len();
        data.train.truncate(16, sample_len);
        data.test.truncate(0, sample_len);
        let config = ArchConfig::digits();
        let (full, weights) = saturated(&network, &Weights::initial(&network), config.lanes);
        assert_eq!(
            full.weights(),
            weights.layers.iter().map(|layer| layer.weight.len()).sum::<usize>()
        );
        let program = compile(&full, &config).unwrap();
        let (summary, _) = epoch_on_emulator(&full, &program, &data).unwrap();
        let counted = |counter| summary.totals[counter] * config.lanes as u64 / 16;
        let (all, first) =
            (full.weights() as u64, (full.fan_in(0) * full.layers[0].neurons) as u64);
        let steps = u64::from(full.steps);
        assert_eq!(counted(Counter::FpEvents), all * steps);
        assert_eq!(counted(Counter::WgEvents), all * steps);
        assert_eq!(counted(Counter::BpEvents), (all - first) * steps);
    }
}
