//! What a neuron does in one time step, forward and backward.

mod backward;
mod error;
mod forward;

pub use backward::{BACKWARD_NEURON_LATENCY, BackwardNeuron};
pub use error::{ERROR_ROUNDER_LATENCY, ErrorRounder};
pub use forward::{FORWARD_NEURON_MEMBRANE_LATENCY, FORWARD_NEURON_SPIKE_LATENCY, ForwardNeuron};

/// Cycles from one step of a neuron to the next, forward and backward: the recurrence on the membrane has a compare or a leak, a
/// second shift and a sum one after the other, and each gets a cycle. The engines hide them behind the events of the next tile-block.
pub const NEURON_STEP_CYCLES: usize = 3;
