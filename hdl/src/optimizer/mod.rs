//! The optimizer: shift-only SGD with momentum and Lion, with stochastic write-back. One weight a cycle and lane.

mod lane;
mod moment;
mod weight;

pub use lane::{OPTIMIZER_LATENCY, OptimizerLane};
pub use moment::{MOMENT_LATENCY, MomentStep};
pub use weight::{WEIGHT_LATENCY, WeightStep};
