//! Everything that keeps a network off a core, each with its remedy.

use super::{Slice, Usage, descriptors};
use crate::network::Network;
use crate::reader::Problems;
use backspike_arch::ArchConfig;
use backspike_arch::num::Reset;
use backspike_arch::proof::{Proof, Workload, prove, smallest_gradient_shift};

/// The gradient shift and one proof per layer, or all problems.
pub(crate) fn check(
    network: &Network,
    config: &ArchConfig,
    slices: &[Slice],
    usage: &[Usage],
) -> Result<(u8, Vec<Proof>), Problems> {
    let mut problems = Problems::default();
    if slices.is_empty() {
        problems.push("The network has no layer: add a [[layer]].");
    }
    for usage in usage.iter().filter(|usage| usage.used > usage.capacity) {
        problems.push(exceeded(usage, config));
    }
    for (l, layer) in network.layers.iter().enumerate() {
        let Some(spiking) = &layer.neuron.spiking else { continue };
        if spiking.detach_reset {
            continue;
        }
        match spiking.reset {
            Reset::Hard => problems.push(format!(
                "layer[{l}].neuron has reset = \"hard\" with detach_reset = false, whose gradient needs the stored membrane and a \
                 multiplication: set detach_reset = true, or reset = \"soft\"."
            )),
            Reset::Soft if descriptors::theta_shift(spiking.threshold).is_none() => problems.push(format!(
                "layer[{l}].neuron.threshold is {} with a soft reset and detach_reset = false, whose gradient is multiplied by the \
                 threshold with a shift: make the threshold a power of two from 1/256 to 128, or set detach_reset = true.",
                spiking.threshold
            )),
            _ => {}
        }
    }
    let training = &network.training;
    let error_exp = config.error_max_exp as u8;
    let smallest = smallest_gradient_shift(network.steps as usize, training.batch, error_exp);
    let gradient_shift = training.gradient_shift.or(smallest).unwrap_or(15);
    let mut proofs = Vec::new();
    for (l, slice) in slices.iter().enumerate() {
        let work = Workload {
            name: format!("layer {l}"),
            fan_in: slice.fan_in,
            fan_out: slice.neurons,
            steps: network.steps as usize,
            batch: training.batch,
            weight_max_exp: training.weight_max_exp,
            gradient_shift,
        };
        match prove(config, &work) {
            Ok(proof) => proofs.push(proof),
            // The number of steps is in the usage table already.
            Err(error) => error
                .violations
                .into_iter()
                .filter(|sentence| !sentence.contains("max_steps"))
                .for_each(|sentence| problems.push(sentence)),
        }
    }
    problems.into_result((gradient_shift, proofs))
}

/// The smallest value of the key that holds what is used.
pub(super) fn enough(usage: &Usage) -> usize {
    match usage.key {
        "weights" => usage.used.next_multiple_of(32),
        "slot_neuron_steps" | "slot_error_steps" | "slot_membrane_steps" => {
            usage.used.next_power_of_two()
        }
        _ => usage.used,
    }
}

fn exceeded(usage: &Usage, config: &ArchConfig) -> String {
    let Usage { what, key, used, capacity } = usage;
    let enough = enough(usage);
    let mut larger = config.clone();
    larger.set(key, enough);
    let remedy = match larger.validate() {
        Ok(()) => format!("use a configuration with {key} = {enough} or more"),
        Err(_) => {
            "no configuration of one core holds that, so make the network smaller".to_string()
        }
    };
    format!(
        "The network needs {used} of {what}, {} more than the {capacity} of configuration {}: {remedy}.",
        used - capacity,
        config.name
    )
}
