//! What a run tells people and programs.

mod log;
mod summary;

pub use log::Log;
pub use summary::{Engines, summary};
