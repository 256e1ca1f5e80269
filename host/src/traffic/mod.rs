//! Bytes that training moves: within a core by its counters, to DRAM by a model of the dataflow, on a GPU by a model of eager training.

mod dataflow;
mod gpu;
mod measured;
mod shapes;

pub use dataflow::{Dram, Machine, dram};
pub use gpu::{Gpu, gpu};
pub use measured::{Access, measured};
pub use shapes::{LayerShape, Shapes};
