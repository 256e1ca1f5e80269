//! Power, performance and area of a core as a chip, for a network that it trains.

mod estimate;
mod page;
mod phases;
mod saturate;

pub use estimate::{Computed, Estimate, Inputs, PhaseEstimate, Run, RunEstimate};
pub use page::html;
pub use phases::{Phase, Training};
pub use saturate::saturated;
