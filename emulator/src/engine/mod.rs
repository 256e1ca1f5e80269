//! The engines: what each instruction does to the memories.

pub mod backward;
pub mod forward;
pub mod gradient;
pub mod plan;
