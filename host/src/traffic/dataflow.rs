//! DRAM traffic of a machine of cores: what has to leave the chip when a network is larger than it.
//!
//! Consecutive layers are packed into *stages* whose weights, optimizer state and gradients all cores together hold. A batch runs through
//! stage after stage forwards, then backwards; samples follow each other through the layers of a stage, so that its planes and errors
//! live in the slots of the cores. To and from DRAM go
//!
//! - weights once for each stage and direction, and with the state once more for the update. Gradients never: a batch is summed on chip;
//! - between two stages: spikes one way, errors the other way;
//! - of every stage but the last, whose samples turn round at once: spikes and surrogate codes (3 bits a neuron and step), written going
//!   forwards and read going backwards;
//! - the samples, and what the host reads and writes of the output.
//!
//! A layer with more weights than all cores hold is cut into passes, by outputs going forwards, where its input is read in every pass, and
//! by inputs going backwards, where its errors are.

use super::{LayerShape, Shapes};
use serde::Serialize;

/// How many weights the cores hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    pub cores: u64,
    pub weights_per_core: u64,
}

/// Bytes of a weight, of its optimizer state, and of its gradient.
const WEIGHT: u64 = 2;
const STATE: u64 = 2;
const GRADIENT: u64 = 4;
/// Bits of a neuron and step: spike, surrogate code, error.
const SPIKE_BITS: u64 = 1;
const CODE_BITS: u64 = 2;
const ERROR_BITS: u64 = 16;
/// Bits of an output and step that the host reads, and of the error it writes.
const MEMBRANE_BITS: u64 = 32;

impl Machine {
    /// Bytes of the memories that hold weights, state and gradients.
    pub fn bytes(&self) -> u64 {
        self.cores * self.weights_per_core * (WEIGHT + STATE + GRADIENT)
    }
}

/// DRAM bytes of a training step, by what they are; the phases are the directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dram {
    pub stages: usize,
    /// FP: weights, samples, spikes and codes.
    pub forward_weights: u64,
    pub forward_planes: u64,
    /// BP and WG: weights, planes and codes, errors between stages.
    pub backward_weights: u64,
    pub backward_planes: u64,
    pub errors: u64,
    /// UPDATE: state read and written, weights written.
    pub update: u64,
    /// Outputs read, output errors written.
    pub host: u64,
}

impl Dram {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.forward_weights
            + self.forward_planes
            + self.backward_weights
            + self.backward_planes
            + self.errors
            + self.update
            + self.host
    }
}

/// Layers that are on the chip together; a layer in several passes is alone.
struct Stage<'a> {
    layers: &'a [LayerShape],
    passes: u64,
}

fn weights(layers: &[LayerShape]) -> u64 {
    layers.iter().map(|layer| layer.weights).sum()
}

fn stages(layers: &[LayerShape], capacity: u64) -> Vec<Stage<'_>> {
    let mut stages = Vec::new();
    let mut rest = layers;
    while !rest.is_empty() {
        let fit = (1..=rest.len()).take_while(|&n| weights(&rest[..n]) <= capacity).last();
        let (layers, after) = rest.split_at(fit.unwrap_or(1));
        let passes = weights(layers).div_ceil(capacity).max(1);
        stages.push(Stage { layers, passes });
        rest = after;
    }
    stages
}

/// DRAM bytes of one weight update of `shapes` on `machine`.
pub fn dram(shapes: &Shapes, machine: &Machine) -> Dram {
    let capacity = (machine.cores * machine.weights_per_core).max(1);
    let stages = stages(&shapes.layers, capacity);
    let resident = stages.len() == 1 && stages[0].passes == 1;
    let steps = shapes.batch * shapes.steps;
    let bytes = |bits: u64| bits.div_ceil(8);
    let mut dram = Dram { stages: stages.len(), ..Dram::default() };
    for (s, stage) in stages.iter().enumerate() {
        let (Some(first), Some(last)) = (stage.layers.first(), stage.layers.last()) else {
            continue;
        };
        let (is_first, is_last) = (s == 0, s + 1 == stages.len());
        let turns_round = is_last && stage.passes == 1;
        let stage_weights = weights(stage.layers);
        if !resident {
            dram.forward_weights += WEIGHT * stage_weights;
            // The last stage still has its weights when it turns round.
            dram.backward_weights += if turns_round { 0 } else { WEIGHT * stage_weights };
            dram.update += (WEIGHT + 2 * STATE) * stage_weights;
        }
        // A sample's pixels do not change from step to step; spikes do.
        let input = if is_first && first.input_bits > 1 {
            bytes(shapes.batch * first.inputs * first.input_bits)
        } else {
            bytes(steps * first.inputs * SPIKE_BITS)
        };
        dram.forward_planes += stage.passes * input;
        dram.backward_planes += if turns_round { 0 } else { input };
        if !is_last {
            dram.forward_planes += bytes(steps * last.outputs * SPIKE_BITS);
            // Errors of the stage's outputs come from the stage above, and are written there.
            dram.errors += (1 + stage.passes) * bytes(steps * last.outputs * ERROR_BITS);
        }
        if !turns_round {
            let neurons: u64 = stage.layers.iter().map(|layer| layer.outputs).sum();
            let inner = neurons - last.outputs;
            // The outputs' spikes are counted above, as the input of the next stage.
            let planes = bytes(steps * (inner * SPIKE_BITS + neurons * CODE_BITS));
            dram.forward_planes += planes;
            dram.backward_planes += planes;
        }
    }
    let outputs = shapes.layers.last().map_or(0, |layer| layer.outputs);
    dram.host = bytes(steps * outputs * (MEMBRANE_BITS + ERROR_BITS));
    dram
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Shapes {
        let sizes = [(16, 8), (8, 8), (8, 24)];
        let layers = sizes.map(|(inputs, outputs)| LayerShape::dense("l", inputs, outputs)).into();
        Shapes { name: "n".into(), layers, steps: 4, batch: 2 }
    }

    #[test]
    fn a_network_that_fits_moves_only_samples_and_outputs() {
        let found = dram(&shapes(), &Machine { cores: 2, weights_per_core: 192 });
        // 8 samples x steps of 16 spikes; of 24 outputs 4 bytes out and 2 in.
        assert_eq!(found.total(), 8 * 2 + 8 * 24 * 6);
        assert_eq!((found.stages, found.forward_planes), (1, 16));
    }

    #[test]
    fn stages_and_passes_cost_what_their_borders_carry() {
        // 128 + 64 fit into 192; the last, 192, too: two stages.
        let found = dram(&shapes(), &Machine { cores: 1, weights_per_core: 192 });
        assert_eq!(found.stages, 2);
        assert_eq!(found.forward_weights, 2 * (192 + 192));
        assert_eq!(found.backward_weights, 2 * 192);
        assert_eq!(found.update, 6 * (192 + 192));
        // Inputs of both stages, outputs of the first, and its inner spikes and codes: 8 x (16 + 8 + 8) + 8 x (8 + 32) bits.
        assert_eq!(found.forward_planes, 32 + 40);
        assert_eq!(found.errors, 2 * 16 * 8);

        // The last layer in two passes reads its input twice going forwards and its codes going backwards.
        let found = dram(&shapes(), &Machine { cores: 1, weights_per_core: 128 });
        assert_eq!(found.stages, 3);
        assert_eq!(found.backward_weights, 2 * 384);
        // Inputs of the three stages and codes of their neurons.
        assert_eq!(found.backward_planes, (16 + 8 + 8) + (16 + 16 + 48));
    }
}
