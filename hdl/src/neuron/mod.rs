//! What a neuron does in one time step, forward and backward. One step a cycle each.

mod backward;
mod error;
mod forward;

pub use backward::{BACKWARD_NEURON_LATENCY, BackwardNeuron};
pub use error::{ERROR_ROUNDER_LATENCY, ErrorRounder};
pub use forward::{FORWARD_NEURON_MEMBRANE_LATENCY, FORWARD_NEURON_SPIKE_LATENCY, ForwardNeuron};
