//! The datapaths of the three engines. Sequencers feed them a visit or an event a cycle; nothing in here stalls.

mod backward_lane;
mod dot_product;
mod dot_tree;
mod forward_lane;
mod gradient_lane;
mod pair_sum;
mod product;
mod step_pair;
mod visit_sums;

pub use backward_lane::{BACKWARD_LATENCY, BackwardLane};
pub use dot_product::{DotProduct, handover_latency};
pub use forward_lane::{FORWARD_MEMBRANE_LATENCY, FORWARD_SPIKE_LATENCY, ForwardLane};
pub use gradient_lane::{GRADIENT_LATENCY, GradientLane};
pub use pair_sum::PairSum;
pub use product::{PRODUCT_LATENCY, Product};
pub use visit_sums::VisitSums;
