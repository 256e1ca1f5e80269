//! The memories of the core.

pub mod image;
pub mod panel;
pub mod slot;
pub mod weights;

pub use image::{Image, SliceRows};
pub use panel::{Aligned, Panel};
pub use slot::Slot;
pub use weights::{HalfMemory, Weights};
