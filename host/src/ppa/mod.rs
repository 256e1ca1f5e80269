//! Power, performance and area of a core as a chip, for a network that it trains.

mod phases;
mod report;

pub use phases::{Phase, phases};
pub use report::{Computed, Estimate, PhaseEstimate, html};
