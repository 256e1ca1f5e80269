//! The memories of a core, and who writes them: an engine first, the host when the engine does not.

mod kept;
mod lane_writer;
mod lanes;
mod plane_writer;
mod steps;
mod weight;

pub use kept::KeptWord;
pub use lane_writer::LaneWriter;
pub use lanes::LaneMemory;
pub use plane_writer::PlaneWriter;
pub use steps::StepMemory;
pub use weight::WeightMemory;
