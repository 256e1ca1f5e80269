//! The inner loops: plain loops over slices that the compiler vectorises, compiled once per level of vector instructions.
//!
//! They compute what the functions of `backspike_arch::num` compute, lane by lane and without branches; the tests compare the two.

pub mod align;
pub mod backward;
pub mod forward;
pub mod gradient;
pub mod list;
pub mod neuron;
pub mod optimizer;
pub mod simd;
#[cfg(test)]
mod tests;
pub mod walk;

pub use simd::Simd;
